"""What the doctor looks at in Airflow: version, room for waits and runs, paused consumers of documents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_docflow.assets import SCHEME
from airflow_provider_docflow.cli.doctor_findings import Finding, fail, ok, tried, warn

OLDEST = (3, 3)
WITHOUT_RETRIES = ("3.3.0", "3.3.1")
NEARLY_FULL = 0.8
AIRFLOWS_OWN_RUNS = 16
"""Airflow's default of max_active_runs_per_dag."""


def airflow_findings() -> Iterator[Finding]:
    """Yield what there is to say of Airflow itself."""
    yield from tried("Airflow version", version)
    found = _asked()
    if isinstance(found, Finding):
        yield found
        return
    yield triggerer(found)
    yield active_runs(found["consumers"])
    yield consumers(found["consumers"])


def version() -> Finding:
    """Judge Airflow's version."""
    from airflow import __version__

    numbers = tuple(int(part) for part in __version__.split(".")[:2])
    if numbers < OLDEST:
        return fail("Airflow version", __version__, "Upgrade Airflow to 3.3.2 or later.")
    if __version__ in WITHOUT_RETRIES:
        return warn(
            "Airflow version",
            f"{__version__}: mapped docflow tasks lose their default retries and retry policy",
            "Upgrade to 3.3.2, or give mapped operators retries= and retry_policy= yourself.",
        )
    return ok("Airflow version", __version__)


def _asked() -> Finding | dict[str, Any]:
    """Ask Airflow's database once for everything that is judged here."""
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session(scoped=False) as session:
            return {
                "waits": _open_waits(session),
                "triggerers": _alive(session, "TriggererJob"),
                "consumers": _consumers(session),
            }
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        return fail("Airflow database", reason, "Run airflow db migrate, or correct its address.")


def _open_waits(session: Any) -> int:
    from airflow.models.trigger import Trigger
    from sqlalchemy import func, select

    return int(session.scalar(select(func.count()).select_from(Trigger)) or 0)


def _alive(session: Any, job_type: str) -> list[str]:
    """Return the hosts of the running processes of a kind."""
    from airflow.jobs.job import Job, JobState, health_check_threshold
    from sqlalchemy import select

    threshold = health_check_threshold(job_type, heartrate=5)
    since = datetime.now(UTC) - timedelta(seconds=float(threshold))
    query = select(Job.hostname).where(
        Job.job_type == job_type, Job.state == JobState.RUNNING, Job.latest_heartbeat >= since
    )
    return [str(host) for host in session.scalars(query)]


def _consumers(session: Any) -> list[tuple[str, bool, int]]:
    """Return the DAGs that documents start: id, whether paused, how many runs at once."""
    from airflow.models.asset import AssetModel, DagScheduleAssetReference
    from airflow.models.dag import DagModel
    from sqlalchemy import select

    query = (
        select(DagModel.dag_id, DagModel.is_paused, DagModel.max_active_runs)
        .join(DagScheduleAssetReference, DagScheduleAssetReference.dag_id == DagModel.dag_id)
        .join(AssetModel, AssetModel.id == DagScheduleAssetReference.asset_id)
        .where(AssetModel.uri.startswith(f"{SCHEME}://"), DagModel.is_stale.is_(False))
        .distinct()
        .order_by(DagModel.dag_id)
    )
    return [(str(row[0]), bool(row[1]), int(row[2] or 0)) for row in session.execute(query)]


def triggerer(found: dict[str, Any]) -> Finding:
    """Hold the open waits against what the triggerers bear; a wait beyond that is not looked at."""
    from airflow.configuration import conf

    check = "triggerer"
    alive, waits = len(found["triggerers"]), found["waits"]
    each = conf.getint("triggerer", "capacity")
    told = f"{alive} running, {each} waits each, {waits} open"
    if not alive:
        remedy = "Start airflow triggerer: approvals and sensors wait in it."
        return fail(check, told, remedy) if waits else warn(check, told, remedy)
    if waits >= alive * each:
        return fail(check, told, "Raise [triggerer] capacity, or start another triggerer.")
    if waits >= NEARLY_FULL * alive * each:
        return warn(check, told, "Raise [triggerer] capacity soon, or use wait='handover' for long waits.")
    return ok(check, told)


def active_runs(consumers: list[tuple[str, bool, int]]) -> Finding:
    """Look for flows in which a few undecided documents block all others."""
    from airflow.configuration import conf

    check = "runs at once"
    narrow = [f"{dag} ({runs})" for dag, _, runs in consumers if runs and runs <= AIRFLOWS_OWN_RUNS]
    if narrow:
        return warn(
            check,
            f"with one run per document, so many undecided ones block the next: {', '.join(narrow)}",
            "Give these DAGs max_active_runs=, such as 1000.",
        )
    default = conf.getint("core", "max_active_runs_per_dag")
    return ok(check, f"max_active_runs_per_dag is {default}; {len(consumers)} DAGs are started by documents")


def consumers(found: list[tuple[str, bool, int]]) -> Finding:
    """Look for paused DAGs whose documents pass them by."""
    check = "DAGs started by documents"
    paused = [dag for dag, is_paused, _ in found if is_paused]
    if paused:
        return warn(
            check,
            f"paused: {', '.join(paused)}",
            "Airflow drops what is emitted to a paused DAG while the intake's cursor moves on. Unpause it, "
            "or pause its intake too; an intake under another cursor name emits again what was missed.",
        )
    return ok(check, f"{len(found)}, none paused")
