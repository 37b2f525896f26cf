from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.dingtalk.oapi import robot_signature

TEXT = {"msgtype": "text", "text": {"content": "单据已创建"}}
NOTE = {"agent_id": 1000001, "userid_list": "a,b", "msg": TEXT}


class Oapi:
    def __init__(self, sandbox: Sandbox) -> None:
        self.http = httpx2.Client(base_url=f"{sandbox.base_url}/dingtalk-oapi", trust_env=False, verify=False)

    def login(self, secret: str = "sandbox-secret") -> dict[str, Any]:
        answer = self.http.get("/gettoken", params={"appkey": "dingsandbox", "appsecret": secret})
        assert answer.status_code == 200
        return answer.json()

    def post(self, path: str, body: Any, **query: str) -> dict[str, Any]:
        answer = self.http.post(path, json=body, params=query)
        assert answer.status_code == 200, "oapi.dingtalk.com answers errors in a 200"
        return answer.json()

    def notify(self, body: Any, token: str | None = None) -> dict[str, Any]:
        token = self.login()["access_token"] if token is None else token
        return self.post("/topapi/message/corpconversation/asyncsend_v2", body, access_token=token)

    def result(self, task: int) -> dict[str, list[str]]:
        path = "/topapi/message/corpconversation/getsendresult"
        body = {"agent_id": 1000001, "task_id": task}
        return self.post(path, body, access_token=self.login()["access_token"])["send_result"]


@pytest.fixture
def oapi(sandbox: Sandbox) -> Iterator[Oapi]:
    client = Oapi(sandbox)
    yield client
    client.http.close()


def test_the_published_signature_vector() -> None:
    signature = robot_signature("1700000000000", "SEC0123456789abcdef")
    assert signature == "TSZbRFUuvaSQaRKUpF970OPCb2/LcQAP3wOvwZIzBZk="
    assert quote(signature, safe="").endswith("b2%2FLcQAP3wOvwZIzBZk%3D")


def test_gettoken(oapi: Oapi) -> None:
    token = oapi.login()
    assert token["errcode"] == 0 and token["expires_in"] == 7200
    assert oapi.login()["access_token"] == token["access_token"]
    assert oapi.login("wrong")["errcode"] == 40089


def test_signed_robot(sandbox: Sandbox, oapi: Oapi) -> None:
    sandbox.call("POST", "dingtalk/robots", {"token": "group", "secret": "SEC1"})
    now = str(sandbox.now())
    good = {"access_token": "group", "timestamp": now, "sign": robot_signature(now, "SEC1")}
    assert oapi.post("/robot/send", TEXT, **good) == {"errcode": 0, "errmsg": "ok"}
    assert oapi.post("/robot/send", TEXT, access_token="group")["errcode"] == 310000
    assert (
        oapi.post("/robot/send", TEXT, **{**good, "sign": robot_signature(now, "SEC2")})["errcode"] == 310000
    )
    assert oapi.post("/robot/send", TEXT, access_token="other")["errcode"] == 300005
    assert oapi.post("/robot/send", TEXT)["errcode"] == 40035
    assert oapi.post("/robot/send", {"msgtype": "video"}, **good)["errcode"] == 400101
    sent = sandbox.call("GET", "dingtalk/messages")["messages"]
    assert [message["body"]["text"]["content"] for message in sent] == ["单据已创建"]


@pytest.mark.parametrize(("shift", "errcode"), [(-3599, 0), (3599, 0), (-3601, 310000), (3601, 310000)])
def test_a_signature_lives_an_hour(sandbox: Sandbox, oapi: Oapi, shift: int, errcode: int) -> None:
    sandbox.call("POST", "dingtalk/robots", {"token": "group", "secret": "SEC1"})
    stamp = str(sandbox.freeze() + shift * 1000)
    query = {"access_token": "group", "timestamp": stamp, "sign": robot_signature(stamp, "SEC1")}
    assert oapi.post("/robot/send", TEXT, **query)["errcode"] == errcode


def test_keywords(sandbox: Sandbox, oapi: Oapi) -> None:
    sandbox.call("POST", "dingtalk/robots", {"token": "group", "keywords": ["单据"]})
    assert oapi.post("/robot/send", TEXT, access_token="group")["errcode"] == 0
    other = {"msgtype": "text", "text": {"content": "hello"}}
    assert oapi.post("/robot/send", other, access_token="group")["errcode"] == 310000


def test_twenty_a_minute_then_mute(sandbox: Sandbox, oapi: Oapi) -> None:
    sandbox.freeze()
    sandbox.call("POST", "dingtalk/robots", {"token": "group"})
    codes = [oapi.post("/robot/send", TEXT, access_token="group")["errcode"] for _ in range(21)]
    assert codes == [0] * 20 + [130101]
    sandbox.advance(120)
    assert oapi.post("/robot/send", TEXT, access_token="group")["errcode"] == 130101, "muted for ten minutes"
    sandbox.advance(480)
    assert oapi.post("/robot/send", TEXT, access_token="group")["errcode"] == 0


def test_work_notification(sandbox: Sandbox, oapi: Oapi) -> None:
    sent = oapi.notify(NOTE)
    assert sent["errcode"] == 0 and isinstance(sent["task_id"], int)
    assert oapi.result(sent["task_id"])["unread_user_id_list"] == ["a", "b"]
    again = oapi.notify(NOTE)
    assert again["errcode"] == 0, "accepted is not delivered"
    assert oapi.result(again["task_id"])["forbidden_user_id_list"] == ["a", "b"], "the same text once a day"
    sandbox.advance(86_401)
    assert oapi.result(oapi.notify(NOTE)["task_id"])["unread_user_id_list"] == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "errcode"),
    [
        ({"agent_id": 1}, 40056),
        ({"userid_list": ""}, 33012),
        ({"userid_list": ",".join(f"u{n}" for n in range(101))}, 33012),
        ({"msg": {"msgtype": "none"}}, 400101),
    ],
)
def test_notification_refusals(oapi: Oapi, change: dict[str, Any], errcode: int) -> None:
    assert oapi.notify({**NOTE, **change})["errcode"] == errcode


def test_somebody_who_left_gets_nothing(sandbox: Sandbox, oapi: Oapi) -> None:
    sandbox.call("POST", "dingtalk/users", {"users": ["a"]})
    result = oapi.result(oapi.notify(NOTE)["task_id"])
    assert (result["unread_user_id_list"], result["invalid_user_id_list"]) == (["a"], ["b"])


def test_token_errors(sandbox: Sandbox, oapi: Oapi) -> None:
    assert oapi.notify(NOTE, "never-issued")["errcode"] == 40014
    token = oapi.login()["access_token"]
    sandbox.call("POST", "dingtalk/tokens/expire")
    assert oapi.notify(NOTE, token)["errcode"] == 42001


def test_limits_in_a_200(sandbox: Sandbox, oapi: Oapi) -> None:
    sandbox.freeze()
    for span, errcode in (("per_second", 90018), ("per_minute", 90006), ("per_month", 90020)):
        sandbox.call("POST", "dingtalk/limits", {"limits": [{"path": "/topapi/*", span: 1}]})
        oapi.notify(NOTE)
        assert oapi.notify(NOTE)["errcode"] == errcode


def test_unknown_method(oapi: Oapi) -> None:
    assert oapi.post("/topapi/nothing", {})["errcode"] == 22
