"""Waves side by side: while one is on the wire, another is reserved or its receipts are kept."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from airflow_provider_docflow.ledger.asker import Runner
from airflow_provider_docflow.ledger.requests import Work, WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.rounds import Rounds
from airflow_provider_docflow.ledger.wave import Wave

Abreast = Callable[[Sequence[Callable[[Runner], None]]], None]
"""Runs jobs on a thread each, over shared connections, and raises what ended one of them."""


class Lanes:
    """The waves of a batch, taken by one lane or several.

    Each wave has leases of its own, so that a lane that falls behind or dies holds up no other. They are
    reserved in their order, one at a time: who comes first gets what is left of a line.

    :ivar outcomes: place in ``requests`` → what became of it.
    """

    def __init__(self, requests: Sequence[WriteRequest], rounds: Rounds) -> None:
        self._requests, self._rounds = requests, rounds
        self._waves: deque[Sequence[int]] = deque()
        self._lock, self._stopped = threading.Lock(), False
        self.outcomes: dict[int, WriteOutcome] = {}

    def add(self, waves: Iterable[Sequence[int]]) -> None:
        """Have waves written, each given as places in ``requests``."""
        self._waves.extend(waves)

    def work(self, wave: Wave) -> None:
        """Write one wave after the other until none is left, or another lane has failed."""
        try:
            while (taken := self._take(wave)) is not None:
                places, works = taken
                requests = [self._requests[place] for place in places]
                outcomes = self._rounds.settled(requests, wave.finish(works), wave.write)
                self.outcomes.update(zip(places, outcomes, strict=True))
        except BaseException:
            self._stopped = True
            raise

    def _take(self, wave: Wave) -> tuple[Sequence[int], list[Work]] | None:
        with self._lock:
            while self._waves and not self._stopped:
                places = self._waves.popleft()
                requests = [self._requests[place] for place in places]
                if self._rounds.down is None:
                    return places, wave.reserve(requests)
                self.outcomes.update(zip(places, self._rounds.not_tried(requests), strict=True))
        return None
