"""Whether two matched documents agree, as SQL: one bit per compared field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from airflow_provider_docflow.reconcile.comparisons import Comparison, Same, Tolerance, Within
from airflow_provider_docflow.reconcile.dialect import Dialect
from airflow_provider_docflow.reconcile.sides import Layout


@dataclass(frozen=True)
class Comparisons:
    """The compared fields in a fixed order; bit ``n`` of a mask is field ``n``.

    :param left: what stands before a column of the left side.
    """

    layout: Layout
    by_field: Mapping[str, Comparison]
    left: str = "l."
    right: str = "r."

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the compared fields in the order of their bits."""
        return tuple(sorted(self.by_field))

    def of(self, left: str, right: str) -> Comparisons:
        """Return the same comparisons of columns that are called otherwise."""
        return replace(self, left=left, right=right)

    def breach(self, dialect: Dialect) -> str:
        """Return the mask of the fields in which the sides differ by more than is accepted."""
        return _mask([self._breached(dialect, name) for name in self.fields])

    def near(self, dialect: Dialect) -> str:
        """Return the mask of the fields in which they differ, and by no more than that."""
        tolerant = [name for name in self.fields if not isinstance(self.by_field[name], Same)]
        marks = {
            name: f"({self._differ(name)}) AND NOT ({self._breached(dialect, name)})" for name in tolerant
        }
        return _mask([marks.get(name, "") for name in self.fields])

    def breaches(self, dialect: Dialect) -> str:
        """Return in how many fields they differ by more than is accepted."""
        terms = [f"CASE WHEN {self._breached(dialect, name)} THEN 1 ELSE 0 END" for name in self.fields]
        return " + ".join(terms) or "0"

    def named(self, mask: int) -> list[str]:
        """Return the fields of a mask."""
        return [name for bit, name in enumerate(self.fields) if mask >> bit & 1]

    def bit(self, name: str) -> int:
        """Return the mask of one field."""
        return 1 << self.fields.index(name)

    def _differ(self, name: str) -> str:
        column = self.layout.column(name)
        return f"{self.left}{column} IS DISTINCT FROM {self.right}{column}"

    def _breached(self, dialect: Dialect, name: str) -> str:
        how, column = self.by_field[name], self.layout.column(name)
        if isinstance(how, Same):
            return self._differ(name)
        one, other = f"{self.left}{column}", f"{self.right}{column}"
        off = within_days(dialect, how, one, other) if isinstance(how, Within) else beyond(how, one, other)
        # Empty is not zero: a value on one side only is always a difference.
        return f"{self._differ(name)} AND (({one} IS NULL OR {other} IS NULL) OR {off})"


def within_days(dialect: Dialect, how: Within, one: str, other: str) -> str:
    """Return the condition that two dates lie further apart than accepted."""
    return f"{dialect.days_apart(one, other)} > {how.days}"


def beyond(how: Tolerance, one: str, other: str) -> str:
    """Return the condition that two amounts differ by more than is accepted."""
    tests = []
    if how.absolute is not None:
        tests.append(f"abs({one} - {other}) > {how.absolute:f}")
    if how.relative is not None:
        tests.append(f"abs({one} - {other}) > {how.relative:f} * greatest(abs({one}), abs({other}))")
    if not tests:
        return f"{one} <> {other}"
    return f"({(' OR ' if how.both else ' AND ').join(tests)})"


def _mask(conditions: list[str]) -> str:
    terms = [
        f"CASE WHEN {condition} THEN {1 << bit} ELSE 0 END"
        for bit, condition in enumerate(conditions)
        if condition
    ]
    return f"cast({' + '.join(terms) or '0'} AS BIGINT)"
