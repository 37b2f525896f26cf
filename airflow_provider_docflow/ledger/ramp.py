"""When an outage is one, and how fast a system is asked again after it: slowly, then twice as fast."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping

from airflow_provider_docflow.exceptions import Misconfigured


@dataclass(frozen=True)
class Pace:
    """How an outage is told from a failure, and left behind.

    :param threshold: so many failures in a row, over all processes, are an outage.
    :param probe_seconds: how often one caller tries whether it is over.
    :param ramp_start: requests per second, over all processes, after the outage.
    :param ramp_seconds: after so long without a failure they are twice as many.
    :param ramp_periods: after so many doublings there is no limit any more; 0 for no ramp.
    :raises Misconfigured: a number is out of range.
    """

    threshold: int = 5
    probe_seconds: float = 60.0
    ramp_start: int = 10
    ramp_seconds: float = 10.0
    ramp_periods: int = 6

    def __post_init__(self) -> None:
        good = self.threshold >= 1 and self.probe_seconds > 0 and self.ramp_start >= 2
        if not (good and self.ramp_seconds > 0 and 0 <= self.ramp_periods <= 20):
            raise Misconfigured(
                f"these numbers describe no way out of an outage: {self}.",
                field="[docflow] outage_threshold, outage_probe_seconds, ramp_*",
                remedy="Use positive numbers; ramp_start is at least 2 and ramp_periods at most 20.",
            )

    def allowance(self, level: int) -> int:
        """Return how many requests may begin in any one second."""
        return int(self.ramp_start * 2**level)

    def granted(self, level: int) -> int:
        """Return how many requests per second are let go, evenly spaced.

        It is half the allowance: requests that begin up to a second late still stay within it.
        """
        return max(1, self.allowance(level) // 2)


def begun(pace: Pace, now: datetime) -> dict[str, Any]:
    """Return what changes when a system answers again after an outage."""
    return {"ramp_level": 0, "ramp_from": now if pace.ramp_periods else None}


def climbed(row: RowMapping, pace: Pace, now: datetime) -> dict[str, Any]:
    """Return what a success changes: after a period without a failure it goes on twice as fast."""
    if row["ramp_from"] is None or now < row["ramp_from"] + timedelta(seconds=pace.ramp_seconds):
        return {}
    level = row["ramp_level"] + 1
    if level >= pace.ramp_periods:
        return {"ramp_level": 0, "ramp_from": None}
    return {"ramp_level": level, "ramp_from": now}


def stumbled(row: RowMapping, now: datetime) -> dict[str, Any]:
    """Return what a failure changes: the period begins anew, half as fast."""
    if row["ramp_from"] is None:
        return {}
    return {"ramp_level": max(0, row["ramp_level"] - 1), "ramp_from": now}
