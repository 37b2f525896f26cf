from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.assets import partition_key
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.triggers.document import DocumentTrigger
from tests.rigs.runner import Attempt, Runner
from tests.waiting import oa as oas
from tests.waiting.oa import Oa
from tests.waiting.world import World, approval, chain

LOOK = {"event": {"docflow": "look_again", "count": 1, "documents": []}}


def deferred(attempt: Attempt) -> Any:
    """What the task asked the triggerer for."""
    assert attempt.state == "deferred", attempt.everything()
    (asked,) = [message for message in attempt.sent if type(message).__name__ == "DeferTask"]
    return asked


def trigger_of(attempt: Attempt) -> DocumentTrigger:
    """The trigger as the triggerer makes it of what the task sent."""
    from airflow.sdk.serde import deserialize
    from airflow.serialization.decoders import smart_decode_trigger_kwargs

    asked = deferred(attempt)
    assert asked.classpath == "airflow_provider_docflow.triggers.document.DocumentTrigger"
    kwargs = json.loads(asked.model_dump_json())["trigger_kwargs"]
    found = {name: smart_decode_trigger_kwargs(value) for name, value in deserialize(kwargs).items()}
    return DocumentTrigger(**found)


def resume(runner: Runner, task: Any, event: Any = None, **more: Any) -> Attempt:
    """Resume a task as its trigger does."""
    kwargs = LOOK if event is None else {"event": event}
    return runner.run(task, next_method="resume", next_kwargs=kwargs, **more)


def test_what_is_decided_goes_on_at_once(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    world.oa.decide("PR-1")
    approved, orders = chain("PR-1")
    first = runner.run(approved)
    assert first.state == "success", first.everything()
    assert first.result["status"] == "approved"
    assert runner.run(orders).result["status"] == "written"
    assert len(world.orders()) == 1


def test_what_is_undecided_is_waited_for_and_read_again(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    approved, orders = chain("PR-1")
    first = runner.run(approved)
    made = trigger_of(first)
    assert (made.docflow_conn_id, made.first_check_seconds, made.poll_interval) == ("oa", 10.0, 30.0)
    assert made.ledger_id == world.ledger.ledger_id
    # The trigger may have been wrong, or the decision taken back: the worker judges by what it reads.
    assert resume(runner, approved).state == "deferred"
    made.first_check_seconds = 0.0
    world.oa.decide("PR-1")
    event = asyncio.run(_event(made))
    again = resume(runner, approved, event)
    assert again.state == "success", again.everything()
    assert runner.run(orders).result["status"] == "written"
    (decision,) = finals(world, "PR-1")
    assert decision.decision == "approved"


def test_nobody_waits_for_a_document_that_was_cancelled(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    approved, _ = chain("PR-1")
    made = trigger_of(runner.run(approved))
    made.first_check_seconds = 0.0
    world.oa.change("PR-1", lifecycle="cancelled")
    event = asyncio.run(_event(made))
    ended = resume(runner, approved, event)
    assert ended.state == "failed", ended.everything()
    (decision,) = finals(world, "PR-1")
    assert decision.decision == "withdrawn"


def finals(world: World, number: str) -> list[Any]:
    """The decisions on a document, without the steps that led to them."""
    return [each for each in world.ledger.decisions.of(oas.ref(number)) if each.final]


async def _event(made: DocumentTrigger) -> Any:
    async for event in made.run():
        return json.loads(json.dumps(event.payload))


def test_a_list_waits_until_all_are_decided(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", "PR-2", "PR-3")
    world.oa.decide("PR-1")
    approved, orders = chain(["PR-1", "PR-2", "PR-3"])
    made = trigger_of(runner.run(approved))
    assert [document["number"] for document in made.documents] == ["PR-2", "PR-3"]
    world.oa.decide("PR-2")
    assert resume(runner, approved).state == "deferred"
    world.oa.decide("PR-3")
    assert resume(runner, approved).result["statuses"] == {"approved": 3}
    assert runner.run(orders).result["statuses"] == {"written": 3}


@pytest.mark.parametrize("word", ["rejected", "returned", "withdrawn", "revoked"])
def test_a_refused_document_fails_the_task_at_once(world: World, runner: Runner, word: str) -> None:
    world.oa.enter("PR-1")
    world.oa.decide("PR-1", word)
    approved, orders = chain("PR-1")
    attempt = runner.run(approved)
    assert (attempt.state, type(attempt.error)) == ("failed", exc.NotApproved)
    assert word in str(attempt.error)
    runner.run(orders)
    assert world.sends() == 0


def test_a_refused_document_may_be_left_out(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", "PR-2")
    world.oa.decide("PR-1", "rejected")
    assert runner.run(approval(number="PR-1", on_refused="skip")).state == "skipped"
    world.oa.decide("PR-2")
    approved, orders = chain(["PR-1", "PR-2"], on_refused="skip")
    assert runner.run(approved).result["statuses"] == {"approved": 1}
    assert runner.run(orders).result["statuses"] == {"written": 1}


@pytest.mark.parametrize("event", [{"status": "approved"}, "approved", {"docflow": "approved"}])
def test_a_foreign_event_approves_nothing(world: World, runner: Runner, event: Any) -> None:
    world.oa.enter("PR-1")
    attempt = resume(runner, approval(number="PR-1"), event)
    assert (attempt.state, type(attempt.error)) == ("up_for_retry", exc.TransientError)
    assert world.ledger.decisions.of(oas.ref("PR-1")) == []


def test_no_event_approves_nothing(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    attempt = runner.run(approval(number="PR-1"), next_method="resume", next_kwargs={"event": None})
    assert (attempt.state, type(attempt.error)) == ("up_for_retry", exc.TransientError)


def test_a_wait_that_takes_too_long_is_a_missing_decision(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    task = approval(number="PR-1", timeout=3600.0)
    late = runner.run(task)
    assert (late.state, type(late.error)) == ("failed", exc.NotApproved)
    killed = runner.run(task, next_method="__fail__", next_kwargs={"error": "Trigger timeout"})
    assert (killed.state, type(killed.error)) == ("failed", exc.NotApproved)
    assert "nobody has decided" in str(killed.error)


def test_a_trigger_that_died_is_tried_again(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    attempt = runner.run(
        approval(number="PR-1"), next_method="__fail__", next_kwargs={"error": "Trigger failure"}
    )
    assert attempt.state == "up_for_retry"


def test_an_approval_that_was_marked_success_creates_nothing(world: World, runner: Runner) -> None:
    """A person sets the task's state, or writes its XCom: neither is a decision."""
    world.oa.enter("PR-1")
    approved, orders = chain("PR-1")
    assert runner.run(approved).state == "deferred"
    without = runner.run(orders)
    assert (without.state, type(without.error)) == ("failed", exc.Misconfigured)
    forged = {
        "status": "approved",
        "source": "PR-1",
        "docflow_conn_id": "oa",
        "ref": oas.ref("PR-1").to_json(),
        "material_hash": "",
    }
    runner.supervisor.xcoms["approved", "manual__1", -1, "return_value"] = forged
    with_forged = runner.run(orders)
    assert (with_forged.state, type(with_forged.error)) == ("failed", exc.NotApproved)
    assert world.sends() == 0


def test_a_cleared_approval_is_answered_by_the_same_decision(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    world.oa.decide("PR-1")
    approved, orders = chain("PR-1")
    for number in (1, 2):
        assert runner.run(approved, try_number=number).result["status"] == "approved"
        runner.run(orders, try_number=number)
    assert len(finals(world, "PR-1")) == 1
    assert len(world.orders()) == 1


def test_a_revoked_approval_creates_nothing_after_a_clear(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    world.oa.decide("PR-1")
    approved, orders = chain("PR-1")
    runner.run(approved)
    world.oa.decide("PR-1", "revoked")
    handed_on = dict(runner.supervisor.xcoms)
    assert runner.run(approved, try_number=2).state == "failed"
    runner.run(orders)
    runner.supervisor.xcoms = handed_on
    stale = runner.run(orders)
    assert (stale.state, type(stale.error)) == ("failed", exc.NotApproved)
    assert world.sends() == 0


def test_a_material_change_voids_the_approval_and_names_the_field(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", account="ACC-1")
    world.oa.decide("PR-1")
    approved, orders = chain("PR-1")
    runner.run(approved)
    world.oa.change("PR-1", amount="900.00")
    attempt = runner.run(orders)
    assert (attempt.state, type(attempt.error)) == ("failed", exc.NotApproved)
    assert "100" in str(attempt.error)
    assert "900" in str(attempt.error)
    assert world.sends() == 0
    *_, voided = world.ledger.decisions.of(oas.ref("PR-1"))
    assert voided.decision == "voided"
    assert {difference["field"] for difference in voided.differences} >= {"payable_amount"}


def test_the_policy_is_judged_by_who_has_signed(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", "PR-2")
    policy = {"steps": [{"approvers": ["cfo"]}]}
    world.oa.decide("PR-1", by="boss")
    world.oa.decide("PR-2", by="cfo")
    refused = runner.run(approval(number="PR-1", policy=policy))
    assert (refused.state, type(refused.error)) == ("failed", exc.NotApproved)
    assert "cfo" in str(refused.error)
    assert runner.run(approval(number="PR-2", policy=policy)).state == "success"


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"mode": "ask"}, exc.Misconfigured),
        ({"wait": "forever"}, exc.Misconfigured),
        ({"on_refused": "ignore"}, exc.Misconfigured),
        ({"policy": {"stages": []}}, exc.Misconfigured),
        ({"policy": {"steps": [{"approvers": ["cfo"], "above": 1.5, "currency": "CNY"}]}}, exc.Misconfigured),
        ({"number": None}, exc.Misconfigured),
        ({"source": [{}]}, exc.Misconfigured),
        ({"document_type": "contract"}, exc.Unsupported),
        ({"docflow_conn_id": "erp", "document_type": "purchase_order"}, exc.Unsupported),
        ({"docflow_conn_id": "erp", "document_type": "purchase_order", "mode": "request"}, exc.Unsupported),
    ],
)
def test_what_cannot_be_enforced_is_refused_when_the_dag_runs(
    world: World, runner: Runner, more: dict[str, Any], error: type[Exception]
) -> None:
    world.oa.enter("PR-1")
    attempt = runner.run(approval(**({"number": "PR-1"} | more)))
    assert (attempt.state, type(attempt.error)) == ("failed", error)
    assert world.oa.count("create") == 0


def test_a_partition_key_names_the_document(world: World, runner: Runner) -> None:
    (ref,) = world.oa.enter("PR-1")
    world.oa.decide("PR-1")
    task = approval(number="{{ dag_run.partition_key }}")
    attempt = runner.run(task, partition_key=partition_key(ref, "0123456789abcdef"))
    assert attempt.result["status"] == "approved"
    assert world.oa.count("search") == 0


def test_an_unknown_word_stops_the_wait_with_an_incident(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", approval="unknown")
    attempt = runner.run(approval(number="PR-1"))
    assert (attempt.state, type(attempt.error)) == ("failed", exc.Rejected)
    assert attempt.error.incident


def test_the_events_and_arguments_tell_no_content(oa: Oa, ledger: Ledger, runner: Runner) -> None:
    oa.enter("PR-1", amount="123456789012345678.91", account="SECRET-ACCOUNT")
    attempt = runner.run(approval(number="PR-1"))
    told = deferred(attempt).model_dump_json()
    assert "SECRET-ACCOUNT" not in told
    assert "123456789012345678" not in told
