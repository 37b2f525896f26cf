"""Open items from run to run: opening + new - cleared = closing, per side and currency."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.reconcile.totals import EXACT

Row = Mapping[str, str | None]
SIDES = ("left", "right")


@dataclass(frozen=True)
class RollForward:
    """How the open items of one side and currency moved; counts and sums of amounts.

    ``opening + new - cleared == closing``, for both.
    """

    side: str
    currency: str
    opening: tuple[int, Decimal]
    new: tuple[int, Decimal]
    cleared: tuple[int, Decimal]
    closing: tuple[int, Decimal]

    @property
    def adds_up(self) -> bool:
        """Tell whether the movement explains the closing."""
        count = self.opening[0] + self.new[0] - self.cleared[0]
        amount = EXACT.subtract(EXACT.add(self.opening[1], self.new[1]), self.cleared[1])
        return (count, amount) == self.closing

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON primitives."""
        names = ("opening", "new", "cleared", "closing")
        moved = {
            name: {"documents": getattr(self, name)[0], "amount": format(getattr(self, name)[1], "f")}
            for name in names
        }
        return {"side": self.side, "currency": self.currency, **moved, "adds_up": self.adds_up}


def roll_forward(
    before: Sequence[Mapping[str, Any]],
    after: Sequence[Mapping[str, Any]],
    *,
    amount: str,
    currency: str,
) -> list[RollForward]:
    """Return how open items moved between two runs.

    :param before: bodies of the items that were open, with their ``left`` and ``right`` documents as texts.
    :param after: bodies of those that are open now.
    """
    found = []
    for side in SIDES:
        old, now = (_documents(bodies, side) for bodies in (before, after))
        currencies = sorted({dict(row).get(currency) or "" for row in (*old, *now)}) if currency else [""]
        for word in currencies:
            mine = [_only(rows, currency, word) for rows in (old, now, now - old, old - now)]
            opening, closing, new, cleared = (_sum(rows, amount) for rows in mine)
            found.append(RollForward(side, word, opening, new, cleared, closing))
    return found


def _documents(bodies: Iterable[Mapping[str, Any]], side: str) -> Counter[tuple[tuple[str, str | None], ...]]:
    return Counter(tuple(sorted(row.items())) for body in bodies for row in body[side])


def _only(rows: Counter[Any], currency: str, word: str) -> Counter[Any]:
    if not currency:
        return rows
    return Counter({row: count for row, count in rows.items() if (dict(row).get(currency) or "") == word})


def _sum(rows: Counter[Any], amount: str) -> tuple[int, Decimal]:
    total = Decimal(0)
    for row, count in rows.items():
        value = dict(row).get(amount)
        if value is not None:
            total = EXACT.add(total, EXACT.multiply(Decimal(value), Decimal(count)))
    return sum(rows.values()), total
