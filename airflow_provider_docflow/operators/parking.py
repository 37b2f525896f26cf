"""Parked tasks: when they come back, and when a failure is an outage that uses up no retry."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from airflow_provider_docflow import exceptions as exc

if TYPE_CHECKING:
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.system import System
    from airflow_provider_docflow.ledger.parking import Place

LEAST_PARK_SECONDS = 10.0
"""Airflow 3.3.2 fails tasks that are resumed while their executor still reports their last run."""

DEFAULT_PER_SECOND = 2.0
"""A small machine starts between three and four tasks a second, and others want to run too."""


def outage_behind(error: exc.TransientError, systems: Iterable[System]) -> exc.SystemDown | None:
    """Return the outage that is behind a failure; None where a retry may help."""
    from airflow_provider_docflow.hooks import outages

    gates = (gate for system in systems for gate in system.gates)
    try:
        return outages.outage_behind(gates, error)
    except exc.LedgerError:
        return None


def back_at(error: exc.HeldError, flow: Flow | None, delay: timedelta) -> datetime:
    """Return when parked work comes back.

    Work that waits for a system comes back one task after the other, the oldest due date first.

    :param delay: where the error names no time.
    """
    asked = error.retry_after if error.retry_after is not None else delay.total_seconds()
    earliest = datetime.now(UTC) + timedelta(seconds=max(asked, LEAST_PARK_SECONDS))
    if flow is None or not isinstance(error, exc.SystemDown):
        return earliest
    try:
        return _place(error, flow, earliest)
    except exc.LedgerError:
        return earliest


def _place(error: exc.SystemDown, flow: Flow, earliest: datetime) -> datetime:
    from airflow.sdk import conf

    ledger = flow.ledger
    found: Place = ledger.parking.park(
        ledger.instances.bound_to(error.system) or error.system or "unknown",
        flow.actor,
        due=ledger.parking.oldest_due(flow.in_hand),
        not_before=earliest,
        per_second=conf.getfloat("docflow", "parked_per_second", fallback=DEFAULT_PER_SECOND),
    )
    return found.back_at
