"""Every incident that a flow opens closes when its cause is seen to be gone, and not before."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.incidents_closing import ENDS
from airflow_provider_docflow.locale import catalogue
from airflow_provider_docflow.sandbox import FaultRule
from tests.incidents.table import TABLES, written
from tests.ledger.samples import Clock, pairs, receipt, ref, reserve, use, wanted
from tests.operators.test_create import run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Runner

Deed = Callable[[World, str], None]


@dataclass(frozen=True)
class Case:
    """What goes wrong with a requisition, and how it is put right.

    :param written: whether its order is there before anything goes wrong.
    """

    code: str
    breaks: Deed
    mends: Deed
    written: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def _order(world: World, number: str) -> dict[str, Any]:
    (found,) = [one for one in world.orders() if one["reference"].startswith(f"{number} ")]
    return found


def _set_order(world: World, number: str, status: str) -> None:
    world.sandbox.call("PUT", f"erp/purchase_order/{_order(world, number)['id']}", {"status": status})


def _reprice(world: World, number: str, price: str) -> None:
    world.change_price(number, price)
    world.approve(number)


def _refuse_once(world: World, number: str) -> None:
    world.approve(number)
    world.sandbox.fault(FaultRule("error_before", method="POST", path=ORDERS, status=422, times=1))


CASES = (
    Case("approval.missing", lambda w, n: None, lambda w, n: w.approve(n)),
    Case(
        "approval.refused",
        lambda w, n: w.approve(n, decision="rejected"),
        lambda w, n: w.approve(n),
    ),
    Case(
        "approval.void",
        lambda w, n: (w.approve(n), w.change_price(n, "8.00"))[0],
        lambda w, n: w.approve(n),
    ),
    Case(
        "source.not_alive",
        lambda w, n: (w.approve(n), w.set_state(n, "cancelled"))[0],
        lambda w, n: w.set_state(n, "confirmed"),
    ),
    Case("fault", _refuse_once, lambda w, n: _reprice(w, n, "6.50")),
    Case(
        "source.changed",
        lambda w, n: _reprice(w, n, "9.00"),
        lambda w, n: _reprice(w, n, "7.00"),
        written=True,
    ),
    Case(
        "target.cancelled",
        lambda w, n: _set_order(w, n, "cancelled"),
        lambda w, n: _set_order(w, n, "draft"),
        written=True,
    ),
    Case(
        "InvalidDocument",
        lambda w, n: w.approve(n),
        lambda w, n: None,
        options={"mapping": {"lines[*].unit_code": "line.nothing"}},
    ),
)


def test_the_next_good_run_closes_what_the_last_one_opened(world: World, runner: Runner) -> None:
    for position, case in enumerate(CASES, 1):
        number = f"PR-{position}"
        world.enter(number, ("SUP-1", "1", "7.00"))
        if case.written:
            world.approve(number)
            assert run_chain(runner, number).state == "success"
        case.breaks(world, number)
        failed = run_chain(runner, number, **case.options)
        assert failed.state == "failed", case.code
        (one,) = world.ledger.incidents.search()
        assert (one.document_number, one.ref_key is not None) == (number, True), case.code
        if case.code != "fault":
            assert one.code == case.code
        assert one.owner_role and one.due > one.opened_at
        case.mends(world, number)
        done = run_chain(runner, number)
        assert done.state == "success", (case.code, done.everything())
        assert world.ledger.incidents.search() == [], case.code
    assert world.sends() == len(CASES) + 1, "the refused one was sent twice"


def test_a_change_that_is_carried_on_closes_its_incident(world: World, runner: Runner) -> None:
    for number, on_change in (("PR-1", "amend"), ("PR-2", "supersede")):
        world.enter(number, ("SUP-1", "1", "7.00"))
        world.approve(number)
        assert run_chain(runner, number).state == "success"
        _reprice(world, number, "9.00")
        assert run_chain(runner, number).state == "failed"
        assert [one.code for one in world.ledger.incidents.search()] == ["source.changed"]
        done = run_chain(runner, number, on_change=on_change)
        assert done.state == "success", done.everything()
        assert world.ledger.incidents.search() == [], on_change


def test_a_write_without_a_decision_leaves_the_incident_of_the_approval(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7.00"))
    assert run_chain(runner, "PR-1").state == "failed"
    assert run_chain(runner, "PR-1", requires_approval=False).state == "success"
    assert [one.code for one in world.ledger.incidents.search()] == ["approval.missing"]


def test_a_good_write_leaves_the_incident_of_another_one_that_is_held(ledger: Ledger) -> None:
    source = ref("PR-1", "purchase_requisition", "oa:corp-1")
    (one,) = reserve(ledger, wanted(purpose="write_back"))
    new = NewIncident("business rule", "E1", "the form is locked", one.intent_id, ref=source)
    held = ledger.incidents.open(new)
    ledger.intents.hold([(one.intent_id, one.lease_token, held)])
    loose = ledger.incidents.open(replace(new, intent_id=None))
    assert ledger.incidents.close_for(actor="flow", reason="written", refs=[source]) == 1
    assert ledger.incidents.get(loose).status == "closed"
    assert ledger.incidents.get(held).status == "open"


def test_what_is_adopted_settles_its_incident_of_control(ledger: Ledger, clock: Clock) -> None:
    request = replace(wanted(), actor="alice")
    (one,) = reserve(ledger, request)
    new = NewIncident("control", "write.unknown_outcome", "who knows", one.intent_id)
    incident = ledger.incidents.open(new)
    ledger.intents.hold([(one.intent_id, one.lease_token, incident)])
    with pytest.raises(exc.Rejected):
        ledger.desk.close(incident, actor="alice", reason="found it")
    (done,) = ledger.intents.adopt([(request, receipt(clock))])
    assert done.status == "done"
    assert ledger.incidents.get(incident).status == "closed"
    assert ledger.incidents.history(incident)[-1].actor == "alice"


def test_an_overdrawn_line_belongs_to_its_source(ledger: Ledger) -> None:
    from decimal import Decimal

    from airflow_provider_docflow.ledger.base import ref_key
    from airflow_provider_docflow.ledger.links import LineCapacity

    source = ref("PR-1", "purchase_requisition", "oa:corp-1")
    ledger.links.set_capacity(source, [LineCapacity("1", Decimal(1), None)])
    (one,) = reserve(ledger, wanted(uses=(use("1", "2"),)))
    assert one.status == "held"
    (incident,) = ledger.incidents.search()
    assert (incident.code, incident.ref_key) == ("line_overdrawn", ref_key(source))
    ledger.links.set_capacity(source, [LineCapacity("1", Decimal(2), None)])
    ledger.desk.retry(incident.id, actor="alice", reason="two were approved")
    (again,) = reserve(ledger, wanted(uses=(use("1", "2"),)))
    assert again.status == "fresh"
    ledger.intents.release(pairs(again))


def test_a_connection_that_answers_as_before_closes_its_incident(ledger: Ledger) -> None:
    ledger.instances.bind("erp", "erp-1", "rest")
    with pytest.raises(exc.InstanceChanged):
        ledger.instances.bind("erp", "erp-2", "rest")
    with pytest.raises(exc.InstanceChanged):
        ledger.instances.bind("erp", "erp-2", "rest")
    (one,) = ledger.incidents.search()
    with pytest.raises(exc.Rejected, match="not settled by closing it"):
        ledger.desk.close(one.id, actor="me", reason="never mind")
    ledger.instances.bind("erp", "erp-1", "rest")
    assert ledger.incidents.get(one.id).status == "closed"
    events = [event.event for event in ledger.incidents.history(one.id)]
    assert events == ["opened", "again", "closed"]


def test_every_code_that_is_named_has_a_text_and_one_end() -> None:
    assert set(ENDS) <= set(catalogue("en"))
    assert (ENDS["write.suspect"], ENDS["approval.missing"]) == ("person", "approved")


@pytest.mark.parametrize("name", sorted(TABLES))
def test_the_page_shows_what_the_code_does(name: str) -> None:
    assert written(name) == TABLES[name](), "run: python -m tests.incidents.table"
