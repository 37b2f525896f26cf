from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import Reading, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, document_from_json
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.yonbip.identity import APP_KEY, APP_SECRET, TENANT
from airflow_provider_docflow.systems.yonbip import PROFILE
from tests.contract.stand_yonbip import settings_of
from tests.systems.calling import MARK, Caller

PURCHASE, SALE = "purchase_order", "sales_order"
KINDS = {PURCHASE: "purchase", SALE: "sale"}
LINE = {
    "line_id": "10",
    "item_id": "P-101",
    "description": "扳手 Ø 12",
    "quantity": "3",
    "unit_code": "C62",
    "price_amount": "50.25",
    "tax_percent": "13",
}


def purchase(number: str = "PO-1", **more: Any) -> Document:
    data = {
        "document_type": PURCHASE,
        "id": number,
        "issue_date": "2026-03-31",
        "company_code": "C1",
        "document_currency_code": "CNY",
        "seller_supplier_party": {"id": "SUP-1"},
        "lines": [LINE],
        **more,
    }
    return document_from_json(data).totalled()


def sale(number: str = "SO-1", **more: Any) -> Document:
    data = {
        "document_type": SALE,
        "id": number,
        "issue_date": "2026-03-31",
        "company_code": "C2",
        "document_currency_code": "CNY",
        "buyer_customer_party": {"id": "CUST-1"},
        "delivery": {"delivery_date": "2026-04-15"},
        "notes": ["加急"],
        "lines": [{**LINE, "line_id": "1", "price_amount": "1.13", "price_includes_tax": True}],
        **more,
    }
    return document_from_json(data).totalled()


class Desk(Caller):
    """A connection to the stand-in, and what people do in the tenant."""

    def __init__(self, sandbox: Sandbox, kind: str = "sync", **settings: Any) -> None:
        super().__init__(kind)
        self.sandbox = sandbox
        self.site = self.connect(**settings)

    def connect(self, secret: str = APP_SECRET, **settings: Any) -> Site:
        given = settings_of(**settings)
        return Site(
            profile=PROFILE.configured(given),
            conn_id="yonbip_conn",
            base_url=f"{self.sandbox.base_url}/yonbip",
            username=APP_KEY,
            password=secret,
            settings=given,
            instance=str(given["tenant_id"]),
        )

    def put(self, **settings: Any) -> None:
        self.sandbox.call("PUT", "yonbip/settings", settings)

    def kept(self, document_type: str = PURCHASE) -> list[dict[str, Any]]:
        return self.sandbox.call("GET", f"yonbip/{KINDS[document_type]}")["orders"]

    def sent(self, path: str) -> list[Any]:
        return [json.loads(request["body"], parse_float=Decimal) for request in self.sandbox.requests(path)]

    def item(self, document: Document | None = None, mark: str = MARK, **more: Any) -> WriteItem:
        return WriteItem(mark=mark, document=document or purchase(), **more)

    def create(self, document: Document | None = None, mark: str = MARK) -> DocumentRef:
        document = document or purchase()
        written = self.write("create", self.item(document, mark))
        assert written.ref is not None
        return written.ref

    def act(self, purpose: str, *refs: DocumentRef) -> list[Any]:
        items = [WriteItem(mark=f"{MARK}{place}", ref=ref) for place, ref in enumerate(refs)]
        return self.results(purpose, *items)

    def ref(self, internal_id: str, document_type: str = PURCHASE) -> DocumentRef:
        return DocumentRef(TENANT, "", document_type, internal_id)  # type: ignore[arg-type]

    def read(self, ref: DocumentRef) -> Reading:
        return self.reading(ref)

    def find(self, *marks: str, document_type: str = PURCHASE) -> list[Sequence[Reading]]:
        return self.found(purchase().model_copy(update={"document_type": document_type}), *marks)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "home") as running:
        yield running


@pytest.fixture
def desk(sandbox: Sandbox) -> Desk:
    return Desk(sandbox)
