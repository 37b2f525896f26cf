from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from airflow.sdk import BaseOperator
from airflow.sdk.definitions.retry_policy import RetryAction

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.retry import DEFAULT_RETRIES, POLICY, DocflowRetryPolicy
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.test_create import chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Runner, dag


class Raising(BaseOperator):
    """Raises what it is given, under docflow's policy."""

    def __init__(self, *, error: BaseException, **kwargs: Any) -> None:
        super().__init__(retry_policy=POLICY, **kwargs)
        self.error = error

    def execute(self, context: Any) -> None:
        raise self.error


def raising(error: BaseException, **more: Any) -> Raising:
    more = {"retries": 3, "retry_delay": timedelta(minutes=5), **more}
    with dag():
        return Raising(task_id="raising", error=error, **more)


def all_errors(base: type[exc.DocflowError]) -> list[type[exc.DocflowError]]:
    return [base, *(kind for child in base.__subclasses__() for kind in all_errors(child))]


@pytest.mark.parametrize("kind", all_errors(exc.PermanentError))
def test_a_permanent_error_fails_at_once(runner: Runner, kind: type[exc.DocflowError]) -> None:
    assert runner.run(raising(kind("no"))).state == "failed"


@pytest.mark.parametrize("kind", all_errors(exc.TransientError))
def test_a_transient_error_is_tried_again_by_the_tasks_own_delay(
    runner: Runner, kind: type[exc.DocflowError]
) -> None:
    done = runner.run(raising(kind("later")))
    assert (done.state, done.retry_delay) == ("up_for_retry", None)


@pytest.mark.parametrize("kind", all_errors(exc.TransientError))
def test_a_transient_error_is_not_tried_before_the_time_it_names(
    runner: Runner, kind: type[exc.DocflowError]
) -> None:
    done = runner.run(raising(kind("later", retry_after=900)))
    assert (done.state, done.retry_delay) == ("up_for_retry", 900)


def test_the_tasks_own_delay_is_never_shortened(runner: Runner) -> None:
    done = runner.run(raising(exc.RateLimited("later", retry_after=2)))
    assert (done.state, done.retry_delay) == ("up_for_retry", None)


@pytest.mark.parametrize(
    ("asked", "try_number", "longest", "told"),
    [
        (600, 1, None, 600),  # 300 s by the task itself
        (600, 2, None, None),  # 600 s
        (1000, 2, None, 1000),
        (1000, 3, None, None),  # 1200 s
        (1000, 3, timedelta(seconds=400), 1000),  # cut to 400 s
        (10**9, 60, None, None),  # longer than any timedelta
    ],
)
def test_a_growing_delay_counts_as_it_has_grown(
    asked: float, try_number: int, longest: timedelta | None, told: float | None
) -> None:
    task = raising(exc.RateLimited("later"), retry_exponential_backoff=2, max_retry_delay=longest)
    error = exc.RateLimited("later", retry_after=asked)
    context: Any = {"task": task}
    decision = POLICY.evaluate(error, try_number, 99, context)
    assert decision.action is RetryAction.RETRY
    assert decision.retry_delay == (None if told is None else timedelta(seconds=told))


def test_what_is_not_docflows_is_left_to_airflow(runner: Runner) -> None:
    assert POLICY.evaluate(ValueError("PermanentError"), 1, 3).action is RetryAction.DEFAULT
    assert runner.run(raising(ValueError("fails at once, permanent, 404"))).state == "up_for_retry"


@pytest.mark.parametrize(
    ("error", "action"),
    [
        (exc.LedgerUnavailable("away"), RetryAction.DEFAULT),
        (exc.LeaseLost("late"), RetryAction.DEFAULT),
        (exc.LedgerSchemaMismatch("old"), RetryAction.FAIL),
        (exc.SystemDown("down", retry_after=60), RetryAction.RETRY),
    ],
)
def test_what_else_docflow_raises(error: exc.DocflowError, action: RetryAction) -> None:
    assert POLICY.evaluate(error, 1, 3).action is action


def test_the_text_of_an_error_decides_nothing() -> None:
    texts = ["", "RateLimited", "HTTP 429 retry after 5", "permanent", "404"]
    decisions = {POLICY.evaluate(exc.Rejected(text), 1, 3).action for text in texts}
    assert decisions == {RetryAction.FAIL}
    assert {POLICY.evaluate(exc.Conflict(text), 1, 3).action for text in texts} == {RetryAction.RETRY}


def test_the_policy_has_no_settings_and_survives_as_text() -> None:
    data = POLICY.serialize()
    assert data == {"__type": "airflow_provider_docflow.retry.DocflowRetryPolicy"}
    assert DocflowRetryPolicy.deserialize(data) == POLICY


def test_retries_and_policy_are_there_unless_the_author_says_otherwise() -> None:
    needed: dict[str, Any] = {"docflow_conn_id": "erp", "document_type": "purchase_order"}
    with dag() as flow:
        plain = CreateDocumentOperator(task_id="plain", source="1", **needed)
        mapped = CreateDocumentOperator.partial(task_id="mapped", **needed).expand(source=["1", "2"])
        own = CreateDocumentOperator(task_id="own", source="1", retries=0, retry_policy=None, **needed)
    flow.default_args["retries"] = 7
    with flow:
        by_dag = CreateDocumentOperator(task_id="by_dag", source="1", **needed)
        mapped_by_dag = CreateDocumentOperator.partial(task_id="mapped_by_dag", **needed).expand(source=["1"])
    assert (plain.retries, plain.retry_policy) == (DEFAULT_RETRIES, POLICY)
    assert (mapped.retries, mapped.retry_policy) == (DEFAULT_RETRIES, POLICY)
    assert (own.retries, own.retry_policy) == (0, None)
    assert (by_dag.retries, mapped_by_dag.retries) == (7, 7)


def test_what_the_system_says_about_time_reaches_airflow(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    world.sandbox.fault(FaultRule("rate_limited", method="POST", path=ORDERS, retry_after=700, times=None))
    read, orders = chain("PR-1")
    runner.run(read)
    done = runner.run(orders)
    assert isinstance(done.error, exc.RateLimited)
    assert (done.state, done.retry_delay) == ("up_for_retry", 700)
