"""What all docflow operators share: one document or a list, an outcome for each, retry, park or fail."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from airflow.sdk import BaseOperator, BaseSensorOperator, BaseXCom
from airflow.sdk.exceptions import AirflowRescheduleException

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.ledger import DEFAULT_CONN_ID
from airflow_provider_docflow.hooks.modes import RunMode, is_shadow
from airflow_provider_docflow.links.document import OpenDocumentLink
from airflow_provider_docflow.operators.lineage import collect_inputs, collect_outputs
from airflow_provider_docflow.operators.parking import back_at, outage_behind
from airflow_provider_docflow.operators.settling import (
    FailOn,
    account_for_held,
    check_fail_on,
    failure_of,
    outage_of,
    report,
    transient_of,
)
from airflow_provider_docflow.operators.shadow import flow_of
from airflow_provider_docflow.operators.shadow import settle as settle_in_shadow
from airflow_provider_docflow.retry import DEFAULT_RETRIES, POLICY

if TYPE_CHECKING:
    from airflow.sdk import Context, RetryPolicy

    from airflow_provider_docflow.document import DocumentRef
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Handle, Outcome
    from airflow_provider_docflow.hooks.system import System

LONGEST_ACTOR = 250

Documents = str | Mapping[str, Any] | Sequence[Any]
"""Document numbers, outputs of docflow operators, or lists of these."""


class DocflowOperator(BaseOperator):
    """Base of the operators; a task carries one document or a list and ends with an outcome for each.

    One document leaves its outcome in XCom, a list the id of a batch that the ledger keeps. A retry touches
    only what is not done yet. Work that has to wait for a system, a quota or a posting period is parked: it
    comes back by itself and uses up no retry.

    :param docflow_conn_id: connection of the system that is read or written.
    :param ledger_conn_id: connection of the ledger.
    :param fail_on: whether the task fails when ``any`` document failed, only when ``all`` did, or ``never``;
        as long as it has retries left, it takes them for documents that another try may help.
    :param mode: ``live``, or ``shadow``: read, map, check, report what would be written, and write nothing.
    """

    template_fields: Sequence[str] = ("docflow_conn_id", "ledger_conn_id", "fail_on", "docflow_mode")
    operator_extra_links = (OpenDocumentLink(),)
    ui_color = "#eef4fb"

    tries_again: ClassVar[bool] = True
    """Whether retries are taken for single documents although ``fail_on`` would let the task pass."""

    serialized_beside: ClassVar[frozenset[str]] = frozenset()
    """Arguments that are no templates and still belong to the serialised DAG, so that a change shows."""

    def __init__(
        self,
        *,
        docflow_conn_id: str = "",
        ledger_conn_id: str = DEFAULT_CONN_ID,
        fail_on: FailOn = "any",
        mode: RunMode = "live",
        retries: int | None = DEFAULT_RETRIES,
        retry_policy: RetryPolicy | None = POLICY,
        **kwargs: Any,
    ) -> None:
        if isinstance(self, BaseSensorOperator):
            kwargs["mode"] = mode if mode in ("poke", "reschedule") else "poke"
        super().__init__(retries=retries, retry_policy=retry_policy, **kwargs)
        self.docflow_mode = mode
        self.docflow_conn_id = docflow_conn_id
        self.ledger_conn_id = ledger_conn_id
        self.fail_on = fail_on

    @classmethod
    def get_serialized_fields(cls) -> frozenset[str]:
        """Return what the serialised DAG shows of the operator."""
        return frozenset(super().get_serialized_fields()) | cls.serialized_beside  # type: ignore[no-untyped-call]

    def execute(self, context: Context) -> dict[str, Any]:
        """Carry the work out and return what crosses XCom."""
        check_fail_on(self.fail_on)
        with self.working(context) as flow:
            outcomes, single = self.carry_out(context, flow)
            return self.settle(context, flow, outcomes, single=single)

    def carry_out(self, context: Context, flow: Flow) -> tuple[list[Outcome], bool]:
        """Do the work; return an outcome per document and whether one document was asked for."""
        raise NotImplementedError

    @contextmanager
    def working(self, context: Context) -> Iterator[Flow]:
        """Give the flow of this task; close its connections, and park what has to wait.

        :raises AirflowRescheduleException: the work was parked.
        """
        from airflow_provider_docflow.hooks.docflow import DocflowHook

        shadow = is_shadow(self, context)
        actor = actor_of(context)
        systems = _Systems(self.ledger_conn_id, actor, shadow=shadow)
        flow: Flow | None = None
        try:
            ledger = DocflowHook(self.docflow_conn_id, ledger_conn_id=self.ledger_conn_id).ledger
            flow = flow_of(self, context, ledger, systems, actor=actor, shadow=shadow)
            yield flow
        except exc.HeldError as error:
            self._park(error, flow)
        except exc.TransientError as error:
            down = outage_behind(error, systems.connected())
            if down is None:
                raise
            self._park(down, flow)
        finally:
            systems.close()

    def _park(self, error: exc.HeldError, flow: Flow | None) -> NoReturn:
        until = back_at(error, flow, self.retry_delay)
        self.log.warning("Parked until %s: %s", until.isoformat(timespec="seconds"), error)
        raise AirflowRescheduleException(until) from error  # type: ignore[no-untyped-call]

    def find(
        self,
        context: Context,
        flow: Flow,
        documents: Documents,
        *,
        conn_id: str = "",
        document_type: str = "",
        company_code: str = "",
        field: str = "source",
    ) -> list[Outcome]:
        """Return the documents that are meant; a number that leads to none is a failed outcome.

        :raises Misconfigured: nothing came from upstream, or it is no document.
        """
        found = flow.sources(
            plain(documents, field), conn_id=conn_id, document_type=document_type, company_code=company_code
        )
        handles = handles_of(found)
        # Before anything is written: a process that dies half-way must not leave untraced documents.
        self.touch(context, flow, [handle.ref for handle in handles])
        collect_inputs(self, [handle for handle in handles if not handle.ref.is_shadow])
        return found

    def settle(
        self, context: Context, flow: Flow, outcomes: Sequence[Outcome], *, single: bool
    ) -> dict[str, Any]:
        """Account for the outcomes and return what crosses XCom.

        :raises DocflowError: documents failed, and ``fail_on`` makes that the task's failure; the outcomes
            are in XCom nevertheless.
        :raises HeldError: every failure has to wait, or a system is down or used up.
        """
        handles = [outcome.handle for outcome in outcomes if outcome.handle is not None]
        self.touch(context, flow, [handle.ref for handle in handles])
        if flow.in_shadow:
            return settle_in_shadow(self, flow, outcomes, single=single)
        collect_outputs(self, outcomes)
        report(self.log, outcomes)
        outage = outage_of(outcomes) if self.tries_again or self.fail_on != "never" else None
        if isinstance(error := outage or failure_of(outcomes, self.fail_on), exc.HeldError):
            raise error
        if error is None and self.tries_again and context["ti"].try_number <= context["ti"].max_tries:
            error = transient_of(outcomes)
        packed = flow.pack(outcomes if error else account_for_held(flow, outcomes), single=single)
        if error is None:
            return packed
        if self.do_xcom_push:
            context["ti"].xcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=packed)
        raise error

    def touch(self, context: Context, flow: Flow, refs: Sequence[DocumentRef]) -> None:
        """Record in the ledger that this task instance had these documents in hand."""
        ti = context["ti"]
        flow.in_hand.extend(refs)
        flow.ledger.documents.touch(
            list(dict.fromkeys(ref for ref in refs if not ref.is_shadow)),
            dag_id=ti.dag_id,
            run_id=ti.run_id,
            task_id=ti.task_id,
            map_index=-1 if ti.map_index is None else ti.map_index,
            try_number=ti.try_number,
        )


class _Systems:
    """The systems of one task, each connected once and only when it is needed."""

    def __init__(self, ledger_conn_id: str, owner: str, *, shadow: bool) -> None:
        self.ledger_conn_id, self.owner, self.shadow = ledger_conn_id, owner, shadow
        self._open: dict[str, System] = {}

    def __call__(self, conn_id: str) -> System:
        if conn_id not in self._open:
            self._open[conn_id] = self._connect(conn_id)
        return self._open[conn_id]

    def _connect(self, conn_id: str) -> System:
        from airflow_provider_docflow.hooks.docflow import DocflowHook

        hook = DocflowHook(conn_id, ledger_conn_id=self.ledger_conn_id, owner=self.owner, shadow=self.shadow)
        return hook.system

    def connected(self) -> list[System]:
        return list(self._open.values())

    def close(self) -> None:
        for system in self._open.values():
            system.close()


def actor_of(context: Context) -> str:
    """Return who acts, as text for people; cut where the ids are longer than the ledger's columns."""
    ti = context["ti"]
    mapped = f"[{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
    text = f"{ti.dag_id}.{ti.task_id}{mapped} in {ti.run_id}"
    if len(text) <= LONGEST_ACTOR:
        return text
    return f"{text[: LONGEST_ACTOR - 17]}~{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def handles_of(outcomes: Sequence[Outcome]) -> list[Handle]:
    """Return the handles of the documents with which the flow goes on."""
    return [outcome.handle for outcome in outcomes if outcome.good and outcome.handle is not None]


def failures_of(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes of the documents that came to nothing."""
    return [outcome for outcome in outcomes if not outcome.good]


def is_one(documents: Any) -> bool:
    """Tell whether one document is meant, not a list."""
    return "batch" not in documents if isinstance(documents, Mapping) else isinstance(documents, str)


def plain(documents: Any, field: str) -> Any:
    """Return ``documents`` as strings, mappings and lists; a mapped upstream gives a lazy sequence.

    :raises Misconfigured: nothing came, or a rendered mapping came as text.
    """
    found = _plain(documents)
    if _nothing(found) or (isinstance(found, list) and found and all(map(_nothing, found))):
        raise exc.Misconfigured(
            "no document came from upstream.",
            field=field,
            remedy="Run the upstream task: one that was marked success, or pushes no XCom, hands nothing on.",
        )
    _refuse_text(found, field)
    return found


def _plain(value: Any) -> Any:
    from airflow.sdk.execution_time.lazy_sequence import LazyXComSequence

    if value is None or isinstance(value, str | Mapping):
        return value
    if isinstance(value, LazyXComSequence):
        value = value[:]  # one question for all; iterating asks for each
    return [_plain(item) for item in value] if isinstance(value, Sequence) else value


def _nothing(value: Any) -> bool:
    # "None" is what Jinja makes of an XCom that is not there.
    return value is None or value == "" or value == "None"


def _refuse_text(value: Any, field: str) -> None:
    """Refuse what Jinja makes of a reference: looked up as a number it would only be "not found"."""
    for text in value if isinstance(value, list) else [value]:
        if isinstance(text, str) and text.lstrip().startswith(("{", "[")):
            raise exc.Misconfigured(
                f"this is the text of a reference, not a document number: {text[:100]}.",
                field=field,
                remedy="Pass task.output instead of a template that pulls the XCom.",
            )
