"""
Rules that say which documents of two systems belong together, in the order in which they are tried.

Each takes what the rules before it left over, and a document is matched at most once. A rule is plain
data: it is serialised with the DAG and becomes SQL when the task runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal, get_args

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.reconcile.comparisons import Kind, Tolerance, Within, tolerance, within

Shape = Literal["1:n", "n:1", "n:m"]
SideName = Literal["left", "right"]
MOST_CANDIDATES = 20


@dataclass(frozen=True, init=False)
class Key:
    """Documents whose fields agree.

    :param fields: fields that have to agree; a document in which one of them is empty has no key.
    :param within: how far a date or amount of the key may be off: ``days(3)`` for its only other field,
        or by field: ``{"issue_date": days(3), "payable_amount": tolerance("0.05")}``.
    :param suggested: propose the pairs to a person instead of taking them as matched.
    """

    fields: tuple[str, ...]
    near: Mapping[str, Tolerance | Within]
    suggested: bool = False
    normalised: bool = False

    def __init__(
        self,
        *fields: str,
        within: timedelta | Mapping[str, timedelta | Tolerance] | None = None,
        suggested: bool = False,
    ) -> None:
        _named(fields, type(self).__name__)
        near = _near(fields, within)
        object.__setattr__(self, "fields", tuple(name for name in fields if name not in near))
        object.__setattr__(self, "near", near)
        object.__setattr__(self, "suggested", suggested)
        object.__setattr__(self, "normalised", False)

    @property
    def exact(self) -> bool:
        """Whether nothing of the key may be off."""
        return not self.near

    def kinds(self) -> dict[str, Kind]:
        """Return how its fields are read."""
        return {**dict.fromkeys(self.fields, "text"), **{name: how.kind for name, how in self.near.items()}}


class TextKey(Key):
    """Documents whose fields agree as people read them.

    Case, full-width forms, punctuation, blanks and zeros in front of a number do not count:
    ``PO-00123``, ``po 123`` and ``ＰＯ１２３`` are one.
    """

    def __init__(self, *fields: str, suggested: bool = False) -> None:
        super().__init__(*fields, suggested=suggested)
        object.__setattr__(self, "normalised", True)


@dataclass(frozen=True, init=False)
class Group:
    """Several documents on one side for one or several on the other, whose totals agree.

    :param by: fields that the documents of a group share.
    :param total: amount that is summed up on both sides.
    :param within: by how much the totals may be off.
    :param shapes: which numbers of documents: ``1:n`` is one on the left.
    """

    by: tuple[str, ...]
    total: str
    near: Tolerance
    shapes: tuple[Shape, ...]
    suggested: bool = False

    def __init__(
        self,
        *by: str,
        total: str,
        within: Tolerance | None = None,
        shapes: Sequence[Shape] = get_args(Shape),
        suggested: bool = False,
    ) -> None:
        _named(by, "Group")
        unknown = set(shapes) - set(get_args(Shape))
        if unknown or not shapes:
            raise Misconfigured(
                f"no such shapes: {sorted(unknown)}.", field="shapes", remedy="1:n, n:1, n:m."
            )
        for name, value in {
            "by": by,
            "total": total,
            "near": within or tolerance(0),
            "shapes": tuple(shapes),
            "suggested": suggested,
        }.items():
            object.__setattr__(self, name, value)

    def kinds(self) -> dict[str, Kind]:
        """Return how its fields are read."""
        return {**dict.fromkeys(self.by, "text"), self.total: "amount"}


@dataclass(frozen=True, kw_only=True)
class References:
    """A document whose text names documents of the other side, such as a payment's remittance text.

    :param text: field with the text.
    :param to: field of the other side that the text names; compared as by :class:`TextKey`.
    :param total: amount; the named documents have to add up to it.
    :param side: where the text stands.
    """

    text: str
    to: str
    total: str
    side: SideName = "right"
    near: Tolerance = field(default_factory=lambda: tolerance(0))
    suggested: bool = False

    def kinds(self) -> dict[str, Kind]:
        """Return how its fields are read."""
        return {self.text: "text", self.to: "text", self.total: "amount"}


@dataclass(frozen=True, kw_only=True)
class SubsetSum:
    """One document for the only combination of the other side's documents that adds up to it.

    What it finds is always a suggestion. Where several combinations add up, it says "ambiguous".

    :param by: fields that the documents share.
    :param total: amount that is summed up.
    :param side: where the one document stands.
    :param candidates: groups with more documents than this, at most 20, are left alone.
    """

    by: tuple[str, ...]
    total: str
    side: SideName = "right"
    candidates: int = MOST_CANDIDATES

    def __post_init__(self) -> None:
        _named(self.by, "SubsetSum")
        if not 2 <= self.candidates <= MOST_CANDIDATES:
            raise Misconfigured(
                f"{self.candidates} candidates are out of bounds.",
                field="candidates",
                remedy=f"2 to {MOST_CANDIDATES}: the combinations double with each one.",
            )

    def kinds(self) -> dict[str, Kind]:
        """Return how its fields are read."""
        return {**dict.fromkeys(self.by, "text"), self.total: "amount"}


@dataclass(frozen=True, kw_only=True)
class Partial:
    """Documents that settle one document of the other side in part; the rest stays an open item.

    :param by: fields that they share.
    :param total: amount.
    :param of: side of the document that is settled; its amount is larger than the sum of the others.
    """

    by: tuple[str, ...]
    total: str
    of: SideName = "left"

    def __post_init__(self) -> None:
        _named(self.by, "Partial")

    def kinds(self) -> dict[str, Kind]:
        """Return how its fields are read."""
        return {**dict.fromkeys(self.by, "text"), self.total: "amount"}


Rule = Key | Group | References | SubsetSum | Partial


@dataclass(frozen=True, kw_only=True)
class Expected:
    """A difference that is known to come up, and where it is posted: it is no break.

    :param name: such as ``bank_fee``, ``withholding``, ``exchange`` or ``rounding``.
    :param field: compared amount in which it shows.
    :param limit: largest difference that is taken for it.
    :param account: where it is posted.
    :param side: which amount is the larger one; ``either`` if both may be.
    """

    name: str
    field: str
    limit: Decimal
    account: str
    side: Literal["left", "right", "either"] = "either"


def expected(name: str, field: str, limit: str, account: str, **more: Any) -> Expected:
    """Return an expected difference.

    :raises Misconfigured: the limit is no number above zero, or no account is named.
    """
    bound = tolerance(limit).absolute
    if not bound or not account or not name.isidentifier():
        raise Misconfigured(
            f"the expected difference {name!r} has no name, no limit or no account.",
            field=field,
            remedy='Give a limit such as "25.00" and the account on which it is posted.',
        )
    return Expected(name=name, field=field, limit=bound, account=account, **more)


@dataclass(frozen=True, kw_only=True)
class InTransit:
    """What may be missing on the other side because it is under way: a timing difference, no break.

    :param field: business date from which the time counts.
    :param days: how long it may take, up to the cut-off.
    :param side: which side's documents may be ahead.
    """

    field: str
    days: int
    side: Literal["left", "right", "either"] = "either"


def _named(fields: Sequence[str], rule: str) -> None:
    if not fields or not all(isinstance(name, str) and name for name in fields):
        raise Misconfigured(f"{rule} names no fields.", field="match", remedy="Name one field or more.")


def _near(
    fields: Sequence[str], given: timedelta | Mapping[str, timedelta | Tolerance] | None
) -> dict[str, Tolerance | Within]:
    if given is None:
        return {}
    if isinstance(given, timedelta):
        given = {fields[-1]: given}
    unknown = set(given) - set(fields)
    if unknown:
        raise Misconfigured(
            f"{sorted(unknown)} may be off, but are not part of the key.", field="within", remedy="Add them."
        )
    if len(given) == len(fields):
        raise Misconfigured(
            "every field of the key may be off.", field="within", remedy="At least one has to agree exactly."
        )
    return {name: within(how) if isinstance(how, timedelta) else how for name, how in given.items()}
