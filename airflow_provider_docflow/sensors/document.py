"""Sensors for documents: in the triggerer, where all who wait share one poll, or in a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseSensorOperator, PokeReturnValue, conf

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.assets import keys_to_handles
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.operators.base import DocflowOperator, Documents, handles_of, is_one, plain
from airflow_provider_docflow.operators.shadow import settle as settle_in_shadow
from airflow_provider_docflow.operators.waiting import defer_until, text_of
from airflow_provider_docflow.triggers.words import (
    DECIDED,
    GONE,
    all_reached,
    any_reached,
    unreadable,
    wanted_of,
    words_of,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Handle, Outcome


class DocumentStateSensor(DocflowOperator, BaseSensorOperator):
    """Waits until every document stands on one of the words that are wanted, on every axis that is named.

    :param docflow_conn_id: the system that is read.
    :param document_type: type of the documents.
    :param number: document numbers or partition keys, one or a list.
    :param handle: outputs of docflow operators, in place of ``number``.
    :param until: axis to a word or a list of words, such as ``{"approval": ["approved"]}``.
    :param fail_on: axis to words on which the sensor fails, such as ``{"lifecycle": ["cancelled"]}``.
    :param company_code: company of the documents that numbers name.
    :param deferrable: wait in the triggerer; ``[operators] default_deferrable`` if not given.
    :param poll_interval: seconds between looks of the triggerer; ``[docflow] poll_interval`` if not given.
    """

    template_fields: Sequence[str] = (
        "docflow_conn_id",
        "ledger_conn_id",
        "document_type",
        "number",
        "handle",
        "company_code",
        "until",
        "fail_on",
    )
    ui_color = "#f4f0d8"

    def __init__(
        self,
        *,
        docflow_conn_id: str,
        document_type: str,
        until: Mapping[str, str | Sequence[str]],
        number: Documents | None = None,
        handle: Documents | None = None,
        fail_on: Mapping[str, str | Sequence[str]] | None = None,
        company_code: str = "",
        deferrable: bool | None = None,
        poll_interval: float | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.until = until
        self.number = number
        self.handle = handle
        self.fail_on = fail_on  # type: ignore[assignment]
        self.company_code = company_code
        self.deferrable = deferrable
        self.poll_interval = poll_interval

    def execute(self, context: Context) -> Any:
        """Look once; then wait in the triggerer, or go on looking here."""
        deferrable = self.deferrable
        if deferrable is None:
            deferrable = conf.getboolean("operators", "default_deferrable", fallback=False)
        if not deferrable:
            return BaseSensorOperator.execute(self, context)
        with self.working(context) as flow:
            pending, found = self._look(context, flow)
            if not pending:
                return found
            self._defer(flow, pending)

    def resume(self, context: Context, event: Any = None) -> Any:
        """Look again: the trigger only says that there is something to see."""
        from airflow_provider_docflow.triggers.document import check_event

        check_event(event)
        with self.working(context) as flow:
            pending, found = self._look(context, flow)
            if not pending:
                return found
            self._defer(flow, pending)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once."""
        with self.working(context) as flow:
            pending, found = self._look(context, flow)
        return PokeReturnValue(is_done=not pending, xcom_value=found)

    def _look(self, context: Context, flow: Flow) -> tuple[list[Handle], dict[str, Any] | None]:
        """Return the documents that are not there yet; if there is none, what crosses XCom."""
        from airflow_provider_docflow.hooks.handles import error_of

        wanted = plain(self._documents(), "number")
        instance = flow.system_of(self.docflow_conn_id).site.instance
        documents = keys_to_handles(wanted, self.docflow_conn_id, instance, self.document_type)
        found = self.find(
            context,
            flow,
            documents,
            conn_id=self.docflow_conn_id,
            document_type=self.document_type,
            company_code=self.company_code,
        )
        for outcome in found:
            if not outcome.good:
                raise error_of(outcome)
        if flow.in_shadow:
            return [], self._in_shadow(flow, found, single=is_one(wanted))
        pending, outcomes = self.seen(flow, handles_of(found))
        return pending, None if pending else flow.pack(outcomes, single=is_one(wanted))

    def _in_shadow(self, flow: Any, found: Sequence[Outcome], *, single: bool) -> dict[str, Any]:
        """Look once and report; nobody is waited for, what nobody has written least of all."""
        real = [handle for handle in handles_of(found) if not handle.ref.is_shadow]
        verdict, error = "wait", None
        try:
            pending = {handle.ref.identity for handle in self.seen(flow, real)[0]} if real else set()
        except exc.PermanentError as problem:
            pending, verdict, error = {handle.ref.identity for handle in real}, "refuse", problem
        told = flow.waited(found, pending, verdict, error)
        return settle_in_shadow(self, flow, told, single=single)

    def _documents(self) -> Any:
        if (self.number in (None, "")) == (self.handle in (None, "")):
            raise exc.Misconfigured(
                "exactly one of number and handle names the documents.",
                field="number",
                remedy="Pass document numbers, or the output of a docflow operator.",
            )
        return self.handle if self.number in (None, "") else self.number

    def seen(self, flow: Flow, handles: Sequence[Handle]) -> tuple[list[Handle], list[Outcome]]:
        """Read the documents; return those that are not there yet, and the outcomes.

        :raises Rejected: one stands on a word of ``fail_on``, or on one that nobody knows.
        """
        from airflow_provider_docflow.operators.reading import keep

        pending: list[Handle] = []
        outcomes: list[Outcome] = []
        for conn_id, document_type in dict.fromkeys(map(_kind, handles)):
            mine = [handle for handle in handles if _kind(handle) == (conn_id, document_type)]
            system = flow.system_of(conn_id)
            readings = system.read([handle.ref for handle in mine])
            pending += [
                handle for handle, reading in zip(mine, readings, strict=True) if not self._is_there(reading)
            ]
            names = [handle.ref.number or handle.ref.internal_id for handle in mine]
            outcomes += keep(flow, system, names, readings)
        return pending, outcomes

    def _is_there(self, reading: Reading | exc.DocflowError) -> bool:
        if isinstance(reading, exc.DocflowError):
            raise reading
        until, fail_on = wanted_of(self.until, "until"), wanted_of(self.fail_on or {}, "fail_on")
        words = words_of(reading.state)
        if any_reached(words, fail_on):
            told = ", ".join(f"{axis} is {words[axis]}" for axis in fail_on)
            raise self._refusal(reading, f"{told}.", "state.failed", "Look at the document in its system.")
        if unknown := unreadable(words, until, fail_on):
            raw = reading.state.raw.get(unknown[0], "")
            raise self._refusal(
                reading,
                f"the system's word {raw!r} for {unknown[0]} is not known.",
                "state.unknown_word",
                "Add the word to the system's profile or settings.",
            )
        return all_reached(words, until)

    def _refusal(self, reading: Reading, message: str, code: str, remedy: str) -> exc.Rejected:
        number = reading.ref.number or reading.ref.internal_id
        system = self.docflow_conn_id
        return exc.Rejected(message, system=system, document=number, field="state", code=code, remedy=remedy)

    def _defer(self, flow: Flow, pending: Sequence[Handle]) -> NoReturn:
        defer_until(
            self,
            pending,
            until=self.waited_for(),
            fail_on=self.given_up_for(),
            ledger_id=flow.ledger.ledger_id,
            method_name="resume",
            timeout=timedelta(seconds=self.timeout),
            poll_interval=self.poll_interval,
        )

    def waited_for(self) -> dict[str, list[str]]:
        """Return the words for which the trigger waits."""
        return wanted_of(self.until, "until")

    def given_up_for(self) -> dict[str, list[str]]:
        """Return the words that end the wait as well."""
        return wanted_of(self.fail_on or {}, "fail_on")


class ApprovalSensor(DocumentStateSensor):
    """Waits until every document is decided, whatever the decision, and records it in the ledger.

    What it leaves in XCom tells which ones are approved; a refused one is not handed on by it.

    :param policy: who must have signed; no template field.
    """

    serialized_beside: ClassVar[frozenset[str]] = frozenset({"policy_text"})

    def __init__(self, *, policy: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(until=DECIDED, **kwargs)
        self.policy = policy

    policy_text = property(lambda self: text_of(self.policy))

    def seen(self, flow: Flow, handles: Sequence[Handle]) -> tuple[list[Handle], list[Outcome]]:
        """Read the documents and record their decisions.

        :raises Rejected: the system's word for one is not known.
        """
        from airflow_provider_docflow.hooks.handles import error_of

        outcomes = flow.approver().observe(handles, self.policy)
        for outcome in outcomes:
            if outcome.status == "failed":
                raise error_of(outcome)
        pending = [handle for handle, one in zip(handles, outcomes, strict=True) if one.status == "pending"]
        return pending, outcomes

    def waited_for(self) -> dict[str, list[str]]:
        """Return the words for which the trigger waits."""
        return {"approval": [*DECIDED["approval"], "unknown"]}

    def given_up_for(self) -> dict[str, list[str]]:
        """Return the words of a document that nobody will decide on."""
        return GONE


def _kind(handle: Handle) -> tuple[str, str]:
    return handle.conn_id, str(handle.ref.document_type)
