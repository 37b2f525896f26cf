"""Turns breaks of a reconciliation into documents and corrections in the system that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.operators.base import DocflowOperator
from airflow_provider_docflow.operators.settling import check_fail_on
from airflow_provider_docflow.operators.waiting import text_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome
    from airflow_provider_docflow.reconcile.repair.run import Repairs
    from airflow_provider_docflow.reconcile.repair.terms import Limit, Terms
    from airflow_provider_docflow.reconcile.sources import SystemSource

_WORDS = {"true": True, "false": False, "": False}


class RepairBreaksOperator(DocflowOperator):
    """Puts breaks right, each through one document that is written once.

    What is missing is created from the document that counts; a value is corrected where docflow wrote the
    document; the second of two equal documents is cancelled. Both sides are read again first: a break that is
    no longer as the reconciliation found it is left alone. A repaired break is closed by the next
    reconciliation that no longer finds it, by nothing else.

    :param name: name of the reconciliation.
    :param kinds: kinds of breaks that are taken up, such as ``["missing_right", "value_difference"]``.
    :param left: the left side as the document system it is, with the fields by which it is reconciled.
    :param right: the right side.
    :param truth: field to the side whose value counts, such as ``{"payable_amount": "left"}``; ``existence``
        is the side whose documents count, ``left`` if not given. docflow writes on the other side only.
    :param mapping: field of the new document to a Jinja expression without braces; no template field.
    :param limit: amount up to which no approval is needed, as text; by currency where there are several:
        ``{"CNY": "1000.00", "EUR": "100.00"}``.
    :param requires_approval: whether a decision has to cover documents where no limit is given; False has
        to be written out.
    :param most: so many breaks at most in one run.
    :param dry_run: only log and return what would change: document, field, old and new value. Nothing is
        written, not even that the break was looked at.
    """

    template_fields: Sequence[str] = (
        *DocflowOperator.template_fields,
        "name",
        "kinds",
        "left",
        "right",
        "truth",
        "limit",
        "only_shows",
    )
    serialized_beside: ClassVar[frozenset[str]] = frozenset({"mapping_text", "requires_approval", "most"})
    ui_color = "#fbeee6"

    def __init__(
        self,
        *,
        name: str,
        kinds: Sequence[str],
        left: SystemSource,
        right: SystemSource,
        truth: Mapping[str, str] | None = None,
        mapping: Mapping[str, str] | None = None,
        limit: Limit = None,
        requires_approval: bool = True,
        most: int = 100,
        dry_run: bool | str = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.name = name
        self.kinds = kinds
        self.left = left
        self.right = right
        self.truth = truth
        self.mapping = mapping
        self.limit = limit
        self.requires_approval = requires_approval
        self.most = most
        self.only_shows = dry_run

    mapping_text = property(lambda self: text_of(self.mapping))

    def execute(self, context: Context) -> dict[str, Any]:
        """Repair, or show what would be repaired.

        :raises Misconfigured: the arguments contradict themselves, or a limit does not fit the currencies.
        :raises DocflowError: breaks were refused or failed, and ``fail_on`` makes that the task's failure.
        """
        from airflow_provider_docflow.reconcile.repair.run import Repairs

        check_fail_on(self.fail_on)
        shows = _is_true(self.only_shows)
        with self.working(context) as flow:
            repairs = Repairs(
                flow, self._terms(), touched=lambda refs: self.touch(context, flow, refs), log=self.log
            )
            if shows or flow.in_shadow:
                return self._shown(repairs)
            outcomes = repairs.carry_out()
            self.log.info("%s: %s", self.name, dict(repairs.counts) or "nothing to repair")
            return self._settled(context, flow, outcomes, dict(repairs.counts))

    def _settled(
        self, context: Context, flow: Flow, outcomes: list[Outcome], counts: dict[str, int]
    ) -> dict[str, Any]:
        context["ti"].xcom_push(key="breaks", value=counts)
        return {**self.settle(context, flow, outcomes, single=False), "breaks": counts}

    def _terms(self) -> Terms:
        from airflow_provider_docflow.reconcile.repair.terms import Terms

        return Terms(
            name=self.name,
            kinds=self.kinds,
            left=self.left,
            right=self.right,
            truth=self.truth or {},
            mapping=self.mapping or {},
            limit=self.limit,
            requires_approval=self.requires_approval,
            most=self.most,
        )

    def _shown(self, repairs: Repairs) -> dict[str, Any]:
        """Log and return every change, and why the others are none."""
        told: list[dict[str, Any]] = []
        for one in repairs.proposals():
            act = "refuse" if one.error is not None else "skip" if one.since else one.act
            why = one.since or (str(one.error) if one.error is not None else "")
            lines = [why] if why else [str(change) for change in one.changes]
            for line in lines or ["it is there already"]:
                self.log.info("would %s, break %d (%s): %s", act, one.found.id, one.found.kind, line)
            told.append(
                {
                    "break": one.found.id,
                    "kind": one.found.kind,
                    "would": act,
                    "document": one.document,
                    "changes": [change.to_json() for change in one.changes],
                    "why": why,
                }
            )
        return {"name": self.name, "dry_run": True, "would": told}


def _is_true(word: bool | str) -> bool:
    """Read what a template made of a switch; a word that nobody knows must not mean that it writes.

    :raises Misconfigured: it is neither true nor false.
    """
    if isinstance(word, bool):
        return word
    if word.strip().lower() not in _WORDS:
        raise exc.Misconfigured(f"{word!r} is neither true nor false.", field="dry_run", remedy="Use one.")
    return _WORDS[word.strip().lower()]
