"""Finding incidents: for people, for the pages and for the commands."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, or_, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import NotFound
from airflow_provider_docflow.ledger.base import Store, ref_key
from airflow_provider_docflow.ledger.incidents_kinds import Incident, IncidentEvent
from airflow_provider_docflow.ledger.models.writes import incident, incident_event


class IncidentsFinding(Store):
    """Reads incidents; changes nothing."""

    def get(self, incident_id: int, *, tx: Connection | None = None) -> Incident:
        """Return one incident.

        :raises NotFound: there is none of this id.
        """
        found = self._select(select(incident).where(incident.c.id == incident_id), tx)
        if not found:
            raise NotFound(
                f"incident {incident_id} does not exist.",
                remedy="See airflow docflow incidents --status all.",
            )
        return found[0]

    def search(
        self,
        *,
        status: str = "open",
        category: str = "",
        owner_role: str = "",
        assignee: str = "",
        group_key: str = "",
        code: str = "",
        document_number: str = "",
        text: str = "",
        after_id: int = 0,
        limit: int = 100,
        tx: Connection | None = None,
    ) -> list[Incident]:
        """Return incidents by what they have in common, page by page.

        :param status: ``open``, ``closed`` or empty for both.
        :param text: part of the document number or the code.
        :param after_id: the last id of the page before.
        """
        named = {"status": status, "category": category, "owner_role": owner_role, "group_key": group_key}
        named |= {"assignee": assignee, "code": code, "document_number": document_number}
        query = select(incident).where(incident.c.id > after_id)
        query = query.where(*(incident.c[name] == value for name, value in named.items() if value))
        if text:
            matches = (incident.c.document_number, incident.c.code)
            query = query.where(or_(*(column.contains(text, autoescape=True) for column in matches)))
        return self._select(query.order_by(incident.c.id).limit(limit), tx)

    def open_for(self, ref: DocumentRef, *, tx: Connection | None = None) -> list[Incident]:
        """Return what is open for a document."""
        query = select(incident).where(incident.c.ref_key == ref_key(ref), incident.c.status == "open")
        return self._select(query.order_by(incident.c.id), tx)

    def groups(self, *, tx: Connection | None = None) -> dict[str, int]:
        """Return how many incidents are open per root cause, the most frequent first."""
        number = func.count().label("number")
        query = select(incident.c.group_key, number).where(incident.c.status == "open")
        query = query.group_by(incident.c.group_key).order_by(number.desc(), incident.c.group_key)
        return self._db.read(lambda c: {row.group_key: row.number for row in c.execute(query)}, tx)

    def history(self, incident_id: int, *, tx: Connection | None = None) -> list[IncidentEvent]:
        """Return what happened to an incident, the oldest first."""
        query = select(incident_event).where(incident_event.c.incident_id == incident_id)
        rows = self._db.read(lambda c: c.execute(query.order_by(incident_event.c.id)).all(), tx)
        return [IncidentEvent(row.event, row.actor, self._cipher.open(row.note), row.at) for row in rows]

    def _select(self, query: Select[Any], tx: Connection | None) -> list[Incident]:
        return self._db.read(lambda c: [self._incident(row) for row in c.execute(query).mappings()], tx)

    def _incident(self, row: RowMapping) -> Incident:
        names = [name for name in Incident.__dataclass_fields__ if name != "reason"]
        return Incident(**{name: row[name] for name in names}, reason=self._cipher.open(row["reason"]))
