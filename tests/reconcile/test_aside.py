"""What is equal is put aside: only its sums are kept, and nothing of what is told depends on that."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow.reconcile.comparisons import same
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.engines.postgres import PostgresEngine
from airflow_provider_docflow.reconcile.items import items
from airflow_provider_docflow.reconcile.plan.run import Computed, Plan, compute
from airflow_provider_docflow.reconcile.rules import Key
from airflow_provider_docflow.reconcile.sides import Side
from airflow_provider_docflow.reconcile.totals import totals
from tests.reconcile.cases import BY_ID, CASES, CUT_OFF, Case, plan
from tests.reconcile.rig import Document, Result, doc, values

EQUAL = [doc("A"), doc("B", "2.50"), doc("C", "3.00", currency="USD"), doc("D", None)]
LEFT = [*EQUAL, doc("E", "5.00"), doc("F", "6.00", text="it's, {here}")]
RIGHT = [*EQUAL, doc("E", "7.00")]


@pytest.fixture(scope="module", params=("duckdb", "postgresql"))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made: Engine = (
        DuckEngine(threads=1)
        if request.param == "duckdb"
        else PostgresEngine(request.getfixturevalue("postgres_server").create("aside"))
    )
    yield made
    made.close()


def computed(
    engine: Engine, plan: Plan, left: Sequence[Document], right: Sequence[Document], **more: Any
) -> Computed:
    for name, documents in (("raw_l", left), ("raw_r", right)):
        engine.make(name, values(documents))
    sides = {key: Side(name=key, may_be_empty=True) for key in ("l", "r")}
    return compute(engine, plan, sides, cut_off=CUT_OFF, **more)


def result(found: Computed) -> Result:
    return Result(list(items(found.ground)), totals(found.ground), found.counted)


def sums(documents: Sequence[Document]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = defaultdict(Decimal)
    for one in documents:
        found[one["currency"] or ""] += Decimal(one["amount"] or 0)
    return dict(found)


def test_only_what_is_not_equal_is_kept(engine: Engine) -> None:
    ground = computed(engine, BY_ID, LEFT, RIGHT).ground
    assert [engine.rows(f"SELECT count(*) FROM {ground.documents(side)}") for side in "lr"] == [
        [(2,)],
        [(1,)],
    ]


def test_what_is_put_aside_is_in_the_totals(engine: Engine) -> None:
    found = result(computed(engine, BY_ID, LEFT, RIGHT))
    assert {one.currency: one.left for one in found.totals} == sums(LEFT)
    assert {one.currency: one.right for one in found.totals} == sums(RIGHT)
    assert {one.currency: one.without_amount for one in found.totals} == {
        "CNY": {"l": 1, "r": 1},
        "USD": {"l": 0, "r": 0},
    }
    assert all(one.adds_up for one in found.totals)


def test_values_are_told_as_they_were(engine: Engine) -> None:
    (missing,) = [one for one in result(computed(engine, BY_ID, LEFT, RIGHT)).items if one.kind[0] == "m"]
    (row,) = missing.left
    assert (row["id"], row["amount"], row["currency"]) == ("F", Decimal(6), "CNY")
    shown = plan(Key("id"), show=("text",))
    (missing,) = [one for one in result(computed(engine, shown, LEFT, RIGHT)).items if one.kind[0] == "m"]
    assert missing.left[0]["text"] == "it's, {here}"


def test_an_amount_that_is_not_compared_is_not_equal(engine: Engine) -> None:
    found = result(computed(engine, plan(Key("id"), compare={"supplier": same()}), LEFT, RIGHT))
    assert {one.currency: dict(one.effects) for one in found.totals} == {
        "CNY": {"break": Decimal(6), "matched": Decimal(-2)},
        "USD": {},
    }
    assert all(one.adds_up for one in found.totals)


def test_documents_without_a_key_are_as_many_as_they_were(engine: Engine) -> None:
    found = result(computed(engine, BY_ID, [*LEFT, doc(None), doc(None)], [*RIGHT, doc(None)]))
    assert [one.kind for one in found.items].count("missing_right") == 3
    assert [one.kind for one in found.items].count("missing_left") == 1
    assert all(one.adds_up for one in found.totals)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_is_the_same_where_every_pair_is_kept(case: Case) -> None:
    with closing(DuckEngine(threads=1)) as engine:
        told = result(computed(engine, case.plan, case.left, case.right))
        every = computed(engine, case.plan, case.left, case.right, every_pair=True)
        assert not every.ground.aside
        again = result(every)
    assert told.told() == again.told()
    assert told.totals == again.totals
