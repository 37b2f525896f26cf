"""DingTalk's stand-in: one form that holds a whole requisition, its requesters and its approver."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.dingtalk import PROFILE
from airflow_provider_docflow.systems.dingtalk.filling import LONGEST_VALUE
from tests.contract.stands import RETRY_AFTER, Factory, Stand, plain_document

TYPE = "purchase_requisition"
SECRET, WRONG = "sandbox-secret", "wrong-secret-55d1"
ROBOT_TOKEN, ROBOT_SECRET = "robot-token-0123456789", "SEC0123456789abcdef"
STARTS = "/dingtalk/v1.0/workflow/processInstances"
TOO_FAST = {
    "code": "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
    "message": "应用对该接口的调用频率超过限制",
    "requestid": "9B0F8F6C",
}
FIELDS: dict[str, Any] = {
    "单号": "id",
    "公司": "company_code",
    "申请日期": "issue_date",
    "到期日": "due_date",
    "币种": "document_currency_code",
    "供应商": "seller_supplier_party.id",
    "供应商名称": "seller_supplier_party.name",
    "明细": {
        "path": "lines",
        "fields": {
            "行号": "line_id",
            "物料": "item_id",
            "名称": "description",
            "数量": "quantity",
            "单位": "unit_code",
            "单价": "price_amount",
        },
    },
    "合计金额": "payable_amount",
}
COMPONENTS: dict[str, dict[str, Any]] = {
    "申请日期": {"componentType": "DDDateField"},
    "到期日": {"componentType": "DDDateField"},
    "币种": {"componentType": "DDSelectField", "props": {"options": ["CNY", "EUR"]}},
    "单价": {"componentType": "NumberField"},
    "合计金额": {"componentType": "MoneyField"},
}


def _component(label: str, spec: Any) -> dict[str, Any]:
    if isinstance(spec, dict):
        columns = [_component(*column) for column in spec["fields"].items()]
        return {"componentType": "TableField", "props": {"label": label}, "children": columns}
    given = COMPONENTS.get(label, {"componentType": "TextField"})
    return {**given, "props": {**given.get("props", {}), "label": label, "required": True}}


@contextmanager
def _stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="docflow-oa-") as home, Sandbox(home) as sandbox:
        controls = [_component(*named) for named in FIELDS.items()]
        controls.append({"componentType": "TextField", "props": {"label": "docflow"}})
        code = sandbox.template("采购申请", controls, approvers=[{"actionType": "NONE", "userIds": ["boss"]}])
        settings = {
            "corp_id": "dingsandboxcorp",
            "api_url": f"{sandbox.base_url}/dingtalk",
            "oapi_url": f"{sandbox.base_url}/dingtalk-oapi",
            "forms": json.dumps({TYPE: {"process_code": code, "mark_control": "docflow", "fields": FIELDS}}),
            "acting_user_id": "docflow",
            "calls_per_second": 5_000,
            "agent_id": "1000001",
            "robot_token": ROBOT_TOKEN,
            "robot_secret": ROBOT_SECRET,
        }
        site = Site(
            profile=PROFILE.configured(settings),
            conn_id="oa_conn",
            username="dingsandbox",
            password=SECRET,
            settings=settings,
        )
        with Door(site) as door:
            site = replace(site, instance=door.run(PROFILE.instance(site)))
        yield _over(sandbox, site)


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def count(item: WriteItem) -> int:
        return sum(
            value["value"] == item.mark
            for instance in sandbox.instances()
            for value in instance["formComponentValues"]
            if value["name"] == "docflow"
        )

    def edit(ref: DocumentRef) -> None:
        """Approve the document and let its requester ask for another date."""
        sandbox.decide(ref.internal_id, "agree")
        sandbox.attach(ref.internal_id, "MODIFY", values=[{"name": "到期日", "value": "2026-05-31"}])

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    def forget() -> None:
        stand.secrets = (SECRET, WRONG, ROBOT_TOKEN, ROBOT_SECRET, _token(sandbox))
        sandbox.forget_requests()

    def bad() -> WriteItem:
        """Name a currency that the form does not offer."""
        item = stand.item()
        assert item.document is not None
        return replace(item, document=item.document.model_copy(update={"document_currency_code": "USD"}))

    stand = Stand(
        site=site,
        document_type=TYPE,
        document=_requisition,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "", TYPE, "Xb7c9a31e40000"),
        faults=_faults(sandbox),
        without={},
        bad=bad,
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(60),
        log=lambda: [f"{line['method']} {line['path']}" for line in sandbox.requests("/dingtalk*")],
        forget=forget,
        mark_room=LONGEST_VALUE,
        expire=lambda: [sandbox.call("POST", "dingtalk/tokens/expire", {}), None][1],
        logins=lambda: sandbox.count("*/oauth2/accessToken"),
        refused=replace(site, password=WRONG),
        actions={
            "comment": "submitted",
            "attach": "submitted",
            "write_back": "submitted",
            "transfer": "submitted",
            "approve": "active",
        },
        endings={"withdraw": "cancelled", "reject": "closed"},
        arguments={
            "comment": {"text": "请尽快"},
            "attach": {"file": {"name": "a.txt", "content": "YQ=="}},
            "write_back": {"links": [{"document_type": "purchase_order", "number": "PO-1", "system": "erp"}]},
            "transfer": {"user": "boss", "to_user": "deputy"},
            "approve": {"user": "deputy", "remark": "同意"},
            "reject": {"user": "boss", "remark": "超预算"},
        },
        spread=45,
        lacks={
            "decisions in the change feed": "DingTalk lists by creation; a decision shows when it is read"
        },
    )
    return stand


def _requisition(number: str) -> Document:
    """Return the requisition of a requester of its own: how many others he has must not show in the log."""
    return plain_document(TYPE, number, requester={"id": f"requester-{number.encode().hex()[:60]}"})


def _token(sandbox: Sandbox) -> str:
    """Ask for the token that is in force; DingTalk gives the same one for as long as it lives."""
    body = {"appKey": "dingsandbox", "appSecret": SECRET}
    reply = httpx2.post(f"{sandbox.base_url}/dingtalk/v1.0/oauth2/accessToken", json=body)
    return str(reply.json()["accessToken"])


def _faults(sandbox: Sandbox) -> dict[str, Callable[[], None]]:
    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=STARTS, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    too_fast = {"status": 403, "reply": TOO_FAST}
    return {
        "cut": put("cut"),
        "reply_lost": put("reply_lost"),
        "error_before": put("error_before"),
        "error_after": put("error_after"),
        "rate_limited": put("rate_limited", **too_fast),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER, **too_fast),
        "malformed": put("malformed"),
        "late_commit": put("late_commit", seconds=40),
    }


STANDS: dict[str, Factory] = {"dingtalk": _stand}
