"""Reading and listing: windows of 31 days, short pages, forms that are not there or another's."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.oa.listing import Position
from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Query, Reading
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.wecom.listing import window
from tests.systems.wecom.conftest import TYPE, Desk

DAY = 86_400


def seconds() -> int:
    return int(datetime.now(UTC).timestamp())


def listed(desk: Desk, **query: Any) -> list[Reading]:
    found: list[Reading] = desk.run(search_all(desk.site, desk.site.profile.of(TYPE), Query(**query)))
    return found


def numbers(readings: list[Reading]) -> list[str]:
    return [one.ref.internal_id for one in readings]


def test_a_form_that_is_not_there(desk: Desk) -> None:
    (error,) = desk.read(desk.ref("202001010001"))
    assert isinstance(error, exc.NotFound)
    assert (error.code, error.document, error.system) == ("301025", "202001010001", "oa")


def test_which_code_says_so_is_a_setting(desk: Desk) -> None:
    desk.site = desk.connect(not_found_codes="301058, 301059")
    (error,) = desk.read(desk.ref("202001010001"))
    assert type(error) is exc.Rejected
    reply = {"errcode": 301059, "errmsg": "sp_no not exist"}
    desk.sandbox.fault(FaultRule("error_in_200", path="*/getapprovaldetail", reply=reply))
    (error,) = desk.read(desk.ref("202001010001"))
    assert isinstance(error, exc.NotFound)


def test_a_form_of_another_template_is_not_this_type(desk: Desk) -> None:
    ref = desk.submit()
    desk.site = desk.connect({TYPE: {"template_id": desk.enter_template(TYPE)}})
    (error,) = desk.read(ref)
    assert isinstance(error, exc.NotFound) and desk.template in error.message


def test_numbers_stay_text(desk: Desk) -> None:
    ref = desk.submit()
    reading = desk.reading(ref)
    assert isinstance(reading.raw["sp_no"], str) and reading.ref.internal_id == ref.internal_id


def test_a_listing_longer_than_a_window_walks_several(desk: Desk) -> None:
    ages = (1, 30, 31, 32, 61, 62, 63, 93)
    refs = [desk.submit({"单号": {"text": f"PR-{age}"}}, apply_time=seconds() - age * DAY) for age in ages]
    desk.sandbox.forget_requests()
    start = datetime.now(UTC) - timedelta(days=95)
    found = listed(desk, raw={"created_from": start.isoformat()})
    assert set(numbers(found)) == {ref.internal_id for ref in refs} and len(found) == len(refs)
    assert desk.sandbox.count("*/getapprovalinfo") == 4
    assert [one.ref.number for one in listed(desk)] == ["PR-1"]


def test_what_lies_on_the_edge_of_windows_is_listed_once(desk: Desk) -> None:
    start = seconds() - 80 * DAY
    edges = [start, start + window(desk.site), start + 2 * window(desk.site)]
    refs = [desk.submit(apply_time=edge + off) for edge in edges for off in (-1, 0, 1)]
    raw = {"created_from": datetime.fromtimestamp(start, UTC)}
    found = numbers(listed(desk, raw=raw))
    assert len(found) == len(set(found)) and set(found) == {ref.internal_id for ref in refs[1:]}


def test_pages_shorter_than_asked_for_do_not_end_a_listing(desk: Desk) -> None:
    desk.sandbox.call("PUT", "wecom/settings", {"page": 2})
    refs = [desk.submit() for _ in range(5)]
    assert {ref.internal_id for ref in refs} <= set(numbers(listed(desk)))
    assert desk.sandbox.count("*/getapprovalinfo") >= 3


def bodies(desk: Desk) -> list[dict[str, Any]]:
    return [json.loads(one["body"]) for one in desk.sandbox.requests("*/getapprovalinfo")]


@pytest.mark.parametrize("ahead", [True, False])
def test_windows_end_ahead_only_where_wecom_takes_it(desk: Desk, ahead: bool) -> None:
    desk.site = desk.connect(listing_ahead=ahead)
    ref = desk.submit(apply_time=seconds() - 40 * DAY)
    start = (datetime.now(UTC) - timedelta(days=41)).isoformat()
    assert ref.internal_id in numbers(listed(desk, raw={"created_from": start}))
    asked = bodies(desk)
    assert (int(asked[-1]["endtime"]) > seconds() + 60) is ahead
    # Where no window may end ahead, the seconds that a listing takes are asked for in windows of their own.
    assert len(asked) == 2 or (not ahead and len(asked) > 2)
    assert all(int(one["endtime"]) - int(one["starttime"]) <= 31 * DAY for one in asked)


def test_windows_are_as_long_as_the_setting_says(desk: Desk) -> None:
    desk.site = desk.connect(listing_span_days=7)
    ref = desk.submit(apply_time=seconds() - 20 * DAY)
    start = (datetime.now(UTC) - timedelta(days=21)).isoformat()
    assert ref.internal_id in numbers(listed(desk, raw={"created_from": start}))
    assert desk.sandbox.count("*/getapprovalinfo") == 4


@pytest.mark.parametrize(
    ("query", "there"),
    [
        ({"numbers": ("PR-Q",)}, True),
        ({"numbers": ("PR-R",)}, False),
        ({"party": "SUP-1"}, True),
        ({"party": "SUP-2"}, False),
        ({"company_code": "1000"}, True),
        ({"company_code": "2000"}, False),
        ({"issued_from": date(2026, 3, 31)}, True),
        ({"issued_from": date(2026, 4, 1)}, False),
        ({"issued_to": date(2026, 3, 30)}, False),
        ({"raw": {"creator": "zhang.san", "sp_status": "1"}}, True),
        ({"raw": {"creator": "li.si"}}, False),
        ({"raw": {"sp_status": "2"}}, False),
        ({"raw": {"departments": ["1", "2"], "record_type": ""}}, True),
    ],
)
def test_what_is_asked_for(desk: Desk, query: dict[str, Any], there: bool) -> None:
    submitted = seconds() if "issued_to" not in query else int(datetime(2026, 4, 1, tzinfo=UTC).timestamp())
    ref = desk.submit({"单号": {"text": "PR-Q"}}, apply_time=submitted)
    assert (ref.internal_id in numbers(listed(desk, **query))) is there


def test_what_wecom_cannot_be_asked_for(desk: Desk) -> None:
    with pytest.raises(exc.Unsupported) as caught:
        listed(desk, changed_since=datetime.now(UTC))
    assert caught.value.field == "changed_since"
    with pytest.raises(exc.Misconfigured):
        listed(desk, raw={"created_from": "2026-03-31"})


def test_a_feed_goes_on_where_it_stood(desk: Desk) -> None:
    follow = desk.site.profile.of(TYPE).changes
    assert follow is not None

    def rest(cursor: str) -> tuple[list[DocumentRef], str]:
        seen: list[DocumentRef] = []
        while True:
            page = desk.run(follow(desk.site, cursor))
            seen, cursor = [*seen, *page.refs], page.cursor
            if not page.more:
                return seen, cursor

    desk.sandbox.call("PUT", "wecom/settings", {"page": 2})
    old = [desk.submit(apply_time=seconds() - age * DAY) for age in (5, 4, 3)]
    seen, cursor = rest("")
    assert {ref.internal_id for ref in old} <= {ref.internal_id for ref in seen}
    new = desk.submit()
    seen, cursor = rest(cursor)
    assert [ref.internal_id for ref in seen] == [new.internal_id] and seen[0].number == ""
    again, _ = rest(cursor)
    assert [ref.internal_id for ref in again] == [new.internal_id], "the last minutes are looked at again"
    assert Position.read(cursor).token == ""


@pytest.mark.parametrize(
    ("path", "reply"),
    [
        ("*/getapprovalinfo", {"errcode": 0, "errmsg": "ok"}),
        ("*/getapprovaldetail", {"errcode": 0, "errmsg": "ok", "info": {}}),
    ],
)
def test_an_answer_without_what_it_should_say(desk: Desk, path: str, reply: Any) -> None:
    desk.submit()
    desk.sandbox.fault(FaultRule("error_in_200", path=path, reply=reply, times=None))
    with pytest.raises(exc.TransientError):
        listed(desk)


def test_a_warning_beside_errcode_0_is_no_error(desk: Desk) -> None:
    ref = desk.submit()
    info = {"sp_no": ref.internal_id, "sp_status": 1, "template_id": desk.template}
    reply = {"errcode": 0, "errmsg": "ok. Warning: wrong json format.", "info": info}
    desk.sandbox.fault(FaultRule("error_in_200", path="*/getapprovaldetail", reply=reply))
    assert str(desk.reading(ref).state.approval) == "pending"
