"""
Maintenance windows that a connection's settings repeat: every Saturday night, or once from then to then.

``maintenance`` is a JSON list. Each entry is one of

* ``{"weekday": "sat", "at": "22:00", "hours": 4}``: every week, in the connection's time zone; ``weekday``
  may be a list, or ``"daily"``;
* ``{"cron": "0 22 * * 6", "hours": 4}``: as cron says, in that zone;
* ``{"from": "2026-12-31T22:00:00+08:00", "to": "2027-01-01T06:00:00+08:00"}``: once.

``minutes`` may stand in place of ``hours``. A window lasts as long as it says also where the clocks change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import Misconfigured

SETTING = "maintenance"
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = timedelta(days=7)
"""A longer window is a decision of its own: it is given from then to then."""

FARTHEST = timedelta(days=31)
"""Windows that follow on each other without end are looked at so far ahead."""


def maintained_until(site: Site, now: datetime) -> datetime | None:
    """Return the end of the window in which a system is now, by its connection; None if it is in none.

    Windows that overlap, or follow on each other without a gap, are one.

    :raises Misconfigured: the setting is no list of windows.
    """
    entries = windows_of(site)
    if not entries:
        return None
    zone, end = site.time_zone, now
    while end < now + FARTHEST and (later := max(_end(site, one, end, zone) for one in entries)) > end:
        end = later
    return end if end > now else None


def windows_of(site: Site) -> list[Mapping[str, Any]]:
    """Return the entries of a connection's setting.

    :raises Misconfigured: it is no list of windows.
    """
    given = site.settings.get(SETTING)
    if given in (None, "", []):
        return []
    try:
        found = json.loads(given) if isinstance(given, str) else given
    except ValueError:
        raise _wrong(site, "it is no JSON") from None
    if not isinstance(found, Sequence) or not all(isinstance(one, Mapping) for one in found):
        raise _wrong(site, "it is no list of windows")
    return list(found)


def _end(site: Site, entry: Mapping[str, Any], now: datetime, zone: tzinfo) -> datetime:
    """Return when the window that is open now ends; ``now`` itself if none is."""
    if "from" in entry or "to" in entry:
        start, end = _instant(site, entry, "from"), _instant(site, entry, "to")
        if end <= start:
            raise _wrong(site, f"{entry} ends before it begins")
        return end if start <= now < end else now
    lasts = _duration(site, entry)
    starts = _cron(site, entry, now, zone) if "cron" in entry else _weekly(site, entry, now, zone)
    ends = [start.astimezone(UTC) + lasts for start in starts if start <= now]
    return max((end for end in ends if end > now), default=now)


def _weekly(site: Site, entry: Mapping[str, Any], now: datetime, zone: tzinfo) -> list[datetime]:
    days = _weekdays(site, entry)
    try:
        at = time.fromisoformat(str(entry.get("at", "")))
    except ValueError:
        raise _wrong(site, f"{entry} says no time of day in 'at'") from None
    today: date = now.astimezone(zone).date()
    near = (today - timedelta(days=back) for back in range(LONGEST.days + 1))
    return [datetime.combine(day, at, tzinfo=zone) for day in near if _DAYS[day.weekday()] in days]


def _weekdays(site: Site, entry: Mapping[str, Any]) -> set[str]:
    given = entry.get("weekday")
    named = _DAYS if given == "daily" else [given] if isinstance(given, str) else given
    if not isinstance(named, Sequence) or not named:
        raise _wrong(site, f"{entry} names no weekday")
    days = {str(one).lower()[:3] for one in named}
    if not days <= set(_DAYS):
        raise _wrong(site, f"{entry} names a weekday that is none")
    return days


def _cron(site: Site, entry: Mapping[str, Any], now: datetime, zone: tzinfo) -> list[datetime]:
    from croniter import CroniterError, croniter

    try:
        # One second later, so that a window that begins this very moment is found.
        found = croniter(str(entry["cron"]), now.astimezone(zone) + timedelta(seconds=1))
        return [found.get_prev(datetime)]
    except (CroniterError, ValueError):
        raise _wrong(site, f"{entry['cron']!r} is no cron expression") from None


def _duration(site: Site, entry: Mapping[str, Any]) -> timedelta:
    try:
        lasts = timedelta(hours=float(entry.get("hours", 0)), minutes=float(entry.get("minutes", 0)))
    except (TypeError, ValueError):
        lasts = timedelta(0)
    if not timedelta(0) < lasts <= LONGEST:
        raise _wrong(site, f"{entry} lasts no time, or more than a week")
    return lasts


def _instant(site: Site, entry: Mapping[str, Any], name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(str(entry[name]))
    except (KeyError, ValueError):
        raise _wrong(site, f"{entry} has no instant {name!r}") from None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=site.time_zone).astimezone(UTC)


def _wrong(site: Site, why: str) -> Misconfigured:
    return Misconfigured(
        f"the maintenance windows of connection {site.conn_id} cannot be read: {why}.",
        system=site.profile.name,
        field=SETTING,
        remedy='Write them as [{"weekday": "sat", "at": "22:00", "hours": 4}].',
    )
