"""The ledger as a stream of the triggerer sees it: in threads, a few times a poll, and never in its way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import structlog

from airflow_provider_docflow.exceptions import LedgerUnavailable
from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.ledger.inbox import InboxEvent
from airflow_provider_docflow.ledger.incidents import Category, NewIncident
from airflow_provider_docflow.triggers.watcher import Mailbox, Watcher

REFUSED = "waiting.refused"
"""Code of the incident of a connection through which documents are awaited and cannot be read."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Memory:
    """Hears what comes in and tells the health of a connection; without its ledger a stream goes on polling.

    :param ledger_id: the ledger of the tasks that wait; another one would know nothing of them.
    :param source: the connection whose documents are awaited.
    """

    def __init__(self, ledger_conn_id: str, ledger_id: str, source: str) -> None:
        self.ledger_conn_id, self.ledger_id, self.source = ledger_conn_id, ledger_id, source
        self.ledger: Any = None
        self._mailbox: Mailbox | None = None
        self._refused: bool | None = None
        self._trouble = ""

    async def open(self) -> Any:
        """Return the ledger, or None while it cannot be used."""
        if self.ledger is None:
            self.ledger = await self._quietly(self._open)
        return self.ledger

    def _open(self) -> Any:
        ledger = ledger_of(self.ledger_conn_id)
        if ledger.ledger_id != self.ledger_id:
            raise LedgerUnavailable(
                f"connection {self.ledger_conn_id} leads the triggerer to another ledger than the tasks.",
                remedy="Give workers and triggerers the same connection.",
            )
        return ledger

    async def listen(self) -> None:
        """Hear from now on what comes into the inbox, if the ledger can be used."""
        if self._mailbox is None and await self.open() is not None:
            # What came in before is answered by the direct reads with which every wait begins.
            seen = await self._quietly(self.ledger.inbox.last_id)
            if seen is not None:
                self._mailbox = Watcher.join(self.ledger, seen)

    def events(self) -> list[InboxEvent]:
        """Return the events that came in since they were last asked for, whoever sent them."""
        return self._mailbox.take() if self._mailbox else []

    async def wait(self, seconds: float) -> None:
        """Wait for an event, and no longer than this."""
        await (self._mailbox.wait(seconds) if self._mailbox else asyncio.sleep(seconds))

    def close(self) -> None:
        """Hear no more."""
        if self._mailbox is not None:
            Watcher.leave(self._mailbox)
            self._mailbox = None

    async def failed(self, instance: str, cause: str, category: Category) -> None:
        """Tell that nothing can be read through the connection; one incident, however often."""
        if self.ledger is not None:
            await self._quietly(lambda: self._failed(instance, cause, category))

    def _failed(self, instance: str, cause: str, category: Category) -> None:
        if self._refused:
            return
        new = NewIncident(
            category,
            REFUSED,
            cause,
            instance_id=instance,
            document_number=self.source,
            group_key=f"{instance}|{REFUSED}",
        )
        self.ledger.incidents.open(new)
        self._refused = True

    async def answered(self, instance: str) -> None:
        """Tell that documents can be read; this closes the incident."""
        if self.ledger is not None and self._refused is not False:
            await self._quietly(lambda: self._answered(instance))

    def _answered(self, instance: str) -> None:
        self.ledger.incidents.close_named(
            REFUSED,
            instance_id=instance,
            document_number=self.source,
            actor="docflow",
            reason="the documents can be read again",
        )
        self._refused = False

    async def charge(self, work: Callable[[Any], float]) -> float:
        """Account for a poll in the ledger; return the seconds by which it puts the next one off."""
        return await self._quietly(lambda: work(self.ledger)) or 0.0

    async def _quietly(self, work: Callable[[], T]) -> T | None:
        try:
            found = await asyncio.to_thread(work)
        except Exception as error:
            # A stream must not raise: it would fail every task that waits.
            if str(error) != self._trouble:
                log.warning("The ledger cannot be used; waiting goes on without it", error=str(error))
            self._trouble = str(error)
            return None
        self._trouble = ""
        return found


def named_in(payload: Any) -> set[str]:
    """Return the ids and numbers that an event names: of one document, or of a list under ``documents``."""
    if not isinstance(payload, dict):
        return set()
    documents = payload.get("documents")
    found = {str(payload[name]) for name in ("internal_id", "number") if payload.get(name)}
    for one in documents if isinstance(documents, list) else ():
        found |= named_in(one)
    return found
