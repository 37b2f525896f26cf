"""Lists documents: all that match, or those changed since a cursor, which moves once they are handled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.operators.base import DocflowOperator
from airflow_provider_docflow.operators.feeding import Changed, changed
from airflow_provider_docflow.operators.reading import keep, read_again
from airflow_provider_docflow.operators.settling import check_fail_on

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.core.profile import Query
    from airflow_provider_docflow.document import DocumentRef
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome
    from airflow_provider_docflow.hooks.system import System


class ListDocumentsOperator(DocflowOperator):
    """Lists documents of one type and hands them on as a batch.

    With ``cursor`` it lists what changed since the cursor stands, at least once each. It does not move the
    cursor: an :class:`AdvanceCursorOperator` after the tasks that handle the documents does, so that nothing
    is passed over when one of them fails.

    :param docflow_conn_id: the system that is read.
    :param document_type: type of the documents.
    :param cursor: name of a cursor in the ledger.
    :param changed_since: ISO 8601 instant with its offset.
    :param issued_from: ISO 8601 date, included.
    :param issued_to: ISO 8601 date, included.
    :param party: supplier or customer.
    :param company_code: only this company's.
    :param limit: a listing without a cursor that is longer fails; with a cursor the rest follows next time.
    """

    template_fields: Sequence[str] = (
        *DocflowOperator.template_fields,
        "document_type",
        "cursor",
        "changed_since",
        "issued_from",
        "issued_to",
        "party",
        "company_code",
    )

    def __init__(
        self,
        *,
        docflow_conn_id: str,
        document_type: str,
        cursor: str = "",
        changed_since: str = "",
        issued_from: str = "",
        issued_to: str = "",
        party: str = "",
        company_code: str = "",
        limit: int = 10_000,
        **kwargs: Any,
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.cursor = cursor
        self.changed_since = changed_since
        self.issued_from = issued_from
        self.issued_to = issued_to
        self.party = party
        self.company_code = company_code
        self.limit = limit

    def execute(self, context: Context) -> dict[str, Any]:
        """List the documents; with a cursor, say in XCom how far the listing went."""
        check_fail_on(self.fail_on)
        with self.working(context) as flow:
            if not self.cursor:
                return self.settle(context, flow, self._matching(flow), single=False)
            outcomes, reached = self._changed(flow)
            return {**self.settle(context, flow, outcomes, single=False), "cursor": reached}

    def _matching(self, flow: Flow) -> list[Outcome]:
        system = flow.system_of(self.docflow_conn_id)
        readings = system.search(self.document_type, self._query(), limit=self.limit)
        names = [reading.ref.number or reading.ref.internal_id for reading in readings]
        return keep(flow, system, names, readings)

    def _query(self) -> Query:
        from airflow_provider_docflow.core.profile import Query

        return Query(
            party=self.party,
            company_code=self.company_code,
            changed_since=_instant(self.changed_since),
            issued_from=_day(self.issued_from, "issued_from"),
            issued_to=_day(self.issued_to, "issued_to"),
        )

    def _changed(self, flow: Flow) -> tuple[list[Outcome], dict[str, Any]]:
        self._refuse_filters()
        system = flow.system_of(self.docflow_conn_id)
        feed = self._feed(flow, system)
        outcomes = read_again(flow, _handles(system, feed.refs))
        gone = [outcome for outcome in outcomes if outcome.error.get("type") == exc.NotFound.__name__]
        if gone:
            self.log.info("%d documents were deleted since they changed", len(gone))
        return [outcome for outcome in outcomes if outcome not in gone], feed.reached

    def _feed(self, flow: Flow, system: System) -> Changed:
        return changed(
            flow,
            system,
            self.document_type,
            cursor=self.cursor,
            limit=self.limit,
            otherwise="List with changed_since instead of cursor.",
        )

    def _refuse_filters(self) -> None:
        names = ("changed_since", "issued_from", "issued_to", "party", "company_code")
        given = [name for name in names if getattr(self, name)]
        if given:
            raise exc.Misconfigured(
                f"a listing by cursor takes no {given[0]}: what it left out would never be listed.",
                field=given[0],
                remedy="Leave it away, or list without a cursor.",
            )


class AdvanceCursorOperator(DocflowOperator):
    """Moves a cursor to where a listing went, as long as nobody else has moved it since.

    :param listed: output of a :class:`ListDocumentsOperator` with a cursor, or of an
        :class:`~airflow_provider_docflow.operators.intake.IntakeOperator`.
    """

    template_fields: Sequence[str] = (*DocflowOperator.template_fields, "listed")

    def __init__(self, *, listed: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.listed = listed

    def execute(self, context: Context) -> dict[str, Any]:
        """Move the cursor; run again it stands there already.

        :raises Misconfigured: ``listed`` is no output with a cursor.
        """
        reached = self.listed.get("cursor") if isinstance(self.listed, Mapping) else None
        if not isinstance(reached, Mapping):
            raise exc.Misconfigured(
                "this is no listing with a cursor.",
                field="listed",
                remedy="Pass the output of an IntakeOperator, or of a ListDocumentsOperator with a cursor.",
            )
        with self.working(context) as flow:
            moved = flow.move_cursor(reached["name"], reached["value"], version=int(reached["version"]))
        if not moved:
            self.log.warning("Cursor %s was moved by another run; it stays there.", reached["name"])
        return {"cursor": reached["name"], "moved": moved}


def _handles(system: System, refs: Sequence[DocumentRef]) -> list[Any]:
    from airflow_provider_docflow.hooks.handles import Handle

    return [Handle(conn_id=system.conn_id, ref=ref) for ref in refs]


def _instant(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise exc.Misconfigured(
            f"{text!r} is no instant with its offset.",
            field="changed_since",
            remedy="Write it as 2026-01-31T08:00:00+00:00, or use {{ data_interval_start }}.",
        )
    return moment


def _day(text: str, field: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise exc.Misconfigured(
            f"{text!r} is no date.", field=field, remedy="Write it as 2026-01-31, or use {{ ds }}."
        ) from None
