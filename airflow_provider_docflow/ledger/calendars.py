"""Working calendars: on which days and between which hours somebody is there to act."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from airflow_provider_docflow.exceptions import Misconfigured

_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_USUAL = _WEEKDAYS[:5]
_KEYS = ("time_zone", "weekdays", "from", "to", "holidays", "workdays")
_DAY = timedelta(days=1)
_LONGEST = 366
"""So many days may stand between the two dates of one entry."""


@dataclass(frozen=True)
class WorkingCalendar:
    """When somebody is there, in the zone of those who are.

    :param begins: of a working day; :param ends: of it, None for midnight.
    :param holidays: days on which nobody works, whatever weekday they are.
    :param workdays: days on which people work, whatever weekday they are.
    """

    zone: ZoneInfo
    weekdays: frozenset[int]
    begins: time = time.min
    ends: time | None = None
    holidays: frozenset[date] = frozenset()
    workdays: frozenset[date] = frozenset()

    @classmethod
    def from_json(cls, data: Any, name: str) -> WorkingCalendar:
        """Read one calendar.

        :raises Misconfigured: it is none, or can have no working time.
        """
        of = f"of calendar {name!r}"
        if not isinstance(data, Mapping):
            raise _wrong(f"calendar {name!r} is no object")
        unknown = sorted(set(data) - set(_KEYS))
        if unknown:
            raise _wrong(f"calendar {name!r} has an unknown key {unknown[0]!r}")
        begins = _time(data.get("from", "00:00"), f"from {of}")
        ends = _time(data["to"], f"to {of}") if data.get("to", "24:00") != "24:00" else None
        if ends is not None and ends <= begins:
            raise _wrong(f"the working day {of} ends before it begins")
        holidays = _days(data.get("holidays", []), f"holidays {of}")
        workdays = _days(data.get("workdays", []), f"workdays {of}")
        for day in sorted(holidays & workdays):
            raise _wrong(f"{day} {of} is both a holiday and a working day")
        weekdays = _weekdays(data.get("weekdays", list(_USUAL)), f"weekdays {of}")
        return cls(_zone(data.get("time_zone"), of), weekdays, begins, ends, holidays, workdays)

    def after(self, start: datetime, hours: float) -> datetime:
        """Return when so many working hours have passed, in UTC.

        :param start: an aware instant.
        """
        left, day = timedelta(hours=hours), start.astimezone(self.zone).date()
        while True:
            if self._worked(day):
                begins, ends = self._span(day)
                begins = max(begins, start)
                if ends - begins >= left:
                    return begins + left
                left -= max(ends - begins, timedelta())
            day += _DAY

    def _worked(self, day: date) -> bool:
        return day in self.workdays or (day.weekday() in self.weekdays and day not in self.holidays)

    def _span(self, day: date) -> tuple[datetime, datetime]:
        """Return a working day in UTC, where a day on which the clocks change has the hours that it has."""
        last = (day + _DAY, time.min) if self.ends is None else (day, self.ends)
        begins = datetime.combine(day, self.begins, self.zone).astimezone(UTC)
        return begins, datetime.combine(*last, self.zone).astimezone(UTC)


def calendars_from(text: str) -> dict[str, WorkingCalendar]:
    """Read the option ``[docflow] incident_calendars``: a JSON object of calendars by name.

    :raises Misconfigured: it is no such object.
    """
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise _wrong(f"it is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise _wrong("it is no object of calendars")
    return {name: WorkingCalendar.from_json(one, name) for name, one in found.items()}


def _zone(name: Any, of: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise _wrong(f"time_zone {of} is no time zone: {name!r}") from None


def _weekdays(given: Any, what: str) -> frozenset[int]:
    if not isinstance(given, list) or not given or not all(one in _WEEKDAYS for one in given):
        raise _wrong(f"{what} are no list of {', '.join(_WEEKDAYS)}")
    return frozenset(_WEEKDAYS.index(one) for one in given)


def _time(given: Any, what: str) -> time:
    try:
        return datetime.strptime(given, "%H:%M").time()
    except (ValueError, TypeError):
        raise _wrong(f"{what} is no time such as 09:00: {given!r}") from None


def _days(given: Any, what: str) -> frozenset[date]:
    """Read days, and spans of days such as ``2026-10-01/2026-10-07``."""
    if not isinstance(given, list):
        raise _wrong(f"{what} are no list of days")
    return frozenset(day for one in given for day in _span_of_days(one, what))


def _span_of_days(given: Any, what: str) -> list[date]:
    first, _, last = str(given).partition("/")
    try:
        begins = date.fromisoformat(first)
        days = (date.fromisoformat(last) - begins).days if last else 0
    except ValueError:
        raise _wrong(f"{what} are no days such as 2026-10-01: {given!r}") from None
    if not 0 <= days <= _LONGEST:
        raise _wrong(f"{what} are no span of at most {_LONGEST} days: {given!r}")
    return [begins + number * _DAY for number in range(days + 1)]


def _wrong(why: str) -> Misconfigured:
    return Misconfigured(
        f"[docflow] incident_calendars: {why}.",
        field="incident_calendars",
        remedy='Write a JSON object such as {"cn": {"time_zone": "Asia/Shanghai", "from": "09:00", '
        '"to": "18:00", "holidays": ["2026-10-01/2026-10-07"], "workdays": ["2026-10-10"]}}.',
    )
