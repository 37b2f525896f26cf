"""Cursors: how far an intake or a poll has read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.columns import json_text
from airflow_provider_docflow.ledger.models.shared import cursor


@dataclass(frozen=True)
class Cursor:
    """A value and its version; version 0 means that it was never set.

    :param value: JSON.
    """

    value: Any
    version: int


class Cursors(Store):
    """Values that move only when nobody else moved them."""

    def get(self, name: str, *, tx: Connection | None = None) -> Cursor:
        """Return a cursor; its value is None when it was never set."""
        query = select(cursor.c.value, cursor.c.version).where(cursor.c.name == name)
        row = self._db.read(lambda connection: connection.execute(query).first(), tx)
        return Cursor(self._cipher.open(row.value), row.version) if row else Cursor(None, 0)

    def set(self, name: str, value: Any, *, expected: Cursor, tx: Connection | None = None) -> bool:
        """Move a cursor, if it still stands where it was read.

        :param value: JSON.
        :param expected: what :meth:`get` returned.
        :returns: whether it was moved; False when somebody else moved it.
        :raises InvalidDocument: the value is not JSON.
        """
        json_text(value)

        def work(connection: Connection) -> bool:
            now = self._now()
            if expected.version == 0:
                first = {"name": name, "value": self._cipher.seal(None), "version": 0, "updated_at": now}
                insert_missing(connection, cursor, [first])
            moved = {"value": self._cipher.seal(value), "version": expected.version + 1, "updated_at": now}
            same = (cursor.c.name == name) & (cursor.c.version == expected.version)
            return connection.execute(update(cursor).where(same).values(moved)).rowcount == 1

        return self._db.write(work, tx)
