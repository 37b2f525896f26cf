from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.sandbox import Sandbox

REQUISITION = [
    {"componentType": "TextField", "props": {"label": "编号", "required": True}},
    {"componentType": "MoneyField", "props": {"label": "金额", "required": True}},
    {"componentType": "DDDateField", "props": {"label": "需求日期"}},
    {"componentType": "DDDateRangeField", "props": {"label": '["开始时间","结束时间"]'}},
    {"componentType": "DDSelectField", "props": {"label": "类别", "options": ["IT", "办公"]}},
    {"componentType": "DDMultiSelectField", "props": {"label": "标签", "options": ["急", "重"]}},
    {"componentType": "InnerContactField", "props": {"label": "联系人"}},
    {"componentType": "DepartmentField", "props": {"label": "部门"}},
    {"componentType": "RelateField", "props": {"label": "关联"}},
    {"componentType": "DDAttachment", "props": {"label": "附件"}},
    {"componentType": "StarRatingField", "props": {"label": "评分"}},
    {"componentType": "TextNote", "props": {"label": "说明"}},
    {
        "componentType": "TableField",
        "props": {"label": "明细"},
        "children": [
            {"componentType": "TextField", "props": {"label": "物料", "required": True}},
            {"componentType": "NumberField", "props": {"label": "数量"}},
        ],
    },
]


def form(**values: str) -> list[dict[str, str]]:
    filled = {"编号": "PR-1", "金额": "100.50", **values}
    return [{"name": name, "value": value} for name, value in filled.items()]


class DingTalk:
    """What a careful client of the vendor's API would do, without any of this project's own client code."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.http = httpx2.Client(
            base_url=f"{sandbox.base_url}/dingtalk", trust_env=False, verify=False, timeout=10
        )
        self.token = ""

    def login(self, key: str = "dingsandbox", secret: str = "sandbox-secret") -> httpx2.Response:
        answer = self.http.post("/v1.0/oauth2/accessToken", json={"appKey": key, "appSecret": secret})
        self.token = answer.json().get("accessToken", "")
        return answer

    def call(
        self, method: str, path: str, body: Any = None, query: dict[str, Any] | None = None
    ) -> httpx2.Response:
        if not self.token:
            self.login()
        headers = {"x-acs-dingtalk-access-token": self.token}
        return self.http.request(method, f"/v1.0/workflow/{path}", json=body, headers=headers, params=query)

    def create(self, code: str, values: list[dict[str, str]] | None = None, **more: Any) -> httpx2.Response:
        body = {
            "originatorUserId": "u1",
            "processCode": code,
            "deptId": -1,
            "formComponentValues": form() if values is None else values,
            **more,
        }
        return self.call("POST", "processInstances", body)

    def get(self, instance: str) -> dict[str, Any]:
        answer = self.call("GET", "processInstances", query={"processInstanceId": instance})
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert body["success"] == "true"
        return body["result"]

    def ids(self, code: str, **more: Any) -> httpx2.Response:
        now = self.sandbox.now()
        body = {
            "processCode": code,
            "startTime": now - 3_600_000,
            "endTime": now + 1000,
            "nextToken": 0,
            "maxResults": 20,
        }
        wanted = {name: value for name, value in {**body, **more}.items() if value is not None}
        return self.call("POST", "processes/instanceIds/query", wanted)


def code_of(answer: httpx2.Response, status: int = 400) -> str:
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert set(body) == {"code", "message", "requestid"}
    assert body["requestid"] == answer.headers["x-acs-request-id"]
    return body["code"]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "home") as running:
        yield running


@pytest.fixture
def dingtalk(sandbox: Sandbox) -> Iterator[DingTalk]:
    client = DingTalk(sandbox)
    yield client
    client.http.close()


@pytest.fixture
def code(sandbox: Sandbox) -> str:
    """A requisition form: one approver, then two who must both agree."""
    flow = [{"actionType": "NONE", "userIds": ["boss"]}, {"actionType": "AND", "userIds": ["cfo", "ceo"]}]
    return sandbox.template("采购申请", REQUISITION, approvers=flow)


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
