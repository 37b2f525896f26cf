"""The controls of the forms that the examples use, by document type: a template built so needs no map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_HEAD = {"单号": "id", "公司": "company_code", "申请日期": "issue_date", "币种": "document_currency_code"}
_ITEMS = {
    "行号": "line_id",
    "物料": "item_id",
    "名称": "description",
    "数量": "quantity",
    "单位": "unit_code",
    "单价": "price_amount",
}
_END = {"合计金额": "payable_amount", "备注": "notes.0"}
_SUPPLIER = {"供应商": "seller_supplier_party.id", "供应商名称": "seller_supplier_party.name"}
_CUSTOMER = {"客户": "buyer_customer_party.id", "客户名称": "buyer_customer_party.name"}


_TAX = {"税率": "tax_percent", "税额": "tax_amount"}
_DELIVERY, _COST = {"交货日期": "delivery_date"}, {"成本中心": "accounting.0.cost_centre"}
_DUE, _RATE = {"到期日": "due_date"}, {"汇率": "exchange_rate"}


def _table(*more: Mapping[str, str]) -> dict[str, Any]:
    columns = {name: path for part in (_ITEMS, *more) for name, path in part.items()}
    return {"path": "lines", "fields": columns}


DEFAULT_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "purchase_requisition": {
        **_HEAD,
        "明细": _table({"供应商": "seller_supplier_party.id"}, _COST, _DELIVERY),
        **_END,
    },
    "purchase_order": {**_HEAD, **_DUE, **_SUPPLIER, **_RATE, "明细": _table(_TAX, _DELIVERY, _COST), **_END},
    "sales_order": {**_HEAD, **_DUE, **_CUSTOMER, **_RATE, "明细": _table(_TAX, _DELIVERY), **_END},
    "payment_request": {
        **_HEAD,
        "付款日期": "due_date",
        **_SUPPLIER,
        "收款账号": "payee_account",
        "收款户名": "payee_account.name",
        "开户行": "payee_account.bank",
        **_RATE,
        "明细": {
            "path": "lines",
            "fields": {
                "行号": "line_id",
                "名称": "description",
                "数量": "quantity",
                "单价": "price_amount",
                "成本中心": "accounting.0.cost_centre",
            },
        },
        **_END,
    },
    "contract": {**_HEAD, **_DUE, **_SUPPLIER, "明细": _table(_TAX), **_END},
}
