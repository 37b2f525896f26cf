"""Keys, requests and receipts as the tests need them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.ledger import IntentKey, IntentRequest, Ledger, LineUse, Receipt, Reservation

KEY = "J9ZpW3nVJ5dC0m3m4bJr1uXrYJ0v0p1rC8Q4oBqz0nE="
OTHER_KEY = "0hT2m1eUu8p4b1G2n0yYzq2sQ3Vf6sYc3y0m9Yw1r5k="
ERP, OA = "erp:db-1", "oa:corp-1"


class Clock:
    """A clock that only tests move."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 31, 8, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def key(number: str = "PR-1", **changes: Any) -> IntentKey:
    base = IntentKey(ERP, "purchase_order", OA, "purchase_requisition", number, "1000")
    return replace(base, **changes)


def wanted(
    number: str = "PR-1", content: str = "c1", *, uses: tuple[LineUse, ...] = (), **changes: Any
) -> IntentRequest:
    payload = {
        "document": {"id": number, "payable_amount": "99999999999999.99", "document_currency_code": "CNY"}
    }
    return IntentRequest(key(number, **changes), content, payload, f"m-{content}", uses, "dag/run/task")


def ref(number: str = "PO-1", kind: str = "purchase_order", instance: str = ERP) -> DocumentRef:
    return DocumentRef(instance, "1000", DocumentType(kind), f"id-{number}", number)


def state(at: datetime, **axes: str) -> dict[str, Any]:
    return {
        "lifecycle": "active",
        "approval": "none",
        **axes,
        "raw": {"state": "open"},
        "read_at": at.isoformat(),
    }


def receipt(clock: Clock, number: str = "PO-1", content: str = "c1", **detail: Any) -> Receipt:
    return Receipt(ref(number), state(clock.now), content, clock.now, detail)


def use(
    line: str = "1", quantity: str = "1", amount: str = "0", source: str = "PR-1", **changes: Any
) -> LineUse:
    of = ref(source, "purchase_requisition", OA)
    return LineUse(of, line, Decimal(quantity), Decimal(amount), changes.pop("kind", "fulfils"), **changes)


def reserve(
    ledger: Ledger, *requests: IntentRequest, owner: str = "a", lease: float = 60
) -> list[Reservation]:
    return ledger.intents.reserve(requests, owner=owner, lease_seconds=lease)


def pairs(*reservations: Reservation) -> list[tuple[int, str]]:
    return [(one.intent_id, one.lease_token) for one in reservations]


def send(ledger: Ledger, *reservations: Reservation, settle: float = 30, deadline: float = 20) -> set[int]:
    return ledger.intents.begin_sending(
        pairs(*reservations), deadline_seconds=deadline, settle_seconds=settle
    )


def done(
    ledger: Ledger, clock: Clock, number: str = "PR-1", target: str = "PO-1", **changes: Any
) -> Reservation:
    """Write one document from reservation to receipt."""
    (one,) = reserve(ledger, wanted(number, **changes))
    assert send(ledger, one) == {one.intent_id}
    made = receipt(clock, target, changes.get("content", "c1"))
    assert ledger.intents.set_receipts([(one.intent_id, one.lease_token, made)]) == {one.intent_id}
    return one
