"""Lines as Tryton takes them: each figure is checked first against what Tryton will make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import AllowanceCharge, Document, Line, minor_units
from airflow_provider_docflow.document.money import EXACT, decimals_of
from airflow_provider_docflow.systems.tryton.masters import Found
from airflow_provider_docflow.systems.tryton.wire import Row, as_float

ONE = Decimal(1)


@dataclass(frozen=True)
class Goods:
    """The master data of a batch's lines, as one company sees it.

    :param taxes: percentage taxes for purchases of the company.
    :param price_digits: decimals that this Tryton keeps of a price.
    """

    products: Found
    units: Found
    taxes: tuple[Row, ...]
    price_digits: int


def refuse(document: Document, field: str, message: str, remedy: str) -> exc.InvalidDocument:
    """Return the refusal of a document before anything is sent."""
    return exc.InvalidDocument(message, document=document.id, field=field, remedy=remedy)


def line_values(document: Document, position: int, goods: Goods) -> dict[str, Any]:
    """Return one line of an order or an invoice.

    :raises InvalidDocument: Tryton would store another quantity, price, tax or amount than the document says.
    """
    line, field = document.lines[position], f"lines[{position}]"
    product = (
        goods.products.one(line.item_id, document=document.id, field=f"{field}.item_id")
        if line.item_id
        else None
    )
    price = unit_price(document, line, field, goods.price_digits)
    _check_amount(document, line, field, price)
    taxes = _taxes(document, line.tax_percent, f"{field}.tax_percent", goods, product)
    values: dict[str, Any] = {
        "type": "line",
        "quantity": as_float(line.quantity, document=document.id, field=f"{field}.quantity"),
        "unit": _unit(document, line, field, goods, product),
        "unit_price": price,
        "description": line.description or None,
        "note": "\n".join((*line.notes, *cost_texts(line))) or None,
        "taxes": [["add", [tax["id"] for tax in taxes]]],
    }
    if product:
        values["product"] = product["id"]
    return values


def _unit(document: Document, line: Line, field: str, goods: Goods, product: Row | None) -> Any:
    if line.unit_code:
        return goods.units.one(line.unit_code, document=document.id, field=f"{field}.unit_code")["id"]
    return product["purchase_uom"] if product else None


def unit_price(document: Document, line: Line, field: str, digits: int) -> Decimal:
    """Return the price of one unit, exactly.

    :raises InvalidDocument: there is none, it includes tax, or it has more digits than Tryton keeps.
    """
    where = f"{field}.price_amount"
    if line.price_amount is None:
        raise refuse(document, where, "the line has no price.", "Fill in the price at the source.")
    if line.price_includes_tax and line.tax_percent:
        raise refuse(
            document,
            f"{field}.price_includes_tax",
            "the price includes tax, and Tryton keeps prices without.",
            "Give the price without tax.",
        )
    price = EXACT.divide(line.price_amount, line.base_quantity)
    if decimals_of(price) > digits:
        raise refuse(
            document,
            where,
            f"the price of one unit is {price:f}, and this Tryton keeps {digits} decimals.",
            "Raise price_decimal in Tryton's [product] configuration, or order in a larger unit.",
        )
    return price.quantize(ONE.scaleb(-digits), context=EXACT)


def _check_amount(document: Document, line: Line, field: str, price: Decimal) -> None:
    """Compare with Tryton's own arithmetic, which rounds a half to the even neighbour."""
    if line.allowance_charge or line.line_extension_amount is None:
        wanted = None if line.line_extension_amount is None else line.line_extension_amount - _signed(line)
    else:
        wanted = line.line_extension_amount
    theirs = even(line.quantity * price, document)
    if wanted is not None and theirs != wanted:
        raise refuse(
            document,
            f"{field}.line_extension_amount",
            f"the line amounts to {wanted} here and {theirs} in Tryton, which rounds a half to even.",
            "Put the difference into payable_rounding_amount, or change price or quantity.",
        )


def _signed(line: Line) -> Decimal:
    return sum((item.amount if item.charge else -item.amount for item in line.allowance_charge), Decimal(0))


def even(amount: Decimal, document: Document) -> Decimal:
    """Round as Tryton does."""
    digits = minor_units(document.document_currency_code)
    return amount.quantize(ONE.scaleb(-digits), rounding=ROUND_HALF_EVEN, context=EXACT)


def _taxes(
    document: Document, percent: Decimal | None, field: str, goods: Goods, product: Row | None
) -> list[Row]:
    """Return the taxes that make ``percent``: the product's own if they do, else the company's only one."""
    if not percent:
        return []
    known = {tax["id"]: tax for tax in goods.taxes}
    category = (product or {}).get("account_category") or {}
    own = [known[tax] for tax in category.get("supplier_taxes_used") or () if tax in known]
    if own and sum((tax["rate"] for tax in own), Decimal(0)) * 100 == percent:
        return own
    fitting = [tax for tax in goods.taxes if tax["rate"] * 100 == percent]
    if len(fitting) != 1:
        raise refuse(
            document,
            field,
            f"{len(fitting) or 'no'} purchase taxes of the company are {percent} per cent.",
            "Give the product its tax in Tryton, or correct the percentage.",
        )
    return fitting


def cost_texts(line: Line) -> list[str]:
    """Return the cost objects in words: Tryton without analytic accounts has no field for them."""
    texts = []
    for cost in line.accounting:
        parts = (
            cost.cost_centre and f"cost centre {cost.cost_centre}",
            cost.project and f"project {cost.project}",
            cost.account and f"account {cost.account}",
            cost.share != 1 and f"{(cost.share * 100).normalize():f} %",
        )
        texts.append(", ".join(part for part in parts if part))
    return [text for text in texts if text]


def extra_lines(document: Document, goods: Goods) -> list[dict[str, Any]]:
    """Return allowances, charges and the rounding difference, each as a line that is named so."""
    extras = [
        _extra(document, item, f"lines[{n}].allowance_charge", goods, line.tax_percent)
        for n, line in enumerate(document.lines)
        for item in line.allowance_charge
    ]
    extras += [
        _extra(document, item, f"allowance_charge[{n}]", goods, item.tax_percent)
        for n, item in enumerate(document.allowance_charge)
    ]
    rounding = document.payable_rounding_amount
    if rounding:
        item = AllowanceCharge(charge=rounding > 0, amount=abs(rounding), reason="Rounding")
        extras.append(_extra(document, item, "payable_rounding_amount", goods, None))
    return extras


def _extra(
    document: Document, item: AllowanceCharge, field: str, goods: Goods, percent: Decimal | None
) -> dict[str, Any]:
    taxes = _taxes(document, percent, field, goods, None)
    return {
        "type": "line",
        "quantity": 1.0,
        "unit_price": item.amount if item.charge else -item.amount,
        "description": item.reason or ("Charge" if item.charge else "Allowance"),
        "taxes": [["add", [tax["id"] for tax in taxes]]],
    }


def check_tax(document: Document) -> None:
    """Refuse a tax that Tryton, which computes it from the lines, would not arrive at.

    :raises InvalidDocument: the document says another tax.
    """
    if document.tax_amount is None:
        return
    by_rate: dict[Decimal, Decimal] = {}
    by_line = Decimal(0)
    taxed = [(line.tax_percent, line.line_extension_amount) for line in document.lines]
    taxed += [(i.tax_percent, i.amount if i.charge else -i.amount) for i in document.allowance_charge]
    for percent, amount in taxed:
        if percent and amount is not None:
            by_rate[percent] = by_rate.get(percent, Decimal(0)) + amount
            by_line += even(amount * percent / 100, document)
    whole = sum((even(base * percent / 100, document) for percent, base in by_rate.items()), Decimal(0))
    if document.tax_amount not in (by_line, whole):
        raise refuse(
            document,
            "tax_amount",
            f"the tax is {document.tax_amount} here, and Tryton computes {whole} from the lines.",
            "Give every line its tax_percent; put a difference of rounding into payable_rounding_amount.",
        )


def numbered(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give the lines the order in which they stand."""
    return [{**line, "sequence": position} for position, line in enumerate(lines, 1)]


def line_ids(document: Document, written: list[Row]) -> Mapping[str, int]:
    """Return our line id → Tryton's, for a record whose lines were written in the document's order."""
    pairs = zip(document.lines, written, strict=False)
    return {line.line_id: row["id"] for line, row in pairs if row["quantity"] is not None}
