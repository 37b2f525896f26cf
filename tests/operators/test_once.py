from __future__ import annotations

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.test_create import chain, outcomes, run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Runner

NUMBERS = ["PR-51", "PR-52", "PR-53", "PR-54", "PR-55"]


def enter(world: World, *numbers: str) -> None:
    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve(*numbers)


def sends_of(world: World, number: str) -> int:
    return world.sandbox.count(ORDERS, method="POST", body=number)


def test_a_retry_touches_only_what_is_not_done(world: World, runner: Runner) -> None:
    enter(world, *NUMBERS)
    world.sandbox.fault(FaultRule("rate_limited", method="POST", path=ORDERS, body="PR-53", times=None))
    read, orders = chain(NUMBERS)
    assert runner.run(read).state == "success"
    first = runner.run(orders)
    assert first.state == "up_for_retry"
    assert isinstance(first.error, exc.RateLimited)
    assert first.result["statuses"] == {"failed": 1, "written": 4}
    before = {number: sends_of(world, number) for number in NUMBERS}
    world.sandbox.clear_faults()
    second = runner.run(orders, try_number=2)
    assert second.state == "success"
    assert second.result["statuses"] == {"existing": 4, "written": 1}
    after = {number: sends_of(world, number) for number in NUMBERS}
    assert {number for number in NUMBERS if after[number] != before[number]} == {"PR-53"}
    assert after["PR-53"] == before["PR-53"] + 1
    assert len(world.orders()) == 5


def test_a_lost_reply_is_found_again_and_not_repeated(world: World, runner: Runner) -> None:
    enter(world, *NUMBERS)
    world.sandbox.fault(FaultRule("reply_lost", method="POST", path=ORDERS, body="PR-52", times=1))
    read, orders = chain(NUMBERS)
    runner.run(read)
    tries = runner.until_done(orders)
    assert tries[-1].state == "success"
    assert len(world.orders()) == 5
    assert sorted(order["reference"][:5] for order in world.orders()) == NUMBERS


def test_a_cleared_task_returns_the_documents_that_exist(world: World, runner: Runner) -> None:
    enter(world, *NUMBERS)
    read, orders = chain(NUMBERS)
    runner.run(read)
    first = runner.run(orders)
    sent = world.sends()
    again = runner.run(orders, try_number=2)
    assert again.result["statuses"] == {"existing": 5}
    assert world.sends() == sent
    assert [each.handle for each in outcomes(world, again.result)] == [
        each.handle for each in outcomes(world, first.result)
    ]


def test_another_run_and_another_dag_meet_the_same_documents(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    read, orders = chain("PR-1")
    runner.run(read)
    first = runner.run(orders)
    for run_id in ("scheduled__2026-04-01", "backfill__2026-03-31"):
        runner.run(read, run_id=run_id)
        again = runner.run(orders, run_id=run_id)
        assert again.result["status"] == "existing"
        assert again.result["ref"] == first.result["ref"]
    assert (world.sends(), len(world.orders())) == (1, 1)


def test_what_somebody_cancelled_at_the_target_is_not_written_again_by_itself(
    world: World, runner: Runner
) -> None:
    enter(world, "PR-1")
    assert run_chain(runner, "PR-1").state == "success"
    (order,) = world.orders()
    world.sandbox.call("PUT", f"erp/purchase_order/{order['id']}", {"status": "cancelled"})
    again = run_chain(runner, "PR-1")
    assert again.state == "failed"
    assert isinstance(again.error, exc.IncidentOpen)
    assert "recreate" in str(again.error)
    assert world.sends() == 1


def test_changed_content_opens_an_incident_unless_told_otherwise(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    run_chain(runner, "PR-1")
    world.change_price("PR-1", "9.00")
    world.approve("PR-1")
    done = run_chain(runner, "PR-1")
    assert done.state == "failed"
    assert isinstance(done.error, exc.IncidentOpen)
    assert done.error.code == "source.changed"
    assert done.error.incident is not None
    assert [order["totals"]["payable"] for order in world.orders()] == ["7.00"]
    assert world.sends() == 1


def test_changed_content_amends_the_document_where_told_so(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    first = run_chain(runner, "PR-1")
    world.change_price("PR-1", "9.00")
    world.approve("PR-1")
    done = run_chain(runner, "PR-1", on_change="amend")
    assert done.state == "success", done.everything()
    assert done.result["status"] == "amended"
    assert done.result["ref"]["internal_id"] == first.result["ref"]["internal_id"]
    assert [order["totals"]["payable"] for order in world.orders()] == ["9.00"]
    again = run_chain(runner, "PR-1", on_change="amend")
    assert again.result["status"] == "existing"
    assert world.sandbox.count(f"{ORDERS}/*", method="PATCH") == 1


def test_changed_content_supersedes_the_document_where_told_so(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    run_chain(runner, "PR-1")
    world.change_price("PR-1", "9.00")
    world.approve("PR-1")
    done = run_chain(runner, "PR-1", on_change="supersede")
    assert done.state == "success", done.everything()
    assert done.result["status"] == "superseded"
    assert [(order["status"], order["totals"]["payable"]) for order in world.orders()] == [
        ("cancelled", "7.00"),
        ("draft", "9.00"),
    ]
    again = run_chain(runner, "PR-1", on_change="supersede")
    assert again.result["status"] == "existing"
    assert len(world.orders()) == 2


def test_nothing_is_sent_without_a_decision(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    done = run_chain(runner, "PR-1")
    assert done.state == "failed"
    assert isinstance(done.error, exc.NotApproved)
    assert world.sandbox.count("/erp/*", method="POST") == 0


@pytest.mark.parametrize("decision", ["rejected", "withdrawn", "revoked"])
def test_nothing_is_sent_against_a_decision(world: World, runner: Runner, decision: str) -> None:
    enter(world, "PR-1")
    world.approve("PR-1", decision=decision)
    done = run_chain(runner, "PR-1")
    assert isinstance(done.error, exc.NotApproved)
    assert world.sends() == 0


def test_a_change_after_the_approval_voids_it_and_names_the_field(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    read, orders = chain("PR-1")
    assert runner.run(read).state == "success"
    world.change_price("PR-1", "900.00")
    done = runner.run(orders)
    assert isinstance(done.error, exc.NotApproved)
    assert "lines[0].price_amount (line 1): 7 -> 900" in str(done.error)
    assert world.sends() == 0


def test_writing_without_a_decision_has_to_be_written_out(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    assert run_chain(runner, "PR-1", requires_approval=False).state == "success"
    assert len(world.orders()) == 1


def test_an_upstream_task_marked_success_creates_nothing(world: World, runner: Runner) -> None:
    enter(world, "PR-1")
    _, orders = chain("PR-1")
    done = runner.run(orders)  # "read" never ran: nothing in XCom, as after "mark success"
    assert done.state == "failed"
    assert isinstance(done.error, exc.Misconfigured)
    assert "marked success" in str(done.error)
    assert world.sends() == 0


def test_after_a_failure_marking_the_task_success_leaves_only_what_was_written(
    world: World, runner: Runner
) -> None:
    enter(world, "PR-1")
    world.enter("PR-2", ("SUP-1", "1", "7.00"))
    read, orders = chain(["PR-1", "PR-2"])
    runner.run(read)
    failed = runner.run(orders)
    assert failed.state == "failed"
    # Somebody marks it success: the batch in XCom still says what failed, and the next task leaves it out.
    from airflow_provider_docflow.operators.action import DocumentActionOperator
    from tests.rigs.runner import dag

    with dag():
        submit = DocumentActionOperator(task_id="submit", action="submit", source=failed.result)
    done = runner.run(submit)
    assert done.state == "success", done.everything()
    assert done.result["statuses"] == {"written": 1}
    assert [order["status"] for order in world.orders()] == ["submitted"]
