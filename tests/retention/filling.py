"""A ledger with work that is over and work that is not, all of it old."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.decisions import NewDecision
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.shadows import Place, ShadowEntry
from airflow_provider_docflow.ledger.snapshots import NewSnapshot
from tests.ledger.samples import OA, Clock, done, ref, reserve, send, use, wanted

YEAR = timedelta(days=365)


def source(number: str) -> Any:
    return ref(number, "purchase_requisition", OA)


def seen(ledger: Ledger, number: str) -> int:
    """Keep a requisition as it stands, with its approval."""
    body = {"id": number, "payable_amount": "12.50"}
    kept = NewSnapshot(source(number), "r1", f"m-{number}", f"c-{number}", body)
    (snapshot,) = ledger.snapshots.put([kept])
    approved = NewDecision(
        source(number), "approved", f"m-{number}", ledger.now(), approver="boss", snapshot_id=snapshot
    )
    ledger.decisions.append(approved)
    return snapshot


def fill(ledger: Ledger, clock: Clock, count: int = 12) -> dict[str, Any]:
    """Write ``count`` documents, and leave others undone, held, awaited and in doubt."""
    snapshots = {f"PR-{n}": seen(ledger, f"PR-{n}") for n in range(1, count + 1)}
    for n in range(1, count + 1):
        done(ledger, clock, f"PR-{n}", f"PO-{n}", uses=(use(source=f"PR-{n}"),))
        for attempt in (1, 2, 3):
            clock.forward(1)
            ledger.documents.touch(
                [source(f"PR-{n}")], dag_id="flow", run_id=f"run-{n}", task_id="orders", try_number=attempt
            )
    for number in ("OPEN-1", "HELD-1", "WAIT-1", "CASE-1"):
        snapshots[number] = seen(ledger, number)
    (undone,) = reserve(ledger, wanted("OPEN-1", uses=(use(source="OPEN-1"),)))
    send(ledger, undone)
    (held,) = reserve(ledger, wanted("HELD-1"))
    stop = NewIncident("control", "look", "a person looks", intent_id=held.intent_id)
    ledger.intents.hold([(held.intent_id, held.lease_token, ledger.incidents.open(stop))])
    case = ledger.incidents.open(NewIncident("data", "wrong", "open still", ref=source("CASE-1")))
    over = ledger.incidents.open(NewIncident("data", "old", "张三 forgot it", ref=source("PR-1")))
    ledger.incidents.close(over, actor="boss", reason="张三 has done it")
    waiting = [{"form": {"ref": source("WAIT-1").to_json()}, "subject": None, "run": ""}]
    name = f"handover:purchase_requisition:{OA}"
    ledger.cursors.set(name, waiting, expected=ledger.cursors.get(name))
    batch = ledger.batches.create([{"source": f"PR-{n}"} for n in range(count)])
    ledger.batches.set_outcomes(batch, {n: {"status": "written", "source": f"PR-{n}"} for n in range(count)})
    for n in range(count):
        ledger.inbox.put("oa", f"event-{n}", "changed", {"number": f"PR-{n}"})
    ledger.shadows.put(
        Place("flow", "run-1", "orders"), [ShadowEntry(name=("x",), action="create", verdict="create")]
    )
    return {
        "snapshots": snapshots,
        "undone": undone,
        "held": held,
        "case": case,
        "over": over,
        "batch": batch,
    }
