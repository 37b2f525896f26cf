"""Incidents: what a person has to decide or correct, who owns it, until when, and what it has in common."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, select, true, tuple_, update

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import InvalidDocument, NotFound
from airflow_provider_docflow.ledger.base import insert_missing, insert_rows, ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.incidents_finding import IncidentsFinding
from airflow_provider_docflow.ledger.incidents_kinds import (
    CATEGORIES,
    Category,
    Incident,
    IncidentEvent,
    NewIncident,
)
from airflow_provider_docflow.ledger.models.writes import incident, incident_event

__all__ = ["CATEGORIES", "Category", "Incident", "IncidentEvent", "Incidents", "NewIncident"]


class Incidents(IncidentsFinding):
    """Opens each incident once, however often its cause comes up, and closes it when the cause is gone."""

    def open(self, new: NewIncident, *, tx: Connection | None = None) -> int:
        """Open an incident, or add to the history of the same one.

        :returns: its id.
        :raises InvalidDocument: the category is none, or the code is empty.
        """
        return self.open_many([new], tx=tx)[0]

    def open_many(self, new: Sequence[NewIncident], *, tx: Connection | None = None) -> list[int]:
        """Open incidents in few statements; the ids come in the order given.

        :raises InvalidDocument: a category is none, or a code is empty.
        """
        for one in new:
            if one.category not in CATEGORIES or not one.code:
                raise InvalidDocument(
                    f"an incident has a category and a code: {one.category!r}, {one.code!r}"
                )
        return self._db.write(lambda connection: self._open(connection, new), tx) if new else []

    def _open(self, connection: Connection, new: Sequence[NewIncident]) -> list[int]:
        now = self._now()
        keys = [one.dedupe for one in new]
        rows = {key: self._row(one, key, now) for key, one in zip(keys, new, strict=True)}
        insert_missing(connection, incident, [rows[key] for key in sorted(rows)])
        ids: dict[str, int] = {}
        for some in chunks(sorted(rows)):
            found = select(incident.c.open_dedupe, incident.c.id).where(incident.c.open_dedupe.in_(some))
            ids.update({row.open_dedupe: row.id for row in connection.execute(found)})
        known = {row for some in chunks(sorted(ids.values())) for row in _with_history(connection, some)}
        history = []
        for key, one in zip(keys, new, strict=True):
            event = "again" if ids[key] in known else "opened"
            known.add(ids[key])
            history.append(self._event(ids[key], event, one.actor, one.reason, now))
        insert_rows(connection, incident_event, history)
        return [ids[key] for key in keys]

    def _row(self, one: NewIncident, key: str, now: datetime) -> dict[str, Any]:
        instance_id = one.instance_id or (one.ref.instance if one.ref else "")
        about = (one.ref.company_code, str(one.ref.document_type)) if one.ref else ("", "")
        rules = self.ledger.rules
        return {
            "category": one.category,
            "code": one.code[:120],
            "status": "open",
            "dedupe": key,
            "open_dedupe": key,
            "intent_id": one.intent_id,
            "ref_key": ref_key(one.ref) if one.ref else None,
            "instance_id": instance_id,
            "document_number": (one.document_number or (one.ref.number if one.ref else ""))[:255],
            "field": one.field[:255],
            "group_key": (one.group_key or f"{instance_id}|{one.code}|{one.field}")[:255],
            "owner_role": one.owner_role or rules.owner_role(one.category, *about),
            "assignee": "",
            "reason": self._cipher.seal(one.reason),
            "due": one.due or rules.due(one.category, now, *about),
            "opened_at": now,
            "closed_at": None,
        }

    def _event(self, incident_id: int, event: str, actor: str, note: str, now: datetime) -> dict[str, Any]:
        sealed = self._cipher.seal(note)
        return {"incident_id": incident_id, "event": event, "actor": actor, "note": sealed, "at": now}

    def close(self, incident_id: int, *, actor: str, reason: str, tx: Connection | None = None) -> bool:
        """Close an incident; closing a closed one changes nothing.

        :returns: whether it was open.
        :raises NotFound: there is no such incident.
        """

        def work(connection: Connection) -> bool:
            if connection.scalar(select(incident.c.id).where(incident.c.id == incident_id)) is None:
                raise NotFound(f"incident {incident_id} does not exist")
            return bool(self._close(connection, incident.c.id == incident_id, actor, reason))

        return self._db.write(work, tx)

    def close_for(
        self,
        *,
        actor: str,
        reason: str,
        intent_ids: Sequence[int] = (),
        refs: Sequence[DocumentRef] = (),
        controls: bool = False,
        tx: Connection | None = None,
    ) -> int:
        """Close what is open for these intents and documents, because the last read was good.

        :param refs: only what no intent waits for; what does is closed with its intent.
        :param controls: close incidents of control too, which only a person may: a second document may exist
            although the last read was good.
        :returns: how many were closed.
        """
        kinds = [true() if controls else incident.c.category != "control"]

        def work(connection: Connection) -> int:
            closed = 0
            for ids in chunks(intent_ids):
                closed += self._close(connection, and_(incident.c.intent_id.in_(ids), *kinds), actor, reason)
            for keys in chunks([ref_key(ref) for ref in refs]):
                which = and_(incident.c.ref_key.in_(keys), incident.c.intent_id.is_(None), *kinds)
                closed += self._close(connection, which, actor, reason)
            return closed

        return self._db.write(work, tx)

    def close_codes(
        self,
        codes: Collection[str],
        *,
        actor: str,
        reason: str,
        intent_ids: Sequence[int] = (),
        refs: Sequence[DocumentRef] = (),
        pairs: Sequence[tuple[int, DocumentRef]] = (),
        tx: Connection | None = None,
    ) -> int:
        """Close what is open under these codes, of whatever category, because its cause was seen to be gone.

        :param refs: only what no intent waits for.
        :param pairs: an intent and the document that the incident is about: two documents under one number
            share an intent.
        :returns: how many were closed.
        """
        named = incident.c.code.in_(sorted(codes))

        def work(connection: Connection) -> int:
            closed = 0
            for ids in chunks(intent_ids):
                closed += self._close(connection, and_(incident.c.intent_id.in_(ids), named), actor, reason)
            for keys in chunks([ref_key(ref) for ref in refs]):
                which = and_(incident.c.ref_key.in_(keys), incident.c.intent_id.is_(None), named)
                closed += self._close(connection, which, actor, reason)
            for some in chunks([(intent_id, ref_key(ref)) for intent_id, ref in pairs]):
                which = and_(tuple_(incident.c.intent_id, incident.c.ref_key).in_(some), named)
                closed += self._close(connection, which, actor, reason)
            return closed

        return self._db.write(work, tx) if intent_ids or refs or pairs else 0

    def close_named(
        self,
        code: str,
        *,
        actor: str,
        reason: str,
        instance_id: str = "",
        document_number: str = "",
        tx: Connection | None = None,
    ) -> int:
        """Close what is open under a code for an instance or a number.

        :returns: how many were closed.
        """
        named = {"code": code, "instance_id": instance_id, "document_number": document_number}
        which = and_(*(incident.c[name] == value for name, value in named.items() if value))
        return self._db.write(lambda connection: self._close(connection, which, actor, reason), tx)

    def close_groups(
        self, group_keys: Sequence[str], *, actor: str, reason: str, tx: Connection | None = None
    ) -> int:
        """Close everything that has one of these root causes.

        :returns: how many were closed.
        """

        def work(connection: Connection) -> int:
            some = chunks(sorted(set(group_keys)))
            return sum(
                self._close(connection, incident.c.group_key.in_(keys), actor, reason) for keys in some
            )

        return self._db.write(work, tx)

    def _close(self, connection: Connection, which: Any, actor: str, reason: str) -> int:
        now = self._now()
        query = select(incident.c.id).where(which, incident.c.status == "open").order_by(incident.c.id)
        ids = list(connection.execute(query.with_for_update()).scalars())
        for some in chunks(ids):
            closed = {"status": "closed", "open_dedupe": None, "closed_at": now}
            connection.execute(update(incident).where(incident.c.id.in_(some)).values(closed))
        insert_rows(
            connection, incident_event, [self._event(one, "closed", actor, reason, now) for one in ids]
        )
        return len(ids)

    def assign(
        self, incident_id: int, *, assignee: str, actor: str, note: str, tx: Connection | None = None
    ) -> bool:
        """Say who has taken an incident on; empty gives it back.

        :returns: whether that is new.
        :raises NotFound: there is no such incident.
        """

        def work(connection: Connection) -> bool:
            query = select(incident.c.assignee).where(incident.c.id == incident_id).with_for_update()
            before = connection.scalar(query)
            if before is None:
                raise NotFound(f"incident {incident_id} does not exist")
            if before == assignee:
                return False
            connection.execute(update(incident).where(incident.c.id == incident_id).values(assignee=assignee))
            told = f"{assignee or '-'}: {note}"
            self.tell(incident_id, "assigned", actor=actor, note=told, tx=connection)
            return True

        return self._db.write(work, tx)

    def tell(
        self, incident_id: int, event: str, *, actor: str, note: str, tx: Connection | None = None
    ) -> None:
        """Add an entry to the history."""
        row = self._event(incident_id, event, actor, note, self._now())
        self._db.write(lambda connection: insert_rows(connection, incident_event, [row]), tx)

    def note(self, incident_id: int, *, actor: str, text: str, tx: Connection | None = None) -> None:
        """Add a remark to the history."""
        self.tell(incident_id, "noted", actor=actor, note=text, tx=tx)


def _with_history(connection: Connection, ids: Sequence[int]) -> list[int]:
    query = select(incident_event.c.incident_id).where(incident_event.c.incident_id.in_(ids)).distinct()
    return list(connection.execute(query).scalars())
