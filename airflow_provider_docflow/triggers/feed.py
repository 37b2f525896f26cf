"""A system's change feed, as far as it can be relied on while waiting."""

from __future__ import annotations

from collections.abc import Iterable

from airflow_provider_docflow.core.profile import Changes
from airflow_provider_docflow.triggers.awaited import Identity


class Feed:
    """Where a change feed stands, and whether it tells what is waited for.

    Some feeds show what was created and never a later decision. Such a feed is found out by a sweep that sees
    a change of which the feed says nothing even afterwards; from then on it is not asked any more.

    :ivar cursor: where to read on; empty at the beginning.
    :ivar caught_up: whether it was read to its end.
    :ivar trusted: whether it has told every change so far.
    """

    def __init__(self) -> None:
        self.cursor = ""
        self.caught_up = False
        self.trusted = True
        self._announced: set[str] = set()
        self._unannounced: set[str] = set()

    def read(self, page: Changes) -> set[str]:
        """Take in a page; return the internal ids that it names."""
        ids = {ref.internal_id for ref in page.refs}
        self.cursor, self.caught_up = page.cursor, not page.more
        self._announced |= ids
        return ids

    def judge(self) -> None:
        """Stop relying on the feed if it has still not told what the last sweep saw."""
        if self.caught_up and self._unannounced - self._announced:
            self.trusted = False
        self._unannounced.clear()

    def compare(self, changed: Iterable[Identity]) -> None:
        """Remember which changes a sweep saw before the feed told them, and begin anew."""
        seen = {identity[3] for identity in changed}
        self._unannounced = seen - self._announced if self.caught_up else set()
        self._announced.clear()
