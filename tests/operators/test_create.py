from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.handles import Outcome
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.read import ReadDocumentOperator
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Attempt, Runner, dag


def chain(number: Any, **more: Any) -> tuple[ReadDocumentOperator, CreateDocumentOperator]:
    """Return the two tasks of a small flow: read requisitions, create their orders."""
    with dag():
        read = ReadDocumentOperator(
            task_id="read", docflow_conn_id="oa", document_type="purchase_requisition", number=number
        )
        orders = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source=read.output,
            **more,
        )
    return read, orders


def run_chain(runner: Runner, number: Any, **more: Any) -> Attempt:
    read, orders = chain(number, **more)
    first = runner.run(read)
    assert first.state == "success", first.everything()
    return runner.run(orders)


def outcomes(world: World, result: dict[str, Any]) -> list[Outcome]:
    """Return what the ledger keeps of a batch."""
    items = world.ledger.batches.items(result["batch"])
    return [Outcome.from_json(item.outcome) for item in items]


def test_one_document_goes_through_and_leaves_its_reference(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    done = run_chain(runner, "PR-1")
    assert done.state == "success"
    (order,) = world.orders()
    assert done.result["status"] == "written"
    assert done.result["number"] == order["number"]
    assert done.result["ref"]["internal_id"] == order["id"]
    assert done.result["ref"]["instance"] == "plain-erp-1"
    assert order["reference"].startswith("PR-1 [")
    assert f"PR-1: written: purchase order {order['number']}" in done.log


def test_an_amount_of_eighteen_digits_arrives_to_the_last_cent(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "123456789012345678.91"))
    world.approve("PR-1")
    assert run_chain(runner, "PR-1").state == "success"
    (order,) = world.orders()
    assert order["totals"]["payable"] == "123456789012345678.91"
    assert order["lines"][0]["price"] == "123456789012345678.91"


def test_what_crosses_xcom_holds_no_number_that_json_could_change(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "99999999999999.99"))
    world.approve("PR-1")
    done = run_chain(runner, "PR-1")

    def floats(value: Any) -> list[float]:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
        return [value] if isinstance(value, float) else [each for item in inner for each in floats(item)]

    assert floats(done.xcoms) == []
    assert "99999999999999.99" not in str(done.xcoms)
    assert world.orders()[0]["totals"]["payable"] == "99999999999999.99"


def test_a_list_travels_as_a_batch_that_the_ledger_keeps(world: World, runner: Runner) -> None:
    numbers = [f"PR-{n}" for n in range(11, 16)]
    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve(*numbers)
    done = run_chain(runner, numbers)
    assert done.state == "success"
    assert done.result.keys() == {"batch", "count", "statuses", "document_type"}
    assert (done.result["count"], done.result["statuses"]) == (5, {"written": 5})
    assert [each.source for each in outcomes(world, done.result)] == numbers
    assert sorted(order["reference"].split(" ")[0] for order in world.orders()) == numbers


def test_a_list_of_one_is_a_list(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    assert run_chain(runner, ["PR-1"]).result["count"] == 1


def test_outputs_of_several_tasks_make_one_list(world: World, runner: Runner) -> None:
    for number in ("PR-21", "PR-22", "PR-23"):
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve("PR-21", "PR-22", "PR-23")
    with dag():
        one, two = (
            ReadDocumentOperator(
                task_id=f"read_{n}", docflow_conn_id="oa", document_type="purchase_requisition", number=number
            )
            for n, number in enumerate(["PR-21", ["PR-22", "PR-23"]])
        )
        orders = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source=[one.output, two.output],
        )
    assert orders.upstream_task_ids == {"read_0", "read_1"}
    for task in (one, two):
        assert runner.run(task).state == "success"
    done = runner.run(orders)
    assert done.result["statuses"] == {"written": 3}
    assert len(world.orders()) == 3


def test_the_outputs_of_mapped_tasks_make_one_list(world: World, runner: Runner) -> None:
    for number in ("PR-21", "PR-22"):
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve("PR-21", "PR-22")
    with dag():
        read = ReadDocumentOperator.partial(
            task_id="read", docflow_conn_id="oa", document_type="purchase_requisition"
        ).expand(number=["PR-21", "PR-22"])
        orders = CreateDocumentOperator(
            task_id="orders", docflow_conn_id="erp", document_type="purchase_order", source=read.output
        )
    for index in range(2):
        assert runner.run(read, map_index=index).state == "success"
    assert runner.run(orders).result["statuses"] == {"written": 2}


def test_numbers_need_no_task_before_them(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    with dag():
        orders = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source="{{ dag_run.conf.number }}",
            source_conn_id="oa",
            source_document_type="purchase_requisition",
        )
    done = runner.run(orders, conf={"number": "PR-1"})
    assert done.result["status"] == "written"
    assert done.rendered["source"] == "PR-1"


def test_splitting_one_document_makes_a_batch_of_its_parts(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"), ("SUP-2", "2", "5.00"))
    world.approve("PR-1")
    done = run_chain(runner, "PR-1", split_by="seller_supplier_party")
    assert done.result["statuses"] == {"written": 2}
    assert {(o["supplier"]["code"], o["totals"]["payable"]) for o in world.orders()} == {
        ("SUP-1", "7.00"),
        ("SUP-2", "10.00"),
    }


def test_a_mapping_is_not_rendered_by_jinja(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    done = run_chain(runner, "PR-1", mapping={"lines[*].description": "source.id ~ '/' ~ line.line_id"})
    assert done.state == "success", done.everything()
    assert world.orders()[0]["lines"][0]["text"] == "PR-1/1"
    assert "mapping" not in done.rendered


def test_a_mapping_that_is_none_stops_before_anything_is_sent(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    done = run_chain(runner, "PR-1", mapping={"payable_amount": "source.("})
    assert done.state == "failed"
    assert isinstance(done.error, exc.Misconfigured)
    assert world.sends() == 0


@pytest.mark.parametrize(("fail_on", "state"), [("any", "failed"), ("all", "success"), ("never", "success")])
def test_when_some_fail_the_others_are_done_and_the_batch_is_seen(
    world: World, runner: Runner, fail_on: str, state: str
) -> None:
    for number in ("PR-31", "PR-32", "PR-33"):
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve("PR-31", "PR-33")
    done = run_chain(runner, ["PR-31", "PR-32", "PR-33"], fail_on=fail_on)
    assert done.state == state
    assert done.result["statuses"] == {"failed": 1, "written": 2}
    by_source = {each.source: each for each in outcomes(world, done.result)}
    assert by_source["PR-32"].error["type"] == "NotApproved"
    assert len(world.orders()) == 2
    if state == "failed":
        assert isinstance(done.error, exc.NotApproved)
        assert "1 of 3 documents failed" in str(done.error)
        assert "PR-32" in str(done.error)


@pytest.mark.parametrize(("fail_on", "state"), [("any", "failed"), ("all", "failed"), ("never", "success")])
def test_when_all_fail(world: World, runner: Runner, fail_on: str, state: str) -> None:
    for number in ("PR-31", "PR-32"):
        world.enter(number, ("SUP-1", "1", "7.00"))
    done = run_chain(runner, ["PR-31", "PR-32"], fail_on=fail_on)
    assert done.state == state
    assert done.result["statuses"] == {"failed": 2}
    assert world.sends() == 0


def test_another_word_for_fail_on_is_refused_before_anything_is_sent(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    done = run_chain(runner, "PR-1", fail_on="none")
    assert isinstance(done.error, exc.Misconfigured)
    assert world.sends() == 0


def test_a_number_that_does_not_exist_is_its_own_failure(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    with dag():
        orders = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source=["PR-1", "PR-404"],
            source_conn_id="oa",
            source_document_type="purchase_requisition",
        )
    done = runner.run(orders)
    assert done.state == "failed"
    assert isinstance(done.error, exc.NotFound)
    assert done.result["statuses"] == {"failed": 1, "written": 1}
    assert len(world.orders()) == 1


def test_a_long_list_is_logged_by_its_failures_and_counts(world: World, runner: Runner) -> None:
    numbers = [f"PR-{n}" for n in range(100, 125)]
    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve(*numbers[:-1])
    done = run_chain(runner, numbers, fail_on="never")
    told = [line for line in done.log.splitlines() if "'event': 'PR-" in line]
    assert len(told) == 1
    assert numbers[-1] in told[0]
    assert "25 documents: 1 failed, 24 written" in done.log


def test_every_document_knows_the_task_that_had_it(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    done = run_chain(runner, "PR-1")
    order = Outcome.from_json(done.result).handle
    assert order is not None
    (touch,) = world.ledger.documents.touches(order.ref)
    assert (touch.dag_id, touch.run_id, touch.task_id) == ("flow", "manual__1", "orders")
    assert (touch.map_index, touch.try_number) == (-1, 1)
    touched = {ref.number for ref in world.ledger.documents.touched_by("flow", "manual__1")}
    assert touched == {"PR-1", order.ref.number}


def test_a_connection_that_does_not_exist_is_named(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    read, _ = chain("PR-1")
    assert runner.run(read).state == "success"
    with dag():
        orders = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="nowhere",
            document_type="purchase_order",
            source=runner.supervisor.xcoms["read", "manual__1", -1, "return_value"],
        )
    done = runner.run(orders)
    assert done.state == "failed"
    assert isinstance(done.error, exc.Misconfigured)
    assert "'nowhere'" in str(done.error)


def test_text_that_jinja_made_of_a_reference_is_refused_as_what_it_is(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    read, _ = chain("PR-1")
    runner.run(read)
    with dag():
        orders = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source="{{ ti.xcom_pull(task_ids='read') }}",
        )
    done = runner.run(orders)
    assert isinstance(done.error, exc.Misconfigured)
    assert "task.output" in str(done.error)


def test_a_source_that_is_not_alive_is_refused(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    world.set_state("PR-1", "cancelled")
    done = run_chain(runner, "PR-1")
    assert done.state == "failed"
    assert isinstance(done.error, exc.Rejected)
    assert world.sends() == 0


def test_until_takes_the_document_further(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    assert run_chain(runner, "PR-1", until="confirmed").state == "success"
    assert world.orders()[0]["status"] == "approved"
    assert world.sandbox.count(f"{ORDERS}/*/actions/*", method="POST") == 2


def test_without_until_nothing_is_taken_further(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    run_chain(runner, "PR-1")
    assert world.orders()[0]["status"] == "draft"
    assert world.sandbox.count(f"{ORDERS}/*/actions/*", method="POST") == 0


def test_a_broken_answer_is_no_success(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    world.sandbox.fault(FaultRule("malformed", method="POST", path=ORDERS, times=1))
    read, orders = chain("PR-1")
    runner.run(read)
    tries = runner.until_done(orders)
    assert tries[-1].state == "success"
    assert len(world.orders()) == 1
