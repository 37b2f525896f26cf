"""A process that stands still longer than its lease, and several processes at once."""

from __future__ import annotations

import time
from dataclasses import replace

from airflow_provider_docflow.hooks.handles import Handle, Outcome
from tests.proof.cases import failure_case
from tests.proof.child import Child
from tests.proof.conftest import Erp
from tests.proof.traps import STOP
from tests.proof.world import World, requisition

CREATE = "/erp/purchase_order {"


def _until_done(world: World, sources: list[Handle]) -> Outcome:
    """Run as Airflow does: whatever asks for another try gets one."""
    for _ in range(60):
        with world.open(real=True) as session:
            outcome = session.create(sources)[0]
        if outcome.good or outcome.error["type"] not in ("LeaseBusy", "UnknownOutcome"):
            return outcome
        time.sleep(min(float(outcome.error.get("retry_after", 0.2)), 0.5))
    return outcome


@failure_case(
    "A sender stands still before its bytes go out, longer than its lease",
    does="SIGSTOP just before the create; another process takes over after the lease and writes; SIGCONT.",
    expected="one order; the first sender ends with LeaseLost and sends nothing",
    shows="the lease is checked when the first byte is written",
)
def test_stopped_before_the_bytes_go_out(world: World, erp: Erp, quality: str) -> None:
    number, world = f"PR-{quality}-stopped", replace(world, lease=6.0)
    with world.open() as session:
        sources = session.enter(requisition(number))
    trap = {"at": "before", "match": CREATE, "do": STOP}
    sleeper = Child(world, "create", sources, trap, real=True)
    sleeper.stopped()

    other = _until_done(world, sources)
    writes = erp.writes()
    sleeper.resume()
    late = sleeper.outcomes()[0]

    assert other.status == "written", other
    assert late.error["type"] == "LeaseLost"
    assert (len(erp.of(number)), erp.writes()) == (1, writes)
    with world.open() as session:
        assert session.incidents() == []


@failure_case(
    "A sender stands still while it waits for the reply, longer than its lease",
    does="SIGSTOP when the bytes of the create are out; another process takes over; SIGCONT.",
    expected="one order, found by the other process; the first one reports the same order; no incident",
    shows="what is under way is found, not sent again",
)
def test_stopped_while_waiting_for_the_reply(world: World, erp: Erp, quality: str) -> None:
    number, world = f"PR-{quality}-waiting", replace(world, lease=6.0)
    with world.open() as session:
        sources = session.enter(requisition(number))
    sleeper = Child(world, "create", sources, {"at": "sent", "match": CREATE, "do": STOP}, real=True)
    sleeper.stopped()

    other = _until_done(world, sources)
    sleeper.resume()
    late = sleeper.outcomes()[0]

    assert len(erp.of(number)) == 1
    assert other.status == "found", other
    assert (late.status, late.handle and late.handle.ref.internal_id) == (
        "existing",
        other.handle and other.handle.ref.internal_id,
    )
    with world.open() as session:
        assert session.incidents() == []


@failure_case(
    "Two processes write the same document at once",
    does="lets two processes write the same twenty documents, one after the other, at once; whoever "
    "is told to "
    "wait runs again.",
    expected="twenty orders, one per document",
    shows="one row per key decides who writes",
)
def test_two_processes_at_once(world: World, erp: Erp, quality: str) -> None:
    numbers = [f"PR-{quality}-twice-{n:02d}" for n in range(20)]
    with world.open() as session:
        sources = session.enter(*(requisition(number) for number in numbers))
    racers = [Child(world, "create each", sources, real=True) for _ in range(2)]
    outcomes = [one for racer in racers for one in racer.outcomes()]
    assert {one.status for one in outcomes} <= {"written", "found", "existing", "failed"}
    assert {one.error["type"] for one in outcomes if not one.good} <= {"LeaseBusy"}
    for source in sources:
        assert _until_done(world, [source]).good

    assert {number: len(erp.of(number)) for number in numbers} == dict.fromkeys(numbers, 1)
    with world.open() as session:
        assert session.incidents() == []
