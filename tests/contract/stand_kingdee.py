"""Kingdee's stand-in, spoken to by signed requests, and by a session with a password."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import Reading, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.hooks.doors import Door
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.sandbox.kingdee.identity import ACCOUNT, APP_ID, APP_SECRET, PASSWORD, USER
from airflow_provider_docflow.systems.kingdee import PROFILE
from tests.contract.stands import RETRY_AFTER, Factory, Stand, plain_document

TYPE, FORM = "purchase_order", "PUR_PurchaseOrder"
WRONG = "wrong-secret-0123456789abcdef-77"
SAVES = "/k3cloud/*.Save.common.kdsvc"
TOO_MANY = {
    "Result": {
        "ResponseStatus": {
            "ErrorCode": 500,
            "IsSuccess": False,
            "Errors": [{"FieldName": None, "Message": "接口调用次数超过限制", "DIndex": 0}],
            "SuccessEntitys": [],
            "MsgCode": 14,
        }
    }
}
FORMS = {
    TYPE: {
        "joined_field": "FBaseJoinQty",
        "terminate_field": "FTerminateStatus",
        "omit": ["due_date", "requester", "attachments"],
    }
}
SETTINGS: dict[str, Any] = {
    "acct_id": ACCOUNT,
    "forms": json.dumps(FORMS),
    "attachment_form": "BOS_Attachment",
    "verify_tls": False,
}


def _stand(*, signed: bool) -> Factory:
    @contextmanager
    def factory(request: pytest.FixtureRequest) -> Iterator[Stand]:
        with tempfile.TemporaryDirectory(prefix="docflow-erp-") as home, Sandbox(home) as sandbox:
            approvers = {"approvers": {FORM: ["boss"]}, "disabled": ["P-DISABLED"]}
            sandbox.call("PUT", "kingdee/settings", approvers)
            yield _over(sandbox, site_of(sandbox, signed=signed), signed=signed)

    return factory


def site_of(sandbox: Sandbox, *, signed: bool = True, **more: Any) -> Site:
    """Return a connection to the stand-in, its instance asked for."""
    login = {"app_id": APP_ID, "app_secret": APP_SECRET} if signed else {"auth": "password"}
    settings = {**SETTINGS, **login, **more}
    site = Site(
        profile=PROFILE.configured(settings),
        conn_id="erp_conn",
        base_url=f"{sandbox.base_url}/k3cloud",
        username=USER,
        password="" if signed else PASSWORD,
        settings=settings,
    )
    with Door(site) as door:
        return replace(site, instance=door.run(PROFILE.instance(site)))


def _over(sandbox: Sandbox, site: Site, *, signed: bool) -> Stand:
    def count(item: WriteItem) -> int:
        bills = sandbox.call("GET", f"kingdee/bills/{FORM}")["bills"]
        return sum(bill["number"] == item.mark for bill in bills)

    def edit(ref: DocumentRef) -> None:
        """Take the document through its approval; a second time, take that back."""
        (bill,) = (
            one
            for one in sandbox.call("GET", f"kingdee/bills/{FORM}")["bills"]
            if str(one["fid"]) == ref.internal_id
        )
        does = ["unaudit"] if bill["status"] == "C" else ["submit", "audit"]
        for do in does:
            sandbox.call("POST", "kingdee/act", {"fid": bill["fid"], "do": do})

    def wait(seconds: float) -> None:
        sandbox.advance(seconds)
        sandbox.settle()

    faults = _faults(sandbox)
    # How a request proves who sent it does not touch the other faults.
    tried = tuple(faults) if signed else ("reply_lost", "rate_limited_with_retry_after")
    refused = {**site.settings, **({"app_secret": WRONG} if signed else {})}
    stand = Stand(
        site=site,
        document_type=TYPE,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "C1", TYPE, "99999999"),
        faults={fault: faults[fault] for fault in tried},
        without={fault: "tried with signed requests" for fault in faults if fault not in tried},
        bad=lambda: _disabled(stand.item()),
        calm=sandbox.clear_faults,
        wait=wait,
        settle=lambda: wait(60),
        log=lambda: [f"{line['method']} {line['path']}" for line in sandbox.requests("/k3cloud*")],
        forget=sandbox.forget_requests,
        mark_room=30,
        refused=replace(site, password="" if signed else WRONG, settings=refused),
        secrets=(APP_SECRET, WRONG) if signed else (PASSWORD, WRONG),
        actions={
            "submit": "submitted",
            "approve": "active",
            "attach": "active",
            "close": "closed",
            "reopen": "active",
            "unaudit": "draft",
        },
        endings={
            "audit": "active",
            "reject": "draft",
            "cancel": "cancelled",
            "terminate": "closed",
            "push": "active",
            "delete": "cancelled",
            "withdraw": "draft",
        },
        before={
            "audit": ("submit",),
            "reject": ("submit",),
            "withdraw": ("submit",),
            "terminate": ("submit", "approve"),
            "push": ("submit", "approve"),
        },
        arguments={
            "approve": {"user": "boss", "comment": "同意"},
            "reject": {"user": "boss", "comment": "超预算"},
            "audit": {"past_workflow": True},
            "push": {"rule_id": "PUR_PurchaseOrder-STK_InStock"},
            "attach": {"name": "报价.pdf", "content": "5oql5Lu3"},
        },
        spread=60,
        document=_document,
        same=_same,
    )
    if not signed:
        stand.expire = lambda: [sandbox.call("POST", "kingdee/sessions/expire", {}), None][1]
        stand.logins = lambda: sandbox.count("*AuthService.ValidateUser*")
    return stand


def _document(number: str) -> Document:
    return plain_document(TYPE, number)


def _disabled(item: WriteItem) -> WriteItem:
    """Order what the tenant has disabled."""
    assert item.document is not None
    lines = tuple(line.model_copy(update={"item_id": "P-DISABLED"}) for line in item.document.lines)
    return replace(item, document=item.document.model_copy(update={"lines": lines}))


def _same(reading: Reading, document: Document) -> bool:
    """Compare everything but number, ids of lines and the party's name, which are Kingdee's own."""
    fields = ("item_id", "description", "quantity", "unit_code", "price_amount", "line_extension_amount")
    found = reading.document
    return (
        found is not None
        and [tuple(getattr(line, name) for name in fields) for line in found.lines]
        == [tuple(getattr(line, name) for name in fields) for line in document.lines]
        and found.issue_date == document.issue_date
    )


def _faults(sandbox: Sandbox) -> dict[str, Callable[[], None]]:
    def put(fault: str, **more: Any) -> Callable[[], None]:
        rule = FaultRule(fault, method="POST", path=SAVES, **more)  # type: ignore[arg-type]
        return lambda: [sandbox.fault(rule), None][1]

    too_many = {"status": 200, "reply": TOO_MANY}
    return {
        "cut": put("cut"),
        "reply_lost": put("reply_lost"),
        "error_before": put("error_before"),
        "error_after": put("error_after"),
        "rate_limited": put("rate_limited", **too_many),
        "rate_limited_with_retry_after": put("rate_limited", retry_after=RETRY_AFTER, **too_many),
        "malformed": put("malformed"),
        "late_commit": put("late_commit", seconds=40),
    }


STANDS: dict[str, Factory] = {"kingdee": _stand(signed=True), "kingdee with a session": _stand(signed=False)}
