"""
Who must sign a document, and whether those who signed were the ones. Pure.

A policy is JSON, so that it stands readable in a DAG and serialises the same everywhere::

    {"steps": [
        {"approvers": ["li.na"], "rule": "any"},
        {"approvers": ["cfo", "ceo"], "rule": "all", "above": "100000.00", "currency": "CNY"},
    ], "separate_requester": true}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import ApprovalEntry, Reading
from airflow_provider_docflow.document import Document

Outcome = Literal["approved", "pending", "refused", "unknown"]
_REFUSED = frozenset({"rejected", "returned", "withdrawn", "revoked"})


@dataclass(frozen=True, kw_only=True)
class Step:
    """One step: who may sign it, whether one or all of them must, and from which amount on.

    :param above: the step applies to totals above this, in ``currency``; None: always.
    """

    approvers: tuple[str, ...]
    rule: Literal["any", "all"] = "any"
    above: Decimal | None = None
    currency: str = ""

    def applies(self, document: Document) -> bool:
        """Tell whether this document needs the step.

        :raises NotApproved: the amount cannot be compared, so nobody can say who must sign.
        """
        if self.above is None:
            return True
        if document.document_currency_code != self.currency or document.payable_amount is None:
            raise exc.NotApproved(
                f"the policy's limit is in {self.currency}, the document's total is not.",
                document=document.id,
                field="document_currency_code",
                remedy="Add a step for this currency to the policy.",
            )
        return document.payable_amount > self.above


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Steps that must all be signed.

    :param separate_requester: whoever asks for the document may not sign it.
    """

    steps: tuple[Step, ...] = ()
    separate_requester: bool = True

    @classmethod
    def from_json(cls, data: Mapping[str, Any] | None) -> Policy:
        """Read a policy.

        :raises Misconfigured: a key is unknown, a step names nobody, or a limit is no amount.
        """
        data = data or {}
        _only(data, {"steps", "separate_requester"}, "policy")
        steps = tuple(_step(position, step) for position, step in enumerate(data.get("steps", ())))
        return cls(steps=steps, separate_requester=bool(data.get("separate_requester", True)))

    def missing(self, document: Document, history: Sequence[ApprovalEntry]) -> str:
        """Return, in a sentence, which signature is missing; empty when all are there."""
        requester = document.requester.id if document.requester else ""
        signed = signers(history)
        if self.separate_requester and requester and requester in signed:
            return f"{requester} asked for it and signed it too."
        for number, step in enumerate(self.steps, 1):
            if not step.applies(document):
                continue
            have = [name for name in step.approvers if name in signed]
            wanted = len(step.approvers) if step.rule == "all" else 1
            if len(have) < wanted:
                return f"step {number} needs {step.rule} of {', '.join(step.approvers)}."
        return ""


def _only(data: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(set(data) - known)
    if unknown:
        raise exc.Misconfigured(
            f"{where} does not know {', '.join(unknown)}.", field=where, remedy=f"Use {sorted(known)}."
        )


def _step(position: int, data: Mapping[str, Any]) -> Step:
    where = f"policy.steps[{position}]"
    _only(data, {"approvers", "rule", "above", "currency"}, where)
    approvers = tuple(str(name) for name in data.get("approvers", ()))
    rule = data.get("rule", "any")
    if not approvers or rule not in ("any", "all"):
        raise exc.Misconfigured("a step needs approvers and the rule any or all.", field=where)
    above = data.get("above")
    if above is None:
        return Step(approvers=approvers, rule=rule)
    if isinstance(above, float) or not data.get("currency"):
        raise exc.Misconfigured("a limit is an amount as text, with its currency.", field=f"{where}.above")
    try:
        return Step(approvers=approvers, rule=rule, above=Decimal(str(above)), currency=data["currency"])
    except InvalidOperation:
        raise exc.Misconfigured(f"{above!r} is no amount.", field=f"{where}.above") from None


def signers(history: Sequence[ApprovalEntry]) -> set[str]:
    """Return who signed and has not been overtaken: a return or withdrawal voids what came before it."""
    signed: set[str] = set()
    for entry in history:
        if entry.decision in _REFUSED:
            signed.clear()
        elif entry.decision == "approved":
            signed |= {entry.approver, entry.on_behalf_of} - {""}
    return signed


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the approval system says of a document, held against the policy."""

    outcome: Outcome
    word: str
    reason: str = ""


def judge(reading: Reading, policy: Policy) -> Verdict:
    """Judge a reading of the approval system.

    An approval that the policy's signatures do not carry is refused, not pending: the system says that
    nobody will sign any more.
    """
    word = str(reading.state.approval)
    if str(reading.state.lifecycle) in ("cancelled", "reversed") and word not in _REFUSED:
        return Verdict(outcome="refused", word="withdrawn", reason=f"it is {reading.state.lifecycle}.")
    if word in ("pending", "none"):
        return Verdict(outcome="pending", word=word)
    if word in _REFUSED:
        return Verdict(outcome="refused", word=word, reason=_last_words(reading, word))
    if word != "approved":
        raw = reading.state.raw.get("approval", "")
        return Verdict(outcome="unknown", word=word, reason=f"the system's word {raw!r} is not known.")
    if reading.document is None:
        return Verdict(outcome="unknown", word=word, reason="its content could not be read.")
    missing = policy.missing(reading.document, reading.history)
    if missing:
        return Verdict(outcome="refused", word="rejected", reason=f"the policy is not met: {missing}")
    return Verdict(outcome="approved", word=word)


def _last_words(reading: Reading, word: str) -> str:
    for entry in reversed(reading.history):
        if entry.decision in _REFUSED:
            said = f": {entry.comment}" if entry.comment else ""
            return f"{entry.decision} by {entry.approver}{said}."
    return f"{word} in the approval system."
