"""The plain ERP as these tests need it: requisitions that take numbers back, pages, and a word for "down"."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import body_error
from airflow_provider_docflow.core.error_rules import ErrorRule
from airflow_provider_docflow.core.profile import Reading, WriteItem
from airflow_provider_docflow.core.rest import Action, Call, bearer, rest_profile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.rest.example import document

DOWN = 503


def _numbers(site: Site, item: WriteItem) -> Mapping[str, Any]:
    return {"written_back": json.dumps(item.arguments["links"], sort_keys=True)}


def _has_numbers(reading: Reading, item: WriteItem) -> bool:
    return bool(reading.raw.get("written_back") == json.dumps(item.arguments["links"], sort_keys=True))


_ORDER = replace(document("purchase_order", by_key=True), link="/ui/orders/{id}")
_REQUISITION = document("purchase_requisition", by_key=True)
_WRITE_BACK = Action(
    call=Call(method="PATCH", path="/erp/purchase_requisition/{id}"), done=_has_numbers, body=_numbers
)

PROFILE = rest_profile(
    name="tests_erp",
    title="Plain ERP",
    docs_url="https://www.rfc-editor.org/rfc/rfc9110",
    checked_on=date(2026, 11, 22),
    login=bearer("api_key"),
    documents={
        "purchase_order": _ORDER,
        "purchase_requisition": replace(
            _REQUISITION, actions={**_REQUISITION.actions, "write_back": _WRITE_BACK}
        ),
    },
    error=body_error("error.code", "error.message"),
    errors=(
        ErrorRule(raises=exc.SystemDown, status=(DOWN,), retry_after=900),
        ErrorRule(raises=exc.PeriodClosed, code=("period_closed",)),
        ErrorRule(raises=exc.Duplicate, code=("idempotency_key_reused",)),
        ErrorRule(raises=exc.Rejected, status=(409,), code=("invalid_status",)),
    ),
)
