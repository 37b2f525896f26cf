"""A process dies at every moment of a change that has to reach a written document, and another goes on."""

from __future__ import annotations

import pytest

from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.hooks.handles import Handle
from tests.proof.cases import failure_case
from tests.proof.child import Child
from tests.proof.conftest import Erp
from tests.proof.test_people import _change_quantity
from tests.proof.traps import KILL, Trap
from tests.proof.world import World, requisition

# Beyond the lease and every settle time.
LATER = 400.0
AT_ONCE = 4
ENDS = {
    "amend": [("draft", "150.76")],
    "supersede": [("cancelled", "100.51"), ("draft", "150.76")],
}


def changed(world: World, number: str) -> list[Handle]:
    """Write an order, and change the requisition that it came from."""
    with world.open() as session:
        sources = session.enter(requisition(number))
        session.create(sources)
    _change_quantity(world, number)
    return sources


@failure_case(
    "The worker is killed while a change is carried to the order",
    does="counts every moment of on_change amend and supersede (each request, its bytes, its reply, each "
    "transaction of the ledger before and after) and kills one process at each of them; another process "
    "runs the same flow.",
    expected="amend: one order with the new total; supersede: the old one cancelled and one new; no incident",
    shows="a change is carried out once, wherever its process dies",
)
@pytest.mark.parametrize("on_change", ENDS)
@pytest.mark.parametrize("quality", ["by search"], indirect=True)
def test_killed_in_a_change(world: World, erp: Erp, quality: str, on_change: str) -> None:
    counted = changed(world, f"PR-{on_change}-count")
    with world.open(trap=(seen := Trap())) as session:
        session.create(counted, on_change=on_change)
        moments = len([line for line in seen.log if not line.startswith(("before SQL", "after SQL"))])
    numbers = {nth: f"PR-{on_change}-{nth:03d}" for nth in range(1, moments)}
    sources = {nth: changed(world, number) for nth, number in numbers.items()}
    died = 0
    for some in chunks(list(sources), AT_ONCE):
        children = [
            Child(world, "create", sources[nth], {"nth": nth, "do": KILL}, on_change=on_change)
            for nth in some
        ]
        for child in children:
            child.process.join(120)
            died += child.process.exitcode == -KILL
    erp.quiet()
    everything = [one for given in sources.values() for one in given]
    with world.open(ahead=LATER) as session:
        outcomes = session.create(everything, on_change=on_change)
        again = session.create(everything, on_change=on_change)
        incidents = session.incidents()

    assert died >= 20
    assert incidents == []
    assert {one.status for one in again} == {"existing"}, outcomes
    found = {
        nth: [(one["status"], str(one["totals"]["payable"])) for one in erp.of(number)]
        for nth, number in numbers.items()
    }
    assert found == dict.fromkeys(numbers, ENDS[on_change])
