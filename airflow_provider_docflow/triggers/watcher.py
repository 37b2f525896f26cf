"""One look at the inbox a second for all who wait in a triggerer, however many they are."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import structlog

from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.ledger.inbox import InboxEvent

LOOK_SECONDS = 1.0
"""How often the inbox is looked at."""

log = structlog.get_logger(__name__)


class Mailbox:
    """What came in for one reader since it last took it out; used on the event loop alone."""

    def __init__(self) -> None:
        self._events: list[InboxEvent] = []
        self._came = asyncio.Event()

    def put(self, events: list[InboxEvent]) -> None:
        """Hand events over and wake the reader."""
        self._events += events
        self._came.set()

    def take(self) -> list[InboxEvent]:
        """Take everything out."""
        events, self._events = self._events, []
        self._came.clear()
        return events

    async def wait(self, seconds: float) -> None:
        """Wait until something comes in, and no longer than this."""
        try:
            async with asyncio.timeout(seconds):
                await self._came.wait()
        except TimeoutError:
            return


class Watcher:
    """Looks into one ledger's inbox on one event loop while somebody reads along."""

    _running: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Watcher]]] = WeakKeyDictionary()

    def __init__(self, ledger: Any, seen: int) -> None:
        self._ledger, self._seen = ledger, seen
        self._mailboxes: list[Mailbox] = []
        self._trouble = ""
        self._task = asyncio.create_task(self._run())

    @classmethod
    def join(cls, ledger: Any, seen: int) -> Mailbox:
        """Read along from now on.

        :param seen: id of the newest event now; none after it is missed.
        """
        here = cls._running.setdefault(asyncio.get_running_loop(), {})
        if ledger.ledger_id not in here:
            here[ledger.ledger_id] = cls(ledger, seen)
        mailbox = Mailbox()
        here[ledger.ledger_id]._mailboxes.append(mailbox)
        return mailbox

    @classmethod
    def leave(cls, mailbox: Mailbox) -> None:
        """Read along no longer; the last one ends the looking."""
        here = cls._running.get(asyncio.get_running_loop(), {})
        for name, watcher in list(here.items()):
            if mailbox in watcher._mailboxes:
                watcher._mailboxes.remove(mailbox)
            if not watcher._mailboxes:
                del here[name]
                watcher._task.cancel()

    async def _run(self) -> None:
        # It inherits the log context of whoever happened to come first.
        structlog.contextvars.clear_contextvars()
        while True:
            events = await self._look()
            if events:
                for mailbox in self._mailboxes:
                    mailbox.put(events)
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> list[InboxEvent]:
        try:
            events = await asyncio.to_thread(self._read)
        except Exception as error:
            # Without events everybody polls as ever.
            if str(error) != self._trouble:
                told = redact_text(str(error))
                log.warning("The inbox cannot be read; waiting goes on without it", error=told)
            self._trouble = str(error)
            return []
        self._trouble = ""
        return events

    def _read(self) -> list[InboxEvent]:
        if self._ledger.inbox.last_id() <= self._seen:
            return []
        events: list[InboxEvent] = self._ledger.inbox.take_unseen(self._seen)
        if events:
            self._seen = events[-1].id
        return events
