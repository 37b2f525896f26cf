from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.feishu import PROFILE, describing
from airflow_provider_docflow.systems.feishu.forms import form_of
from tests.systems.calling import Caller
from tests.systems.oa import TYPE
from tests.systems.oa import requisition as document

SECRET, TENANT, MARK = "sandbox-secret", "sandboxtenant", "M" + "0123456789ABCDEF" * 2
ENCRYPT_KEY, TOKEN = "event-encrypt-key", "event-verification-token"
LINE = [
    {"name": "行号", "type": "input"},
    {"name": "物料", "type": "input"},
    {"name": "名称", "type": "input"},
    {"name": "数量", "type": "number"},
    {"name": "单位", "type": "input"},
    {"name": "单价", "type": "number"},
    {"name": "供应商", "type": "input"},
    {"name": "成本中心", "type": "input"},
    {"name": "颜色", "type": "radioV2", "options": ["红", "蓝"]},
]
WIDGETS = [
    {"name": "单号", "type": "input"},
    {"name": "公司", "type": "input", "required": True},
    {"name": "申请日期", "type": "date"},
    {"name": "币种", "type": "radioV2", "options": ["CNY", "EUR", "JPY"]},
    {"name": "明细", "type": "fieldList", "children": LINE},
    {"name": "合计金额", "type": "amount", "currencies": ["CNY", "EUR", "JPY"]},
    {"name": "备注", "type": "textarea"},
    {"name": "项目经理", "type": "contact"},
    {"name": "附件", "type": "attachmentV2"},
    {"name": "流水号", "type": "serialNumber"},
]
NODES = [{"name": "经理", "users": ["boss"]}]


class Desk(Caller):
    """A connection to the stand-in; and what a person in the OA does. The contract tries the other doors."""

    document_type, mark = TYPE, MARK

    def __init__(self, sandbox: Sandbox, **settings: Any) -> None:
        super().__init__()
        self.sandbox = sandbox
        self.known: dict[str, list[dict[str, Any]]] = {}
        self.code = self.define()
        self.site = self.connect(**settings)

    def define(self, widgets: Any = None, nodes: Any = None, **more: Any) -> str:
        body = {"name": "采购申请", "widgets": widgets or WIDGETS, "nodes": nodes or NODES, **more}
        self.known.clear()
        return str(self.sandbox.call("POST", "feishu/definitions", body)["approval_code"])

    def connect(self, **settings: Any) -> Site:
        given = {
            "api_url": f"{self.sandbox.base_url}/feishu",
            "forms": json.dumps({TYPE: {"approval_code": self.code}}),
            "user_id_type": "user_id",
            "acting_user_id": "docflow",
            "encrypt_key": ENCRYPT_KEY,
            "verification_token": TOKEN,
            "timeout_seconds": 10,
            **settings,
        }
        return Site(
            profile=PROFILE.configured(given),
            conn_id="lark",
            username="cli_sandbox",
            password=SECRET,
            settings=given,
            instance=TENANT,
        )

    def widget(self, name: str, table: str = "") -> dict[str, Any]:
        """Return a control as the definition has it now."""
        (described,) = [one for one in self._widgets() if one["name"] == (table or name)]
        return next(one for one in described["children"] if one["name"] == name) if table else described

    def _widgets(self) -> list[dict[str, Any]]:
        if self.code not in self.known:
            form = form_of(self.site, TYPE)
            self.known[self.code] = list(self.run(describing.widgets(self.site, form)))
        return self.known[self.code]

    def value(self, name: str, value: Any, table: str = "", **more: Any) -> dict[str, Any]:
        widget = self.widget(name, table)
        options = {one["text"]: one["value"] for one in widget.get("option") or () if "text" in one}
        return {"id": widget["id"], "type": widget["type"], "value": options.get(str(value), value), **more}

    def form(self, *cells: dict[str, Any], **controls: Any) -> list[dict[str, Any]]:
        """Return a form as a requester fills it in."""
        given = {"单号": "PR-1", "公司": "1000", "币种": "CNY", **controls}
        values = [self.value(name, value) for name, value in given.items() if value is not None]
        row = {"行号": "1", "物料": "P-101", "名称": "扳手", "数量": 2, "单位": "C62", "单价": 50.25}
        rows = [{**row, **one} for one in cells or ({},)]
        table = [
            [self.value(name, value, "明细") for name, value in one.items() if value is not None]
            for one in rows
        ]
        values.append(self.value("申请日期", "2026-03-31T00:00:00+08:00"))
        return [*values, self.value("明细", table)]

    def submit(self, form: list[dict[str, Any]] | None = None, **more: Any) -> DocumentRef:
        body = {"approval_code": self.code, "user_id": "zhang.san", "form": form or self.form(), **more}
        codes = self.sandbox.call("POST", "feishu/instances", {"instances": [body]})["instance_codes"]
        return self.ref(codes[0])

    def decide(self, ref: DocumentRef, action: str, **more: Any) -> list[str]:
        body = {"instances": [ref.internal_id], "action": action, **more}
        return list(self.sandbox.call("POST", "feishu/decisions", body)["instance_codes"])

    def kept(self) -> list[dict[str, Any]]:
        return list(self.sandbox.call("GET", "feishu/instances")["instances"])

    def ref(self, code: str, number: str = "") -> DocumentRef:
        return DocumentRef(TENANT, "", TYPE, code, number)  # type: ignore[arg-type]

    def create(self, made: Document | None = None, mark: str = MARK, **arguments: Any) -> DocumentRef:
        wanted = made or document()
        item = WriteItem(mark=mark, reference=wanted.id, document=wanted, arguments=arguments)
        return self.write("create", item).ref

    def find(self, *marks: str) -> list[Sequence[Reading]]:
        return self.found(document(), *marks)

    def act(self, purpose: str, ref: DocumentRef, mark: str = MARK, **arguments: Any) -> Written:
        return self.write(purpose, WriteItem(mark=mark, ref=ref, arguments=arguments))


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One stand-in for the tests of a file: each has a definition of its own."""
    home: Path = tmp_path_factory.mktemp("feishu")
    with Sandbox(home) as running:
        yield running


@pytest.fixture
def desk(sandbox: Sandbox) -> Iterator[Desk]:
    sandbox.forget_requests()
    yield Desk(sandbox)
    sandbox.clear_faults()
    sandbox.call("POST", "feishu/limits", {"limits": []})
    sandbox.call("POST", "feishu/users", {"users": None})
