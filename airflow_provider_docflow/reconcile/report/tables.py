"""What a report shows of each item, as rows of one table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow.core.redact import MASK
from airflow_provider_docflow.reconcile.items import Item, Row, Value
from airflow_provider_docflow.reconcile.plan.run import Plan
from airflow_provider_docflow.reconcile.run import Running

if TYPE_CHECKING:
    import pandas as pd

#: Days up to which a break belongs to an age.
AGES = (7, 30, 60, 90)
_HEAD = ("standing", "kind", "rule", "fields", "amount_off", "currency", "age_days")


@dataclass(frozen=True)
class Table:
    """The rows of a report.

    :param fields: fields of the documents, each shown of both sides.
    :param day: from which the age is counted.
    :param sensitive: fields whose values nobody sees.
    """

    plan: Plan
    fields: Sequence[str]
    day: date
    sensitive: frozenset[str] = frozenset()

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        shown = [f"{side}.{name}" for name in self.fields for side in ("left", "right")]
        return (*_HEAD, *shown)

    @property
    def hides(self) -> frozenset[str]:
        """Return which of amounts and currencies the figures must not show."""
        return self.plan.hides(self.sensitive)

    def rows(self, items: Iterator[Item]) -> Iterator[tuple[Value, ...]]:
        """Yield the rows of items: one for each document, both sides of a pair in one."""
        for item in items:
            for n in range(max(len(item.left), len(item.right))):
                yield self._row(item, n)

    def _row(self, item: Item, n: int) -> tuple[Value, ...]:
        left, right = _at(item.left, n), _at(item.right, n)
        mine, theirs = ([one] if one else [] for one in (left, right))
        part = Item(item.standing, item.kind, item.rule, mine, theirs, ())
        effects = part.effect(self.plan.amount, self.plan.currency) if self.plan.amount else {}
        currency: Value
        amount: Value
        currency, amount = next(iter(effects.items())) if len(effects) == 1 else ("", None)
        amount = self._shown(self.plan.amount, amount)
        currency = self._shown(self.plan.currency, currency)
        differing = ", ".join(one.field for one in item.differences)
        sides = (left or {}, right or {})
        values = [self._shown(name, side.get(name)) for name in self.fields for side in sides]
        age = None if self.sensitive.intersection(self.plan.aged_from) else self.age(item)
        return (item.standing, item.kind, item.rule, differing, amount, currency, age, *values)

    def _shown(self, name: str, value: Value) -> Value:
        return MASK if name in self.sensitive and value not in (None, "") else value

    def age(self, item: Item) -> int | None:
        """Return the days since the due or document date."""
        days = [
            value
            for row in (*item.left, *item.right)
            for name in self.plan.aged_from
            if isinstance(value := row.get(name), date)
        ]
        return (self.day - min(days)).days if days else None


def table_of(running: Running, sensitive: Sequence[str] = ()) -> Table:
    """Return the table of a reconciliation that has run."""
    what = running.what
    day = what.cut_off or running.started.date()
    fields = running.computed.ground.layout.fields
    first = [*running.computed.ground.layout.identity]
    rest = [name for name in fields if name not in first]
    return Table(what.plan, (*first, *rest), day, what.plan.hidden((*what.plan.sensitive, *sensitive)))


def frame(running: Running, *, standing: str = "", sensitive: Sequence[str] = ()) -> pd.DataFrame:
    """Return what does not agree as a DataFrame; amounts stay ``Decimal``, dates ``date``.

    :param standing: only these, such as ``break``.
    """
    import pandas as pd

    table = table_of(running, sensitive)
    rows = list(table.rows(running.items(standing)))
    return pd.DataFrame(rows, columns=list(table.columns), dtype=object)


def age_group(days: int | None) -> str:
    """Return the age a break belongs to, as a message code."""
    if days is None:
        return "age.unknown"
    return next((f"age.{limit}" for limit in AGES if days <= limit), "age.older")


def figure(value: Any) -> str:
    """Return an amount as people read it: with thousands, at least two decimals, all that say something."""
    if value == MASK:
        return MASK
    number = Decimal(str(value))
    said = len(format(number, "f").partition(".")[2].rstrip("0"))
    return f"{number:,.{max(2, said)}f}"


def _at(rows: Sequence[Row], n: int) -> Mapping[str, Value] | None:
    return rows[n] if n < len(rows) else None
