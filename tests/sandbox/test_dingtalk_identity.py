from __future__ import annotations

import httpx2
import pytest

from airflow_provider_docflow.sandbox import Sandbox
from tests.sandbox.conftest import DingTalk, code_of


def test_the_same_token_while_it_lives(sandbox: Sandbox, dingtalk: DingTalk) -> None:
    sandbox.freeze()
    first = dingtalk.login().json()
    assert first == {"accessToken": first["accessToken"], "expireIn": 7200}
    sandbox.advance(7000)
    assert dingtalk.login().json() == {"accessToken": first["accessToken"], "expireIn": 200}
    sandbox.advance(200)
    assert dingtalk.login().json()["accessToken"] != first["accessToken"]


def test_wrong_secret(dingtalk: DingTalk) -> None:
    assert code_of(dingtalk.login(secret="wrong")) == "invalidClientIdOrSecret"
    assert code_of(dingtalk.login(key="nobody")) == "invalidClientIdOrSecret"


def test_a_body_is_mandatory(dingtalk: DingTalk) -> None:
    assert code_of(dingtalk.http.post("/v1.0/oauth2/accessToken", content=b"")) == "Missingbody"


def test_corp_token(sandbox: Sandbox, dingtalk: DingTalk) -> None:
    body = {
        "client_id": "dingsandbox",
        "client_secret": "sandbox-secret",
        "grant_type": "client_credentials",
    }
    token = dingtalk.http.post("/v1.0/oauth2/dingsandboxcorp/token", json=body).json()
    assert token["access_token"] == dingtalk.login().json()["accessToken"]


@pytest.mark.parametrize("token", ["", "never-issued"])
def test_unknown_token(dingtalk: DingTalk, token: str) -> None:
    answer = dingtalk.http.get(
        "/v1.0/workflow/processInstances",
        params={"processInstanceId": "x"},
        headers={"x-acs-dingtalk-access-token": token},
    )
    assert code_of(answer) == "InvalidAuthentication"


def test_expired_token_and_relogin(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    assert dingtalk.create(code).status_code == 200
    sandbox.call("POST", "dingtalk/tokens/expire")
    assert code_of(dingtalk.create(code)) == "InvalidAuthentication"
    dingtalk.login()
    assert dingtalk.create(code).status_code == 200


def test_permission_points(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    app = {"app_key": "reader", "app_secret": "s", "permissions": ["Workflow.Instance.Read"]}
    sandbox.call("POST", "dingtalk/apps", app)
    dingtalk.login("reader", "s")
    assert dingtalk.ids(code).status_code == 200
    assert code_of(dingtalk.create(code), 403) == "Forbidden.AccessDenied.AccessTokenPermissionDenied"


def test_calls_per_second_per_api(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.freeze()
    sandbox.call("POST", "dingtalk/limits", {"limits": [{"path": "*", "per_second": 2}]})
    assert [dingtalk.ids(code).status_code for _ in range(3)] == [200, 200, 403]
    assert code_of(dingtalk.ids(code), 403) == "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"
    assert dingtalk.create(code).status_code == 200, "the limit counts per interface"
    sandbox.advance(1)
    assert dingtalk.ids(code).status_code == 200


def test_a_limit_may_answer_429_and_a_month_is_over(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    rule = {"path": "*/instanceIds/query", "per_month": 1, "status": 429}
    sandbox.call("POST", "dingtalk/limits", {"limits": [rule]})
    assert dingtalk.ids(code).status_code == 200
    assert code_of(dingtalk.ids(code), 429) == "Forbidden.AccessDenied.ApiCountLimitForOrg"


def test_unknown_interface(dingtalk: DingTalk) -> None:
    assert code_of(dingtalk.call("POST", "remind", {}), 404) == "InvalidAction.NotFound"


def test_host_header_stands_for_the_prefix(sandbox: Sandbox) -> None:
    body = {"appKey": "dingsandbox", "appSecret": "sandbox-secret"}
    bare = httpx2.post(f"{sandbox.base_url}/v1.0/oauth2/accessToken", json=body, trust_env=False)
    named = httpx2.post(
        f"{sandbox.base_url}/v1.0/oauth2/accessToken",
        json=body,
        headers={"host": "api.dingtalk.com"},
        trust_env=False,
    )
    old = httpx2.get(
        f"{sandbox.base_url}/gettoken",
        params={"appkey": "dingsandbox", "appsecret": "sandbox-secret"},
        headers={"host": "oapi.dingtalk.com"},
        trust_env=False,
    )
    assert bare.json()["accessToken"] == named.json()["accessToken"] == old.json()["access_token"]
    assert httpx2.get(f"{sandbox.base_url}/elsewhere", trust_env=False).status_code == 404
