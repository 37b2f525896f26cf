"""The form of a connection to YonBIP or YonSuite. What nobody has confirmed says so in its description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.conn_fields import flag, mapping_in, number, text
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.unsaid import DEFAULT as OMIT
from airflow_provider_docflow.systems.yonbip.wire import LOGIN_PATH, LOOKUP_URL

CALLS_PER_MINUTE = 60
TAX_ITEMS = {"0": "VAT0", "1": "VAT1", "3": "VAT3", "6": "VAT6", "9": "VAT9", "13": "VAT13"}
MARK_FIELD = "headItem.define1"


CONN_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "tenant_id": text(
        "Tenant id", "The tenant's id in the open platform; its data centre is looked up by it."
    ),
    "login_path": text(
        "Login path",
        "Path of the login; /open-auth/selfAppAuth/getAccessToken is the older one.",
        default=LOGIN_PATH,
    ),
    "purchase_type": text("Purchase type", "Code of the transaction type (bustype_code) of purchase orders."),
    "sales_type": text("Sales type", "Code or id of the transaction type of sales orders."),
    "home_currency": text("Home currency", "ISO code of the books' currency.", default="CNY"),
    "exchange_rate_type": text(
        "Exchange rate type", "Its code or id; tenants differ (unverified default).", default="01"
    ),
    "tax_items": text(
        "Tax items",
        "JSON: tax per cent → code of the tax item; tenants differ (unverified default).",
        default=json.dumps(TAX_ITEMS),
    ),
    "organisations": text(
        "Organisations",
        'JSON: company code → id of the organisation, such as {"C1": "1998446281572745225"}. Documents are '
        "read with the id alone; without an entry the company stays unknown and cannot be listed by.",
        default="{}",
    ),
    "customers": text(
        "Customers",
        'JSON: code → id of the customer, such as {"CUST-1": "1998446281572745401"}. Sales orders are read '
        "with the id alone; without an entry that is the customer.",
        default="{}",
    ),
    "units": text(
        "Units",
        'JSON: code → id of the unit, such as {"C62": "1998446281572745601"}. Sales orders are read with the '
        "id alone; without an entry that is the unit of their lines.",
        default="{}",
    ),
    "mark_field": text(
        "Mark field",
        "A text field of the order's own that docflow writes its mark to and lists by (unverified: that the "
        "list takes it as a condition).",
        default=MARK_FIELD,
    ),
    "reference_field": text("Reference field", "A text field for the source document's number; empty: none."),
    "omit": text(
        "Left out",
        "Fields that a document may say although the system has none for them, separated by commas, such as "
        "lines.accounting.cost_centre.",
        default=OMIT,
    ),
    "write_number": flag(
        "Write number", "The coding rule is manual: an order gets the document's own number.", default=False
    ),
    "purchase_price": text(
        "Purchase price",
        "Which unit price of a purchase order is read: net, or gross (with tax).",
        enum=["net", "gross", None],
        default="net",
    ),
    "purchase_delete_path": text(
        "Path of deleting",
        "For purchase orders (unverified: sets of pages differ; another is …/batchdelete).",
        default="/yonbip/scm/purchaseorder/delete",
    ),
    "vendor_path": text(
        "Path of vendors",
        "Lists vendors by code; another is /yonbip/digitalModel/vendor/queryByPage (unverified).",
        default="/yonbip/digitalModel/vendor/list",
    ),
    "page_size": number(
        "Page size", "Rows per page (unverified: limits differ per call).", default=100, minimum=1
    ),
    "overlap_seconds": number(
        "Overlap", "How far the change feed reads back, for changes that show late.", default=120, minimum=1
    ),
    "calls_per_minute": number(
        "Calls per minute",
        "60 is published for lists, details and saves of sales orders; nothing for others (unverified).",
        default=CALLS_PER_MINUTE,
        minimum=1,
    ),
    "time_zone": text("Time zone", "In which the system writes its times.", default="Asia/Shanghai"),
    "verify_tls": flag("Verify TLS", default=True),
}

UI_FIELD_BEHAVIOUR: Mapping[str, Any] = {
    "hidden_fields": ["schema", "port"],
    "relabeling": {"login": "App key", "password": "App secret", "host": "Address of the look-up"},
    "placeholders": {"host": LOOKUP_URL},
}


def tax_item(site: Site, percent: Decimal, field: str) -> str:
    """Return the code of the tax item of a rate.

    :raises InvalidDocument: the connection names none for it.
    """
    try:
        items = {Decimal(rate): code for rate, code in mapping_in(site, "tax_items").items()}
    except InvalidOperation:
        raise exc.Misconfigured(
            "tax_items has a rate that is no number.", system=site.conn_id, field="tax_items"
        ) from None
    if percent not in items:
        raise exc.InvalidDocument(
            f"{percent} per cent has no tax item.",
            system=site.conn_id,
            field=field,
            remedy="Add the rate to tax_items of the connection.",
        )
    return items[percent]
