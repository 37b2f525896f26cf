"""Through Airflow's own database and execution API: deferring, partitions and what they start."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from airflow.sdk import DAG, PartitionedAssetTimetable

from airflow_provider_docflow.assets import document_asset, partition_key
from airflow_provider_docflow.operators.intake import ClaimOperator, IntakeOperator
from airflow_provider_docflow.operators.listing import AdvanceCursorOperator
from tests.operators.test_scheduler import scheduled_run, step
from tests.rigs.runner import dag
from tests.waiting.oa import TYPE
from tests.waiting.world import World, chain

pytestmark = pytest.mark.usefixtures("airflow_db")


def states(run: Any, session: Any) -> dict[str, str]:
    return {ti.task_id: str(ti.state) for ti in run.get_task_instances(session=session)}


def step_and_wait(run: Any, flow: Any, session: Any) -> None:
    """Let the scheduler decide once, and run what it scheduled to its end, triggers included."""
    from airflow.sdk.definitions.dag import _run_task

    ready, _ = run.update_state(session=session)
    run.schedule_tis(ready, session=session)
    session.commit()
    ids = [ti.task_id for ti in ready]
    for ti in run.get_task_instances(session=session):
        if ti.task_id in ids:
            _run_task(ti=ti, task=flow.task_dict[ti.task_id], run_triggerer=True)
    session.commit()
    session.expire_all()


def test_a_deferred_task_goes_on_after_the_decision(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.utils.session import create_session

    monkeypatch.setenv("AIRFLOW__DOCFLOW__FIRST_CHECK_SECONDS", "0.2")
    world.oa.enter("PR-1")
    flow = dag("waits")
    chain("PR-1", flow, poll_interval=0.1)
    ended = threading.Event()

    def decide() -> None:
        while not ended.wait(0.05):
            if world.oa.count("read") >= 3:
                world.oa.decide("PR-1")
                return

    person = threading.Thread(target=decide)
    person.start()
    try:
        with create_session() as session:
            run = scheduled_run(flow, session)
            step_and_wait(run, flow, session)
            assert states(run, session)["approved"] == "success"
            assert step(run, flow, session) == ["orders"]
            assert states(run, session)["orders"] == "success"
    finally:
        ended.set()
        person.join()
    assert len(world.orders()) == 1


def test_partitions_queue_a_run_for_each_document(world: World) -> None:
    from airflow.models.asset import AssetEvent, AssetPartitionDagRun
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from sqlalchemy import select, update

    refs = world.oa.enter("PR-1", "PR-2")
    asset = document_asset("oa", TYPE)
    started = DAG("started", schedule=PartitionedAssetTimetable(assets=asset))
    ClaimOperator(
        task_id="claimed",
        dag=started,
        docflow_conn_id="oa",
        document_type=TYPE,
        number="{{ dag_run.partition_key }}",
    )
    flow = dag("intake")
    changed = IntakeOperator(
        task_id="changed", dag=flow, docflow_conn_id="oa", document_type=TYPE, cursor="c", outlets=[asset]
    )
    AdvanceCursorOperator(task_id="advanced", dag=flow, listed=changed.output)
    with create_session() as session:
        scheduled_run(started, session)
        session.execute(update(DagModel).values(is_paused=False))
        session.commit()
        run = scheduled_run(flow, session)
        assert step(run, flow, session) == ["changed"]
        emitted = sorted(session.scalars(select(AssetEvent.partition_key)))
        assert [key.split(";rev=")[0] for key in emitted] == [partition_key(ref) for ref in refs]
        queued = sorted(session.scalars(select(AssetPartitionDagRun.partition_key)))
        assert queued == emitted
        assert world.ledger.cursors.get("c").version == 0
        assert step(run, flow, session) == ["advanced"]
        assert world.ledger.cursors.get("c").version == 1
