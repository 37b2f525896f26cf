"""What one poll asks a system: newcomers directly, the rest by the change feed or by reading all."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import structlog
from airflow.sdk import BaseHook

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.limits import limits_of
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.connections import site_of
from airflow_provider_docflow.hooks.docflow import DocflowHook, system_for
from airflow_provider_docflow.hooks.gates import close_all
from airflow_provider_docflow.ledger.troubles import category_of
from airflow_provider_docflow.triggers.awaited import Identity
from airflow_provider_docflow.triggers.door import PacedDoor, ShareGate, charge, seconds_each
from airflow_provider_docflow.triggers.feed import Feed
from airflow_provider_docflow.triggers.memory import Memory

Refs = Mapping[Identity, DocumentRef]
Readings = dict[Identity, Reading | exc.DocflowError]

SWEEP_EVERY = 10
"""Every so many polls all documents are read, whatever the change feed says."""

FEED_PAYS = 5
"""Requests for reading all documents from which on a change feed is cheaper."""

FEED_PAGES = 10
"""Pages of a change feed that one poll reads; a feed that is behind is read on by the next."""

OF_A_DOCUMENT = (exc.NotFound, exc.Rejected, exc.Duplicate, exc.Unsupported)
"""Errors that concern one document, unless a whole page ends in one; all others concern the connection."""

log = structlog.get_logger(__name__)


class Reader:
    """Reads awaited documents of one type through one connection."""

    def __init__(self, conn_id: str, document_type: str, memory: Memory) -> None:
        self.hook = DocflowHook(conn_id)
        self.document_type, self.memory = document_type, memory
        self.feed = Feed()
        self._door: PacedDoor | None = None
        self._spent = 0
        self._sweep_in = 0
        self._trouble, self._served = "", False

    @property
    def requests(self) -> int:
        """How many requests went out so far."""
        return self._spent + (self._door.requests if self._door else 0)

    async def charge(self, used: int) -> float:
        """Account for the requests of a poll; return the seconds by which it puts the next one off."""
        if self._door is None:
            return 0.0
        site = self._door.site
        if self.memory.ledger is None:
            return used * seconds_each(limits_of(site))
        return await self.memory.charge(lambda ledger: charge(ledger, site, used))

    async def changed(self, known: Refs) -> Refs:
        """Return which of the awaited documents to read in a regular poll: all, or those that changed."""
        door = await self._connected(known)
        kind = door.site.profile.of(self.document_type)
        instances = {ref.instance for ref in known.values()}
        few = math.ceil(len(known) / max(1, kind.page_size)) < FEED_PAYS
        if kind.changes is None or few or not self.feed.trusted or len(instances) != 1:
            return known
        try:
            ids = await self._told(door, instances.pop())
        except exc.PermanentError as error:
            log.warning("The change feed is of no use, so all documents are read", error=str(error))
            self.feed.trusted = False
            return known
        self.feed.judge()
        self._sweep_in -= 1
        if self._sweep_in < 0 or not (self.feed.trusted and self.feed.caught_up):
            self._sweep_in = SWEEP_EVERY
            return known
        return {identity: ref for identity, ref in known.items() if ref.internal_id in ids}

    async def _told(self, door: PacedDoor, instance: str) -> set[str]:
        ids: set[str] = set()
        for _ in range(FEED_PAGES):
            ids |= self.feed.read(
                await self.hook.achanges(door, self.document_type, instance, self.feed.cursor)
            )
            if self.feed.caught_up:
                break
        return ids

    async def read(self, refs: Refs) -> Readings:
        """Read documents; what only the connection is to blame for is left out, and may be asked again."""
        found: Readings = {}
        door = await self._connected(refs)
        for instance in sorted({ref.instance for ref in refs.values()}):
            mine = {identity: ref for identity, ref in refs.items() if ref.instance == instance}
            trouble = await self._read(door, instance, mine, found)
            if trouble is not None:
                await self.troubled(trouble, instance)
            elif self._trouble or not self._served:
                await self._well(instance)
        return found

    async def _read(
        self, door: PacedDoor, instance: str, refs: Refs, found: Readings
    ) -> BaseException | None:
        """Read documents of one instance into ``found``; return what the connection is to blame for."""
        site = replace(door.site, instance=instance)
        kind = site.profile.of(self.document_type)
        pages = list(chunks(list(refs), kind.page_size))
        answers = await door.run_all([kind.read(site, [refs[one] for one in page]) for page in pages])
        trouble: BaseException | None = None
        for page, answer in zip(pages, answers, strict=True):
            readings = [answer] * len(page) if isinstance(answer, Exception) else answer
            for identity, reading in zip(page, readings, strict=True):
                if _is_of_the_document(reading) and not (reading is answer and len(page) > 1):
                    found[identity] = reading  # type: ignore[assignment]
                else:
                    trouble = reading  # type: ignore[assignment]
        return trouble

    async def troubled(self, error: BaseException, instance: str) -> None:
        """Account for a connection that does not serve: one line in the log, one incident, a new login.

        Whether the system is down the gates have learnt already; here it is what they let pass.
        """
        told = f"{type(error).__name__}: {error}"
        if told != self._trouble:
            known = isinstance(error, exc.DocflowError)
            log.warning(
                "Waiting goes on, but the system does not answer",
                error=told,
                exc_info=None if known else error,
            )
        self._trouble = told
        if instance and not isinstance(error, exc.HeldError | exc.TransientError | exc.LedgerError):
            known = isinstance(error, exc.DocflowError)
            await self.memory.failed(instance, told, category_of(error) if known else "technical")  # type: ignore[arg-type]
        await self.close()

    async def _well(self, instance: str) -> None:
        if self._trouble:
            log.info("The system answers again")
        self._trouble, self._served = "", True
        await self.memory.answered(instance)

    async def _connected(self, refs: Refs) -> PacedDoor:
        if self._door is None:
            connection = await BaseHook.aget_connection(self.hook.docflow_conn_id)
            ledger = await self.memory.open()
            # In a thread: masking secrets, certificates and database drivers all hold the loop up.
            instance = next((ref.instance for ref in refs.values()), "")
            self._door = await asyncio.to_thread(_door, connection, ledger, instance)
        return self._door

    async def close(self) -> None:
        """Close the connections; the next poll opens them anew, with the settings of then."""
        door, self._door = self._door, None
        if door is not None:
            self._spent += door.requests
            await door.aclose()
            await asyncio.to_thread(close_all, door.gates)


def _door(connection: Any, ledger: Any, instance: str) -> PacedDoor:
    # Whoever waits has read the documents before: their instance is the one whose limits count.
    site = replace(site_of(connection), instance=instance)
    system = system_for(site, ledger)
    gates = (ShareGate(ledger, site), *system.gates) if ledger is not None else ()
    return PacedDoor(site, tokens=system.tokens, sql=system.sql, gates=gates, concurrency=system.concurrency)


def _is_of_the_document(reading: object) -> bool:
    return isinstance(reading, OF_A_DOCUMENT) or not isinstance(reading, Exception)
