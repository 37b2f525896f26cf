from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow.sandbox import Sandbox
from tests.sandbox.conftest import DingTalk, code_of, form

DAY = 86_400_000


def enter(sandbox: Sandbox, code: str, *ages: float, user: str = "u1") -> list[str]:
    """Enter instances that are so many days old; return their ids."""
    now = sandbox.now()
    body = {"processCode": code, "originatorUserId": user, "formComponentValues": form()}
    return sandbox.submit({**body, "createTime": int(now - age * DAY)} for age in ages)


def walk(dingtalk: DingTalk, code: str, **more: Any) -> list[str]:
    found, cursor = [], 0
    while True:
        result = dingtalk.ids(code, nextToken=cursor, **more).json()["result"]
        found += result["list"]
        if "nextToken" not in result:
            return found
        assert isinstance(result["nextToken"], str)
        cursor = int(result["nextToken"])


def test_pages_of_twenty(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    ids = enter(sandbox, code, *[0.001] * 45)
    assert walk(dingtalk, code) == ids
    assert len(dingtalk.ids(code).json()["result"]["list"]) == 20
    assert walk(dingtalk, code, maxResults=7) == ids


def test_a_full_last_page_has_no_cursor(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    enter(sandbox, code, *[0.001] * 20)
    assert "nextToken" not in dingtalk.ids(code).json()["result"]


def test_the_window_is_over_creation_time(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    old, young = enter(sandbox, code, 3, 1)
    sandbox.decide(old, "agree")
    now = sandbox.now()
    since = {"startTime": now - 2 * DAY, "endTime": now}
    assert walk(dingtalk, code, **since) == [young], (
        "approving late does not bring an old form into the window"
    )
    assert walk(dingtalk, code, startTime=now - 4 * DAY, endTime=now - 2 * DAY) == [old]


def test_filters(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    (one,) = enter(sandbox, code, 0.01)
    (two,) = enter(sandbox, code, 0.01, user="u2")
    sandbox.decide(two, "refuse")
    assert walk(dingtalk, code, userIds=["u2"]) == [two]
    assert walk(dingtalk, code, statuses=["RUNNING"]) == [one]
    assert walk(dingtalk, code, statuses=["COMPLETED", "TERMINATED"]) == [two]
    assert walk(dingtalk, "PROC-OTHER") == []


def test_only_a_start_reaches_120_days_back(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    ids = enter(sandbox, code, 119, 1)
    now = sandbox.now()
    assert walk(dingtalk, code, startTime=now - 120 * DAY + 60_000, endTime=None) == ids
    assert code_of(dingtalk.ids(code, startTime=now - 121 * DAY, endTime=None)) == "invalidEndTime"


def test_a_window_reaches_a_year_back_and_spans_120_days(
    sandbox: Sandbox, dingtalk: DingTalk, code: str
) -> None:
    (old,) = enter(sandbox, code, 360)
    now = sandbox.now()
    assert walk(dingtalk, code, startTime=now - 364 * DAY, endTime=now - 300 * DAY) == [old]
    wide = {"startTime": now - 200 * DAY, "endTime": now - 70 * DAY}
    assert code_of(dingtalk.ids(code, **wide)) == "invalidEndTime"
    early = {"startTime": now - 366 * DAY, "endTime": now - 300 * DAY}
    assert code_of(dingtalk.ids(code, **early)) == "invalidInstanceListIdsStartTime"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"processCode": ""}, "invalidProcessCode"),
        ({"startTime": None}, "invalidInstanceListIdsStartTime"),
        ({"startTime": "2026-01-01"}, "invalidInstanceListIdsStartTime"),
        ({"endTime": 1}, "invalidEndTime"),
        ({"nextToken": None}, "invalidNextToken"),
        ({"nextToken": "0"}, "invalidNextToken"),
        ({"maxResults": None}, "invalidMaxResults"),
        ({"maxResults": 21}, "invalidMaxResults"),
        ({"maxResults": 0}, "invalidMaxResults"),
        ({"userIds": ["u"] * 11}, "invalidUserIds"),
    ],
)
def test_refusals(dingtalk: DingTalk, code: str, change: dict[str, Any], expected: str) -> None:
    assert code_of(dingtalk.ids(code, **change)) == expected


def test_a_cursor_over_a_shrinking_filter_skips(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    """Paging counts rows: who filters by state while states change misses some. Never rely on it."""
    ids = enter(sandbox, code, *[0.001] * 30)
    first = dingtalk.ids(code, statuses=["RUNNING"]).json()["result"]
    sandbox.decide(first["list"], "agree")
    second = dingtalk.ids(code, statuses=["RUNNING"], nextToken=int(first["nextToken"])).json()["result"]
    assert second["list"] == [] and len(ids) == 30
