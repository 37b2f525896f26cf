"""
What does not agree, one item each: every document outside a clean pair is in exactly one of them.

``item``    ``item, class, kind, step, breach, near``
``member``  ``item, side, rid``
``shown_l``, ``shown_r``  the documents of the items, unless all are in ``unequal_l`` and ``unequal_r``

Classes: ``break``, ``timing``, ``expected``, ``suggested``, ``tolerated``, ``written_off`` and, for groups
that agree, ``matched``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from airflow_provider_docflow.reconcile.dialect import literal
from airflow_provider_docflow.reconcile.plan.ground import MANUAL, NAMES, SIDES, WRITTEN_OFF, Ground, on
from airflow_provider_docflow.reconcile.rules import Expected, InTransit, Partial, Rule, SubsetSum

MISSING = {"l": "missing_right", "r": "missing_left"}
DUPLICATE = {"l": "duplicate_left", "r": "duplicate_right"}


class Leftovers:
    """Turns what the rules came to into items.

    :param rules: by number; a pair or group of a suggested rule is a suggestion.
    :param in_transit: what may be missing because it is under way, up to ``cut_off``.
    """

    def __init__(
        self,
        ground: Ground,
        rules: Sequence[Rule],
        expected: Sequence[Expected],
        in_transit: Sequence[InTransit],
        cut_off: date | None,
    ) -> None:
        self.ground, self.rules, self.expected = ground, rules, expected
        self.in_transit, self.cut_off = in_transit, cut_off
        self.engine = ground.engine

    def run(self) -> None:
        """Make ``item`` and ``member``."""
        for side in SIDES:
            self._open(side)
        queries = [*self._pairs(), *self._groups(), *(self._unmatched(side) for side in SIDES)]
        self.engine.make("found", " UNION ALL ".join(queries))
        self.engine.make(
            "item",
            "SELECT item, min(class) AS class, min(kind) AS kind, min(step) AS step, max(breach) AS breach,"
            " max(near) AS near FROM found GROUP BY item",
        )
        self.engine.make("member", "SELECT item, side, rid FROM found")
        for side in SIDES if not self.ground.aside else ():
            # Figures and report look at them several times, and a side is long.
            mine = f"SELECT rid FROM member WHERE side = '{side}'"
            self.engine.make(f"shown_{side}", f"SELECT s.* FROM {side} s JOIN ({mine}) m ON m.rid = s.rid")

    def _pairs(self) -> list[str]:
        pairs = self.ground.all_pairs()
        if not pairs:
            return []
        suggested = [str(step) for step, rule in enumerate(self.rules) if getattr(rule, "suggested", False)]
        is_suggested = f"p.step IN ({', '.join(suggested)})" if suggested else "1 = 0"
        # Their values are looked at again only where somebody expects a difference.
        left, right = (f" JOIN {self.ground.documents(side)} {side} ON {side}.rid = p." for side in SIDES)
        values = f"{left}lid{right}rid" if self.expected else ""
        self.engine.make(
            "told_pairs",
            f"SELECT p.*, CASE WHEN {is_suggested} THEN 'suggested' WHEN p.breach = 0 THEN 'tolerated'"
            f"{self._expected()} ELSE 'break' END AS class FROM ({pairs}) p{values}"
            f" WHERE p.breach <> 0 OR p.near <> 0 OR {is_suggested}",
        )
        kind = f"CASE WHEN class = 'expected' THEN {self._expected_name()} ELSE 'value_difference' END"
        return [
            f"SELECT concat('p', cast(p.lid AS VARCHAR(20))) AS item, class, {kind} AS kind, p.step AS step,"
            f" p.breach AS breach, p.near AS near, '{side}' AS side, p.{column} AS rid"
            f" FROM told_pairs p{values}"
            for side, column in (("l", "lid"), ("r", "rid"))
        ]

    def _expected(self) -> str:
        return "".join(f" WHEN {self._is_expected(one)} THEN 'expected'" for one in self.expected)

    def _expected_name(self) -> str:
        whens = "".join(f" WHEN {self._is_expected(one)} THEN {literal(one.name)}" for one in self.expected)
        return f"CASE{whens} ELSE 'value_difference' END" if whens else "'value_difference'"

    def _is_expected(self, one: Expected) -> str:
        """Return the condition that this amount is all that differs, and by no more than is expected."""
        left, right = self.ground.col("l", one.field), self.ground.col("r", one.field)
        off = {"left": f"{left} - {right}", "right": f"{right} - {left}", "either": f"abs({left} - {right})"}
        bit = self.ground.comparisons.bit(one.field)
        return f"(p.breach = {bit} AND {off[one.side]} > 0 AND {off[one.side]} <= {one.limit:f})"

    def _groups(self) -> list[str]:
        if not self.ground.grouped:
            return []
        standings, kinds = {MANUAL: "matched", WRITTEN_OFF: "written_off"}, {MANUAL: "manual"}
        kinds[WRITTEN_OFF] = "write_off"
        for step, rule in enumerate(self.rules):
            if isinstance(rule, Partial):
                standings[step], kinds[step] = "break", "partial"
            elif isinstance(rule, SubsetSum) or getattr(rule, "suggested", False):
                standings[step] = "suggested"
        word, kind = _by_step(standings, "matched"), _by_step(kinds, "group")
        name = "concat('g', cast(g.step AS VARCHAR(20)), '-', cast(g.gid AS VARCHAR(20)))"
        return [
            f"SELECT {name} AS item, {word} AS class, {kind} AS kind, g.step AS step,"
            " cast(0 AS BIGINT) AS breach, cast(0 AS BIGINT) AS near, g.side AS side, g.rid AS rid"
            f" FROM ({self.ground.all_groups()}) g"
        ]

    def _open(self, side: str) -> None:
        """Keep what is unmatched with its place among documents of the same identity."""
        layout = self.ground.layout
        identity = [layout.column(name) for name in layout.identity]
        known = on([f"s.{column} = o.{column}" for column in identity])
        every = ", ".join(f"o.{layout.column(name)}" for name in layout.fields)
        names = ", ".join(f"o.{column}" for column in identity)
        place = f"row_number() OVER (PARTITION BY {names} ORDER BY {every}, o.rid) AS place"
        if set(self.ground.unique) == set(layout.identity):
            rows = self.ground.open_rows(side, "o")
            self.engine.make(f"placed_{side}", f"SELECT o.*, {place} FROM {rows}")
            return
        self.engine.make(f"open_rows_{side}", f"SELECT {side}.* FROM {self.ground.open_rows(side)}")
        # A document of the same identity that is matched comes first: this one is then the second.
        self.engine.make(
            f"matched_too_{side}",
            f"SELECT o.rid AS rid FROM open_rows_{side} o JOIN {side} s ON {known}"
            f" LEFT JOIN rest_{side} t ON t.rid = s.rid WHERE t.rid IS NULL GROUP BY o.rid",
        )
        self.engine.make(
            f"placed_{side}",
            f"SELECT o.*, CASE WHEN m.rid IS NOT NULL THEN 1 ELSE 0 END + {place}"
            f" FROM open_rows_{side} o LEFT JOIN matched_too_{side} m ON m.rid = o.rid",
        )

    def _unmatched(self, side: str) -> str:
        unsure = self.ground.all_unsure()
        doubtful = f"SELECT side, rid FROM ({unsure}) u GROUP BY side, rid" if unsure else ""
        join = f" LEFT JOIN ({doubtful}) u ON u.side = '{side}' AND u.rid = o.rid" if unsure else ""
        is_unsure = "u.rid IS NOT NULL" if unsure else "1 = 0"
        layout = self.ground.layout
        keyed = on([f"o.{layout.column(name)} IS NOT NULL" for name in layout.identity])
        timing = self._timing(side)
        kind = (
            f"CASE WHEN {is_unsure} THEN 'ambiguous' WHEN o.place > 1 AND {keyed} THEN '{DUPLICATE[side]}'"
            f" ELSE '{MISSING[side]}' END"
        )
        word = f"CASE WHEN {kind} = '{MISSING[side]}' AND {timing} THEN 'timing' ELSE 'break' END"
        return (
            f"SELECT concat('{side}', cast(o.rid AS VARCHAR(20))) AS item, {word} AS class, {kind} AS kind,"
            " -1 AS step, cast(0 AS BIGINT) AS breach, cast(0 AS BIGINT) AS near,"
            f" '{side}' AS side, o.rid AS rid FROM placed_{side} o{join}"
        )

    def _timing(self, side: str) -> str:
        if self.cut_off is None:
            return "1 = 0"
        tests = []
        for rule in self.in_transit:
            if rule.side == "either" or NAMES[rule.side] == side:
                first = self.cut_off - timedelta(days=rule.days)
                day = f"o.{self.ground.layout.column(rule.field)}"
                tests.append(
                    f"({day} >= DATE {literal(str(first))} AND {day} <= DATE {literal(str(self.cut_off))})"
                )
        return f"({' OR '.join(tests)})" if tests else "1 = 0"


def _by_step(words: Mapping[int, str], otherwise: str) -> str:
    whens = "".join(f" WHEN {step} THEN {literal(word)}" for step, word in words.items())
    return f"CASE g.step{whens} ELSE {literal(otherwise)} END"
