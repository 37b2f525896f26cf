"""One ordinary purchase order that the tests bend."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_docflow.document import Document, document_from_json


def order_json(**changes: Any) -> dict[str, Any]:
    line = {"line_id": "10", "item_id": "M-1", "quantity": "3", "unit_code": "EA", "price_amount": "10.00"}
    data: dict[str, Any] = {
        "document_type": "purchase_order",
        "id": "PO-1",
        "issue_date": "2026-03-31",
        "company_code": "1000",
        "document_currency_code": "EUR",
        "seller_supplier_party": {"id": "SUP-1", "name": "Müller & Söhne"},
        "lines": [line | {"tax_percent": "19"}, line | {"line_id": "20", "quantity": "0.5"}],
    }
    return data | changes


@pytest.fixture
def order() -> Callable[..., Document]:
    """Build the order with other fields, and with other fields of its first line under ``line``."""

    def build(line: dict[str, Any] | None = None, **changes: Any) -> Document:
        data = order_json(**changes)
        data["lines"] = [data["lines"][0] | (line or {}), *data["lines"][1:]]
        return document_from_json(data)

    return build
