"""DingTalk's stand-in: one form that holds a whole requisition, its requesters and its approver."""

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
from airflow_provider_docflow.systems.dingtalk import PROFILE
from airflow_provider_docflow.systems.dingtalk.filling import LONGEST_VALUE
from tests.contract.oa import ARGUMENTS, FIELDS, SECRET, TYPE, approvals_on, site_of
from tests.contract.sandboxed import faults_of, sandbox_for
from tests.contract.stands import Factory, Stand

ROBOT_TOKEN, ROBOT_SECRET = "robot-token-0123456789", "SEC0123456789abcdef"
STARTS = "/dingtalk/v1.0/workflow/processInstances"
TOO_FAST = {
    "code": "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi",
    "message": "应用对该接口的调用频率超过限制",
    "requestid": "9B0F8F6C",
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
    with sandbox_for("dingtalk") as sandbox:
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
        yield _over(sandbox, site_of(PROFILE, "dingsandbox", settings))


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

    return approvals_on(
        sandbox,
        site,
        missing="Xb7c9a31e40000",
        faults=faults_of(sandbox, STARTS, status=403, reply=TOO_FAST),
        secrets=lambda: (ROBOT_TOKEN, ROBOT_SECRET, _token(sandbox)),
        logins="*/oauth2/accessToken",
        count=count,
        edit=edit,
        mark_room=LONGEST_VALUE,
        actions={
            "comment": "submitted",
            "attach": "submitted",
            "write_back": "submitted",
            "transfer": "submitted",
            "approve": "active",
        },
        endings={"withdraw": "cancelled", "reject": "closed"},
        arguments={**ARGUMENTS, "attach": {"file": {"name": "a.txt", "content": "YQ=="}}},
        spread=45,
        lacks={
            "decisions in the change feed": "DingTalk lists by creation; a decision shows when it is read"
        },
    )


def _token(sandbox: Sandbox) -> str:
    """Ask for the token that is in force; DingTalk gives the same one for as long as it lives."""
    body = {"appKey": "dingsandbox", "appSecret": SECRET}
    reply = httpx2.post(f"{sandbox.base_url}/dingtalk/v1.0/oauth2/accessToken", json=body)
    return str(reply.json()["accessToken"])


STANDS: dict[str, Factory] = {"dingtalk": _stand}
