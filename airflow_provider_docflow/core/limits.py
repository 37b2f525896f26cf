"""Call limits: which a connection has, and how one is kept so that no window of time sees more calls."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import Misconfigured

SETTING = "limits"
"""The setting of every connection that lowers, raises or adds limits."""

BURST_SHARE = 10
"""A tenth of the calls may be made at once; the rest is spread over the window."""

SLACK_SECONDS = 0.2
SLACK_SHARE = 20
"""A call may reach the system so much later than it was granted, or a twentieth of a long window."""

_DAY = 86_400.0
_MONTH = (28 * _DAY, 31 * _DAY)

Period = Literal["day", "month"]


@dataclass(frozen=True)
class Bucket:
    """A limit over a sliding window, as the ledger keeps it.

    ``size`` calls at once and one more every ``each_us`` are never more than ``count`` in any window,
    even if calls arrive late by the slack.
    """

    name: str
    count: int
    seconds: float
    size: int
    each_us: int

    @classmethod
    def of(cls, limit: Limit) -> Bucket:
        """Return the bucket that keeps a limit."""
        size = 1 + limit.count // BURST_SHARE
        window = limit.seconds + slack_of(limit.seconds)
        each = math.ceil(window * 1_000_000 / (limit.count - size + 1))
        return cls(limit.name, limit.count, limit.seconds, size, each)

    def free_at(self, full_at_us: int) -> int:
        """Return when the next call may be made, by the moment at which the bucket is full again."""
        return full_at_us - (self.size - 1) * self.each_us


@dataclass(frozen=True)
class Quota:
    """Calls per day or month of the system's own calendar."""

    name: str
    count: int
    period: Period


def slack_of(seconds: float) -> float:
    """Return by how much a call may be late without a limit over ``seconds`` being broken."""
    return max(SLACK_SECONDS, seconds / SLACK_SHARE)


def buckets_of(limits: Sequence[Limit]) -> tuple[Bucket, ...]:
    """Return the limits over sliding windows, in the order in which they are locked."""
    return tuple(sorted((Bucket.of(one) for one in limits if _period(one) is None), key=lambda b: b.name))


def quotas_of(limits: Sequence[Limit]) -> tuple[Quota, ...]:
    """Return the limits over a day or a month: those count by the calendar."""
    found = [Quota(one.name, one.count, period) for one in limits if (period := _period(one))]
    return tuple(sorted(found, key=lambda quota: quota.name))


def _period(limit: Limit) -> Period | None:
    if limit.seconds == _DAY:
        return "day"
    return "month" if _MONTH[0] <= limit.seconds <= _MONTH[1] else None


def limits_of(site: Site) -> tuple[Limit, ...]:
    """Return the limits of a connection: those of its profile, changed by its setting ``limits``.

    :raises Misconfigured: the setting is no ``{"name": {"count": 5, "seconds": 1}}``.
    """
    found = {one.name: one for one in site.profile.limits}
    for name, given in _settings(site).items():
        found[name] = _limit(site, name, given, found.get(name))
    return tuple(found.values())


def _settings(site: Site) -> Mapping[str, Any]:
    raw = site.settings.get(SETTING) or {}
    try:
        given = json.loads(raw) if isinstance(raw, str) else raw
    except ValueError:
        given = None
    if not isinstance(given, Mapping):
        raise _wrong(site, SETTING, "it is no JSON object")
    return given


def _limit(site: Site, name: str, given: Any, known: Limit | None) -> Limit:
    if not isinstance(given, Mapping) or set(given) - {"count", "seconds"}:
        raise _wrong(site, f"{SETTING}.{name}", "a limit has count and seconds")
    count = given.get("count", known.count if known else None)
    seconds = given.get("seconds", known.seconds if known else None)
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise _wrong(site, f"{SETTING}.{name}.count", f"{count!r} is no number of calls")
    if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 0 < seconds < math.inf:
        raise _wrong(site, f"{SETTING}.{name}.seconds", f"{seconds!r} is no time")
    if not 0 < len(name) <= 60:
        raise _wrong(site, SETTING, "a limit's name has 1 to 60 characters")
    return Limit(name=name, count=count, seconds=float(seconds))


def _wrong(site: Site, field: str, why: str) -> Misconfigured:
    return Misconfigured(
        f"the limits of connection {site.conn_id} cannot be kept: {why}.",
        system=site.conn_id,
        field=field,
        remedy='Write them in the extra as {"limits": {"calls_per_second": {"count": 5, "seconds": 1}}}.',
    )
