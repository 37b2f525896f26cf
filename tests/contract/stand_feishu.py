"""Feishu's stand-in: one definition that holds a whole requisition, its requesters and its approver."""

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
from airflow_provider_docflow.systems.feishu import PROFILE
from airflow_provider_docflow.systems.feishu.creating import uuid_of
from tests.contract.stands import RETRY_AFTER, Factory, Stand, plain_document

TYPE = "purchase_requisition"
SECRET, WRONG = "sandbox-secret", "wrong-secret-55d1"
STARTS = "/feishu/open-apis/approval/v4/instances"
TOO_FAST = {"code": 99991400, "msg": "request trigger frequency limit"}
UUID_ROOM = 64
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
WIDGETS: dict[str, dict[str, Any]] = {
    "申请日期": {"type": "date"},
    "到期日": {"type": "date"},
    "币种": {"type": "radioV2", "options": ["CNY", "EUR"]},
    "数量": {"type": "number"},
    "单价": {"type": "amount", "currencies": ["CNY", "EUR"]},
    "合计金额": {"type": "amount", "currencies": ["CNY", "EUR"]},
}


def _widget(name: str, spec: Any) -> dict[str, Any]:
    if isinstance(spec, dict):
        return {
            "name": name,
            "type": "fieldList",
            "children": [_widget(*column) for column in spec["fields"].items()],
        }
    return {"name": name, "type": "input", "required": True, **WIDGETS.get(name, {})}


@contextmanager
def _stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    with tempfile.TemporaryDirectory(prefix="docflow-lark-") as home, Sandbox(home) as sandbox:
        definition = {
            "name": "采购申请",
            "widgets": [_widget(*named) for named in FIELDS.items()],
            "nodes": [{"name": "经理", "users": ["boss"]}],
        }
        code = sandbox.call("POST", "feishu/definitions", definition)["approval_code"]
        settings = {
            "api_url": f"{sandbox.base_url}/feishu",
            "forms": json.dumps({TYPE: {"approval_code": code, "fields": FIELDS}}),
            "user_id_type": "user_id",
            "acting_user_id": "docflow",
            "calls_per_second": 5_000,
            "calls_per_minute": 300_000,
            "slow_calls_per_minute": 300_000,
            # A feed that begins a week back asks 17 times before it comes to now.
            "feed_days": 1,
        }
        site = Site(
            profile=PROFILE.configured(settings),
            conn_id="lark_conn",
            username="cli_sandbox",
            password=SECRET,
            settings=settings,
        )
        with Door(site) as door:
            site = replace(site, instance=door.run(PROFILE.instance(site)))
        yield _over(sandbox, site)


def _over(sandbox: Sandbox, site: Site) -> Stand:
    def kept() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sandbox.call("GET", "feishu/instances")["instances"]
        return found

    def count(item: WriteItem) -> int:
        return sum(instance["uuid"] == uuid_of(item.mark) for instance in kept())

    def decide(ref: DocumentRef, action: str) -> None:
        sandbox.call("POST", "feishu/decisions", {"instances": [ref.internal_id], "action": action})

    def edit(ref: DocumentRef) -> None:
        """Approve the document and let its requester revoke it: Feishu opens another instance for that."""
        decide(ref, "approve")
        decide(ref, "revoke")

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    def forget() -> None:
        stand.secrets = (SECRET, WRONG, _token(sandbox))
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
        missing=DocumentRef(site.instance, "", TYPE, "00000000-0000-4000-8000-000000000000"),
        faults=_faults(sandbox),
        without={},
        bad=bad,
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(60),
        log=lambda: [f"{line['method']} {_path(line['path'])}" for line in sandbox.requests("/feishu*")],
        forget=forget,
        mark_room=UUID_ROOM,
        expire=lambda: [sandbox.call("POST", "feishu/tokens/expire", {}), None][1],
        logins=lambda: sandbox.count("*/tenant_access_token/internal"),
        refused=replace(site, password=WRONG),
        actions={
            "comment": "submitted",
            "write_back": "submitted",
            "copy": "submitted",
            "transfer": "submitted",
            "approve": "active",
        },
        endings={"withdraw": "cancelled", "reject": "closed"},
        arguments={
            "comment": {"text": "请尽快"},
            "write_back": {"links": [{"document_type": "purchase_order", "number": "PO-1", "system": "erp"}]},
            "copy": {"users": ["auditor", "cfo"]},
            "transfer": {"user": "boss", "to_user": "deputy"},
            "approve": {"user": "deputy", "remark": "同意"},
            "reject": {"user": "boss", "remark": "超预算"},
        },
        spread=25,
        lacks={"decisions in the change feed": "Feishu lists by creation; a decision shows when it is read"},
    )
    return stand


def _path(path: str) -> str:
    """Leave out whose instance it was: two doors ask for others of their own."""
    head, _, tail = path.rpartition("/")
    return f"{head}/*" if len(tail) == 36 else path


def _requisition(number: str) -> Document:
    return plain_document(TYPE, number, requester={"id": "zhang.san"})


def _token(sandbox: Sandbox) -> str:
    """Ask for the token that is in force; Feishu gives the same one while it has long to live."""
    body = {"app_id": "cli_sandbox", "app_secret": SECRET}
    path = "/feishu/open-apis/auth/v3/tenant_access_token/internal"
    return str(httpx2.post(f"{sandbox.base_url}{path}", json=body).json()["tenant_access_token"])


def _faults(sandbox: Sandbox) -> dict[str, Callable[[], None]]:
    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=STARTS, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    return {
        "cut": put("cut"),
        "reply_lost": put("reply_lost"),
        "error_before": put("error_before"),
        "error_after": put("error_after"),
        "rate_limited": put("rate_limited", reply=TOO_FAST),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER, reply=TOO_FAST),
        "malformed": put("malformed"),
        "late_commit": put("late_commit", seconds=40),
    }


STANDS: dict[str, Factory] = {"feishu": _stand}
