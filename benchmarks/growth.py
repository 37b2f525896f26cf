"""
How a ledger grows: what one document in its flow leaves there, before and after the cleaning of what is over.

Each document is a requisition of five lines. Three tasks have it in hand, two people decide on it, and it
becomes an order, which is submitted and written back: three writes. Sizes are those after a VACUUM, which
gives back what was removed; figures are extrapolated to a million documents.
"""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import text

from airflow_provider_docflow.approvals.coverage import Coverage
from airflow_provider_docflow.document import (
    Document,
    DocumentRef,
    DocumentType,
    content_hash,
    document_from_json,
    document_to_json,
    material_hash,
)
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.decisions import NewDecision
from airflow_provider_docflow.ledger.documents import DocumentEntry
from airflow_provider_docflow.ledger.keys import IntentKey, IntentRequest, LineUse, Receipt
from airflow_provider_docflow.ledger.snapshots import NewSnapshot
from benchmarks.pages import databases

LINES, PORTION, MILLION = 5, 500, 1_000_000
OA, ERP = "dingtalk:corp-1", "erp:db-1"
STATE = {"lifecycle": "active", "approval": "approved", "raw": {"state": "confirmed"}}


class Past:
    """A clock that stood still a year ago, and goes on when what was written is to be old."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC) - timedelta(days=365)

    def __call__(self) -> datetime:
        return self.now


def document(number: int) -> Document:
    """Return a requisition of five lines."""
    lines = [
        {
            "line_id": str(line),
            "item_id": f"P-{number % 977:04d}-{line}",
            "description": "Hydraulic pump, 5.5 kW, with flange and gasket",
            "quantity": "12",
            "unit_code": "C62",
            "price_amount": "1049.50",
            "tax_percent": "13",
            "accounting": [{"cost_centre": f"CC-{number % 41}", "account": "6601"}],
        }
        for line in range(1, LINES + 1)
    ]
    return document_from_json(
        {
            "document_type": "purchase_requisition",
            "id": f"PR-2026-{number:07d}",
            "issue_date": "2026-03-31",
            "company_code": "1000",
            "document_currency_code": "CNY",
            "seller_supplier_party": {"id": f"SUP-{number % 997}", "name": "Northern Supplies 北方物资"},
            "requester": {"id": f"user-{number % 499}"},
            "lines": lines,
        }
    ).totalled()


def source_of(number: int) -> DocumentRef:
    """Return the requisition's reference."""
    kind, name = DocumentType.PURCHASE_REQUISITION, f"PR-2026-{number:07d}"
    return DocumentRef(OA, "1000", kind, f"Xb7c9a31e4{number:010d}", name)


def order_of(number: int) -> DocumentRef:
    """Return the order's reference."""
    return DocumentRef(ERP, "1000", DocumentType.PURCHASE_ORDER, str(number), f"PO-{number:07d}")


def fill(ledger: Ledger, count: int) -> None:
    """Take ``count`` documents through their flow, as the tasks of a flow in the volume lane do."""
    for start in range(0, count, PORTION):
        numbers = range(start, min(start + PORTION, count))
        seen = {number: document(number) for number in numbers}
        _read(ledger, seen, f"scheduled__{start}")
        _decide(ledger, seen)
        with ledger.transaction() as tx:
            for number, one in seen.items():
                lines = Coverage(ledger).capacity(one)
                ledger.links.set_capacity(source_of(number), lines, tx=tx)
        for purpose in ("create", "submit", "write_back"):
            _write(ledger, seen, purpose)


def _read(ledger: Ledger, seen: dict[int, Document], run_id: str) -> None:
    entries = [
        DocumentEntry(
            source_of(number),
            party_id=f"SUP-{number % 997}",
            party_name="Northern Supplies 北方物资",
            amount=one.payable_amount,
            currency="CNY",
            issue_date=one.issue_date,
            state={**STATE, "read_at": ledger.now().isoformat()},
        )
        for number, one in seen.items()
    ]
    ledger.documents.upsert(entries)
    ledger.snapshots.put([_snapshot(number, one) for number, one in seen.items()])
    refs = [source_of(number) for number in seen]
    for task in ("approved", "orders", "written_back"):
        ledger.documents.touch(refs, dag_id="requisition_to_order", run_id=run_id, task_id=task)
        batch = ledger.batches.create([{"source": ref.number, "part": ""} for ref in refs])
        told: dict[int, dict[str, Any]] = {
            position: {"status": "written", "source": ref.number, "part": "", "ref": ref.to_json()}
            | {"docflow_conn_id": "oa", "material_hash": "0" * 64, "url": "https://oa.example.com/x"}
            for position, ref in enumerate(refs)
        }
        ledger.batches.set_outcomes(batch, told)


def _snapshot(number: int, one: Document) -> NewSnapshot:
    hashes = (material_hash(one), content_hash(one))
    return NewSnapshot(source_of(number), "2026-03-31T08:00:00Z", *hashes, document_to_json(one))


def _decide(ledger: Ledger, seen: dict[int, Document]) -> None:
    rows = []
    for number, one in seen.items():
        common: dict[str, Any] = {
            "approval_system": OA,
            "approval_instance_id": source_of(number).internal_id,
        }
        for approver, final in (("head.of.purchasing", False), ("boss", True)):
            word = NewDecision(
                source_of(number),
                "approved",
                material_hash(one),
                ledger.now(),
                approver=approver,
                final=final,
                **common,
            )
            rows.append(word)
    ledger.decisions.append_many(rows)


def _write(ledger: Ledger, seen: dict[int, Document], purpose: str) -> None:
    requests = [_request(number, one, purpose) for number, one in seen.items()]
    reserved = ledger.intents.reserve(requests, owner="requisition_to_order.orders", lease_seconds=120)
    pairs = [(one.intent_id, one.lease_token) for one in reserved]
    ledger.intents.begin_sending(pairs, deadline_seconds=60, settle_seconds=0)
    receipts = []
    for (intent_id, token), (number, one) in zip(pairs, seen.items(), strict=True):
        detail = {"amount": str(one.payable_amount), "material_hash": material_hash(one), "currency": "CNY"}
        target = source_of(number) if purpose == "write_back" else order_of(number)
        state = {**STATE, "read_at": ledger.now().isoformat()}
        receipts.append((intent_id, token, Receipt(target, state, content_hash(one), ledger.now(), detail)))
    ledger.intents.set_receipts(receipts)


def _request(number: int, one: Document, purpose: str) -> IntentRequest:
    creates = purpose == "create"
    key = IntentKey(ERP, "purchase_order", OA, "purchase_requisition", one.id, "1000", purpose=purpose)
    payload = {
        "document": document_to_json(one) if creates else None,
        "ref": None if creates else order_of(number).to_json(),
        "arguments": {},
        "reference": one.id,
    }
    uses = tuple(
        LineUse(
            source_of(number),
            line.line_id,
            line.quantity,
            line.line_extension_amount or Decimal(0),
            "fulfils",
        )
        for line in one.lines
    )
    actor = "requisition_to_order.orders in scheduled__2026-03-31T08:00:00+00:00"
    return IntentRequest(key, content_hash(one), payload, material_hash(one), uses if creates else (), actor)


def size(ledger: Ledger) -> int:
    """Return the bytes that the ledger takes once its database has given back what was removed."""
    engine = ledger.database.engine
    if ledger.database.dialect == "sqlite":
        raw = engine.raw_connection()
        try:
            raw.cursor().execute("VACUUM")
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
            pages = raw.cursor().execute("PRAGMA page_count").fetchone()[0]
            return int(pages) * int(raw.cursor().execute("PRAGMA page_size").fetchone()[0])
        finally:
            raw.close()
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM FULL"))
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


def main(arguments: list[str]) -> None:
    """Fill, measure, clean, measure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks growth")
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--on", nargs="+", choices=["sqlite", "postgresql"], default=["sqlite", "postgresql"])
    args = parser.parse_args(arguments)
    with databases(args.on) as urls:
        for database, url in urls.items():
            clock = Past()
            ledger = Ledger.open(url, keys=[Fernet.generate_key()], create=True, clock=clock)
            empty = size(ledger)
            started = time.perf_counter()
            fill(ledger, args.documents)
            filled = time.perf_counter() - started
            before = size(ledger) - empty
            clock.now = datetime.now(UTC)
            started = time.perf_counter()
            ledger.retention.clean(clock.now - timedelta(days=90), actor="benchmark")
            cleaned = time.perf_counter() - started
            after = size(ledger) - empty
            per = MILLION / args.documents / 1e9
            print(f"{database}: {args.documents} documents in {filled:.0f} s, cleaned in {cleaned:.0f} s")
            print(f"  per million documents {before * per:6.1f} GB, after cleaning {after * per:6.1f} GB")
            print(f"  kept {after / before:.0%}; chains that do not hold: {len(ledger.audit.verify_all())}")
            ledger.close()
