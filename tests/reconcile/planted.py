"""
Two hundred kinds of awkwardness, planted into one clean population.

Every kind has a supplier and a number prefix of its own, so that no two of them meet. What is told of each is
written down here by hand, in :data:`KINDS`; what cannot be read at all is in :data:`UNREADABLE`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from airflow_provider_docflow.reconcile.comparisons import days, same, tolerance, within
from airflow_provider_docflow.reconcile.rules import Group, InTransit, Key, TextKey
from tests.reconcile.cases import plan
from tests.reconcile.rig import Document, doc

PLAN = plan(
    Key("id"),
    TextKey("id"),
    Key("supplier", "amount", "day", within={"day": days(3)}),
    Group("supplier", "currency", total="amount"),
    compare={"amount": tolerance("0.01"), "currency": same(), "day": within(days(1))},
    in_transit=[InTransit(field="day", days=2)],
)
Told = tuple[str, str, list[Any], list[Any]]


@dataclass(frozen=True)
class Kind:
    """One kind of awkwardness; numbers are without their prefix."""

    name: str
    left: Sequence[Document]
    right: Sequence[Document]
    told: Sequence[Told] = field(default_factory=list)

    def planted(self, number: int) -> tuple[list[Document], list[Document], list[Told]]:
        """Return its documents and what is told of them, under a prefix and with a supplier of its own."""
        left, right = ([_under(number, one) for one in side] for side in (self.left, self.right))
        told = [
            (word, kind, sorted(_id(number, one) for one in mine), sorted(_id(number, one) for one in theirs))
            for word, kind, mine, theirs in self.told
        ]
        return left, right, told


def _id(number: int, id: str) -> str:
    return f"K{number:03d}:{id}".rstrip(" ")


def _under(number: int, document: Document) -> Document:
    supplier = document["supplier"]
    return {
        **document,
        "id": None if document["id"] is None else f"K{number:03d}:{document['id']}",
        "supplier": f"K{number}" if supplier == "S1" else supplier and f"K{number}{supplier}",
    }


MISSING = [("break", "missing_left", [], ["B"]), ("break", "missing_right", ["A"], [])]
DIFFERS: list[Told] = [("break", "value_difference", ["A"], ["A"])]
TOLERATED: list[Told] = [("tolerated", "value_difference", ["A"], ["A"])]

#: Two writings of one number, as people read it.
ONE_NUMBER = (
    *[("PO-00123", "po123"), ("PO 123", "PO123"), ("po/123", "PO-123"), ("PO_123", "PO123")],
    *[("PO.123", "PO123"), ("PO#123", "PO123"), ("PO–123", "PO-123"), ("PO—123", "PO-123")],
    *[
        ("ＰＯ１２３", "PO123"),
        ("ｐｏ１２３", "PO123"),
        ("ＰＯ－００１２３", "po123"),
        ("PO\u3000123", "PO 123"),
    ],
    *[("PO\u00a0123", "PO 123"), ("PO\t123", "PO123"), ("PO123\n", "PO123"), ("PO123\r\n", "PO123")],
    *[("PO123   ", "PO123"), ("PO'123", "PO123"), ("PO`123", "PO123"), ('PO"123', "PO123")],
    *[("PO(123)", "PO123"), ("[PO]123", "PO123"), ("PO，123", "PO,123"), ("PO。123", "PO.123")],
    *[("【PO】123", "PO123"), ("《PO》123", "PO123"), ("PO、123", "PO123"), ("PO；123", "PO123")],
    *[("PO：123", "PO:123"), ("（PO）123", "(PO)123"), ("PO×123", "PO123"), ("PO·123", "PO123")],
    *[("PO-2026-001", "po20261".replace("20261", "2026-1")), ("0007", "7"), ("a0b", "A0B"), ("0", "０")],
    *[
        ("采购-001", "采购1"),
        ("采購１", "采購1"),
        ("ÄÖ-1", "äö1"),
        ("ΠΟ-1", "πο1"),
        ("ΟΔΟΣ-1", "οδος1"),
        ("ЗАКАЗ-01", "заказ1"),
    ],
    *[("PO–\u200b123", "PO123"), ("\u202aPO123\u202c", "PO123"), ("PO‑123", "PO123"), ("PO…123", "PO123")],
)

#: Two numbers that look much the same and are not.
TWO_NUMBERS = (
    *[("PO-123", "PO-124"), ("PO-123", "PO-1230"), ("PO-O1", "PO-01"), ("PO-l1", "PO-11"), ("PO-1", "SO-1")],
    *[("PO-12.3", "PO-12.4"), ("2026-010", "202601"), ("1-23", "12-4"), ("采购1", "采购二"), ("A1", "1A")],
    *[("PO-1a", "PO-1b"), ("é1", "e1"), ("ß1", "ss1"), ("PO-100", "PO-1"), ("PO-1+", "PO-1B"), ("x", "xx")],
    *[("０１", "1０"), ("①", "1"), ("Ⅳ", "IV"), ("PO-²", "PO-2"), ("½", "1/2"), ("İ1", "I1"), ("ﬁ1", "fi1")],
    *[("PO😀1", "PO😃1"), ("一", "壹"), ("千", "干"), ("未1", "末1")],
)

#: Two writings of one amount.
ONE_AMOUNT = (
    *[("10", "10.00"), ("10.0", "10.0000000000"), ("+10", "10"), ("010.00", "10"), ("10.", "10")],
    *[(".5", "0.5"), ("-5", "-5.00"), ("-0", "0"), ("0", "0.00"), ("-.5", "-0.50"), ("0.3", "0.30")],
    *[("  10.00", "10.00"), ("10.00  ", "10.00"), ("0.0000000001", ".0000000001"), (None, None)],
    *[("", None), ("   ", ""), ("99999999999999999.99", "099999999999999999.990")],
    *[("-99999999999999999.99", "-99999999999999999.9900"), ("10.00000000000000", "10.0")],
)

#: Two amounts, what is told of them.
TWO_AMOUNTS = (
    *[("10.00", "10.01", TOLERATED), ("10.00", "9.99", TOLERATED), ("10.00", "10.02", DIFFERS)],
    *[("10.00", "9.98", DIFFERS), ("10.00", "10.0100000001", DIFFERS), ("10.00", "10.0099999999", TOLERATED)],
    *[("10.00", "-10.00", DIFFERS), ("-10.00", "-10.01", TOLERATED), ("-10.00", "-10.02", DIFFERS)],
    *[("0.01", "-0.01", DIFFERS), ("0.005", "-0.005", TOLERATED), ("0", None, DIFFERS), (None, "0", DIFFERS)],
    *[("", "0", DIFFERS), ("10.00", None, DIFFERS), ("0.1", "0.11", TOLERATED), ("0.1", "0.3", DIFFERS)],
    *[("99999999999999999.99", "99999999999999999.97", DIFFERS), ("10.00", "1000", DIFFERS)],
    *[("99999999999999999.99", "99999999999999999.98", TOLERATED), ("12.34", "12.43", DIFFERS)],
    *[("123456789012345678.01", "123456789012345678.03", DIFFERS), ("1e0"[:1], "2", DIFFERS)],
)

#: Two days, what is told of them; the sides' zone is Greenwich's.
TWO_DAYS = (
    *[("2026-11-02", "2026-11-02", []), ("2026-11-02", "2026-11-02 00:00:00", [])],
    *[("2026-11-02", "2026-11-02T00:00:00", []), ("2026-11-02", "2026-11-02T10:15:00Z", [])],
    *[("2026-11-02", "2026-11-02 23:59:59.999", []), ("2026-11-02", "2026-11-03T07:00:00+08:00", [])],
    *[("2026-11-02", "2026-11-02T20:00:00-0330", []), ("2026-11-02", "2026-11-01T20:00:00-05", [])],
    *[("2026-11-02", "2026-11-03", TOLERATED), ("2026-11-02", "2026-11-01", TOLERATED)],
    *[("2026-11-02", "2026-11-04", DIFFERS), ("2026-11-02", "2026-11-02T23:00:00-05:00", TOLERATED)],
    *[("2026-10-31", "2026-11-01", TOLERATED), ("2025-12-31", "2026-01-01", TOLERATED)],
    *[("2024-02-28", "2024-02-29", TOLERATED), ("2024-02-28", "2024-03-01", DIFFERS)],
    *[("2023-02-28", "2023-03-01", TOLERATED), ("2026-11-02", None, DIFFERS), (None, "2026-11-02", DIFFERS)],
    *[(None, None, []), ("", None, []), ("1999-12-31", "2000-01-01", TOLERATED)],
    *[("0001-01-01", "0001-01-01", []), ("2026-03-29", "2026-03-29T01:30:00+01:00", [])],
    *[("2026-11-02 ", " 2026-11-02", []), ("1970-01-01", "1970-01-01T00:00:00Z", [])],
)

CURRENCIES = (
    *[("CNY", "CNY", []), ("CNY", "USD", DIFFERS), ("CNY", None, DIFFERS), (None, None, []), ("", None, [])],
    *[("CNY ", "CNY", []), ("CNY", " CNY ", []), ("CNY", "TWD", DIFFERS), ("JPY", "KRW", DIFFERS)],
)


def _pairs() -> Iterator[Kind]:
    for one, other in ONE_NUMBER:
        yield Kind(f"one number: {one!r} {other!r}", [doc(one)], [doc(other)])
    for one, other in TWO_NUMBERS:
        told = [("break", "missing_left", [], [other]), ("break", "missing_right", [one], [])]
        yield Kind(f"two numbers: {one!r} {other!r}", [doc(one, "10")], [doc(other, "20")], told)
    for amount, written in ONE_AMOUNT:
        yield Kind(f"one amount: {amount!r} {written!r}", [doc("A", amount)], [doc("A", written)])
    for amount, different, told_of in TWO_AMOUNTS:
        name = f"two amounts: {amount!r} {different!r}"
        yield Kind(name, [doc("A", amount)], [doc("A", different)], told_of)
    for day, later, told_of in TWO_DAYS:
        yield Kind(f"days: {day!r} {later!r}", [doc("A", day=day)], [doc("A", day=later)], told_of)
    for currency, another, told_of in CURRENCIES:
        left, right = doc("A", currency=currency), doc("A", currency=another)
        yield Kind(f"currencies: {currency!r} {another!r}", [left], [right], told_of)


def _numbers(count: int, amount: str, first: str = "A", **more: str | None) -> list[Document]:
    return [doc(f"{first}{n}", amount, **more) for n in range(count)]


def _each(kind: str, ids: Sequence[str], side: int) -> list[Told]:
    return [("break", kind, [one], []) if side == 0 else ("break", kind, [], [one]) for one in ids]


STRUCTURES = (
    Kind("missing on the right", [doc("A")], [], _each("missing_right", "A", 0)),
    Kind("missing on the left", [], [doc("B")], _each("missing_left", "B", 1)),
    Kind("a credit note is missing", [doc("A", "-5")], [], _each("missing_right", "A", 0)),
    Kind("nothing is missing of nothing", [doc("A", "0")], [], _each("missing_right", "A", 0)),
    Kind("missing, and its amount is empty", [doc("A", None)], [], _each("missing_right", "A", 0)),
    Kind("twice on the left", [doc("A"), doc("A")], [doc("A")], _each("duplicate_left", "A", 0)),
    Kind("twice on the right", [doc("A")], [doc("A"), doc("A")], _each("duplicate_right", "A", 1)),
    Kind("three times", [doc("A")] * 3, [doc("A")], _each("duplicate_left", "AA", 0)),
    Kind("twice on both sides", [doc("A")] * 2, [doc("A")] * 2),
    Kind("three for two", [doc("A")] * 3, [doc("A")] * 2, _each("duplicate_left", "A", 0)),
    Kind(
        "the second differs", [doc("A", "1"), doc("A", "9")], [doc("A", "9")], _each("duplicate_left", "A", 0)
    ),
    Kind("credit and debit of one number", [doc("A", "5"), doc("A", "-5")], [doc("A", "-5"), doc("A", "5")]),
    Kind(
        "twice and nowhere else",
        [doc("A"), doc("A")],
        [],
        [*_each("duplicate_left", "A", 0), *_each("missing_right", "A", 0)],
    ),
    Kind(
        "a duplicate written in another way",
        [doc("A-1"), doc("a1")],
        [doc("A-1")],
        _each("missing_right", ["a1"], 0),
    ),
    Kind(
        "numbers swapped",
        [doc("A", "1"), doc("B", "2")],
        [doc("A", "2"), doc("B", "1")],
        [("break", "value_difference", [one], [one]) for one in "AB"],
    ),
    Kind("another number, the same day and amount", [doc("A")], [doc("B")]),
    Kind(
        "another number, three days later",
        [doc("A")],
        [doc("B", day="2026-11-05")],
        [("break", "value_difference", ["A"], ["B"])],
    ),
    Kind(
        "another number, one day later",
        [doc("A")],
        [doc("B", day="2026-11-03")],
        [("tolerated", "value_difference", ["A"], ["B"])],
    ),
    Kind(
        "another number, four days later",
        [doc("A")],
        [doc("B", day="2026-11-06")],
        MISSING,
    ),
    Kind(
        "another number and currency",
        [doc("A")],
        [doc("B", currency="USD")],
        [("break", "value_difference", ["A"], ["B"])],
    ),
    Kind("another number and supplier", [doc("A", supplier="X")], [doc("B", supplier="Y")], MISSING),
    Kind("another number and no supplier", [doc("A", supplier=None)], [doc("B", supplier=None)], MISSING),
    Kind(
        "one in two parts",
        [doc("A", "30")],
        [doc("X", "10"), doc("Y", "20")],
        [("matched", "group", ["A"], ["X", "Y"])],
    ),
    Kind(
        "two in one",
        [doc("A", "10"), doc("B", "20")],
        [doc("X", "30")],
        [("matched", "group", ["A", "B"], ["X"])],
    ),
    Kind(
        "two in two",
        [doc("A", "10"), doc("B", "20")],
        [doc("X", "14"), doc("Y", "16")],
        [("matched", "group", ["A", "B"], ["X", "Y"])],
    ),
    Kind(
        "an invoice and its credit note",
        [doc("A", "30"), doc("B", "-10")],
        [doc("X", "20")],
        [("matched", "group", ["A", "B"], ["X"])],
    ),
    Kind(
        "parts that do not add up",
        [doc("A", "30")],
        [doc("X", "10"), doc("Y", "19.99")],
        [*_each("missing_right", "A", 0), *_each("missing_left", "XY", 1)],
    ),
    Kind(
        "parts in two currencies",
        [doc("A", "30")],
        [doc("X", "10"), doc("Y", "20", currency="USD")],
        [*_each("missing_right", "A", 0), *_each("missing_left", "XY", 1)],
    ),
    Kind(
        "parts of which one is empty",
        [doc("A", "30")],
        [doc("X", "30", day="2026-10-01"), doc("Y", None)],
        [*_each("missing_right", "A", 0), *_each("missing_left", "XY", 1)],
    ),
    Kind(
        "many of the same amount",
        _numbers(5, "7"),
        _numbers(5, "7", "X"),
        [("matched", "group", [f"A{n}" for n in range(5)], [f"X{n}" for n in range(5)])],
    ),
    Kind("many of the same amount, numbered", _numbers(9, "7"), _numbers(9, "7")),
    Kind(
        "under way at the cut-off", [doc("A", day="2026-11-29")], [], [("timing", "missing_right", ["A"], [])]
    ),
    Kind(
        "arrived before it was sent",
        [],
        [doc("B", day="2026-11-30")],
        [("timing", "missing_left", [], ["B"])],
    ),
    Kind("too long under way", [doc("A", day="2026-11-27")], [], _each("missing_right", "A", 0)),
    Kind("everything differs", [doc("A")], [doc("A", "99", currency="EUR", day="2026-10-01")], DIFFERS),
    Kind("a number that is very long", [doc("A" * 900)], [doc("a" * 900)]),
    Kind("a quote in the number", [doc("A'; DROP TABLE l; --")], [doc("A'; DROP TABLE l; --")]),
    Kind("a percent sign in the number", [doc("%A%")], [doc("%A%")]),
    Kind("an emoji as number", [doc("😀")], [doc("😀")]),
)

PAIRS = tuple(_pairs())
KINDS = (*PAIRS, *STRUCTURES)
PAIRED = replace(PLAN, match=PLAN.match[:2], in_transit=())
"""What pairs of documents need of the plan."""

#: What stops a run, and the field in which it stands.
UNREADABLE = (
    *[("amount", text) for text in ("1,234.50", "1.234,50", "１２.００", "12 CNY", "¥12", "1e3", "0x10")],
    *[
        ("amount", text)
        for text in ("NaN", "Infinity", "--5", "5-", "(5.00)", "1 000", "ten", "1.00000000001")
    ],
    *[("amount", text) for text in ("1/2", "12.3.4", "十", "TRUE", "1_000", "9" * 29, "-" + "9" * 40)],
    *[("currency", text) for text in ("cny", "RMB", "ＣＮＹ", "¥", "CN", "CNYY", "156", "XXX")],
    *[("day", text) for text in ("02.11.2026", "11/02/2026", "2026-13-01", "2026-02-30", "2026-11", "soon")],
    *[("day", text) for text in ("2026-11-02T23:61:00+08:00", "2023-02-29T10:00:00Z")],
    *[("day", text) for text in ("20261102", "2026年11月2日", "46328", "0", "2026-11-02T25:00:00Z")],
)


def population(
    count: int, seed: int, kinds: Sequence[Kind] = KINDS
) -> tuple[list[Document], list[Document], list[Told]]:
    """Return clean pairs with every kind planted among them, shuffled, and what is to be told."""
    chance = random.Random(seed)
    left, right, told = [], [], []
    for n in range(count):
        amount = f"{chance.randrange(1, 10**9) / 100:.2f}"
        one = doc(f"P{n:06d}", amount, supplier=f"P{n}", day=f"2026-{chance.randrange(1, 12):02d}-15")
        left.append(one)
        right.append(dict(one))
    for number, kind in enumerate(kinds):
        mine, theirs, of_it = kind.planted(number)
        left, right, told = [*left, *mine], [*right, *theirs], [*told, *of_it]
    chance.shuffle(left)
    chance.shuffle(right)
    return left, right, told
