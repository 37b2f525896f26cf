"""Incidents as one user may see them: those of documents the user sees, and those of systems."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    false,
    func,
    or_,
    select,
    union_all,
)

from airflow_provider_docflow.exceptions import NotFound
from airflow_provider_docflow.ledger.audiences import seen_by
from airflow_provider_docflow.ledger.base import Store
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.models.memory import document
from airflow_provider_docflow.ledger.models.writes import incident, intent
from airflow_provider_docflow.ledger.search import TouchedBy, touched_keys

_WITH_OWN = incident.outerjoin(document, document.c.ref_key == incident.c.ref_key)
_SOURCE = document.alias("source")
#: The document whose writing an intent is, found by its number, which has an index.
_IS_SOURCE = and_(
    intent.c.source_number == _SOURCE.c.number,
    intent.c.source_instance == _SOURCE.c.instance,
    intent.c.source_type == _SOURCE.c.document_type,
)
_NAMED = ("status", "category", "owner_role", "assignee", "group_key")


@dataclass(frozen=True)
class Sight:
    """What a user may see of incidents.

    :param dag_ids: the DAGs that the user may read: incidents of what these touched are seen.
    :param systems: whether incidents that belong to a system and to no document are seen.
    """

    dag_ids: Collection[str]
    systems: bool = False


@dataclass(frozen=True)
class Seen:
    """An incident as a page shows it.

    :param document_key: of the document it is about, where the user sees one.
    :param group_size: how many open incidents with the same root cause the user sees.
    """

    row: RowMapping
    reason: str
    document_key: str | None
    group_size: int


class SeenIncidents(Store):
    """Reads incidents for the pages, in a number of statements that does not grow with them."""

    def page(
        self,
        sight: Sight,
        *,
        text: str = "",
        touched_by: TouchedBy | None = None,
        offset: int = 0,
        limit: int = 50,
        tx: Connection | None = None,
        **named: str,
    ) -> tuple[list[Seen], int]:
        """Return a page of incidents, the latest first, and how many match.

        :param text: part of the document's number or of the code.
        :param touched_by: only those of documents that this run or task touched.
        :param named: ``status``, ``category``, ``owner_role``, ``assignee``, ``group_key``; empty does not
            restrict.
        """
        conditions = [incident.c[name] == named[name] for name in _NAMED if named.get(name)]
        if text:
            within = (incident.c.document_number, incident.c.code)
            folded = text.lower()
            conditions.append(or_(*(func.lower(one).contains(folded, autoescape=True) for one in within)))
        which = and_(_visible(sight, touched_by), *conditions)

        def work(connection: Connection) -> tuple[list[Seen], int]:
            # Counted in passing: what is visible would else be found out twice.
            counted = select(incident, func.count().over().label("total")).select_from(_WITH_OWN).where(which)
            query = counted.order_by(incident.c.id.desc()).offset(offset).limit(limit)
            rows = connection.execute(query).mappings().all()
            if rows or not offset:
                return self._seen(connection, rows, sight), rows[0]["total"] if rows else 0
            counting = select(func.count()).select_from(_WITH_OWN).where(which)
            return [], connection.execute(counting).scalar_one()

        return self._db.read(work, tx)

    def get(self, incident_id: int, sight: Sight, *, tx: Connection | None = None) -> Seen:
        """Return one incident.

        :raises NotFound: there is none of this id that the user may see.
        """

        def work(connection: Connection) -> Seen:
            query = _incidents(and_(incident.c.id == incident_id, _visible(sight)))
            found = self._seen(connection, connection.execute(query).mappings().all(), sight)
            if not found:
                raise NotFound(f"there is no incident {incident_id}")
            return found[0]

        return self._db.read(work, tx)

    def of(self, keys: Sequence[str], sight: Sight, *, tx: Connection | None = None) -> list[Seen]:
        """Return all incidents of documents, the oldest first."""

        def work(connection: Connection) -> list[Seen]:
            rows: list[RowMapping] = []
            for some in chunks(sorted(set(keys))):
                query = _incidents(and_(incident.c.ref_key.in_(some), _visible(sight)))
                rows += connection.execute(query).mappings()
            return self._seen(connection, sorted(rows, key=lambda row: row["id"]), sight)

        return self._db.read(work, tx)

    def open_counts(self, keys: Sequence[str], *, tx: Connection | None = None) -> dict[str, int]:
        """Return how many incidents are open for each document."""

        def work(connection: Connection) -> dict[str, int]:
            found: dict[str, int] = {}
            for some in chunks(sorted(set(keys))):
                query = select(incident.c.ref_key, func.count().label("open_ones"))
                query = query.where(incident.c.ref_key.in_(some), incident.c.status == "open")
                for row in connection.execute(query.group_by(incident.c.ref_key)):
                    found[row.ref_key] = row.open_ones
            return found

        return self._db.read(work, tx)

    def groups(self, sight: Sight, *, tx: Connection | None = None) -> list[RowMapping]:
        """Return the root causes of what is open, the most frequent first."""
        size = func.count().label("size")
        chosen = (incident.c.group_key, incident.c.category, incident.c.code, incident.c.instance_id)
        query = select(*chosen, size, func.min(incident.c.opened_at).label("since")).select_from(_WITH_OWN)
        query = query.where(incident.c.status == "open", _visible(sight)).group_by(*chosen)
        query = query.order_by(size.desc(), incident.c.group_key).limit(500)
        return self._db.read(lambda connection: list(connection.execute(query).mappings()), tx)

    def _seen(self, connection: Connection, rows: Sequence[RowMapping], sight: Sight) -> list[Seen]:
        keys = self._keys(connection, rows, sight)
        sizes = self._sizes(connection, sorted({row["group_key"] for row in rows}), sight)
        return [
            Seen(row, self._cipher.open(row["reason"]), keys.get(row["id"]), sizes.get(row["group_key"], 0))
            for row in rows
        ]

    def _keys(self, connection: Connection, rows: Sequence[RowMapping], sight: Sight) -> dict[int, str]:
        own = select(incident.c.id, document.c.ref_key).select_from(_WITH_OWN)
        by_intent = incident.join(intent, intent.c.id == incident.c.intent_id).join(_SOURCE, _IS_SOURCE)
        stopped = select(incident.c.id, _SOURCE.c.ref_key).select_from(by_intent)
        found: dict[int, str] = {}
        for some in chunks([row["id"] for row in rows]):
            these = incident.c.id.in_(some)
            nameless = and_(these, incident.c.ref_key.is_(None), seen_by(sight.dag_ids, _SOURCE))
            both = union_all(own.where(these, seen_by(sight.dag_ids)), stopped.where(nameless))
            found.update({row.id: row.ref_key for row in connection.execute(both)})
        return found

    def _sizes(self, connection: Connection, groups: Sequence[str], sight: Sight) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in chunks(groups):
            query = select(incident.c.group_key, func.count().label("size")).select_from(_WITH_OWN)
            query = query.where(incident.c.group_key.in_(some), incident.c.status == "open", _visible(sight))
            rows = connection.execute(query.group_by(incident.c.group_key))
            found.update({row.group_key: row.size for row in rows})
        return found


def _incidents(which: ColumnElement[bool]) -> Select[Any]:
    return select(incident).select_from(_WITH_OWN).where(which)


def _visible(sight: Sight, touched_by: TouchedBy | None = None) -> ColumnElement[bool]:
    """Return the condition on :data:`_WITH_OWN` that the user may see an incident.

    The document is joined, not looked for with EXISTS: that would make a list of every document first.
    """
    if touched_by is not None and touched_by.dag_id not in sight.dag_ids:
        return false()
    limits = [] if touched_by is None else [document.c.ref_key.in_(touched_keys(touched_by))]
    seen = or_(and_(seen_by(sight.dag_ids), *limits), _stops(seen_by(sight.dag_ids, _SOURCE), touched_by))
    if touched_by is not None or not sight.systems:
        return seen
    # A document that no DAG touched is nobody's to see; what is wrong with it belongs to the system.
    return or_(seen, and_(document.c.audience.is_(None), ~_stops(_SOURCE.c.audience.is_not(None))))


def _stops(condition: ColumnElement[bool], touched_by: TouchedBy | None = None) -> ColumnElement[bool]:
    """Tell whether an incident names no document, but stops a write whose source is one like this."""
    query = select(intent.c.id).select_from(intent.join(_SOURCE, _IS_SOURCE))
    query = query.where(intent.c.id == incident.c.intent_id, incident.c.ref_key.is_(None), condition)
    if touched_by is not None:
        query = query.where(_SOURCE.c.ref_key.in_(touched_keys(touched_by)))
    return query.correlate(incident).exists()
