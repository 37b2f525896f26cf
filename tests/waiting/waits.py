"""Waits as the triggerer runs them: every trigger a task, all of one key behind one poll."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from airflow.triggers.base import TriggerEvent
from airflow.triggers.shared_stream import SharedStreamManager

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.triggers.document import DocumentTrigger
from airflow_provider_docflow.triggers.words import DECIDED
from tests.waiting.oa import TYPE

HANGS = 120
"""Seconds after which a test that waits for something to happen has failed."""


def trigger(ledger: Ledger, *refs: DocumentRef, **more: Any) -> DocumentTrigger:
    """A trigger that waits for decisions, quickly."""
    arguments: dict[str, Any] = {
        "docflow_conn_id": "oa",
        "document_type": TYPE,
        "documents": [ref.to_json() for ref in refs],
        "until": DECIDED,
        "ledger_id": ledger.ledger_id,
        "poll_interval": 0.05,
        "first_check_seconds": 0.0,
    }
    return DocumentTrigger(**(arguments | more))


class Triggerer:
    """One triggerer process, as far as shared streams are concerned."""

    def __init__(self) -> None:
        self.manager = SharedStreamManager()
        self.tasks: list[asyncio.Task[Any]] = []

    def add(self, *triggers: DocumentTrigger) -> list[asyncio.Task[Any]]:
        """Begin waits; each task ends with the payload of its event, or with what failed it."""
        started = [
            asyncio.create_task(self._follow(len(self.tasks) + number, one))
            for number, one in enumerate(triggers)
        ]
        self.tasks += started
        return started

    async def _follow(self, trigger_id: int, one: DocumentTrigger) -> Any:
        key = one.shared_stream_key()
        stream = self.manager.subscribe(trigger_id=trigger_id, trigger=one, key=key)
        payload = None
        try:
            async for event in one.filter_shared_stream(stream):
                assert isinstance(event, TriggerEvent)
                payload = event.payload
        finally:
            await self.manager.unsubscribe(trigger_id, key)
        return payload

    async def stop(self) -> None:
        """Stop as a triggerer does that is shut down: what it knew is gone."""
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.manager.stop_all()


@contextlib.asynccontextmanager
async def triggerer() -> AsyncIterator[Triggerer]:
    """A running triggerer."""
    running = Triggerer()
    try:
        yield running
    finally:
        await running.stop()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(HANGS):
        while not condition():  # noqa: ASYNC110 - what becomes true happens in other threads
            await asyncio.sleep(0.01)


async def all_of(tasks: Sequence[asyncio.Task[Any]]) -> list[Any]:
    """Wait for all events."""
    async with asyncio.timeout(HANGS):
        return list(await asyncio.gather(*tasks))
