"""The index of documents: what is searched, counted and shown, without asking any system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.audiences import seen_by, widen
from airflow_provider_docflow.ledger.base import Row, Store, insert_missing, ref_key, upsert
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.index import CHANGING, KNOWN, DocumentEntry, all_merged, locked, new_row
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.memory import document, touch
from airflow_provider_docflow.ledger.revocations import Turn
from airflow_provider_docflow.ledger.search import AXES, Search, Sort, TouchedBy, matching, page_of

__all__ = ["DocumentEntry", "Documents", "Found", "Page", "Search", "Touch", "TouchedBy", "to_ref"]


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
class Found:
    """A document as a search finds it.

    :param key: names it within the ledger.
    """

    key: str
    entry: DocumentEntry
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class Page:
    """One page of what a search finds.

    :param total: how many match, if ``total_is_exact``; else at least so many do.
    :param more: whether another page follows.
    """

    documents: list[Found]
    total: int
    total_is_exact: bool
    more: bool


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
        refs = {key: entry.ref for key, entry in keyed}
        before = locked(connection, sorted(refs))
        blank = {key: new_row(key, refs[key], now) for key in sorted(refs.keys() - before.keys())}
        if not insert_missing(connection, document, list(all_merged(blank, keyed, now).values())):
            # Somebody else may have added one meanwhile; it is merged like any other.
            before |= locked(connection, list(blank))
        rows = all_merged(before, keyed, now)
        upsert(connection, document, [rows[key] for key in sorted(rows)], CHANGING)
        turned = [key for key in sorted(rows) if before[key]["approval"] != rows[key]["approval"]]
        turns = (Turn.between(refs[key], before[key], rows[key]) for key in turned)
        self.ledger.revocations.noticed([turn for turn in turns if turn], tx=connection)

    def ensure(self, refs: Sequence[DocumentRef], *, tx: Connection | None = None) -> None:
        """Make sure that these documents are in the index; changes nothing of those that are."""

        def work(connection: Connection) -> None:
            wanted = {ref_key(ref): ref for ref in refs}
            now, known = self._now(), set[str]()
            for some in chunks(sorted(wanted)):
                query = select(document.c.ref_key).where(document.c.ref_key.in_(some))
                known |= set(connection.execute(query).scalars())
            new = sorted(wanted.keys() - known)
            insert_missing(connection, document, [new_row(key, wanted[key], now) for key in new])

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
        return [one.entry for one in self.page(wanted, offset=offset, limit=limit, tx=tx).documents]

    def page(
        self,
        wanted: Search,
        *,
        sort: Sort = "-updated_at",
        offset: int = 0,
        limit: int = 50,
        tx: Connection | None = None,
    ) -> Page:
        """Return a page of what matches, and how many there are.

        :param sort: a column, falling if it begins with a minus sign.
        :raises InvalidDocument: there is no such order.
        """

        def work(connection: Connection) -> Page:
            keys = page_of(connection, wanted, sort=sort, offset=offset, limit=limit)
            rows = _found(connection, keys.keys)
            found = [rows[key] for key in keys.keys if key in rows]
            return Page(found, keys.total, keys.total_is_exact, keys.more)

        return self._db.read(work, tx)

    def by_keys(
        self, keys: Sequence[str], *, dag_ids: Sequence[str] | None = None, tx: Connection | None = None
    ) -> dict[str, Found]:
        """Return documents by their keys.

        :param dag_ids: only documents that one of these DAGs touched; None means all, an empty list none.
        """
        return self._db.read(lambda connection: _found(connection, keys, dag_ids), tx)

    def count(self, wanted: Search, *, tx: Connection | None = None) -> int:
        """Return how many documents match."""
        query = matching(select(func.count()).select_from(document), wanted)
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
            widen(connection, sorted({ref_key(ref) for ref in refs}), dag_id)

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
    known = {name: row[name] for name in KNOWN if name != "number"}
    return DocumentEntry(to_ref(row), **known, state=state)


def _found(
    connection: Connection, keys: Sequence[str], dag_ids: Sequence[str] | None = None
) -> dict[str, Found]:
    found: dict[str, Found] = {}
    for some in chunks(sorted(set(keys))):
        query = select(document).where(document.c.ref_key.in_(some))
        if dag_ids is not None:
            query = query.where(seen_by(dag_ids))
        for row in connection.execute(query).mappings():
            key = row["ref_key"]
            found[key] = Found(key, _entry(row), row["created_at"], row["updated_at"])
    return found
