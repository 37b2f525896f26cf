"""
A complete profile of a JSON API: the plain ERP of the sandbox (``/erp/...``). Copy it and change the words.

Two variants of one API, to show the choice that every profile has to make. :data:`PROFILE` relies on the
``Idempotency-Key`` header, because that ERP keeps keys for good: exactly once by the system's own refusal.
:data:`PROFILE_BY_SEARCH` does without it and finds the document again by the mark in its ``reference``:
exactly once after the settle time, because that ERP's search is exact and complete.
"""

from __future__ import annotations

from datetime import date

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import body_error
from airflow_provider_docflow.core.error_rules import ErrorRule
from airflow_provider_docflow.core.profile import Probe, SystemProfile
from airflow_provider_docflow.core.rest import (
    Action,
    Call,
    Field,
    Find,
    IdempotencyKey,
    MarkAt,
    NextToken,
    ReadMany,
    RestDocument,
    Search,
    bearer,
    rest_profile,
)
from airflow_provider_docflow.core.states import Words

_FIELDS = (
    Field("id", "number", write=False),
    Field("company_code", "company", required=True),
    Field("issue_date", "issue_date"),
    Field("posting_date", "posting_date"),
    Field("due_date", "due_date"),
    Field("document_currency_code", "currency"),
    Field("seller_supplier_party.id", "supplier.code"),
    Field("seller_supplier_party.name", "supplier.name"),
    Field("tax_amount", "totals.tax"),
    Field("payable_amount", "totals.payable"),
)
_LINES = (
    Field("line_id", "line"),
    Field("item_id", "item"),
    Field("description", "text"),
    Field("quantity", "quantity"),
    Field("unit_code", "unit"),
    Field("price_amount", "price"),
    Field("tax_percent", "tax_percent"),
    Field("tax_amount", "tax"),
    Field("line_extension_amount", "net"),
    Field("accounting.0.cost_centre", "cost_centre"),
)
_LIFECYCLE = Words(
    at="status",
    words={
        "draft": "draft",
        "submitted": "submitted",
        "approved": "active",
        "rejected": "draft",
        "posted": "closed",
        "cancelled": "cancelled",
        "reversed": "reversed",
    },
)
_APPROVAL = Words(
    at="status",
    words={
        "draft": "none",
        "submitted": "pending",
        "approved": "approved",
        "rejected": "rejected",
        "posted": "approved",
        "cancelled": "withdrawn",
        "reversed": "revoked",
    },
)
_PAGING = NextToken(at="next_cursor", param="cursor", size_param="limit", size=100)


def _action(kind: str, name: str, **done: tuple[str, ...]) -> Action:
    return Action(call=Call(method="POST", path=f"/erp/{kind}/{{id}}/actions/{name}"), done=done)


def document(kind: str, *, by_key: bool) -> RestDocument:
    """Return the declaration of one document type of the plain ERP."""
    listing = Call(method="GET", path=f"/erp/{kind}", at="items")
    return RestDocument(
        read=Call(method="GET", path=f"/erp/{kind}/{{id}}"),
        read_many=ReadMany(
            call=Call(method="GET", path=f"/erp/{kind}", params={"limit": "100"}, at="items"),
            param="ids",
            size=100,
        ),
        create=Call(method="POST", path=f"/erp/{kind}"),
        amend=Call(method="PATCH", path=f"/erp/{kind}/{{id}}"),
        search=Search(
            call=listing,
            filters={"company_code": "company", "changed_since": "updated_since"},
            paging=_PAGING,
        ),
        find=Find(
            call=listing, param="reference", paging=_PAGING, probe=Probe(quality="unique", settle_seconds=1.0)
        ),
        mark=MarkAt(native="reference", text="{reference} [{mark}]", length=80),
        idempotency=IdempotencyKey(for_good=True) if by_key else None,
        fields=_FIELDS,
        lines_at="lines",
        line_fields=_LINES,
        states={"lifecycle": _LIFECYCLE, "approval": _APPROVAL},
        changed_at="updated_at",
        actions={
            "submit": _action(kind, "submit", lifecycle=("submitted", "active", "closed")),
            "confirm": _action(kind, "approve", lifecycle=("active", "closed")),
            "post": _action(kind, "post", lifecycle=("closed",)),
            "cancel": _action(kind, "cancel", lifecycle=("cancelled",)),
        },
        stages={"saved": (), "submitted": ("submit",), "confirmed": ("submit", "confirm")},
    )


_ERRORS = (
    ErrorRule(raises=exc.PeriodClosed, code=("period_closed",)),
    ErrorRule(raises=exc.Duplicate, code=("idempotency_key_reused",)),
    ErrorRule(raises=exc.Rejected, status=(409,), code=("invalid_status",)),
    ErrorRule(raises=exc.Unsupported, status=(404,), code=("unknown_action",)),
)
_TYPES = ("purchase_order", "supplier_invoice", "payment_request")


def _profile(name: str, title: str, *, by_key: bool) -> SystemProfile:
    return rest_profile(
        name=name,
        title=title,
        docs_url="https://www.rfc-editor.org/rfc/rfc9110",
        checked_on=date(2026, 11, 22),
        login=bearer("api_key"),
        documents={kind: document(kind, by_key=by_key) for kind in _TYPES},
        error=body_error("error.code", "error.message"),
        errors=_ERRORS,
    )


PROFILE = _profile("example_erp", "Plain ERP", by_key=True)
PROFILE_BY_SEARCH = _profile("example_erp_by_search", "Plain ERP without keys", by_key=False)
