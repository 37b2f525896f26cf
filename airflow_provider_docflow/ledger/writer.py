"""
The write-once protocol for any number of documents: waves, each reserved, sent, read back and accounted for.

A single document is a wave of one. Several waves go side by side where they can share their connections:
while one is on the wire another is reserved, or its receipts are kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow.core.paging import chunks, turns
from airflow_provider_docflow.core.profile import Write
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.ledger.asker import Runner
from airflow_provider_docflow.ledger.lanes import Abreast, Lanes
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest, refuse_shadows, verb_of
from airflow_provider_docflow.ledger.rounds import Rounds, oldest_first
from airflow_provider_docflow.ledger.troubles import Troubles
from airflow_provider_docflow.ledger.wave import Wave


class Writer:
    """Writes batches to one instance.

    :param run: performs exchanges, one entry per exchange: its value or the error that ended it.
    :param owner: who holds the leases; for people who look at the ledger.
    :param lease_seconds: longer than the system's time-out plus the time to send; the bytes of a write
        go out in the first half of it or not at all.
    :param patience: seconds that the writer itself waits for an unknown outcome to settle; beyond
        that it raises and Airflow's retry goes on.
    :param wave: how many requests are reserved together, over all lanes.
    :param lanes: how many waves there may be at once.
    :param abreast: performs the exchanges of several waves over the same connections; without it, or for a
        single request, one wave follows the other.
    """

    def __init__(
        self,
        ledger: Any,
        site: Site,
        run: Runner,
        *,
        owner: str,
        lease_seconds: float = 120.0,
        patience: float = 15.0,
        wave: int = 300,
        lanes: int = 3,
        abreast: Abreast | None = None,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.ledger, self.site, self.run, self.owner = ledger, site, run, owner
        self.lease_seconds, self.patience, self.wave, self.lanes = lease_seconds, patience, wave, lanes
        self.abreast, self.sleep, self.clock = abreast, sleep, clock
        self.troubles = Troubles(ledger, site)

    def write(self, requests: Sequence[WriteRequest]) -> list[WriteOutcome]:
        """Write every request once.

        :param requests: of one document type and purpose.
        :returns: one outcome per request, in order; errors are outcomes, never raised, except that
            the ledger itself fails.
        :raises LedgerError: the ledger cannot be reached; nothing was sent for what is not accounted for.
        :raises InstanceChanged: writing to this instance is blocked.
        :raises ShadowReference: one is about a document that only a shadow run knows.
        """
        if not requests:
            return []
        refuse_shadows(requests)
        self.ledger.instances.writable(self.site.instance)
        first = requests[0].key
        write = self.site.profile.write(first.target_type, verb_of(first.purpose))
        lanes = Lanes(requests, Rounds(self.sleep, self.patience))
        # The same key twice in a batch: the second request meets what the first has written.
        for turn in turns(requests, lambda request: request.key.digest):
            self._turn(write, lanes, oldest_first(turn, requests))
        return [lanes.outcomes[place] for place in range(len(requests))]

    def _turn(self, write: Write, lanes: Lanes, places: Sequence[int]) -> None:
        if self.abreast is None or len(places) == 1:
            lanes.add(chunks(places, max(self.wave, write.batch_size)))
            lanes.work(self._wave(write, self.run))
            return
        # As many under way together as if one wave followed the other.
        size = max(math.ceil(self.wave / self.lanes), write.batch_size)
        lanes.add(chunks(places, size))

        def job(run: Runner) -> None:
            lanes.work(self._wave(write, run))

        self.abreast([job] * min(self.lanes, math.ceil(len(places) / size)))

    def _wave(self, write: Write, run: Runner) -> Wave:
        return Wave(
            self.ledger,
            self.site,
            write,
            run,
            owner=self.owner,
            lease_seconds=self.lease_seconds,
            clock=self.clock,
        )
