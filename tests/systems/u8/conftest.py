from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Query, Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, document_from_json
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door, LocalTokens
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.u8.identity import APP_KEY, APP_SECRET, TO_ACCOUNT
from airflow_provider_docflow.systems.u8 import PROFILE
from airflow_provider_docflow.systems.u8.objects import VOUCHERS
from tests.contract.stand_u8 import settings_of

MARK = "M0123456789ABCDE"
INSTANCE = f"{TO_ACCOUNT}/1"
OBJECTS = {str(voucher.document_type): voucher.name for voucher in VOUCHERS}
LINE = {
    "line_id": "1",
    "item_id": "P-101",
    "description": "扳手 Ø 12",
    "quantity": "3",
    "unit_code": "C62",
    "price_amount": "50.25",
    "tax_percent": "13",
}
AMOUNT = {"line_id": "1", "description": "货款", "quantity": "1", "price_amount": "1200.5"}
OWN = {
    "purchase_order": {"seller_supplier_party": {"id": "SUP-1"}, "lines": [LINE]},
    "purchase_requisition": {"requester": {"id": "0001"}, "lines": [LINE]},
    "sales_order": {"buyer_customer_party": {"id": "CUST-1"}, "lines": [LINE]},
    "payment": {
        "seller_supplier_party": {"id": "SUP-1"},
        "payee_account": {"account_number": "6222020200112233", "bank": "工商银行"},
        "lines": [AMOUNT],
    },
    "payment_request": {"seller_supplier_party": {"id": "SUP-1"}, "lines": [AMOUNT]},
    "supplier_invoice": {"seller_supplier_party": {"id": "SUP-2"}, "lines": [AMOUNT]},
}


def document(document_type: str = "purchase_order", number: str = "D-1", **more: Any) -> Document:
    data = {
        "document_type": document_type,
        "id": number,
        "issue_date": "2026-03-31",
        "company_code": "C1",
        "document_currency_code": "CNY",
        **OWN[document_type],
        **more,
    }
    return document_from_json(data).totalled()


class Desk:
    """A connection to the stand-in, and what people do in the U8."""

    def __init__(self, sandbox: Sandbox, kind: str = "sync", **settings: Any) -> None:
        self.sandbox, self.kind = sandbox, kind
        self.tokens = LocalTokens()
        self.site = self.connect(**settings)
        self.pauses: list[float] = []

    def connect(self, secret: str = APP_SECRET, **settings: Any) -> Site:
        given = settings_of(**settings)
        return Site(
            profile=PROFILE.configured(given),
            conn_id="u8_conn",
            base_url=f"{self.sandbox.base_url}/u8",
            username=APP_KEY,
            password=secret,
            settings=given,
            instance=INSTANCE,
        )

    def run(self, exchange: Exchange[Any]) -> Any:
        if self.kind == "sync":
            with Door(self.site, tokens=self.tokens, sleep=self.sleep) as door:
                return door.run(exchange)
        return asyncio.run(self._arun(exchange))

    async def _arun(self, exchange: Exchange[Any]) -> Any:
        async with AsyncDoor(self.site, tokens=self.tokens) as door:
            return await door.run(exchange)

    def sleep(self, seconds: float) -> None:
        """Let the stand-in's time pass instead of ours."""
        self.pauses.append(seconds)
        self.sandbox.advance(seconds)

    def put(self, **settings: Any) -> None:
        self.sandbox.call("PUT", "u8/settings", settings)

    def enter(self, document_type: str, code: str, **voucher: Any) -> DocumentRef:
        """Enter or change a voucher as a person there does."""
        self.sandbox.call("PUT", f"u8/{OBJECTS[document_type]}/{code}", voucher)
        return self.ref(code, document_type)

    def kept(self, document_type: str = "purchase_order") -> list[dict[str, Any]]:
        return self.sandbox.call("GET", f"u8/{OBJECTS[document_type]}")["vouchers"]

    def sent(self, path: str) -> list[Any]:
        return [json.loads(request["body"]) for request in self.sandbox.requests(path)]

    def results(self, purpose: str, item: WriteItem, document_type: str) -> list[Any]:
        return self.run(self.site.profile.write(document_type, purpose).run(self.site, [item]))

    def write(self, purpose: str, item: WriteItem, document_type: str) -> Written:
        (result,) = self.results(purpose, item, document_type)
        if isinstance(result, Exception):
            raise result
        return result

    def create(self, found: Document | None = None, mark: str = MARK) -> DocumentRef:
        found = found or document()
        item = WriteItem(mark=mark, document=found)
        written = self.write("create", item, str(found.document_type))
        assert written.ref is not None
        return written.ref

    def act(self, purpose: str, ref: DocumentRef, **arguments: Any) -> Written:
        item = WriteItem(mark=MARK, ref=ref, arguments=arguments)
        return self.write(purpose, item, str(ref.document_type))

    def ref(self, code: str, document_type: str = "purchase_order") -> DocumentRef:
        return DocumentRef(INSTANCE, "", document_type, code, code)  # type: ignore[arg-type]

    def read(self, ref: DocumentRef) -> Reading:
        (found,) = self.run(PROFILE.of(str(ref.document_type)).read(self.site, [ref]))
        if isinstance(found, Exception):
            raise found
        return found

    def search(self, document_type: str = "purchase_order", **query: Any) -> list[Reading]:
        search = PROFILE.of(document_type).search
        assert search is not None
        found, position = [], None
        while True:
            page = self.run(search(self.site, Query(**query), position))
            found += page.readings
            if (position := page.next) is None:
                return found

    def find(self, *marks: str, document_type: str = "purchase_order") -> list[Sequence[Reading]]:
        find = self.site.profile.write(document_type, "create").find
        assert find is not None
        items = [WriteItem(mark=mark, document=document(document_type)) for mark in marks]
        return [finding.marked for finding in self.run(find(self.site, items))]


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "home") as running:
        yield running


@pytest.fixture
def desk(sandbox: Sandbox) -> Desk:
    return Desk(sandbox)
