"""The example DAGs ``nightly_reconciliation`` and ``repair_small_breaks``, in the sandbox."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, ddl
from tests.operators.test_create import run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.locks import CHECKOUT
from tests.rigs.runner import Runner

DAGS = Path(CHECKOUT) / "dags"


def parse(file: str = "nightly_reconciliation.py") -> Any:
    """Parse a DAG file and return its only task."""
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(DAGS / file))
    assert bag.import_errors == {}
    (found,) = bag.dags.values()
    (task,) = found.task_dict.values()
    return task


def pay(path: Path, *payments: tuple[str, str, str]) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for number, (order, supplier, amount) in enumerate(payments, 1):
            connection.execute(
                "INSERT INTO payment_request (business_key, company_code, supplier, currency, amount,"
                " due_date, source_document, status) VALUES (?, 'C1', ?, 'CNY', ?, '2026-04-30', ?, 'open')",
                (f"K{number}-{order}", supplier, amount, order),
            )
        connection.commit()


@pytest.fixture
def finance(world: World, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = world.folder / "finance.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        for statement in ddl("sqlite", {"payment_request": DEFAULT_TABLES["payment_request"]}):
            connection.execute(statement)
        connection.commit()
    monkeypatch.setenv("AIRFLOW_CONN_FINANCE_DB", json.dumps({"conn_type": "sqlite", "host": str(path)}))
    return path


def test_the_night_finds_what_was_ordered_and_not_paid(world: World, runner: Runner, finance: Path) -> None:
    for n, number in enumerate(("PR-1", "PR-2", "PR-3"), 1):
        world.enter(number, (f"SUP-{n}", "1", f"{n}0.00"))
    world.approve("PR-1", "PR-2", "PR-3")
    assert run_chain(runner, ["PR-1", "PR-2", "PR-3"]).state == "success"
    one, two, three = sorted(world.orders(), key=lambda order: str(order["supplier"]["code"]))
    pay(finance, (one["number"], "SUP-1", "6.00"), (one["number"], "SUP-1", "4.00"))
    pay(finance, (two["number"], "SUP-2", "20.50"))

    done = runner.run(parse(), conf={"report": str(world.folder / "reports")})
    assert done.state == "failed", "one order of three is more than one in a thousand"
    assert done.result["counts"] == {"breaks": 2, "missing_right": 1, "value_difference": 1}
    assert sorted(path.suffix for path in (world.folder / "reports").iterdir()) == [
        ".html",
        ".parquet",
        ".xlsx",
    ]
    found = {one.kind: one for one in world.ledger.breaks.search("orders_against_payments")}
    assert (found["missing_right"].left_key, found["value_difference"].left_key) == (
        three["number"],
        two["number"],
    )

    pay(finance, (three["number"], "SUP-3", "30.00"), (two["number"], "SUP-2", "-0.50"))
    healed = runner.run(parse(), run_id="scheduled__2")
    assert healed.state == "success", healed.everything()
    assert world.ledger.breaks.search("orders_against_payments") == []


def test_one_payment_for_several_orders_is_found_by_its_total(
    world: World, runner: Runner, finance: Path
) -> None:
    for number, price in (("PR-1", "10.00"), ("PR-2", "20.00")):
        world.enter(number, ("SUP-1", "1", price))
    world.approve("PR-1", "PR-2")
    assert run_chain(runner, ["PR-1", "PR-2"]).state == "success"
    pay(finance, ("collective payment", "SUP-1", "30.00"))
    done = runner.run(parse())
    assert done.state == "success", done.everything()
    assert done.result["counts"] == {"breaks": 0, "matched": 1}


def payments(path: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT source_document, amount FROM payment_request ORDER BY id"
        return [(str(order), str(amount)) for order, amount in connection.execute(sql)]


def test_small_breaks_of_the_night_are_repaired_before_the_morning(
    world: World, runner: Runner, finance: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"sql_conn_id": "finance_db", "ensure": True}
    monkeypatch.setenv("AIRFLOW_CONN_FINANCE", json.dumps({"conn_type": "docflow_sql", "extra": own}))
    for n, price in enumerate(("10.00", "30.00", "5000.00"), 1):
        world.enter(f"PR-{n}", (f"SUP-{n}", "1", price))
        world.approve(f"PR-{n}")
    assert run_chain(runner, ["PR-1", "PR-2"]).state == "success"
    one, two = sorted(world.orders(), key=lambda order: str(order["supplier"]["code"]))
    typed = {"company": "C1", "supplier": {"code": "SUP-3", "name": "SUP-3"}, "currency": "CNY"}
    line = {"line": "1", "item": "P", "quantity": "1", "unit": "EA", "price": "5000.00", "net": "5000.00"}
    world.post(
        ORDERS,
        {**{name: two[name] for name in ("issue_date",)}, **typed, "lines": [line], "reference": "by hand"}
        | {"totals": {**two["totals"], "payable": "5000.00", "net": "5000.00"}},
    )
    pay(finance, (two["number"], "SUP-2", "30.00"))

    night = runner.run(parse())
    assert night.result["counts"] == {"breaks": 2, "missing_right": 2}, night.everything()
    shown = runner.run(parse("repair_small_breaks.py"), conf={"dry_run": True})
    assert shown.state == "success", shown.everything()
    assert {entry["would"] for entry in shown.result["would"]} == {"create", "refuse"}
    assert len(payments(finance)) == 1

    done = runner.run(parse("repair_small_breaks.py"), run_id="scheduled__1")
    assert done.state == "success", done.everything()
    assert done.result["breaks"] == {"repaired": 1, "refused": 1}, done.everything()
    assert payments(finance)[1] == (one["number"], "10.00")
    second = runner.run(parse(), run_id="scheduled__2")
    assert second.result["counts"] == {"breaks": 1, "missing_right": 1}, "5000.00 has to be approved"
    again = runner.run(parse("repair_small_breaks.py"), run_id="scheduled__2")
    assert again.result["breaks"] == {"refused": 1}
    assert len(payments(finance)) == 2
