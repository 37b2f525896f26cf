"""Breaks put right through documents: requisitions against orders, through Airflow's task runner."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks import ledger as ledgers
from airflow_provider_docflow.ledger.breaks import Break, Found
from airflow_provider_docflow.operators.reconcile import ReconcileOperator
from airflow_provider_docflow.operators.repair import RepairBreaksOperator
from airflow_provider_docflow.reconcile import Key, SqlSource, SystemSource, same, tolerance
from airflow_provider_docflow.reconcile.repair.run import Repairs
from airflow_provider_docflow.reconcile.repair.terms import Terms
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.test_create import run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Attempt, Runner, dag

NAME = "requisitions_against_orders"
LEFT = SystemSource(conn_id="oa", document_type="purchase_requisition")
RIGHT = SystemSource(conn_id="erp", document_type="purchase_order")
_SERVER = ("id", "number", "type", "status", "version", "created_at", "updated_at")


def reconcile(world: World, runner: Runner, run_id: str = "night__1", **more: Any) -> dict[str, Break]:
    """Reconcile and return the breaks that live, by kind and document."""
    given: dict[str, Any] = {
        "left": SqlSource(
            conn_id=f"sqlite:///{world.source_path}",
            name="OA",
            sql="SELECT id AS internal_id, number, party AS supplier, amount AS payable_amount, currency,"
            " issue_date FROM requisition WHERE state <> 'cancelled'",
        ),
        "right": RIGHT,
        "match": [Key("supplier")],
        "compare": {"payable_amount": tolerance("0.01"), "currency": same(), "issue_date": same("date")},
        "show": ("number", "internal_id"),
        "name": NAME,
        "fail_when": "never",
        **more,
    }
    with dag("nightly"):
        task = ReconcileOperator(task_id="reconciled", **given)
    done = runner.run(task, run_id=run_id)
    assert done.state == "success", done.everything()
    return {one.left_key or one.right_key: one for one in world.ledger.breaks.search(NAME)}


def task(**more: Any) -> RepairBreaksOperator:
    given: dict[str, Any] = {
        "name": NAME,
        "kinds": ["missing_left", "missing_right", "value_difference", "duplicate_left", "duplicate_right"],
        "left": LEFT,
        "right": RIGHT,
        "truth": {"payable_amount": "left"},
        **more,
    }
    with dag("repairs"):
        return RepairBreaksOperator(task_id="repaired", **given)


def notes(world: World, one: Break) -> list[str]:
    return [event.note for event in world.ledger.breaks.history(one.id)]


def status(world: World, one: Break) -> str:
    return str(world.ledger.breaks.get(one.id).status)


def order_of(world: World, supplier: str) -> dict[str, Any]:
    (found,) = [one for one in world.orders() if one["supplier"]["code"] == supplier]
    return found


def payable(world: World, supplier: str) -> str:
    return str(order_of(world, supplier)["totals"]["payable"])


def by_hand(world: World, order: dict[str, Any], **changes: Any) -> dict[str, Any]:
    body = {name: value for name, value in order.items() if name not in _SERVER}
    made: dict[str, Any] = world.post(ORDERS, {**body, "reference": "by hand", **changes})
    return made


def refused(done: Attempt) -> str:
    assert done.state == "failed", done.everything()
    assert isinstance(done.error, exc.PermanentError)
    return str(done.error)


@pytest.fixture
def ordered(world: World, runner: Runner) -> World:
    """Two requisitions, approved, with their orders."""
    for n in (1, 2):
        world.enter(f"PR-{n}", (f"SUP-{n}", "1", f"{n}7.00"))
    world.approve("PR-1", "PR-2")
    assert run_chain(runner, ["PR-1", "PR-2"]).state == "success"
    return world


def test_what_is_missing_is_created_once_and_the_next_run_closes_it(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "2", "10.50"))
    ordered.approve("PR-3")
    one = reconcile(ordered, runner)["SUP-3"]
    done = runner.run(task())
    assert done.state == "success", done.everything()
    assert done.result["breaks"] == {"repaired": 1}
    assert payable(ordered, "SUP-3") == "21.00"
    number = order_of(ordered, "SUP-3")["number"]
    assert status(ordered, one) == "repairing"
    last = ordered.ledger.breaks.history(one.id)[-1]
    assert f"created: {number} in plain-erp-1" in last.note
    assert "repairs.repaired" in last.actor

    told = notes(ordered, one)
    for run_id in ("again__1", "again__2"):
        again = runner.run(task(), run_id=run_id)
        assert again.result["breaks"] == {"waiting": 1}
    assert notes(ordered, one) == told
    assert len(ordered.orders()) == 3

    assert reconcile(ordered, runner, "night__2") == {}
    assert status(ordered, one) == "closed"


def test_a_break_that_is_seen_again_is_repaired_again_without_a_second_document(
    ordered: World, runner: Runner
) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    ordered.approve("PR-3")
    one = reconcile(ordered, runner)["SUP-3"]
    assert runner.run(task()).state == "success"
    # As a run does that has read the orders before this one was written, and ended after.
    ledger = ordered.ledger
    found = ledger.breaks.get(one.id)
    run = ledger.reconciliations.begin(NAME, "late", actor="night")
    kept = _as_found(found)
    assert ledger.reconciliations.record(run.id, [kept], {}, actor="night").still == 1
    done = runner.run(task(), run_id="again__1")
    assert done.result["breaks"] == {"repaired": 1}
    assert done.result["statuses"] == {"existing": 1}
    assert (len(ordered.orders()), ordered.sends()) == (3, 3)


def _as_found(one: Break) -> Any:
    rows = [
        [[row.get(name) for name in one.body["identity"]] for row in one.body[side]]
        for side in ("left", "right")
    ]
    return Found(
        identity=rows,
        standing="break",
        kind=one.kind,
        left_key=one.left_key,
        amount=one.amount,
        body=one.body,
    )


def test_a_run_that_is_killed_after_it_has_written_is_met_by_the_next(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    ordered.approve("PR-3")
    one = reconcile(ordered, runner)["SUP-3"]
    child = os.fork()
    if child == 0:
        _killed_before_it_says_what_it_wrote(runner)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert payable(ordered, "SUP-3") == "5.00"
    assert status(ordered, one) == "repairing"
    assert notes(ordered, one)[-1].startswith("taken up to create")

    done = runner.run(task(), run_id="again__1")
    assert done.state == "success", done.everything()
    assert done.result["statuses"] == {"existing": 1}
    assert order_of(ordered, "SUP-3")["number"] in notes(ordered, one)[-1]
    assert ordered.sends() == 3
    assert reconcile(ordered, runner, "night__2") == {}


def _killed_before_it_says_what_it_wrote(runner: Runner) -> None:
    try:
        ledgers._opened.clear()
        Repairs._done = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment,method-assign]
        runner.run(task())
    finally:
        os._exit(1)


def test_two_runs_at_once_write_one_document(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    ordered.change_price("PR-1", "20.00")
    ordered.approve("PR-1", "PR-3")
    reconcile(ordered, runner)
    children = [_beside(runner, f"beside__{n}") for n in (1, 2)]
    ended = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert ended == [0, 0]
    runner.until_done(task(), run_id="again__1")
    assert (payable(ordered, "SUP-1"), payable(ordered, "SUP-3")) == ("20.00", "5.00")
    assert len(ordered.orders()) == 3
    assert reconcile(ordered, runner, "night__2") == {}


def _beside(runner: Runner, run_id: str) -> int:
    child = os.fork()
    if child == 0:
        try:
            ledgers._opened.clear()
            done = runner.run(task(), run_id=run_id)
            os._exit(0 if done.state in ("success", "up_for_retry", "up_for_reschedule") else 3)
        finally:
            os._exit(1)
    return child


def test_a_lost_reply_is_no_second_document(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    ordered.approve("PR-3")
    one = reconcile(ordered, runner)["SUP-3"]
    ordered.sandbox.fault(FaultRule("reply_lost", method="POST", path=ORDERS, times=1))
    tries = runner.until_done(task())
    assert tries[-1].state == "success", tries[-1].everything()
    assert payable(ordered, "SUP-3") == "5.00"
    assert "created: " in notes(ordered, one)[-1]


def test_a_changed_requisition_amends_the_order_that_was_written_from_it(
    ordered: World, runner: Runner
) -> None:
    ordered.change_price("PR-1", "20.00")
    ordered.approve("PR-1")
    one = reconcile(ordered, runner)["SUP-1"]
    assert one.kind == "value_difference"
    done = runner.run(task())
    assert done.state == "success", done.everything()
    assert done.result["statuses"] == {"amended": 1}
    assert payable(ordered, "SUP-1") == "20.00"
    assert any("payable_amount: 17 -> 20" in note for note in notes(ordered, one))
    assert runner.run(task(), run_id="again__1").result["breaks"] == {"waiting": 1}
    assert reconcile(ordered, runner, "night__2") == {}


def test_an_order_that_somebody_changed_gets_back_what_its_requisition_says(
    ordered: World, runner: Runner
) -> None:
    order = order_of(ordered, "SUP-1")
    body = {"totals": {**order["totals"], "payable": "19.00"}}
    body["lines"] = [{**order["lines"][0], "price": "19.00", "net": "19.00"}]
    ordered.sandbox.call("PUT", f"erp/purchase_order/{order['id']}", body)
    one = reconcile(ordered, runner)["SUP-1"]
    done = runner.run(task())
    assert done.state == "success", done.everything()
    assert payable(ordered, "SUP-1") == "17.00"
    assert status(ordered, one) == "repairing"
    assert reconcile(ordered, runner, "night__2") == {}


@pytest.mark.parametrize("truth", [{}, {"payable_amount": "right"}, {"currency": "left"}])
def test_a_value_is_only_changed_where_somebody_said_whose_it_is(
    ordered: World, runner: Runner, truth: dict[str, str]
) -> None:
    ordered.change_price("PR-1", "20.00")
    ordered.approve("PR-1")
    one = reconcile(ordered, runner)["SUP-1"]
    told = refused(runner.run(task(truth=truth)))
    assert "payable_amount" in told
    assert status(ordered, one) == "open"
    assert "not repaired" in notes(ordered, one)[-1]
    assert payable(ordered, "SUP-1") == "17.00"
    runner.run(task(truth=truth), run_id="again__1")
    assert len(notes(ordered, one)) == 2, "the same refusal is said once"


def test_what_nobody_owns_is_not_changed_along(ordered: World, runner: Runner) -> None:
    order = order_of(ordered, "SUP-1")
    ordered.sandbox.call("PUT", f"erp/purchase_order/{order['id']}", {"issue_date": "2026-04-01"})
    ordered.change_price("PR-1", "20.00")
    ordered.approve("PR-1")
    reconcile(ordered, runner)
    assert "issue_date" in refused(runner.run(task()))
    assert runner.run(task(truth={"payable_amount": "left", "issue_date": "left"})).state == "success"
    assert order_of(ordered, "SUP-1")["issue_date"] == "2026-03-31"


def test_an_order_that_docflow_did_not_write_is_not_changed(ordered: World, runner: Runner) -> None:
    typed = by_hand(ordered, order_of(ordered, "SUP-1"), supplier={"code": "SUP-9", "name": "SUP-9"})
    ordered.enter("PR-9", ("SUP-9", "1", "99.00"))
    ordered.approve("PR-9")
    one = reconcile(ordered, runner)["SUP-9"]
    assert "did not write" in refused(runner.run(task()))
    assert payable(ordered, "SUP-9") == typed["totals"]["payable"]
    assert status(ordered, one) == "open"


def test_nothing_is_created_from_the_side_that_does_not_count(ordered: World, runner: Runner) -> None:
    by_hand(ordered, order_of(ordered, "SUP-1"), supplier={"code": "SUP-9", "name": "SUP-9"})
    one = reconcile(ordered, runner)["SUP-9"]
    assert one.kind == "missing_left"
    told = refused(runner.run(task()))
    assert "is for oa to say" in told
    assert status(ordered, one) == "open"


def test_without_an_approval_nothing_is_written_above_the_limit(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "100.00"))
    ordered.enter("PR-4", ("SUP-4", "1", "100.01"))
    found = reconcile(ordered, runner)
    told = runner.run(task(limit="100.00"))
    assert told.state == "failed" and isinstance(told.error, exc.NotApproved)
    assert payable(ordered, "SUP-3") == "100.00"
    assert {key: status(ordered, one) for key, one in found.items()} == {
        "SUP-3": "repairing",
        "SUP-4": "open",
    }
    assert len(ordered.orders()) == 3
    ordered.approve("PR-4")
    assert runner.run(task(limit="100.00"), run_id="again__1").state == "success"
    assert payable(ordered, "SUP-4") == "100.01"


def test_without_a_limit_all_is_approved_or_it_is_written_out(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "1.00"))
    reconcile(ordered, runner)
    assert isinstance(runner.run(task()).error, exc.NotApproved)
    assert len(ordered.orders()) == 2
    assert runner.run(task(requires_approval=False), run_id="again__1").state == "success"
    assert len(ordered.orders()) == 3


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"limit": "100", "requires_approval": False}, "limit"),
        ({"limit": "-1"}, "limit"),
        ({"limit": "much"}, "limit"),
        ({"limit": 100.0}, "limit"),
        ({"limit": {"CNY": "Infinity"}}, "limit"),
        ({"kinds": ["missing"]}, "kinds"),
        ({"kinds": []}, "kinds"),
        ({"kinds": "partial"}, "kinds"),
        ({"truth": {"payable_amount": "both"}}, "truth"),
        ({"most": 0}, "most"),
        ({"name": ""}, "name"),
        ({"mapping": {"payable_amount": "source.("}}, ""),
    ],
)
def test_terms_that_say_nothing_are_refused(more: dict[str, Any], field: str) -> None:
    given: dict[str, Any] = {"name": NAME, "kinds": ["missing_right"], "left": LEFT, "right": RIGHT, **more}
    with pytest.raises(exc.Misconfigured) as caught:
        Terms(**given).check()
    assert caught.value.field == field


def test_a_switch_that_nobody_understands_does_not_write(world: World, runner: Runner) -> None:
    done = runner.run(task(dry_run="perhaps"))
    assert isinstance(done.error, exc.Misconfigured), done.everything()
    assert done.error.field == "dry_run"


def test_one_limit_does_not_fit_two_currencies(ordered: World, runner: Runner) -> None:
    for number, supplier in (("PR-3", "SUP-3"), ("PR-4", "SUP-4")):
        ordered.enter(number, (supplier, "1", "10.00"))
    with closing(sqlite3.connect(ordered.source_path)) as connection:
        connection.execute("UPDATE requisition SET currency = 'EUR' WHERE number = 'PR-4'")
        connection.commit()
    reconcile(ordered, runner)
    told = refused(runner.run(task(limit="100.00")))
    assert "CNY, EUR" in told
    assert "EUR" in refused(runner.run(task(limit={"CNY": "100.00"}), run_id="again__1"))
    assert len(ordered.orders()) == 2
    done = runner.run(task(limit={"CNY": "100.00", "EUR": "5.00"}), run_id="again__2")
    assert isinstance(done.error, exc.NotApproved)
    assert [one["supplier"]["code"] for one in ordered.orders()[2:]] == ["SUP-3"]


def test_a_dry_run_prints_every_change_and_leaves_no_trace(ordered: World, runner: Runner) -> None:
    ordered.change_price("PR-1", "20.00")
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    ordered.approve("PR-1", "PR-3")
    found = reconcile(ordered, runner)
    before = [(one, notes(ordered, one)) for one in found.values()]
    intents = len(ordered.ledger.intents.find(source_number="PR-3"))
    sends = ordered.sends()
    for word, mode in ((True, "live"), ("True", "live"), (False, "shadow")):
        done = runner.run(task(dry_run=word, mode=mode), run_id=f"dry__{word}_{mode}")
        assert done.state == "success", done.everything()
        told = {one["kind"]: one for one in done.result["would"]}
        number = order_of(ordered, "SUP-1")["number"]
        change = {"document": number, "field": "payable_amount", "old": "17", "new": "20"}
        assert change in told["value_difference"]["changes"]
        assert told["missing_right"]["would"] == "create"
        made = {one["field"]: one["new"] for one in told["missing_right"]["changes"]}
        assert Decimal(made["payable_amount"]) == 5
        assert f"{number}: payable_amount: 17 -> 20" in done.log
    assert [(ordered.ledger.breaks.get(one.id), notes(ordered, one)) for one, _ in before] == before
    assert ordered.ledger.intents.find(source_number="PR-3") == [] and intents == 0
    assert ordered.sends() == sends
    assert payable(ordered, "SUP-1") == "17.00"


def test_an_account_is_said_neither_in_the_log_nor_in_xcom(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    ordered.approve("PR-3")
    one = reconcile(ordered, runner)["SUP-3"]
    mapping = {"payee_account": "{'iban': 'DE89370400440532013000'}"}
    shown = runner.run(task(dry_run=True, mapping=mapping))
    changes = {each["field"]: each["new"] for each in shown.result["would"][0]["changes"]}
    assert changes["payee_account.iban"] == "***", shown.everything()
    done = runner.run(task(mapping=mapping), run_id="again__1")
    said = [shown.everything(), done.everything(), repr(shown.result), *notes(ordered, one)]
    assert "DE8937" not in "".join(said)


def test_what_has_changed_since_is_left_alone(ordered: World, runner: Runner) -> None:
    for n in (3, 4, 5):
        ordered.enter(f"PR-{n}", (f"SUP-{n}", "1", "5.00"))
    ordered.change_price("PR-1", "20.00")
    ordered.approve("PR-1", "PR-3", "PR-4", "PR-5")
    found = reconcile(ordered, runner)
    ordered.change_price("PR-1", "21.00")
    by_hand(ordered, order_of(ordered, "SUP-2"), supplier={"code": "SUP-3", "name": "SUP-3"})
    ordered.set_state("PR-4", "cancelled")
    ordered.change_price("PR-5", "6.00")
    done = runner.run(task())
    assert done.state == "success", done.everything()
    assert done.result["breaks"] == {"skipped": 4}
    told = {key: notes(ordered, one)[-1] for key, one in found.items()}
    assert all(note.startswith("has changed since: ") for note in told.values())
    assert "payable_amount was 20 and is 21" in told["SUP-1"]
    assert "by now" in told["SUP-3"]
    assert "not in oa any more" in told["SUP-4"]
    assert len(ordered.orders()) == 3
    assert payable(ordered, "SUP-1") == "17.00"


def test_what_a_person_has_explained_is_theirs(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    ordered.approve("PR-3")
    one = reconcile(ordered, runner)["SUP-3"]
    ordered.ledger.breaks.change(one.id, actor="li", note="comes next month", status="explained")
    assert runner.run(task()).result["breaks"] == {}
    assert len(ordered.orders()) == 2


def test_no_more_than_so_many_in_one_run(ordered: World, runner: Runner) -> None:
    for n in (3, 4, 5):
        ordered.enter(f"PR-{n}", (f"SUP-{n}", "1", "5.00"))
    ordered.approve("PR-3", "PR-5")
    reconcile(ordered, runner)
    first = runner.run(task(most=1, fail_on="never"))
    assert first.result["breaks"] == {"repaired": 1, "refused": 1, "left for another run": 1}
    second = runner.run(task(most=1, fail_on="never"), run_id="again__1")
    assert second.result["breaks"] == {"waiting": 1, "repaired": 1, "refused": 1}
    assert len(ordered.orders()) == 4


def test_the_second_of_two_is_cancelled_by_its_internal_id(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-1b", ("SUP-1", "1", "17.00"))
    ordered.approve("PR-1b")
    found = reconcile(ordered, runner)["SUP-1"]
    assert found.kind == "duplicate_left"
    done = runner.run(task())
    assert done.state == "success", done.everything()
    own = found.body["left"][0]["internal_id"]
    states = {ordered.state("PR-1"), ordered.state("PR-1b")}
    assert states == {"cancelled", "confirmed"}
    assert ordered.state(str(found.body["left"][0]["number"])) == "cancelled" and own
    assert runner.run(task(), run_id="again__1").result["breaks"] == {"waiting": 1}
    assert reconcile(ordered, runner, "night__2") == {}


def test_the_last_of_a_kind_is_never_cancelled(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-1b", ("SUP-1", "1", "17.00"))
    ordered.approve("PR-1b")
    found = reconcile(ordered, runner)["SUP-1"]
    second = str(found.body["left"][0]["number"])
    (first,) = {"PR-1", "PR-1b"} - {second}
    ordered.set_state(first, "cancelled")
    done = runner.run(task())
    assert done.result["breaks"] == {"skipped": 1}
    assert ordered.state(second) == "confirmed"


def test_what_cannot_be_told_apart_or_was_written_by_docflow_is_not_cancelled(
    ordered: World, runner: Runner
) -> None:
    typed = by_hand(ordered, order_of(ordered, "SUP-1"))
    hidden = reconcile(ordered, runner, show=("number",))["SUP-1"]
    assert hidden.kind == "duplicate_right"
    assert "internal id" in refused(runner.run(task()))
    found = reconcile(ordered, runner, "night__2")["SUP-1"]
    told = refused(runner.run(task(), run_id="again__1"))
    second = found.body["right"][0]["internal_id"]
    assert ("docflow wrote this one" in told) == (second != typed["id"]), told
    assert {one["status"] for one in ordered.orders()} == {"draft"}


def test_the_other_kinds_are_for_people(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    one = reconcile(ordered, runner)["SUP-3"]
    run = ordered.ledger.reconciliations.begin(NAME, "by rule", actor="night")
    ordered.ledger.reconciliations.record(run.id, [replace(_as_found(one), kind="partial")], {}, actor="x")
    assert "what is partial" in refused(runner.run(task(kinds=["partial"])))


def test_a_side_that_is_read_in_the_wrong_place_does_not_look_empty(ordered: World, runner: Runner) -> None:
    ordered.enter("PR-3", ("SUP-3", "1", "5.00"))
    ordered.approve("PR-3")
    reconcile(ordered, runner)
    lost = replace(RIGHT, columns={"supplier": "raw.vendor"})
    told = refused(runner.run(task(right=lost)))
    assert "no document of erp has a value in supplier" in told
    assert len(ordered.orders()) == 2
