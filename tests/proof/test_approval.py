"""What an approval covers, and what it does not."""

from __future__ import annotations

from tests.proof.cases import failure_case
from tests.proof.conftest import Erp
from tests.proof.world import World, requisition

INVOICE = {"document_type": "supplier_invoice", "requires_approval": True}


@failure_case(
    "Nobody has approved it, and the approval task is marked “success” by hand",
    does="runs the create with requires_approval and no decision in the ledger.",
    expected="NotApproved; no request that writes",
    shows="Airflow's task state is never evidence",
)
def test_not_approved(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-nobody"
    with world.open() as session:
        outcome = session.create(session.enter(requisition(number)), requires_approval=True)[0]

    assert (outcome.error["type"], outcome.error["code"]) == ("NotApproved", "approval.missing")
    assert (erp.of(number), erp.writes()) == ([], 0)


@failure_case(
    "The order is changed by hand after docflow wrote it",
    does="an approved requisition becomes an order; somebody doubles a price there; the invoice is "
    "to follow.",
    expected="NotApproved (approval.changed_at_target); no invoice",
    shows="the approval of the requisition covers what docflow wrote, not what became of it",
)
def test_changed_by_hand(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-by-hand"
    with world.open() as session:
        sources = session.enter(requisition(number), approved=True)
        order = session.create(sources, requires_approval=True)[0]
        assert order.handle is not None, order
        (kept,) = erp.of(number)
        lines = [
            {**line, "price": "999.00", "net": "1998.00"} if str(line["line"]) == "1" else line
            for line in kept["lines"]
        ]
        erp.change(kept, lines=lines, totals={"tax": "0.00", "payable": "1998.01"})
        before = len(erp.documents("supplier_invoice"))
        outcome = session.create([order.handle], **INVOICE)[0]

    assert (outcome.error["type"], outcome.error["code"]) == ("NotApproved", "approval.changed_at_target")
    assert len(erp.documents("supplier_invoice")) == before


@failure_case(
    "The unchanged order is invoiced",
    does="the same chain without the change by hand.",
    expected="one invoice, covered by the requisition's approval",
    shows="the refusal above is not a refusal of everything",
)
def test_covered(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-covered"
    with world.open() as session:
        order = session.create(session.enter(requisition(number), approved=True), requires_approval=True)[0]
        assert order.handle is not None, order
        before = len(erp.documents("supplier_invoice"))
        outcomes = [session.create([order.handle], **INVOICE)[0] for _ in range(2)]

    assert [one.status for one in outcomes] == ["written", "existing"], outcomes
    assert len(erp.documents("supplier_invoice")) == before + 1


@failure_case(
    "More is to be used of a line than was approved",
    does="an approved requisition was ordered in one instance already and is to be ordered in a second one.",
    expected="an incident line_overdrawn; no request that writes",
    shows="what is consumed never exceeds what was approved",
)
def test_over_the_approved_quantity(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-overdrawn"
    world = world.with_target("erp_b", **erp.fields(quality, "erp-b"))
    with world.open() as session:
        sources = session.enter(requisition(number), approved=True)
        first = session.create(sources, "erp_b", requires_approval=True)[0]
        writes = erp.writes()
        second = session.create(sources, "erp", requires_approval=True)[0]
        incidents = session.incidents()

    assert first.status == "written", first
    assert second.error["type"] == "IncidentOpen", second
    assert (erp.writes(), len(erp.of(number))) == (writes, 1)
    assert incidents == [("line_overdrawn", number)]
