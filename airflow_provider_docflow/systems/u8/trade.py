"""Requisitions, purchase orders and sales orders as vouchers of U8.

Of two unit prices only the document's own is sent: U8 computes the other, and a price with tax would win.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.systems.u8.entries import (
    head,
    priced,
    priced_line,
    project,
    projects_in,
    set_by,
    supplier,
)
from airflow_provider_docflow.systems.u8.settings import currency_code, currency_name
from airflow_provider_docflow.systems.u8.values import (
    Raw,
    business_date,
    figure,
    gross,
    in_home_currency,
    plain,
    plainly,
    rate,
    refuse_odds,
    text,
)


def order_native(site: Site, document: Document) -> dict[str, Any]:
    """Return a purchase order."""
    refuse_odds(document)
    return {
        "date": document.issue_date.isoformat(),
        **set_by(site, operation_type_code="purchase_business_type"),
        "vendorcode": supplier(document),
        "currency_name": currency_name(site, document.document_currency_code),
        "currency_rate": rate(site, document),
        "entry": [
            {
                "inventorycode": line.item_id,
                "unitcode": line.unit_code,
                "quantity": plain(line.quantity),
                **priced(line, "price", "taxprice"),
                **plainly(money=line.line_extension_amount, tax=line.tax_amount, sum=gross(line)),
                **plainly(taxrate=line.tax_percent),
                **({"arrivedate": line.delivery_date.isoformat()} if line.delivery_date else {}),
                "rowno": str(place),
            }
            for place, line in enumerate(document.lines, start=1)
        ],
    }


def order_content(site: Site, raw: Raw) -> dict[str, Any]:
    """Return a purchase order that was read, as the JSON of a document."""
    currency = currency_code(site, text(raw, "currency_name"))
    foreign = currency != site.setting("home_currency")
    return {
        **head(raw, "code", "date"),
        "document_currency_code": currency,
        "exchange_rate": figure(raw, "currency_rate") if foreign else None,
        "seller_supplier_party": {"id": text(raw, "vendorcode"), "name": text(raw, "vendorname")},
        "lines": [
            {
                **priced_line(
                    site, entry, place, currency, ("price", "taxprice"), ("money", "tax", "sum", "taxrate")
                ),
                "line_id": text(entry, "rowno") or str(place),
                "unit_code": text(entry, "unitcode"),
                "delivery_date": business_date(entry.get("arrivedate")),
            }
            for place, entry in enumerate(raw.get("entry") or (), start=1)
        ],
    }


def requisition_native(site: Site, document: Document) -> dict[str, Any]:
    """Return a requisition (请购单): the currency stands in its entries."""
    refuse_odds(document)
    currency = currency_name(site, document.document_currency_code)
    person = {"personcode": document.requester.id} if document.requester else {}
    return {
        "date": document.issue_date.isoformat(),
        **person,
        "entry": [
            {
                "inventorycode": line.item_id,
                "unitid": line.unit_code,
                "quantity": plain(line.quantity),
                "ivouchrowno": str(place),
                "currency_name": currency,
                "currency_rate": rate(site, document),
                **priced(line, "originalprice", "originaltaxedprice"),
                **plainly(originalmoney=line.line_extension_amount, originaltax=line.tax_amount),
                **plainly(originalsum=gross(line), taxrate=line.tax_percent),
                **_vendor_of(document, line),
                **({"requiredate": line.delivery_date.isoformat()} if line.delivery_date else {}),
                **project(line, "item_code"),
            }
            for place, line in enumerate(document.lines, start=1)
        ],
    }


def _vendor_of(document: Document, line: Line) -> dict[str, str]:
    party = line.seller_supplier_party or document.seller_supplier_party
    return {"vendorcode": party.id} if party else {}


def requisition_content(site: Site, raw: Raw) -> dict[str, Any]:
    """Return a requisition that was read, as the JSON of a document."""
    entries = raw.get("entry") or ()
    names = {text(entry, "currency_name") for entry in entries}
    if len(names) > 1:
        raise exc.InvalidDocument(
            f"the entries are in {len(names)} currencies.", field="document_currency_code"
        )
    vendors = {text(entry, "vendorcode") for entry in entries}
    one = vendors.copy().pop() if len(vendors) == 1 else ""
    person = text(raw, "personcode")
    currency = currency_code(site, names.pop() if names else "")
    return {
        **head(raw, "code", "date"),
        "document_currency_code": currency,
        "requester": {"id": person} if person else None,
        "seller_supplier_party": {"id": one, "name": text(raw, "vendorname")} if one else None,
        "lines": [
            {
                **priced_line(
                    site,
                    entry,
                    place,
                    currency,
                    ("originalprice", "originaltaxedprice"),
                    ("originalmoney", "originaltax", "originalsum", "taxrate"),
                ),
                "line_id": text(entry, "ivouchrowno") or str(place),
                "unit_code": text(entry, "unitid"),
                "seller_supplier_party": _line_vendor(entry, one),
                "delivery_date": business_date(entry.get("requiredate")),
                "accounting": projects_in(entry, "item_code"),
            }
            for place, entry in enumerate(entries, start=1)
        ],
    }


def _line_vendor(entry: Raw, of_all: str) -> dict[str, str] | None:
    code = text(entry, "vendorcode")
    return {"id": code} if code and not of_all else None


def sale_native(site: Site, document: Document) -> dict[str, Any]:
    """Return a sales order."""
    refuse_odds(document)
    in_home_currency(site, document)
    if document.buyer_customer_party is None:
        raise exc.InvalidDocument("is missing.", field="buyer_customer_party")
    return {
        "date": document.issue_date.isoformat(),
        **set_by(
            site,
            businesstype="sales_business_type",
            typecode="sales_type_code",
            deptcode="sales_department",
        ),
        "custcode": document.buyer_customer_party.id,
        "entry": [
            {
                "inventorycode": line.item_id,
                "unitcode": line.unit_code,
                "quantity": plain(line.quantity),
                "rowno": str(place),
                "bgift": "0",
                **priced(line, "unitprice", "taxunitprice"),
                **plainly(money=line.line_extension_amount, tax=line.tax_amount, sum=gross(line)),
                **plainly(taxrate=line.tax_percent),
            }
            for place, line in enumerate(document.lines, start=1)
        ],
    }


def sale_content(site: Site, raw: Raw) -> dict[str, Any]:
    """Return a sales order that was read, as the JSON of a document."""
    currency = str(site.setting("home_currency"))
    return {
        **head(raw, "code", "date"),
        "document_currency_code": currency,
        "buyer_customer_party": {"id": text(raw, "custcode"), "name": text(raw, "cusname")},
        "lines": [
            {
                **priced_line(
                    site,
                    entry,
                    place,
                    currency,
                    ("unitprice", "taxunitprice"),
                    ("money", "tax", "sum", "taxrate"),
                ),
                "line_id": text(entry, "rowno") or str(place),
                "unit_code": text(entry, "unitcode"),
            }
            for place, entry in enumerate(raw.get("entry") or (), start=1)
        ],
    }
