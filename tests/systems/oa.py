"""The requisition that the tests of approvals (OA) write, and one way to talk to a product."""

from __future__ import annotations

import asyncio
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, document_from_json
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door, LocalTokens

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


class Caller:
    """Runs exchanges on a connection, through one kind of door; its logins are kept."""

    site: Site

    def __init__(self, kind: str = "sync") -> None:
        self.kind, self.tokens = kind, LocalTokens()

    def run(self, exchange: Exchange[Any]) -> Any:
        if self.kind == "sync":
            with Door(self.site, tokens=self.tokens, sleep=lambda seconds: None) as door:
                return door.run(exchange)
        return asyncio.run(self._arun(exchange))

    async def _arun(self, exchange: Exchange[Any]) -> Any:
        async with AsyncDoor(self.site, tokens=self.tokens) as door:
            return await door.run(exchange)
