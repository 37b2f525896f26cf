"""Replies that are lost, late, wrong or lies."""

from __future__ import annotations

import pytest

from tests.proof.cases import failure_case
from tests.proof.conftest import Erp
from tests.proof.world import World, requisition

CREATE = "/erp/purchase_order"


def _one_try_and_another(
    world: World, number: str, **options: str
) -> tuple[list[str], list[tuple[str, str]]]:
    """Run as a task and its retry do, in real time; return both statuses and what waits for a person."""
    with world.open(real=True) as session:
        sources = session.enter(requisition(number))
        first = session.create(sources, **options)
    with world.open(real=True) as session:
        second = session.create(sources, **options)
        return [first[0].status, second[0].status], session.incidents()


@failure_case(
    "The reply is lost after the order was saved",
    does="cuts the connection after the ERP has committed; also as HTTP 500 after the commit, and as a reply "
    "that is cut in the middle.",
    expected="one order; the same task finds it and goes on",
    shows="a lost reply is an unknown outcome, which only a probe decides",
)
@pytest.mark.parametrize("fault", ["reply_lost", "error_after", "malformed"])
def test_the_reply_is_lost(world: World, erp: Erp, quality: str, fault: str) -> None:
    number = f"PR-{quality}-{fault}"
    erp.fault(fault, CREATE)

    statuses, incidents = _one_try_and_another(world, number)

    assert len(erp.of(number)) == 1
    assert statuses == ["found", "existing"]
    assert incidents == []


@failure_case(
    "The ERP fails before it has saved anything",
    does="answers HTTP 500 without doing the work, or ends the connection before it looks at the request.",
    expected="one order: sent again only after the mark was absent twice after the settle time",
    shows="an order that never landed is not lost",
)
@pytest.mark.parametrize("fault", ["error_before", "cut"])
def test_nothing_landed(world: World, erp: Erp, quality: str, fault: str) -> None:
    number = f"PR-{quality}-{fault}"
    erp.fault(fault, CREATE)

    statuses, incidents = _one_try_and_another(world, number)

    assert len(erp.of(number)) == 1
    assert statuses == ["written", "existing"]
    assert incidents == []


@failure_case(
    "The ERP commits after the client has given up",
    does="answers HTTP 504 and saves the order half a second later, within the declared settle time.",
    expected="one order, found after it appeared; where the ERP refuses a second by key, the second "
    "request is "
    "answered with the same order",
    shows="nothing that could be doubled is sent again before the settle time is over",
)
def test_a_late_commit(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-late"
    erp.fault("late_commit", CREATE, seconds=0.5)

    statuses, incidents = _one_try_and_another(world, number)

    assert len(erp.of(number)) == 1
    # With a key the second request is harmless and goes out at once; else it must wait and finds the first.
    assert statuses == ["written" if quality == "by key" else "found", "existing"]
    assert incidents == []


@failure_case(
    "A commit that comes even after the settle time",
    does="saves the first request only after a second one was sent, against the ERP that refuses a second by "
    "key.",
    expected="one order",
    shows="a native guarantee needs no settle time; with a searched one this case is outside the promise",
)
@pytest.mark.parametrize("quality", ["by key"], indirect=True)
def test_a_commit_after_everything(world: World, erp: Erp, quality: str) -> None:
    erp.fault("late_commit", CREATE, seconds=3600)

    statuses, incidents = _one_try_and_another(world, "PR-very-late")
    assert len(erp.of("PR-very-late")) == 1
    erp.sandbox.advance(4000)

    assert len(erp.of("PR-very-late")) == 1
    assert statuses == ["written", "existing"]
    assert incidents == []


@failure_case(
    "The ERP's search lags behind its writes",
    does="loses the reply of the create, and every search shows the state of 0.8 s ago.",
    expected="one order, found once the search shows it",
    shows="“not found” counts only after the settle time, twice",
)
@pytest.mark.parametrize("quality", ["by search"], indirect=True)
def test_the_search_lags(world: World, erp: Erp, quality: str) -> None:
    erp.fault("reply_lost", CREATE)
    erp.fault("search_lag", CREATE, method="GET", times=None, seconds=0.8)

    statuses, incidents = _one_try_and_another(world, "PR-lag")

    assert len(erp.of("PR-lag")) == 1
    assert statuses == ["found", "existing"]
    assert incidents == []


@failure_case(
    "The ERP has no time for it",
    does="answers HTTP 429 to the create.",
    expected="nothing is there after the first try, and one order after the second; no incident",
    shows="a refusal that provably did nothing is simply tried again",
)
def test_a_rate_limit(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-limit"
    erp.fault("rate_limited", CREATE)

    statuses, incidents = _one_try_and_another(world, number)

    assert len(erp.of(number)) == 1
    assert statuses == ["failed", "written"]
    assert incidents == []


@failure_case(
    "The action is taken with HTTP 200 and changes nothing",
    does="answers the submit with success and leaves the order as it is.",
    expected="an incident write.no_effect; the order stays a draft and is not submitted again by itself",
    shows="the state that counts is the one read afterwards",
)
def test_an_action_without_effect(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-no-effect"
    erp.fault("error_in_200", "*/actions/submit", reply={})

    statuses, incidents = _one_try_and_another(world, number, until="submitted")

    assert [one["status"] for one in erp.of(number)] == ["draft"]
    assert statuses == ["failed", "failed"]
    assert incidents == [("write.no_effect", number)]


@failure_case(
    "The order cannot be read back",
    does="saves the order and answers every reading of it with HTTP 500 during the first try.",
    expected="one order, found by the second try",
    shows="written but not read is unknown, never “not landed”",
)
def test_the_read_back_fails(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-read-back"
    erp.fault(
        "error_before",
        "/erp/purchase_order*",
        method="GET",
        times=None,
        nth=2 if quality == "by search" else 1,
    )
    with world.open() as session:
        sources = session.enter(requisition(number))
        first = session.create(sources)
    erp.sandbox.clear_faults()
    with world.open(ahead=400) as session:
        second = session.create(sources)
        incidents = session.incidents()

    assert len(erp.of(number)) == 1
    assert (first[0].error["type"], second[0].status) == ("UnknownOutcome", "found")
    assert incidents == []
