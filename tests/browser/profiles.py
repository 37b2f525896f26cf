"""The plain ERP with pages of its own, so that a document can be opened there."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from airflow_provider_docflow.core.calls import body_error
from airflow_provider_docflow.core.rest import bearer, rest_profile
from airflow_provider_docflow.systems.rest.example import document

PROFILE = rest_profile(
    name="plain_erp",
    title="Plain ERP",
    docs_url="https://www.rfc-editor.org/rfc/rfc9110",
    checked_on=date(2026, 11, 22),
    login=bearer("api_key"),
    documents={"purchase_order": replace(document("purchase_order", by_key=True), link="/ui/orders/{id}")},
    error=body_error("error.code", "error.message"),
)
