from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.execution_time import comms

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.assets import document_asset, partition_key
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.intake import ClaimOperator, CollectDecisionsOperator, IntakeOperator
from airflow_provider_docflow.operators.listing import AdvanceCursorOperator
from airflow_provider_docflow.operators.read import ReadDocumentOperator
from tests.rigs.runner import Attempt, Runner, Supervisor, dag
from tests.waiting import oa as oas
from tests.waiting.oa import INSTANCE, TYPE
from tests.waiting.world import World, approval

FORM = "payment_request"


class Knowing(Supervisor):
    """A supervisor that also knows how earlier runs ended."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, str] = {}

    def _GetTaskStates(self, msg: Any) -> Any:
        found = {run: {msg.task_ids[0]: self.states[run]} for run in msg.run_ids if run in self.states}
        return comms.TaskStatesResult(task_states=found)


@pytest.fixture
def knowing(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Knowing:
    from airflow.sdk.execution_time import task_runner

    runner.supervisor = made = Knowing()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made)
    return made


def run(runner: Runner, knowing: Knowing, task: Any, run_id: str, **more: Any) -> Attempt:
    attempt = runner.run(task, run_id=run_id, **more)
    knowing.states[run_id] = attempt.state
    return attempt


def numbers(world: World, attempt: Attempt) -> list[str]:
    return [outcome.source for outcome in world.outcomes(attempt.result)]


def partitions(attempt: Attempt) -> list[str]:
    """The partitions that an attempt emitted; none counts unless it succeeded."""
    (done,) = [message for message in attempt.sent if type(message).__name__ == "SucceedTask"]
    return sorted(event["partition_key"] for event in done.outlet_events or [])


# carry


def test_the_undecided_hold_nobody_up_and_come_first_next_time(
    world: World, runner: Runner, knowing: Knowing
) -> None:
    world.oa.enter("PR-1", "PR-2", "PR-3")
    world.oa.decide("PR-2")
    first = run(runner, knowing, approval(number=["PR-1", "PR-2"], wait="carry"), "r1")
    assert numbers(world, first) == ["PR-2"]
    world.oa.decide("PR-1")
    world.oa.decide("PR-3")
    second = run(runner, knowing, approval(number=["PR-3"], wait="carry"), "r2")
    assert numbers(world, second) == ["PR-1", "PR-3"]
    third = run(runner, knowing, approval(number=["PR-3"], wait="carry"), "r3")
    assert numbers(world, third) == ["PR-3"]


def test_a_run_in_which_nothing_is_decided_ends_as_skipped(
    world: World, runner: Runner, knowing: Knowing
) -> None:
    world.oa.enter("PR-1")
    assert run(runner, knowing, approval(number="PR-1", wait="carry"), "r1").state == "skipped"


def test_what_a_failed_run_took_is_taken_again(world: World, runner: Runner, knowing: Knowing) -> None:
    world.oa.enter("PR-1", "PR-2", "PR-3")
    run(runner, knowing, approval(number="PR-1", wait="carry"), "r1")
    world.oa.decide("PR-1")
    world.oa.decide("PR-2", "rejected")
    failed = run(runner, knowing, approval(number=["PR-2"], wait="carry"), "r2")
    assert (failed.state, type(failed.error)) == ("failed", exc.NotApproved)
    world.oa.decide("PR-3")
    again = run(runner, knowing, approval(number=["PR-3"], wait="carry"), "r3")
    assert numbers(world, again) == ["PR-1", "PR-3"]


def test_a_retry_takes_what_its_first_try_took(world: World, runner: Runner, knowing: Knowing) -> None:
    world.oa.enter("PR-1", "PR-2")
    run(runner, knowing, approval(number="PR-1", wait="carry"), "r1")
    world.oa.decide("PR-1")
    world.oa.decide("PR-2")
    task = approval(number=["PR-2"], wait="carry")
    assert numbers(world, run(runner, knowing, task, "r2")) == ["PR-1", "PR-2"]
    assert numbers(world, run(runner, knowing, task, "r2", try_number=2)) == ["PR-1", "PR-2"]


def test_a_refused_document_is_told_once(world: World, runner: Runner, knowing: Knowing) -> None:
    world.oa.enter("PR-1", "PR-2")
    world.oa.decide("PR-2")
    run(runner, knowing, approval(number="PR-1", wait="carry"), "r1")
    world.oa.decide("PR-1", "rejected")
    assert run(runner, knowing, approval(number="PR-2", wait="carry"), "r2").state == "failed"
    assert run(runner, knowing, approval(number="PR-2", wait="carry"), "r3").state == "success"


# handover


def collect(flow: DAG | None = None, document_type: str = TYPE, **more: Any) -> CollectDecisionsOperator:
    asset = document_asset("oa", TYPE, "approved")
    return CollectDecisionsOperator(
        task_id="collect",
        dag=flow or dag("collect"),
        docflow_conn_id="oa",
        document_type=document_type,
        outlets=[asset],
        **more,
    )


def test_a_handed_over_document_is_emitted_once_it_is_approved(
    world: World, runner: Runner, knowing: Knowing
) -> None:
    (ref, other) = world.oa.enter("PR-1", "PR-2")
    world.oa.decide("PR-2")
    flow, asset = dag(), document_asset("oa", TYPE, "approved")
    first = run(runner, knowing, approval(flow, number="PR-1", wait="handover", outlets=[asset]), "r1")
    assert first.state == "skipped"
    decided = approval(dag("other"), number="PR-2", wait="handover", outlets=[asset])
    (key,) = partitions(run(runner, knowing, decided, "r2"))
    assert key.startswith(partition_key(other))
    assert run(runner, knowing, collect(), "c1").state == "skipped"
    world.oa.decide("PR-1")
    taken = run(runner, knowing, collect(), "c2")
    (key,) = partitions(taken)
    assert key.startswith(f"{partition_key(ref)};rev=")
    assert run(runner, knowing, collect(), "c3").state == "skipped"


def test_a_refused_document_that_was_handed_over_is_forgotten(
    world: World, runner: Runner, knowing: Knowing
) -> None:
    world.oa.enter("PR-1")
    task = approval(number="PR-1", wait="handover", outlets=[document_asset("oa", TYPE, "approved")])
    run(runner, knowing, task, "r1")
    world.oa.decide("PR-1", "rejected")
    assert run(runner, knowing, collect(), "c1").state == "skipped"
    world.oa.forget()
    assert run(runner, knowing, collect(), "c2").state == "skipped"
    assert world.oa.asked == []


def test_what_a_failed_collection_took_is_emitted_again(
    world: World, runner: Runner, knowing: Knowing
) -> None:
    world.oa.enter("PR-1")
    task = approval(number="PR-1", wait="handover", outlets=[document_asset("oa", TYPE, "approved")])
    run(runner, knowing, task, "r1")
    world.oa.decide("PR-1")
    assert len(partitions(run(runner, knowing, collect(), "c1"))) == 1
    knowing.states["c1"] = "failed"
    assert len(partitions(run(runner, knowing, collect(), "c2"))) == 1


# request


def requesting(number: str, **more: Any) -> tuple[Any, Any, Any]:
    """Requisitions that others decide on by a form; the form shows the amount and not the account."""
    flow = dag()
    read = ReadDocumentOperator(
        task_id="read", dag=flow, docflow_conn_id="oa", document_type=TYPE, number=number
    )
    mapping = {"seller_supplier_party": "none", **more.pop("mapping", {})}
    asked = approval(flow, document_type=FORM, mode="request", source=read.output, mapping=mapping, **more)
    orders = CreateDocumentOperator(
        task_id="orders",
        dag=flow,
        docflow_conn_id="erp",
        document_type="purchase_order",
        source=asked.output,
        mapping={"company_code": "'C1'"},
    )
    return read, asked, orders


def forms(world: World) -> list[str]:
    return [form.id for form in world.oa.forms.values() if form.mark]


def test_who_is_asked_is_said_by_the_task(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", approval="none", lifecycle="active")
    read, asked, _ = requesting("PR-1", arguments={"approvers": ["boss", "{{ dag.dag_id }}"]})
    runner.run(read)
    runner.run(asked)
    assert world.oa.approvers == [["boss", "flow"]]
    with dag():
        again = CreateDocumentOperator(
            task_id="again",
            docflow_conn_id="oa",
            document_type=FORM,
            source="PR-1",
            source_conn_id="oa",
            source_document_type=TYPE,
            mapping={"id": "'X-1'", "seller_supplier_party": "none"},
            arguments={"approvers": ["cfo"]},
            requires_approval=False,
            on_change="supersede",
        )
    runner.run(again)
    assert world.oa.approvers == [["boss", "flow"], ["cfo"]]


def test_an_approval_is_requested_once_and_covers_the_document(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", approval="none", lifecycle="active")
    read, asked, orders = requesting("PR-1")
    runner.run(read)
    first = runner.run(asked)
    assert first.state == "deferred", first.everything()
    (form,) = forms(world)
    assert world.oa.count("submit") == 1
    assert runner.run(asked, try_number=2).state == "deferred"
    assert (forms(world), world.oa.count("submit")) == ([form], 1)
    world.oa.decide(form)
    decided = runner.run(asked, try_number=3)
    assert decided.state == "success", decided.everything()
    assert decided.result["number"] == "PR-1"
    assert runner.run(orders).result["status"] == "written"


def test_a_change_that_the_form_shows_is_requested_anew(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", approval="none", lifecycle="active")
    read, asked, orders = requesting("PR-1")
    runner.run(read)
    runner.run(asked)
    world.oa.change("PR-1", amount="900.00")
    anew = runner.run(asked, try_number=2)
    assert anew.state == "deferred", anew.error
    first, second = forms(world)
    assert world.oa.forms[first].lifecycle == "cancelled"
    world.oa.decide(second)
    assert runner.run(asked, try_number=3).state == "success"
    assert runner.run(orders).result["status"] == "written"


def test_a_change_that_the_form_does_not_show_is_not_covered(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", approval="none", lifecycle="active")
    read, asked, orders = requesting("PR-1")
    runner.run(read)
    runner.run(asked)
    (form,) = forms(world)
    world.oa.change("PR-1", account="ANOTHER-ACCOUNT")
    world.oa.decide(form)
    for number in (2, 3):
        runner.run(read, try_number=number)
        attempt = runner.run(asked, try_number=number)
        assert (attempt.state, type(attempt.error)) == ("failed", exc.NotApproved)
        assert "does not show the change" in str(attempt.error)
        runner.run(orders)
    assert world.sends() == 0
    assert [each for each in world.ledger.decisions.of(oas.ref("PR-1")) if each.decision == "approved"] == []


def test_a_change_after_the_decision_is_not_covered_either(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", approval="none", lifecycle="active")
    read, asked, orders = requesting("PR-1")
    runner.run(read)
    runner.run(asked)
    (form,) = forms(world)
    world.oa.decide(form)
    assert runner.run(asked, try_number=2).state == "success"
    world.oa.change("PR-1", account="ANOTHER-ACCOUNT")
    attempt = runner.run(orders)
    assert (attempt.state, type(attempt.error)) == ("failed", exc.NotApproved)
    assert world.sends() == 0


# intake


def intake(**more: Any) -> tuple[Any, Any]:
    flow = dag("intake")
    listed = IntakeOperator(
        task_id="intake",
        dag=flow,
        docflow_conn_id="oa",
        document_type=TYPE,
        cursor="requisitions",
        outlets=[document_asset("oa", TYPE)],
        **more,
    )
    advanced = AdvanceCursorOperator(task_id="advanced", dag=flow, listed=listed.output)
    return listed, advanced


def test_what_changed_is_emitted_until_the_cursor_has_moved(world: World, runner: Runner) -> None:
    refs = world.oa.enter("PR-1", "PR-2")
    listed, advanced = intake()
    first = partitions(runner.run(listed))
    assert [key.split(";")[0] for key in first] == ["PR-1", "PR-2"]
    assert all(key.startswith(partition_key(ref)) for key, ref in zip(first, refs, strict=True))
    assert partitions(runner.run(listed, run_id="r2")) == first
    assert runner.run(advanced, run_id="r2").result["moved"]
    assert runner.run(listed, run_id="r3").state == "skipped"
    world.oa.change("PR-2", amount="7.00")
    (key,) = partitions(runner.run(listed, run_id="r4"))
    assert key.startswith("PR-2;")
    assert key not in first


def test_a_document_that_is_gone_or_unreadable_holds_nobody_up(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", "PR-2")
    listed, _ = intake()
    world.oa.feed_still_tells = {"PR-GONE"}
    assert [key.split(";")[0] for key in partitions(runner.run(listed))] == ["PR-1", "PR-2"]


def test_a_system_that_does_not_answer_passes_nothing_over(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    listed, _ = intake()
    world.oa.fails_with = 503
    assert runner.run(listed).state == "up_for_reschedule"
    world.oa.fails_with = None
    world.ledger.health.ask_now(INSTANCE)
    assert len(partitions(runner.run(listed, reschedules=1))) == 1


def test_a_long_feed_is_emitted_in_portions(world: World, runner: Runner) -> None:
    world.oa.enter(*(f"PR-{number}" for number in range(250)))
    listed, advanced = intake(limit=100)
    counts = []
    for run_id in ("r1", "r2", "r3"):
        counts.append(len(partitions(runner.run(listed, run_id=run_id))))
        runner.run(advanced, run_id=run_id)
    assert counts == [100, 100, 50]


def test_a_task_without_an_outlet_emits_nothing(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    task = IntakeOperator(
        task_id="intake", dag=dag(), docflow_conn_id="oa", document_type=TYPE, cursor="requisitions"
    )
    attempt = runner.run(task)
    assert (attempt.state, type(attempt.error)) == ("failed", exc.Misconfigured)


# claim


def claiming(number: Any) -> ClaimOperator:
    return ClaimOperator(
        task_id="claimed", dag=dag(), docflow_conn_id="oa", document_type=TYPE, number=number
    )


def test_of_two_runs_for_the_same_content_one_goes_on(world: World, runner: Runner) -> None:
    (ref,) = world.oa.enter("PR-1")
    task = claiming("{{ dag_run.partition_key }}")
    key = partition_key(ref, "0123456789")
    won = runner.run(task, run_id="first", partition_key=key)
    assert won.result["status"] == "read"
    lost = runner.run(task, run_id="second", partition_key=key)
    assert lost.state == "skipped"
    assert "first" in lost.log
    assert "/runs/first" in lost.log
    assert runner.run(task, run_id="first", try_number=2, partition_key=key).state == "success"
    world.oa.change("PR-1", amount="7.00")
    assert runner.run(task, run_id="third", partition_key=key).state == "success"


def test_a_list_goes_on_with_what_it_has_won(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", "PR-2")
    runner.run(claiming("PR-1"), run_id="first")
    second = runner.run(claiming(["PR-1", "PR-2"]), run_id="second")
    assert numbers(world, second) == ["PR-2"]
