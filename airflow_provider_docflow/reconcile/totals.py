"""Totals per currency, and the proof that they add up."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal

from airflow_provider_docflow.reconcile.comparisons import Same, Tolerance
from airflow_provider_docflow.reconcile.plan.ground import SIDES, Ground

#: Sums of 38-digit amounts; Python's own context would round at 28.
EXACT = Context(prec=60)


@dataclass(frozen=True)
class Total:
    """One currency.

    :param left: sum of the left side; ``left - right == sum(effects.values())``, always.
    :param effects: by class of what does not agree, by how much it makes the left side larger.
    :param without_amount: documents that have no amount, by side; they are in no sum.
    """

    currency: str
    left: Decimal
    right: Decimal
    effects: dict[str, Decimal]
    without_amount: dict[str, int]

    @property
    def difference(self) -> Decimal:
        """Return by how much the left side is larger."""
        return EXACT.subtract(self.left, self.right)

    @property
    def adds_up(self) -> bool:
        """Tell whether the difference is explained to the last digit."""
        total = Decimal(0)
        for effect in self.effects.values():
            total = EXACT.add(total, effect)
        return total == self.difference


def totals(ground: Ground) -> list[Total]:
    """Return the totals by currency."""
    layout = ground.layout
    if not layout.amount:
        return []
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(SIDES, Decimal(0)))
    empty: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(SIDES, 0))
    query = " UNION ALL ".join(part for side in SIDES for part in _sums(ground, side))
    for side, currency, amount, without in ground.engine.rows(query):
        sums[currency][side] = EXACT.add(sums[currency][side], _decimal(amount))
        empty[currency][side] += int(without)
    effects = _effects(ground)
    return [
        Total(
            currency,
            sums[currency]["l"],
            sums[currency]["r"],
            effects.get(currency, {}),
            empty[currency],
        )
        for currency in sorted(sums)
    ]


def _sums(ground: Ground, side: str) -> Iterator[str]:
    """Yield queries of the sums of a side by currency; of what was put aside they are known."""
    amount = ground.col(side, ground.layout.amount)
    yield (
        f"SELECT '{side}' AS side, {_currency(ground, side)} AS currency, sum({amount}) AS amount,"
        f" count(*) - count({amount}) AS without FROM {ground.documents(side)} {side} GROUP BY 2"
    )
    if ground.aside:
        yield (
            f"SELECT '{side}' AS side, coalesce(currency, '') AS currency, sum_{side} AS amount,"
            f" documents - count_{side} AS without FROM {ground.aside} WHERE packed IS NULL"
        )


def _effects(ground: Ground) -> dict[str, dict[str, Decimal]]:
    found: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    signs = {"l": Decimal(1), "r": Decimal(-1)}
    query = " UNION ALL ".join(part for side in SIDES for part in _effects_of(ground, side))
    for side, word, currency, value in ground.engine.rows(query):
        known = found[currency][word]
        found[currency][word] = EXACT.add(known, EXACT.multiply(signs[side], _decimal(value)))
    return {currency: dict(sorted(by_class.items())) for currency, by_class in found.items()}


def _effects_of(ground: Ground, side: str) -> Iterator[str]:
    amount = ground.col(side, ground.layout.amount)
    yield (
        f"SELECT '{side}' AS side, f.class AS class, {_currency(ground, side)} AS currency,"
        f" sum({amount}) AS amount FROM found f JOIN {ground.shown(side)} {side} ON {side}.rid = f.rid"
        f" WHERE f.side = '{side}' GROUP BY 2, 3"
    )
    if not _agree_in_amount(ground) and ground.pairs:
        column = "lid" if side == "l" else "rid"
        yield (
            f"SELECT '{side}' AS side, 'matched' AS class, {_currency(ground, side)} AS currency,"
            f" sum({amount}) AS amount FROM ({ground.all_pairs()}) p LEFT JOIN told_pairs t ON t.lid = p.lid"
            f" JOIN {ground.documents(side)} {side} ON {side}.rid = p.{column} WHERE t.lid IS NULL GROUP BY 3"
        )


def _agree_in_amount(ground: Ground) -> bool:
    """Tell whether a pair without a mark has the same amount in the same currency on both sides."""
    how = ground.comparisons.by_field
    amount = how.get(ground.layout.amount)
    same_currency = not ground.layout.currency or isinstance(how.get(ground.layout.currency), Same)
    return isinstance(amount, Same | Tolerance) and same_currency


def _currency(ground: Ground, side: str) -> str:
    name = ground.layout.currency
    return f"coalesce({ground.col(side, name)}, '')" if name else "''"


def _decimal(value: object) -> Decimal:
    return Decimal(0) if value is None else Decimal(str(value))
