"""After an outage: each request takes a turn, and a task that would wait too long is parked again."""

from __future__ import annotations

import time
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import SqlUnit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.gates import GatedStep

RECOVERING = "recovering"
RAMP_PATIENCE = 30.0
"""Longest wait inside a task for a turn after an outage; beyond it the task is parked."""


def turn_of(ledger: Any, site: Site, instance: str, step: GatedStep, granted: int, limit: str) -> float:
    """Take one of the requests that are granted in a second, and return the seconds to wait for it.

    :param granted: so many may leave in a second, over all processes.
    :param limit: name of what they are counted under.
    :raises SystemDown: there is none soon; nothing was sent.
    :raises LeaseLost: there is none in the time of a write; nothing was sent.
    """
    not_after = step.not_after if isinstance(step, SqlUnit) else step.extensions.get("docflow_not_after")
    left = RAMP_PATIENCE if not_after is None else max(0.0, not_after - time.monotonic())
    patience = min(left, RAMP_PATIENCE)
    try:
        wait: float = ledger.budgets.take(
            instance, limit, calls=granted, per_seconds=1.0, burst=1, max_wait=patience
        )
    except exc.RateLimited as error:
        if left < RAMP_PATIENCE:
            raise exc.LeaseLost("the time to send this write is over; nothing was sent.") from None
        raise exc.SystemDown(
            "it has only just come back and is asked slowly.",
            system=site.conn_id,
            code=RECOVERING,
            retry_after=error.retry_after,
            remedy="Nothing: the work goes on by itself.",
        ) from None
    return wait
