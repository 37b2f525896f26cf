"""Tasks in Airflow's own task runner while a system is down: they park, use up no retry, and go on."""

from __future__ import annotations

import json
import pickle
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.parking import LEAST_PARK_SECONDS
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.test_create import chain
from tests.operators.world import ORDERS, World
from tests.outages.conftest import Town
from tests.rigs.runner import Attempt, Runner, dag

ERP = "plain-erp-1"
FAST = {"OUTAGE_PROBE_SECONDS": "30", "RAMP_START": "2000"}


@pytest.fixture
def down(world: World, town: Town, monkeypatch: pytest.MonkeyPatch) -> World:
    """The world, with people to be told, and an ERP that has answered before and now does not."""
    settings = {f"AIRFLOW__DOCFLOW__{name}": value for name, value in FAST.items()}
    for name, value in {**town.environment(), **settings}.items():
        monkeypatch.setenv(name, value)
    system = DocflowHook("erp").system
    assert system.site.instance == ERP
    system.close()
    return world


def enter(world: World, *numbers: str) -> None:
    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve(*numbers)


def read(runner: Runner, source: Any, **more: Any) -> Any:
    """Run the task that reads, and return the one that creates."""
    first, second = chain(source, **more)
    assert runner.run(first).state == "success"
    return second


def comes_back(world: World) -> None:
    world.sandbox.start()
    world.ledger.health.ask_now(ERP)


def opened(world: World) -> list[tuple[str, str]]:
    return [(one.code, one.status) for one in world.ledger.incidents.search(status="")]


def test_a_single_document_parks_at_once_and_uses_up_no_retry(
    down: World, town: Town, runner: Runner
) -> None:
    enter(down, "PR-1")
    orders = read(runner, "PR-1", retries=0)
    down.sandbox.stop()
    for times in range(3):
        before = datetime.now(UTC)
        parked = runner.run(orders, try_number=1, reschedules=times)
        assert parked.state == "up_for_reschedule", parked.everything()
        assert parked.reschedule_date is not None
        assert parked.reschedule_date >= before + timedelta(seconds=LEAST_PARK_SECONDS)
        assert parked.reschedule_date <= datetime.now(UTC) + timedelta(seconds=31)
    assert opened(down) == [("system_down", "open")]
    comes_back(down)
    done = runner.run(orders, try_number=1, reschedules=3)
    assert done.state == "success"
    assert len(down.orders()) == 1
    assert opened(down) == [("system_down", "closed")]
    assert len(town.posted()) == 1
    assert len(town.mailed()) == 1


def test_people_are_told_what_is_down_and_why(down: World, town: Town, runner: Runner) -> None:
    enter(down, "PR-1")
    orders = read(runner, "PR-1")
    down.sandbox.stop()
    runner.run(orders)
    (posted,), (subject,) = town.posted(), town.mailed()
    assert "Plain ERP" in subject
    (incident,) = down.ledger.incidents.search()
    for word in (ERP, "erp", "ConnectError", f"Incident {incident.id}"):
        assert word in posted


def test_a_channel_that_fails_holds_up_nothing(
    down: World, town: Town, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = json.loads(town.environment()["AIRFLOW__DOCFLOW__OUTAGE_NOTIFY"])
    monkeypatch.setenv(
        "AIRFLOW__DOCFLOW__OUTAGE_NOTIFY", json.dumps({**told, "docflow_conn_id": "no such connection"})
    )
    enter(down, "PR-1")
    orders = read(runner, "PR-1")
    down.sandbox.stop()
    assert runner.run(orders).state == "up_for_reschedule"
    assert town.posted() == []
    assert len(town.mailed()) == 1


def test_a_list_goes_on_with_what_is_not_done(down: World, runner: Runner) -> None:
    numbers = [f"PR-{n}" for n in range(1, 7)]
    enter(down, *numbers)
    orders = read(runner, numbers, retries=0)
    down.sandbox.fault(FaultRule("error_before", nth=3, times=None, status=502))
    parked = runner.run(orders)
    assert parked.state == "up_for_reschedule", parked.everything()
    written = {order["reference"] for order in down.orders()}
    assert len(written) == 2
    down.sandbox.clear_faults()
    down.ledger.health.ask_now(ERP)
    done = [runner.run(orders, reschedules=1)]
    while done[-1].state == "up_for_reschedule":
        down.ledger.health.ask_now(ERP)
        done.append(runner.run(orders, reschedules=1 + len(done)))
    assert done[-1].state == "success"
    assert done[-1].result["count"] == 6
    found = [order["reference"] for order in down.orders()]
    assert len(found) == len(set(found)) == 6
    assert [code for code, _ in opened(down)] == ["system_down"]


def test_a_reply_that_was_lost_when_it_went_down_is_found_and_not_sent_twice(
    down: World, runner: Runner
) -> None:
    enter(down, "PR-1", "PR-2")
    orders = read(runner, ["PR-1", "PR-2"], retries=0)
    down.sandbox.fault(FaultRule("reply_lost", method="POST", path=ORDERS, times=1))
    down.sandbox.fault(FaultRule("error_before", nth=2, times=None, status=503))
    assert runner.run(orders).state == "up_for_reschedule"
    down.sandbox.clear_faults()
    for times in range(1, 6):
        down.ledger.health.ask_now(ERP)
        done = runner.run(orders, reschedules=times)
        if done.state != "up_for_reschedule":
            break
    assert done.state == "success", done.everything()
    assert len(down.orders()) == 2


def test_a_hiccup_is_a_retry_and_no_outage(down: World, runner: Runner) -> None:
    enter(down, "PR-1")
    orders = read(runner, "PR-1")
    down.sandbox.fault(FaultRule("cut", method="GET", path=f"{ORDERS}/*", times=3))
    tries = runner.until_done(orders)
    assert tries[-1].state == "success"
    assert all(one.state != "up_for_reschedule" for one in tries)
    assert opened(down) == []


def test_a_source_that_is_down_parks_too(down: World, runner: Runner) -> None:
    enter(down, "PR-1")
    first, _ = chain("PR-1", retries=0)
    down.ledger.health.failed(_oa(), "refused", threshold=1)
    parked = runner.run(first)
    assert parked.state == "up_for_reschedule"
    assert "has not answered since" in parked.log


def _oa() -> str:
    found = DocflowHook("oa").system
    try:
        return found.site.instance
    finally:
        found.close()


def test_in_a_maintenance_window_a_task_waits_for_its_end_and_nobody_is_told(
    down: World, town: Town, runner: Runner
) -> None:
    enter(down, "PR-1")
    orders = read(runner, "PR-1", retries=0)
    now = datetime.now(UTC)
    end = now + timedelta(hours=2)
    window = down.ledger.windows.enter("erp", starts_at=now, ends_at=end, reason="new release", actor="ops")
    parked = runner.run(orders)
    assert parked.state == "up_for_reschedule"
    assert parked.reschedule_date is not None
    assert abs(parked.reschedule_date - end) < timedelta(seconds=5)
    assert down.sandbox.count("/erp/*") == 0
    assert opened(down) == [] and town.posted() == [] and town.mailed() == []
    down.ledger.windows.cancel(window.id, actor="ops", reason="done")
    assert runner.run(orders, reschedules=1).state == "success"
    assert len(down.orders()) == 1


def test_tasks_come_back_in_the_order_of_their_due_dates(down: World, runner: Runner) -> None:
    days = {"PR-1": "2026-03-03", "PR-2": "2026-03-01", "PR-3": "2026-03-02"}
    enter_issued(down, days)
    tasks = {number: _task(runner, number) for number in days}
    down.ledger.health.failed(ERP, "refused", threshold=1, probe_seconds=60)
    for _ in range(2):
        parked = {number: runner.run(task) for number, task in tasks.items()}
    times = {number: _date(attempt) for number, attempt in parked.items()}
    assert sorted(times, key=times.__getitem__) == ["PR-2", "PR-3", "PR-1"]
    assert down.ledger.parking.waiting() == {ERP: 3}


def enter_issued(world: World, days: dict[str, str]) -> None:
    """Enter requisitions that were issued on these days."""
    for number in days:
        world.enter(number, ("SUP-1", "1", "7.00"))
    with closing(sqlite3.connect(world.source_path)) as connection:
        rows = [(day, number) for number, day in days.items()]
        connection.executemany("UPDATE requisition SET issue_date = ? WHERE number = ?", rows)
        connection.commit()
    world.approve(*days)


def _task(runner: Runner, number: str) -> Any:
    first, _ = chain(number)
    found = runner.run(first).result
    with dag(f"flow_{number}"):
        return CreateDocumentOperator(
            task_id="orders", docflow_conn_id="erp", document_type="purchase_order", source=found
        )


def _date(attempt: Attempt) -> datetime:
    assert attempt.state == "up_for_reschedule", attempt.everything()
    assert attempt.reschedule_date is not None
    return attempt.reschedule_date


def test_within_a_list_the_oldest_go_first(down: World, runner: Runner) -> None:
    """Those under way side by side may overtake each other; on the whole the oldest are there first.

    One that is slow to connect is overtaken by more of them, so it is the mean that counts: it would be 8 in
    any order, and 12 in the reverse.
    """
    count, side_by_side = 24, 8
    enter_issued(down, {f"PR-{n:02d}": f"2026-03-{count - n:02d}" for n in range(count)})
    orders = read(runner, [f"PR-{n:02d}" for n in range(count)])
    assert runner.run(orders).state == "success"
    bodies = [json.loads(one["body"]) for one in down.sandbox.requests(ORDERS, method="POST")]
    days = [body["issue_date"] for body in bodies]
    assert len(days) == count
    moved = [abs(days.index(day) - place) for place, day in enumerate(sorted(days))]
    assert sum(moved) / count < side_by_side / 2


def test_the_error_of_an_outage_crosses_a_process_boundary() -> None:
    error = exc.SystemDown("down", system="erp", incident=7, retry_after=30.0)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.attrs()) == (exc.SystemDown, error.attrs())
