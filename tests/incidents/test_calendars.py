"""Due times by a working calendar: weekends, holidays and working hours do not count."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.calendars import WorkingCalendar
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.incidents_rules import IncidentRules
from tests.operators.world import World

CN: dict[str, Any] = {
    "time_zone": "Asia/Shanghai",
    "from": "09:00",
    "to": "18:00",
    "holidays": ["2026-10-01/2026-10-07"],
    "workdays": ["2026-10-10"],
}
DE: dict[str, Any] = {"time_zone": "Europe/Berlin"}


def rules(*given: dict[str, Any], **calendars: Any) -> IncidentRules:
    return IncidentRules.from_json(json.dumps(given), json.dumps(calendars))


def due(opened: str, hours: float, **calendar: Any) -> str:
    found = rules({"hours": hours, "calendar": "one"}, one=calendar)
    zone = WorkingCalendar.from_json(calendar, "one").zone
    return found.due("data", datetime.fromisoformat(opened)).astimezone(zone).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("opened", "hours", "ends"),
    [
        ("2026-09-14T10:00+08:00", 4, "2026-09-14T14:00+08:00"),
        ("2026-09-14T16:00+08:00", 4, "2026-09-15T11:00+08:00"),
        ("2026-09-14T03:00+08:00", 1, "2026-09-14T10:00+08:00"),
        ("2026-09-14T23:00+08:00", 1, "2026-09-15T10:00+08:00"),
        # Friday evening: Monday, not Saturday.
        ("2026-09-18T17:00+08:00", 4, "2026-09-21T12:00+08:00"),
        # A week of holidays, then an ordinary Thursday; the Saturday after it is worked.
        ("2026-09-30T17:00+08:00", 4, "2026-10-08T12:00+08:00"),
        ("2026-10-09T17:00+08:00", 4, "2026-10-10T12:00+08:00"),
        # The end of the working day is still that day.
        ("2026-09-14T09:00+08:00", 9, "2026-09-14T18:00+08:00"),
        ("2026-09-14T09:00+08:00", 45, "2026-09-18T18:00+08:00"),
        # The calendar goes by its own zone, whatever zone the instant is told in.
        ("2026-09-18T10:30+00:00", 1, "2026-09-21T10:00+08:00"),
    ],
)
def test_only_working_hours_count(opened: str, hours: float, ends: str) -> None:
    assert due(opened, hours, **CN) == ends


@pytest.mark.parametrize(
    ("opened", "hours", "ends"),
    [
        # The days on which the clocks change have 23 and 25 hours; both are Sundays.
        ("2026-03-27T12:00+01:00", 24, "2026-03-30T12:00+02:00"),
        ("2026-10-23T12:00+02:00", 24, "2026-10-26T12:00+01:00"),
    ],
)
def test_without_working_hours_the_whole_of_a_working_day_counts(
    opened: str, hours: float, ends: str
) -> None:
    assert due(opened, hours, **DE) == ends


def test_a_day_on_which_the_clocks_change_has_the_hours_that_it_has() -> None:
    every_day = {**DE, "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}
    assert due("2026-03-28T12:00+01:00", 24, **every_day) == "2026-03-29T13:00+02:00"
    assert due("2026-10-24T12:00+02:00", 24, **every_day) == "2026-10-25T11:00+01:00"


def test_the_first_rule_that_names_a_calendar_decides() -> None:
    found = rules(
        {"category": "technical", "calendar": ""},
        {"company_code": "2000", "calendar": "de"},
        {"calendar": "cn"},
        cn=CN,
        de=DE,
    )
    friday = datetime.fromisoformat("2026-09-18T18:00+08:00")
    assert found.due("technical", friday).isoformat() == "2026-09-18T22:00:00+08:00"
    assert found.due("control", friday, "2000").astimezone(UTC).isoformat() == "2026-09-18T18:00:00+00:00"
    assert found.due("control", friday, "1000").astimezone(UTC).isoformat() == "2026-09-21T09:00:00+00:00"


def test_without_a_calendar_the_hours_run_day_and_night() -> None:
    saturday = datetime(2026, 9, 19, 23, tzinfo=UTC)
    assert rules(cn=CN).due("technical", saturday) == datetime(2026, 9, 20, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendars", "told"),
    [
        ("{", "no JSON"),
        ([], "no object of calendars"),
        ({"cn": 1}, "calendar 'cn' is no object"),
        ({"cn": {}}, "time_zone of calendar 'cn'"),
        ({"cn": {"time_zone": "Asia/Nowhere"}}, "time_zone of calendar 'cn'"),
        ({"cn": {**CN, "hours": 8}}, "unknown key 'hours'"),
        ({"cn": {**CN, "weekdays": []}}, "weekdays of calendar 'cn'"),
        ({"cn": {**CN, "weekdays": ["monday"]}}, "weekdays of calendar 'cn'"),
        ({"cn": {**CN, "weekdays": "mon"}}, "weekdays of calendar 'cn'"),
        ({"cn": {**CN, "from": "9"}}, "from of calendar 'cn'"),
        ({"cn": {**CN, "to": "08:00"}}, "ends before it begins"),
        ({"cn": {**CN, "holidays": ["1 October"]}}, "holidays of calendar 'cn'"),
        ({"cn": {**CN, "holidays": ["2026-10-07/2026-10-01"]}}, "holidays of calendar 'cn'"),
        ({"cn": {**CN, "holidays": ["2026-01-01/2999-01-01"]}}, "holidays of calendar 'cn'"),
        ({"cn": {**CN, "workdays": "2026-10-10"}}, "workdays of calendar 'cn'"),
        ({"cn": {**CN, "workdays": ["2026-10-01"]}}, "2026-10-01 of calendar 'cn' is both"),
    ],
)
def test_a_wrong_calendar_is_named(calendars: Any, told: str) -> None:
    text = calendars if isinstance(calendars, str) else json.dumps(calendars)
    with pytest.raises(Misconfigured, match=told):
        IncidentRules.from_json("", text)


def test_a_rule_names_a_calendar_that_there_is() -> None:
    with pytest.raises(Misconfigured, match="rule 1 names no calendar: 'nc'"):
        rules({"calendar": "nc"}, cn=CN)
    with pytest.raises(Misconfigured, match="rule 1 names no calendar: 7"):
        rules({"calendar": 7}, cn=CN)


def test_the_configuration_reaches_the_incident(
    world: World, monkeypatch: pytest.MonkeyPatch, sqlite_ledger: Ledger
) -> None:
    monkeypatch.setenv("AIRFLOW__DOCFLOW__INCIDENT_CALENDARS", json.dumps({"cn": CN}))
    monkeypatch.setenv("AIRFLOW__DOCFLOW__INCIDENT_RULES", '[{"calendar": "cn", "hours": 900}]')
    sqlite_ledger.rules = ledger_of().rules
    ref = DocumentRef("erp-1", "C1", "supplier_invoice", "17", "INV-17")  # type: ignore[arg-type]
    incidents = sqlite_ledger.incidents
    one = incidents.get(incidents.open(NewIncident("data", "x", "why", ref=ref)))
    assert one.due is not None
    # A hundred working days are twenty weeks at least.
    assert (one.due - one.opened_at).days >= 139
    monkeypatch.setenv("AIRFLOW__DOCFLOW__INCIDENT_CALENDARS", "{}")
    with pytest.raises(Misconfigured, match="names no calendar"):
        ledger_of()
