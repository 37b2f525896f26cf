from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.doors import AsyncDoor
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.dingtalk import PROFILE
from tests.systems.calling import MARK, Caller
from tests.systems.oa import TYPE

SECRET, ROBOT_TOKEN, ROBOT_SECRET = "sandbox-secret", "robot-token-0123456789", "SEC0123456789abcdef"
CORP = "dingsandboxcorp"
COMPONENTS = [
    {"componentType": "TextField", "props": {"label": "单号", "required": True}},
    {"componentType": "TextField", "props": {"label": "公司", "required": True}},
    {"componentType": "DDDateField", "props": {"label": "申请日期", "required": True}},
    {"componentType": "DDSelectField", "props": {"label": "币种", "options": ["CNY", "EUR", "JPY"]}},
    {
        "componentType": "TableField",
        "props": {"label": "明细", "required": True},
        "children": [
            {"componentType": "TextField", "props": {"label": "行号"}},
            {"componentType": "TextField", "props": {"label": "物料"}},
            {"componentType": "TextField", "props": {"label": "名称"}},
            {"componentType": "TextField", "props": {"label": "数量"}},
            {"componentType": "TextField", "props": {"label": "单位"}},
            {"componentType": "NumberField", "props": {"label": "单价"}},
            {"componentType": "TextField", "props": {"label": "供应商"}},
            {"componentType": "TextField", "props": {"label": "成本中心"}},
            {"componentType": "TextField", "props": {"label": "颜色"}},
        ],
    },
    {"componentType": "MoneyField", "props": {"label": "合计金额"}},
    {"componentType": "TextareaField", "props": {"label": "备注"}},
    {"componentType": "TextField", "props": {"label": "项目经理"}},
    {"componentType": "TextField", "props": {"label": "docflow"}},
]
FLOW = [{"actionType": "NONE", "userIds": ["boss"]}]


def line(number: int = 1, **cells: str) -> list[dict[str, str]]:
    filled = {
        "行号": str(number),
        "物料": f"P-10{number}",
        "名称": "扳手 ø 12",
        "数量": "2",
        "单位": "C62",
        "单价": "50.25",
        "供应商": "SUP-1",
        "成本中心": "CC-7",
        **cells,
    }
    return [{"name": name, "value": value} for name, value in filled.items() if value]


def values(rows: Sequence[Sequence[dict[str, str]]] | None = None, **controls: str) -> list[dict[str, str]]:
    filled = {
        "单号": "PR-1",
        "公司": "1000",
        "申请日期": "2026-03-31",
        "币种": "CNY",
        "明细": json.dumps([line()] if rows is None else rows, ensure_ascii=False),
        "合计金额": "100.50",
        **controls,
    }
    return [{"name": name, "value": value} for name, value in filled.items() if value]


class Desk(Caller):
    """A connection to the stand-in, through one kind of door; and what a person in the OA does."""

    document_type = TYPE

    def __init__(self, sandbox: Sandbox, kind: str, code: str, **settings: Any) -> None:
        super().__init__(kind)
        self.sandbox, self.code = sandbox, code
        self.site = self.connect(**settings)

    def connect(self, **settings: Any) -> Site:
        base = self.sandbox.base_url
        given = {
            "corp_id": CORP,
            "api_url": f"{base}/dingtalk",
            "oapi_url": f"{base}/dingtalk-oapi",
            "forms": json.dumps({TYPE: {"process_code": self.code, "mark_control": "docflow"}}),
            "acting_user_id": "docflow",
            "calls_per_second": 5_000,
            "agent_id": "1000001",
            "robot_token": ROBOT_TOKEN,
            "robot_secret": ROBOT_SECRET,
            "timeout_seconds": 10,
            **settings,
        }
        return Site(
            profile=PROFILE.configured(given),
            conn_id="oa",
            username="dingsandbox",
            password=SECRET,
            settings=given,
            instance=CORP,
        )

    def run_all(self, exchanges: Sequence[Exchange[Any]], concurrency: int = 16) -> list[Any]:
        async def run() -> list[Any]:
            async with AsyncDoor(self.site, tokens=self.tokens, concurrency=concurrency) as door:
                return await door.run_all(exchanges)

        return asyncio.run(run())

    def submit(self, *forms: list[dict[str, str]], **more: Any) -> list[DocumentRef]:
        ids = self.sandbox.submit(
            {
                "processCode": self.code,
                "originatorUserId": "zhang.san",
                "formComponentValues": form,
                "deptId": -1,
                **more,
            }
            for form in forms or [values()]
        )
        return [self.ref(instance_id) for instance_id in ids]

    def ref(self, instance_id: str, number: str = "") -> DocumentRef:
        return DocumentRef(CORP, "", TYPE, instance_id, number)  # type: ignore[arg-type]

    def read(self, *refs: DocumentRef) -> list[Any]:
        return self.run(PROFILE.of(TYPE).read(self.site, refs))

    def act(self, purpose: str, ref: DocumentRef, mark: str = MARK, **arguments: Any) -> Written:
        return self.write(purpose, WriteItem(mark=mark, ref=ref, arguments=arguments))


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "home") as running:
        yield running


@pytest.fixture
def code(sandbox: Sandbox) -> str:
    return sandbox.template("采购申请", COMPONENTS, approvers=FLOW)


@pytest.fixture(params=["sync", "async"])
def desk(request: pytest.FixtureRequest, sandbox: Sandbox, code: str) -> Desk:
    return Desk(sandbox, request.param, code)
