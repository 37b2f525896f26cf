"""The last look before a request leaves: is there still time for it, and does its turn still hold?"""

from __future__ import annotations

import math
import time

import httpx2

from airflow_provider_docflow import exceptions as exc


def refuse_if_late(not_after: float | None) -> None:
    """Refuse a write whose lease can no longer cover it.

    :param not_after: monotonic seconds, None where there is no lease.
    :raises LeaseLost: nothing was sent.
    """
    if not_after is not None and time.monotonic() > not_after:
        raise exc.LeaseLost(
            "the time to send this write is over; nothing was sent.",
            remedy="Nothing: the next try probes first.",
        )


def check_deadline(request: httpx2.Request) -> None:
    """Refuse to send a request whose lease can no longer cover it.

    :raises LeaseLost: nothing was sent.
    """
    refuse_if_late(request.extensions.get("docflow_not_after"))


def is_stale(request: httpx2.Request) -> bool:
    """Tell whether the moment that a gate gave a request has passed, while it waited for a connection."""
    return time.monotonic() > float(request.extensions.get("docflow_use_by", math.inf))


def renewed(request: httpx2.Request) -> float:
    """Ask the gate for another moment and return the seconds to wait for it.

    :raises DocflowError: there is none in time; nothing was sent.
    """
    wait: float = request.extensions["docflow_renew"](request)
    return wait
