from __future__ import annotations

import json
import logging
import pickle
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import body_of, check
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.dingtalk import PROFILE, send_robot, send_work_notice, wire
from tests.systems.dingtalk.conftest import CORP, ROBOT_SECRET, ROBOT_TOKEN, SECRET, TYPE, Desk

SITE = Site(profile=PROFILE, conn_id="oa")
GET = "/dingtalk/v1.0/workflow/processInstances"


def new(code: str) -> dict[str, str]:
    return {"code": code, "message": "不行", "requestid": "REQ-1"}


def old(code: int, **more: Any) -> dict[str, Any]:
    return {"errcode": code, "errmsg": "不行", **more}


def judged(status: int, body: Any, *, writes: bool = False) -> exc.DocflowError | None:
    content = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    reply = httpx2.Response(status, content=content.encode())
    try:
        check(SITE, reply, body_of(reply), writes=writes)
    except exc.DocflowError as error:
        return error
    return None


TABLE: list[tuple[int, Any, type[exc.DocflowError]]] = [
    *((403, new(code), exc.RateLimited) for code in ("Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",)),
    *((200, old(code), exc.RateLimited) for code in (90002, 90006, 90014, 90018, 90019, 130101)),
    (200, old(88, sub_code="90018", sub_msg="慢"), exc.RateLimited),
    (400, new("autoflowLikeTriggerRateLimited"), exc.RateLimited),
    (429, new("Throttling"), exc.RateLimited),
    (429, "<html>slow down</html>", exc.RateLimited),
    (200, {"status": 1111, "wait": 5, "punish": "deny"}, exc.RateLimited),
    (403, '<html><script>{"status":1111,"wait":5}</script></html>', exc.RateLimited),
    (200, "<html>{status: 1111, punish: deny}</html>", exc.RateLimited),
    (403, new("Forbidden.AccessDenied.ApiCountLimitForOrg"), exc.QuotaExhausted),
    (200, old(90020), exc.QuotaExhausted),
    (200, old(90030), exc.QuotaExhausted),
    (500, new("systemError"), exc.TransientError),
    (400, new("sysErrror"), exc.TransientError),
    (400, new("internalError"), exc.TransientError),
    (200, old(-1), exc.TransientError),
    (502, "<html>bad gateway</html>", exc.TransientError),
    (503, "", exc.TransientError),
    (401, new("InvalidAuthentication"), exc.Authentication),
    (200, old(40014), exc.Authentication),
    (200, old(42001), exc.Authentication),
    (400, new("needAuth"), exc.Authentication),
    (403, new("Forbidden.AccessDenied.AccessTokenPermissionDenied"), exc.Authentication),
    (400, new("processInstanceNotExist"), exc.NotFound),
    (400, new("processCodeError"), exc.Misconfigured),
    (400, new("invalidAgentId"), exc.Misconfigured),
    (400, new("benefitStatusInvalid"), exc.Unsupported),
    (200, old(310000), exc.Misconfigured),
    (200, old(300005), exc.Misconfigured),
    *(
        (400, new(code), exc.Rejected)
        for code in (
            "targetSelectApproverScopeError",
            "targetSelectApproverMissing",
            "invalidParameter",
            "processInstanceInvalidParameter",
            "processInstanceStartFailed",
            "formConverterError",
            "illegalComponent",
            "somethingNew",
        )
    ),
    (200, {"success": False, "code": "somethingNew"}, exc.Rejected),
    (200, old(424242), exc.Rejected),
]


@pytest.mark.parametrize(("status", "body", "kind"), TABLE, ids=lambda value: str(value)[:60])
def test_every_code_has_its_type(status: int, body: Any, kind: type[exc.DocflowError]) -> None:
    error = judged(status, body)
    assert type(error) is kind
    assert error.http_status == status
    assert error.system == "oa"
    if isinstance(body, dict) and "code" in body:
        assert error.code == body["code"]
    if isinstance(body, dict) and "requestid" in body:
        assert error.request_id == "REQ-1"
    assert pickle.loads(pickle.dumps(error)).attrs() == error.attrs()


@pytest.mark.parametrize(
    "body",
    [
        {"success": "true", "result": {}},
        {"errcode": 0, "errmsg": "ok"},
        {"instanceId": "1"},
        {"status": "RUNNING"},
    ],
)
def test_what_is_well_is_no_error(body: Any) -> None:
    assert judged(200, body) is None


@pytest.mark.parametrize(
    ("status", "body"), [(500, new("systemError")), (400, new("internalError")), (200, old(-1)), (502, "")]
)
def test_a_write_that_met_an_inner_error_may_have_landed(status: int, body: Any) -> None:
    assert type(judged(status, body, writes=True)) is exc.UnknownOutcome


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, old(90018)), (400, new("autoflowLikeTriggerRateLimited")), (400, new("needAuth"))],
)
def test_a_write_that_was_turned_away_has_not_landed(status: int, body: Any) -> None:
    error = judged(status, body, writes=True)
    assert error is not None
    assert error.landed == "no"


def test_a_banned_address_stays_away_for_five_minutes() -> None:
    error = judged(200, {"status": 1111, "wait": 5, "punish": "deny"})
    assert error is not None
    assert error.retry_after == 300


def test_a_ban_is_not_hammered_by_the_retry_of_a_read(desk: Desk) -> None:
    (ref,) = desk.submit()
    rule = FaultRule("error_in_200", path=GET, times=None, reply={"status": 1111, "wait": 5})
    desk.sandbox.fault(rule)
    assert isinstance(desk.read(ref)[0], exc.RateLimited)
    assert desk.sandbox.count(GET) == 1


def test_a_read_is_tried_again_and_a_token_renewed_once(desk: Desk) -> None:
    (ref,) = desk.submit()
    for fault in ("error_before", "malformed", "cut"):
        desk.sandbox.fault(FaultRule(fault, method="GET", path=GET))  # type: ignore[arg-type]
        assert desk.reading(ref).ref.internal_id == ref.internal_id
    desk.sandbox.fault(FaultRule("expired_token", path=GET))
    before = desk.sandbox.count("*oauth2*")
    assert desk.reading(ref).ref.internal_id == ref.internal_id
    assert desk.sandbox.count("*oauth2*") == before + 1


def test_fifty_at_once_log_in_once_and_renew_once(desk: Desk) -> None:
    refs = desk.submit(*[None] * 0) or desk.submit()
    desk.run_all([PROFILE.of(TYPE).read(desk.site, refs) for _ in range(50)], concurrency=50)
    assert desk.sandbox.count("*oauth2*") == 1
    desk.sandbox.call("POST", "dingtalk/tokens/expire", {})
    answers = desk.run_all([PROFILE.of(TYPE).read(desk.site, refs) for _ in range(50)], concurrency=50)
    assert all(not isinstance(answer[0], Exception) for answer in answers)
    assert desk.sandbox.count("*oauth2*") == 2


def test_limits_and_quota_of_the_vendor(desk: Desk) -> None:
    (ref,) = desk.submit()
    desk.sandbox.call("POST", "dingtalk/limits", {"limits": [{"path": "*/processInstances", "per_month": 1}]})
    assert desk.reading(ref)
    found = desk.read(ref)[0]
    assert isinstance(found, exc.QuotaExhausted)
    assert found.code == "Forbidden.AccessDenied.ApiCountLimitForOrg"
    assert isinstance(found, exc.HeldError)


def test_a_wrong_secret_is_named_without_being_shown(desk: Desk) -> None:
    from dataclasses import replace

    desk.site = replace(desk.site, password="wrong-secret-1")
    found = desk.read(desk.ref("x"))[0]
    assert isinstance(found, exc.Authentication)
    assert "app secret" in found.remedy
    assert "wrong-secret-1" not in str(found) + repr(found) + repr(desk.site)


def test_the_instance_is_the_corporation_that_dingtalk_confirms(desk: Desk) -> None:
    assert desk.run(PROFILE.instance(desk.site)) == CORP
    assert desk.sandbox.count(f"/dingtalk/v1.0/oauth2/{CORP}/token") == 1
    from dataclasses import replace

    desk.site = replace(desk.site, password="wrong")
    with pytest.raises(exc.Misconfigured) as caught:
        desk.run(PROFILE.instance(desk.site))
    assert caught.value.field == "corp_id"
    desk.site = desk.connect(corp_id="dingotherscorp")
    with pytest.raises(exc.Misconfigured, match="dingotherscorp") as caught:
        desk.run(PROFILE.instance(desk.site))
    assert caught.value.field == "corp_id"
    desk.site = desk.connect(corp_id="")
    with pytest.raises(exc.Misconfigured, match="corp_id"):
        desk.run(PROFILE.instance(desk.site))


def test_no_secret_is_in_any_error_log_line_or_journal(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="httpx2")
    desk.sandbox.call("POST", "dingtalk/robots", {"token": ROBOT_TOKEN, "secret": "another"})
    errors: list[str] = []
    (ref,) = desk.submit()
    for path, exchange in (
        ("*robot*", lambda: send_robot(desk.site, "hello")),
        ("*asyncsend*", lambda: send_work_notice(desk.site, ["u"], "hello")),
        (GET, lambda: PROFILE.of(TYPE).read(desk.site, [ref])),
        ("*oauth2*", lambda: wire.login(desk.site)),
        ("*oauth2*", lambda: wire.instance(desk.site)),
    ):
        for fault in ("", "reply_lost", "malformed", "error_before", "rate_limited", "error_in_200"):
            if fault:
                desk.sandbox.fault(FaultRule(fault, path=path))  # type: ignore[arg-type]
            try:
                errors.append(repr(desk.run(exchange())))
            except exc.DocflowError as error:
                errors += [str(error), repr(error), repr(error.attrs()), repr(error.__cause__)]
            desk.sandbox.clear_faults()
    token = desk.run(wire.login(desk.site)).value
    told = "\n".join([*errors, caplog.text, repr(desk.site), json.dumps(desk.sandbox.requests())])
    for secret in (SECRET, ROBOT_TOKEN, ROBOT_SECRET, token):
        assert secret not in told
    assert "/robot/send" in caplog.text


def test_the_call_limits_follow_the_connection() -> None:
    assert [(limit.name, limit.count, limit.seconds) for limit in PROFILE.limits] == [
        ("calls_per_second", 20, 1)
    ]
    assert [
        limit.count
        for limit in PROFILE.configured({"calls_per_second": 40, "calls_per_month": 10_000}).limits
    ] == [
        40,
        10_000,
    ]
    assert PROFILE.configured({"calls_per_second": 60}).limits[0].count == 60
