"""What the doctor says of events that systems send: can they be taken, and did any come."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from airflow_provider_docflow.cli.doctor_findings import Finding, failed, ok, tried, warn
from airflow_provider_docflow.cli.webhooks import problem_of
from airflow_provider_docflow.webhooks.settings import settings

if TYPE_CHECKING:
    from airflow_provider_docflow.core.site import Site


def deployment_findings(ledger_conn_id: str) -> Iterator[Finding]:
    """Yield one finding for each connection that may send events."""
    named = sorted(settings().conn_ids)
    for conn_id in named:
        yield from _named(f"webhook {conn_id}", conn_id, ledger_conn_id)
    if named:
        yield from tried("webhooks served", lambda: _served(ledger_conn_id))


def _served(ledger_conn_id: str) -> Finding:
    """Tell where deliveries are taken into this very ledger; into another one they would wake nobody."""
    from airflow_provider_docflow.hooks.ledger import ledger_of

    seen = [one for one in ledger_of(ledger_conn_id).sightings.all() if one.role == "webhooks"]
    if not seen:
        return warn(
            "webhooks served",
            "not yet",
            "Start airflow docflow webhooks serve, with the connection of the ledger that workers have.",
        )
    return ok("webhooks served", ", ".join(f"{one.host} at {one.seen_at:%Y-%m-%dT%H:%M%z}" for one in seen))


def site_findings(site: Site, ledger_conn_id: str) -> Iterator[Finding]:
    """Yield what there is to say of one connection's events."""
    if site.conn_id in settings().conn_ids:
        yield from _named("webhook", site.conn_id, ledger_conn_id)
    elif site.profile.webhook is not None:
        yield ok("webhook", "not used: [docflow] webhook_connections does not name it")


def _named(check: str, conn_id: str, ledger_conn_id: str) -> Iterator[Finding]:
    problem = problem_of(conn_id)
    if problem:
        yield failed(check, problem)
    else:
        yield from tried(check, lambda: _last(check, conn_id, ledger_conn_id))


def _last(check: str, conn_id: str, ledger_conn_id: str) -> Finding:
    from airflow_provider_docflow.hooks.ledger import ledger_of

    ledger = ledger_of(ledger_conn_id)
    found = ledger.inbox.newest(source=ledger.instances.bound_to(conn_id) or conn_id, limit=1)
    if not found:
        return ok(check, "no event came in yet")
    minutes = (datetime.now(UTC) - found[0].received_at).total_seconds() / 60
    return ok(check, f"the last event came in {minutes:.0f} min ago")
