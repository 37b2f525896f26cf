"""Which processes have opened this ledger: proof that worker, triggerer and API server share one memory."""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from airflow_provider_docflow import __version__
from airflow_provider_docflow.ledger.base import Store, upsert
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.sightings import sighting

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.store import Ledger

ROLES = ("worker", "triggerer", "api-server", "webhooks")
REPEAT_SECONDS = 60.0
PAGES_REPEAT_SECONDS = 3600.0
"""The API server stays what it is; nothing is compared with the moment at which it was seen."""


@dataclass(frozen=True)
class Sighting:
    """One kind of process on one machine.

    :param version: of this package there.
    :param seen_at: when such a process opened the ledger last; exact to a minute.
    """

    role: str
    host: str
    ledger_id: str
    version: str
    first_at: datetime
    seen_at: datetime


class Sightings(Store):
    """Remembers who opens the ledger; a process tells it at most once a minute."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()

    def seen(self, role: str, host: str = "") -> None:
        """Tell that a process of this kind uses the ledger.

        :param role: one of ``ROLES``.
        :param host: the machine's name as Airflow has it; the machine is asked if it is not given.
        """
        with self._lock:
            last = self._told.get(role)
            repeat = PAGES_REPEAT_SECONDS if role == "api-server" else REPEAT_SECONDS
            if last is not None and time.monotonic() - last < repeat:
                return
            self._told[role] = time.monotonic()
        self._tell(role, (host or socket.getfqdn())[:255])

    def _tell(self, role: str, host: str) -> None:
        key, now = digest_of("docflow sighting 1", role, host), self._now()
        query = select(sighting.c.seen_at, sighting.c.version).where(sighting.c.digest == key)
        known = self._db.read(lambda connection: connection.execute(query).first())
        # Tasks are processes of their own: without this look, thousands of them would write one row.
        if known and known.version == __version__ and now - known.seen_at < timedelta(seconds=REPEAT_SECONDS):
            return
        row: dict[str, Any] = {"digest": key, "role": role, "host": host, "ledger_id": self.ledger.ledger_id}
        row |= {"version": __version__, "first_at": now, "seen_at": now}
        changing = ("ledger_id", "version", "seen_at")
        self._db.write(lambda connection: upsert(connection, sighting, [row], changing))

    def all(self, *, tx: Connection | None = None) -> list[Sighting]:
        """Return every kind of process on every machine, the latest first."""
        names = ("role", "host", "ledger_id", "version", "first_at", "seen_at")
        query = select(*(sighting.c[name] for name in names)).order_by(sighting.c.seen_at.desc())
        return self._db.read(lambda connection: [Sighting(*row) for row in connection.execute(query)], tx)
