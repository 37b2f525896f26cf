"""One poll for all who wait on a connection for documents of one type: when it asks, and what is new."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Hashable, Mapping
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.triggers.awaited import Awaited, Identity
from airflow_provider_docflow.triggers.memory import Memory, named_in
from airflow_provider_docflow.triggers.reading import Reader, Readings
from airflow_provider_docflow.triggers.words import words_of

Snapshot = dict[Identity, Mapping[str, Any]]
"""What is new of awaited documents: their ``words``, or the ``error`` of one of them."""

LONGEST_REST = 1.0
"""After so many seconds it is seen that somebody has begun to wait."""


class Stream:
    """The poll behind one key; it does not end and does not raise.

    :param key: under which the documents are awaited.
    :param poll_interval: seconds between polls; they are more where the connection's limits want it.
    """

    def __init__(self, key: Hashable, reader: Reader, memory: Memory, poll_interval: float) -> None:
        self.key, self.reader, self.memory, self.poll_interval = key, reader, memory, poll_interval
        self._last: Snapshot = {}
        self._hinted: set[Identity] = set()
        self._next_poll: float | None = None
        self._newcomers_from = 0.0

    @property
    def awaited(self) -> Awaited:
        """The documents that are waited for now."""
        return Awaited.of(self.key)

    async def snapshots(self) -> AsyncGenerator[Snapshot]:
        """Yield one snapshot for each poll that saw something new."""
        try:
            while True:
                await self._rest()
                snapshot = await self._turn()
                if snapshot:
                    yield snapshot
        finally:
            self.memory.close()
            await self.reader.close()

    async def _rest(self) -> None:
        """Wait for the next poll, for a newcomer's direct read, or for an event in the inbox."""
        await self.memory.listen()
        while (wait := self._wait()) > 0:
            if self._events():
                return
            await self.memory.wait(min(LONGEST_REST, max(0.01, wait)))

    def _wait(self) -> float:
        """Return the seconds until something is to be read; the first poll is a newcomer's direct read."""
        due = self.awaited.next_due()
        direct = math.inf if due is None else max(due, self._newcomers_from)
        at = direct if self._next_poll is None else min(direct, self._next_poll)
        return at - asyncio.get_running_loop().time()

    def _events(self) -> bool:
        """Look what came in; return whether an event names a document that is waited for."""
        named: dict[str, set[str]] = {}
        for event in self.memory.events():
            named.setdefault(event.source, set()).update(named_in(event.payload))
        if named:
            for identity, ref in self.awaited.refs().items():
                # A connection that was not bound yet when the event came in stands for its instance.
                told = named.get(ref.instance, set()) | named.get(self.memory.source, set())
                if ref.internal_id in told or (ref.number and ref.number in told):
                    self._hinted.add(identity)
        return bool(self._hinted)

    async def _turn(self) -> Snapshot:
        now = asyncio.get_running_loop().time()
        regular = self._next_poll is None or self._next_poll <= now
        before = self.reader.requests
        snapshot: Snapshot = {}
        try:
            snapshot = await self._poll(now, regular=regular)
        except Exception as error:
            # Whatever it is, raised here it would fail every task that waits.
            await self.reader.troubled(error, self._an_instance())
        cost = await self.reader.charge(self.reader.requests - before)
        self._plan(now, cost, regular=regular)
        return snapshot

    def _an_instance(self) -> str:
        return next((ref.instance for ref in self.awaited.refs().values()), "")

    def _plan(self, now: float, cost: float, *, regular: bool) -> None:
        """Put the next poll off by what this one cost."""
        self._newcomers_from = now + self.poll_interval
        if regular or self._next_poll is None:
            self._next_poll = now + max(self.poll_interval, cost)
        else:
            self._next_poll += cost

    async def _poll(self, now: float, *, regular: bool) -> Snapshot:
        newcomers, known = self.awaited.due(now), self.awaited.refs()
        hinted, self._hinted = self._hinted, set()
        wanted = {**newcomers, **{identity: known[identity] for identity in hinted if identity in known}}
        rest = await self.reader.changed(known) if regular and known else {}
        wanted.update(rest)
        readings = await self.reader.read(wanted)
        snapshot = self._news(readings, told_anyway=set(newcomers))
        self.awaited.told(readings, now)
        if len(rest) == len(known):
            self.reader.feed.compare(snapshot.keys() - newcomers.keys())
            self._last = {identity: told for identity, told in self._last.items() if identity in self.awaited}
        return snapshot

    def _news(self, readings: Readings, *, told_anyway: set[Identity]) -> Snapshot:
        """Return what differs from the last reading; a newcomer is told in any case."""
        found = {identity: _told(reading) for identity, reading in readings.items()}
        news: Snapshot = {
            identity: told
            for identity, told in found.items()
            if identity in told_anyway or self._last.get(identity) != told
        }
        self._last.update(found)
        return news


def _told(reading: Reading | exc.DocflowError) -> dict[str, Any]:
    if isinstance(reading, exc.DocflowError):
        return {"error": type(reading).__name__}
    return {"words": words_of(reading.state)}
