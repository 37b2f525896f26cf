from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.exceptions import Misconfigured, Rejected
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.faults import FaultBook
from airflow_provider_docflow.sandbox.journal import Journal, masked_body
from airflow_provider_docflow.sandbox.layer import FaultLayer, collect
from airflow_provider_docflow.sandbox.store import Store
from tests.sandbox.conftest import DingTalk, code_of, form

CREATE = "*/workflow/processInstances"


def entered(sandbox: Sandbox) -> int:
    return len(sandbox.instances())


@pytest.mark.parametrize(("fault", "landed"), [("reply_lost", 1), ("cut", 0)])
def test_the_connection_ends(
    sandbox: Sandbox, dingtalk: DingTalk, code: str, fault: Any, landed: int
) -> None:
    dingtalk.login()
    sandbox.fault(FaultRule(fault, method="POST", path=CREATE))
    with pytest.raises(httpx2.TransportError):
        dingtalk.create(code)
    assert entered(sandbox) == landed
    assert sandbox.requests(CREATE)[-1]["status"] is None
    assert dingtalk.create(code).status_code == 200
    assert entered(sandbox) == landed + 1


@pytest.mark.parametrize(("fault", "landed"), [("error_before", 0), ("error_after", 1)])
def test_a_500_may_have_landed_or_not(
    sandbox: Sandbox, dingtalk: DingTalk, code: str, fault: Any, landed: int
) -> None:
    sandbox.fault(FaultRule(fault, method="POST", path=CREATE))
    answer = dingtalk.create(code)
    assert answer.status_code == 500 and answer.json()["code"] == "systemError"
    assert entered(sandbox) == landed


@pytest.mark.parametrize("retry_after", [None, 7.0])
def test_429(sandbox: Sandbox, dingtalk: DingTalk, code: str, retry_after: float | None) -> None:
    sandbox.fault(FaultRule("rate_limited", path=CREATE, retry_after=retry_after, times=2))
    answers = [dingtalk.create(code) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers.get("retry-after") == (None if retry_after is None else "7")
    assert entered(sandbox) == 1


@pytest.mark.parametrize(("commit", "landed"), [(False, 0), (True, 1)])
def test_an_error_inside_a_200(
    sandbox: Sandbox, dingtalk: DingTalk, code: str, commit: bool, landed: int
) -> None:
    reply = {"errcode": 88, "errmsg": "ding talk error", "sub_code": "busy"}
    sandbox.fault(FaultRule("error_in_200", path=CREATE, reply=reply, commit=commit))
    answer = dingtalk.create(code)
    assert (answer.status_code, answer.json()) == (200, reply)
    assert entered(sandbox) == landed


def test_malformed(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.fault(FaultRule("malformed", method="POST", path=CREATE))
    answer = dingtalk.create(code)
    assert answer.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert entered(sandbox) == 1


def test_slow_outlasts_a_deadline_and_lands(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    dingtalk.login()
    sandbox.fault(FaultRule("slow", path=CREATE, seconds=0.5))
    dingtalk.http.timeout = 0.05
    with pytest.raises(httpx2.ReadTimeout):
        dingtalk.create(code)
    for _ in range(200):
        if entered(sandbox):
            break
        time.sleep(0.05)
    assert entered(sandbox) == 1


def test_expired_token(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    dingtalk.create(code)
    sandbox.fault(FaultRule("expired_token", path=CREATE))
    assert code_of(dingtalk.create(code)) == "InvalidAuthentication"
    assert code_of(dingtalk.create(code)) == "InvalidAuthentication", "the token has really ended"
    dingtalk.login()
    assert dingtalk.create(code).status_code == 200


def test_search_lag(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.freeze()
    old = dingtalk.create(code).json()["instanceId"]
    sandbox.advance(60)
    sandbox.fault(FaultRule("search_lag", path="*/workflow/*", seconds=30, times=None))
    new = dingtalk.create(code).json()["instanceId"]
    sandbox.decide(old, "agree")
    gone = dingtalk.call("GET", "processInstances", query={"processInstanceId": new})
    assert code_of(gone) == "processInstanceNotExist"
    assert dingtalk.get(old)["status"] == "RUNNING"
    assert dingtalk.ids(code).json()["result"]["list"] == [old]
    assert dingtalk.ids(code, statuses=["RUNNING"]).json()["result"]["list"] == [old]
    sandbox.advance(29)
    assert dingtalk.ids(code).json()["result"]["list"] == [old]
    sandbox.advance(1)
    assert dingtalk.ids(code).json()["result"]["list"] == [old, new]
    assert dingtalk.ids(code, statuses=["COMPLETED"]).json()["result"]["list"] == [old]
    assert dingtalk.get(old)["status"] == "COMPLETED"


def test_late_commit(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.freeze()
    sandbox.fault(FaultRule("late_commit", method="POST", path=CREATE, seconds=90))
    assert dingtalk.create(code).status_code == 504
    sandbox.advance(89)
    assert dingtalk.ids(code).json()["result"]["list"] == []
    sandbox.advance(1)
    assert len(dingtalk.ids(code).json()["result"]["list"]) == 1
    sandbox.advance(3600)
    assert entered(sandbox) == 1


def test_late_commit_after_a_cut(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    dingtalk.login()
    sandbox.fault(FaultRule("late_commit", method="POST", path=CREATE, seconds=5, status=0))
    with pytest.raises(httpx2.TransportError):
        dingtalk.create(code)
    sandbox.advance(5)
    assert entered(sandbox) == 1


def test_which_requests_are_hit(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.fault(FaultRule("rate_limited", method="POST", path=CREATE, body='"PR-7"', nth=2, times=2))
    order = ["PR-7", "PR-1", "PR-7", "PR-1", "PR-7", "PR-7"]
    statuses = [dingtalk.create(code, form(编号=name)).status_code for name in order]
    assert statuses == [200, 200, 429, 200, 429, 200]
    (rule,) = sandbox.faults()
    assert (rule["seen"], rule["hits"]) == (4, 2)
    sandbox.clear_faults()
    assert sandbox.faults() == []


def test_one_rule_can_be_taken_away(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    first = sandbox.fault(FaultRule("rate_limited", path=CREATE, times=None))
    sandbox.fault(FaultRule("error_before", path=CREATE, times=None))
    assert dingtalk.create(code).status_code == 429, "the rule entered first answers"
    sandbox.call("DELETE", f"faults/{first}")
    assert dingtalk.create(code).status_code == 500


@pytest.mark.parametrize(
    "body",
    [
        {"fault": "meteor"},
        {"fault": "cut", "nth": 0},
        {"fault": "cut", "times": 0},
        {"fault": "cut", "paths": "*"},
        {"fault": "drop_event"},
        {},
    ],
)
def test_a_rule_that_cannot_be_is_refused(sandbox: Sandbox, body: dict[str, Any]) -> None:
    with pytest.raises(Rejected):
        sandbox.call("POST", "faults", body)
    assert sandbox.faults() == []


def test_requests_are_counted_and_secrets_masked(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    dingtalk.create(code)
    dingtalk.ids(code)
    assert sandbox.count() == 3
    assert sandbox.count(CREATE) == 1 and sandbox.count("*", method="post", body="PR-1") == 1
    text = json.dumps(sandbox.requests())
    assert "sandbox-secret" not in text and dingtalk.token not in text
    assert sandbox.requests(CREATE)[0]["headers"]["x-acs-dingtalk-access-token"] == "***"
    listed = sandbox.requests("*/instanceIds/query")[0]
    assert json.loads(listed["body"])["nextToken"] == 0, "a page cursor is no secret"
    assert sandbox.count("*", since=listed["id"] - 1) == 1
    sandbox.forget_requests()
    assert sandbox.count() == 0, "the control plane does not count itself"


def test_secrets_in_addresses_are_masked(sandbox: Sandbox) -> None:
    query = {"appkey": "dingsandbox", "appsecret": "sandbox-secret", "page": "2"}
    httpx2.get(f"{sandbox.base_url}/dingtalk-oapi/gettoken", params=query, trust_env=False)
    (seen,) = sandbox.requests("*gettoken")
    assert "sandbox-secret" not in seen["query"] and "page=2" in seen["query"]


def test_a_body_that_is_no_json_is_masked_too() -> None:
    assert "hunter2" not in masked_body(b"user=a&password=hunter2")
    assert masked_body(b'{"a":{"appSecret":"x","n":1.10}}') == '{"a":{"appSecret":"***","n":"1.10"}}'


def test_the_layer_wraps_any_application() -> None:
    calls = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        calls.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 201, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    async def play() -> list[int]:
        store = Store()
        clock = Clock(store)
        faults, jobs = FaultBook(store), Jobs(store, clock, "work")
        layer = FaultLayer(app, faults, Journal(store, clock), clock, jobs)
        faults.add(FaultRule("error_before", path="/orders"))
        faults.add(FaultRule("late_commit", nth=2, seconds=10))
        scope = {"type": "http", "method": "POST", "path": "/orders", "query_string": b"", "headers": []}
        statuses = [(await collect(layer, scope, b"%d" % n))[0] for n in range(3)]
        clock.advance(10)
        await jobs.run_due()
        store.close()
        return statuses

    assert asyncio.run(play()) == [500, 504, 201]
    assert calls == [b"2", b"1"]


def test_unknown_faults_are_refused_in_python_too() -> None:
    with pytest.raises(Misconfigured, match="meteor"):
        FaultRule("meteor")  # type: ignore[arg-type]
