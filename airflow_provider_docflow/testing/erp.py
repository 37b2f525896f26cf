"""The plain ERP of the sandbox as any system that has no stand-in of its own: every type, with decisions."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import body_error
from airflow_provider_docflow.core.error_rules import ErrorRule
from airflow_provider_docflow.core.rest import Field, RestDocument, bearer, rest_profile
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.systems.rest.example import document

_MORE = (
    Field("payee_account.iban", "payee.iban"),
    Field("requester.id", "requester"),
    Field("notes.0", "note"),
)
_MORE_OF_A_LINE = (
    Field("seller_supplier_party.id", "supplier.code"),
    Field("seller_supplier_party.name", "supplier.name"),
    Field("delivery_date", "delivery_date"),
    Field("accounting.0.project", "project"),
    Field("accounting.0.account", "account"),
)


def _document(kind: str) -> RestDocument:
    known = document(kind, by_key=True)
    assert known.search is not None
    return replace(
        known,
        search=replace(known.search, filters={**known.search.filters, "numbers": "number"}),
        fields=(*known.fields, *_MORE),
        line_fields=(*known.line_fields, *_MORE_OF_A_LINE),
        approves=True,
    )


PROFILE = rest_profile(
    name="testing_erp",
    title="Stand-in ERP",
    docs_url="https://www.rfc-editor.org/rfc/rfc9110",
    checked_on=date(2026, 11, 22),
    login=bearer("api_key"),
    documents={kind.value: _document(kind.value) for kind in DocumentType},
    error=body_error("error.code", "error.message"),
    errors=(
        ErrorRule(raises=exc.PeriodClosed, code=("period_closed",)),
        ErrorRule(raises=exc.Duplicate, code=("idempotency_key_reused",)),
        ErrorRule(raises=exc.Rejected, status=(409,), code=("invalid_status",)),
        ErrorRule(raises=exc.Unsupported, status=(404,), code=("unknown_action",)),
    ),
)
