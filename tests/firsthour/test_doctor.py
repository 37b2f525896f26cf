"""``doctor``: what is wrong with a deployment, and what to do, with exit code 1 if documents would stop."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import DAG, PartitionedAssetTimetable

from airflow_provider_docflow.assets import document_asset
from airflow_provider_docflow.cli import doctor_ledger
from airflow_provider_docflow.cli.doctor_ledger import encryption_key
from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.operators.intake import ClaimOperator
from airflow_provider_docflow.operators.read import ReadDocumentOperator
from tests.firsthour.conftest import Place, Shell
from tests.firsthour.test_doctor_connection import findings
from tests.operators.test_scheduler import scheduled_run, step
from tests.rigs.runner import Runner, dag, runner

__all__ = ["runner"]


@pytest.fixture
def session(airflow_db: None) -> Any:
    from airflow.utils.session import create_session

    with create_session() as opened:
        yield opened


def reading_flow() -> DAG:
    with dag("reads") as flow:
        ReadDocumentOperator(
            task_id="read", docflow_conn_id="oa", document_type="purchase_requisition", number="PR-1"
        )
    return flow


def test_a_new_deployment_fails_nowhere_and_says_what_is_open(
    place: Place, shell: Shell, session: Any
) -> None:
    place.finance(ensure=True)
    found = findings(shell)
    assert found["Airflow version"]["level"] == "ok"
    assert found["ledger"]["found"].startswith(ledger_of().ledger_id)
    assert found["triggerer"]["level"] == "warn"
    for role in ("worker", "triggerer", "api-server"):
        assert found[f"ledger seen by {role}"]["found"] == "not yet"
    assert found["connection oa"]["found"].startswith("DingTalk answers as dingsandboxcorp")
    assert found["connection erp"]["level"] == "ok"
    assert found["connection finance"]["level"] == "warn"
    assert place.writes() == []
    assert "connection docflow_ledger" not in found


def test_connections_of_airflows_database_are_looked_at_too(
    place: Place, shell: Shell, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models.connection import Connection

    monkeypatch.setenv("AIRFLOW_CONN_BROKEN", "{no json")
    monkeypatch.setenv("AIRFLOW_CONN_MAIL", json.dumps({"conn_type": "smtp"}))
    session.add(Connection(conn_id="stored", conn_type="docflow_rest", host="http://127.0.0.1:9"))
    session.commit()
    found = findings(shell)
    assert found["connection stored"]["level"] == "fail"
    assert "connection mail" not in found and "connection broken" not in found


def test_without_airflows_tables_the_rest_is_still_looked_at(
    place: Place, shell: Shell, session: Any
) -> None:
    from sqlalchemy import text

    session.execute(text('DROP TABLE "trigger"'))
    session.commit()
    found = findings(shell)
    assert found["Airflow database"]["remedy"].startswith("Run airflow db migrate")
    assert found["ledger"]["level"] == "ok"


@pytest.mark.parametrize(
    ("version", "level"), [("3.2.9", "fail"), ("3.3.0", "warn"), ("3.3.1", "warn"), ("3.3.2", "ok")]
)
def test_the_version_of_airflow_is_judged(version: str, level: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_docflow.cli.doctor_airflow import version as judged

    monkeypatch.setattr("airflow.__version__", version)
    assert judged().level == level


def test_open_waits_are_held_against_what_the_triggerers_bear(
    place: Place, shell: Shell, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.jobs.job import Job
    from airflow.models.trigger import Trigger

    monkeypatch.setenv("AIRFLOW__TRIGGERER__CAPACITY", "10")
    now = datetime.now(UTC)

    def waits(count: int) -> str:
        for _ in range(count):
            session.add(Trigger(classpath="x.Y", kwargs={}))
        session.commit()
        return str(findings(shell)["triggerer"]["level"])

    assert waits(1) == "fail", "nobody looks at the wait"
    job = Job(job_type="TriggererJob", state="running", hostname="t1", latest_heartbeat=now)
    job.start_date = now
    session.add(job)
    session.commit()
    assert waits(0) == "ok"
    assert waits(7) == "warn"
    assert waits(2) == "fail"
    job.latest_heartbeat = now - timedelta(hours=1)
    session.commit()
    assert findings(shell)["triggerer"]["found"].startswith("0 running")


def test_a_paused_consumer_and_one_with_few_runs_are_named(place: Place, shell: Shell, session: Any) -> None:
    from airflow.models.dag import DagModel
    from sqlalchemy import update

    asset = document_asset("oa", "purchase_requisition")
    started = DAG("started", schedule=PartitionedAssetTimetable(assets=asset))
    ClaimOperator(
        task_id="claimed",
        dag=started,
        docflow_conn_id="oa",
        document_type="purchase_requisition",
        number="{{ dag_run.partition_key }}",
    )
    scheduled_run(started, session)
    session.execute(update(DagModel).values(is_paused=True))
    session.commit()
    found = findings(shell)
    assert found["DAGs started by documents"]["found"] == "paused: started"
    assert "started (16)" in found["runs at once"]["found"]
    session.execute(update(DagModel).values(is_paused=False, max_active_runs=1000))
    session.commit()
    found = findings(shell)
    assert found["DAGs started by documents"]["level"] == "ok"
    assert found["runs at once"]["level"] == "ok"


def test_every_task_that_opens_the_ledger_is_looked_for() -> None:
    """By what the package itself declares, so that no operator is forgotten."""
    looked_for = set(doctor_ledger._operators())
    assert {
        "ApprovalOperator",
        "CreateDocumentOperator",
        "ClaimOperator",
        "CollectDecisionsOperator",
    } <= looked_for
    assert {"ReconcileOperator", "RepairBreaksOperator", "RecheckApprovalsOperator"} <= looked_for
    assert {"DocumentStateSensor", "ApprovalSensor"} <= looked_for
    assert not {"BaseOperator", "BaseSensorOperator"} & looked_for


def test_a_worker_that_uses_another_ledger_is_named(place: Place, shell: Shell, session: Any) -> None:
    place.requisition("PR-1")
    flow = reading_flow()
    run = scheduled_run(flow, session)
    assert step(run, flow, session) == ["read"]
    assert run.get_task_instance("read", session=session).state == "success"
    assert findings(shell)["ledger seen by worker"]["level"] == "ok"

    place.connect("docflow_ledger", "sqlite", str(place.folder / "another.sqlite"))

    found = findings(shell)["ledger seen by worker"]
    assert (found["level"], "another ledger" in found["remedy"]) == ("fail", True)


def test_a_triggerer_that_holds_our_waits_and_has_not_opened_the_ledger_is_named(
    place: Place, shell: Shell, session: Any
) -> None:
    from airflow.jobs.job import Job
    from airflow.models.trigger import Trigger

    now = datetime.now(UTC)
    job = Job(job_type="TriggererJob", state="running", hostname="far", latest_heartbeat=now)
    job.start_date = now - timedelta(minutes=10)
    session.add(job)
    session.flush()
    wait = Trigger(classpath="airflow_provider_docflow.triggers.document.DocumentTrigger", kwargs={})
    wait.triggerer_id = job.id
    session.add(wait)
    session.commit()
    assert findings(shell)["ledger seen by triggerer"]["level"] == "fail"
    ledger_of().sightings.seen("triggerer", "far")
    assert findings(shell)["ledger seen by triggerer"]["level"] == "ok"


def test_older_code_elsewhere_and_a_blocked_instance_are_told(
    place: Place, shell: Shell, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = ledger_of()
    monkeypatch.setattr("airflow_provider_docflow.ledger.sightings.__version__", "0.0.1")
    ledger.sightings.seen("api-server", "web")
    ledger.instances.block("plain-erp-1", actor="me", reason="looking", system="rest")
    found = findings(shell)
    assert "api-server on web: 0.0.1" in found["versions"]["found"]
    assert "airflow docflow unblock plain-erp-1" in found["instance plain-erp-1"]["remedy"]


def test_tasks_are_sighted_as_workers_and_people_are_not(place: Place, shell: Shell, runner: Runner) -> None:
    place.requisition("PR-1")
    assert shell("db", "check").code == 0
    assert [one.role for one in ledger_of().sightings.all() if one.role != "worker"] == []
    done = runner.run(reading_flow().task_dict["read"])
    assert done.state == "success", done.everything()
    assert [one.role for one in ledger_of().sightings.all()] == ["worker"]


def test_a_ledger_that_does_not_fit_the_executor_fails_and_connections_are_still_tried(
    place: Place, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    found = findings(shell)
    assert found["ledger"]["level"] == "fail"
    assert "docflow_ledger" in found["ledger"]["remedy"]
    assert found["connection erp"]["level"] == "ok"


def test_a_ledger_that_cannot_be_reached_fails(place: Place, shell: Shell, tmp_path: Path) -> None:
    place.connect("docflow_ledger", "sqlite", str(tmp_path / "no" / "such" / "ledger.sqlite"))
    found = findings(shell)["ledger"]
    assert (found["level"], "Create its folder" in found["remedy"]) == ("fail", True)


@pytest.mark.parametrize(
    ("variable", "extra", "spread", "level", "source"),
    [
        ("AIRFLOW__CORE__FERNET_KEY", {}, ["CeleryExecutor"], "ok", "AIRFLOW__CORE__FERNET_KEY"),
        ("", {}, ["CeleryExecutor"], "warn", "airflow.cfg"),
        ("", {}, [], "ok", "airflow.cfg"),
        ("", {"encryption_key": "k"}, ["CeleryExecutor"], "ok", "connection docflow_ledger"),
    ],
)
def test_a_key_that_each_machine_makes_for_itself_is_told(
    place: Place,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    extra: dict[str, str],
    spread: list[str],
    level: str,
    source: str,
) -> None:
    if not variable:
        monkeypatch.delenv("AIRFLOW__CORE__FERNET_KEY")
    place.connect("docflow_ledger", "sqlite", "x", extra=extra)
    found = encryption_key("docflow_ledger", spread)
    assert (found.level, source in found.found) == (level, True), found
