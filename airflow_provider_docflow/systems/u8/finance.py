"""Payments, payables and payment requests as vouchers of U8: amounts without items."""

from __future__ import annotations

import re
from typing import Any

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.u8.entries import (
    amount_line,
    head,
    named,
    party_in,
    project,
    supplier,
)
from airflow_provider_docflow.systems.u8.settings import currency_code, currency_name
from airflow_provider_docflow.systems.u8.values import (
    Raw,
    gross,
    in_home_currency,
    plain,
    rate,
    refuse_odds,
    text,
)

_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[0-9A-Z]{11,30}")


def payment_native(site: Site, document: Document) -> dict[str, Any]:
    """Return a payment (付款单); the account that is paid stands in its head."""
    in_home_currency(site, document)
    refuse_odds(document)
    payee = supplier(document)
    assert document.payable_amount is not None
    amount = plain(document.payable_amount)
    return {
        "vouchdate": document.issue_date.isoformat(),
        "vouchtype": "49",
        "customercode": payee,
        "amount": amount,
        "originalamount": amount,
        **named(balancecode=str(site.setting("settlement_code") or "")),
        **_payee(document),
        "entry": [
            {
                "customercode": payee,
                "amount": plain(gross(line)),
                "originalamount": plain(gross(line)),
                "iamt_s": plain(line.quantity),
                **named(digest=line.description),
                **project(line, "project"),
            }
            for line in document.lines
        ],
    }


def payment_content(site: Site, raw: Raw) -> dict[str, Any]:
    """Return a payment that was read, as the JSON of a document."""
    account = text(raw, "oppositebankcode")
    payee = {
        "iban" if _IBAN.fullmatch(account) else "account_number": account,
        "bank": text(raw, "oppositebankname"),
    }
    return {
        **head(raw, "vouchcode", "vouchdate"),
        "document_currency_code": str(site.setting("home_currency")),
        "seller_supplier_party": party_in(raw, "customercode", "customername"),
        "payee_account": payee if account else None,
        "lines": [amount_line(e, n, "originalamount") for n, e in enumerate(raw.get("entry") or (), 1)],
    }


def payable_native(site: Site, document: Document) -> dict[str, Any]:
    """Return a payable (应付单): amounts with tax by account and project, without items."""
    refuse_odds(document)
    currency = currency_name(site, document.document_currency_code)
    vendor = supplier(document)
    assert document.payable_amount is not None
    return {
        "date": document.issue_date.isoformat(),
        "cust_vendor_code": vendor,
        "amount": plain(document.payable_amount),
        "entry": [
            {
                "cust_vendor_code": vendor,
                "currency_name": currency,
                "currency_rate": rate(site, document),
                "amount": plain(gross(line)),
                **named(digest=line.description),
                **named(subjectcode=line.accounting[0].account if len(line.accounting) == 1 else ""),
                **project(line, "item_code"),
            }
            for line in document.lines
        ],
    }


def payable_content(site: Site, raw: Raw) -> dict[str, Any]:
    """Return a payable that was read, as the JSON of a document."""
    entries = raw.get("entry") or ()
    names = {text(entry, "currency_name") for entry in entries}
    return {
        **head(raw, "code", "date"),
        "document_currency_code": currency_code(site, names.pop() if len(names) == 1 else ""),
        "seller_supplier_party": party_in(raw, "cust_vendor_code", "cusname"),
        "lines": [amount_line(entry, place, "amount") for place, entry in enumerate(entries, start=1)],
    }


def request_content(site: Site, raw: Raw) -> dict[str, Any]:
    """Return a payment request (付款申请单) that was read, as the JSON of a document."""
    return {
        **head(raw, "code", "date"),
        "document_currency_code": currency_code(site, text(raw, "currency_name")),
        "seller_supplier_party": party_in(raw, "vendorcode", "vendorname"),
        "lines": [
            amount_line(e, n, "originalamount", "amount") for n, e in enumerate(raw.get("entry") or (), 1)
        ],
    }


def _payee(document: Document) -> dict[str, str]:
    account = document.payee_account
    if account is None:
        return {}
    return named(oppositebankcode=account.account_number or account.iban, oppositebankname=account.bank)
