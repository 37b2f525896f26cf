"""Tables that docflow uses where the connection names none: one layout for payments, orders and invoices."""

from __future__ import annotations

from typing import Any

_LIVES = {
    "draft": "draft",
    "submitted": "submitted",
    "confirmed": "active",
    "paid": "closed",
    "closed": "closed",
    "cancelled": "cancelled",
}
_PAYS = {"draft": "none", "submitted": "none", "confirmed": "none", "closed": "unknown", "cancelled": "none"}
_HEADER = {
    "number": "id",
    "source_number": "reference",
    "company_code": "company_code",
    "party": "seller_supplier_party.id",
    "party_name": "seller_supplier_party.name",
    "currency": "document_currency_code",
    "amount": "payable_amount",
    "tax_amount": "tax_amount",
    "issue_date": "issue_date",
    "due_date": "due_date",
    "iban": "payee_account.iban",
    "account_number": "payee_account.account_number",
    "bank": "payee_account.bank",
}
_LINE = {
    "line_no": "line_id",
    "item": "item_id",
    "description": "description",
    "quantity": "quantity",
    "unit_code": "unit_code",
    "price": "price_amount",
    "tax_percent": "tax_percent",
    "tax_amount": "tax_amount",
    "amount": "line_extension_amount",
    "cost_centre": "accounting.0.cost_centre",
    "project": "accounting.0.project",
    "account": "accounting.0.account",
}


def _tables(name: str, last: str) -> dict[str, Any]:
    """Return the tables of one type; ``last`` is the state in which it is done."""
    return {
        "header": name,
        "id": {"column": "id", "type": "integer"},
        "mark": "docflow_key",
        "key": ["company_code", "number", "party"],
        "columns": _HEADER,
        "lines": {"table": f"{name}_line", "parent": {f"{name}_id": "id"}, "columns": _LINE},
        "initial": {"state": "draft"},
        "states": {
            "lifecycle": {"column": "state", "words": _LIVES},
            "payment": {"column": "state", "words": {**_PAYS, "paid": "complete"}},
        },
        "actions": {
            "submit": {"from": {"state": ["draft"]}, "to": {"state": "submitted"}},
            "confirm": {"from": {"state": ["draft", "submitted"]}, "to": {"state": "confirmed"}},
            last: {"from": {"state": ["confirmed"]}, "to": {"state": {"pay": "paid"}.get(last, "closed")}},
            "cancel": {"from": {"state": ["draft", "submitted", "confirmed"]}, "to": {"state": "cancelled"}},
        },
        "stages": {"saved": [], "submitted": ["submit"], "confirmed": ["submit", "confirm"]},
        "amend": {"state": ["draft"]},
        "changed": {"column": "changed_at", "type": "timestamp", "overlap": 60},
    }


DEFAULT_TABLES: dict[str, Any] = {
    "payment_request": _tables("payment_request", "pay"),
    "payment": _tables("payment", "pay"),
    "purchase_order": _tables("purchase_order", "close"),
    "supplier_invoice": _tables("supplier_invoice", "pay"),
}
