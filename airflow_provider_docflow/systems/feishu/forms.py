"""
Which approval definition holds which document: the ``forms`` setting, checked before anything is sent.

.. code-block:: json

    {"purchase_requisition": {
        "approval_code": "7C468A54-8745-2245-9675-08B7C63E7A85",
        "fields": {
            "单号": "id",
            "公司": "company_code",
            "申请日期": "issue_date",
            "明细": {"path": "lines", "fields": {
                "行号": "line_id", "数量": "quantity", "单价": "price_amount",
                "供应商": "seller_supplier_party.id", "成本中心": "accounting.0.cost_centre"}},
            "合计金额": "payable_amount",
            "附件": "attachments"},
        "constants": {"document_currency_code": "CNY"},
        "omit": ["seller_supplier_party.name"]}}

A key of ``fields`` is a control's name (or its id or custom id), its value the canonical field, or a list of
two for a date interval. How a value is written follows from the control's type, which Feishu tells.
``constants`` gives fields for which the form has no control. ``omit`` names material fields that a document
may lose on its way into the form, without ``[n]``; all others that have no control are refused. Controls that
are not mapped are kept as the document's tenant fields. Without ``fields`` the default of the type holds.
A form without a control for ``id`` has Feishu's serial number as the document's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow.core.oa.forms import Control, FormStyle

_LINES = {
    "行号": "line_id",
    "物料": "item_id",
    "名称": "description",
    "数量": "quantity",
    "单位": "unit_code",
    "单价": "price_amount",
}
_TAX = {"税率": "tax_percent", "税额": "tax_amount"}
_DELIVERY, _COST = {"交货日期": "delivery_date"}, {"成本中心": "accounting.0.cost_centre"}
_SUPPLIER = {"供应商": "seller_supplier_party.id", "供应商名称": "seller_supplier_party.name"}
_CUSTOMER = {"客户": "buyer_customer_party.id", "客户名称": "buyer_customer_party.name"}
_PAYEE = {
    "收款方": "seller_supplier_party.id",
    "收款方名称": "seller_supplier_party.name",
    "收款账号": "payee_account",
    "收款户名": "payee_account.name",
    "开户行": "payee_account.bank",
}
_DUE, _RATE = {"到期日": "due_date"}, {"汇率": "exchange_rate"}
_PAID = {
    "path": "lines",
    "fields": {"行号": "line_id", "摘要": "description", "数量": "quantity", "单价": "price_amount"},
}


def _table(*more: Mapping[str, str]) -> dict[str, Any]:
    columns = {name: path for part in (_LINES, *more) for name, path in part.items()}
    return {"path": "lines", "fields": columns}


def _fields(date: str, lines: Mapping[str, Any], *more: Mapping[str, str]) -> dict[str, Any]:
    return {
        **{"单号": "id", "公司": "company_code", date: "issue_date"},
        **{name: path for part in more for name, path in part.items()},
        **{"币种": "document_currency_code", "明细": lines, "合计金额": "payable_amount", "备注": "notes.0"},
    }


_ASKED = {"供应商": "seller_supplier_party.id"}
DEFAULT_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "purchase_requisition": _fields("申请日期", _table(_ASKED, _COST, _DELIVERY)),
    "purchase_order": _fields("订单日期", _table(_TAX, _COST, _DELIVERY), _SUPPLIER, _DUE, _RATE),
    "sales_order": _fields("订单日期", _table(_TAX, _DELIVERY), _CUSTOMER, _DUE, _RATE),
    "payment_request": _fields("申请日期", _PAID, {"付款日期": "due_date"}, _PAYEE, _RATE),
    "contract": _fields("签订日期", _table(_TAX), _DUE, _SUPPLIER),
}
"""Controls by document type, for forms made for docflow; a form needs those that its documents use."""

_SPEC = frozenset({"path", "fields"})


def is_of(item: Mapping[str, Any], control: Control) -> bool:
    """Tell whether a value or a widget belongs to a control."""
    return control.name in (item.get("name"), item.get("id"), item.get("custom_id"))


def _control(where: str, named: tuple[str, Any], in_lines: bool) -> Control:
    name, given = named
    where = f"{where}.{name}"
    spec, paths = STYLE.specification(where, given, _SPEC)
    if len(paths) > 2:
        raise STYLE.wrong(where, "path is missing")
    if paths == ("lines",) and not in_lines:
        return Control(name, paths, columns=STYLE.columns(where, spec))
    if paths != ("attachments",) or in_lines:
        STYLE.check_paths(where, paths, lines=in_lines)
    return Control(name, paths)


STYLE = FormStyle(
    system="feishu",
    title="Feishu",
    noun="definition",
    code="approval_code",
    find_code="Copy definitionCode from the form's address.",
    control=_control,
    defaults=DEFAULT_FIELDS,
    marks=False,
)
form_of, forms_of, refused = STYLE.form_of, STYLE.forms_of, STYLE.refused
