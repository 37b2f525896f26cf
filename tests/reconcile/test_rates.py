"""Amounts in one currency: exact, by the rate of the document's day, and refused where there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.reconcile import Group, Key, Rates, expected, tolerance
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.engines.postgres import PostgresEngine
from airflow_provider_docflow.reconcile.sources import FrameSource
from tests.reconcile import test_runs as runs
from tests.reconcile.cases import plan
from tests.reconcile.rig import Document, Result, doc, reconcile, values

TABLE = [
    ("USD", "7.1", "2026-11-01"),
    ("USD", "7.2", "2026-11-10"),
    ("EUR", "8.12345678", "2026-01-01"),
]
COLUMNS = ("currency", "rate", "valid_from")


def rates(table: Sequence[tuple[str | None, ...]] = TABLE, **more: Any) -> Rates:
    frame = pd.DataFrame(table, columns=COLUMNS[: len(table[0])])
    source = FrameSource(frame=frame, name="treasury")
    return Rates(source=source, to="CNY", fields=("amount",), date=more.pop("date", "day"), **more)


def in_yuan(*rules: Any, by: Rates | None = None, **more: Any) -> Any:
    given = {"compare": {"amount_in_cny": tolerance("0.01")}, "amount": "amount_in_cny", "currency": ""}
    return plan(*(rules or (Key("id"),)), rates=by or rates(), **{**given, **more})


@pytest.fixture(scope="module", params=("duckdb", "postgresql"))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made: Engine
    if request.param == "duckdb":
        made = DuckEngine(threads=1)
    else:
        made = PostgresEngine(request.getfixturevalue("postgres_server").create("rates"))
    yield made
    made.close()


def run(engine: Engine, what: Any, left: list[Document], right: list[Document], **more: Any) -> Result:
    rows = [dict(zip(COLUMNS, row, strict=False)) for row in what.rates.source.frame.values.tolist()]
    columns = COLUMNS[: len(what.rates.source.frame.columns)]
    engine.make("raw_rates", values(rows, columns))
    return reconcile(engine, what, left, right, **more)


def test_the_rate_of_the_documents_day_counts(engine: Engine) -> None:
    left = [
        doc("A", "100.00", currency="USD", day="2026-11-09"),
        doc("B", "100.00", currency="USD", day="2026-11-10"),
        doc("C", "0.01", currency="EUR"),
        doc("D", "5.00"),
    ]
    right = [doc("A", "710.00"), doc("B", "710.00"), doc("C", "0.08"), doc("D", "5.00")]
    result = run(engine, in_yuan(), left, right)
    assert result.told() == [("break", "value_difference", ["B"], ["B"])]
    (one,) = result.items[0].differences
    assert (one.left, one.right) == (Decimal("720"), Decimal("710"))
    (total,) = result.totals
    assert (total.left, total.right) == (Decimal("1435.08"), Decimal("1425.08"))
    assert total.adds_up


def test_half_a_cent_goes_up_and_credits_mirror_it(engine: Engine) -> None:
    by = rates([("USD", "0.5")], date="")
    left = [doc("A", "0.01", currency="USD"), doc("B", "-0.01", currency="USD")]
    exact = in_yuan(by=by, compare={"amount_in_cny": tolerance(0)})
    result = run(engine, exact, left, [doc("A", "0.01"), doc("B", "-0.01")])
    assert result.told() == []


def test_eighteen_digits_stay_exact(engine: Engine) -> None:
    left = [doc("A", "12345678901234567.89", currency="USD")]
    right = [doc("A", "87654320198765432.02")]
    assert run(engine, in_yuan(compare={"amount_in_cny": tolerance(0)}), left, right).told() == []


def test_groups_and_expected_differences_work_in_the_one_currency(engine: Engine) -> None:
    what = in_yuan(
        Key("id"),
        Group("supplier", total="amount_in_cny"),
        expected=[expected("exchange", "amount_in_cny", "5.00", "6603")],
    )
    left = [doc("A", "10.00", currency="USD"), doc("B", "20.00", currency="USD"), doc("C", "100.00")]
    right = [doc("X", "213.00"), doc("C", "104.00", supplier="S2")]
    told = run(engine, what, left, right).told()
    assert ("expected", "exchange", ["C"], ["C"]) in told
    assert not any(standing == "break" for standing, *_ in told)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (doc("A", currency="XXX"), "no rate of XXX"),
        (doc("A", currency="USD", day="2026-10-31"), "no rate of USD on 2026-10-31"),
        (doc("A", currency="USD", day=None), "without a date"),
        (doc("A", currency=None), "no currency"),
    ],
)
def test_what_has_no_rate_is_refused_and_named(engine: Engine, document: Document, words: str) -> None:
    with pytest.raises(exc.InvalidDocument, match=words) as raised:
        run(engine, in_yuan(), [doc("B")], [document])
    assert (raised.value.system, raised.value.document) == ("ERP", "A")


def test_an_empty_amount_needs_no_rate(engine: Engine) -> None:
    assert run(engine, in_yuan(), [doc("A", None, currency="XXX")], [doc("A", None)]).told() == []


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ([("USD", "7,1", "2026-11-01")], "row 1"),
        ([("USD", "0", "2026-11-01")], "row 1"),
        ([("USD", "-7", "2026-11-01")], "row 1"),
        ([("USD", "7.123456789", "2026-11-01")], "row 1"),
        ([(None, "7.1", "2026-11-01")], "row 1"),
        ([("USD", "7.1", "2026-11-01"), ("USD", "7.1", "soon")], "row 2"),
        ([("USD", "7.1", "2026-11-01"), ("USD", "7.2", "2026-11-01")], "several rates of USD for 2026-11-01"),
        ([("USD", "7.1")], "no column valid_from"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused(engine: Engine, table: Any, words: str) -> None:
    with pytest.raises(exc.InvalidDocument, match=words) as raised:
        run(engine, in_yuan(by=rates(table)), [doc("A")], [doc("A")])
    assert raised.value.system == "treasury"


def test_a_run_reads_the_table_and_its_breaks_show_both_amounts(ledger: Ledger) -> None:
    what = in_yuan(show=("amount", "currency"))
    outcome = runs.reconcile(ledger, [doc("A", "100.00", currency="USD")], [doc("A", "700.00")], what=what)
    assert outcome.counts == {"breaks": 1, "value_difference": 1}
    (one,) = ledger.breaks.search("orders")
    shown = one.body["left"][0]
    assert (shown["amount"], shown["currency"], shown["amount_in_cny"]) == ("100", "USD", "710")
    assert one.body["differences"] == [{"field": "amount_in_cny", "left": "710", "right": "700", "off": "10"}]


@pytest.mark.parametrize("more", [{"to": ""}, {"fields": ()}, {"decimals": 11}])
def test_rates_that_say_nothing_are_refused(more: dict[str, Any]) -> None:
    with pytest.raises(exc.Misconfigured):
        replace(rates(), **more).check()
