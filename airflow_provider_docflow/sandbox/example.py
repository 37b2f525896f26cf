"""Something to try things on: requisitions in a running sandbox, and the connections that lead to it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from airflow_provider_docflow.sandbox.client import SandboxClient
from airflow_provider_docflow.sandbox.rest import API_KEY

CORP_ID = "dingsandboxcorp"
FORM_NAME = "采购申请"
_TEXTS = ("单号", "公司", "币种", "供应商", "备注", "docflow")
_CELLS = ("行号", "物料", "名称", "数量", "单位", "单价", "成本中心")
_FIELDS: Mapping[str, Any] = {
    "单号": "id",
    "公司": "company_code",
    "申请日期": "issue_date",
    "币种": "document_currency_code",
    "供应商": "seller_supplier_party.id",
    "明细": {
        "path": "lines",
        "fields": {
            "行号": "line_id",
            "物料": "item_id",
            "名称": "description",
            "数量": "quantity",
            "单位": "unit_code",
            "单价": "price_amount",
            "成本中心": "accounting.0.cost_centre",
        },
    },
    "合计金额": "payable_amount",
    "备注": "notes.0",
}
_REQUISITIONS: Sequence[tuple[str, str, bool]] = (
    ("PR-1", "SUP-1", True),
    ("PR-2", "SUP-2", False),
    ("PR-3", "", True),
)
"""Number, supplier, and whether it is approved; somebody forgot the supplier of the last."""


def fill(client: SandboxClient, home: Path, tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Put a form and three requisitions into a running sandbox; a second time changes nothing.

    :param home: the sandbox's folder, in which its finance database is.
    :param tables: how documents lie in that database, as the connection's setting says it.
    :returns: the connections ``oa``, ``erp`` and ``finance``, as ``airflow connections import`` reads them.
    """
    found = {one["name"]: one["processCode"] for one in client.call("GET", "dingtalk/templates")["templates"]}
    code = found.get(FORM_NAME) or _new_form(client)
    return connections(client.base_url, home, code, tables)


def _new_form(client: SandboxClient) -> str:
    required = {"required": True}
    components: list[dict[str, Any]] = [
        {"componentType": "TextField", "props": {"label": label, **(required if label == "单号" else {})}}
        for label in _TEXTS
    ]
    components += [
        {"componentType": "DDDateField", "props": {"label": "申请日期", **required}},
        {"componentType": "MoneyField", "props": {"label": "合计金额"}},
        {"componentType": "TextField", "props": {"label": "项目负责人"}},
        {
            "componentType": "TableField",
            "props": {"label": "明细"},
            "children": [{"componentType": "TextField", "props": {"label": label}} for label in _CELLS],
        },
    ]
    flow = [{"actionType": "NONE", "userIds": ["li.na"]}]
    code = client.template(FORM_NAME, components, approvers=flow)
    ids = client.submit(submission(code, number, supplier) for number, supplier, _ in _REQUISITIONS)
    approved = [one for one, (_, _, decided) in zip(ids, _REQUISITIONS, strict=True) if decided]
    client.decide(approved, "agree", userId="li.na", remark="ok")
    return code


def submission(code: str, number: str, supplier: str) -> dict[str, Any]:
    """Return a requisition as a requester types it into the form."""
    cells = ("1", "P-101", "扳手", "2", "C62", "50.25", "CC-7")
    row = [{"name": name, "value": value} for name, value in zip(_CELLS, cells, strict=True)]
    values = {
        "单号": number,
        "公司": "1000",
        "申请日期": date.today().isoformat(),
        "币种": "CNY",
        "供应商": supplier,
        "明细": json.dumps([row], ensure_ascii=False),
        "合计金额": "100.50",
        "项目负责人": "wang.wu",
    }
    given = [{"name": name, "value": value} for name, value in values.items() if value]
    return {
        "processCode": code,
        "originatorUserId": "zhang.san",
        "deptId": -1,
        "formComponentValues": given,
    }


def connections(base_url: str, home: Path, code: str, tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the connections to a filled sandbox."""
    form = {"process_code": code, "mark_control": "docflow", "fields": _FIELDS}
    oa = {
        "corp_id": CORP_ID,
        "api_url": f"{base_url}/dingtalk",
        "oapi_url": f"{base_url}/dingtalk-oapi",
        "acting_user_id": "docflow",
        "calls_per_second": 5_000,
        "originator_user_id": "zhang.san",
        "time_zone": "Asia/Shanghai",
        "forms": json.dumps({"purchase_requisition": form}, ensure_ascii=False),
    }
    erp = {
        "profile": "airflow_provider_docflow.systems.rest.example:PROFILE",
        "api_key": API_KEY,
        "instance": "sandbox-erp",
        "time_zone": "Asia/Shanghai",
    }
    finance = {
        "sql_conn_id": f"sqlite:///{home.resolve() / 'finance.sqlite'}",
        "ensure": True,
        "time_zone": "Asia/Shanghai",
        "tables": json.dumps(tables),
    }
    return {
        "oa": {
            "conn_type": "docflow_dingtalk",
            "login": "dingsandbox",
            "password": "sandbox-secret",
            "extra": json.dumps(oa, ensure_ascii=False),
        },
        "erp": {"conn_type": "docflow_rest", "host": base_url, "extra": json.dumps(erp)},
        "finance": {
            "conn_type": "docflow_sql",
            "extra": json.dumps(finance),
        },
    }
