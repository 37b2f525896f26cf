"""
Tables that docflow uses where the connection names none.

Payment requests lie as in the sandbox's finance database: staging tables of the kind that treasury systems
are fed through. Payments, orders and invoices have one richer layout in common.
"""

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


_PAYMENT_REQUEST: dict[str, Any] = {
    "header": "payment_request",
    "id": {"column": "id", "type": "integer"},
    "mark": "business_key",
    "columns": {
        "company_code": "company_code",
        "number": "id",
        "supplier": "seller_supplier_party.id",
        "currency": "document_currency_code",
        "amount": "payable_amount",
        "due_date": "due_date",
        "payee_account": {"field": "payee_account", "empty": ""},
        "source_document": {"field": "reference", "empty": ""},
    },
    "lines": {
        "table": "payment_request_line",
        "id": {"column": "id", "type": "integer"},
        "parent": {"payment_request_id": "id"},
        "columns": {
            "line_number": {"field": "line_id", "type": "integer"},
            "purchase_order": {"field": "reference", "empty": ""},
            "amount": "line_extension_amount",
            "description": {"field": "description", "empty": ""},
        },
    },
    "initial": {"status": "open"},
    "states": {
        "lifecycle": {
            "column": "status",
            "words": {"open": "active", "paid": "closed", "rejected": "cancelled", "cancelled": "cancelled"},
        },
        "approval": {
            "column": "status",
            "words": {
                "open": "pending",
                "paid": "approved",
                "rejected": "rejected",
                "cancelled": "withdrawn",
            },
        },
        "payment": {
            "column": "status",
            "words": {"open": "none", "paid": "complete", "rejected": "none", "cancelled": "none"},
        },
    },
    "actions": {"cancel": {"from": {"status": ["open"]}, "to": {"status": "cancelled"}}},
    "amend": {"status": ["open"]},
    "changed": {"column": "updated_at", "type": "iso", "overlap": 60},
}


def _tables(name: str, last: str, key: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the tables of one type; ``last`` is the action after which it is done."""
    return {
        "header": name,
        "id": {"column": "id", "type": "integer"},
        "mark": "business_key",
        "key": list(key),
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
    "payment_request": _PAYMENT_REQUEST,
    "payment": _tables("payment", "pay"),
    "purchase_order": _tables("purchase_order", "close"),
    # A supplier numbers its invoices itself: the same number again is the same invoice, whoever entered it.
    "supplier_invoice": _tables("supplier_invoice", "pay", key=("company_code", "number", "party")),
}


def tables_of(document_type: str) -> dict[str, Any]:
    """Return the rich layout for a type that has no default of its own, in tables of its name."""
    return _tables(document_type, "close")
