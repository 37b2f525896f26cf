"""
Pairs by a key.

A key that occurs once on each side is a pair. Where it occurs more often, documents that agree in everything
compared are paired first, one to one; what is left of such a key goes to the nearest of the other side.
"""

from __future__ import annotations

from airflow_provider_docflow.reconcile.comparisons import Within
from airflow_provider_docflow.reconcile.plan.aside import put_aside, rids, unpack
from airflow_provider_docflow.reconcile.plan.comparing import beyond, within_days
from airflow_provider_docflow.reconcile.plan.ground import SIDES, Ground, on
from airflow_provider_docflow.reconcile.plan.nearest import match_nearest
from airflow_provider_docflow.reconcile.rules import Key

MOST_PAIRS = 1_000_000
"""Pairs that one value of a key may come to; beyond it the key says too little to go by."""


class Keyed:
    """Carries out one :class:`Key`."""

    def __init__(self, ground: Ground, rule: Key, step: int) -> None:
        self.ground, self.rule, self.step = ground, rule, step
        self.engine, self.dialect = ground.engine, ground.dialect

    def run(self) -> None:
        """Match what the key matches."""
        if self.rule.exact and self._plain():
            return
        if self.rule.exact:
            self._agreeing()
        self._candidates()
        match_nearest(self.ground, self.step, self._in_the_crowd())

    def _key(self, side: str, name: str) -> str:
        column = self.ground.col(side, name)
        return self.dialect.normal(column) if self.rule.normalised else column

    def _equal(self) -> str:
        return on([f"{self._key('l', name)} = {self._key('r', name)}" for name in self.rule.fields])

    def _masks(self) -> str:
        compare = self.ground.comparisons
        return f"{compare.breach(self.dialect)} AS breach, {compare.near(self.dialect)} AS near"

    def _plain(self) -> bool:
        """Pair what has each key once; return whether that holds for all, else nothing is paired."""
        ground, table = self.ground, f"joined_{self.step}"
        aside = ground.may_put_aside and not self.rule.suggested
        # One row more than there can be without a repeated key: a frequent one does not fill the disk.
        most = ground.rest["l"] + ground.rest["r"]
        joined = (
            f"FROM {ground.open_rows('l')} FULL OUTER JOIN {ground.open_rows('r')}"
            f" ON {self._equal()} LIMIT {most + 1}"
        )
        if aside:
            put_aside(ground, table, joined)
        else:
            columns = f"l.rid AS lid, r.rid AS rid, {self._masks()}, 1 AS documents"
            self.engine.make(table, f"SELECT {columns} {joined}")
        lid, rid = rids(ground) if aside else ("lid", "rid")
        ((found, *alone),) = self.engine.rows(
            f"SELECT sum(documents), count(CASE WHEN {rid} IS NULL THEN {lid} END),"
            f" count(CASE WHEN {lid} IS NULL THEN {rid} END) FROM {table}"
        )
        rows = int(found or 0)
        pairs = rows - sum(alone)
        if rows > most or any(ground.rest[side] - alone[at] != pairs for at, side in enumerate(SIDES)):
            return False
        fields = () if self.rule.normalised else self.rule.fields
        if aside:
            unpack(ground, "unequal", table)
            ground.take_joined(self.step, "unequal", fields, aside=table)
        else:
            ground.take_joined(self.step, table, fields)
        return True

    def _agreeing(self) -> None:
        """Pair documents of one key that agree in all that is compared, the n-th with the n-th."""
        fields = [*self.rule.fields, *self.ground.comparisons.fields]
        for side in SIDES:
            shown = ", ".join(
                [f"{self._key(side, name)} AS k{n}" for n, name in enumerate(self.rule.fields)]
                + [
                    f"{self.ground.col(side, name)} AS c{n}"
                    for n, name in enumerate(self.ground.comparisons.fields)
                ]
            )
            names = ", ".join(
                [f"k{n}" for n in range(len(self.rule.fields))]
                + [f"c{n}" for n in range(len(fields) - len(self.rule.fields))]
            )
            # By all that is known of them: which of them is one too many must not depend on the rows' order.
            others = ", ".join(self.ground.layout.column(name) for name in self.ground.layout.fields)
            self.engine.make(
                f"twins_{side}",
                f"SELECT *, row_number() OVER (PARTITION BY {names} ORDER BY {others}, rid) AS twin"
                f" FROM (SELECT {side}.*, {shown} FROM {self.ground.open_rows(side)}) x"
                f" WHERE {on([f'k{n} IS NOT NULL' for n in range(len(self.rule.fields))])}",
            )
        same = [f"l.k{n} = r.k{n}" for n in range(len(self.rule.fields))] + ["l.twin = r.twin"]
        same += [f"l.c{n} IS NOT DISTINCT FROM r.c{n}" for n in range(len(self.ground.comparisons.fields))]
        self.engine.make(
            f"agreeing_{self.step}",
            "SELECT l.rid AS lid, r.rid AS rid, cast(0 AS BIGINT) AS breach, cast(0 AS BIGINT) AS near"
            f" FROM twins_l l JOIN twins_r r ON {on(same)}",
        )
        self.ground.take_pairs(self.step, f"agreeing_{self.step}")

    def _candidates(self) -> None:
        """Keep every pair that the key allows, with what it would cost."""
        self._crowded()
        near = [self._close(name) for name in self.rule.near]
        lag = [
            self.dialect.days_apart(self.ground.col("l", name), self.ground.col("r", name))
            for name, how in self.rule.near.items()
            if isinstance(how, Within)
        ]
        off = [
            f"abs({self.ground.col('l', name)} - {self.ground.col('r', name)})"
            for name in [self.ground.layout.amount]
            if name
        ]
        names = [f"k{n}" for n in range(len(self.rule.fields))]
        crowd = on(
            [f"{self._key('l', name)} = x.{key}" for name, key in zip(self.rule.fields, names, strict=True)]
        )
        self.engine.make(
            "candidates",
            f"SELECT l.rid AS lid, r.rid AS rid, {self._masks()},"
            f" {self.ground.comparisons.breaches(self.dialect)} AS c1, {' + '.join(lag) or '0'} AS c2,"
            f" coalesce({off[0] if off else '0'}, 0) AS c3, abs(l.twin - r.twin) AS c4"
            f" FROM {self._ranked('l')} JOIN {self._ranked('r')} ON {on([self._equal(), *near])}"
            f" LEFT JOIN crowded x ON {crowd} WHERE x.{names[0]} IS NULL",
        )

    def _crowded(self) -> None:
        """Keep the values of the key that would come to more pairs than anybody could tell apart."""
        counts = []
        names = ", ".join(f"k{n}" for n in range(len(self.rule.fields)))
        for side in SIDES:
            keys = ", ".join(f"{self._key(side, name)} AS k{n}" for n, name in enumerate(self.rule.fields))
            counts.append(
                f"(SELECT {names}, count(*) AS n FROM (SELECT {keys} FROM {self.ground.open_rows(side)}) x"
                f" GROUP BY {names})"
            )
        same = on([f"a.k{n} = b.k{n}" for n in range(len(self.rule.fields))])
        shown = ", ".join(f"a.k{n} AS k{n}" for n in range(len(self.rule.fields)))
        self.engine.make(
            "crowded",
            f"SELECT {shown} FROM {counts[0]} a JOIN {counts[1]} b ON {same} WHERE a.n * b.n > {MOST_PAIRS}",
        )

    def _in_the_crowd(self) -> str:
        """Return the documents of such values as a query."""
        queries = []
        for side in SIDES:
            same = on([f"{self._key(side, name)} = x.k{n}" for n, name in enumerate(self.rule.fields)])
            queries.append(
                f"SELECT {side}.rid AS gid, '{side}' AS side, {side}.rid AS rid"
                f" FROM {self.ground.open_rows(side)} JOIN crowded x ON {same}"
            )
        return " UNION ALL ".join(queries)

    def _close(self, name: str) -> str:
        how, one, other = self.rule.near[name], self.ground.col("l", name), self.ground.col("r", name)
        off = (
            within_days(self.dialect, how, one, other) if isinstance(how, Within) else beyond(how, one, other)
        )
        return f"NOT ({off})"

    def _ranked(self, side: str) -> str:
        """Return the open documents; ``twin`` numbers those that are the same in every field."""
        columns = ", ".join(self.ground.layout.column(name) for name in self.ground.layout.fields)
        return (
            f"(SELECT s.*, row_number() OVER (PARTITION BY {columns} ORDER BY s.rid) AS twin"
            f" FROM {self.ground.open_rows(side, 's')}) {side}"
        )
