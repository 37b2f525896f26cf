from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.wecom import PROFILE
from airflow_provider_docflow.systems.wecom.defaults import DEFAULT_FIELDS
from tests.systems.calling import MARK, Caller
from tests.systems.oa import TYPE, requisition

CORP, SECRET, AGENT = "wwsandboxcorp", "sandbox-secret", 1000002
ROBOT_KEY = "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"
TOKEN, AES_KEY = "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "申请日期": ("Date", {"date": {"type": "day"}}),
    "付款日期": ("Date", {"date": {"type": "day"}}),
    "到期日": ("Date", {"date": {"type": "hour"}}),
    "交货日期": ("Date", {"date": {"type": "day"}}),
    "币种": ("Selector", {"selector": {"type": "single", "options": ["CNY", "EUR", "JPY"]}}),
    "数量": ("Number", {}),
    "单价": ("Number", {}),
    "税率": ("Number", {}),
    "合计金额": ("Money", {}),
    "备注": ("Textarea", {}),
    "申请人": ("Contact", {"contact": {"type": "single", "mode": "user"}}),
    "部门": ("Contact", {"contact": {"type": "single", "mode": "department"}}),
    "附件": ("File", {}),
    "说明": ("Tips", {}),
    "大写": ("Formula", {}),
    "关联": ("RelatedApproval", {}),
    "标签": ("Selector", {"selector": {"type": "multi", "options": ["急", "重", "密"]}}),
    "会签人": ("Contact", {"contact": {"type": "multi", "mode": "user"}}),
    "报价": ("Table", {}),
    "总额": ("Formula", {}),
}
KINDS["报价"][1]["table"] = {
    "children": [
        {"property": {"control": "Text", "title": "供应商"}, "config": {}},
        {"property": {"control": "Money", "title": "报价金额"}, "config": {}},
        {"property": {"control": "File", "title": "报价单"}, "config": {}},
    ]
}
OWN = ("项目经理", "说明", "申请人", "部门", "附件", "关联", "标签", "会签人", "报价")
"""Controls of the tenant's own, which no default maps."""

REQUIRED = ("单号", "申请日期", "明细")
FLOW = [{"type": 1, "apv_rel": 1, "userid": ["boss"]}]


def control(name: str, spec: Any = "", **more: Any) -> dict[str, Any]:
    """Return a template's control as the vendor's page writes it."""
    kind, config = KINDS.get(name, ("Text", {}))
    if isinstance(spec, dict) and "fields" in spec:
        kind, config = "Table", {"table": {"children": [control(*one) for one in spec["fields"].items()]}}
    required = int(name in REQUIRED)
    return {"property": {"control": kind, "title": name, "require": required, **more}, "config": config}


def controls_of(document_type: str, *more: str) -> list[dict[str, Any]]:
    """Return the controls of a template that follows the defaults, and some of the tenant's own."""
    own = [control(*named) for named in DEFAULT_FIELDS[document_type].items()]
    return [*own, *(control(name) for name in (*more, "docflow"))]


class Desk(Caller):
    """A connection to the stand-in, through one kind of door; and what people do in WeCom."""

    document_type = TYPE

    def __init__(self, sandbox: Sandbox, kind: str = "sync", **settings: Any) -> None:
        super().__init__(kind)
        self.sandbox = sandbox
        self.template = self.enter_template(TYPE, *OWN)
        self.site = self.connect(**settings)

    def enter_template(self, document_type: str, *more: str, **body: Any) -> str:
        given = {"name": document_type, "controls": controls_of(document_type, *more), "flow": FLOW, **body}
        return str(self.sandbox.call("POST", "wecom/templates", given)["template_id"])

    def connect(self, forms: Any = None, **settings: Any) -> Site:
        default = {TYPE: {"template_id": self.template, "mark_control": "docflow"}}
        given = {
            "api_url": f"{self.sandbox.base_url}/wecom",
            "forms": json.dumps(default if forms is None else forms),
            "calls_per_minute": 1_000_000,
            "agent_id": AGENT,
            "robot_key": ROBOT_KEY,
            "callback_token": TOKEN,
            "callback_aes_key": AES_KEY,
            "timeout_seconds": 10,
            **settings,
        }
        return Site(
            profile=PROFILE.configured(given),
            conn_id="oa",
            username=CORP,
            password=SECRET,
            settings=given,
            instance=CORP,
        )

    def contents(self, values: dict[str, Any], template: str = "") -> list[dict[str, Any]]:
        """Fill in controls by their names, with the ids that they have now."""
        every = self.sandbox.call("GET", "wecom/templates")["templates"]
        found = next(one for one in every if one["id"] == (template or self.template))
        return _filled(found["controls"], values)

    def submit(self, values: dict[str, Any] | None = None, template: str = "", **more: Any) -> DocumentRef:
        """Enter a form as a person does who fills it in."""
        body = {
            "creator_userid": "zhang.san",
            "template_id": template or self.template,
            "apply_data": {"contents": self.contents({**form(), **(values or {})}, template)},
            **more,
        }
        (number,) = self.sandbox.call("POST", "wecom/approvals", {"approvals": [body]})["sp_nos"]
        return self.ref(number)

    def ref(self, number: str, document_type: str = TYPE) -> DocumentRef:
        return DocumentRef(CORP, "", document_type, number)  # type: ignore[arg-type]

    def decide(self, ref: DocumentRef, action: str, user: str = "", **more: str) -> None:
        body = {"approvals": [ref.internal_id], "action": action, "user": user, **more}
        self.sandbox.call("POST", "wecom/decisions", body)

    def kept(self, ref: DocumentRef) -> dict[str, Any]:
        return self.sandbox.call("GET", f"wecom/approvals/{ref.internal_id}")

    def read(self, *refs: DocumentRef) -> list[Any]:
        return list(self.run(self.site.profile.of(str(refs[0].document_type)).read(self.site, refs)))

    def create(self, document: Document | None = None, mark: str = MARK, **arguments: Any) -> Written:
        document = document or requisition()
        item = WriteItem(mark=mark, reference=document.id, document=document, arguments=arguments)
        return self.write("create", item)


def form() -> dict[str, Any]:
    """Return the values of a requisition as a person types them."""
    return {
        "单号": {"text": "PR-1"},
        "公司": {"text": "1000"},
        "申请日期": {"date": {"type": "day", "s_timestamp": "1774886400"}},
        "币种": {"selector": {"type": "single", "options": [{"key": "option-1"}]}},
        "明细": [row()],
        "合计金额": {"new_money": "100.50"},
    }


def row(**cells: Any) -> dict[str, Any]:
    return {
        "行号": {"text": "1"},
        "物料": {"text": "P-101"},
        "名称": {"text": "扳手 ø 12"},
        "数量": {"new_number": "2"},
        "单位": {"text": "C62"},
        "单价": {"new_number": "50.25"},
        "供应商": {"text": "SUP-1"},
        "成本中心": {"text": "CC-7"},
        **cells,
    }


def _filled(controls: Sequence[dict[str, Any]], values: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for one in controls:
        own = one["property"]
        name = own["title"][0]["text"]
        if name in values and values[name] is not None:
            value = values[name]
            if own["control"] == "Table":
                children = one["config"]["table"]["children"]
                value = {"children": [{"list": _filled(children, cells)} for cells in value]}
            found.append({"control": own["control"], "id": own["id"], "title": own["title"], "value": value})
    return found


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("wecom")) as running:
        yield running


@pytest.fixture
def desk(sandbox: Sandbox) -> Iterator[Desk]:
    sandbox.clear_faults()
    sandbox.forget_requests()
    yield Desk(sandbox)
    sandbox.call("POST", "wecom/users", {"users": None})
    sandbox.call("PUT", "wecom/settings", {"page": 100, "process_list": True})
