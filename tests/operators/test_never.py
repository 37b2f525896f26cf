"""A task that is not to fail still gives a document another try where a try may help."""

from __future__ import annotations

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger.keys import IntentRequest
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.test_create import chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Runner

NUMBERS = ["PR-1", "PR-2", "PR-3"]


@pytest.mark.parametrize("fail_on", ["all", "never"])
def test_what_a_retry_may_help_is_tried_again_and_the_rest_is_left_alone(
    world: World, runner: Runner, fail_on: str
) -> None:
    for number in NUMBERS:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve("PR-1", "PR-2")
    world.sandbox.fault(FaultRule("rate_limited", method="POST", path=ORDERS, body="PR-2", times=1))

    read, orders = chain(NUMBERS, fail_on=fail_on)
    runner.run(read)
    tries = runner.until_done(orders)

    assert [one.state for one in tries] == ["up_for_retry", "success"]
    assert isinstance(tries[0].error, exc.RateLimited)
    assert tries[0].result["statuses"] == {"failed": 2, "written": 1}
    assert tries[1].result["statuses"] == {"existing": 1, "failed": 1, "written": 1}
    assert len(world.orders()) == 2


def test_the_last_try_does_not_fail_the_task_either(world: World, runner: Runner) -> None:
    for number in NUMBERS:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve(*NUMBERS)
    world.sandbox.fault(FaultRule("rate_limited", method="POST", path=ORDERS, body="PR-2", times=None))

    read, orders = chain(NUMBERS, fail_on="never")
    runner.run(read)
    tries = runner.until_done(orders)

    assert [one.state for one in tries] == ["up_for_retry"] * 3 + ["success"]
    assert tries[-1].result["statuses"] == {"existing": 2, "failed": 1}


@pytest.mark.parametrize("fail_on", ["any", "all", "never"])
def test_what_a_dead_worker_had_begun_is_waited_for(world: World, runner: Runner, fail_on: str) -> None:
    """Beside a document that no time heals, and although the task is not to fail."""
    for number in NUMBERS:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve("PR-1", "PR-2")
    world.sandbox.fault(FaultRule("rate_limited", method="POST", path=ORDERS, times=2))
    read, orders = chain(NUMBERS, fail_on=fail_on)
    runner.run(read)
    assert runner.run(orders).state == "up_for_retry"
    begun = [world.ledger.intents.find(source_number=number)[0] for number in ("PR-1", "PR-2")]
    leases = world.ledger.intents.reserve(
        [IntentRequest(one.key, one.content_hash, {}) for one in begun],
        owner="a dead worker",
        lease_seconds=60,
    )

    parked = runner.run(orders, try_number=2)
    assert (parked.state, parked.error) == ("up_for_reschedule", None)
    assert world.orders() == []

    world.ledger.intents.release([(one.intent_id, one.lease_token) for one in leases])
    done = runner.run(orders, try_number=2, reschedules=1)
    assert done.state == ("failed" if fail_on == "any" else "success")
    assert done.result["statuses"] == {"failed": 1, "written": 2}
    assert len(world.orders()) == 2
