"""Reads approved documents again: an approval may be taken back when nobody waits for it any more."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_docflow.operators.base import DocflowOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.document import DocumentRef
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome
    from airflow_provider_docflow.hooks.system import System


class RecheckApprovalsOperator(DocflowOperator):
    """Looks whether approvals still stand, and hands on the documents whose approval does not.

    It is meant for a DAG of its own that runs now and then: one task for all documents of a type. First come
    the documents that events have named since the last run, then the approved ones, those whose approval is
    in question and those for which others are held, the longest unread first. What an approval that was
    taken back means for linked documents is carried to them in the ledger when it is seen: each has an
    incident ``source.unapproved``.

    :param docflow_conn_id: the system that is read.
    :param document_type: type of the documents.
    :param days: how long after docflow first knew a document its approval is looked at.
    :param limit: most documents that one run reads.
    """

    template_fields: Sequence[str] = (*DocflowOperator.template_fields, "document_type")
    ui_color = "#fbe9d7"

    def __init__(
        self, *, docflow_conn_id: str, document_type: str, days: int = 30, limit: int = 1_000, **kwargs: Any
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.days = days
        self.limit = limit

    def execute(self, context: Context) -> dict[str, Any]:
        """Read the documents; hand on those whose approval does not stand.

        :raises AirflowSkipException: every approval stands.
        """
        with self.working(context) as flow:
            system = flow.system_of(self.docflow_conn_id)
            name = f"recheck:{system.site.instance}:{self.document_type}"
            standing = flow.cursor(name)
            named, seen = self._named(flow, system, standing.value)
            fallen = self._look(flow, system, self._chosen(flow, system, named))
            if seen != standing.value and not flow.in_shadow:
                flow.move_cursor(name, seen, version=standing.version)
            if not fallen:
                raise AirflowSkipException("Every approval that was looked at stands.")
            return self.settle(context, flow, fallen, single=False)

    def _named(self, flow: Flow, system: System, after: Any) -> tuple[list[DocumentRef], int]:
        """Return the documents that events have named since, and the place of the last event."""
        inbox = flow.ledger.inbox
        if after is None:
            # What came in before the first run is met by its look at all that is approved.
            return [], inbox.last_id()
        instance = system.site.instance
        events = inbox.take_unseen(int(after), source=instance, limit=self.limit)
        ids = [
            str(event.payload["internal_id"])
            for event in events
            if event.payload.get("document_type") == self.document_type and event.payload.get("internal_id")
        ]
        refs = flow.ledger.revocations.worth_a_look(instance, self.document_type, ids)
        return refs, events[-1].id if events else int(after)

    def _chosen(self, flow: Flow, system: System, named: Sequence[DocumentRef]) -> list[DocumentRef]:
        due = flow.ledger.revocations.due(
            system.site.instance, self.document_type, days=self.days, limit=self.limit
        )
        wanted = {ref.identity: ref for ref in (*named, *due)}
        return list(wanted.values())[: max(self.limit, len(named))]

    def _look(self, flow: Flow, system: System, refs: Sequence[DocumentRef]) -> list[Outcome]:
        """Read and keep; return those whose approval does not stand.

        :raises DocflowError: the system does not answer; the events are met by the next run.
        """
        from airflow_provider_docflow import exceptions as exc
        from airflow_provider_docflow.ledger.revocations import FALLEN
        from airflow_provider_docflow.operators.reading import keep

        of_a_document = (exc.NotFound, exc.Rejected, exc.Duplicate)
        readings = system.read(refs) if refs else []
        for reading in readings:
            if isinstance(reading, exc.DocflowError) and not isinstance(reading, of_a_document):
                raise reading
        names = [ref.number or ref.internal_id for ref in refs]
        outcomes = keep(flow, system, names, readings)
        fallen: dict[Any, Outcome] = {}
        for ref, reading, outcome in zip(refs, readings, outcomes, strict=True):
            if isinstance(reading, exc.DocflowError):
                self.log.warning("%s cannot be read: %s", ref, reading)
            elif str(reading.state.approval) in FALLEN and self._was_approved(flow, reading.ref):
                fallen[reading.ref.identity] = outcome
        self.log.info("%d documents were read; the approval of %d does not stand", len(refs), len(fallen))
        return list(fallen.values())

    def _was_approved(self, flow: Flow, ref: DocumentRef) -> bool:
        """Tell a document whose approval was taken back from one that nobody has decided on yet."""
        return any(
            one.final
            and one.decision == "approved"
            and (one.approval_system, one.approval_instance_id) == (ref.instance, ref.internal_id)
            for one in flow.ledger.decisions.of(ref)
        )
