from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.sandbox import FaultRule
from tests.operators.profiles import DOWN
from tests.operators.world import ORDERS, World
from tests.rigs.runner import dag


def scheduled_run(flow: Any, session: Any) -> Any:
    """Put the DAG and one run of it into Airflow's own database."""
    from airflow.dag_processing.bundles.manager import DagBundlesManager
    from airflow.models.dagrun import get_or_create_dagrun
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.types import DagRunTriggeredByType

    DagBundlesManager().sync_bundles_to_db(session=session)
    session.commit()
    lazy = LazyDeserializedDAG.from_dag(flow)
    SerializedDAG.bulk_write_to_db("dags-folder", None, [lazy], session=session)
    SerializedDagModel.write_dag(lazy, bundle_name="dags-folder", session=session)
    session.commit()
    now = datetime.now(UTC)
    return get_or_create_dagrun(
        dag=SerializedDagModel.get_dag(flow.dag_id, session=session),
        run_id="manual__1",
        logical_date=now,
        data_interval=(now, now),
        run_after=now,
        conf={},
        triggered_by=DagRunTriggeredByType.TEST,
        triggering_user_name="test",
        start_date=now,
        session=session,
    )


def step(run: Any, flow: Any, session: Any) -> list[Any]:
    """Let the scheduler decide once, and run what it scheduled against the real execution API."""
    from airflow.sdk.definitions.dag import _run_task

    session.expire_all()
    ready, _ = run.update_state(session=session)
    run.schedule_tis(ready, session=session)
    session.commit()
    ids = [ti.task_id for ti in ready]
    for ti in run.get_task_instances(session=session):
        if ti.task_id in ids:
            _run_task(ti=ti, task=flow.task_dict[ti.task_id])
    session.commit()
    session.expire_all()
    return ids


@pytest.mark.usefixtures("airflow_db")
def test_the_scheduler_brings_parked_work_back_in_time_and_counts_no_try(world: World) -> None:
    from airflow.models.taskreschedule import TaskReschedule
    from airflow.utils.session import create_session

    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    world.approve("PR-1")
    world.sandbox.fault(FaultRule("error_before", method="POST", path=ORDERS, status=DOWN, times=None))
    with dag("parked") as flow:
        CreateDocumentOperator(
            task_id="orders",
            docflow_conn_id="erp",
            document_type="purchase_order",
            source="PR-1",
            source_conn_id="oa",
            source_document_type="purchase_requisition",
            retries=0,
        )
    with create_session() as session:
        run = scheduled_run(flow, session)

        def task() -> Any:
            return run.get_task_instance("orders", session=session)

        assert step(run, flow, session) == ["orders"]
        assert (task().state, task().try_number) == ("up_for_reschedule", 1)
        assert step(run, flow, session) == []
        world.sandbox.clear_faults()
        (parked,) = session.query(TaskReschedule).all()
        parked.reschedule_date -= timedelta(hours=1)
        session.commit()
        assert step(run, flow, session) == ["orders"]
        assert (task().state, task().try_number) == ("success", 1)
    assert len(world.orders()) == 1
