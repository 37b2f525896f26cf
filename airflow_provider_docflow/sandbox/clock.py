"""The sandbox's own time, which a test may advance or stop, and the work that waits for it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from airflow_provider_docflow.sandbox.store import Store, dumps, loads

log = logging.getLogger(__name__)
_CHUNK = 200


class Clock:
    """Epoch milliseconds, kept over a restart.

    :param store: where the offset is kept.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._frozen: int | None = store.setting("clock_frozen")
        self._offset: int = store.setting("clock_offset", 0)

    @property
    def frozen(self) -> bool:
        """Whether time stands still."""
        return self._frozen is not None

    def now(self) -> int:
        """Return the sandbox's time in epoch milliseconds."""
        return _real() + self._offset if self._frozen is None else self._frozen

    def advance(self, seconds: float) -> int:
        """Move time forward; a stopped clock stays stopped."""
        step = int(seconds * 1000)
        return self._keep(None if self._frozen is None else self._frozen + step, self._offset + step)

    def freeze(self, at: int | None = None) -> int:
        """Stop time now or at ``at``."""
        return self._keep(self.now() if at is None else at, self._offset)

    def thaw(self) -> int:
        """Let time run on from where it stopped."""
        return self._keep(None, self.now() - _real())

    def _keep(self, frozen: int | None, offset: int) -> int:
        self._frozen, self._offset = frozen, offset
        with self._store.write():
            self._store.set("clock_frozen", frozen)
            self._store.set("clock_offset", offset)
        return self.now()


def _real() -> int:
    return int(time.time() * 1000)


class Jobs:
    """Work that is due later: decisions, late commits, deliveries of events. It survives a restart.

    One lane runs its jobs in order of their time; lanes do not wait for each other.

    :param lane: name of the lane.
    """

    def __init__(self, store: Store, clock: Clock, lane: str) -> None:
        self._store, self._clock, self._lane = store, clock, lane
        self._now: dict[str, Callable[[dict[str, Any]], None]] = {}
        self._later: dict[str, Callable[[dict[str, Any]], Awaitable[None]]] = {}
        self._wake = asyncio.Event()
        self._busy = asyncio.Lock()

    def on(self, kind: str, handler: Callable[[dict[str, Any]], None]) -> None:
        """Let ``handler`` do jobs of ``kind``, in the transaction that removes the job."""
        self._now[kind] = handler

    def on_async(self, kind: str, handler: Callable[[dict[str, Any]], Awaitable[None]]) -> None:
        """Let ``handler`` do jobs of ``kind`` after the job has been removed."""
        self._later[kind] = handler

    def add(self, kind: str, body: dict[str, Any], at: int) -> None:
        """Enter a job that is due at ``at``."""
        self._store.execute(
            "INSERT INTO job (lane, kind, at, body) VALUES (?, ?, ?, ?)", (self._lane, kind, at, dumps(body))
        )
        self._wake.set()

    async def run_due(self) -> None:
        """Do all jobs that are due by now."""
        async with self._busy:
            while self._due():
                await self._later_one() if self._next_is_async() else self._now_chunk()
                await asyncio.sleep(0)

    async def serve(self) -> None:
        """Do jobs as they become due, until cancelled."""
        while True:
            self._wake.clear()
            await self.run_due()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), self._pause())

    def wake(self) -> None:
        """Look again: time has changed."""
        self._wake.set()

    def _pause(self) -> float | None:
        at = self._store.value("SELECT min(at) FROM job WHERE lane = ?", (self._lane,))
        if at is None or self._clock.frozen:
            return None
        return float(max((at - self._clock.now()) / 1000, 0.001))

    def _due(self) -> bool:
        sql = "SELECT 1 FROM job WHERE lane = ? AND at <= ? LIMIT 1"
        return self._store.value(sql, (self._lane, self._clock.now())) is not None

    def _rows(self, limit: int) -> list[Any]:
        return self._store.all(
            "SELECT id, kind, body FROM job WHERE lane = ? AND at <= ? ORDER BY at, id LIMIT ?",
            (self._lane, self._clock.now(), limit),
        )

    def _next_is_async(self) -> bool:
        return self._rows(1)[0]["kind"] in self._later

    async def _later_one(self) -> None:
        row = self._rows(1)[0]
        self._store.execute("DELETE FROM job WHERE id = ?", (row["id"],))
        try:
            await self._later[row["kind"]](loads(row["body"]))
        except Exception:
            log.exception("job %s failed", row["kind"])

    def _now_chunk(self) -> None:
        with self._store.write():
            for row in self._rows(_CHUNK):
                if row["kind"] in self._later:
                    break
                self._store.execute("DELETE FROM job WHERE id = ?", (row["id"],))
                self._attempt(row["kind"], loads(row["body"]))

    def _attempt(self, kind: str, body: dict[str, Any]) -> None:
        self._store.execute("SAVEPOINT job")
        try:
            self._now[kind](body)
        except Exception:
            self._store.execute("ROLLBACK TO job")
            log.exception("job %s failed", kind)
        self._store.execute("RELEASE job")
