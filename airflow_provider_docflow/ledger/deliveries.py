"""Deliveries of webhooks: what came in is kept together with its events, so that nobody can send it again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, select

from airflow_provider_docflow.exceptions import Authentication
from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.shared import delivery

REMEMBERED = timedelta(days=1)
"""A delivery is remembered for at least as long; no signed time may be older."""


@dataclass(frozen=True)
class NewEvent:
    """An event as it came in.

    :param event_id: the sender's own id of the event.
    :param payload: JSON.
    """

    event_id: str
    kind: str
    payload: Any


class Deliveries(Store):
    """Keeps the events of a delivery once.

    A sender that has not heard our answer repeats its delivery byte by byte: it is answered again and nothing
    is kept twice. The same signature or nonce with other bytes is nobody's honest delivery.
    """

    def keep(
        self,
        conn_id: str,
        source: str,
        events: Sequence[NewEvent],
        *,
        key: str = "",
        content: bytes = b"",
        tx: Connection | None = None,
    ) -> int:
        """Keep a delivery and its events, all or nothing.

        :param conn_id: connection through whose address it came.
        :param source: whose events they are, as the inbox names it.
        :param key: what cannot repeat in an honest delivery; empty if there is no such thing.
        :param content: what the key belongs to.
        :returns: how many events were new.
        :raises Authentication: the key came in before with another content.
        """

        def work(connection: Connection) -> int:
            if key and self._came_before(connection, conn_id, key, content):
                return 0
            if key:
                row = {"digest": _name(conn_id, key), "content": _hash(content), "received_at": self._now()}
                insert_missing(connection, delivery, [row])
                # Another process may have been quicker: then this row is not ours.
                self._came_before(connection, conn_id, key, content)
            put = self.ledger.inbox.put
            return sum(
                put(source, event.event_id, event.kind, event.payload, tx=connection) for event in events
            )

        return self._db.write(work, tx)

    def came_before(self, conn_id: str, key: str, content: bytes, *, tx: Connection | None = None) -> bool:
        """Tell whether this very delivery was kept.

        :raises Authentication: the key came in before with another content.
        """
        return self._db.read(lambda connection: self._came_before(connection, conn_id, key, content), tx)

    def _came_before(self, connection: Connection, conn_id: str, key: str, content: bytes) -> bool:
        query = select(delivery.c.content).where(delivery.c.digest == _name(conn_id, key))
        known = connection.scalar(query)
        if known is not None and known != _hash(content):
            raise Authentication("a delivery carries the signature of another one", system=conn_id)
        return known is not None


def _name(conn_id: str, key: str) -> str:
    return digest_of("docflow delivery 1", conn_id, key)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
