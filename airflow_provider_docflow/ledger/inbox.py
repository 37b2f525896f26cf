"""The inbox: events that systems sent, each once, in the order they came in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select, update

from airflow_provider_docflow.ledger.base import Store, insert_missing, insert_rows
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.shared import counter, inbox

_COUNTER = "inbox"


@dataclass(frozen=True)
class InboxEvent:
    """An event that a system sent.

    :param id: counts up in the order in which events became visible; none appears below one already seen.
    """

    id: int
    source: str
    event_id: str
    kind: str
    payload: Any
    received_at: datetime


class Inbox(Store):
    """Keeps events until whoever waits for them has read them."""

    def put(
        self, source: str, event_id: str, kind: str, payload: Any, *, tx: Connection | None = None
    ) -> bool:
        """Keep an event.

        :param source: connection or system that sent it.
        :param event_id: the sender's own id of the event.
        :param payload: JSON; encrypted.
        :returns: False when this event came in before.
        :raises InvalidDocument: the payload is not JSON.
        """
        name = digest_of("docflow inbox 1", source, event_id)
        row = {"digest": name, "source": source, "event_id": event_id, "kind": kind}
        row["payload"] = self._cipher.seal(payload)

        def work(connection: Connection) -> bool:
            insert_missing(connection, counter, [{"name": _COUNTER, "value": 0}])
            # Locked until the commit: a database's own counter would let a later id be seen first.
            mine = counter.c.name == _COUNTER
            last = connection.execute(select(counter.c.value).where(mine).with_for_update()).scalar_one()
            if connection.scalar(select(inbox.c.id).where(inbox.c.digest == name)) is not None:
                return False
            connection.execute(update(counter).where(mine).values(value=last + 1))
            insert_rows(connection, inbox, [{**row, "id": last + 1, "received_at": self._now()}])
            return True

        return self._db.write(work, tx)

    def take_unseen(
        self, after_id: int, *, source: str = "", limit: int = 1000, tx: Connection | None = None
    ) -> list[InboxEvent]:
        """Return what came in after an event, the oldest first; every reader keeps its own place.

        :param after_id: id of the last event seen; 0 for all.
        """
        query = select(inbox).where(inbox.c.id > after_id)
        query = query.where(inbox.c.source == source) if source else query
        return self._events(query.order_by(inbox.c.id).limit(limit), tx)

    def newest(self, *, source: str = "", limit: int = 20, tx: Connection | None = None) -> list[InboxEvent]:
        """Return what came in last, the newest first."""
        query = select(inbox).where(inbox.c.source == source) if source else select(inbox)
        return self._events(query.order_by(inbox.c.id.desc()).limit(limit), tx)

    def _events(self, query: Select[Any], tx: Connection | None) -> list[InboxEvent]:
        names = ("id", "source", "event_id", "kind", "received_at")

        def work(connection: Connection) -> list[InboxEvent]:
            return [
                InboxEvent(**{name: row[name] for name in names}, payload=self._cipher.open(row["payload"]))
                for row in connection.execute(query).mappings()
            ]

        return self._db.read(work, tx)

    def last_id(self, *, tx: Connection | None = None) -> int:
        """Return the id of the newest event; 0 when none ever came."""
        query = select(counter.c.value).where(counter.c.name == _COUNTER)
        return self._db.read(lambda connection: connection.scalar(query), tx) or 0
