"""What Tryton tells of a document type: its fields as they are installed, and what the user may do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.tryton.kinds import Kind
from airflow_provider_docflow.systems.tryton.wire import rows, rpc

KNOWN_MODULES = frozenset(
    {
        *("account", "account_invoice", "account_invoice_stock", "account_payment", "account_product"),
        *("company", "country", "currency", "ir", "party", "product", "purchase", "purchase_request"),
        *("purchase_requisition", "res", "sale", "stock"),
    }
)
"""Modules that the profile was written and tested with; what another one adds counts as custom."""

_HEADER = {
    "number": "id",
    "company": "company_code",
    "accounting_date": "posting_date",
    "tax_amount": "tax_amount",
    "payment_term": "payment_terms",
    "employee": "requester.id",
    "comment": "notes.0",
    "lines": "lines",
}
_LINE = {
    "product": "item_id",
    "unit": "unit_code",
    "quantity": "quantity",
    "unit_price": "price_amount",
    "amount": "line_extension_amount",
    "description": "description",
    "note": "notes.0",
    "taxes": "tax_percent",
    "supplier": "seller_supplier_party.id",
    "delivery_date": "delivery_date",
    "account": "accounting.0.account",
}
_READ_ONLY = ("number", "tax_amount", "total_amount", "state", "lines.amount")


def _header(kind: Kind) -> dict[str, str]:
    own = {kind.total: "payable_amount", kind.currency.partition(".")[0]: "document_currency_code"}
    if kind.issued:
        own[kind.issued] = "issue_date"
    if kind.payee:
        own[kind.payee] = "seller_supplier_party.id"
    return {**_HEADER, **own}


def describer(kind: Kind) -> Callable[[Site], Exchange[list[LiveField]]]:
    """Return the question for the fields of a type and of its lines."""

    def describe(site: Site) -> Exchange[list[LiveField]]:
        context = yield from rpc(site, "model.res.user.get_preferences", True)
        found = yield from _fields(site, kind.model, "", _header(kind), context)
        if kind.line_model:
            model, parent = kind.line_model
            lines = yield from _fields(site, model, "lines.", _LINE, context)
            found += [field for field in lines if field.name != f"lines.{parent}"]
        return found

    return describe


def _fields(
    site: Site, model: str, prefix: str, mapped: Mapping[str, str], context: Mapping[str, Any]
) -> Exchange[list[LiveField]]:
    given = yield from rpc(site, f"model.{model}.fields_get", context=context)
    needed = sorted(name for name, one in given.items() if one.get("required"))
    filled = yield from rpc(site, f"model.{model}.default_get", needed, False, context=context)
    wanted = [["model", "=", model]]
    modules = yield from rows(site, "ir.model.field", wanted, ("name", "module"))
    module_of = {row["name"]: row.get("module") for row in modules}
    line = "lines[*]." if prefix else ""
    return [
        LiveField(
            name=f"{prefix}{name}",
            label=str(one.get("string") or ""),
            type=_type(one),
            canonical=f"{line}{mapped[name]}" if name in mapped else "",
            required=name in needed and filled.get(name) is None and not one.get("readonly"),
            custom=module_of.get(name) not in KNOWN_MODULES,
            written=name in mapped and f"{prefix}{name}" not in _READ_ONLY,
        )
        for name, one in sorted(given.items(), key=lambda pair: (pair[0] not in mapped, pair[0]))
        if one.get("type") not in ("function", "mptt") and name not in _TECHNICAL
    ]


_TECHNICAL = frozenset(
    {"id", "create_uid", "create_date", "write_uid", "write_date", "rec_name", "rec_blurb", "xml_id"}
)


def _type(one: Mapping[str, Any]) -> str:
    kind, relation = str(one.get("type") or ""), one.get("relation")
    choices = one.get("selection")
    if relation:
        return f"{kind} {relation}"
    if kind == "selection" and isinstance(choices, list):
        return f"one of {', '.join(str(choice[0]) for choice in choices if choice[0])}"
    return kind


def permissions(kind: Kind) -> Callable[[Site], Exchange[Mapping[str, bool]]]:
    """Return the question what the user may do with records of a type, by Tryton's own access rights."""
    names = {"read": "read", "create": "create", "amend": "write"}

    def ask(site: Site) -> Exchange[Mapping[str, bool]]:
        access = yield from rpc(site, "model.ir.model.access.get_access", [kind.model])
        rights = access[kind.model]
        return {operation: bool(rights[right]) for operation, right in names.items()}

    return ask
