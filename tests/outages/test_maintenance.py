"""Windows that a connection's settings repeat: in its own zone, over changes of the clocks, end to end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_docflow.core.maintenance import FARTHEST, maintained_until
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.systems.rest import example

SATURDAY = {"weekday": "sat", "at": "22:00", "hours": 4}


def site(windows: Any, zone: str = "Asia/Shanghai") -> Site:
    settings = {"maintenance": windows, "time_zone": zone}
    return Site(profile=example.PROFILE, conn_id="erp", base_url="http://erp", settings=settings)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "end"),
    [
        ("2026-11-21T21:59:59+08:00", None),
        ("2026-11-21T22:00:00+08:00", "2026-11-22T02:00:00+08:00"),
        ("2026-11-22T01:59:59+08:00", "2026-11-22T02:00:00+08:00"),
        ("2026-11-22T02:00:00+08:00", None),
        ("2026-11-20T23:00:00+08:00", None),
    ],
)
def test_every_saturday_night_in_the_connections_zone(now: str, end: str | None) -> None:
    for entry in (SATURDAY, {"cron": "0 22 * * 6", "hours": 4}, {**SATURDAY, "weekday": ["Saturday"]}):
        assert maintained_until(site([entry]), at(now)) == (at(end) if end else None), entry


def test_a_window_lasts_as_long_as_it_says_where_the_clocks_change() -> None:
    """On 2026-10-25 clocks in Berlin go back from 3:00 to 2:00: the night is an hour longer."""
    night = site([{"weekday": "sat", "at": "23:00", "hours": 5}], "Europe/Berlin")
    assert maintained_until(night, at("2026-10-24T23:30:00+02:00")) == at("2026-10-25T03:00:00+01:00")


def test_windows_that_follow_on_each_other_are_one() -> None:
    once = {"from": "2026-11-22T01:00:00", "to": "2026-11-22T05:30:00"}
    last = {"from": "2026-11-22T05:30:00+08:00", "to": "2026-11-22T06:00:00+08:00"}
    both = site([SATURDAY, once, last])
    assert maintained_until(both, at("2026-11-21T23:00:00+08:00")) == at("2026-11-22T06:00:00+08:00")


def test_windows_without_end_are_looked_at_so_far_ahead_only() -> None:
    now = at("2026-11-21T23:00:00+08:00")
    end = maintained_until(site([{"weekday": "daily", "at": "00:00", "hours": 24}]), now)
    assert end is not None
    assert timedelta(0) < end - now <= FARTHEST + timedelta(days=1)


def test_a_connection_without_windows_is_in_none() -> None:
    for nothing in (None, "", [], "[]"):
        assert maintained_until(site(nothing), at("2026-11-21T23:00:00+08:00")) is None


def test_the_setting_may_be_text_as_a_form_gives_it() -> None:
    text = '[{"weekday": "sat", "at": "22:00", "minutes": 30}]'
    assert maintained_until(site(text), at("2026-11-21T22:15:00+08:00")) == at("2026-11-21T22:30:00+08:00")


@pytest.mark.parametrize(
    "wrong",
    [
        "saturdays",
        {"weekday": "sat"},
        ["sat"],
        [{"weekday": "someday", "at": "22:00", "hours": 1}],
        [{"weekday": "sat", "at": "late", "hours": 1}],
        [{"weekday": "sat", "at": "22:00"}],
        [{"weekday": "sat", "at": "22:00", "hours": -1}],
        [{"weekday": "sat", "at": "22:00", "hours": 200}],
        [{"cron": "every night", "hours": 1}],
        [{"from": "2026-11-22T02:00:00"}],
        [{"from": "2026-11-22T02:00:00", "to": "2026-11-22T01:00:00"}],
        [{"at": "22:00", "hours": 1}],
    ],
)
def test_what_is_no_window_is_refused_by_name(wrong: Any) -> None:
    with pytest.raises(Misconfigured) as refused:
        maintained_until(site(wrong), at("2026-11-21T23:00:00+08:00"))
    assert refused.value.field == "maintenance"
    assert "erp" in str(refused.value)
