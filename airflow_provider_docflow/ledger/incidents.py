"""Incidents: what a person has to decide or correct, who owns it, until when, and what it has in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, RowMapping, Select, and_, func, or_, select, true, update

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import InvalidDocument, NotFound
from airflow_provider_docflow.ledger.base import Store, insert_missing, insert_rows, ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.writes import incident, incident_event

Category = Literal["data", "master data", "business rule", "permission", "quota", "technical", "control"]
CATEGORIES: tuple[Category, ...] = get_args(Category)


@dataclass(frozen=True)
class NewIncident:
    """What went wrong.

    :param category: which kind of person can help.
    :param code: message code of the texts in ``locale``, or the system's own code.
    :param reason: in words, for the owner; encrypted, since a system's message may name people.
    :param intent_id: the intent that waits for it, if any.
    :param ref: the document concerned, if it is known as such.
    :param document_number: its number as people know it.
    :param field: path of the field, as ``lines[2].quantity``.
    :param group_key: the same for everything that has the same root cause; made of instance, code and field
        when empty.
    :param due: until when somebody should have acted.
    """

    category: Category
    code: str
    reason: str
    intent_id: int | None = None
    ref: DocumentRef | None = None
    instance_id: str = ""
    document_number: str = ""
    field: str = ""
    group_key: str = ""
    owner_role: str = ""
    due: datetime | None = None
    actor: str = ""


@dataclass(frozen=True)
class Incident:
    """An incident as it stands; the fields mean the same as in :class:`NewIncident`."""

    id: int
    category: str
    code: str
    status: str
    reason: str
    intent_id: int | None
    instance_id: str
    document_number: str
    field: str
    group_key: str
    owner_role: str
    due: datetime | None
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True)
class IncidentEvent:
    """One entry of an incident's history: opened, again, closed or noted."""

    event: str
    actor: str
    note: str
    at: datetime


class Incidents(Store):
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
        keys = [_dedupe(one) for one in new]
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
            "owner_role": one.owner_role,
            "reason": self._cipher.seal(one.reason),
            "due": one.due,
            "opened_at": now,
            "closed_at": None,
        }

    def _event(self, incident_id: int, event: str, actor: str, note: str, now: datetime) -> dict[str, Any]:
        sealed = self._cipher.seal(note)
        return {"incident_id": incident_id, "event": event, "actor": actor, "note": sealed, "at": now}

    def close(self, incident_id: int, *, actor: str, reason: str, tx: Connection | None = None) -> None:
        """Close an incident; closing a closed one changes nothing.

        :raises NotFound: there is no such incident.
        """

        def work(connection: Connection) -> None:
            if connection.scalar(select(incident.c.id).where(incident.c.id == incident_id)) is None:
                raise NotFound(f"incident {incident_id} does not exist")
            self._close(connection, incident.c.id == incident_id, actor, reason)

        self._db.write(work, tx)

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
                closed += self._close(connection, and_(incident.c.ref_key.in_(keys), *kinds), actor, reason)
            return closed

        return self._db.write(work, tx)

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

    def note(self, incident_id: int, *, actor: str, text: str, tx: Connection | None = None) -> None:
        """Add a remark to the history."""
        row = self._event(incident_id, "noted", actor, text, self._now())
        self._db.write(lambda connection: insert_rows(connection, incident_event, [row]), tx)

    def get(self, incident_id: int, *, tx: Connection | None = None) -> Incident:
        """Return one incident.

        :raises NotFound: there is none of this id.
        """
        found = self._select(select(incident).where(incident.c.id == incident_id), tx)
        if not found:
            raise NotFound(f"incident {incident_id} does not exist")
        return found[0]

    def search(
        self,
        *,
        status: str = "open",
        category: str = "",
        owner_role: str = "",
        group_key: str = "",
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


def _with_history(connection: Connection, ids: Sequence[int]) -> list[int]:
    query = select(incident_event.c.incident_id).where(incident_event.c.incident_id.in_(ids)).distinct()
    return list(connection.execute(query).scalars())


def _dedupe(one: NewIncident) -> str:
    if one.intent_id is not None:
        about: list[Any] = ["intent", one.intent_id]
    elif one.ref is not None:
        about = ["document", ref_key(one.ref)]
    else:
        about = ["named", one.instance_id, one.document_number]
    return digest_of("docflow incident 1", one.code, one.field, *about)
