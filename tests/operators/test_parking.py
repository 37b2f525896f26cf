from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger.keys import IntentRequest
from airflow_provider_docflow.operators.parking import LEAST_PARK_SECONDS
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.profiles import DOWN
from tests.operators.test_create import chain, run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Runner

NUMBERS = ["PR-61", "PR-62", "PR-63"]
IN_MARCH = {"posting_date": "source.issue_date"}


def enter(world: World, *numbers: str) -> None:
    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve(*numbers)


def take_down(world: World, body: str = "") -> None:
    fault = FaultRule("error_before", method="POST", path=ORDERS, body=body, status=DOWN, times=None)
    world.sandbox.fault(fault)


def test_a_system_that_is_down_parks_the_task_until_it_said(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    take_down(world)
    before = datetime.now(UTC)
    done = run_chain(runner, "PR-1")
    assert done.state == "up_for_reschedule"
    assert done.error is None
    assert done.reschedule_date is not None
    assert before + timedelta(seconds=900) <= done.reschedule_date
    assert done.reschedule_date <= datetime.now(UTC) + timedelta(seconds=900)
    assert "Parked until" in done.log


def test_parked_work_uses_up_no_retry_and_goes_on_where_it_was(world: World, runner: Runner) -> None:
    enter(world, *NUMBERS)
    take_down(world)
    read, orders = chain(NUMBERS, retries=0)
    runner.run(read)
    for times in range(5):
        assert runner.run(orders, reschedules=times).state == "up_for_reschedule"
    world.sandbox.clear_faults()
    for times in range(5, 10):
        # One of the writes tries whether it is over; those that come beside it may be refused once more.
        world.ledger.health.ask_now("plain-erp-1")
        done = runner.run(orders, reschedules=times)
        if done.state != "up_for_reschedule":
            break
    assert done.state == "success"
    assert len(world.orders()) == 3


def test_what_was_written_before_the_system_went_down_is_not_written_again(
    world: World, runner: Runner
) -> None:
    enter(world, *NUMBERS)
    take_down(world, body="PR-62")
    read, orders = chain(NUMBERS)
    runner.run(read)
    assert runner.run(orders).state == "up_for_reschedule"
    assert len(world.orders()) == 2
    world.sandbox.clear_faults()
    done = runner.run(orders, reschedules=1)
    assert done.result["statuses"] == {"existing": 2, "written": 1}
    assert len(world.orders()) == 3


def test_a_closed_period_parks_until_it_is_opened(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    world.sandbox.call("PUT", "erp/settings", {"closed_periods": ["2026-03"]})
    read, orders = chain("PR-1", mapping=IN_MARCH, retry_delay=timedelta(minutes=7))
    runner.run(read)
    before = datetime.now(UTC)
    parked = runner.run(orders)
    assert parked.state == "up_for_reschedule"
    assert parked.reschedule_date is not None
    assert parked.reschedule_date >= before + timedelta(minutes=7)  # the ERP names no time: the task's delay
    world.sandbox.call("PUT", "erp/settings", {"closed_periods": []})
    assert runner.run(orders, reschedules=1).state == "success"
    assert world.orders()[0]["posting_date"] == "2026-03-31"


def test_a_document_that_another_process_writes_now_is_waited_for(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    read, orders = chain("PR-1")
    runner.run(read)
    take_down(world)
    assert runner.run(orders).state == "up_for_reschedule"
    (intent,) = world.ledger.intents.find(source_number="PR-1")
    world.sandbox.clear_faults()
    other = IntentRequest(intent.key, intent.content_hash, {})
    world.ledger.intents.reserve([other], owner="another worker", lease_seconds=60)
    parked = runner.run(orders, reschedules=1)
    assert parked.state == "up_for_reschedule"
    assert world.orders() == []
    assert parked.reschedule_date is not None
    assert parked.reschedule_date > datetime.now(UTC) + timedelta(seconds=LEAST_PARK_SECONDS / 2)


def test_a_task_never_comes_back_sooner_than_airflow_bears(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    world.sandbox.call("PUT", "erp/settings", {"closed_periods": ["2026-03"]})
    read, orders = chain("PR-1", mapping=IN_MARCH, retry_delay=timedelta(0))
    runner.run(read)
    before = datetime.now(UTC)
    parked = runner.run(orders)
    assert parked.reschedule_date is not None
    assert parked.reschedule_date >= before + timedelta(seconds=LEAST_PARK_SECONDS)


def test_a_failure_that_no_time_heals_is_not_parked(world: World, runner: Runner) -> None:
    enter(world, *NUMBERS)
    world.enter("PR-99", ("SUP-1", "1", "7.00"))
    world.sandbox.call("PUT", "erp/settings", {"closed_periods": ["2026-03"]})
    done = run_chain(runner, [*NUMBERS, "PR-99"], mapping=IN_MARCH)
    assert done.state == "failed"
    assert isinstance(done.error, exc.NotApproved)
    assert "PR-99" in str(done.error)
    assert done.result["statuses"] == {"failed": 4}


def test_while_a_system_is_down_the_whole_task_waits(world: World, runner: Runner) -> None:
    """What else failed is looked at when it comes back: a failed task would leave the others undone."""
    enter(world, *NUMBERS)
    world.enter("PR-99", ("SUP-1", "1", "7.00"))
    take_down(world, body="PR-62")
    read, orders = chain([*NUMBERS, "PR-99"])
    runner.run(read)
    assert runner.run(orders).state == "up_for_reschedule"
    world.sandbox.clear_faults()
    done = runner.run(orders, reschedules=1)
    assert done.state == "failed"
    assert isinstance(done.error, exc.NotApproved)
    assert len(world.orders()) == 3


def test_a_failure_that_a_retry_may_help_is_tried_again_first(world: World, runner: Runner) -> None:
    enter(world, *NUMBERS)
    world.enter("PR-99", ("SUP-1", "1", "7.00"))
    world.sandbox.fault(FaultRule("rate_limited", method="POST", path=ORDERS, body="PR-62", times=None))
    done = run_chain(runner, [*NUMBERS, "PR-99"])
    assert done.state == "up_for_retry"
    assert isinstance(done.error, exc.RateLimited)


def test_a_system_that_is_down_parks_a_task_that_never_fails(world: World, runner: Runner) -> None:
    """Going on would leave the document behind: nothing comes back for it."""
    enter(world, *NUMBERS)
    take_down(world, body="PR-62")
    read, orders = chain(NUMBERS, fail_on="never")
    runner.run(read)
    assert runner.run(orders).state == "up_for_reschedule"
    world.sandbox.clear_faults()
    done = runner.run(orders, reschedules=1)
    assert done.state == "success"
    assert done.result["statuses"] == {"existing": 2, "written": 1}


@pytest.mark.parametrize("fail_on", ["never", "all"])
def test_who_goes_on_without_a_document_leaves_an_incident_behind(
    world: World, runner: Runner, fail_on: str
) -> None:
    enter(world, *NUMBERS)
    closed = {"error": {"code": "period_closed", "message": "the period is closed"}}
    fault = FaultRule(
        "error_before", method="POST", path=ORDERS, body="PR-62", status=422, reply=closed, times=None
    )
    world.sandbox.fault(fault)
    read, orders = chain(NUMBERS, fail_on=fail_on)
    runner.run(read)
    done = runner.run(orders)
    assert done.state == "success", done.everything()
    assert done.result["statuses"] == {"failed": 1, "written": 2}
    (incident,) = world.ledger.incidents.search(status="open")
    assert (incident.category, incident.code, incident.document_number) == (
        "business rule",
        "period_closed",
        "PR-62",
    )
    world.sandbox.clear_faults()
    assert runner.run(orders).result["statuses"] == {"existing": 2, "written": 1}
    assert world.ledger.incidents.search(status="open") == []
