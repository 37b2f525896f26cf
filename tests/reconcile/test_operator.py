"""The operator through Airflow's task runner: systems and databases, reports, and when it fails."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from openpyxl import load_workbook

from airflow_provider_docflow.operators.reconcile import ReconcileOperator
from airflow_provider_docflow.reconcile import (
    FileSource,
    Key,
    LedgerSource,
    SqlSource,
    SystemSource,
    days,
    same,
    tolerance,
    within,
)
from tests.operators.test_create import run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Attempt, Runner, dag


def task(world: World, **more: Any) -> ReconcileOperator:
    """Requisitions of the OA against the orders of the ERP, by the reference that the orders carry."""
    given: dict[str, Any] = {
        "left": SqlSource(
            conn_id=f"sqlite:///{world.source_path}",
            name="OA",
            sql="SELECT number, party AS supplier, amount AS payable_amount, currency, issue_date"
            " FROM requisition",
        ),
        "right": SystemSource(conn_id="erp", document_type="purchase_order", columns={"number": "notes.0"}),
        "match": [
            Key("supplier", "issue_date", "payable_amount", within={"payable_amount": tolerance("0.01")})
        ],
        "compare": {"payable_amount": tolerance("0.01"), "currency": same()},
        "identity": ("supplier", "payable_amount"),
        "name": "requisitions_against_orders",
        **more,
    }
    with dag("nightly"):
        return ReconcileOperator(task_id="reconciled", **given)


def ordered(world: World, runner: Runner, *numbers: str) -> None:
    for n, number in enumerate(numbers, 1):
        world.enter(number, (f"SUP-{n}", "1", f"{n}7.00"))
    world.approve(*numbers)
    assert run_chain(runner, list(numbers)).state == "success"


@pytest.fixture
def orders(world: World, runner: Runner) -> World:
    ordered(world, runner, "PR-1", "PR-2", "PR-3")
    return world


def figures(done: Attempt) -> dict[str, Any]:
    assert isinstance(done.result, dict), done.everything()
    return done.result


def test_a_system_agrees_with_a_database(orders: World, runner: Runner) -> None:
    done = runner.run(task(orders))
    assert done.state == "success", done.everything()
    told = figures(done)
    assert told["documents"] == {"left": 3, "right": 3}
    assert told["counts"] == {"breaks": 0}
    (total,) = told["totals"]
    assert (total["currency"], total["explained_by"]) == ("CNY", {})
    assert [Decimal(total[name]) for name in ("left", "right", "difference")] == [81, 81, 0]
    assert "reading OA: rows 3" in done.log
    json.dumps(told)


def test_breaks_fail_the_task_and_are_kept(orders: World, runner: Runner) -> None:
    orders.enter("PR-4", ("SUP-9", "1", "9.00"))
    done = runner.run(task(orders))
    assert done.state == "failed"
    assert "1 breaks" in str(done.error) and "airflow docflow breaks" in str(done.error)
    assert figures(done)["counts"] == {"breaks": 1, "missing_right": 1}
    (one,) = orders.ledger.breaks.search("requisitions_against_orders")
    assert (one.kind, str(one.amount)) == ("missing_right", "9")
    assert runner.run(task(orders, fail_when="breaks > 50%")).state == "success"
    assert runner.run(task(orders, fail_when="never")).state == "success"


@pytest.mark.parametrize("condition", ["breaks", "breaks > many", "weather > 3", "breaks > 1 and breaks > 2"])
def test_a_condition_that_says_nothing_is_refused_before_anything_is_read(
    world: World, runner: Runner, condition: str
) -> None:
    done = runner.run(task(world, fail_when=condition))
    assert done.state == "failed"
    assert "is no condition" in str(done.error)
    assert world.ledger.reconciliations.runs() == []


def test_an_order_that_somebody_typed_by_hand(orders: World, runner: Runner) -> None:
    typed = {
        name: value
        for name, value in orders.orders()[0].items()
        if name not in ("id", "number", "type", "status", "version", "created_at", "updated_at")
    }
    orders.post(ORDERS, typed | {"reference": "by hand"})
    done = runner.run(task(orders))
    assert figures(done)["counts"] == {"breaks": 1, "duplicate_right": 1}


def test_the_ledger_against_the_system(orders: World, runner: Runner) -> None:
    orders.sandbox.call("PUT", f"erp/purchase_order/{orders.orders()[0]['id']}", {"status": "cancelled"})
    done = runner.run(
        task(
            orders,
            left=LedgerSource(document_type="purchase_order"),
            right=SystemSource(conn_id="erp", document_type="purchase_order"),
            match=[Key("number")],
            compare={"payable_amount": same("amount"), "lifecycle": same()},
            identity=("number",),
        )
    )
    assert figures(done)["counts"] == {"breaks": 1, "value_difference": 1}


def test_the_report_is_a_workbook_a_page_and_a_file_for_machines(
    orders: World, runner: Runner, tmp_path: Path
) -> None:
    orders.enter("PR-4", ("=cmd()", "1", "123456789012345678.91"))
    done = runner.run(
        task(
            orders,
            fail_when="never",
            report=str(tmp_path / "reports" / "{{ ds }}"),
            sensitive=("currency",),
            aged_from=("issue_date",),
            language="zh",
        )
    )
    paths = {kind: Path(path) for kind, path in figures(done)["report"].items()}
    assert {path.parent.name for path in paths.values()} == {"2026-03-31"}
    book = load_workbook(paths["xlsx"])
    assert book.sheetnames == ["汇总", "右方缺失"]
    head, row = book["右方缺失"].iter_rows(values_only=True)
    shown = dict(zip(head, row, strict=True))
    assert (shown["左方 supplier"], shown["左方 payable_amount"]) == ("=cmd()", "123456789012345678.91")
    assert {shown["左方 currency"], shown["币种"]} == {"***"}
    assert "f" not in {cell.data_type for cell in book["右方缺失"][2]}, "nobody's text becomes a formula"
    page = paths["html"].read_text(encoding="utf-8")
    assert "<svg" in page and "差异" in page and "123,456,789,012,345,759.91" in page
    assert "http" not in page.replace("http-equiv", "")
    found = duckdb.sql(f"SELECT * FROM '{paths['parquet']}'")
    machine = dict(zip(found.columns, found.fetchall()[0], strict=True))
    assert str(machine["left.payable_amount"]) == "123456789012345678.9100000000"
    assert machine["left.currency"] == "***"


def everything_shown(report: Path) -> str:
    """Return all that people can read in a report."""
    with zipfile.ZipFile(next(report.glob("*.xlsx"))) as book:
        sheets = "".join(book.read(name).decode() for name in book.namelist() if "/sheet" in name)
    rows = duckdb.sql(f"SELECT * FROM '{next(report.glob('*.parquet'))}'").fetchall()
    return "\n".join([sheets, next(report.glob("*.html")).read_text(encoding="utf-8"), repr(rows)])


def test_what_is_sensitive_is_said_nowhere(orders: World, runner: Runner, tmp_path: Path) -> None:
    orders.enter("PR-4", ("SECRET & SONS", "1", "4711.47"))
    hidden = {
        "sensitive": ("supplier", "payable_amount", "issue_date", "currency"),
        "report": str(tmp_path / "reports"),
        "aged_from": ("issue_date",),
        "show": ("number", "supplier"),
        "identity": ("number",),
        "match": [Key("number")],
        "fail_when": "never",
    }
    done = runner.run(task(orders, **hidden))
    shown = everything_shown(tmp_path / "reports")
    assert "PR-4" in shown and "2026-03-31" not in shown and "datetime.date" not in shown
    said = shown + json.dumps(figures(done)) + done.everything()
    for secret in ("SECRET", "4711", "4,711", "CNY"):
        assert secret not in said, secret
    with closing(sqlite3.connect(orders.source_path)) as connection, connection:
        connection.execute("UPDATE requisition SET amount = 'forty-seven' WHERE number = 'PR-4'")
    done = runner.run(task(orders, **hidden), run_id="again__1")
    assert done.state == "failed"
    assert "is not an amount" in str(done.error) and "forty-seven" not in done.everything()


def test_it_serialises_alike_and_renders_what_is_a_template(world: World, runner: Runner) -> None:
    source = FileSource(path="/data/{{ ds }}/orders.csv", cut_off="{{ data_interval_end }}")
    made = task(world, left=source, carry_forward=True)
    done = runner.run(made)
    assert "/data/2026-03-31/orders.csv" in str(done.error), done.everything()
    assert "0x" not in str(made.left)


def test_the_example_of_the_documentation_can_be_written(world: World) -> None:
    made = task(
        world,
        match=[Key("order_id"), Key("supplier", "issue_date", within=days(3))],
        compare={
            "payable_amount": tolerance(absolute="0.01", relative="0.0005", both=True),
            "status": same(),
            "issue_date": within(days(1)),
        },
        fail_when="breaks > 0.1%",
        retry_delay=timedelta(seconds=1),
    )
    assert made.retries == 3


def test_a_database_that_is_not_there_is_a_typed_error(world: World, runner: Runner, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "empty.sqlite")):
        pass
    left = SqlSource(conn_id=f"sqlite:///{tmp_path}/empty.sqlite", sql="SELECT * FROM orders")
    done = runner.run(task(world, left=left))
    assert done.state == "failed"
    assert "orders" in str(done.error)
    assert world.ledger.breaks.search() == []


def test_lineage_tells_what_was_compared_and_how_good_it_is(orders: World, runner: Runner) -> None:
    from airflow.providers.openlineage.extractors.base import DefaultExtractor

    orders.enter("PR-4", ("SUP-9", "1", "9.00"))
    done = runner.run(task(orders))
    assert done.state == "failed"
    told = DefaultExtractor(done.task).extract_on_failure(None)
    assert told is not None
    left, right = told.inputs
    assert (right.namespace, right.name) == ("docflow://erp", "purchase_order")
    assert left.inputFacets["dataQualityMetrics"].rowCount == 4
    assert right.inputFacets["dataQualityMetrics"].rowCount == 3
    failed = [
        (one.name, fact.assertion, fact.actual)
        for one in (left, right)
        for fact in one.inputFacets["dataQualityAssertions"].assertions
        if not fact.success
    ]
    assert failed == [("OA", "reconciliation.missing_right", "1")]
    facet = told.run_facets["docflow_reconciliation"]
    assert (facet.reconciliation, facet.breaks) == ("requisitions_against_orders", 1)
    assert json.loads(facet.figures)["counts"] == {"breaks": 1, "missing_right": 1}


def test_lineage_of_a_run_that_came_to_nothing_has_no_figures(world: World, runner: Runner) -> None:
    from airflow.providers.openlineage.extractors.base import DefaultExtractor

    done = runner.run(task(world, fail_when="nonsense"))
    assert done.state == "failed"
    told = DefaultExtractor(done.task).extract_on_failure(None)
    assert told is not None
    assert [dict(one.inputFacets) for one in told.inputs] == [{}, {}]
    assert told.run_facets == {}


@pytest.mark.parametrize(
    ("path", "dataset"),
    [
        ("s3://conn@bucket/in/orders.csv", ("s3://bucket", "in/orders.csv")),
        ("/data/orders.csv", ("file", "/data/orders.csv")),
        ("file:///data/orders.csv", ("file", "/data/orders.csv")),
    ],
)
def test_files_are_named_as_lineage_names_them(path: str, dataset: tuple[str, str]) -> None:
    assert FileSource(path=path).dataset() == dataset
