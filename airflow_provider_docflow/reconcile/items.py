"""What does not agree, item by item, as Python sees it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

from airflow_provider_docflow.reconcile.dialect import literal
from airflow_provider_docflow.reconcile.plan.ground import SIDES, Ground
from airflow_provider_docflow.reconcile.totals import EXACT

Value = str | int | Decimal | date | None
Row = Mapping[str, Value]


@dataclass(frozen=True)
class FieldDifference:
    """One compared field in which a pair differs.

    :param off: left less right for amounts, days between for dates, None for texts.
    """

    field: str
    left: Value
    right: Value
    off: Decimal | int | None


@dataclass(frozen=True)
class Item:
    """Documents that do not simply agree.

    :param standing: ``break``, ``timing``, ``expected``, ``suggested``, ``tolerated`` or, for groups that
        agree, ``matched``.
    :param kind: ``missing_left``, ``missing_right``, ``value_difference``, ``duplicate_left``,
        ``duplicate_right``, ``ambiguous``, ``partial``, ``group``, or the name of an expected difference.
    :param rule: number of the rule that brought them together, from 1; None for what none has matched.
    """

    standing: str
    kind: str
    rule: int | None
    left: Sequence[Row]
    right: Sequence[Row]
    differences: Sequence[FieldDifference]

    def effect(self, amount: str, currency: str = "") -> dict[str, Decimal]:
        """Return by how much it makes the left total larger, by currency."""
        effects: dict[str, Decimal] = {}
        for rows, sign in ((self.left, 1), (self.right, -1)):
            for row in rows:
                value = row.get(amount)
                if value is not None:
                    key = str(row.get(currency) or "") if currency else ""
                    signed = EXACT.multiply(Decimal(sign), Decimal(str(value)))
                    effects[key] = EXACT.add(effects.get(key, Decimal(0)), signed)
        return effects


def items(ground: Ground, *standings: str) -> Iterator[Item]:
    """Yield the items in an order that depends on the documents alone.

    :param standings: only these; all of them if none is named.
    """
    fields = ground.layout.fields
    for _, rows in groupby(_rows(ground, standings), key=lambda row: (row[0], row[1])):
        members = list(rows)
        _, _, word, kind, step, breach, near, *_ = members[0]
        by_side: dict[str, list[Row]] = {side: [] for side in SIDES}
        for _, _, _, _, _, _, _, side, _, *values in members:
            by_side[side].append(dict(zip(fields, map(_plain, values), strict=True)))
        differences = _differences(ground, by_side, int(breach) | int(near))
        rule = int(step) + 1 if int(step) >= 0 else None
        yield Item(word, kind, rule, by_side["l"], by_side["r"], differences)


def counted(ground: Ground) -> dict[tuple[str, str], int]:
    """Return how many items there are of each standing and kind, without fetching them."""
    found = ground.engine.rows("SELECT class, kind, count(*) FROM item GROUP BY 1, 2 ORDER BY 1, 2")
    return {(str(word), str(kind)): int(count) for word, kind, count in found}


def _rows(ground: Ground, standings: Sequence[str]) -> Iterator[Sequence[Any]]:
    layout = ground.layout
    columns = ", ".join(layout.column(name) for name in layout.fields)
    # All that is known follows the identity: of documents that lack one, the order must not be the rows'.
    named = (*layout.identity, *(name for name in layout.fields if name not in layout.identity))
    key = ", '|', ".join(f"coalesce(cast(s.{layout.column(name)} AS VARCHAR(255)), '')" for name in named)
    words = ", ".join(literal(one) for one in standings)
    only = f" AND i.class IN ({words})" if standings else ""
    sides = " UNION ALL ".join(
        f"SELECT m.item AS item, m.side AS side, concat({key}, '') AS own, {_cast(ground)}"
        f" FROM member m JOIN item i ON i.item = m.item JOIN {ground.shown(side)} s"
        f" ON s.rid = m.rid WHERE m.side = '{side}'{only}"
        for side in SIDES
    )
    query = (
        f"WITH x AS ({sides}), y AS (SELECT x.*, min(own) OVER (PARTITION BY item) AS first FROM x)"
        f" SELECT y.first, y.item, i.class, i.kind, i.step, i.breach, i.near, y.side, y.own, {columns}"
        f" FROM y JOIN item i ON i.item = y.item"
        f" ORDER BY y.first, i.kind, y.item, y.side, y.own, {columns}"
    )
    for part in ground.engine.stream(query):
        yield from part


def _cast(ground: Ground) -> str:
    """Cast what the two sides may keep as different types, so that they fit into one column."""
    layout = ground.layout
    parts = []
    for name in layout.fields:
        column = layout.column(name)
        cast = {"text": "VARCHAR(4000)", "amount": "DECIMAL(38, 10)", "date": "DATE"}[layout.kinds[name]]
        parts.append(f"cast(s.{column} AS {cast}) AS {column}")
    return ", ".join(parts)


def _plain(value: Any) -> Value:
    if isinstance(value, Decimal):
        short = value.normalize(EXACT)
        return short.quantize(Decimal(1), context=EXACT) if short.as_tuple().exponent > 0 else short  # type: ignore[operator]
    return value  # type: ignore[no-any-return]


def _differences(ground: Ground, rows: Mapping[str, Sequence[Row]], mask: int) -> list[FieldDifference]:
    if not mask:
        return []
    left, right = rows["l"][0], rows["r"][0]
    return [
        FieldDifference(name, left[name], right[name], _off(left[name], right[name]))
        for name in ground.comparisons.named(mask)
    ]


def _off(left: Value, right: Value) -> Decimal | int | None:
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return EXACT.subtract(left, right)
    if isinstance(left, date) and isinstance(right, date):
        return (left - right).days
    return None
