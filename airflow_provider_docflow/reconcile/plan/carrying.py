"""
Documents of earlier runs that a source which tells only a part of them does not tell again.

Two kinds: open items, and, of what is matched, whatever belongs together with a document that is told now or
is open. Without the second a document that is told again would have lost its counterpart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from airflow_provider_docflow.reconcile.dialect import AMOUNT, literal
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.plan.converting import convert
from airflow_provider_docflow.reconcile.plan.ground import SIDES
from airflow_provider_docflow.reconcile.rates import Rates
from airflow_provider_docflow.reconcile.sides import Layout, Side

Row = Mapping[str, str | None]
#: What stands in place of a match for a document that is later than the cut-off.
LATER = "later"
_HEAD = ("generation", "side", "link")
_EMPTY, _NEXT = "'\x01'", "'\x1f'"


@dataclass(frozen=True)
class Known:
    """What earlier runs have seen of the sides that tell only a part.

    :param windows: these sides.
    :param parts: documents: generation, side, what it is matched by, and the values of all fields as texts.
        Of each document the newest generation counts; an open one is matched by nothing.
    """

    windows: Sequence[str] = ()
    parts: Iterable[Sequence[Sequence[str | None]]] = ()


class Carrying:
    """Adds to the sides what they do not tell again.

    :param opened: open items of earlier runs, by side.
    :param rates: by which documents are converted that were later than the cut-off and are no longer.
    """

    def __init__(
        self,
        engine: Engine,
        layout: Layout,
        sides: Mapping[str, Side],
        opened: Mapping[str, Sequence[Row]] = MappingProxyType({}),
        known: Known | None = None,
        rates: Rates | None = None,
    ) -> None:
        self.engine, self.layout, self.sides, self.rates = engine, layout, sides, rates
        self.known = known or Known()
        self.opened = {key: rows for key, rows in opened.items() if rows}
        self.columns = [layout.column(name) for name in layout.fields]
        self.types = {key: engine.columns(key) for key in {*self.opened, *self.known.windows}}

    def run(self) -> dict[str, int]:
        """Return how many documents were added, by side."""
        for key, rows in self.opened.items():
            values = [[row.get(name) for name in self.layout.fields] for row in rows]
            self.engine.load(f"texts_{key}", self.layout.fields, [values])
            self.engine.make(f"open_{key}", f"SELECT {self._typed(key)} FROM texts_{key}")
        recalled = self._recall() if self.known.windows else {}
        return {
            key: self._add(key, [f"open_{key}"] * (key in self.opened) + recalled.get(key, []))
            for key in SIDES
        }

    def _recall(self) -> dict[str, list[str]]:
        """Keep what is known and may be needed; return the tables by side."""
        self.engine.load("known", (*_HEAD, *self.layout.fields), self.known.parts)
        name = self.engine.dialect.name_of
        for key in self.known.windows:
            head = f"cast({name('generation')} AS BIGINT) AS generation, {name('link')} AS link"
            side = f"{name('side')} = {literal(key)}"
            self.engine.make(f"known_{key}", f"SELECT {head}, {self._typed(key)} FROM known WHERE {side}")
            self.engine.make(
                f"latest_{key}",
                f"SELECT generation, link, own, {', '.join(self.columns)} FROM (SELECT q.*,"
                f" max(generation) OVER (PARTITION BY own) AS newest"
                f" FROM (SELECT k.*, {self.own('k')} AS own FROM known_{key} k) q) n"
                " WHERE generation = newest AND link IS NOT NULL",
            )
        if len(self.known.windows) == len(SIDES):
            self._touch()
        return {key: [self._recalled(key)] for key in self.known.windows}

    def _touch(self) -> None:
        """Keep the matches of which a document is told now, or is open."""
        queries = []
        for key in SIDES:
            told = self._told(key)
            if key in self.opened:
                told += f" UNION ALL SELECT {self.own('o')} AS own FROM open_{key} o"
            queries.append(
                f"SELECT k.generation AS generation, k.link AS link FROM latest_{key} k"
                f" JOIN (SELECT DISTINCT own FROM ({told}) d) t ON t.own = k.own"
            )
        self.engine.make("touched", " UNION ".join(queries))

    def _recalled(self, key: str) -> str:
        plain = ", ".join(f"k.{column} AS {column}" for column in self.columns)
        both = len(self.known.windows) == len(SIDES)
        touched = " JOIN touched t ON t.generation = k.generation AND t.link = k.link" if both else ""
        query = f"SELECT {plain} FROM latest_{key} k{touched} WHERE k.link <> {literal(LATER)}"
        self.engine.make(f"recalled_{key}", f"{query} UNION ALL SELECT {plain} FROM {self._arrived(key)} k")
        return f"recalled_{key}"

    def _arrived(self, key: str) -> str:
        """Return the documents that were later than the cut-off and are no longer."""
        table, bounds = f"arrived_{key}", self._bounds(key) or " WHERE 1 = 1"
        query = f"SELECT {', '.join(self.columns)} FROM latest_{key}{bounds} AND link = {literal(LATER)}"
        self.engine.take_in(table, query)
        return convert(self.engine, self.layout, self.sides[key], self.rates, table) if self.rates else table

    def _add(self, key: str, tables: Sequence[str]) -> int:
        """Add documents to a side, as many of each as it does not tell itself."""
        if not tables:
            return 0
        plain = ", ".join(self.columns)
        prior = " UNION ALL ".join(f"SELECT {plain} FROM {table}{self._bounds(key)}" for table in tables)
        self.engine.take_in(f"prior_{key}", prior)
        # Of two documents with one identity the one that is told as it was is the one that is told.
        numbered = (
            f"SELECT p.*, row_number() OVER (PARTITION BY p.own"
            f" ORDER BY CASE WHEN s.every IS NULL THEN 1 ELSE 0 END, p.every, p.rid) AS place"
            f" FROM (SELECT q.*, {self.own('q')} AS own, {self.every('q')} AS every FROM prior_{key} q) p"
            f" LEFT JOIN (SELECT DISTINCT {self.every(key)} AS every FROM {key}) s ON s.every = p.every"
        )
        told = f"SELECT own, count(*) AS n FROM ({self._told(key)}) t GROUP BY own"
        shown = ", ".join(f"p.{column} AS {column}" for column in self.columns)
        added = self.engine.make(
            f"added_{key}",
            f"SELECT p.rid + (SELECT coalesce(max(rid), 0) + 1 FROM {key}) AS rid, {shown}"
            f" FROM ({numbered}) p LEFT JOIN ({told}) t ON t.own = p.own WHERE p.place > coalesce(t.n, 0)",
        )
        both = f"SELECT rid, {plain} FROM {key} UNION ALL SELECT rid, {plain} FROM added_{key}"
        self.engine.make(f"with_{key}", both)
        self.engine.view(key, f"SELECT * FROM with_{key}")
        return added

    def _told(self, key: str) -> str:
        """Return what a side tells, also what is later than the cut-off, by what makes it the same."""
        queries = [f"SELECT {self.own(key)} AS own FROM {key}"]
        if beyond := self.beyond(key):
            queries.append(f"SELECT {self.own('a')} AS own FROM {beyond} a")
        return " UNION ALL ".join(queries)

    def beyond(self, key: str) -> str:
        """Return what a side tells of documents later than its cut-off as a table; empty if it has none."""
        side = self.sides[key]
        if not (side.cut_off and side.date):
            return ""
        amounts = [self.layout.column(name) for name in sorted(self.layout.converted)]
        empty = "".join(f", cast(NULL AS {AMOUNT}) AS {column}" for column in amounts)
        late = f"{self._day(key)} > DATE {literal(str(side.cut_off))}"
        return f"(SELECT a.*{empty} FROM all_{key} a WHERE {late})"

    def gone(self, key: str, table: str) -> str:
        """Return the condition that a side would have told a document, if it were still there."""
        side = self.sides[key]
        if not side.first_day or self.layout.kinds.get(side.date) != "date":
            return ""
        day = f"{table}.{self._day(key)}"
        inside = [f"{day} IS NOT NULL", f"{day} >= DATE {literal(str(side.first_day))}"]
        if side.cut_off:
            inside.append(f"{day} <= DATE {literal(str(side.cut_off))}")
        return f"({' AND '.join(inside)})"

    def _bounds(self, key: str) -> str:
        """Return what limits a side's documents: its cut-off, and its window, where it tells them all."""
        side, tests = self.sides[key], []
        if side.cut_off and side.date:
            tests.append(f"{self._day(key)} <= DATE {literal(str(side.cut_off))}")
        if side.first_day and self.layout.kinds.get(side.date) == "date":
            tests.append(f"{self._day(key)} < DATE {literal(str(side.first_day))}")
        return f" WHERE ({self._day(key)} IS NULL OR ({' AND '.join(tests)}))" if tests else ""

    def _day(self, key: str) -> str:
        return self.layout.column(self.sides[key].date)

    def own(self, table: str) -> str:
        """Return as a text what makes a document of a table the same from run to run.

        One that lacks a part of its identity is only the same if all of it is.
        """
        names = [f"{table}.{self.layout.column(name)}" for name in self.layout.identity]
        incomplete = " OR ".join(f"{name} IS NULL" for name in names)
        return f"CASE WHEN {incomplete} THEN {self.every(table)} ELSE {self._joined(names)} END"

    def every(self, table: str) -> str:
        """Return all of a document as a text."""
        return self._joined([f"{table}.{column}" for column in self.columns])

    def _joined(self, names: Sequence[str]) -> str:
        said = [f"coalesce(cast({name} AS {self.engine.dialect.text_type}), {_EMPTY})" for name in names]
        return f"concat({f', {_NEXT}, '.join([*said, _EMPTY])})"

    def _typed(self, key: str) -> str:
        name_of, types = self.engine.dialect.name_of, self.types[key]
        pairs = zip(self.layout.fields, self.columns, strict=True)
        return ", ".join(f"cast({name_of(name)} AS {types[column]}) AS {column}" for name, column in pairs)
