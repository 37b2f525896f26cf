"""
What all steps of the plan work on.

Tables, each of them the same in every engine:

``l``, ``r``            a side: ``rid`` and one column per field; ``rid`` means nothing beyond this run
``rest_l``, ``rest_r``  ``rid`` of what no rule has matched yet
``pairs``               ``step, lid, rid, breach, near``: one document to one
``grouped``             ``step, gid, side, rid``: several to one or several
``unsure``              ``step, gid, side, rid``: what a rule could not decide on
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from airflow_provider_docflow.reconcile.dialect import Dialect
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.plan.comparing import Comparisons
from airflow_provider_docflow.reconcile.sides import Layout

SIDES = ("l", "r")
OTHER = {"l": "r", "r": "l"}
#: Numbers of what people have matched, beside those of the rules.
MANUAL, WRITTEN_OFF = -2, -3
NAMES = {"left": "l", "right": "r"}


@dataclass
class Ground:
    """The engine, the layout, and which tables hold what was found so far.

    :param pairs: tables of pairs, by number of the rule.
    :param grouped: tables of groups, likewise; ``partial`` ones leave a residual.
    :param unsure: tables of what was left undecided.
    :param unique: fields of which each matched document has values of its own, where nothing else is matched.
    """

    engine: Engine
    layout: Layout
    comparisons: Comparisons
    pairs: dict[int, str] = field(default_factory=dict)
    grouped: dict[int, str] = field(default_factory=dict)
    unsure: dict[int, str] = field(default_factory=dict)
    rest: dict[str, int] = field(default_factory=dict)
    total: dict[str, int] = field(default_factory=dict)
    unique: tuple[str, ...] = ()

    @property
    def dialect(self) -> Dialect:
        """Return the engine's way to say it."""
        return self.engine.dialect

    def col(self, side: str, name: str) -> str:
        """Return a field of a side as SQL."""
        return f"{side}.{self.layout.column(name)}"

    def grouped_by(self, side: str, by: Sequence[str], total: str) -> list[str]:
        """Return as SQL what the documents of a group share: amounts add up in one currency only."""
        names = [self.col(side, name) for name in by]
        if self._mixes(by, total):
            names.append(f"coalesce({self.col(side, self.layout.currency)}, '')")
        return names

    def _mixes(self, by: Sequence[str], total: str) -> bool:
        currency = self.layout.currency
        return bool(currency) and currency not in by and total not in self.layout.converted

    def other_currency(self, one: str, other: str, total: str) -> str:
        """Return the condition that two documents' amounts are in different currencies."""
        if not self._mixes((), total):
            return "1 = 0"
        name = self.layout.currency
        return f"coalesce({self.col(one, name)}, '') <> coalesce({self.col(other, name)}, '')"

    def start(self, counts: Mapping[str, int]) -> None:
        """Let everything be unmatched."""
        self.total, self.rest = dict(counts), dict(counts)

    def open_rows(self, side: str, alias: str = "") -> str:
        """Return what is unmatched of a side, for a FROM clause."""
        if self._untouched(side):
            return f"{side} {alias or side}"
        return f"(SELECT s.* FROM {side} s JOIN rest_{side} o ON s.rid = o.rid) {alias or side}"

    def _untouched(self, side: str) -> bool:
        return self.rest[side] == self.total[side]

    def take_joined(self, step: int, table: str, fields: tuple[str, ...]) -> None:
        """Let the complete rows of a full outer join count as matched, where it holds every open document.

        :param fields: by which it was joined; none of their values comes up twice among what is matched.
        """
        self.unique = () if self.pairs or self.grouped else fields
        self.engine.view(
            f"matched_{step}",
            f"SELECT lid, rid, breach, near FROM {table} WHERE lid IS NOT NULL AND rid IS NOT NULL",
        )
        self.pairs[step] = f"matched_{step}"
        for side, mine, other in (("l", "lid", "rid"), ("r", "rid", "lid")):
            kept = f"SELECT {mine} AS rid FROM {table} WHERE {other} IS NULL"
            self.rest[side] = self.engine.make(f"rest_{side}", kept)

    def take_pairs(self, step: int, table: str) -> None:
        """Let pairs count as matched."""
        self.unique = ()
        self.pairs[step] = table
        for side, column in (("l", "lid"), ("r", "rid")):
            self._take(side, f"SELECT {column} AS rid FROM {table}")

    def take_groups(self, step: int, table: str) -> None:
        """Let groups count as matched."""
        self.unique = ()
        self.grouped[step] = table
        for side in SIDES:
            self._take(side, f"SELECT rid FROM {table} WHERE side = '{side}'")

    def _take(self, side: str, taken: str) -> None:
        rest = f"rest_{side}" if not self._untouched(side) else f"(SELECT rid FROM {side})"
        kept = f"SELECT o.rid FROM {rest} o LEFT JOIN ({taken}) t ON t.rid = o.rid WHERE t.rid IS NULL"
        self.engine.make(f"next_{side}", kept)
        self.rest[side] = self.engine.make(f"rest_{side}", f"SELECT rid FROM next_{side}")

    def settle(self) -> None:
        """Keep what is unmatched where no rule has done so."""
        for side in SIDES:
            if self._untouched(side):
                self.engine.make(f"rest_{side}", f"SELECT rid FROM {side}")

    @property
    def finished(self) -> bool:
        """Whether one side has nothing left to be matched."""
        return not (self.rest["l"] and self.rest["r"])

    def all_pairs(self) -> str:
        """Return every pair as a query."""
        return _union(
            [
                f"SELECT {step} AS step, lid, rid, breach, near FROM {name}"
                for step, name in self.pairs.items()
            ]
        )

    def all_groups(self) -> str:
        """Return every member of a group as a query."""
        return _union(
            [f"SELECT {step} AS step, gid, side, rid FROM {name}" for step, name in self.grouped.items()]
        )

    def all_unsure(self) -> str:
        """Return everything that some rule could not decide on, as a query."""
        return _union(
            [f"SELECT {step} AS step, gid, side, rid FROM {name}" for step, name in self.unsure.items()]
        )


def _union(queries: Sequence[str]) -> str:
    return " UNION ALL ".join(queries)


def on(conditions: Sequence[str]) -> str:
    """Return conditions that all have to hold."""
    return " AND ".join(conditions) or "1 = 1"
