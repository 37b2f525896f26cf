"""What a repair may do: which breaks, whose word counts, up to which amount without an approval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.mapping import check_mapping
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.reconcile.repair.sides import Side
from airflow_provider_docflow.reconcile.sources.system import SystemSource

KINDS = (
    "missing_left",
    "missing_right",
    "value_difference",
    "duplicate_left",
    "duplicate_right",
    "ambiguous",
    "partial",
)
EXISTENCE = "existence"
SIDES: tuple[Side, Side] = ("left", "right")
Limit = str | Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The arguments of a repair, checked.

    :param truth: field to the side whose value counts; ``existence`` says whose documents count.
    :param limit: amount above which the document has to be approved; by currency where there are several.
    :param most: so many breaks at most in one run.
    """

    name: str
    kinds: Sequence[str]
    left: SystemSource
    right: SystemSource
    truth: Mapping[str, str] = field(default_factory=dict)
    mapping: Mapping[str, str] = field(default_factory=dict)
    limit: Limit = None
    requires_approval: bool = True
    most: int = 100

    def check(self) -> None:
        """Refuse terms that say nothing, or two things.

        :raises Misconfigured: an argument is wrong; it is named.
        """
        if not self.name:
            raise _wrong("no reconciliation is named.", "name", "Give the name of its ReconcileOperator.")
        strange = [kind for kind in self.kinds if kind not in KINDS]
        if strange or not self.kinds or isinstance(self.kinds, str):
            raise _wrong(f"{self.kinds!r} are no kinds of breaks.", "kinds", f"Some of {', '.join(KINDS)}.")
        for name, side in self.truth.items():
            if side not in SIDES:
                raise _wrong(f"{name} belongs to {side!r}.", "truth", "Write left or right.")
        if self.limit is not None and not self.requires_approval:
            raise _wrong(
                "a limit says from where on an approval is needed, and requires_approval=False that it"
                " never is.",
                "limit",
                "Leave one of them out.",
            )
        if self.most < 1:
            raise _wrong(f"at most {self.most} breaks are none.", "most", "Give a number from 1.")
        for amount in self.limit.values() if isinstance(self.limit, Mapping) else [self.limit]:
            _amount(amount)
        check_mapping(self.mapping)

    @property
    def owner(self) -> Side:
        """The side whose documents count; docflow writes on the other."""
        return "right" if self.truth.get(EXISTENCE) == "right" else "left"

    def owner_of(self, name: str) -> str:
        """Return whose value of a field counts; empty if nobody said."""
        return self.truth.get(name, "")

    def owned_paths(self) -> set[str]:
        """Return the fields of a document that count as the owner says."""
        source = self.left if self.owner == "left" else self.right
        owned = [name for name, side in self.truth.items() if side == self.owner and name != EXISTENCE]
        return {source.path(name).partition(".")[0] for name in owned}

    def check_currencies(self, currencies: Iterable[str]) -> None:
        """Refuse one limit for amounts that cannot be held against it.

        :raises Misconfigured: there are several currencies, and no limit for each.
        """
        found = sorted(set(currencies))
        if self.limit is None or (isinstance(self.limit, str) and len(found) <= 1):
            return
        missing = found if isinstance(self.limit, str) else [one for one in found if one not in self.limit]
        if missing:
            raise _wrong(
                f"there are amounts in {', '.join(found)}, and no limit of their own for"
                f" {', '.join(missing)}.",
                "limit",
                'Give one for each, such as {"CNY": "1000", "EUR": "100"}.',
            )

    def needs_approval(self, document: Document, *more: Decimal | None) -> bool:
        """Tell whether a decision has to cover a document before anything is written.

        :param more: further amounts at stake, such as what stands there now.
        """
        if self.limit is None:
            return self.requires_approval
        limit = self.limit
        if isinstance(limit, Mapping):
            if document.document_currency_code not in limit:
                return True
            limit = limit[document.document_currency_code]
        amounts = (document.payable_amount, *more)
        # What has no amount cannot be below the limit.
        return document.payable_amount is None or any(
            abs(amount) > _amount(limit) for amount in amounts if amount is not None
        )


def _amount(value: Any) -> Decimal:
    try:
        if not isinstance(value, str | None):
            raise InvalidOperation
        amount = Decimal("0" if value is None else value)
        if not amount.is_finite() or amount < 0:
            raise InvalidOperation
    except InvalidOperation:
        raise _wrong(f"{value!r} is no limit.", "limit", 'Write the amount as text: "1000.00".') from None
    return amount


def _wrong(message: str, field: str, remedy: str) -> exc.Misconfigured:
    return exc.Misconfigured(message, field=field, remedy=remedy)
