"""Batches: lists of documents that one task hands to the next by id, with what became of each."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select

from airflow_provider_docflow.exceptions import NotFound
from airflow_provider_docflow.ledger.base import Store, insert_rows, upsert
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.models.memory import batch, batch_item


@dataclass(frozen=True)
class BatchItem:
    """One document of a batch.

    :param ref: JSON: usually the document's reference.
    :param status: ``status`` of the outcome; empty while there is none.
    :param outcome: JSON, or None.
    """

    position: int
    ref: Any
    status: str
    outcome: Any


@dataclass(frozen=True)
class Batch:
    """A list of documents."""

    id: str
    size: int
    actor: str
    created_at: datetime


class Batches(Store):
    """Keeps lists that are too long to travel between tasks."""

    def create(
        self, items: Sequence[Any], *, actor: str = "", batch_id: str = "", tx: Connection | None = None
    ) -> str:
        """Keep a list.

        :param items: JSON values, usually references.
        :param batch_id: a name of up to 40 characters that the caller chose; made up when empty.
        :returns: the batch's id.
        :raises InvalidDocument: an item is not JSON.
        """
        name = batch_id or uuid.uuid4().hex
        now = self._now()

        def work(connection: Connection) -> str:
            insert_rows(
                connection, batch, [{"id": name, "size": len(items), "actor": actor[:500], "created_at": now}]
            )
            for start in range(0, len(items), 500):
                part = enumerate(items[start : start + 500], start)
                rows = [{"batch_id": name, "position": n, "ref": item, "updated_at": now} for n, item in part]
                insert_rows(connection, batch_item, [{**row, "status": "", "outcome": None} for row in rows])
            return name

        return self._db.write(work, tx)

    def get(self, batch_id: str, *, tx: Connection | None = None) -> Batch:
        """Return a batch without its items.

        :raises NotFound: there is none of this id.
        """
        row = self._db.read(lambda c: c.execute(select(batch).where(batch.c.id == batch_id)).first(), tx)
        if row is None:
            raise NotFound(f"the ledger has no batch {batch_id}")
        return Batch(row.id, row.size, row.actor, row.created_at)

    def items(
        self,
        batch_id: str,
        *,
        after: int = -1,
        limit: int = 1000,
        status: str | None = None,
        tx: Connection | None = None,
    ) -> list[BatchItem]:
        """Return a page of a batch's items in their order.

        :param after: the last position of the page before.
        :param status: only items of this status; empty for those without an outcome.
        :raises NotFound: there is no such batch, or its items were removed for their age.
        """
        query = select(batch_item).where(batch_item.c.batch_id == batch_id, batch_item.c.position > after)
        query = query.where(batch_item.c.status == status) if status is not None else query

        def work(connection: Connection) -> list[BatchItem]:
            self._refuse_removed(connection, batch_id)
            rows = connection.execute(query.order_by(batch_item.c.position).limit(limit))
            return [
                BatchItem(
                    row.position, row.ref, row.status, self._cipher.open(row.outcome) if row.outcome else None
                )
                for row in rows
            ]

        return self._db.read(work, tx)

    def _refuse_removed(self, connection: Connection, batch_id: str) -> None:
        self.get(batch_id, tx=connection)
        when = connection.scalar(select(batch.c.purged_at).where(batch.c.id == batch_id))
        if when is not None:
            raise NotFound(
                f"the documents of batch {batch_id} were removed for their age on {when.date().isoformat()}",
                remedy="Clear the task that made it too: what was written is found, not written again.",
            )

    def set_outcomes(
        self, batch_id: str, outcomes: Mapping[int, Mapping[str, Any]], *, tx: Connection | None = None
    ) -> None:
        """Record what became of items.

        :param outcomes: position to JSON; its ``status`` can be searched for, the rest is encrypted.
        :raises NotFound: there is no such batch or no such position.
        :raises InvalidDocument: an outcome is not JSON.
        """

        def work(connection: Connection) -> None:
            now = self._now()
            for positions in chunks(sorted(outcomes)):
                which = (batch_item.c.batch_id == batch_id) & batch_item.c.position.in_(positions)
                rows = [dict(row) for row in connection.execute(select(batch_item).where(which)).mappings()]
                if len(rows) != len(positions):
                    raise NotFound(
                        f"batch {batch_id} has not all of the positions {positions[0]} to {positions[-1]}"
                    )
                for row in rows:
                    outcome = dict(outcomes[row["position"]])
                    row |= {"status": str(outcome.get("status", "")), "updated_at": now}
                    row["outcome"] = self._cipher.seal(outcome)
                upsert(connection, batch_item, rows, ["status", "outcome", "updated_at"])

        self._db.write(work, tx)

    def counts(self, batch_id: str, *, tx: Connection | None = None) -> dict[str, int]:
        """Return how many items there are of each status; the empty one has no outcome yet.

        :raises NotFound: there is no such batch.
        """
        number = func.count().label("number")
        query = select(batch_item.c.status, number).where(batch_item.c.batch_id == batch_id)

        def work(connection: Connection) -> dict[str, int]:
            self.get(batch_id, tx=connection)
            return {row.status: row.number for row in connection.execute(query.group_by(batch_item.c.status))}

        return self._db.read(work, tx)
