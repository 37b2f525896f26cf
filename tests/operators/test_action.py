from __future__ import annotations

import json
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.operators.action import DocumentActionOperator, WriteBackOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.listing import ListDocumentsOperator
from tests.operators.test_create import run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Attempt, Runner, dag

REQUISITIONS = "/erp/purchase_requisition"


def act(runner: Runner, action: str, source: Any, **more: Any) -> Attempt:
    with dag():
        task = DocumentActionOperator(task_id=action, action=action, source=source, **more)
    return runner.run(task)


def created(world: World, runner: Runner, *numbers: str) -> Attempt:
    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve(*numbers)
    done = run_chain(runner, list(numbers))
    assert done.state == "success", done.everything()
    return done


def actions(world: World) -> int:
    return world.sandbox.count(f"{ORDERS}/*/actions/*", method="POST")


def test_an_action_is_carried_out_once(world: World, runner: Runner) -> None:
    orders = created(world, runner, "PR-1", "PR-2")
    done = act(runner, "submit", orders.result)
    assert done.result["statuses"] == {"written": 2}
    assert [order["status"] for order in world.orders()] == ["submitted", "submitted"]
    again = act(runner, "submit", orders.result)
    assert again.state == "success", again.everything()
    assert again.result["statuses"] == {"existing": 2}
    assert actions(world) == 2


def test_the_system_says_no(world: World, runner: Runner) -> None:
    orders = created(world, runner, "PR-1")
    done = act(runner, "post", orders.result)
    assert done.state == "failed"
    assert isinstance(done.error, exc.Rejected)
    assert done.error.incident is not None


def test_what_the_product_cannot_do_is_said(world: World, runner: Runner) -> None:
    orders = created(world, runner, "PR-1")
    done = act(runner, "levitate", orders.result)
    assert done.state == "failed"
    assert isinstance(done.error, exc.Unsupported)
    assert actions(world) == 0


def test_documents_are_named_by_number_too(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    done = act(
        runner,
        "cancel",
        "PR-1",
        docflow_conn_id="oa",
        document_type="purchase_requisition",
        company_code="C1",
    )
    assert done.state == "success", done.everything()
    assert done.result["status"] == "written"
    assert world.state("PR-1") == "cancelled"


def test_an_action_may_need_a_decision(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    named: dict[str, Any] = {"docflow_conn_id": "oa", "document_type": "purchase_requisition"}
    done = act(runner, "cancel", "PR-1", requires_approval=True, **named)
    assert isinstance(done.error, exc.NotApproved)
    assert world.state("PR-1") == "confirmed"
    world.approve("PR-1")
    assert act(runner, "cancel", "PR-1", requires_approval=True, **named).state == "success"
    assert world.state("PR-1") == "cancelled"


def requisition(world: World, number: str, company: str = "C1") -> None:
    """Enter a requisition in the ERP itself."""
    body = {
        "company": company,
        "reference": number,
        "issue_date": "2026-03-31",
        "currency": "CNY",
        "supplier": {"code": "SUP-1"},
        "totals": {"tax": "0.00", "payable": "7.00"},
        "lines": [
            {"line": "1", "item": "P-1", "quantity": "1", "unit": "EA", "price": "7.00", "net": "7.00"}
        ],
    }
    world.post(REQUISITIONS, body)


def test_each_document_gets_the_numbers_of_what_was_created_from_it(world: World, runner: Runner) -> None:
    requisition(world, "R-1")
    requisition(world, "R-2")
    with dag():
        read = ListDocumentsOperator(
            task_id="read", docflow_conn_id="erp", document_type="purchase_requisition"
        )
        orders = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source=read.output,
            requires_approval=False,
        )
        back = WriteBackOperator(task_id="back", document=read.output, links=[orders.output])
    assert back.upstream_task_ids == {"read", "orders"}
    for task in (read, orders, back):
        done = runner.run(task)
        assert done.state == "success", done.everything()
    assert done.result["statuses"] == {"written": 2}
    found = world.sandbox.call("GET", "erp/purchase_requisition")["documents"]
    by_reference = {order["reference"].split(" ")[0]: order["number"] for order in world.orders()}
    for made in found:
        (told,) = json.loads(made["written_back"])
        assert told["number"] == by_reference[made["number"]]
    again = runner.run(back, try_number=2)
    assert again.state == "success", again.everything()
    assert again.result["statuses"] == {"existing": 2}
    assert world.sandbox.count(f"{REQUISITIONS}/*", method="PATCH") == 2


def test_nothing_is_written_onto_a_document_from_which_nothing_descends(world: World, runner: Runner) -> None:
    requisition(world, "R-1")
    requisition(world, "R-2", company="C2")
    named: dict[str, Any] = {"docflow_conn_id": "erp", "document_type": "purchase_requisition"}
    with dag():
        read = ListDocumentsOperator(task_id="read", company_code="C1", **named)
        stranger = ListDocumentsOperator(task_id="stranger", company_code="C2", **named)
        orders = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source=read.output,
            requires_approval=False,
        )
        back = WriteBackOperator(task_id="back", document=stranger.output, links=orders.output)
    for task in (read, stranger, orders, back):
        done = runner.run(task)
        assert done.state == "success", done.everything()
    assert done.result["statuses"] == {"existing": 1}
    assert world.sandbox.count(f"{REQUISITIONS}/*", method="PATCH") == 0
