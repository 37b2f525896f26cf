"""Forms that need no map of their own: their controls by name, with the canonical field that each holds.

Whoever lays a form out with these names, in any order, connects it by its process code alone. Several types
share most controls, so that a document of one system becomes a form of another without a mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Fields = Mapping[str, Any]

_HEAD: Fields = {"单号": "id", "公司": "company_code", "币种": "document_currency_code"}
_TAIL: Fields = {"合计金额": "payable_amount", "备注": "notes.0"}
_TAX: Fields = {"税率": "tax_percent", "税额": "tax_amount"}
_SUPPLIER: Fields = {"供应商": "seller_supplier_party.id", "供应商名称": "seller_supplier_party.name"}
_CUSTOMER: Fields = {"客户": "buyer_customer_party.id", "客户名称": "buyer_customer_party.name"}
_ACCOUNT: Fields = {
    "收款账号": "payee_account.account_number",
    "开户行": "payee_account.bank",
    "收款人": "payee_account.name",
}
_LINE: Fields = {
    "行号": "line_id",
    "物料": "item_id",
    "名称": "description",
    "数量": "quantity",
    "单位": "unit_code",
    "单价": "price_amount",
}
_COST: Fields = {"成本中心": "accounting.0.cost_centre"}
_DELIVERY: Fields = {"交货日期": "delivery_date"}
_DUE: Fields = {"到期日": "due_date"}
_RATE: Fields = {"汇率": "exchange_rate"}


def _lines(*more: Fields) -> Fields:
    columns = {name: path for part in (_LINE, *more) for name, path in part.items()}
    return {"明细": {"path": "lines", "fields": columns}}


def _form(*parts: Fields) -> Fields:
    return {name: spec for part in (_HEAD, *parts, _TAIL) for name, spec in part.items()}


DEFAULT_FIELDS: Mapping[str, Fields] = {
    "purchase_requisition": _form(
        {"申请日期": "issue_date"}, _lines({"供应商": "seller_supplier_party.id"}, _COST, _DELIVERY)
    ),
    "purchase_order": _form(
        {"订单日期": "issue_date"}, _DUE, _SUPPLIER, _RATE, _lines(_TAX, _COST, _DELIVERY)
    ),
    "sales_order": _form({"订单日期": "issue_date"}, _DUE, _CUSTOMER, _RATE, _lines(_TAX, _DELIVERY)),
    "supplier_invoice": _form(
        {"发票日期": "issue_date"}, _DUE, _SUPPLIER, _ACCOUNT, _RATE, _lines(_TAX, _COST)
    ),
    "payment_request": _form(
        {"申请日期": "issue_date", "付款日期": "due_date"}, _SUPPLIER, _ACCOUNT, _RATE, _lines(_COST)
    ),
    "contract": _form({"签订日期": "issue_date"}, _DUE, _SUPPLIER, _lines(_TAX)),
    "expense_claim": _form({"申请日期": "issue_date"}, _ACCOUNT, _lines(_COST)),
}
"""Controls of the forms that need no map, by document type; a form needs those that its documents use."""
