"""Batches: several documents under way at once when the process dies or stands still."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace

from tests.proof.cases import failure_case
from tests.proof.child import Child
from tests.proof.conftest import Erp
from tests.proof.world import World, requisition

COUNT = 12


def _wait(until: Callable[[], bool]) -> None:
    for _ in range(6000):
        if until():
            return
        time.sleep(0.01)
    raise AssertionError("it never came to that")


@failure_case(
    "The worker is killed in the middle of a batch",
    does="twelve orders go out side by side to a slow ERP; kill -9 from outside when four have "
    "arrived there; "
    "another process runs the batch.",
    expected="twelve orders, each once; no incident",
    shows="every document of a batch has its own intent",
)
def test_killed_in_a_batch(world: World, erp: Erp, quality: str) -> None:
    numbers = [f"PR-{quality}-many-{n:02d}" for n in range(COUNT)]
    with world.open() as session:
        sources = session.enter(*(requisition(number) for number in numbers))
    erp.fault("slow", seconds=2.0, times=None)
    child = Child(world, "create", sources, real=True)
    _wait(lambda: erp.writes() >= 4)
    assert child.process.pid is not None
    os.kill(child.process.pid, signal.SIGKILL)
    child.killed()
    erp.quiet()
    erp.sandbox.clear_faults()
    arrived = sum(len(erp.of(number)) for number in numbers)

    with world.open(ahead=400) as session:
        outcomes = session.create(sources)
        incidents = session.incidents()

    assert arrived >= 4
    assert [len(erp.of(number)) for number in numbers] == [1] * COUNT
    assert all(one.good for one in outcomes)
    assert incidents == []


@failure_case(
    "A process stands still while it asks what is there, longer than its lease",
    does="SIGSTOP from outside during the probes of a batch; another process writes the batch; SIGCONT.",
    expected="twelve orders, each once; the first process sends nothing and is told that another one writes",
    shows="the right to send is asked for again just before the send",
)
def test_stopped_while_probing(world: World, erp: Erp, quality: str) -> None:
    world = replace(world, lease=8.0)
    numbers = [f"PR-{quality}-probing-{n:02d}" for n in range(COUNT)]
    with world.open() as session:
        sources = session.enter(*(requisition(number) for number in numbers))
    # The ERP with keys is not asked before the first send; there the create itself is what is slow.
    erp.fault("slow", method="GET" if quality == "by search" else "POST", seconds=2.0, times=None)
    child = Child(world, "create", sources, real=True)
    _wait(lambda: erp.sandbox.count("/erp/*") >= 2)
    assert child.process.pid is not None
    os.kill(child.process.pid, signal.SIGSTOP)
    erp.quiet()
    erp.sandbox.clear_faults()
    before = erp.writes()

    for _ in range(40):
        with world.open(real=True) as session:
            outcomes = session.create(sources)
        if all(one.good for one in outcomes):
            break
        time.sleep(0.5)
    child.resume()
    late = child.outcomes()

    assert all(one.good for one in outcomes), outcomes
    assert [len(erp.of(number)) for number in numbers] == [1] * COUNT
    if quality == "by search":
        assert (before, erp.writes()) == (0, COUNT)
    told = {one.error["type"] for one in late if not one.good}
    assert told <= {"LeaseBusy", "LeaseLost", "UnknownOutcome"}
    with world.open() as session:
        assert session.incidents() == []
