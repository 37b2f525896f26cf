"""Waits until documents have reached a state; all who wait on a connection share one poll."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Hashable, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import structlog
from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.ledger import DEFAULT_CONN_ID
from airflow_provider_docflow.triggers.awaited import Awaited, Identity
from airflow_provider_docflow.triggers.words import Wanted, all_reached, any_reached, unreadable

if TYPE_CHECKING:
    from airflow_provider_docflow.triggers.polling import Snapshot, Stream

LOOK_AGAIN = "look_again"
NAMED_IN_EVENT = 50


class DocumentTrigger(BaseEventTrigger):
    """Fires when every one of some documents has reached a state, or one can no longer be waited for.

    It only says that there is something to see: whoever is resumed reads the documents again and judges.
    Every argument is a JSON primitive, or a list or mapping of them.

    :param docflow_conn_id: the system that is read.
    :param document_type: type of the documents.
    :param documents: references of the documents, as JSON.
    :param until: axis to words; a document is waited for until every axis stands on one of its words.
    :param fail_on: axis to words that end the wait at once.
    :param poll_interval: seconds between two polls.
    :param first_check_seconds: the trigger does not fire earlier than this after it began.
    :param ledger_id: the ledger of the task that waits.
    """

    def __init__(
        self,
        *,
        docflow_conn_id: str,
        document_type: str,
        documents: Sequence[Mapping[str, Any]],
        until: Wanted,
        ledger_id: str,
        fail_on: Wanted | None = None,
        poll_interval: float = 30.0,
        first_check_seconds: float = 10.0,
        ledger_conn_id: str = DEFAULT_CONN_ID,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.docflow_conn_id = docflow_conn_id
        self.document_type = document_type
        self.documents = documents
        self.until = until
        self.fail_on = fail_on or {}
        self.poll_interval = poll_interval
        self.first_check_seconds = first_check_seconds
        self.ledger_id = ledger_id
        self.ledger_conn_id = ledger_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments."""
        names = ("docflow_conn_id", "document_type", "until", "fail_on", "poll_interval")
        more = ("first_check_seconds", "ledger_id", "ledger_conn_id")
        arguments = {name: getattr(self, name) for name in (*names, *more)}
        arguments["documents"] = [dict(document) for document in self.documents]
        return f"{__name__}.{type(self).__name__}", arguments

    def shared_stream_key(self) -> Hashable:
        """Return what all who may share one poll have in common."""
        return stream_key(vars(self))

    @classmethod
    async def open_shared_stream(cls, kwargs: dict[str, Any]) -> AsyncGenerator[Snapshot]:
        """Poll for all who wait under one key."""
        # The poll inherits the log context of whoever happened to come first.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(
            docflow_conn_id=kwargs["docflow_conn_id"], document_type=kwargs["document_type"]
        )
        async with aclosing(cls._snapshots(kwargs)) as snapshots:
            async for snapshot in snapshots:
                yield snapshot

    @classmethod
    async def _snapshots(cls, kwargs: dict[str, Any]) -> AsyncGenerator[Snapshot]:
        # In a thread: the first import takes a second, for which the loop would serve no other trigger.
        stream = await asyncio.to_thread(_stream, kwargs)
        async with aclosing(stream.snapshots()) as snapshots:
            async for snapshot in snapshots:
                yield snapshot

    async def filter_shared_stream(
        self, shared_stream: AsyncIterator[Snapshot]
    ) -> AsyncGenerator[TriggerEvent]:
        """Fire once, when the documents of this trigger are worth another look."""
        key, refs = self.shared_stream_key(), self._refs()
        due = asyncio.get_running_loop().time() + self.first_check_seconds
        Awaited.enter(key, refs.values(), due)
        try:
            seen: Snapshot = {}
            async for snapshot in shared_stream:
                seen.update({identity: snapshot[identity] for identity in refs if identity in snapshot})
                if asyncio.get_running_loop().time() >= due and self._is_worth_a_look(seen, len(refs)):
                    yield TriggerEvent(self._event(refs, seen))  # type: ignore[no-untyped-call]
                    return
        finally:
            Awaited.leave(key, refs.values())

    async def run(self) -> AsyncGenerator[TriggerEvent]:
        """Wait alone, as ``dag.test()`` does."""
        snapshots = self._snapshots(self.serialize()[1])
        async with aclosing(snapshots), aclosing(self.filter_shared_stream(snapshots)) as events:
            async for event in events:
                yield event

    def _refs(self) -> dict[Identity, DocumentRef]:
        refs = (DocumentRef.from_json(document) for document in self.documents)
        return {ref.identity: ref for ref in refs}

    def _is_worth_a_look(self, seen: Snapshot, awaited: int) -> bool:
        """Tell whether all have reached what is waited for, or one never will."""
        if any("error" in told or self._is_over(told["words"]) for told in seen.values()):
            return True
        return len(seen) == awaited and all(all_reached(told["words"], self.until) for told in seen.values())

    def _is_over(self, words: Mapping[str, str]) -> bool:
        return any_reached(words, self.fail_on) or bool(unreadable(words, self.until, self.fail_on))

    def _event(self, refs: Mapping[Identity, DocumentRef], seen: Snapshot) -> dict[str, Any]:
        documents = [{"ref": refs[identity].to_json(), **told} for identity, told in seen.items()]
        return {"docflow": LOOK_AGAIN, "count": len(refs), "documents": documents[:NAMED_IN_EVENT]}


def _stream(kwargs: Mapping[str, Any]) -> Stream:
    from airflow_provider_docflow.triggers.memory import Memory
    from airflow_provider_docflow.triggers.polling import Stream
    from airflow_provider_docflow.triggers.reading import Reader

    conn_id = kwargs["docflow_conn_id"]
    memory = Memory(kwargs["ledger_conn_id"], kwargs["ledger_id"], conn_id)
    reader = Reader(conn_id, kwargs["document_type"], memory)
    return Stream(stream_key(kwargs), reader, memory, kwargs["poll_interval"])


def stream_key(kwargs: Mapping[str, Any]) -> Hashable:
    """Return the key of the stream of a trigger with these arguments."""
    names = ("ledger_id", "ledger_conn_id", "docflow_conn_id", "document_type", "poll_interval")
    return ("docflow", *(kwargs[name] for name in names))


def check_event(event: Any) -> None:
    """Refuse an event that is not from a :class:`DocumentTrigger`.

    :raises TransientError: it is none; a retry waits anew.
    """
    if not isinstance(event, Mapping) or event.get("docflow") != LOOK_AGAIN:
        raise exc.TransientError(
            f"the wait was ended by something else than its trigger: {str(event)[:200]}.",
            remedy="Nothing: the next try reads the documents again.",
        )
