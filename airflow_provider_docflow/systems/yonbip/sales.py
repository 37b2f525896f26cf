"""Sales orders (销售订单): /yonbip/sd/voucherorder.

Fields take an id or a code; reading gives ids back for customer, organisation and units, and codes for
items and currency. Names such as ``orderPrices!currency`` are flat keys in a save and objects in a detail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import Document, DocumentType, Line
from airflow_provider_docflow.systems.yonbip.figures import (
    Figures,
    figures_of,
    home_currency,
    number,
    numbers,
    rate_of,
)
from airflow_provider_docflow.systems.yonbip.kinds import (
    ONE_UNIT,
    Kind,
    Raw,
    business_date,
    code_in,
    company_of,
    memo_of,
    moment,
    number_in,
    own_fields_of_line,
    project_of,
    text_in,
)
from airflow_provider_docflow.systems.yonbip.settings import tax_item
from airflow_provider_docflow.systems.yonbip.states import APPROVAL

LINES = "orderDetails"
MAPPED: Mapping[str, str] = {
    "code": "id",
    "vouchdate": "issue_date",
    "salesOrgId": "company_code",
    "orderPrices!currency": "document_currency_code",
    "orderPrices!exchRate": "exchange_rate",
    "agentId": "buyer_customer_party.id",
    "hopeReceiveDate": "delivery.delivery_date",
    "payMoney": "payable_amount",
    "orderDetails.productId": "lines[*].item_id",
    "orderDetails.priceQty": "lines[*].quantity",
    "orderDetails.iProductUnitId": "lines[*].unit_code",
    "orderDetails.orderDetailPrices!oriUnitPrice": "lines[*].price_amount",
    "orderDetails.oriTaxUnitPrice": "lines[*].price_amount",
    "orderDetails.taxRate": "lines[*].tax_percent",
    "orderDetails.orderDetailPrices!oriTax": "lines[*].tax_amount",
    "orderDetails.orderDetailPrices!oriMoney": "lines[*].line_extension_amount",
    "orderDetails.projectId": "lines[*].accounting.0.project",
}


def native(site: Site, document: Document) -> dict[str, Any]:
    """Return the JSON of a sales order."""
    customer = document.buyer_customer_party
    if customer is None:
        raise exc.InvalidDocument("is missing.", field="buyer_customer_party")
    figures = figures_of(site, document)
    gross = {line.price_includes_tax for line in document.lines}
    if len(gross) > 1:
        raise exc.InvalidDocument(
            "all lines of a sales order there have prices with tax, or none has.",
            field="lines[0].price_includes_tax",
        )
    assert document.payable_amount is not None
    body = {
        "_status": "Insert",
        "salesOrgId": document.company_code,
        "transactionTypeId": str(site.required("sales_type")),
        "vouchdate": moment(document.issue_date),
        "agentId": customer.id,
        "settlementOrgId": document.company_code,
        "invoiceAgentId": customer.id,
        "payMoney": number(document.payable_amount, "payable_amount"),
        "orderPrices!currency": document.document_currency_code,
        "orderPrices!natCurrency": home_currency(site),
        "orderPrices!exchRate": number(rate_of(site, document), "exchange_rate"),
        "orderPrices!exchangeRateType": str(site.setting("exchange_rate_type")),
        "orderPrices!taxInclusive": gross == {True},
        LINES: [
            _line(site, document, *pair, f"lines[{place}]")
            for place, pair in enumerate(zip(document.lines, figures, strict=True))
        ],
    }
    if len(document.notes) == 1:
        body["memo"] = document.notes[0]
    if document.delivery and document.delivery.delivery_date:
        body["hopeReceiveDate"] = moment(document.delivery.delivery_date)
    return body


def _line(site: Site, document: Document, line: Line, figures: Figures, at: str) -> dict[str, Any]:
    prices = numbers(
        oriUnitPrice=figures.net_price,
        oriMoney=figures.net,
        oriTax=figures.tax,
        natUnitPrice=figures.home_net_price,
        natTaxUnitPrice=figures.home_gross_price,
        natMoney=figures.home_net,
        natTax=figures.home_tax,
        natSum=figures.home_gross,
    )
    project = project_of(line, at)
    return {
        "_status": "Insert",
        "productId": line.item_id,
        "stockOrgId": line.delivery_party.id if line.delivery_party else document.company_code,
        "settlementOrgId": document.company_code,
        **dict.fromkeys(("masterUnitId", "iProductAuxUnitId", "iProductUnitId"), line.unit_code),
        **dict.fromkeys(("qty", "subQty", "priceQty"), number(figures.quantity, f"{at}.quantity")),
        **ONE_UNIT,
        "taxId": tax_item(site, figures.percent, f"{at}.tax_percent"),
        "orderProductType": "SALE",
        **numbers(oriTaxUnitPrice=figures.gross_price, oriSum=figures.gross),
        **{f"orderDetailPrices!{name}": value for name, value in prices.items()},
        **({"projectId": project} if project else {}),
        **({"memo": line.notes[0]} if len(line.notes) == 1 else {}),
    }


def content(site: Site, raw: Raw) -> dict[str, Any]:
    """Return a sales order that was read, as the JSON of a document."""
    currency = text_in(raw, "orderPrices.originalCode", "orderPrices.currency")
    home = text_in(raw, "orderPrices.domesticCode", "orderPrices.natCurrency")
    shown = text_in(raw, "agentId_code", "agentId")
    customer = {"id": code_in(site, "customers", shown) or shown, "name": text_in(raw, "agentId_name")}
    wished = business_date(raw.get("hopeReceiveDate"))
    return {
        "document_type": str(DocumentType.SALES_ORDER),
        "id": text_in(raw, "code"),
        "issue_date": business_date(raw.get("vouchdate")),
        "company_code": company_of(site, raw, "salesOrgId"),
        "document_currency_code": currency,
        "buyer_customer_party": customer,
        "exchange_rate": number_in(raw, "orderPrices.exchRate") if home not in ("", currency) else None,
        "delivery": {"delivery_date": wished} if wished else None,
        "notes": memo_of(site, raw),
        "lines": [
            read_line(site, row, text_in(raw, "orderPrices.taxInclusive"), place)
            for place, row in enumerate(raw.get(LINES) or (), start=1)
        ],
    }


def read_line(site: Site, row: Mapping[str, Any], inclusive: str, place: int) -> dict[str, Any]:
    """Return a line, priced with tax or without as the order says."""
    with_tax = inclusive.lower() in ("true", "1")
    percent, tax = number_in(row, "taxRate"), number_in(row, "orderDetailPrices.oriTax")
    taxed = bool(percent or tax)
    project, memo = text_in(row, "projectId_code", "projectId"), text_in(row, "memo")
    unit = text_in(row, "iProductUnitId", "masterUnitId")
    return {
        "line_id": text_in(row, "lineno") or str(place),
        "item_id": text_in(row, "productCode", "productId"),
        "description": text_in(row, "productName"),
        "quantity": number_in(row, "priceQty", "qty"),
        "unit_code": code_in(site, "units", unit) or unit,
        "price_amount": number_in(row, "oriTaxUnitPrice" if with_tax else "orderDetailPrices.oriUnitPrice"),
        "price_includes_tax": with_tax and taxed,
        "line_extension_amount": number_in(row, "orderDetailPrices.oriMoney"),
        "tax_percent": percent if taxed else None,
        "tax_amount": tax if taxed else None,
        "accounting": [{"project": project}] if project else [],
        "notes": [memo] if memo else [],
        "extensions": own_fields_of_line(site, row),
    }


_LIFECYCLE = Words(
    at="nextStatus",
    words={
        "CONFIRMORDER": "draft",
        "APPROVING": "submitted",
        "DELIVERGOODS": "active",
        "DELIVERY_PART": "active",
        "DELIVERY_TAKE_PART": "active",
        "TAKEDELIVERY": "active",
        "ENDORDER": "closed",
        "OPPOSE": "cancelled",
    },
)
_SHARE = {"0": "none", "1": "partial", "2": "complete"}
_PAYMENT = Words(
    at="payStatusCode",
    words={
        # What waits for its confirmation has not been paid yet.
        **dict.fromkeys(("NOTPAYMENT", "CONFIRMPAYMENT_ALL"), "none"),
        **dict.fromkeys(("PARTPAYMENT", "CONFIRMPAYMENT"), "partial"),
        "FINISHPAYMENT": "complete",
    },
)

KIND = Kind(
    document_type=DocumentType.SALES_ORDER,
    path="/yonbip/sd/voucherorder",
    save="singleSave",
    lines=LINES,
    native=native,
    content=content,
    axes={
        "lifecycle": _LIFECYCLE,
        "approval": APPROVAL,
        "fulfilment": Words(at="entireIssueStatus", words=_SHARE),
        "invoicing": Words(at="entireInvoiceStatus", words=_SHARE),
        "payment": _PAYMENT,
    },
    total="payMoney",
    currency="orderPrices.originalCode",
    party="agentId_code",
    organisation="salesOrgId",
    references={"company_code": "salesOrgId", "party": "agentId"},
    held=frozenset({"buyer_customer_party", "lines.delivery_party", "lines.accounting.project"}),
)
