from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.listing import AdvanceCursorOperator, ListDocumentsOperator
from tests.operators.test_create import outcomes
from tests.operators.world import World
from tests.rigs.runner import Attempt, Runner, dag


def listing(**more: Any) -> ListDocumentsOperator:
    with dag():
        return ListDocumentsOperator(
            task_id="listed", docflow_conn_id="oa", document_type="purchase_requisition", **more
        )


def advance(runner: Runner, listed: Attempt, **more: Any) -> Attempt:
    with dag():
        task = AdvanceCursorOperator(task_id="advance", listed=listed.result)
    return runner.run(task, **more)


def numbers(world: World, done: Attempt) -> list[str]:
    assert done.state == "success", done.everything()
    return sorted(each.source for each in outcomes(world, done.result))


def test_all_documents_that_match(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.enter("PR-2", ("SUP-2", "1", "7.00"))
    world.enter("PR-3", ("SUP-1", "1", "7.00"), company="C2")
    assert numbers(world, runner.run(listing())) == ["PR-1", "PR-2", "PR-3"]
    assert numbers(world, runner.run(listing(company_code="C2"))) == ["PR-3"]
    assert numbers(world, runner.run(listing(party="SUP-2"))) == ["PR-2"]
    assert numbers(world, runner.run(listing(issued_from="2026-04-01"))) == []
    assert numbers(world, runner.run(listing(issued_to="{{ ds }}"))) == ["PR-1", "PR-2", "PR-3"]


def test_what_is_listed_can_be_created_and_stays_in_the_ledger(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    listed = runner.run(listing())
    (found,) = outcomes(world, listed.result)
    assert found.handle is not None
    assert world.ledger.snapshots.latest(found.handle.ref).body["payable_amount"] == "7.00"
    with dag():
        orders = CreateDocumentOperator(
            task_id="orders", docflow_conn_id="erp", document_type="purchase_order", source=listed.result
        )
    assert runner.run(orders).result["statuses"] == {"written": 1}


def test_a_cursor_moves_only_when_it_is_advanced(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    first = runner.run(listing(cursor="requisitions"))
    assert numbers(world, first) == ["PR-1"]
    again = runner.run(listing(cursor="requisitions"))
    assert numbers(world, again) == ["PR-1"]
    assert advance(runner, first).result == {"cursor": "requisitions", "moved": True}
    standing = world.ledger.cursors.get("requisitions")
    assert standing.value == first.result["cursor"]["value"]


def test_after_the_cursor_only_what_changed_is_listed(world: World, runner: Runner) -> None:
    for number, age in (("PR-1", 3600), ("PR-2", 1800)):
        world.enter(number, ("SUP-1", "1", "7.00"))
        world.age(number, seconds=age)
    assert advance(runner, runner.run(listing(cursor="c"))).result["moved"]
    world.enter("PR-3", ("SUP-1", "1", "7.00"))
    # The newest of last time comes again: rows that were committed late must not be missed.
    assert numbers(world, runner.run(listing(cursor="c"))) == ["PR-2", "PR-3"]


def test_a_run_that_was_overtaken_leaves_the_cursor_where_it_is(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    old = runner.run(listing(cursor="c"), run_id="old")
    world.enter("PR-2", ("SUP-1", "1", "7.00"))
    new = runner.run(listing(cursor="c"), run_id="new")
    assert advance(runner, new, run_id="new").result["moved"]
    late = advance(runner, old, run_id="old")
    assert (late.state, late.result["moved"]) == ("success", False)
    assert world.ledger.cursors.get("c").value == new.result["cursor"]["value"]


def test_a_document_deleted_since_it_changed_stops_nobody(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.enter("PR-2", ("SUP-1", "1", "7.00"))
    task = listing(cursor="c")
    real = task._feed

    def feed_then_delete(*args: Any) -> Any:
        found = real(*args)
        world.delete("PR-1")
        return found

    task._feed = feed_then_delete  # type: ignore[method-assign]
    assert numbers(world, runner.run(task)) == ["PR-2"]


def test_a_cursor_belongs_to_one_instance(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    listed = runner.run(listing(cursor="c"))
    listed.result["cursor"]["value"]["instance"] = "another"
    assert advance(runner, listed).result["moved"]
    done = runner.run(listing(cursor="c"))
    assert done.state == "failed"
    assert isinstance(done.error, exc.Misconfigured)
    assert "another" in str(done.error)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"changed_since": "2026-03-31 08:00"}, "changed_since"),
        ({"changed_since": "yesterday"}, "changed_since"),
        ({"issued_from": "31.3.2026"}, "issued_from"),
        ({"cursor": "c", "party": "SUP-1"}, "party"),
    ],
)
def test_what_cannot_be_listed_is_refused_by_its_field(
    world: World, runner: Runner, wrong: dict[str, str], field: str
) -> None:
    done = runner.run(listing(**wrong))
    assert done.state == "failed"
    assert isinstance(done.error, exc.Misconfigured)
    assert done.error.field == field


def test_a_listing_without_a_cursor_cannot_advance_one(world: World, runner: Runner) -> None:
    done = advance(runner, runner.run(listing()))
    assert done.state == "failed"
    assert isinstance(done.error, exc.Misconfigured)


def test_a_product_without_a_change_feed_says_so(world: World, runner: Runner) -> None:
    with dag():
        task = ListDocumentsOperator(
            task_id="listed", docflow_conn_id="erp", document_type="supplier_invoice", cursor="c"
        )
    done = runner.run(task)
    assert done.state == "failed"
    assert isinstance(done.error, exc.Unsupported)
