"""What a receipt tells the index: what the system says, and where it says nothing, what it was sent."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import Document, DocumentRef, DocumentState, document_from_json
from airflow_provider_docflow.ledger.documents import DocumentEntry
from airflow_provider_docflow.ledger.intents.sending import entry_of_receipt
from airflow_provider_docflow.ledger.keys import Receipt
from airflow_provider_docflow.ledger.requests import WriteRequest, existing_receipt
from tests.ledger.samples import key

AT = datetime(2026, 3, 31, 8, tzinfo=UTC)


def order(**more: Any) -> Document:
    data = {
        "document_type": "purchase_order",
        "id": "PO-1",
        "issue_date": "2026-03-31",
        "document_currency_code": "CNY",
        "seller_supplier_party": {"id": "SUP-1", "name": "Élan 供应商"},
        "lines": [{"line_id": "1", "item_id": "A", "quantity": "2", "price_amount": "10.25"}],
        **more,
    }
    return document_from_json(data).totalled()


def learnt(sent: Document | None, **shown: Any) -> DocumentEntry:
    ref = DocumentRef("erp", "", "purchase_order", "7", "PO-1")
    request = WriteRequest(key=key(), content_hash="0" * 64, document=sent)
    reading = Reading(ref=ref, state=DocumentState(read_at=AT), **shown)
    kept = existing_receipt(request, reading, AT)
    return entry_of_receipt(Receipt.from_json(kept.to_json()))


def facts(entry: DocumentEntry) -> tuple[Any, ...]:
    return entry.party_id, entry.party_name, entry.amount, entry.currency, entry.issue_date


def test_what_the_system_does_not_say_is_taken_from_what_it_was_sent() -> None:
    found = facts(learnt(order()))

    assert found == ("SUP-1", "Élan 供应商", Decimal("20.50"), "CNY", date(2026, 3, 31))


def test_what_the_system_says_comes_first() -> None:
    theirs = order(
        issue_date="2026-04-01",
        document_currency_code="USD",
        seller_supplier_party={"id": "V-9", "name": "Nine"},
    )

    found = facts(learnt(order(), document=theirs, total=Decimal("21.00"), currency="USD", party="V-9"))

    assert found == ("V-9", "Nine", Decimal("21.00"), "USD", date(2026, 4, 1))


def test_a_total_of_nothing_is_a_total() -> None:
    assert learnt(order(), total=Decimal(0)).amount == 0


def test_of_an_action_the_index_learns_what_is_read() -> None:
    assert facts(learnt(None)) == ("", "", None, "", None)
    assert facts(learnt(None, document=order()))[0] == "SUP-1"
