"""A process dies at every moment of a repair, and another one goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx2
import pandas as pd
import pytest

from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.document import Party
from airflow_provider_docflow.ledger.breaks import STATUSES, Break
from airflow_provider_docflow.ledger.judge import liveness
from airflow_provider_docflow.reconcile import FrameSource, Key, SystemSource, tolerance
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.plan.run import Plan
from airflow_provider_docflow.reconcile.repair.run import Repairs
from airflow_provider_docflow.reconcile.repair.terms import Terms
from airflow_provider_docflow.reconcile.run import LASTING, Reconciliation, Running, as_found
from tests.proof.cases import failure_case
from tests.proof.child import Child
from tests.proof.conftest import ERP_KEY, Erp
from tests.proof.test_people import _change_quantity
from tests.proof.traps import KILL, Trap
from tests.proof.world import ORDER, REQUISITION, Session, World, requisition

# Beyond the lease and every settle time.
LATER = 400.0
AT_ONCE = 4
FIELDS = ("supplier", "payable_amount", "currency", "internal_id")
SIDES = {
    "left": SystemSource(conn_id="oa", document_type=REQUISITION),
    "right": SystemSource(conn_id="erp", document_type=ORDER),
}
PLAN = Plan(
    match=[Key("supplier")],
    compare={"payable_amount": tolerance("0.01")},
    amount="payable_amount",
    currency="currency",
    show=("internal_id",),
)
KINDS = {"create": "missing_right", "amend": "value_difference", "cancel": "duplicate_right"}
ENDS = {
    "create": [("draft", "100.51")],
    "amend": [("draft", "150.76")],
    "cancel": [("cancelled", "100.51"), ("draft", "100.51")],
}
#: A change that has landed is seen as done, whoever did it; a document is accounted for by who wrote it.
SAID = {
    "create": ("created: ",),
    "amend": ("amended: ", "has changed since: "),
    "cancel": ("cancelled: ", "has changed since: "),
}
_SERVER = ("id", "number", "type", "status", "version", "created_at", "updated_at")


def supplier(act: str, nth: int) -> str:
    return f"SUP-{act}-{nth:03d}"


def terms(act: str, nth: int) -> dict[str, Any]:
    return {
        "name": supplier(act, nth),
        "kinds": [KINDS[act]],
        **SIDES,
        "truth": {"payable_amount": "left"},
        "requires_approval": False,
    }


def broken(world: World, erp: Erp, act: str, numbers: Sequence[int]) -> None:
    """Bring about one break for each number, and let a reconciliation of its own find it."""
    with world.open() as session:
        documents = [
            requisition(f"PR-{act}-{nth:03d}", seller_supplier_party=Party(id=supplier(act, nth), name="S"))
            for nth in numbers
        ]
        sources = session.enter(*documents)
        if act != "create":
            session.create(sources)
        for document in documents if act == "amend" else ():
            _change_quantity(world, document.id)
        for document in documents if act == "cancel" else ():
            (order,) = erp.of(document.id)
            typed = {name: value for name, value in order.items() if name not in _SERVER}
            head = {"Authorization": f"Bearer {ERP_KEY}"}
            body = {**typed, "reference": f"{document.id} by hand"}
            url = f"{erp.sandbox.base_url}/erp/{ORDER}"
            assert httpx2.post(url, json=body, headers=head, trust_env=False).status_code == 201
        reconcile(session, act, numbers, "evening")


def reconcile(session: Session, act: str, numbers: Sequence[int], key: str) -> int:
    """Reconcile both systems as they stand, each supplier by itself; return how many breaks there are."""
    wanted = {supplier(act, nth) for nth in numbers}
    left, right = (
        FrameSource(frame=told(session, one, wanted), name=side, may_be_empty=True)
        for side, one in SIDES.items()
    )
    what = Reconciliation(name=act, left=left, right=right, plan=PLAN)
    with Running(what, DuckEngine(threads=1)) as running:
        running.run()
        layout = running.computed.ground.layout
        items = [as_found(one, PLAN, layout) for one in running.items() if one.standing in LASTING]
    for name in wanted:
        run = session.ledger.reconciliations.begin(name, key, actor="night")
        mine = [one for one in items if name in (one.left_key, one.right_key)]
        session.ledger.reconciliations.record(run.id, mine, {}, actor="night")
    return len(items)


def told(session: Session, source: SystemSource, wanted: set[str]) -> pd.DataFrame:
    readings = source.documents(session.system_of(source.conn_id))
    rows = [source.row(one, FIELDS) for one in readings if liveness(one) == "alive"]
    return pd.DataFrame([row for row in rows if row["supplier"] in wanted], columns=FIELDS, dtype=object)


def orders(erp: Erp, act: str, nth: int) -> list[tuple[str, str]]:
    mine = [one for one in erp.documents() if one["supplier"]["code"] == supplier(act, nth)]
    return sorted((one["status"], str(one["totals"]["payable"])) for one in mine)


@failure_case(
    "The worker is killed while a break is repaired",
    does="counts every moment of a repair that creates, amends or cancels (each request, its bytes, its "
    "reply, each transaction of the ledger before and after) and kills one process at each of them; another "
    "process repairs on, and both sides are reconciled again.",
    expected="one order as the requisition says it, the second of two cancelled, no break left; no incident",
    shows="a repair is carried out once, wherever its process dies, and a reconciliation closes it",
)
@pytest.mark.parametrize("act", KINDS)
@pytest.mark.parametrize("quality", ["by search"], indirect=True)
def test_killed_in_a_repair(world: World, erp: Erp, quality: str, act: str) -> None:
    broken(world, erp, act, [0])
    with world.open(trap=(seen := Trap())) as session:
        Repairs(session.flow, Terms(**terms(act, 0))).carry_out()
        moments = len([line for line in seen.log if not line.startswith(("before SQL", "after SQL"))])
    numbers = range(1, moments)
    broken(world, erp, act, numbers)
    died = 0
    for some in chunks(list(numbers), AT_ONCE):
        children = [
            Child(world, "repair", [], {"nth": nth, "do": KILL}, terms=terms(act, nth)) for nth in some
        ]
        for child in children:
            child.process.join(120)
            died += child.process.exitcode == -KILL
    erp.quiet()
    with world.open(ahead=LATER) as session:
        for nth in numbers:
            Repairs(session.flow, Terms(**terms(act, nth))).carry_out()
        notes = {nth: last_note(session, act, nth) for nth in numbers}
        left = reconcile(session, act, numbers, "morning")
        statuses = {one.status for nth in numbers for one in breaks(session, act, nth)}
        incidents = session.incidents()

    assert died >= 20
    assert {nth: orders(erp, act, nth) for nth in numbers} == dict.fromkeys(numbers, ENDS[act])
    assert incidents == []
    assert (left, statuses) == (0, {"closed"})
    assert {nth: note for nth, note in notes.items() if not note.startswith(SAID[act])} == {}


def breaks(session: Session, act: str, nth: int) -> list[Break]:
    return session.ledger.breaks.search(supplier(act, nth), status=STATUSES)


def last_note(session: Session, act: str, nth: int) -> str:
    (one,) = breaks(session, act, nth)
    return session.ledger.breaks.history(one.id)[-1].note
