"""The vouchers of the stand-in: what an add must hold, and what U8 computes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_docflow.document.money import rounded
from airflow_provider_docflow.sandbox.store import Store
from airflow_provider_docflow.sandbox.u8.identity import Refused

Voucher = dict[str, Any]
SEED = {
    "vendor": {"SUP-1": "Ömer & Söhne 有限公司", "SUP-2": "达利园供应商"},
    "customer": {"CUST-1": "北京客户"},
    "inventory": {"P-101": "扳手 Ø 12", "P-102": "扳手 Ø 12", "P-201": "铁丝"},
    "currency": {"人民币": "人民币", "美元": "美元"},
}
MISSING, UNKNOWN, WRONG = "10020", "10021", "10022"
_CENTS = 2


@dataclass(frozen=True)
class Shape:
    """One object.

    :param head: required fields of the head; :param entry: of an entry.
    :param masters: field → master data that it names, and the field that its name goes to.
    :param prices: an entry's price without tax and with it; :param amounts: money, tax, sum.
    :param keyword: parameter of the list that searches the remark; ``whole``: it must be the whole remark.
    """

    name: str
    prefix: str
    head: tuple[str, ...]
    entry: tuple[str, ...]
    code: str = "code"
    date: str = "date"
    remark: str = "remark"
    keyword: str = ""
    whole: bool = False
    masters: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    prices: tuple[str, str] | None = None
    amounts: tuple[str, str, str] = ("money", "tax", "sum")
    verifier: str = "verifier"
    can_add: bool = True
    flow: bool = True


_VENDOR = {"vendorcode": ("vendor", "vendorname"), "inventorycode": ("inventory", "inventoryname")}
SHAPES = {
    shape.name: shape
    for shape in (
        Shape(
            "purchaseorder",
            "PO",
            ("date", "vendorcode", "currency_name"),
            ("inventorycode", "quantity"),
            keyword="remark",
            masters={**_VENDOR, "currency_name": ("currency", "")},
            prices=("price", "taxprice"),
        ),
        Shape(
            "purchaserequisition",
            "PR",
            ("date",),
            ("inventorycode", "quantity"),
            remark="memory",
            keyword="memory",
            whole=True,
            masters={**_VENDOR, "currency_name": ("currency", "")},
            prices=("originalprice", "originaltaxedprice"),
            amounts=("originalmoney", "originaltax", "originalsum"),
        ),
        Shape(
            "saleorder",
            "SO",
            ("date", "custcode", "typecode", "deptcode"),
            ("inventorycode", "quantity"),
            remark="memo",
            masters={"custcode": ("customer", "cusname"), "inventorycode": ("inventory", "inventoryname")},
            prices=("unitprice", "taxunitprice"),
        ),
        Shape("payrequest", "PQ", (), (), remark="digest", can_add=False),
        Shape(
            "pay",
            "PAY",
            ("vouchtype", "customercode", "amount", "digest"),
            ("customercode", "amount", "iamt_s"),
            code="vouchcode",
            date="vouchdate",
            remark="digest",
            keyword="digest",
            masters={"customercode": ("vendor", "customername")},
            verifier="checkman",
        ),
        Shape(
            "oughtpay",
            "AP",
            ("cust_vendor_code",),
            ("cust_vendor_code", "amount"),
            remark="digest",
            keyword="digest",
            whole=True,
            masters={"cust_vendor_code": ("vendor", "cusname")},
            flow=False,
        ),
    )
}


def entered(store: Store, shape: Shape, body: Any) -> Voucher:
    """Return what is kept of an add.

    :raises Refused: it lacks something, names what is not there, or contradicts itself.
    """
    data = body.get(shape.name) if isinstance(body, dict) else None
    if not isinstance(data, dict) or not isinstance(data.get("entry"), list) or not data["entry"]:
        raise Refused(MISSING, f"缺少{shape.name}或表体entry")
    head = _part(store, shape, data, shape.head)
    entries = [_part(store, shape, entry, shape.entry) for entry in data["entry"]]
    if shape.prices is not None:
        entries = [{**entry, **_figures(shape, entry)} for entry in entries]
    return {**head, "entry": entries}


def _part(store: Store, shape: Shape, data: Mapping[str, Any], needed: tuple[str, ...]) -> Voucher:
    for name in needed:
        if data.get(name) in (None, ""):
            raise Refused(MISSING, f"缺少必填项{name}")
    found = dict(data)
    for name, (master, shown) in shape.masters.items():
        if data.get(name) in (None, ""):
            continue
        known = {**SEED[master], **store.setting(f"u8_{master}", {})}
        if str(data[name]) not in known:
            raise Refused(UNKNOWN, f"{name}:{data[name]} 不存在")
        if shown:
            found[shown] = known[str(data[name])]
    return found


def number(value: Any, name: str) -> Decimal:
    """Read a figure, given as text or number."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise Refused(WRONG, f"{name}不是数字") from None


def _figures(shape: Shape, entry: Voucher) -> Voucher:
    """Compute what an entry does not say: amounts from its price, and the other price."""
    assert shape.prices is not None
    net, with_tax = shape.prices
    money, tax, whole = shape.amounts
    quantity = number(entry["quantity"], "quantity")
    percent = number(entry.get("taxrate") or 0, "taxrate")
    if entry.get(with_tax) not in (None, ""):
        total = rounded(number(entry[with_tax], with_tax) * quantity, _CENTS)
        amount = rounded(total / (1 + percent / 100), _CENTS)
    elif entry.get(net) not in (None, ""):
        amount = rounded(number(entry[net], net) * quantity, _CENTS)
        total = amount + rounded(amount * percent / 100, _CENTS)
    else:
        raise Refused(MISSING, f"缺少必填项{net}")
    told = {money: amount, tax: total - amount, whole: total}
    for name, value in told.items():
        if entry.get(name) not in (None, "") and number(entry[name], name) != value:
            raise Refused(WRONG, f"{name}与数量、单价不一致")
    found = {net: entry.get(net) or rounded(amount / quantity, 6)}
    found[with_tax] = entry.get(with_tax) or rounded(total / quantity, 6)
    shown = {**told, "quantity": quantity, "taxrate": percent, **found}
    return {name: format(number(value, name).normalize(), "f") for name, value in shown.items()}
