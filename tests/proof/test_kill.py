"""A process is killed (kill -9) at every step, and another one runs the same flow."""

from __future__ import annotations

import pytest

from tests.proof.cases import failure_case
from tests.proof.child import Child
from tests.proof.conftest import Erp
from tests.proof.traps import KILL, Trap
from tests.proof.world import World, requisition

# Beyond the lease and every settle time.
LATER = 400.0
STEPS = {
    "create": ("/erp/purchase_order {", 1),
    "submit": ("actions/submit", 2),
    "confirm": ("actions/approve", 3),
}
MOMENTS = ("before", "sent", "after", "receipt")


@failure_case(
    "The worker is killed in the middle of a chain",
    does="kill -9 before the request of create, submit and confirm goes out, when its bytes are out, "
    "after its "
    "reply, and before its receipt is kept; then another process runs the same flow. With an ERP "
    "that refuses "
    "a second by key, and with one that can only be searched.",
    expected="one order, confirmed; the second process reports it; no incident",
    shows="exactly once: nothing doubled, nothing lost",
)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_a_step_of_the_chain(world: World, erp: Erp, step: str, moment: str, quality: str) -> None:
    match, receipt = STEPS[step]
    number = f"PR-{quality}-{step}-{moment}"
    with world.open() as session:
        sources = session.enter(requisition(number))
    trap = {"at": moment, "do": KILL}
    trap |= {"nth": receipt} if moment == "receipt" else {"match": match}

    Child(world, "create", sources, trap, until="confirmed").killed()
    erp.quiet()
    with world.open(ahead=LATER) as session:
        outcomes = session.create(sources, until="confirmed")
        again = session.create(sources, until="confirmed")
        incidents = session.incidents()

    assert [(one["status"], one["number"]) for one in erp.of(number)] == [
        ("approved", outcomes[0].handle.ref.number)  # type: ignore[union-attr]
    ], outcomes
    assert [one.status for one in again] == ["existing"]
    assert incidents == []


@failure_case(
    "The worker is killed anywhere at all",
    does="counts every moment of a chain (each request, its bytes, its reply, each transaction of the ledger "
    "before and after) and kills one process at each of them; another process runs the same flow.",
    expected="one order, confirmed, for every moment",
    shows="there is no moment between the steps in which a document is doubled or lost",
)
@pytest.mark.parametrize("quality", ["by search"], indirect=True)
def test_killed_at_any_moment(world: World, erp: Erp, quality: str) -> None:
    with world.open(trap=(seen := Trap())) as session:
        session.create(session.enter(requisition("PR-COUNT")), until="confirmed")
        moments = len([line for line in seen.log if not line.startswith(("before SQL", "after SQL"))])
    children = []
    with world.open() as session:
        for nth in range(1, moments):
            sources = session.enter(requisition(f"PR-ANY-{nth:03d}"))
            children.append(
                (nth, sources, Child(world, "create", sources, {"nth": nth, "do": KILL}, until="confirmed"))
            )
            if len(children) % 4 == 0:
                for *_, child in children[-4:]:
                    child.process.join(120)
    died = 0
    for _, _, child in children:
        child.process.join(120)
        died += child.process.exitcode == -KILL
    erp.quiet()
    with world.open(ahead=LATER) as session:
        outcomes = session.create([one for _, sources, _ in children for one in sources], until="confirmed")
        incidents = session.incidents()

    assert died >= 30
    assert {nth: [one["status"] for one in erp.of(f"PR-ANY-{nth:03d}")] for nth, *_ in children} == {
        nth: ["approved"] for nth, *_ in children
    }
    assert {one.status for one in outcomes} <= {"written", "found", "existing"}
    assert incidents == []
