from __future__ import annotations

from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowSensorTimeout

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.retry import POLICY
from airflow_provider_docflow.sensors.document import ApprovalSensor, DocumentStateSensor
from tests.rigs.runner import Runner, dag
from tests.waiting import oa as oas
from tests.waiting.oa import TYPE
from tests.waiting.test_approval import resume, trigger_of
from tests.waiting.world import World


def sensor(**more: Any) -> DocumentStateSensor:
    arguments: dict[str, Any] = {
        "task_id": "closed",
        "docflow_conn_id": "oa",
        "document_type": TYPE,
        "number": "PR-1",
        "until": {"lifecycle": "closed"},
        "deferrable": True,
    }
    return DocumentStateSensor(**(arguments | more), dag=more.pop("dag", None) or dag())


def test_a_sensor_looks_once_and_then_waits_in_the_triggerer(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", lifecycle="active")
    task = sensor(fail_on={"lifecycle": ["cancelled", "reversed"]})
    made = trigger_of(runner.run(task))
    assert made.until == {"lifecycle": ["closed"]}
    assert made.fail_on == {"lifecycle": ["cancelled", "reversed"]}
    assert resume(runner, task).state == "deferred"
    world.oa.change("PR-1", lifecycle="closed")
    done = resume(runner, task)
    assert done.state == "success"
    assert (done.result["status"], done.result["number"]) == ("read", "PR-1")


def test_a_sensor_that_is_there_already_does_not_wait(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", "PR-2", lifecycle="closed")
    assert runner.run(sensor(number=["PR-1", "PR-2"])).result["count"] == 2


def test_without_a_triggerer_a_sensor_looks_again_and_again(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", lifecycle="active")
    task = sensor(deferrable=False, mode="reschedule", timeout=10**9)
    assert runner.run(task).state == "up_for_reschedule"
    world.oa.change("PR-1", lifecycle="closed")
    done = runner.run(task)
    assert done.state == "success", done.error
    assert done.result["number"] == "PR-1"


def test_the_configuration_says_where_to_wait(
    world: World, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.oa.enter("PR-1", lifecycle="active")
    monkeypatch.setenv("AIRFLOW__OPERATORS__DEFAULT_DEFERRABLE", "True")
    monkeypatch.setenv("AIRFLOW__DOCFLOW__POLL_INTERVAL", "77")
    monkeypatch.setenv("AIRFLOW__DOCFLOW__FIRST_CHECK_SECONDS", "12.5")
    made = trigger_of(runner.run(sensor(deferrable=None)))
    assert (made.poll_interval, made.first_check_seconds) == (77.0, 12.5)


def test_a_word_of_fail_on_ends_the_sensor(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", lifecycle="active")
    task = sensor(fail_on={"lifecycle": "cancelled"})
    trigger_of(runner.run(task))
    world.oa.change("PR-1", lifecycle="cancelled")
    attempt = resume(runner, task)
    assert (attempt.state, type(attempt.error)) == ("failed", exc.Rejected)
    assert "cancelled" in str(attempt.error)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"until": {"lifecycle": "done"}}, exc.Misconfigured),
        ({"until": {"state": "closed"}}, exc.Misconfigured),
        ({"fail_on": {"lifecycle": "dead"}}, exc.Misconfigured),
        ({"number": "PR-9"}, exc.NotFound),
        ({"number": None}, exc.Misconfigured),
        ({"until": {"payment": "complete"}}, exc.Rejected),
    ],
)
def test_what_could_never_come_true_fails_at_once(
    world: World, runner: Runner, more: dict[str, Any], error: type[Exception]
) -> None:
    world.oa.enter("PR-1", lifecycle="active")
    attempt = runner.run(sensor(**more))
    assert (attempt.state, type(attempt.error)) == ("failed", error)


def test_a_wait_that_takes_too_long_is_a_sensors_timeout(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1", lifecycle="active")
    late = {"next_method": "__fail__", "next_kwargs": {"error": "Trigger timeout"}}
    attempt = runner.run(sensor(), **late)
    assert isinstance(attempt.error, AirflowSensorTimeout)
    assert runner.run(sensor(soft_fail=True), **late).state == "skipped"


def test_an_approval_sensor_is_true_once_decided_and_records_it(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    flow = dag()
    decided = ApprovalSensor(
        task_id="decided", dag=flow, docflow_conn_id="oa", document_type=TYPE, number="PR-1", deferrable=True
    )
    orders = CreateDocumentOperator(
        task_id="orders",
        dag=flow,
        docflow_conn_id="erp",
        document_type="purchase_order",
        source=decided.output,
        mapping={"company_code": "'C1'"},
    )
    assert "unknown" in trigger_of(runner.run(decided)).until["approval"]
    world.oa.decide("PR-1")
    assert resume(runner, decided).result["status"] == "approved"
    assert runner.run(orders).result["status"] == "written"


def test_an_approval_sensor_is_true_for_a_refusal_that_starts_nothing(world: World, runner: Runner) -> None:
    world.oa.enter("PR-1")
    world.oa.decide("PR-1", "rejected")
    task = ApprovalSensor(
        task_id="decided", dag=dag(), docflow_conn_id="oa", document_type=TYPE, number="PR-1"
    )
    assert runner.run(task).result["status"] == "refused"
    (decision,) = [each for each in world.ledger.decisions.of(oas.ref("PR-1")) if each.final]
    assert decision.decision == "rejected"


def test_a_sensor_retries_as_every_docflow_task_does() -> None:
    task = sensor()
    assert (task.retries, task.retry_policy) == (3, POLICY)
    assert sensor(retries=0).retries == 0
