"""Snapshots: documents as they stood, for approvals to refer to and for tasks to hand on by id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import NotFound
from airflow_provider_docflow.ledger.base import Store, insert_missing, ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.memory import snapshot


@dataclass(frozen=True)
class NewSnapshot:
    """A document as it stands now.

    :param revision: the source's own revision, or empty.
    :param body: the document as JSON; encrypted.
    """

    ref: DocumentRef
    revision: str
    material_hash: str
    content_hash: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Snapshot:
    """A document as it stood; the fields mean the same as in :class:`NewSnapshot`.

    :param body: empty once it was removed for its age.
    """

    id: int
    revision: str
    material_hash: str
    content_hash: str
    body: dict[str, Any]
    taken_at: datetime


class Snapshots(Store):
    """Keeps each state of a document once."""

    def put(self, new: Sequence[NewSnapshot], *, tx: Connection | None = None) -> list[int]:
        """Keep documents as they stand; one that is kept already is not kept twice.

        :returns: the ids, in order.
        :raises InvalidDocument: a body is not JSON.
        """
        return self._db.write(lambda connection: self._put(connection, new), tx) if new else []

    def _put(self, connection: Connection, new: Sequence[NewSnapshot]) -> list[int]:
        self.ledger.documents.ensure([one.ref for one in new], tx=connection)
        digests = [_digest(one) for one in new]
        wanted = dict(zip(digests, new, strict=True))
        known = _ids(connection, sorted(wanted))
        missing = sorted(wanted.keys() - known.keys())
        now = self._now()
        for part in chunks(missing, 200):
            rows = [self._row(digest, wanted[digest], now) for digest in part]
            insert_missing(connection, snapshot, rows)
        known |= _ids(connection, missing)
        self._fill(connection, wanted)
        return [known[digest] for digest in digests]

    def _fill(self, connection: Connection, wanted: Mapping[str, NewSnapshot]) -> None:
        """Put back what was removed for its age: the document stands like that again."""
        for some in chunks(sorted(wanted)):
            query = select(snapshot.c.digest).where(snapshot.c.digest.in_(some))
            for digest in connection.execute(query.where(snapshot.c.purged_at.is_not(None))).scalars():
                body = self._cipher.seal(dict(wanted[digest].body))
                again = {"body": body, "purged_at": None, "taken_at": self._now()}
                connection.execute(update(snapshot).where(snapshot.c.digest == digest).values(again))

    def _row(self, digest: str, one: NewSnapshot, now: datetime) -> dict[str, Any]:
        row = {"digest": digest, "ref_key": ref_key(one.ref), "revision": one.revision, "taken_at": now}
        row |= {"material_hash": one.material_hash, "content_hash": one.content_hash}
        return row | {"body": self._cipher.seal(dict(one.body))}

    def get(self, snapshot_id: int, *, tx: Connection | None = None) -> Snapshot:
        """Return a snapshot.

        :raises NotFound: there is none of this id.
        """
        return self.get_many([snapshot_id], tx=tx)[0]

    def get_many(self, snapshot_ids: Sequence[int], *, tx: Connection | None = None) -> list[Snapshot]:
        """Return snapshots in the order of their ids given.

        :raises NotFound: there is none of one of these ids.
        """

        def work(connection: Connection) -> list[Snapshot]:
            found: dict[int, Snapshot] = {}
            for ids in chunks(sorted(set(snapshot_ids))):
                rows = connection.execute(select(snapshot).where(snapshot.c.id.in_(ids))).mappings()
                found.update({row["id"]: self._snapshot(row) for row in rows})
            for number in snapshot_ids:
                if number not in found:
                    raise NotFound(f"the ledger has no snapshot {number}")
            return [found[number] for number in snapshot_ids]

        return self._db.read(work, tx)

    def of(self, ref: DocumentRef, *, tx: Connection | None = None) -> list[Snapshot]:
        """Return a document's snapshots, the oldest first."""
        query = select(snapshot).where(snapshot.c.ref_key == ref_key(ref)).order_by(snapshot.c.id)
        return self._db.read(lambda c: [self._snapshot(row) for row in c.execute(query).mappings()], tx)

    def latest(self, ref: DocumentRef, *, tx: Connection | None = None) -> Snapshot | None:
        """Return the snapshot of a document that was first seen last, or None."""
        query = (
            select(snapshot).where(snapshot.c.ref_key == ref_key(ref)).order_by(snapshot.c.id.desc()).limit(1)
        )
        row = self._db.read(lambda connection: connection.execute(query).mappings().first(), tx)
        return self._snapshot(row) if row else None

    def _snapshot(self, row: RowMapping) -> Snapshot:
        names = ("id", "revision", "material_hash", "content_hash", "taken_at")
        body = self._cipher.open(row["body"]) if row["body"] else {}
        return Snapshot(**{name: row[name] for name in names}, body=body)


def _digest(one: NewSnapshot) -> str:
    return digest_of(
        "docflow snapshot 1", ref_key(one.ref), one.revision, one.material_hash, one.content_hash
    )


def _ids(connection: Connection, digests: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(digests):
        query = select(snapshot.c.digest, snapshot.c.id).where(snapshot.c.digest.in_(some))
        found.update({row.digest: row.id for row in connection.execute(query)})
    return found
