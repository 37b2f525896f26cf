"""Feishu's stand-in: one definition that holds a whole requisition, its requesters and its approver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.feishu import PROFILE
from airflow_provider_docflow.systems.feishu.creating import uuid_of
from tests.contract.oa import ARGUMENTS, FIELDS, SECRET, TYPE, approvals_on, site_of
from tests.contract.sandboxed import faults_of, sandbox_for
from tests.contract.stands import Factory, Stand, plain_document

STARTS = "/feishu/open-apis/approval/v4/instances"
TOO_FAST = {"code": 99991400, "msg": "request trigger frequency limit"}
UUID_ROOM = 64
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
    with sandbox_for("feishu") as sandbox:
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
        yield _over(sandbox, site_of(PROFILE, "cli_sandbox", settings))


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

    return approvals_on(
        sandbox,
        site,
        missing="00000000-0000-4000-8000-000000000000",
        faults=faults_of(sandbox, STARTS, reply=TOO_FAST),
        secrets=lambda: (_token(sandbox),),
        logins="*/tenant_access_token/internal",
        shown=_path,
        document=_requisition,
        count=count,
        edit=edit,
        mark_room=UUID_ROOM,
        actions={
            "comment": "submitted",
            "write_back": "submitted",
            "copy": "submitted",
            "transfer": "submitted",
            "approve": "active",
        },
        endings={"withdraw": "cancelled", "reject": "closed"},
        arguments={**ARGUMENTS, "copy": {"users": ["auditor", "cfo"]}},
        spread=25,
        lacks={"decisions in the change feed": "Feishu lists by creation; a decision shows when it is read"},
    )


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


STANDS: dict[str, Factory] = {"feishu": _stand}
