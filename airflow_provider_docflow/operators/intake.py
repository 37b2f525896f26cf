"""From what changed in a system to one run per document: intake, claim, and the collecting of decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk.exceptions import AirflowSkipException

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.assets import claim, emit, keys_to_handles
from airflow_provider_docflow.operators.base import DocflowOperator, Documents, handles_of, is_one, plain
from airflow_provider_docflow.operators.feeding import changed
from airflow_provider_docflow.operators.kept import handed_over
from airflow_provider_docflow.operators.reading import read_again
from airflow_provider_docflow.operators.shadow import settle as settle_in_shadow
from airflow_provider_docflow.operators.waiting import delivered_by, text_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.document import DocumentRef
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Handle, Outcome
    from airflow_provider_docflow.hooks.system import System

PASSING = frozenset({"NotFound"})
"""A document that was deleted since it changed starts nothing."""


class IntakeOperator(DocflowOperator):
    """Emits what changed since a cursor as partitions of the task's outlet, each document at least once.

    The cursor is moved by an :class:`~airflow_provider_docflow.operators.listing.AdvanceCursorOperator` after
    this task: its events count only once it has succeeded. The runs that they start claim their document
    first (:class:`ClaimOperator`), so that one which is emitted twice is handled once.

    :param docflow_conn_id: the system that is read; it must have a change feed for the type.
    :param document_type: type of the documents.
    :param cursor: name of the cursor in the ledger.
    :param limit: after so many documents the rest is left to the next run.
    """

    template_fields: Sequence[str] = (*DocflowOperator.template_fields, "document_type", "cursor")
    ui_color = "#dceef2"

    def __init__(
        self, *, docflow_conn_id: str, document_type: str, cursor: str, limit: int = 1_000, **kwargs: Any
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.cursor = cursor
        self.limit = limit

    def execute(self, context: Context) -> dict[str, Any]:
        """List what changed and emit it.

        :raises AirflowSkipException: nothing changed.
        """
        with self.working(context) as flow:
            system = flow.system_of(self.docflow_conn_id)
            feed = changed(
                flow,
                system,
                self.document_type,
                cursor=self.cursor,
                limit=self.limit,
                otherwise="List with changed_since (ListDocumentsOperator) and handle the list in one task.",
            )
            handles = self._readable(flow, system, feed.refs)
            if not handles:
                # Nothing is emitted, so nothing can be lost by moving on at once.
                flow.move_cursor(self.cursor, feed.reached["value"], version=feed.reached["version"])
                raise AirflowSkipException("No document has changed.")
            self.touch(context, flow, [handle.ref for handle in handles])
            if not flow.emits:
                raise AirflowSkipException(f"In shadow {len(handles)} changed documents start nothing.")
            keys = emit(context, handles)
            self.log.info("%d documents changed; %d partitions emitted", len(handles), len(keys))
            return {"count": len(keys), "document_type": self.document_type, "cursor": feed.reached}

    def _readable(self, flow: Flow, system: System, refs: Sequence[DocumentRef]) -> list[Handle]:
        """Return handles with the hash of the content; what cannot be read is left to its own run to tell.

        :raises DocflowError: the system does not answer; nothing is passed over.
        """
        from airflow_provider_docflow.hooks.handles import Handle, error_of

        given = [Handle(conn_id=system.conn_id, ref=ref) for ref in refs]
        found: dict[tuple[Any, ...], Handle] = {}
        for handle, outcome in zip(given, read_again(flow, given), strict=True):
            if outcome.handle is not None and outcome.good:
                found[outcome.handle.ref.identity] = outcome.handle
            elif not isinstance(error := error_of(outcome), exc.PermanentError):
                raise error
            elif not isinstance(error, exc.NotFound):
                self.log.warning("%s cannot be read: %s", handle.ref, error)
                found[handle.ref.identity] = handle
        return list(found.values())


class ClaimOperator(DocflowOperator):
    """Claims documents, as they read now, for this run; comes first in a flow that is started by partitions.

    Of two runs for the same content of a document one goes on; the other ends as skipped and names it.
    Clear that run to have the document handled again.

    :param docflow_conn_id: the system of the documents.
    :param document_type: their type.
    :param number: partition keys or document numbers, one or a list, or outputs of docflow operators.
    """

    template_fields: Sequence[str] = (
        *DocflowOperator.template_fields,
        "document_type",
        "number",
        "company_code",
    )
    ui_color = "#e4e4f4"

    def __init__(
        self,
        *,
        docflow_conn_id: str,
        document_type: str,
        number: Documents,
        company_code: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.number = number
        self.company_code = company_code

    def execute(self, context: Context) -> dict[str, Any]:
        """Claim the documents and hand on those that this run has won.

        :raises AirflowSkipException: other runs handle all of them.
        """
        with self.working(context) as flow:
            wanted = plain(self.number, "number")
            instance = flow.system_of(self.docflow_conn_id).site.instance
            found = self.find(
                context,
                flow,
                keys_to_handles(wanted, self.docflow_conn_id, instance, self.document_type),
                conn_id=self.docflow_conn_id,
                document_type=self.document_type,
                company_code=self.company_code,
                field="number",
            )
            missing = [outcome for outcome in found if not outcome.good]
            outcomes = [*missing, *read_again(flow, handles_of(found))]
            won = [outcome for outcome in outcomes if self._is_won(context, flow, outcome)]
            if outcomes and not won:
                raise AirflowSkipException("Other runs handle what this one was started for.")
            return self.settle(context, flow, won, single=is_one(wanted))

    def _is_won(self, context: Context, flow: Flow, outcome: Outcome) -> bool:
        if outcome.handle is None or not outcome.good or flow.in_shadow:
            return True
        claimed = claim(context, flow.ledger, outcome.handle)
        if not claimed.won:
            self.log.warning(
                "%s is handled by the run %s: %s",
                outcome.handle.ref,
                claimed.winner,
                run_address(context["ti"].dag_id, claimed.winner),
            )
        return bool(claimed.won)


class CollectDecisionsOperator(DocflowOperator):
    """Looks at all documents that flows have handed over, and emits those that are approved by now.

    It is meant for a DAG of its own that runs every few minutes: one task for all documents of a type. The
    flow that goes on is scheduled by the partitions of its outlet.

    :param docflow_conn_id: the approval system.
    :param document_type: type of the documents, or of the forms, there.
    :param policy: who must have signed; no template field.
    """

    template_fields: Sequence[str] = (*DocflowOperator.template_fields, "document_type")
    serialized_beside: ClassVar[frozenset[str]] = frozenset({"policy_text"})
    ui_color = "#fbe9d7"

    def __init__(
        self,
        *,
        docflow_conn_id: str,
        document_type: str,
        policy: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.policy = policy

    policy_text = property(lambda self: text_of(self.policy))

    def execute(self, context: Context) -> dict[str, Any]:
        """Look at the documents; emit the approved, forget the refused, keep the rest.

        :raises AirflowSkipException: nothing is decided.
        """
        with self.working(context) as flow:
            run_id, delivered = context["ti"].run_id, delivered_by(context)
            handed = handed_over(flow, self.docflow_conn_id, self.document_type)
            cases = handed.take(run_id, delivered)
            subjects: Any = [case.subject for case in cases]
            outcomes = flow.approver().observe([c.form for c in cases], self.policy, subjects=subjects)
            if flow.in_shadow:
                seen: Any = flow
                counts = settle_in_shadow(self, seen, seen.observed(outcomes), single=False)["shadow"]
                raise AirflowSkipException(f"In shadow nothing is handed on: {counts}.")
            pairs = list(zip(cases, outcomes, strict=True))
            decided = [one for one in outcomes if one.status in ("approved", "refused")]
            self._tell(outcomes)
            handed.settle(
                run_id,
                going_on=[case for case, one in pairs if one.status == "approved"],
                over=[case for case, one in pairs if _is_over(one)],
                delivered=delivered,
            )
            keys = emit(context, handles_of(decided))
            if not keys:
                raise AirflowSkipException(f"Of {len(cases)} documents none has been approved since.")
            packed: dict[str, Any] = flow.pack(decided, single=False)
            return packed

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        for one in outcomes:
            if one.status in ("refused", "failed"):
                self.log.warning("%s: %s: %s", one.source, one.status, one.error.get("message", ""))


def _is_over(one: Outcome) -> bool:
    return one.status == "refused" or (one.status == "failed" and one.error.get("type") in PASSING)


def run_address(dag_id: str, run_id: str) -> str:
    """Return the page of a run."""
    from urllib.parse import quote

    from airflow.sdk import conf

    base = conf.get("api", "base_url", fallback="/").rstrip("/")
    return f"{base}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"
