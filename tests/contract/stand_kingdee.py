"""Kingdee's stand-in, spoken to by signed requests, and by a session with a password."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.kingdee.identity import ACCOUNT, APP_ID, APP_SECRET, PASSWORD, USER
from airflow_provider_docflow.systems.kingdee import PROFILE
from tests.contract.sandboxed import faults_of, named, of_goods, sandbox_for, stand_on
from tests.contract.stands import Factory, Stand, says_the_same_lines

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
        with sandbox_for("kingdee") as sandbox:
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
    return named(site)


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

    faults = faults_of(sandbox, SAVES, status=200, reply=TOO_MANY)
    # How a request proves who sent it does not touch the other faults.
    tried = tuple(faults) if signed else ("reply_lost", "rate_limited_with_retry_after")
    refused = {**site.settings, **({"app_secret": WRONG} if signed else {})}
    return stand_on(
        sandbox,
        site,
        asks="/k3cloud*",
        spoil=lambda item: of_goods(item, "P-DISABLED"),
        secrets=lambda: (APP_SECRET, WRONG) if signed else (PASSWORD, WRONG),
        expires="" if signed else "kingdee/sessions/expire",
        logins="" if signed else "*AuthService.ValidateUser*",
        document_type=TYPE,
        count=count,
        edit=edit,
        missing=DocumentRef(site.instance, "C1", TYPE, "99999999"),
        faults={fault: faults[fault] for fault in tried},
        without={fault: "tried with signed requests" for fault in faults if fault not in tried},
        mark_room=30,
        refused=replace(site, password="" if signed else WRONG, settings=refused),
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
        same=says_the_same_lines,
    )


STANDS: dict[str, Factory] = {"kingdee": _stand(signed=True), "kingdee with a session": _stand(signed=False)}
