"""Purchase orders (采购订单): /yonbip/scm/purchaseorder.

Codes go in (``vendor_code``, ``product_cCode``, …); reading gives codes back except for the organisation,
of which the detail shows the id alone. Quantities are sent as one figure in one unit (purchase, price and
main unit the same, rate 1); a line in other units needs the tenant's own fields.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import Document, DocumentType, Line, minor_units
from airflow_provider_docflow.document.money import rounded
from airflow_provider_docflow.systems.yonbip.figures import (
    Figures,
    figures_of,
    home_currency,
    line_ids,
    number,
    numbers,
    rate_of,
)
from airflow_provider_docflow.systems.yonbip.kinds import (
    ONE_UNIT,
    Kind,
    Raw,
    business_date,
    company_of,
    memo_of,
    moment,
    number_in,
    own_fields_of_line,
    project_of,
    text_in,
)
from airflow_provider_docflow.systems.yonbip.settings import tax_item
from airflow_provider_docflow.systems.yonbip.states import APPROVAL, all_lines

LINES = "purchaseOrders"
MAPPED: Mapping[str, str] = {
    "code": "id",
    "vouchdate": "issue_date",
    "org_code": "company_code",
    "currency_code": "document_currency_code",
    "exchRate": "exchange_rate",
    "vendor_code": "seller_supplier_party.id",
    "oriSum": "payable_amount",
    "purchaseOrders.rowno": "lines[*].line_id",
    "purchaseOrders.product_cCode": "lines[*].item_id",
    "purchaseOrders.priceQty": "lines[*].quantity",
    "purchaseOrders.priceUOM_Code": "lines[*].unit_code",
    "purchaseOrders.oriUnitPrice": "lines[*].price_amount",
    "purchaseOrders.taxRate": "lines[*].tax_percent",
    "purchaseOrders.oriTax": "lines[*].tax_amount",
    "purchaseOrders.oriMoney": "lines[*].line_extension_amount",
    "purchaseOrders.project_code": "lines[*].accounting.0.project",
}


def native(site: Site, document: Document) -> dict[str, Any]:
    """Return the JSON of a purchase order."""
    supplier = document.seller_supplier_party
    if supplier is None:
        raise exc.InvalidDocument("is missing.", field="seller_supplier_party")
    figures = figures_of(site, document)
    return {
        "_status": "Insert",
        "bustype_code": str(site.required("purchase_type")),
        "org_code": document.company_code,
        "vendor_code": supplier.id,
        "invoiceVendor_code": supplier.id,
        "vouchdate": moment(document.issue_date),
        "currency_code": document.document_currency_code,
        "natCurrency_code": home_currency(site),
        "exchRate": number(rate_of(site, document), "exchange_rate"),
        "exchRateType": str(site.setting("exchange_rate_type")),
        LINES: [
            _line(site, document, *pair, row, f"lines[{place}]")
            for place, (pair, row) in enumerate(
                zip(zip(document.lines, figures, strict=True), line_ids(document), strict=True)
            )
        ],
    }


def _line(site: Site, document: Document, line: Line, figures: Figures, row: int, at: str) -> dict[str, Any]:
    quantity = number(figures.quantity, f"{at}.quantity")
    project = project_of(line, at)
    return {
        "_status": "Insert",
        "rowno": row,
        "product_cCode": line.item_id,
        **dict.fromkeys(("qty", "subQty", "priceQty"), quantity),
        **dict.fromkeys(("unit_code", "purUOM_Code", "priceUOM_Code"), line.unit_code),
        **ONE_UNIT,
        **numbers(
            oriUnitPrice=figures.net_price,
            oriTaxUnitPrice=figures.gross_price,
            oriMoney=figures.net,
            oriTax=figures.tax,
            oriSum=figures.gross,
            natUnitPrice=figures.home_net_price,
            natTaxUnitPrice=figures.home_gross_price,
            natMoney=figures.home_net,
            natTax=figures.home_tax,
            natSum=figures.home_gross,
        ),
        "taxitems_code": tax_item(site, figures.percent, f"{at}.tax_percent"),
        "inOrg_code": line.delivery_party.id if line.delivery_party else document.company_code,
        "inInvoiceOrg_code": document.company_code,
        **({"project_code": project} if project else {}),
    }


def content(site: Site, raw: Raw) -> dict[str, Any]:
    """Return a purchase order that was read, as the JSON of a document."""
    currency = text_in(raw, "currency_code")
    vendor = {"id": text_in(raw, "vendor_code", "vendor"), "name": text_in(raw, "vendor_name")}
    foreign = text_in(raw, "natCurrency_code") not in ("", currency)
    return {
        "document_type": str(DocumentType.PURCHASE_ORDER),
        "id": text_in(raw, "code"),
        "issue_date": business_date(raw.get("vouchdate")),
        "company_code": company_of(site, raw, "org"),
        "document_currency_code": currency,
        "seller_supplier_party": vendor,
        "exchange_rate": number_in(raw, "exchRate") if foreign else None,
        "notes": memo_of(site, raw),
        "lines": [read_line(site, row, currency) for row in raw.get(LINES) or ()],
    }


def read_line(site: Site, row: Mapping[str, Any], currency: str) -> dict[str, Any]:
    """Return a line: priced as ``purchase_price`` says, or the other way where only that adds up."""
    quantity = number_in(row, "priceQty", "qty")
    net, tax = number_in(row, "oriMoney"), number_in(row, "oriTax")
    percent = number_in(row, "taxRate")
    project = text_in(row, "project_code")
    gross_first = site.setting("purchase_price") == "gross"
    price, with_tax = _price(row, quantity, currency, gross_first=gross_first)
    taxed = bool(percent or tax)
    return {
        "line_id": text_in(row, "rowno", "lineno", "id"),
        "item_id": text_in(row, "product_cCode"),
        "description": text_in(row, "product_cName"),
        "quantity": quantity,
        "unit_code": text_in(row, "priceUOM_Code", "unit_code"),
        "price_amount": price,
        "price_includes_tax": with_tax and taxed,
        "line_extension_amount": net,
        "tax_percent": percent if taxed else None,
        "tax_amount": tax if taxed else None,
        "accounting": [{"project": project}] if project else [],
        "delivery_date": business_date(row.get("recieveDate")),
        "extensions": own_fields_of_line(site, row),
    }


def _price(
    row: Mapping[str, Any], quantity: Decimal | None, currency: str, *, gross_first: bool
) -> tuple[Decimal | None, bool]:
    """Return the unit price from which the amount follows, and whether it is the one with tax."""
    ways = [("oriUnitPrice", "oriMoney", False), ("oriTaxUnitPrice", "oriSum", True)]
    ways = ways[::-1] if gross_first else ways
    for name, amount, with_tax in ways:
        price, whole = number_in(row, name), number_in(row, amount)
        if price is None or quantity is None or whole is None:
            continue
        if rounded(price * quantity, minor_units(currency)) == whole:
            return price, with_tax
    return number_in(row, ways[0][0]), ways[0][2]


_STATUS = Words(at="status", words={"0": "draft", "1": "active", "2": "closed", "3": "submitted"})
_SHARE = {"1": "complete", "2": "none", "3": "partial", "4": "complete", "mixed": "partial"}

KIND = Kind(
    document_type=DocumentType.PURCHASE_ORDER,
    path="/yonbip/scm/purchaseorder",
    save="singleSave_v1",
    lines=LINES,
    native=native,
    content=content,
    axes={
        "lifecycle": _STATUS,
        "approval": APPROVAL,
        "fulfilment": Words(at=all_lines(LINES, "inWHStatus"), words=_SHARE),
        "invoicing": Words(at=all_lines(LINES, "invoiceStatus"), words=_SHARE),
        "payment": Words(at=all_lines(LINES, "payStatus"), words=_SHARE),
    },
    total="oriSum",
    currency="currency_code",
    party="vendor_code",
    organisation="org",
    references={"company_code": "org", "party": "vendor"},
    held=frozenset({"seller_supplier_party", "lines.delivery_party", "lines.accounting.project"}),
)
