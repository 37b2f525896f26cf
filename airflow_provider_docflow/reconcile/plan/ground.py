"""
What all steps of the plan work on.

Tables, each of them the same in every engine:

``l``, ``r``            a side: ``rid`` and one column per field; ``rid`` means nothing beyond this run
``unequal_l``, ``unequal_r``  likewise, what is left of it where what is equal is put aside
``rest_l``, ``rest_r``  ``rid`` of what no rule has matched yet; with its values, where those are few
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
    :param every_pair: whether somebody asks later for pairs that are equal too.
    :param aside: table with the sums of equal pairs that are in no other table; empty without one.
    :param whole: whether ``rest_l`` and ``rest_r`` hold the columns of the fields too.
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
    every_pair: bool = False
    aside: str = ""
    whole: bool = False

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

    def documents(self, side: str) -> str:
        """Return the table that holds all documents of a side that may still be asked for."""
        return f"unequal_{side}" if self.aside else side

    def shown(self, side: str) -> str:
        """Return the table that holds the documents of the items."""
        return f"unequal_{side}" if self.aside else f"shown_{side}"

    def open_rows(self, side: str, alias: str = "") -> str:
        """Return what is unmatched of a side, for a FROM clause."""
        if self._untouched(side):
            return f"{side} {alias or side}"
        if self.whole:
            return f"rest_{side} {alias or side}"
        rows = f"SELECT s.* FROM {self.documents(side)} s JOIN rest_{side} o ON s.rid = o.rid"
        return f"({rows}) {alias or side}"

    def _untouched(self, side: str) -> bool:
        return self.rest[side] == self.total[side] and not self.whole

    @property
    def may_put_aside(self) -> bool:
        """Whether nothing is matched yet and nobody asks for equal pairs later."""
        return not (self.pairs or self.grouped or self.every_pair)

    def take_joined(self, step: int, table: str, fields: tuple[str, ...], aside: str = "") -> None:
        """Let the complete rows of a full outer join count as matched, where it holds every open document.

        :param fields: by which it was joined; none of their values comes up twice among what is matched.
        :param aside: where the sums of its equal pairs are; ``table`` then has the values of all others.
        """
        self.unique = () if self.pairs or self.grouped else fields
        self.aside, self.whole = aside or self.aside, bool(aside)
        self.engine.view(
            f"matched_{step}",
            f"SELECT lid, rid, breach, near FROM {table} WHERE lid IS NOT NULL AND rid IS NOT NULL",
        )
        self.pairs[step] = f"matched_{step}"
        for side, mine, other in (("l", "lid", "rid"), ("r", "rid", "lid")):
            columns = [self.layout.column(name) for name in self.layout.fields] if aside else []
            shown = ", ".join([f"{mine} AS rid", *(f"{side}_{column} AS {column}" for column in columns)])
            known = f"SELECT {shown} FROM {table} WHERE {mine} IS NOT NULL"
            if aside:
                self.engine.view(f"unequal_{side}", known)
            self.rest[side] = self.engine.make(f"rest_{side}", f"{known} AND {other} IS NULL")

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
        rest = f"(SELECT rid FROM {side})" if self._untouched(side) else f"rest_{side}"
        kept = f"SELECT o.* FROM {rest} o LEFT JOIN ({taken}) t ON t.rid = o.rid WHERE t.rid IS NULL"
        self.engine.make(f"next_{side}", kept)
        self.rest[side] = self.engine.make(f"rest_{side}", f"SELECT * FROM next_{side}")

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
