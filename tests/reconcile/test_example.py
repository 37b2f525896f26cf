"""The example DAG ``nightly_reconciliation``, in the sandbox."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.systems.sql import DEFAULT_TABLES, ddl
from tests.operators.test_create import run_chain
from tests.operators.world import World
from tests.rigs.locks import CHECKOUT
from tests.rigs.runner import Runner

FILE = Path(CHECKOUT) / "dags" / "nightly_reconciliation.py"


def parse() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(FILE))
    assert bag.import_errors == {}
    (found,) = bag.dags.values()
    return found.task_dict["orders_against_payments"]


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
