"""
The table of cases: what two sides come to. Every engine has to give the same rows.

A case is a name, a plan, the left and the right side, and what is told of them: standing, kind, and the
documents on both sides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from airflow_provider_docflow.reconcile.comparisons import days, same, tolerance, within
from airflow_provider_docflow.reconcile.plan.run import Plan
from airflow_provider_docflow.reconcile.rules import (
    Group,
    InTransit,
    Key,
    Partial,
    References,
    SubsetSum,
    TextKey,
    expected,
)
from tests.reconcile.rig import Document, doc

Told = tuple[str, str, list[Any], list[Any]]
CUT_OFF = date(2026, 11, 30)
AMOUNT = {"amount": tolerance("0.01"), "currency": same()}


@dataclass(frozen=True)
class Case:
    """One case."""

    name: str
    plan: Plan
    left: Sequence[Document]
    right: Sequence[Document]
    told: Sequence[Told]


def plan(*rules: Any, **more: Any) -> Plan:
    """Return a plan over the documents of the rig."""
    values = {"compare": AMOUNT, "identity": ("id",), "amount": "amount", "currency": "currency", **more}
    return Plan(match=rules, **values)


BY_ID = plan(Key("id"))
CASES = (
    Case("equal", BY_ID, [doc("A")], [doc("A")], []),
    Case(
        "missing on the right",
        BY_ID,
        [doc("A"), doc("B")],
        [doc("A")],
        [("break", "missing_right", ["B"], [])],
    ),
    Case(
        "missing on the left", BY_ID, [doc("A")], [doc("A"), doc("B")], [("break", "missing_left", [], ["B"])]
    ),
    Case("both empty", BY_ID, [], [], []),
    Case("left empty", BY_ID, [], [doc("A")], [("break", "missing_left", [], ["A"])]),
    Case(
        "no key is no match",
        BY_ID,
        [doc(None)],
        [doc(None)],
        [("break", "missing_left", [], [None]), ("break", "missing_right", [None], [])],
    ),
    Case("blanks at the end do not count", BY_ID, [doc("A  ")], [doc("A")], []),
    Case(
        "case counts for an exact key",
        BY_ID,
        [doc("a")],
        [doc("A")],
        [("break", "missing_left", [], ["A"]), ("break", "missing_right", ["a"], [])],
    ),
    Case(
        "within the tolerance",
        BY_ID,
        [doc("A", "10.00")],
        [doc("A", "10.01")],
        [("tolerated", "value_difference", ["A"], ["A"])],
    ),
    Case(
        "beyond the tolerance",
        BY_ID,
        [doc("A", "10.00")],
        [doc("A", "10.0100000001")],
        [("break", "value_difference", ["A"], ["A"])],
    ),
    Case(
        "0.1 + 0.2 is 0.3",
        plan(Key("id"), compare={"amount": same("amount")}),
        [doc("A", "0.3")],
        [doc("A", "0.30")],
        [],
    ),
    Case(
        "empty is not zero",
        BY_ID,
        [doc("A", None)],
        [doc("A", "0")],
        [("break", "value_difference", ["A"], ["A"])],
    ),
    Case("empty on both sides agrees", BY_ID, [doc("A", None)], [doc("A", None)], []),
    Case(
        "negative and credit amounts",
        BY_ID,
        [doc("A", "-5.00"), doc("B", "-7")],
        [doc("A", "5.00"), doc("B", "-7.00")],
        [("break", "value_difference", ["A"], ["A"])],
    ),
    Case(
        "18 digits",
        BY_ID,
        [doc("A", "123456789012345678.91")],
        [doc("A", "123456789012345678.93")],
        [("break", "value_difference", ["A"], ["A"])],
    ),
    Case(
        "mixed currencies",
        BY_ID,
        [doc("A", currency="CNY")],
        [doc("A", currency="USD")],
        [("break", "value_difference", ["A"], ["A"])],
    ),
    Case(
        "relative, one limit is enough",
        plan(Key("id"), compare={"amount": tolerance("0.01", "0.001", both=False)}),
        [doc("A", "1000.00"), doc("B", "1.00")],
        [doc("A", "1000.99"), doc("B", "1.02")],
        [("break", "value_difference", ["B"], ["B"]), ("tolerated", "value_difference", ["A"], ["A"])],
    ),
    Case(
        "relative, both limits",
        plan(Key("id"), compare={"amount": tolerance("0.01", "0.001", both=True)}),
        [doc("A", "1000.00"), doc("B", "1.00")],
        [doc("A", "1000.02"), doc("B", "1.01")],
        [("break", "value_difference", ["A"], ["A"]), ("break", "value_difference", ["B"], ["B"])],
    ),
    Case(
        "dates apart",
        plan(Key("id"), compare={"day": within(days(1))}),
        [doc("A"), doc("B")],
        [doc("A", day="2026-11-03"), doc("B", day="2026-11-04")],
        [("break", "value_difference", ["B"], ["B"]), ("tolerated", "value_difference", ["A"], ["A"])],
    ),
    Case(
        "a duplicate on the left",
        BY_ID,
        [doc("A"), doc("A")],
        [doc("A")],
        [("break", "duplicate_left", ["A"], [])],
    ),
    Case(
        "a duplicate on the right",
        BY_ID,
        [doc("A")],
        [doc("A"), doc("A")],
        [("break", "duplicate_right", [], ["A"])],
    ),
    Case(
        "the duplicate that differs is the one too many",
        BY_ID,
        [doc("A", "80"), doc("A", "90")],
        [doc("A", "90")],
        [("break", "duplicate_left", ["A"], [])],
    ),
    Case("duplicates on both sides that agree", BY_ID, [doc("A"), doc("A")], [doc("A"), doc("A")], []),
    Case(
        "a duplicate that nobody has on the other side",
        BY_ID,
        [doc("A"), doc("A")],
        [doc("B")],
        [
            ("break", "duplicate_left", ["A"], []),
            ("break", "missing_left", [], ["B"]),
            ("break", "missing_right", ["A"], []),
        ],
    ),
    Case(
        "two for two that cannot be told apart",
        plan(Key("supplier"), identity=("id",)),
        [doc("A", "10"), doc("B", "10")],
        [doc("X", "12"), doc("Y", "12")],
        [
            ("break", "ambiguous", [], ["X"]),
            ("break", "ambiguous", [], ["Y"]),
            ("break", "ambiguous", ["A"], []),
            ("break", "ambiguous", ["B"], []),
        ],
    ),
    Case(
        "as people read numbers",
        plan(Key("id"), TextKey("id")),
        [doc("PO-00123"), doc("ＰＯ－４５"), doc("a/b 07"), doc("采购-001")],
        [doc("po123"), doc("po45"), doc("AB7"), doc("采购1")],
        [],
    ),
    Case(
        "2026-001 is not 20261",
        plan(TextKey("id")),
        [doc("2026-010")],
        [doc("202601")],
        [("break", "missing_left", [], ["202601"]), ("break", "missing_right", ["2026-010"], [])],
    ),
    Case(
        "a date lag",
        plan(Key("id"), Key("supplier", "day", within=days(3))),
        [doc("A"), doc("B", supplier="S2")],
        [doc("X", day="2026-11-05"), doc("Y", supplier="S2", day="2026-11-06")],
        [("break", "missing_left", [], ["Y"]), ("break", "missing_right", ["B"], [])],
    ),
    Case(
        "the nearest date",
        plan(Key("supplier", "day", within=days(3)), identity=("id",)),
        [doc("A", day="2026-11-02"), doc("B", day="2026-11-05")],
        [doc("X", day="2026-11-02"), doc("Y", day="2026-11-04")],
        [],
    ),
    Case(
        "dates that are equally near",
        plan(Key("supplier", "day", within=days(3)), identity=("id",)),
        [doc("A", day="2026-11-02"), doc("B", day="2026-11-04")],
        [doc("X", day="2026-11-03"), doc("Y", day="2026-11-05")],
        [
            ("break", "ambiguous", [], ["X"]),
            ("break", "ambiguous", [], ["Y"]),
            ("break", "ambiguous", ["A"], []),
            ("break", "ambiguous", ["B"], []),
        ],
    ),
    Case(
        "one for several by their total",
        plan(Key("id"), Group("supplier", "currency", total="amount")),
        [doc("A", "30.00")],
        [doc("X", "10.00"), doc("Y", "20.00")],
        [("matched", "group", ["A"], ["X", "Y"])],
    ),
    Case(
        "several for several",
        plan(Key("id"), Group("supplier", total="amount")),
        [doc("A", "30.00"), doc("B", "5")],
        [doc("X", "15.00"), doc("Y", "20.00")],
        [("matched", "group", ["A", "B"], ["X", "Y"])],
    ),
    Case(
        "a shape that is not wanted",
        plan(Key("id"), Group("supplier", total="amount", shapes=("1:n",))),
        [doc("A", "30.00"), doc("B", "5")],
        [doc("X", "15.00"), doc("Y", "20.00")],
        [
            ("break", "missing_left", [], ["X"]),
            ("break", "missing_left", [], ["Y"]),
            ("break", "missing_right", ["A"], []),
            ("break", "missing_right", ["B"], []),
        ],
    ),
    Case(
        "a group with an empty amount has no total",
        plan(Key("id"), Group("supplier", total="amount")),
        [doc("A", "10.00")],
        [doc("X", "10.00"), doc("Y", None)],
        [
            ("break", "missing_left", [], ["X"]),
            ("break", "missing_left", [], ["Y"]),
            ("break", "missing_right", ["A"], []),
        ],
    ),
    Case(
        "references in a text",
        plan(Key("id"), References(text="text", to="id", total="amount")),
        [doc("INV-1", "10.00"), doc("INV-002", "20.00"), doc("INV-3", "1")],
        [doc("T1", "30.00", text="Pay INV-0001, inv-2. Thanks!")],
        [("break", "missing_right", ["INV-3"], []), ("matched", "group", ["INV-002", "INV-1"], ["T1"])],
    ),
    Case(
        "references that do not add up",
        plan(Key("id"), References(text="text", to="id", total="amount")),
        [doc("INV-1", "10.00")],
        [doc("T1", "30.00", text="INV-1")],
        [("break", "missing_left", [], ["T1"]), ("break", "missing_right", ["INV-1"], [])],
    ),
    Case(
        "a reference that two texts claim",
        plan(Key("id"), References(text="text", to="id", total="amount")),
        [doc("INV-1", "10.00")],
        [doc("T1", "10.00", text="INV-1"), doc("T2", "10.00", text="INV-1")],
        [
            ("break", "missing_left", [], ["T1"]),
            ("break", "missing_left", [], ["T2"]),
            ("break", "missing_right", ["INV-1"], []),
        ],
    ),
    Case(
        "the only combination",
        plan(Key("id"), SubsetSum(by=("supplier",), total="amount")),
        [doc("A", "1.10"), doc("B", "2.20"), doc("C", "4.40")],
        [doc("T", "3.30")],
        [("break", "missing_right", ["C"], []), ("suggested", "group", ["A", "B"], ["T"])],
    ),
    Case(
        "several combinations",
        plan(Key("id"), SubsetSum(by=("supplier",), total="amount")),
        [doc("A", "1"), doc("B", "2"), doc("C", "3"), doc("D", "4")],
        [doc("T", "5")],
        [
            ("break", "ambiguous", [], ["T"]),
            ("break", "ambiguous", ["A"], []),
            ("break", "ambiguous", ["B"], []),
            ("break", "ambiguous", ["C"], []),
            ("break", "ambiguous", ["D"], []),
        ],
    ),
    Case(
        "a partial settlement",
        plan(Key("id"), Partial(by=("supplier",), total="amount")),
        [doc("A", "100.00")],
        [doc("X", "30.00"), doc("Y", "20.00")],
        [("break", "partial", ["A"], ["X", "Y"])],
    ),
    Case(
        "a credit note settles no invoice",
        plan(Key("id"), Partial(by=("supplier",), total="amount")),
        [doc("A", "100.00")],
        [doc("X", "-30.00")],
        [("break", "missing_left", [], ["X"]), ("break", "missing_right", ["A"], [])],
    ),
    Case(
        "a bank fee",
        plan(Key("id"), expected=[expected("bank_fee", "amount", "25", "6603", side="left")]),
        [doc("A", "100.00"), doc("B", "100.00"), doc("C", "100.00")],
        [doc("A", "85.00"), doc("B", "70.00"), doc("C", "115.00")],
        [
            ("break", "value_difference", ["B"], ["B"]),
            ("break", "value_difference", ["C"], ["C"]),
            ("expected", "bank_fee", ["A"], ["A"]),
        ],
    ),
    Case(
        "in transit",
        plan(Key("id"), in_transit=[InTransit(field="day", days=3, side="left")]),
        [doc("A", day="2026-11-29"), doc("B", day="2026-11-20")],
        [doc("X", day="2026-11-29")],
        [
            ("break", "missing_left", [], ["X"]),
            ("break", "missing_right", ["B"], []),
            ("timing", "missing_right", ["A"], []),
        ],
    ),
    Case(
        "a suggested key",
        plan(Key("id"), Key("supplier", "amount", within={"amount": tolerance("1")}, suggested=True)),
        [doc("A", "10.00")],
        [doc("X", "10.50")],
        [("suggested", "value_difference", ["A"], ["X"])],
    ),
    Case(
        "the same amount many times",
        plan(Key("id"), Key("supplier", "day", within=days(0)), compare={}),
        [doc(f"A{n}") for n in range(3)],
        [doc(f"X{n}") for n in range(3)],
        [("break", "ambiguous", [], [f"X{n}"]) for n in range(3)]
        + [("break", "ambiguous", [f"A{n}"], []) for n in range(3)],
    ),
    Case(
        "a chain of rules takes each document once",
        plan(Key("id"), Key("supplier", "day", within=days(1)), Group("currency", total="amount")),
        [doc("A"), doc("B", "7", supplier="S2"), doc("C", "8", supplier="S3")],
        [doc("A"), doc("Y", "7", supplier="S2"), doc("Z", "3", supplier="S4"), doc("W", "5", supplier="S5")],
        [("matched", "group", ["C"], ["W", "Z"])],
    ),
    Case(
        "the same amount in another currency is not the same",
        plan(Key("id"), compare={"amount": tolerance("0.01")}),
        [doc("A"), doc("B", currency=None)],
        [doc("A", currency="USD"), doc("B", currency=None)],
        [("break", "value_difference", ["A"], ["A"])],
    ),
    Case(
        "a group is of one currency, though nobody says so",
        plan(Key("id"), Group("supplier", total="amount")),
        [doc("A", "10"), doc("B", "20", currency="USD"), doc("C", "5", currency=None)],
        [
            doc("X", "30", currency="EUR"),
            doc("Y", "4"),
            doc("Z", "6"),
            doc("V", "2", currency=None),
            doc("W", "3", currency=None),
        ],
        [
            ("break", "missing_left", [], ["X"]),
            ("break", "missing_right", ["B"], []),
            ("matched", "group", ["A"], ["Y", "Z"]),
            ("matched", "group", ["C"], ["V", "W"]),
        ],
    ),
    Case(
        "a settlement in another currency is none",
        plan(Key("id"), Partial(by=("supplier",), total="amount")),
        [doc("A", "100.00")],
        [doc("X", "30.00", currency="USD")],
        [("break", "missing_left", [], ["X"]), ("break", "missing_right", ["A"], [])],
    ),
    Case(
        "references in another currency",
        plan(Key("id"), References(text="text", to="id", total="amount")),
        [doc("INV-1", "10.00", currency="USD"), doc("INV-2", "20.00")],
        [doc("T1", "30.00", text="INV-1 INV-2")],
        [
            ("break", "missing_left", [], ["T1"]),
            ("break", "missing_right", ["INV-1"], []),
            ("break", "missing_right", ["INV-2"], []),
        ],
    ),
    Case(
        "a combination in another currency",
        plan(Key("id"), SubsetSum(by=("supplier",), total="amount")),
        [doc("A", "1"), doc("B", "2", currency="USD")],
        [doc("T", "3")],
        [
            ("break", "missing_left", [], ["T"]),
            ("break", "missing_right", ["A"], []),
            ("break", "missing_right", ["B"], []),
        ],
    ),
    Case(
        "many combinations of equal amounts",
        plan(Key("id"), SubsetSum(by=("supplier",), total="amount")),
        [doc(name, "5") for name in "ABCDE"] + [doc("F", "7")],
        [doc("T", "10")],
        [
            ("break", "ambiguous", [], ["T"]),
            *[("break", "ambiguous", [name], []) for name in "ABCDE"],
            ("break", "missing_right", ["F"], []),
        ],
    ),
    Case(
        "a combination that another one could take a part of",
        plan(Key("id"), SubsetSum(by=("supplier",), total="amount")),
        [doc("A", "1"), doc("B", "2"), doc("C", "3"), doc("D", "4"), doc("E", "5"), doc("F", "100")],
        [doc("T", "7"), doc("U", "105")],
        [
            ("break", "ambiguous", [], ["T"]),
            ("break", "ambiguous", [], ["U"]),
            *[("break", "ambiguous", [name], []) for name in "ABCDEF"],
        ],
    ),
    Case(
        "combinations below nothing",
        plan(Key("id"), SubsetSum(by=("supplier",), total="amount")),
        [doc("A", "-1.10"), doc("B", "-2.20"), doc("C", "0.5")],
        [doc("T", "-3.30")],
        [("break", "missing_right", ["C"], []), ("suggested", "group", ["A", "B"], ["T"])],
    ),
    Case(
        "both limits exactly hit",
        plan(Key("id"), compare={"amount": tolerance("0.05", "0.0005", both=True)}),
        [doc("A", "100.00"), doc("B", "-100.00"), doc("C", "99.99"), doc("D", "123456789012345678.91")],
        [doc("A", "100.05"), doc("B", "-99.95"), doc("C", "100.04"), doc("D", "123456789012345678.96")],
        [
            ("tolerated", "value_difference", ["A"], ["A"]),
            ("tolerated", "value_difference", ["B"], ["B"]),
            ("tolerated", "value_difference", ["C"], ["C"]),
            ("tolerated", "value_difference", ["D"], ["D"]),
        ],
    ),
    Case(
        "one limit just missed",
        plan(Key("id"), compare={"amount": tolerance("0.05", "0.0005", both=True)}),
        [doc("A", "100.0000000001"), doc("B", "99.98")],
        [doc("A", "99.95"), doc("B", "100.03")],
        [("break", "value_difference", ["A"], ["A"]), ("tolerated", "value_difference", ["B"], ["B"])],
    ),
)
