"""What makes two values agree: exactly, within a tolerance, within a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from typing import Literal

from airflow_provider_docflow.exceptions import Misconfigured

Kind = Literal["text", "amount", "date"]


@dataclass(frozen=True)
class Same:
    """Equal; two empty values are equal, an empty one and a value are not.

    :param kind: how the values are read before they are compared.
    """

    kind: Kind = "text"


@dataclass(frozen=True)
class Tolerance:
    """Amounts that may differ a little; empty is not zero.

    :param absolute: largest accepted difference, in the currency of the amounts.
    :param relative: largest accepted difference as a share of the larger amount of the two.
    :param both: whether a difference has to keep both limits, or may keep one of them.
    """

    absolute: Decimal | None = None
    relative: Decimal | None = None
    both: bool = True
    kind: Kind = "amount"


@dataclass(frozen=True)
class Within:
    """Business dates that may lie apart.

    :param days: largest accepted distance, in calendar days.
    """

    days: int
    kind: Kind = "date"


Comparison = Same | Tolerance | Within


def same(kind: Kind = "text") -> Same:
    """Return the comparison of values that have to be equal."""
    return Same(kind)


def tolerance(
    absolute: str | int | Decimal | None = None,
    relative: str | int | Decimal | None = None,
    both: bool = True,
) -> Tolerance:
    """Return the comparison of amounts.

    :raises Misconfigured: a limit is no number, a binary fraction, or below zero.
    """
    return Tolerance(_limit("absolute", absolute), _limit("relative", relative), both)


def days(count: int) -> timedelta:
    """Return so many calendar days."""
    return timedelta(days=count)


def within(time: timedelta) -> Within:
    """Return the comparison of business dates.

    :raises Misconfigured: the time is not a whole number of days, or below zero.
    """
    if time < timedelta(0) or time % timedelta(days=1):
        raise Misconfigured(
            f"business dates lie apart by whole days, not by {time}.",
            field="within",
            remedy="Use days(1), days(2), ...",
        )
    return Within(time.days)


def _limit(name: str, given: str | int | Decimal | None) -> Decimal | None:
    if given is None:
        return None
    try:
        # A float is refused: 0.1 is not what it seems to be, and this decides about money.
        limit = None if isinstance(given, float | bool) else Decimal(given)
    except InvalidOperation:
        limit = None
    if limit is None or not limit.is_finite() or limit < 0:
        raise Misconfigured(
            f"{given!r} is no tolerance.", field=name, remedy='Give a text such as "0.01", zero or more.'
        )
    return limit
