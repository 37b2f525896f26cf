"""What a run leaves behind of sides that tell only a part, so that the next one finds counterparts again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.known import Packed
from airflow_provider_docflow.reconcile.dialect import literal
from airflow_provider_docflow.reconcile.plan.carrying import LATER, Carrying, Known
from airflow_provider_docflow.reconcile.plan.ground import SIDES, Ground
from airflow_provider_docflow.reconcile.plan.manual import text_of
from airflow_provider_docflow.reconcile.sides import Layout

#: So many runs add to what is known before it is written anew.
MOST_GENERATIONS = 30
#: A change may become visible later than the moment that it bears; what is told twice does no harm.
OVERLAP = timedelta(minutes=15)
_NOTHING = "cast(NULL AS VARCHAR(1))"


class Memory:
    """What the ledger keeps of one reconciliation's windows.

    :param windows: the sides that tell only a part; without any there is nothing to keep.
    """

    def __init__(self, ledger: Any, name: str, layout: Layout, windows: Sequence[str]) -> None:
        self.ledger, self.name, self.windows = ledger, name, tuple(windows)
        fields = [[field, layout.kinds[field]] for field in layout.fields]
        self.shape = digest_of("docflow known documents 1", fields, list(layout.identity), list(self.windows))
        self.usable = bool(self.windows) and ledger.known.shape(name) == self.shape
        kept = len(set(ledger.known.generations(name))) if self.usable else 0
        self.anew = not self.usable or kept >= MOST_GENERATIONS

    def known(self) -> Known:
        """Return what is known of the windows; nothing where it is of other fields or sides."""
        return Known(self.windows, self.ledger.known.entries(self.name)) if self.usable else Known()

    def since(self, last: datetime | None) -> datetime | None:
        """Return from when on changes are asked for: ever, where nothing is known."""
        return last - OVERLAP if last and self.usable else None

    def packed(self, ground: Ground, carrying: Carrying, lasting: Sequence[str]) -> Packed | None:
        """Return what a run adds.

        :param lasting: standings of what stays open; the ledger has it already.
        """
        if not self.windows:
            return None
        entries = (
            entry
            for key in self.windows
            for query in self._queries(ground, carrying, key, lasting)
            for part in ground.engine.stream(query)
            for entry in ((key, row[0], *map(text_of, row[1:])) for row in part)
        )
        packed: Packed = self.ledger.known.packed(self.shape, entries, anew=self.anew)
        return packed

    def _queries(self, ground: Ground, carrying: Carrying, key: str, lasting: Sequence[str]) -> Iterator[str]:
        seen = f"seen_{key}"
        columns = ", ".join(carrying.columns)
        _see(ground, carrying, key, lasting, seen)
        changed = ""
        if not self.anew and len(self.windows) < len(SIDES):
            changed = f" WHERE own IN ({_changed(carrying, key, seen)})"
        yield f"SELECT link, {columns} FROM {seen}{changed}"
        told = f"SELECT own FROM {seen}"
        if beyond := carrying.beyond(key):
            yield f"SELECT {literal(LATER)} AS link, {columns} FROM {beyond} b"
            told += f" UNION ALL SELECT {carrying.own('b')} AS own FROM {beyond} b"
        if self.usable:
            yield from _rest(carrying, key, told, anew=self.anew)


def _see(ground: Ground, carrying: Carrying, key: str, lasting: Sequence[str], table: str) -> None:
    """Keep every document of a side with what it is matched by, and what makes it the same next time."""
    matched = [f"SELECT {_NOTHING} AS link, rid FROM {key} WHERE 1 = 0"]
    if pairs := ground.all_pairs():
        rid = "lid" if key == "l" else "rid"
        link = "concat('p', cast(step AS VARCHAR(20)), '-', cast(lid AS VARCHAR(20)))"
        matched.append(f"SELECT {link} AS link, {rid} AS rid FROM ({pairs}) p")
    if groups := ground.all_groups():
        link = "concat('g', cast(step AS VARCHAR(20)), '-', cast(gid AS VARCHAR(20)))"
        matched.append(f"SELECT {link} AS link, rid FROM ({groups}) g WHERE side = '{key}'")
    words = ", ".join(literal(word) for word in lasting)
    still = (
        "SELECT m.rid AS rid FROM member m JOIN item i ON i.item = m.item"
        f" WHERE m.side = '{key}' AND i.class IN ({words}) GROUP BY m.rid"
    )
    columns = ", ".join(f"s.{column} AS {column}" for column in carrying.columns)
    ground.engine.make(
        table,
        f"SELECT CASE WHEN o.rid IS NULL THEN m.link END AS link, {carrying.own('s')} AS own,"
        f" {carrying.every('s')} AS every, {columns} FROM {key} s"
        f" LEFT JOIN ({' UNION ALL '.join(matched)}) m ON m.rid = s.rid"
        f" LEFT JOIN ({still}) o ON o.rid = s.rid",
    )


def _changed(carrying: Carrying, key: str, seen: str) -> str:
    """Return which documents are not known as they stand, or are open."""
    known = f"SELECT DISTINCT {carrying.every('k')} AS every FROM latest_{key} k"
    return (
        f"SELECT n.own FROM {seen} n LEFT JOIN ({known}) k ON k.every = n.every"
        " WHERE k.every IS NULL OR n.link IS NULL"
    )


def _rest(carrying: Carrying, key: str, told: str, *, anew: bool) -> Iterator[str]:
    """Return what else is known: it stays, if all is written anew; what has left its period is forgotten."""
    columns = ", ".join(f"k.{column} AS {column}" for column in carrying.columns)
    unseen = f"FROM latest_{key} k LEFT JOIN (SELECT DISTINCT own FROM ({told}) u) t ON t.own = k.own"
    unseen += " WHERE t.own IS NULL"
    gone = carrying.gone(key, "k")
    if gone and not anew:
        yield f"SELECT {_NOTHING} AS link, {columns} {unseen} AND {gone}"
    if anew:
        link = (
            f"CASE WHEN k.link = {literal(LATER)} THEN k.link"
            " ELSE concat('k', cast(k.generation AS VARCHAR(20)), '-', k.link) END"
        )
        yield f"SELECT {link} AS link, {columns} {unseen}" + (f" AND NOT ({gone})" if gone else "")
