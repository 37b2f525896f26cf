"""What the sandbox remembers: one SQLite file, committed before any reply leaves."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

_SCHEMA = """
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS job (
    id INTEGER PRIMARY KEY, lane TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS job_at ON job (lane, at, id);
CREATE TABLE IF NOT EXISTS fault (id INTEGER PRIMARY KEY, body TEXT NOT NULL, seen INTEGER NOT NULL DEFAULT 0,
    hits INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, method TEXT NOT NULL,
    path TEXT NOT NULL,
    query TEXT NOT NULL, headers TEXT NOT NULL, body TEXT NOT NULL, status INTEGER,
    fault TEXT NOT NULL DEFAULT '');
CREATE TABLE IF NOT EXISTS version (
    kind TEXT NOT NULL, id TEXT NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, id, seq)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS mail (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, body TEXT NOT NULL);
"""


def dumps(value: Any) -> str:
    """Return compact JSON; a Decimal becomes a string, never a float."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_plain)


def _plain(value: Any) -> str:
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} cannot be stored")


def loads(text: str | bytes) -> Any:
    """Return parsed JSON whose fractions are Decimals."""
    return json.loads(text, parse_float=Decimal)


class Store:
    """The SQLite file of one sandbox, or a store in memory for a stand-in of its own.

    It is used from one thread at a time, the event loop's.

    :param path: file name, or ``:memory:``.
    """

    def __init__(self, path: str = ":memory:") -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        self._depth = 0
        # A killed process loses nothing with OFF; only a power cut may, which no test rehearses.
        self.execute("PRAGMA synchronous=OFF")
        self.execute("PRAGMA journal_mode=WAL")
        self.create(_SCHEMA)

    def create(self, schema: str) -> None:
        """Create tables that do not exist yet."""
        self._connection.executescript(schema)

    @contextmanager
    def write(self) -> Iterator[None]:
        """Run the block as one transaction; an inner block joins the outer one."""
        if self._depth:
            yield
            return
        self.execute("BEGIN IMMEDIATE")
        self._depth += 1
        try:
            yield
        except BaseException:
            self.execute("ROLLBACK")
            raise
        else:
            self.execute("COMMIT")
        finally:
            self._depth -= 1

    def execute(self, sql: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        """Run one statement."""
        return self._connection.execute(sql, tuple(values))

    def all(self, sql: str, values: Iterable[Any] = ()) -> list[sqlite3.Row]:
        """Return all rows of a query."""
        return self.execute(sql, values).fetchall()

    def value(self, sql: str, values: Iterable[Any] = ()) -> Any:
        """Return the first column of the first row, or None."""
        row = self.execute(sql, values).fetchone()
        return None if row is None else row[0]

    def setting(self, name: str, default: Any = None) -> Any:
        """Return a setting."""
        text = self.value("SELECT body FROM setting WHERE name = ?", (name,))
        return default if text is None else loads(text)

    def set(self, name: str, value: Any) -> None:
        """Keep a setting."""
        self.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, dumps(value)))

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


class Records:
    """Documents of one kind with all their versions, so that a lagging search can show the past.

    :param kind: name of the kind, part of the key.
    """

    def __init__(self, store: Store, kind: str) -> None:
        self._store, self._kind = store, kind

    def put(self, record_id: str, body: dict[str, Any], at: int) -> None:
        """Keep a new version, valid from ``at`` (epoch milliseconds) on."""
        self._store.execute(
            "INSERT INTO version SELECT ?1, ?2, coalesce(max(seq), 0) + 1, ?3, ?4 FROM version"
            " WHERE kind = ?1 AND id = ?2",
            (self._kind, record_id, at, dumps(body)),
        )

    def get(self, record_id: str, as_of: int | None = None) -> dict[str, Any] | None:
        """Return the newest version, or the one that was newest at ``as_of``."""
        text = self._store.value(
            "SELECT body FROM version WHERE kind = ? AND id = ? AND at <= ? ORDER BY seq DESC LIMIT 1",
            (self._kind, record_id, _FOREVER if as_of is None else as_of),
        )
        return None if text is None else loads(text)

    def all(self, as_of: int | None = None) -> list[dict[str, Any]]:
        """Return the newest version of every record, in order of first appearance."""
        moment = _FOREVER if as_of is None else as_of
        rows = self._store.all(
            "SELECT v.body FROM version v JOIN (SELECT id, max(seq) AS seq, min(at) AS born FROM version"
            " WHERE kind = ?1 AND at <= ?2 GROUP BY id) n ON n.id = v.id AND n.seq = v.seq"
            " WHERE v.kind = ?1 ORDER BY n.born, v.id",
            (self._kind, moment),
        )
        return [loads(row[0]) for row in rows]


_FOREVER = 1 << 62
