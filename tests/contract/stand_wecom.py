"""WeCom's stand-in: one template that holds a whole requisition, its requesters and its approver."""

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
from airflow_provider_docflow.systems.wecom import PROFILE
from tests.contract.stands import RETRY_AFTER, Factory, Stand, plain_document

TYPE = "purchase_requisition"
CORP, SECRET, WRONG = "wwsandboxcorp", "sandbox-secret", "wrong-secret-55d1"
ROBOT_KEY, CALLBACK_TOKEN = "693axxx6-7aoc-4bc4", "callback-token-0123"
SUBMITS = "/wecom/cgi-bin/oa/applyevent"
PAGE = 20
MARK_ROOM = 4_000
TOO_FAST = {"errcode": 45009, "errmsg": "api freq out of limit"}
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
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "申请日期": ("Date", {"date": {"type": "day"}}),
    "到期日": ("Date", {"date": {"type": "day"}}),
    "币种": ("Selector", {"selector": {"type": "single", "options": ["CNY", "EUR"]}}),
    "数量": ("Number", {}),
    "单价": ("Number", {}),
    "合计金额": ("Money", {}),
}


def control(name: str, spec: Any = "") -> dict[str, Any]:
    """Return a template's control as the vendor's page writes it."""
    kind, config = KINDS.get(name, ("Text", {}))
    if isinstance(spec, dict):
        kind = "Table"
        config = {"table": {"children": [control(*column) for column in spec["fields"].items()]}}
    required = int(name not in ("docflow", "备注"))
    return {"property": {"control": kind, "title": name, "require": required}, "config": config}


@contextmanager
def _stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="docflow-wecom-") as home, Sandbox(home) as sandbox:
        template = {
            "name": "采购申请",
            "controls": [*(control(*named) for named in FIELDS.items()), control("docflow")],
            "flow": [{"type": 1, "apv_rel": 1, "userid": ["boss"]}],
        }
        template_id = sandbox.call("POST", "wecom/templates", template)["template_id"]
        sandbox.call("PUT", "wecom/settings", {"page": PAGE})
        form = {"template_id": template_id, "mark_control": "docflow", "fields": FIELDS}
        settings = {
            "api_url": f"{sandbox.base_url}/wecom",
            "forms": json.dumps({TYPE: form}),
            "calls_per_minute": 1_000_000,
            "agent_id": 1000002,
            "robot_key": ROBOT_KEY,
            "callback_token": CALLBACK_TOKEN,
        }
        site = Site(
            profile=PROFILE.configured(settings),
            conn_id="wecom_conn",
            username=CORP,
            password=SECRET,
            settings=settings,
        )
        with Door(site) as door:
            site = replace(site, instance=door.run(PROFILE.instance(site)))
        yield _over(sandbox, site)


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def approvals() -> list[dict[str, Any]]:
        return list(sandbox.call("GET", "wecom/approvals")["approvals"])

    def count(item: WriteItem) -> int:
        return sum(
            content["value"].get("text") == item.mark
            for approval in approvals()
            for content in approval["contents"]
            if content["title"][0]["text"] == "docflow"
        )

    def edit(ref: DocumentRef) -> None:
        """Approve the document: nothing else about it can change there."""
        sandbox.call("POST", "wecom/decisions", {"approvals": [ref.internal_id], "action": "agree"})

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    def forget() -> None:
        stand.secrets = (SECRET, WRONG, ROBOT_KEY, CALLBACK_TOKEN, _token(sandbox))
        sandbox.forget_requests()

    def bad() -> WriteItem:
        """Name a currency that the template does not offer."""
        item = stand.item()
        assert item.document is not None
        return replace(item, document=item.document.model_copy(update={"document_currency_code": "USD"}))

    stand = Stand(
        site=site,
        document_type=TYPE,
        document=_requisition,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "", TYPE, "202601010999"),
        faults=_faults(sandbox),
        without={},
        bad=bad,
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(60),
        log=lambda: [f"{line['method']} {line['path']}" for line in sandbox.requests("/wecom*")],
        forget=forget,
        mark_room=MARK_ROOM,
        expire=lambda: [sandbox.call("POST", "wecom/tokens/expire", {}), None][1],
        logins=lambda: sandbox.count("*/gettoken"),
        refused=replace(site, password=WRONG),
        spread=2 * PAGE + 5,
        lacks={"edits in the change feed": "WeCom lists by submission; a decision shows when it is read"},
    )
    return stand


def _requisition(number: str) -> Document:
    """Return the requisition of a requester of its own: how many others he has must not show in the log."""
    return plain_document(TYPE, number, requester={"id": f"requester-{number.encode().hex()[:50]}"})


def _token(sandbox: Sandbox) -> str:
    """Ask for the token that is in force; WeCom gives the same one for as long as it lives."""
    query = {"corpid": CORP, "corpsecret": SECRET}
    reply = httpx2.get(f"{sandbox.base_url}/wecom/cgi-bin/gettoken", params=query)
    return str(reply.json()["access_token"])


def _faults(sandbox: Sandbox) -> dict[str, Callable[[], None]]:
    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=SUBMITS, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    too_fast = {"status": 200, "reply": TOO_FAST}
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


STANDS: dict[str, Factory] = {"wecom": _stand}
