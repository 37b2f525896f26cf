"""What a reconciliation came to, in figures."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.core.redact import MASK
from airflow_provider_docflow.ledger.breaks import Recorded
from airflow_provider_docflow.reconcile.totals import Total

Shown = Callable[[Any], str]


@dataclass(kw_only=True)
class Outcome:
    """What a reconciliation came to.

    :param documents: how many the sources told, by side.
    :param counts: items by standing; breaks also by kind.
    :param moved: how open items moved, where they are carried forward.
    """

    name: str
    documents: Mapping[str, int]
    after_cut_off: Mapping[str, int]
    carried: Mapping[str, int]
    counts: Mapping[str, int]
    totals: Sequence[Total]
    moved: Sequence[Mapping[str, Any]]
    populations: Mapping[str, str]
    cut_off: date | None
    run_id: int | None = None
    as_of: str = ""
    recorded: Recorded | None = None

    def check(self) -> None:
        """Refuse to report sums that do not add up.

        :raises AssertionError: they do not; that is an error of this code, not of the documents.
        """
        wrong = [total for total in self.totals if not total.adds_up]
        wrong_moves = [one for one in self.moved if not one["adds_up"]]
        if wrong or wrong_moves:
            raise AssertionError(f"{self.name}: the totals do not add up: {wrong or wrong_moves}")

    def to_json(self, hides: Collection[str] = ()) -> dict[str, Any]:
        """Return it as JSON primitives; amounts are texts.

        :param hides: ``amount`` or ``currency``, where they are sensitive.
        """
        money: Shown = _masked if "amount" in hides else _plain
        word: Shown = _masked if "currency" in hides else str
        return {
            "reconciliation": self.name,
            "run": self.run_id,
            "as_of": self.as_of,
            "cut_off": self.cut_off.isoformat() if self.cut_off else None,
            "populations": {"left": self.populations["l"], "right": self.populations["r"]},
            "documents": {"left": self.documents["l"], "right": self.documents["r"]},
            "after_cut_off": {"left": self.after_cut_off["l"], "right": self.after_cut_off["r"]},
            "carried_forward": {"left": self.carried["l"], "right": self.carried["r"]},
            "counts": dict(sorted(self.counts.items())),
            "totals": [
                {
                    "currency": word(total.currency),
                    "left": money(total.left),
                    "right": money(total.right),
                    "difference": money(total.difference),
                    "explained_by": {kind: money(amount) for kind, amount in total.effects.items()},
                    "without_amount": {
                        "left": total.without_amount["l"],
                        "right": total.without_amount["r"],
                    },
                }
                for total in self.totals
            ],
            "open_items": [_moved(one, money, word) for one in self.moved],
        }


def _plain(amount: Decimal) -> str:
    return format(amount, "f")


def _masked(value: object) -> str:
    return MASK


def _moved(one: Mapping[str, Any], money: Shown, word: Shown) -> dict[str, Any]:
    sums = {
        name: {**one[name], "amount": money(Decimal(one[name]["amount"]))}
        for name in ("opening", "new", "cleared", "closing")
    }
    return {**one, "currency": word(one["currency"]), **sums}
