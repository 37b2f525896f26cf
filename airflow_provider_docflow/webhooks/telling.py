"""What the log says of deliveries: the first of a kind at once, then how many were like it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

QUIET_SECONDS = 60.0
"""Whoever floods an address must not flood the log."""


class Notes:
    """Writes one line per connection and reason in a minute, without anything that was delivered."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[tuple[str, str], tuple[float, int]] = {}
        self._lock = threading.Lock()

    def warn(self, conn_id: str, reason: str, told: str) -> None:
        """Tell of a delivery that was not taken.

        :param reason: a word of the code's own; connections and reasons are few.
        :param told: for people, without secrets.
        """
        now = self._clock()
        with self._lock:
            at, more = self._told.get((conn_id, reason), (float("-inf"), 0))
            quiet = now - at < QUIET_SECONDS
            self._told[conn_id, reason] = (at, more + 1) if quiet else (now, 0)
        if not quiet:
            log.warning("A delivery was not taken", conn_id=conn_id, reason=reason, told=told, before=more)
