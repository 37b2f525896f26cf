"""Which documents the triggers of one stream wait for; counted, because two may wait for the same."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from airflow_provider_docflow.document import DocumentRef

Identity = tuple[str, str, str, str, int | None]


@dataclass
class _Entry:
    ref: DocumentRef
    count: int = 0
    due: list[float] = field(default_factory=list)
    """When each newcomer wants its direct read; emptied as they are served."""


class Awaited:
    """The awaited documents of one stream; used on the event loop alone."""

    _streams: ClassVar[dict[Hashable, Awaited]] = {}

    def __init__(self) -> None:
        self._entries: dict[Identity, _Entry] = {}

    @classmethod
    def of(cls, key: Hashable) -> Awaited:
        """Return the documents awaited under a stream's key; asking leaves nothing behind."""
        return cls._streams.get(key) or cls()

    @classmethod
    def enter(cls, key: Hashable, refs: Iterable[DocumentRef], due: float) -> None:
        """Add documents.

        :param due: from when on a newcomer may be told what was read, in the loop's time. A document is
            read directly after it: what changed before its trigger ran shows in no feed.
        """
        mine = cls._streams.setdefault(key, cls())._entries
        for ref in refs:
            entry = mine.setdefault(ref.identity, _Entry(ref))
            entry.count += 1
            entry.due.append(due)

    @classmethod
    def leave(cls, key: Hashable, refs: Iterable[DocumentRef]) -> None:
        """Take documents away that were added before."""
        mine = cls.of(key)._entries
        for ref in refs:
            entry = mine[ref.identity]
            entry.count -= 1
            if not entry.count:
                del mine[ref.identity]
        if not mine:
            cls._streams.pop(key, None)

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, identity: Identity) -> bool:
        return identity in self._entries

    def refs(self) -> dict[Identity, DocumentRef]:
        """Return all of them."""
        return {identity: entry.ref for identity, entry in self._entries.items()}

    def due(self, now: float) -> dict[Identity, DocumentRef]:
        """Return those of which a newcomer has to be told."""
        return {
            identity: entry.ref
            for identity, entry in self._entries.items()
            if any(moment <= now for moment in entry.due)
        }

    def next_due(self) -> float | None:
        """Return when the next newcomer has to be told, or None."""
        return min((moment for entry in self._entries.values() for moment in entry.due), default=None)

    def told(self, identities: Iterable[Identity], asked_at: float) -> None:
        """Strike off the newcomers whose document was asked for at ``asked_at``."""
        for identity in identities:
            entry = self._entries.get(identity)
            if entry is not None:
                entry.due = [moment for moment in entry.due if moment > asked_at]
