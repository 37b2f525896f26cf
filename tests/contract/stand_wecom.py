"""WeCom's stand-in: one template that holds a whole requisition, its requesters and its approver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.systems.wecom import PROFILE
from tests.contract.oa import FIELDS, SECRET, TYPE, approvals_on, site_of
from tests.contract.sandboxed import faults_of, sandbox_for
from tests.contract.stands import Factory, Stand

CORP = "wwsandboxcorp"
ROBOT_KEY, CALLBACK_TOKEN = "693axxx6-7aoc-4bc4", "callback-token-0123"
SUBMITS = "/wecom/cgi-bin/oa/applyevent"
PAGE = 20
MARK_ROOM = 4_000
TOO_FAST = {"errcode": 45009, "errmsg": "api freq out of limit"}
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
    with sandbox_for("wecom") as sandbox:
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
        yield _over(sandbox, site_of(PROFILE, CORP, settings))


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

    return approvals_on(
        sandbox,
        site,
        missing="202601010999",
        faults=faults_of(sandbox, SUBMITS, status=200, reply=TOO_FAST),
        secrets=lambda: (ROBOT_KEY, CALLBACK_TOKEN, _token(sandbox)),
        logins="*/gettoken",
        count=count,
        edit=edit,
        mark_room=MARK_ROOM,
        spread=2 * PAGE + 5,
        lacks={"edits in the change feed": "WeCom lists by submission; a decision shows when it is read"},
    )


def _token(sandbox: Sandbox) -> str:
    """Ask for the token that is in force; WeCom gives the same one for as long as it lives."""
    query = {"corpid": CORP, "corpsecret": SECRET}
    reply = httpx2.get(f"{sandbox.base_url}/wecom/cgi-bin/gettoken", params=query)
    return str(reply.json()["access_token"])


STANDS: dict[str, Factory] = {"wecom": _stand}
