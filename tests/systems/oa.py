"""The requisition that the tests of approvals (OA) write, and one way to talk to a product."""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow.document import Document, document_from_json

TYPE = "purchase_requisition"


def requisition(number: str = "PR-1", **more: Any) -> Document:
    data = {
        "document_type": TYPE,
        "id": number,
        "issue_date": "2026-03-31",
        "company_code": "1000",
        "document_currency_code": "CNY",
        "requester": {"id": "zhang.san"},
        "lines": [
            {
                "line_id": "1",
                "item_id": "P-101",
                "description": "扳手 ø 12",
                "quantity": "2",
                "unit_code": "C62",
                "price_amount": "50.25",
                "seller_supplier_party": {"id": "SUP-1"},
                "accounting": [{"cost_centre": "CC-7"}],
            }
        ],
        **more,
    }
    return document_from_json(data).totalled()
