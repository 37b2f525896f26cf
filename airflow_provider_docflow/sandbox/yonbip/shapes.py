"""How the stand-in's orders look: what a save must hold, and what a save, a detail and a list show of them.

Vendor pages: "采购订单单个保存V2", "采购订单详情查询", "采购订单列表查询", and the same of "销售订单".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.sandbox.yonbip.identity import Refused
from airflow_provider_docflow.sandbox.yonbip.masters import Masters

Order = dict[str, Any]
_PO_HEAD = (
    *("bustype_code", "org_code", "vendor_code", "invoiceVendor_code", "vouchdate", "currency_code"),
    *("natCurrency_code", "exchRate", "exchRateType", "_status", "purchaseOrders"),
)
_FIGURES = (
    *("oriUnitPrice", "oriTaxUnitPrice", "oriMoney", "oriSum", "oriTax"),
    *("natUnitPrice", "natTaxUnitPrice", "natMoney", "natSum", "natTax"),
)
_UNITS = ("qty", "subQty", "priceQty", "invExchRate", "invPriceExchRate", "unitExchangeType")
_PO_LINE = (
    *("_status", "product_cCode", "unit_code", "purUOM_Code", "priceUOM_Code", "taxitems_code"),
    *("inOrg_code", "inInvoiceOrg_code", "unitExchangeTypePrice", *_UNITS, *_FIGURES),
)
_SO_HEAD = (
    *("salesOrgId", "transactionTypeId", "vouchdate", "agentId", "settlementOrgId", "invoiceAgentId"),
    *("payMoney", "orderPrices!currency", "orderPrices!natCurrency", "orderPrices!exchRate"),
    *("orderPrices!exchangeRateType", "orderPrices!taxInclusive", "_status", "orderDetails"),
)
_SO_LINE = (
    *("_status", "productId", "stockOrgId", "settlementOrgId", "masterUnitId", "iProductAuxUnitId"),
    *("iProductUnitId", "taxId", "orderProductType", "unitExchangeTypePrice", *_UNITS),
    *("oriTaxUnitPrice", "oriSum"),
    *(f"orderDetailPrices!{name}" for name in _FIGURES if name not in ("oriTaxUnitPrice", "oriSum")),
)


@dataclass(frozen=True)
class Shape:
    """One kind of order.

    :param path: of its calls.
    :param api_id: the platform's id of its save, part of the key against repeating.
    :param enter: what is kept of a save.
    :param detail: what a detail shows of an order.
    :param reference: fields of a list that stand for another record, and take its id alone.
    """

    name: str
    path: str
    save: str
    api_id: str
    lines: str
    prefix: str
    head: tuple[str, ...]
    line: tuple[str, ...]
    enter: Callable[[Masters, Order], Order]
    detail: Callable[[Order], Order]
    reference: tuple[str, ...]


def required(body: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    """Refuse a save that lacks a field."""
    for name in names:
        if body.get(name) in (None, ""):
            raise Refused("310008", f"参数校验失败，缺少必填参数:{where}{name}")


def _figure(value: Any, name: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise Refused("310023", f"参数类型校验失败:{name}")
    return Decimal(value)


def _agree(figures: Mapping[str, Any], quantity: Any) -> None:
    """Refuse figures that contradict each other; they are recomputed in part only."""
    values = {name: _figure(figures[name], name) for name in _FIGURES}
    for one in ("ori", "nat"):
        if values[f"{one}Sum"] != values[f"{one}Money"] + values[f"{one}Tax"]:
            raise Refused("999", '["含税金额不等于无税金额与税额之和"]')
    count = _figure(quantity, "qty")
    for price, amount in (("oriUnitPrice", "oriMoney"), ("oriTaxUnitPrice", "oriSum")):
        if abs(values[price] * count - values[amount]) > Decimal("0.01") * max(count, Decimal(1)):
            raise Refused("999", '["单价与金额不一致"]')


def _enter_purchase(masters: Masters, body: Order) -> Order:
    organisation, vendor = (
        masters.by_code("organisations", body["org_code"]),
        masters.by_code("vendors", body["vendor_code"]),
    )
    masters.by_code("types", body["bustype_code"])
    masters.by_either("rate_types", body["exchRateType"])
    currency, home = (masters.by_code("currencies", body[n]) for n in ("currency_code", "natCurrency_code"))
    lines = [_purchase_line(masters, line, place) for place, line in enumerate(body["purchaseOrders"], 1)]
    return {
        **{name: value for name, value in body.items() if name not in ("_status", "resubmitCheckKey")},
        "org": organisation["id"],
        "org_name": organisation["name"],
        "vendor": vendor["id"],
        "vendor_name": vendor["name"],
        "currency": currency["id"],
        "natCurrency": home["id"],
        "bustype": masters.by_code("types", body["bustype_code"])["id"],
        "oriSum": sum(line["oriSum"] for line in lines),
        "oriMoney": sum(line["oriMoney"] for line in lines),
        "oriTax": sum(line["oriTax"] for line in lines),
        "totalQuantity": sum(line["qty"] for line in lines),
        "purchaseOrders": lines,
    }


def _purchase_line(masters: Masters, line: Order, place: int) -> Order:
    required(line, _PO_LINE, f"purchaseOrders[{place}].")
    _agree(line, line["priceQty"])
    product, tax = (
        masters.by_code("products", line["product_cCode"]),
        masters.by_code("taxes", line["taxitems_code"]),
    )
    unit = masters.by_code("units", line["unit_code"])
    for name in ("inOrg_code", "inInvoiceOrg_code"):
        masters.by_code("organisations", line[name])
    project = masters.by_code("projects", line["project_code"]) if line.get("project_code") else None
    return {
        **{name: value for name, value in line.items() if name != "_status"},
        "rowno": line.get("rowno") or place * 10,
        "product": product["id"],
        "product_cName": product["name"],
        "unit": unit["id"],
        "unit_name": unit["name"],
        "taxRate": Decimal(tax["rate"]),
        **({"project": project["id"], "project_name": project["name"]} if project else {}),
        **dict.fromkeys(("arrivedStatus", "inWHStatus", "invoiceStatus", "payStatus"), "2"),
    }


def _detail_of_purchase(order: Order) -> Order:
    """Show codes of everything but the organisation, of which a detail has id and name alone."""
    hidden = ("org_code", "bustype_code", "invoiceVendor_code")
    shown = {name: value for name, value in order.items() if name not in hidden}
    words = ("status", "bizstatus", "verifystate", "modifyStatus")
    return {**shown, **{name: str(order[name]) for name in words}, "id": str(order["id"])}


def _enter_sale(masters: Masters, body: Order) -> Order:
    organisation = masters.by_either("organisations", body["salesOrgId"])
    customer = masters.by_either("customers", body["agentId"])
    kind = masters.by_either("types", body["transactionTypeId"])
    currency = masters.by_either("currencies", body["orderPrices!currency"])
    home = masters.by_either("currencies", body["orderPrices!natCurrency"])
    masters.by_either("rate_types", body["orderPrices!exchangeRateType"])
    lines = [_sale_line(masters, line, place) for place, line in enumerate(body["orderDetails"], 1)]
    if sum(line["oriSum"] for line in lines) != _figure(body["payMoney"], "payMoney"):
        raise Refused("999", '["合计含税金额需等于表体含税金额的合计"]')
    flat = {name: value for name, value in body.items() if "!" not in name}
    return {
        **{name: value for name, value in flat.items() if name not in ("_status", "resubmitCheckKey")},
        "salesOrgId": organisation["id"],
        "salesOrgId_name": organisation["name"],
        "agentId": customer["id"],
        "agentId_name": customer["name"],
        "transactionTypeId": kind["id"],
        "orderPrices": {
            "currency": currency["id"],
            "originalCode": currency["code"],
            "natCurrency": home["id"],
            "domesticCode": home["code"],
            "exchRate": body["orderPrices!exchRate"],
            "taxInclusive": body["orderPrices!taxInclusive"],
        },
        "orderDetails": lines,
        "payStatusCode": "NOTPAYMENT",
        **{f"entire{name}Status": 0 for name in ("Delivery", "Issue", "Invoice", "SignConfirm")},
    }


def _sale_line(masters: Masters, line: Order, place: int) -> Order:
    required(line, _SO_LINE, f"orderDetails[{place}].")
    prices = {name.partition("!")[2]: value for name, value in line.items() if "!" in name}
    _agree({**prices, **{name: line[name] for name in ("oriTaxUnitPrice", "oriSum")}}, line["priceQty"])
    product, tax = masters.by_either("products", line["productId"]), masters.by_either("taxes", line["taxId"])
    unit = masters.by_either("units", line["iProductUnitId"])
    flat = {name: value for name, value in line.items() if "!" not in name and name != "_status"}
    return {
        **flat,
        "productId": product["id"],
        "productCode": product["code"],
        "productName": product["name"],
        **dict.fromkeys(("masterUnitId", "iProductAuxUnitId", "iProductUnitId"), unit["id"]),
        "qtyName": unit["name"],
        "taxRate": tax["rate"],
        "orderDetailPrices": prices,
    }


def _detail_of_sale(order: Order) -> Order:
    return {**order, "id": str(order["id"]), "status": str(order["status"])}


PURCHASE = Shape(
    "purchase",
    "/yonbip/scm/purchaseorder",
    "singleSave_v1",
    "66f9b3aaec324974a183c74739e473b6",
    "purchaseOrders",
    "CG",
    _PO_HEAD,
    _PO_LINE,
    _enter_purchase,
    _detail_of_purchase,
    ("org", "vendor", "currency"),
)
SALE = Shape(
    "sale",
    "/yonbip/sd/voucherorder",
    "singleSave",
    "dde3e06ebb8d4119aed9f118e17c2cdd",
    "orderDetails",
    "UO",
    _SO_HEAD,
    _SO_LINE,
    _enter_sale,
    _detail_of_sale,
    ("salesOrgId", "agentId"),
)
