"""What ``ReconcileOperator`` does when its task runs, without Airflow around it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.reconcile import FileSource, Group, Key, days, same, tolerance, within
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.plan.run import Plan
from airflow_provider_docflow.reconcile.run import Reconciliation, Running
from benchmarks.measuring import Spent, clocked

ORDERS = Plan(
    match=[Key("order_id")],
    compare={
        "payable_amount": tolerance(absolute="0.01"),
        "currency": same(),
        "status": same(),
        "supplier": same(),
        "issue_date": within(days(0)),
    },
    amount="payable_amount",
    currency="currency",
)
GROUPS = Plan(
    match=[Group("batch", total="payable_amount", shapes=("n:1",))],
    compare={},
    identity=("order_id",),
    amount="payable_amount",
)


def orders(folder: Path, memory: str) -> tuple[Spent, set[tuple[str, str]]]:
    return _run(folder, memory, "left", "right", ORDERS)


def groups(folder: Path, memory: str) -> tuple[Spent, set[tuple[str, str]]]:
    return _run(folder, memory, "parts", "batches", GROUPS)


def _import() -> None:
    """Import what the task would import by then; no lane's imports count."""
    import duckdb  # noqa: F401


def _run(folder: Path, memory: str, left: str, right: str, plan: Plan) -> tuple[Spent, set[tuple[str, str]]]:
    sides = [FileSource(str(folder / f"{side}.parquet")) for side in (left, right)]
    what = Reconciliation(name="benchmark", left=sides[0], right=sides[1], plan=plan)
    _import()
    with tempfile.TemporaryDirectory(dir=folder) as home:
        ledger = Ledger.open(f"sqlite:///{home}/ledger.sqlite", keys=[Fernet.generate_key()], create=True)

        def work() -> None:
            engine = DuckEngine(memory_limit=memory or None, folder=str(folder))
            with Running(what, engine, ledger=ledger, key="1", actor="benchmark") as running:
                running.run()

        spent = clocked(work)
        found = {_told(one.body, one.kind) for one in _breaks(ledger)}
        ledger.close()
    return spent, found


def _breaks(ledger: Ledger) -> list[Any]:
    found: list[Any] = []
    while some := ledger.breaks.search("benchmark", after_id=found[-1].id if found else 0):
        found += some
    return found


def _told(body: Any, kind: str) -> tuple[str, str]:
    return kind, (body["left"] or body["right"])[0]["order_id"]
