"""What holds for any two sides: totals add up, order is nothing, left and right mirror each other."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_docflow.reconcile.comparisons import days, same, tolerance
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
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
from tests.reconcile.cases import CUT_OFF, plan
from tests.reconcile.rig import Document, Result, doc, reconcile

EVERYTHING = plan(
    Key("id"),
    TextKey("id"),
    Key("supplier", "day", within=days(2)),
    Group("supplier", "currency", total="amount"),
    References(text="text", to="id", total="amount"),
    Partial(by=("supplier",), total="amount"),
    SubsetSum(by=("currency",), total="amount"),
    compare={"amount": tolerance("0.01", "0.001"), "currency": same(), "supplier": same()},
    expected=[expected("rounding", "amount", "0.05", "6603")],
    in_transit=[InTransit(field="day", days=2)],
)
BY_ID = plan(Key("id"))

documents = st.builds(
    doc,
    st.one_of(st.none(), st.sampled_from(["A", "B", "C", "po-01", "PO1", "Ａ", "a ", "D-007", "d7"])),
    st.one_of(
        st.none(), st.decimals("-20", "20", places=2).map(str), st.sampled_from(["5.00", "-5", "10", "0"])
    ),
    supplier=st.sampled_from(["S1", "S2", None]),
    day=st.sampled_from(["2026-11-02", "2026-11-03", "2026-11-28", "2026-11-30", None]),
    currency=st.sampled_from(["CNY", "USD", None]),
    text=st.sampled_from(["", "A, B", "po1 C", None]),
)
sides = st.lists(documents, max_size=7)
MIRROR = {
    "missing_left": "missing_right",
    "missing_right": "missing_left",
    "duplicate_left": "duplicate_right",
    "duplicate_right": "duplicate_left",
}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    made = DuckEngine(threads=1)
    yield made
    made.close()


def rows(result: Result) -> list[Any]:
    """Return the items with everything that a report shows of them."""
    return sorted(
        (one.standing, one.kind, one.rule or 0, _rows(one.left), _rows(one.right)) for one in result.items
    )


def _rows(given: Sequence[Mapping[str, Any]]) -> str:
    return repr(sorted(repr(sorted(row.items())) for row in given))


@settings(max_examples=20, deadline=None)
@given(left=sides, right=sides)
def test_totals_always_add_up(engine: Engine, left: list[Document], right: list[Document]) -> None:
    result = reconcile(engine, EVERYTHING, left, right, cut_off=CUT_OFF)
    for total in result.totals:
        assert total.adds_up, total
        effects: Counter[str] = Counter()
        for one in result.items:
            for currency, amount in one.effect("amount", "currency").items():
                if currency == total.currency:
                    effects[one.standing] += amount  # type: ignore[assignment]
        assert {word: amount for word, amount in effects.items() if amount} == {
            word: amount for word, amount in total.effects.items() if amount
        }


@settings(max_examples=12, deadline=None)
@given(left=sides, right=sides, seed=st.integers(0, 1000))
def test_the_order_of_rows_changes_nothing(
    engine: Engine, left: list[Document], right: list[Document], seed: int
) -> None:
    result = reconcile(engine, EVERYTHING, left, right, cut_off=CUT_OFF)
    shuffle = random.Random(seed).sample
    again = reconcile(
        engine, EVERYTHING, shuffle(left, len(left)), shuffle(right, len(right)), cut_off=CUT_OFF
    )
    assert rows(result) == rows(again)


@settings(max_examples=12, deadline=None)
@given(left=sides, right=sides)
def test_left_and_right_mirror_each_other(
    engine: Engine, left: list[Document], right: list[Document]
) -> None:
    one = plan(
        Key("id"),
        TextKey("id"),
        Key("supplier", "day", within=days(2)),
        Group("supplier", "currency", total="amount"),
    )
    here = reconcile(engine, one, left, right, cut_off=CUT_OFF)
    there = reconcile(engine, one, right, left, cut_off=CUT_OFF)
    mirrored = sorted(
        (word, MIRROR.get(kind, kind), rule, right, left) for word, kind, rule, left, right in rows(there)
    )
    assert rows(here) == mirrored


@settings(max_examples=20, deadline=None)
@given(left=sides, right=sides)
def test_every_document_is_in_one_place(engine: Engine, left: list[Document], right: list[Document]) -> None:
    """Counted from outside: pairs by id, as many as both sides have of one id, and all others are items."""
    result = reconcile(engine, BY_ID, left, right)
    for side, documents in ((0, left), (1, right)):
        told = Counter(row["id"] for one in result.items for row in (one.left, one.right)[side])
        mine, theirs = (Counter(_id(one) for one in given) for given in (documents, (right, left)[side]))
        for name, count in mine.items():
            unpaired = count if name is None else count - min(count, theirs[name])
            assert unpaired <= told[name] <= count


def _id(document: Document) -> str | None:
    value = document["id"]
    return value.strip() if value else None


@settings(max_examples=20, deadline=None)
@given(left=sides, right=sides)
def test_totals_by_hand(engine: Engine, left: list[Document], right: list[Document]) -> None:
    result = reconcile(engine, BY_ID, left, right)
    for total in result.totals:
        for documents, told in ((left, total.left), (right, total.right)):
            mine = [one["amount"] for one in documents if (one["currency"] or "") == total.currency]
            assert told == sum(Decimal(amount) for amount in mine if amount is not None)


def test_which_of_two_is_one_too_many_is_not_for_the_order_of_rows_to_say(engine: Engine) -> None:
    what = plan(Key("id"), in_transit=[InTransit(field="day", days=1)])
    left = [doc("A", day=day, supplier=name) for day, name in (("2026-11-20", "S1"), ("2026-11-02", "S2"))]
    results = [reconcile(engine, what, some, [doc("A", day="2026-11-20")]) for some in (left, left[::-1])]
    assert rows(results[0]) == rows(results[1])
