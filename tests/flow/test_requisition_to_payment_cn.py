"""The example ``requisition_to_payment_cn``: DingTalk, Kingdee, U8 and WeCom, each by its own stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.testing import docflow_ledger, docflow_run, docflow_sandbox
from airflow_provider_docflow.testing.flows import FlowRun
from scripts.demo_cn import USERS, Place, form, row
from tests.rigs.locks import CHECKOUT

__all__ = ["docflow_ledger", "docflow_run", "docflow_sandbox"]
DAG = Path(CHECKOUT) / "dags" / "requisition_to_payment_cn.py"
Run = Callable[..., FlowRun]


@pytest.fixture
def place(docflow_sandbox: Sandbox, docflow_ledger: Any, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The four systems, each with its connection."""
    made = Place(docflow_sandbox)
    made.furnish()
    for name, connection in made.connections().items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    return made


def run(docflow_run: Run, *numbers: str) -> FlowRun:
    return docflow_run(DAG, numbers=list(numbers), wecom_users=",".join(USERS))


def statuses(done: FlowRun, task: str) -> dict[str, int]:
    told = done.tasks[task].result
    return dict(told.get("statuses") or {told["status"]: 1})


def test_two_requisitions_are_paid_and_told_once_however_often_it_runs(
    place: Place, docflow_run: Run
) -> None:
    place.request(form("PR-1", [row(1, supplier="SUP-1"), row(2, supplier="SUP-2", price="0.05")]))
    place.request(form("PR-2", [row(1, supplier="SUP-1", quantity="3")]))
    done = run(docflow_run, "PR-1", "PR-2")
    assert done.state == "success", (
        f"{done}\n{[each.log[-3000:] for each in done.tasks.values() if each.error]}"
    )
    assert {task: statuses(done, task) for task in ("orders", "invoices", "payments")} == {
        "orders": {"written": 3},
        "invoices": {"written": 3},
        "payments": {"written": 3},
    }
    first = place.found()
    amounts = sorted(Decimal(amount) for _, amount in first["payments"])
    assert amounts == [Decimal("0.1"), Decimal("100.5"), Decimal("150.75")]
    assert (len(first["orders"]), len(first["invoices"]), len(first["messages"])) == (3, 3, 3 * len(USERS))
    again = run(docflow_run, "PR-1", "PR-2")
    assert again.state == "success", again
    assert statuses(again, "payments") == {"existing": 3}
    assert place.found() == first


def test_answers_that_are_lost_on_the_way_double_nothing(
    place: Place, docflow_run: Run, docflow_sandbox: Sandbox
) -> None:
    place.request(form("PR-1", [row()]))
    paths = ("/k3cloud/*Save.common.kdsvc", "/u8/api/pay/add", "/wecom/cgi-bin/message/send")
    for path in paths:
        docflow_sandbox.fault(FaultRule(path=path, fault="reply_lost", nth=1))
    for _ in range(4):
        done = run(docflow_run, "PR-1")
        docflow_sandbox.advance(3_600)
    assert done.tasks["payments"].state == "success", done
    assert {fault["path"] for fault in docflow_sandbox.faults() if fault["hits"]} == set(paths)
    assert {word: len(some) for word, some in place.found().items()} == {
        "orders": 1,
        "invoices": 1,
        "payments": 1,
        # One of the two was told although nobody heard so; it is not said to them again.
        "messages": 2,
    }
