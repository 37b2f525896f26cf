"""What the doctor looks at in the ledger: executor, reach, key, and who else uses the same one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import __version__
from airflow_provider_docflow.cli.doctor_findings import Finding, fail, failed, ok, warn
from airflow_provider_docflow.get_provider_info import get_provider_info

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger import Ledger
    from airflow_provider_docflow.ledger.sightings import Sighting

LOOK_BACK = timedelta(days=7)
SLACK = timedelta(minutes=2)
"""A sighting is exact to a minute."""


def ledger_findings(conn_id: str) -> Iterator[Finding]:
    """Yield what there is to say of the ledger and of those who share it."""
    from airflow_provider_docflow import exceptions as exc
    from airflow_provider_docflow.hooks.ledger import executors, ledger_address, ledger_of

    spread = executors()[1]
    where = ", ".join(spread) or "a local executor"
    try:
        url, _ = ledger_address(conn_id)
        ledger = ledger_of(conn_id)
    except exc.DocflowError as error:
        yield failed("ledger", error)
        return
    kind = url.partition(":")[0].partition("+")[0]
    yield ok("ledger", f"{ledger.ledger_id}, schema {ledger.schema_version}, {kind} under {where}")
    yield encryption_key(conn_id, spread)
    yield from sightings(ledger)
    yield from blocked(ledger)


def encryption_key(conn_id: str, spread: Sequence[str]) -> Finding:
    """Look where the key comes from: one that each machine made for itself is not shared."""
    from airflow_provider_docflow.hooks.ledger import key_source

    check, source = "encryption key", key_source(conn_id)
    if spread and source in ("airflow.cfg", "a file beside the ledger"):
        return warn(
            check,
            f"from {source}, which Airflow makes anew on each machine",
            "Set AIRFLOW__CORE__FERNET_KEY, or encryption_key of the ledger's connection: one for all.",
        )
    return ok(check, f"from {source}")


def sightings(ledger: Ledger) -> Iterator[Finding]:
    """Hold who has opened this ledger against who should have, by Airflow's own records."""
    seen = ledger.sightings.all()
    for role, ran in _should_have(seen).items():
        yield _shared(role, [one for one in seen if one.role == role], ran)
    yield _pages([one for one in seen if one.role == "api-server"])
    others = sorted(
        {f"{one.role} on {one.host}: {one.version}" for one in seen if one.version != __version__}
    )
    if others:
        yield warn(
            "versions",
            f"{'; '.join(others)}; here {__version__}",
            "Install the same airflow-provider-docflow everywhere and restart what is older.",
        )


def _should_have(seen: Sequence[Sighting]) -> dict[str, dict[str, datetime]]:
    """Return role → host → since when a process there must have opened the ledger."""
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session(scoped=False) as session:
            return {"worker": _task_hosts(session), "triggerer": _waiting_hosts(session)}
    except SQLAlchemyError:
        return {"worker": {}, "triggerer": {}}


def _task_hosts(session: Any) -> dict[str, datetime]:
    """Return the hosts on which docflow's tasks have run of late, and when they did last."""
    from airflow.models.taskinstance import TaskInstance
    from sqlalchemy import func, select

    query = (
        select(TaskInstance.hostname, func.max(TaskInstance.start_date))
        .where(
            TaskInstance.operator.in_(_operators()),
            TaskInstance.start_date >= datetime.now(UTC) - LOOK_BACK,
            TaskInstance.hostname != "",
        )
        .group_by(TaskInstance.hostname)
    )
    return {str(host): last for host, last in session.execute(query)}


def _operators() -> list[str]:
    """Return the names of all operators and sensors that the package declares."""
    from airflow.sdk import BaseOperator

    info = get_provider_info()
    rooms = [
        name for kind in ("operators", "sensors") for one in info[kind] for name in one["python-modules"]
    ]
    found = {
        name
        for room in rooms
        for name, value in vars(import_module(room)).items()
        if isinstance(value, type) and issubclass(value, BaseOperator) and value.__module__ in rooms
    }
    return sorted(found)


def _waiting_hosts(session: Any) -> dict[str, datetime]:
    """Return the hosts of triggerers that hold docflow's waits, and when the oldest of these came to them."""
    from airflow.jobs.job import Job
    from airflow.models.trigger import Trigger
    from sqlalchemy import func, select

    query = (
        select(Job.hostname, func.min(Job.start_date))
        .join(Trigger, Trigger.triggerer_id == Job.id)
        .where(Trigger.classpath.startswith("airflow_provider_docflow."))
        .group_by(Job.hostname)
    )
    return {str(host): since for host, since in session.execute(query) if since is not None}


def _shared(role: str, seen: Sequence[Sighting], ran: dict[str, datetime]) -> Finding:
    check = f"ledger seen by {role}"
    at = {one.host: one.seen_at for one in seen}
    strangers = [host for host, when in ran.items() if host not in at or at[host] + SLACK < when]
    if strangers:
        return fail(
            check,
            f"{', '.join(sorted(strangers))} ran docflow and has not opened this ledger then",
            "It uses another ledger: give every machine the same connection and compare airflow docflow db "
            "check there and here.",
        )
    if not seen:
        return warn(check, "not yet", "Run a flow once; then this shows whether it used this ledger.")
    return ok(check, ", ".join(f"{one.host} at {_moment(one.seen_at)}" for one in seen))


def _pages(seen: Sequence[Sighting]) -> Finding:
    check = "ledger seen by api-server"
    if not seen:
        return warn(check, "not yet", "Open the Documents page once; then this shows whether it sees it.")
    return ok(check, ", ".join(f"{one.host} at {_moment(one.seen_at)}" for one in seen))


def _moment(at: datetime) -> str:
    return at.isoformat(timespec="minutes")


def blocked(ledger: Ledger) -> Iterator[Finding]:
    """Yield the instances to which nothing is written."""
    for one in ledger.instances.all():
        if one.blocked:
            yield warn(
                f"instance {one.instance_id}",
                f"writing is blocked by {one.blocked_by}: {one.blocked_reason}",
                f"Settle it, then: airflow docflow unblock {one.instance_id} --reason TEXT.",
            )
