"""What is known of the documents of a side that tells only what has changed: those that are matched.

Kept in parts of many documents each, packed and encrypted. A run adds a generation of what it has looked at;
for each document the newest generation counts.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select

from airflow_provider_docflow.ledger.base import Store
from airflow_provider_docflow.ledger.models.reconciling import known

#: Documents of one part.
ROWS = 2_000
Entry = Sequence[str | None]


@dataclass(frozen=True)
class Packed:
    """What a run adds to what is known, ready to be written.

    :param shape: digest of the sides and fields; what was kept of another shape is of no use.
    :param parts: packed and encrypted.
    :param anew: whether it takes the place of all that was known before.
    """

    shape: str
    parts: Sequence[str]
    anew: bool


class Known(Store):
    """Keeps what is known by the name of a reconciliation."""

    def packed(self, shape: str, entries: Iterable[Entry], *, anew: bool) -> Packed:
        """Pack documents; no part of it needs the database."""
        return Packed(shape, [self._pack(some) for some in _parts(entries)] or [self._pack([])], anew)

    def add(self, connection: Connection, name: str, given: Packed) -> None:
        """Keep what a run has looked at, in the caller's transaction."""
        newest = select(func.max(known.c.generation)).where(known.c.name == name)
        generation = int(connection.execute(newest).scalar() or 0) + 1
        if given.anew:
            connection.execute(delete(known).where(known.c.name == name))
        row = {"name": name, "generation": generation, "shape": given.shape}
        for part in given.parts:
            connection.execute(insert(known), [{**row, "body": part}])

    def shape(self, name: str, *, tx: Connection | None = None) -> str:
        """Return the shape of what is known; empty where nothing is."""
        query = select(known.c.shape).where(known.c.name == name).order_by(known.c.id.desc()).limit(1)
        return str(self._db.read(lambda c: c.execute(query).scalar(), tx) or "")

    def generations(self, name: str, *, tx: Connection | None = None) -> list[int]:
        """Return the generation of every part, the oldest first."""
        query = select(known.c.generation).where(known.c.name == name).order_by(known.c.id)
        return self._db.read(lambda c: [int(row[0]) for row in c.execute(query)], tx)

    def entries(self, name: str) -> Iterator[list[Entry]]:
        """Yield what is known part by part, each document with the number of its generation first."""
        after = 0
        while row := self._next(name, after):
            after, generation, body = row
            yield [(str(generation), *one) for one in self._unpack(body)]

    def _next(self, name: str, after: int) -> tuple[int, int, str] | None:
        query = select(known.c.id, known.c.generation, known.c.body).where(
            known.c.name == name, known.c.id > after
        )
        rows = self._db.read(lambda c: c.execute(query.order_by(known.c.id).limit(1)).all())
        return (int(rows[0].id), int(rows[0].generation), str(rows[0].body)) if rows else None

    def _pack(self, entries: Sequence[Entry]) -> str:
        plain = json.dumps(entries, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        return self._cipher.seal(base64.b64encode(zlib.compress(plain)).decode("ascii"))

    def _unpack(self, body: str) -> list[Any]:
        found: list[Any] = json.loads(zlib.decompress(base64.b64decode(self._cipher.open(body))))
        return found


def _parts(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    some: list[Entry] = []
    for one in entries:
        some.append(one)
        if len(some) == ROWS:
            yield some
            some = []
    if some:
        yield some
