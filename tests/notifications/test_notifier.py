from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import AsyncCallback

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.notifications.docflow import DocflowNotifier
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.notifications.conftest import Desk
from tests.rigs.runner import dag

TASK = SimpleNamespace(dag_id="flow", run_id="manual__1", task_id="orders", map_index=-1, try_number=1)
RUN = SimpleNamespace(dag_id="flow", run_id="manual__1", state="failed")


def orders(**more: Any) -> Any:
    with dag():
        return CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source=["PR-1", "PR-2"],
            source_conn_id="oa",
            source_document_type="purchase_requisition",
            on_failure_callback=DocflowNotifier(docflow_conn_id="ding", **more),
        )


def test_a_failed_task_tells_about_its_documents_each_once(desk: Desk) -> None:
    desk.requisitions(2)
    desk.world.approve("PR-1")
    attempt = desk.runner.run(orders())
    assert attempt.state == "failed", attempt.everything()
    texts = sorted(desk.texts())
    assert texts[0].startswith("PR-1 was created in erp as PO-")
    assert texts[1].startswith("PR-2 needs somebody: ")
    assert desk.runner.run(orders()).state == "failed"
    assert len(desk.sent()) == 2


def test_a_task_without_documents_is_told_itself(desk: Desk) -> None:
    with dag():
        task = CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source="",
            on_failure_callback=DocflowNotifier(docflow_conn_id="ding", title="{{ ti.task_id }}"),
        )
    assert desk.runner.run(task).state == "failed"
    (body,) = desk.sent()
    assert body["markdown"]["title"] == "orders"
    assert body["markdown"]["text"] == "orders of DAG flow in run manual__1: failed. "


def test_the_reason_of_a_failure_is_told(desk: Desk) -> None:
    why = exc.Rejected("the period is closed.")
    DocflowNotifier(docflow_conn_id="ding")({"dag_run": RUN, "exception": why, "ti": TASK})
    assert desk.texts() == ["orders of DAG flow in run manual__1: failed. the period is closed."]


def test_a_run_is_told_once_and_its_text_is_a_template(desk: Desk) -> None:
    for _ in range(2):
        notifier = DocflowNotifier(docflow_conn_id="ding", text="late: {{ dag_run.dag_id }}")
        notifier({"dag_run": RUN})
    assert desk.texts() == ["late: flow"]
    DocflowNotifier(docflow_conn_id="ding", language="zh", node="again")({"dag_run": RUN})
    assert desk.texts()[1] == "DAG flow，运行 manual__1：failed。"


def test_a_deadline_in_the_triggerer_tells_without_blocking_it(desk: Desk) -> None:
    callback = AsyncCallback(DocflowNotifier, kwargs={"docflow_conn_id": "ding"})
    assert callback.path == "airflow_provider_docflow.notifications.docflow.DocflowNotifier"

    # What Airflow hands to the callback of a missed deadline: mappings, not objects.
    given = {
        "dag_run": {"dag_id": "flow", "dag_run_id": "manual__1", "state": "running"},
        "deadline": {"id": "1", "deadline_time": "2026-03-31 08:00:00+00:00"},
    }

    async def wait() -> None:
        await DocflowNotifier(docflow_conn_id="ding", context=given)

    asyncio.run(wait())
    asyncio.run(wait())
    assert desk.texts() == ["DAG flow, run manual__1: the deadline 2026-03-31 08:00:00+00:00 has passed."]


def test_the_next_channel_is_tried_and_the_last_failure_is_raised(desk: Desk) -> None:
    desk.robot(keywords=["报警"])
    with pytest.raises(exc.Misconfigured, match="keyword"):
        DocflowNotifier(docflow_conn_id="ding")({"dag_run": RUN})
    both = {"channels": ["dingtalk_robot", "email"], "smtp_conn_id": "post", "mails": "a@example.org"}
    DocflowNotifier(docflow_conn_id="ding", node="both", **both)({"dag_run": RUN})
    assert [mail["subject"] for mail in desk.sandbox.mails()] == ["DAG flow, run manual__1: failed."]


def test_what_may_have_arrived_is_not_said_again(desk: Desk) -> None:
    desk.sandbox.fault(FaultRule("reply_lost", path="*robot/send*", commit=True))
    with pytest.raises(exc.UnknownOutcome):
        DocflowNotifier(docflow_conn_id="ding")({"dag_run": RUN})
    DocflowNotifier(docflow_conn_id="ding")({"dag_run": RUN})
    assert len(desk.sent()) == 1
