from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, document_from_json
from airflow_provider_docflow.sandbox import Sandbox
from airflow_provider_docflow.sandbox.u8.identity import APP_KEY, APP_SECRET, TO_ACCOUNT
from airflow_provider_docflow.systems.u8 import PROFILE
from airflow_provider_docflow.systems.u8.objects import VOUCHERS
from tests.contract.stand_u8 import settings_of
from tests.systems.calling import MARK, Caller

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


class Desk(Caller):
    """A connection to the stand-in, and what people do in the U8."""

    def __init__(self, sandbox: Sandbox, kind: str = "sync", **settings: Any) -> None:
        super().__init__(kind)
        self.sandbox = sandbox
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

    def create(self, found: Document | None = None, mark: str = MARK) -> DocumentRef:
        found = found or document()
        item = WriteItem(mark=mark, document=found)
        written = self.write("create", item)
        assert written.ref is not None
        return written.ref

    def act(self, purpose: str, ref: DocumentRef, **arguments: Any) -> Written:
        item = WriteItem(mark=MARK, ref=ref, arguments=arguments)
        return self.write(purpose, item)

    def ref(self, code: str, document_type: str = "purchase_order") -> DocumentRef:
        return DocumentRef(INSTANCE, "", document_type, code, code)  # type: ignore[arg-type]

    def read(self, ref: DocumentRef) -> Reading:
        return self.reading(ref)

    def find(self, *marks: str, document_type: str = "purchase_order") -> list[Sequence[Reading]]:
        return self.found(document(document_type), *marks)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "home") as running:
        yield running


@pytest.fixture
def desk(sandbox: Sandbox) -> Desk:
    return Desk(sandbox)
