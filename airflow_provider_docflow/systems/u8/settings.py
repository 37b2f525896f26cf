"""The form of a connection to U8. What nobody has confirmed says so in its description."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.conn_fields import flag, mapping_in, number, text
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.unsaid import DEFAULT as OMIT

API_URL = "https://api.yonyouup.com"
CURRENCIES = {"CNY": "人民币", "USD": "美元", "EUR": "欧元", "HKD": "港币", "JPY": "日元", "GBP": "英镑"}
HISTORY = {"approver": "personcode", "decided_at": "auditdate", "comment": "opinion", "decision": "agree"}


CONN_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "from_account": text("Caller", "The calling account (from_account)."),
    "to_account": text("Provider", "The account that owns the U8 (to_account)."),
    "ds_sequence": text("Data source", "Number of the account set; empty: the application's first."),
    "company_code": text("Company code", "The company of this account set; U8 itself names none."),
    "home_currency": text("Home currency", "ISO code of the books' currency.", default="CNY"),
    "currency_names": text(
        "Currency names",
        "JSON: ISO code → name in U8.",
        default=json.dumps(CURRENCIES, ensure_ascii=False),
    ),
    "unit_price": text(
        "Unit price",
        "Which of a voucher's two unit prices is read: net, or gross (with tax).",
        enum=["net", "gross", None],
        default="net",
    ),
    "purchase_business_type": text(
        "Kind of purchase", "Of purchase orders (operation_type_code).", default="普通采购"
    ),
    "sales_business_type": text("Kind of sale", "Of sales orders (businesstype).", default="普通销售"),
    "sales_type_code": text("Sales type", "Code (typecode) of sales orders; U8 asks for one."),
    "sales_department": text("Sales department", "Code (deptcode) of sales orders; U8 asks for one."),
    "settlement_code": text("Settlement", "Code of the means of payment (balancecode) of payments."),
    "omit": text(
        "Left out",
        "Fields that a document may say although the system has none for them, separated by commas, such as "
        "lines.accounting.cost_centre.",
        default=OMIT,
    ),
    "write_number": flag("Write number", "Vouchers get the document's own number.", default=False),
    "sync": flag(
        "Wait in the request",
        "U8 answers a new voucher in the same request (sync=1) instead of having its result asked for.",
        default=False,
    ),
    "poll_seconds": number(
        "Poll at most", "Seconds to ask for the result of a new voucher (unverified).", default=60, minimum=1
    ),
    "poll_pause": number(
        "Poll pause", "Seconds between two questions where U8 names none (unverified).", default=3, minimum=0
    ),
    "actions_with_trade_id": flag(
        "Trade id for actions",
        "Verifying and the like carry a trade id of their own (unverified).",
        default=True,
    ),
    "voucher_field": text(
        "Voucher field", "Name of the number in the bodies of actions (unverified).", default="voucher_code"
    ),
    "read_history": flag("Read history", "A reading asks for the approval's history as well.", default=True),
    "history_fields": text(
        "History fields",
        "JSON: approver, decided_at, comment, decision → names in U8's history (unverified).",
        default=json.dumps(HISTORY),
    ),
    "stale_login_codes": text(
        "Codes of a stale token",
        "Separated by commas, for refusals that do not speak of a token; U8's pages list none (unverified).",
        default="",
    ),
    "not_found_codes": text(
        "Codes of a missing voucher", "Separated by commas; U8's pages list none (unverified).", default=""
    ),
    "rows_per_page": number("Rows per page", "Of lists (unverified limit).", default=100, minimum=1),
    "time_zone": text("Time zone", "In which U8 writes its times.", default="Asia/Shanghai"),
    "verify_tls": flag("Verify TLS", default=True),
}

UI_FIELD_BEHAVIOUR: Mapping[str, Any] = {
    "hidden_fields": ["schema", "port"],
    "relabeling": {"login": "App key", "password": "App secret"},
    "placeholders": {"host": API_URL},
}


def codes_in(settings: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Return a setting that lists codes."""
    given = str(settings.get(name) or "")
    return tuple(code.strip() for code in given.split(",") if code.strip())


def currency_name(site: Site, code: str) -> str:
    """Return U8's name of a currency.

    :raises InvalidDocument: the connection knows none.
    """
    names = mapping_in(site, "currency_names")
    if code not in names:
        raise exc.InvalidDocument(
            f"{code} has no name in U8.",
            system=site.conn_id,
            field="document_currency_code",
            remedy="Add the currency to currency_names of the connection.",
        )
    return names[code]


def currency_code(site: Site, name: str) -> str:
    """Return the ISO code of U8's name of a currency; no name is the books' own currency.

    :raises InvalidDocument: the connection does not know the name.
    """
    if not name:
        return str(site.setting("home_currency"))
    codes = {each: code for code, each in mapping_in(site, "currency_names").items()}
    if name not in codes:
        raise exc.InvalidDocument(
            f"{name} is no currency that the connection knows.",
            system=site.conn_id,
            field="document_currency_code",
            remedy="Add the currency to currency_names of the connection.",
        )
    return codes[name]
