"""The index of documents: what is searched, counted and shown, without asking any system."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, and_, func, or_, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.base import Row, Store, insert_missing, ref_key, upsert
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.memory import document, touch

AXES = ("lifecycle", "approval", "fulfilment", "invoicing", "payment")
_KNOWN = ("number", "party_id", "party_name", "amount", "currency", "issue_date")
_CHANGING = (*_KNOWN, *AXES, "raw", "read_at", "updated_at")


@dataclass(frozen=True)
class DocumentEntry:
    """What the index holds of a document; an empty value means "not known" and overwrites nothing.

    :param state: axes of the state as JSON, with the vendor's ``raw`` words and ``read_at``.
    """

    ref: DocumentRef
    party_id: str = ""
    party_name: str = ""
    amount: Decimal | None = None
    currency: str = ""
    issue_date: date | None = None
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Touch:
    """A task instance that read or wrote a document."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    at: datetime


@dataclass(frozen=True)
class Search:
    """What to look for; every condition given must hold.

    :param text: part of the number, the party's id or its name.
    :param state: axis to word, such as ``{"approval": "pending"}``.
    :param dag_ids: only documents that one of these DAGs touched; None means all, an empty list none.
    """

    text: str = ""
    number: str = ""
    party_id: str = ""
    instance: str = ""
    document_type: str = ""
    company_code: str = ""
    currency: str = ""
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    issued_from: date | None = None
    issued_to: date | None = None
    state: Mapping[str, str] = field(default_factory=dict)
    dag_ids: Sequence[str] | None = None


class Documents(Store):
    """Keeps the index and who touched what."""

    def upsert(self, entries: Sequence[DocumentEntry], *, tx: Connection | None = None) -> None:
        """Add documents, or what is newly known of them.

        A state that was read earlier than the one kept does not replace it.

        :raises InvalidDocument: a number cannot be kept exactly, or a text is too long.
        """
        if entries:
            self._db.write(lambda connection: self._upsert(connection, entries), tx)

    def _upsert(self, connection: Connection, entries: Sequence[DocumentEntry]) -> None:
        now = self._now()
        keyed = [(ref_key(entry.ref), entry) for entry in entries]
        keys = sorted({key for key, _ in keyed})
        insert_missing(connection, document, [_blank(key, dict(keyed)[key].ref, now) for key in keys])
        rows: dict[str, dict[str, Any]] = {}
        for some in chunks(keys):
            query = select(document).where(document.c.ref_key.in_(some)).order_by(document.c.ref_key)
            found = connection.execute(query.with_for_update()).mappings()
            rows.update({row["ref_key"]: dict(row) for row in found})
        for key, entry in keyed:
            rows[key] = _merged(rows[key], entry, now)
        upsert(connection, document, [rows[key] for key in keys], _CHANGING)

    def ensure(self, refs: Sequence[DocumentRef], *, tx: Connection | None = None) -> None:
        """Make sure that these documents are in the index; changes nothing of those that are."""

        def work(connection: Connection) -> None:
            rows = {ref_key(ref): ref for ref in refs}
            now = self._now()
            insert_missing(connection, document, [_blank(key, rows[key], now) for key in sorted(rows)])

        if refs:
            self._db.write(work, tx)

    def get(self, ref: DocumentRef, *, tx: Connection | None = None) -> DocumentEntry | None:
        """Return what is known of a document, or None."""
        query = select(document).where(document.c.ref_key == ref_key(ref))
        found = self._db.read(lambda connection: connection.execute(query).mappings().first(), tx)
        return _entry(found) if found else None

    def find(self, number: str, *, tx: Connection | None = None) -> list[DocumentEntry]:
        """Return the documents of this number in all systems."""
        return self.search(Search(number=number), tx=tx)

    def search(
        self, wanted: Search, *, offset: int = 0, limit: int = 100, tx: Connection | None = None
    ) -> list[DocumentEntry]:
        """Return a page of what matches, the last changed first."""
        query = _matching(select(document), wanted)
        query = query.order_by(document.c.updated_at.desc(), document.c.ref_key).offset(offset).limit(limit)
        rows = self._db.read(lambda connection: connection.execute(query).mappings().all(), tx)
        return [_entry(row) for row in rows]

    def count(self, wanted: Search, *, tx: Connection | None = None) -> int:
        """Return how many documents match."""
        query = _matching(select(func.count()).select_from(document), wanted)
        found: int = self._db.read(lambda connection: connection.execute(query).scalar_one(), tx)
        return found

    def touch(
        self,
        refs: Sequence[DocumentRef],
        *,
        dag_id: str,
        run_id: str,
        task_id: str,
        map_index: int = -1,
        try_number: int = 1,
        tx: Connection | None = None,
    ) -> None:
        """Record that a task instance read or wrote these documents."""
        now = self._now()
        named = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id}
        task = {**named, "map_index": map_index, "try_number": try_number}

        def work(connection: Connection) -> None:
            self.ensure(refs, tx=connection)
            rows = {}
            for ref in refs:
                key = ref_key(ref)
                name = digest_of("docflow touch 1", key, *task.values())
                rows[name] = {"digest": name, "ref_key": key, "at": now, **task}
            insert_missing(connection, touch, [rows[name] for name in sorted(rows)])

        if refs:
            self._db.write(work, tx)

    def touches(self, ref: DocumentRef, *, tx: Connection | None = None) -> list[Touch]:
        """Return the task instances that touched a document, the first first."""
        names = [touch.c[name] for name in Touch.__dataclass_fields__]
        query = select(*names).where(touch.c.ref_key == ref_key(ref)).order_by(touch.c.at, touch.c.digest)
        return self._db.read(lambda connection: [Touch(*row) for row in connection.execute(query)], tx)

    def touched_by(self, dag_id: str, run_id: str, *, tx: Connection | None = None) -> list[DocumentRef]:
        """Return the documents that one DAG run touched, in the order of their numbers."""
        which = (touch.c.dag_id == dag_id) & (touch.c.run_id == run_id)
        query = select(document).where(document.c.ref_key.in_(select(touch.c.ref_key).where(which)))
        query = query.order_by(document.c.number, document.c.ref_key)
        return self._db.read(
            lambda connection: [to_ref(row) for row in connection.execute(query).mappings()], tx
        )

    def refs(self, keys: Sequence[str], *, tx: Connection | None = None) -> dict[str, DocumentRef]:
        """Return the references behind their keys."""

        def work(connection: Connection) -> dict[str, DocumentRef]:
            found: dict[str, DocumentRef] = {}
            for some in chunks(sorted(set(keys))):
                rows = connection.execute(select(document).where(document.c.ref_key.in_(some))).mappings()
                found.update({row["ref_key"]: to_ref(row) for row in rows})
            return found

        return self._db.read(work, tx)


def to_ref(row: Row | RowMapping) -> DocumentRef:
    """Return the reference that a row of the index stands for."""
    names = ("instance", "company_code", "document_type", "internal_id", "number", "fiscal_year")
    return DocumentRef.from_json({name: row[name] for name in names})


def _entry(row: RowMapping) -> DocumentEntry:
    state: dict[str, Any] = {}
    if row["read_at"] is not None:
        state = {axis: row[axis] for axis in AXES} | {
            "raw": row["raw"],
            "read_at": row["read_at"].isoformat(),
        }
    known = {name: row[name] for name in _KNOWN if name != "number"}
    return DocumentEntry(to_ref(row), **known, state=state)


def _blank(key: str, ref: DocumentRef, now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = {"ref_key": key, **ref.to_json()}
    row |= {"party_id": "", "party_name": "", "amount": None, "currency": "", "issue_date": None}
    row |= dict.fromkeys(AXES, "unknown")
    return row | {"raw": {}, "read_at": None, "created_at": now, "updated_at": now}


def _merged(row: dict[str, Any], entry: DocumentEntry, now: datetime) -> dict[str, Any]:
    new = {name: getattr(entry, name) for name in _KNOWN if name != "number"}
    known = {
        name: value for name, value in {**new, "number": entry.ref.number}.items() if value not in ("", None)
    }
    read_at = _instant(entry.state.get("read_at"))
    if entry.state and (row["read_at"] is None or (read_at is not None and read_at >= row["read_at"])):
        known |= {axis: str(entry.state.get(axis, "unknown")) for axis in AXES}
        known |= {"raw": dict(entry.state.get("raw") or {}), "read_at": read_at or now}
    return row | known | {"updated_at": now}


def _instant(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _matching(query: Select[Any], wanted: Search) -> Select[Any]:
    named = ("number", "party_id", "instance", "document_type", "company_code", "currency")
    conditions: list[ColumnElement[bool]] = [
        document.c[name] == value for name in named if (value := getattr(wanted, name))
    ]
    conditions += [document.c[axis] == word for axis, word in wanted.state.items() if axis in AXES]
    if wanted.text:
        within = (document.c.number, document.c.party_id, document.c.party_name)
        conditions.append(or_(*(column.contains(wanted.text, autoescape=True) for column in within)))
    conditions += _between(document.c.amount, wanted.amount_from, wanted.amount_to)
    conditions += _between(document.c.issue_date, wanted.issued_from, wanted.issued_to)
    if wanted.dag_ids is not None:
        seen = select(touch.c.ref_key).where(touch.c.dag_id.in_(list(wanted.dag_ids)))
        conditions.append(document.c.ref_key.in_(seen))
    return query.where(and_(*conditions)) if conditions else query


def _between(column: Any, lowest: Any, highest: Any) -> list[ColumnElement[bool]]:
    bounds = [] if lowest is None else [column >= lowest]
    return bounds if highest is None else [*bounds, column <= highest]
