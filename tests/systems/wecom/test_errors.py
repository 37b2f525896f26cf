"""What WeCom says when it says no, and how the login fares."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.limits import buckets_of, limits_of
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.wecom import PROFILE, wire
from tests.systems.wecom.conftest import CORP, SECRET, Desk

DETAIL = "*/getapprovaldetail"


def told(desk: Desk, reply: Any, times: int | None = None, **more: Any) -> exc.DocflowError:
    desk.sandbox.fault(FaultRule("error_in_200", path=DETAIL, reply=reply, times=times, **more))
    (error,) = desk.read(desk.ref("202601010001"))
    desk.sandbox.clear_faults()
    assert isinstance(error, exc.DocflowError)
    return error


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (-1, exc.TransientError),
        (6000, exc.Conflict),
        (45009, exc.RateLimited),
        (45033, exc.RateLimited),
        (40001, exc.Authentication),
        (40013, exc.Authentication),
        (60020, exc.Authentication),
        (301055, exc.Authentication),
        (301026, exc.Misconfigured),
        (301056, exc.Misconfigured),
        (301002, exc.Misconfigured),
        (93000, exc.Misconfigured),
        (301079, exc.Rejected),
        (60011, exc.Rejected),
        (60111, exc.Rejected),
        (81013, exc.Rejected),
        (999999, exc.Rejected),
    ],
)
def test_codes_in_a_200(desk: Desk, code: int, kind: type[exc.DocflowError]) -> None:
    error = told(desk, {"errcode": code, "errmsg": "no"})
    assert type(error) is kind and error.code == str(code)
    assert error.http_status == 200 and error.system == "oa" and error.document == "202601010001"
    if isinstance(error, exc.PermanentError) and code != 999999:
        assert error.remedy


def test_too_often_says_how_long(desk: Desk) -> None:
    assert told(desk, {"errcode": 45009, "errmsg": ""}).retry_after == 60.0
    assert told(desk, {"errcode": 45009, "errmsg": ""}, status=200, retry_after=None).retry_after == 60.0


def test_a_busy_read_is_tried_again(desk: Desk) -> None:
    ref = desk.submit()
    desk.sandbox.fault(FaultRule("error_in_200", path=DETAIL, times=2))
    assert desk.reading(ref).ref.internal_id == ref.internal_id
    assert desk.sandbox.count(DETAIL) == 3


@pytest.mark.parametrize("code", [40014, 42001, 41001])
def test_a_refused_token_is_renewed_once(desk: Desk, code: int) -> None:
    ref = desk.submit()
    desk.reading(ref)
    desk.sandbox.forget_requests()
    desk.sandbox.fault(FaultRule("error_in_200", path=DETAIL, reply={"errcode": code, "errmsg": ""}))
    assert desk.reading(ref).ref == desk.reading(ref).ref
    assert desk.sandbox.count("*/gettoken") == 1


def test_a_secret_that_is_wrong_is_not_tried_again(desk: Desk) -> None:
    desk.tokens = type(desk.tokens)()
    desk.site = replace(desk.site, password="wrong-secret-1")
    (error,) = desk.read(desk.ref("1"))
    assert isinstance(error, exc.Authentication) and error.code == "40001"
    assert desk.sandbox.count("*/gettoken") == 1
    assert "wrong-secret-1" not in f"{error!r} {error} {vars(error)}"


def test_the_instance_is_the_corporation_that_wecom_gives_a_token_for(desk: Desk) -> None:
    assert desk.run(PROFILE.instance(desk.site)) == CORP
    for login in ("", " wwsandboxcorp"):
        with pytest.raises(exc.Misconfigured):
            wire.corp_id(replace(desk.site, username=login))
    desk.site = replace(desk.site, username="wwsomebodyelse")
    with pytest.raises(exc.Authentication) as caught:
        desk.run(PROFILE.instance(desk.site))
    assert caught.value.code == "40013"


def test_no_secret_stands_in_a_requests_url(desk: Desk) -> None:
    signed = wire.sign(
        desk.site.request("POST", "/cgi-bin/oa/applyevent", json={"a": "b"}), "TOKEN-1", desk.site
    )
    assert "TOKEN-1" not in str(signed.url) and signed.content == b'{"a":"b"}'
    assert signed.extensions["target"] == b"/cgi-bin/oa/applyevent?access_token=TOKEN-1"
    asked = next(iter([wire.login(desk.site)])).send(None)
    assert SECRET not in str(asked.url) and SECRET.encode() in asked.extensions["target"]
    files = desk.site.request("POST", "/cgi-bin/media/upload", params={"type": "file"}, content=b"x")
    target = wire.sign(files, "T", desk.site).extensions["target"]
    assert target == b"/cgi-bin/media/upload?type=file&access_token=T"


def test_calls_have_a_limit(desk: Desk) -> None:
    assert [(one.name, one.count, one.seconds) for one in PROFILE.limits] == [("calls_per_minute", 600, 60.0)]
    site = desk.connect(calls_per_minute=100)
    (bucket,) = buckets_of(limits_of(site))
    assert (bucket.count, bucket.seconds) == (100, 60.0)


def test_a_page_that_is_no_json(desk: Desk) -> None:
    desk.sandbox.fault(FaultRule("malformed", path=DETAIL, times=None))
    (error,) = desk.read(desk.ref("1"))
    assert isinstance(error, exc.TransientError) and error.landed == "no"


def test_a_robot_alone_needs_no_forms(desk: Desk) -> None:
    site = desk.connect(forms={})
    assert site.profile.documents == {}
