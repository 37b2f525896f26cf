from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from airflow_provider_docflow.hooks.approving import Approver
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.hooks.handles import Handle
from airflow_provider_docflow.ledger import Ledger
from tests.rigs.runner import Runner
from tests.waiting import oa as oas
from tests.waiting.conftest import ledger, oa, runner, use_profile, world
from tests.waiting.oa import INSTANCE, Oa
from tests.waiting.test_keeping import forms, requesting
from tests.waiting.world import World

__all__ = ["ledger", "oa", "runner", "use_profile", "world"]


def test_a_word_that_is_known_again_closes_its_incident(oa: Oa, ledger: Ledger) -> None:
    (ref,) = oa.enter("PR-1", approval="unknown")
    hook = DocflowHook("oa")
    approver = Approver(ledger, lambda conn_id: hook.system, actor="flow.approved in r1")
    handles = [Handle(conn_id="oa", ref=ref)]
    try:
        (unknown,) = approver.observe(handles)
        assert unknown.status == "failed", unknown
        (one,) = ledger.incidents.search()
        assert (one.code, one.category) == ("state.unknown_word", "business rule")
        oa.change("PR-1", approval="pending")
        (pending,) = approver.observe(handles)
        assert pending.status == "pending"
        assert ledger.incidents.search() == []
    finally:
        hook.system.close()


def test_a_decision_is_about_what_its_system_shows_not_about_an_override(
    oa: Oa, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The approvers of an OA saw their own form: their word covers no override of it."""
    from airflow_provider_docflow.document import material_hash
    from airflow_provider_docflow.hooks.overriding import Overrider, with_overrides
    from airflow_provider_docflow.ledger.persons import Person

    (ref,) = oa.enter("PR-1")
    monkeypatch.setenv("AIRFLOW__DOCFLOW__PEOPLE", '{"alice": {"airflow": "alice"}}')
    hook = DocflowHook("oa")
    try:
        overrider = Overrider(ledger, hook.system.read_one, Person("airflow", "alice"))
        overrider.override(ref, "payable_amount", "90.00", "agreed")
        oa.decide("PR-1")
        approver = Approver(ledger, lambda conn_id: hook.system, actor="flow")
        (approved,) = approver.observe([Handle(conn_id="oa", ref=ref)])
        assert approved.status == "approved"
        shown = hook.system.read_one(ref)
        (counts,) = with_overrides(ledger, [shown])
        assert shown.document is not None and counts.document is not None  # type: ignore[union-attr]
        assert ledger.decisions.valid_for(ref, material_hash(shown.document)) is not None
        assert ledger.decisions.valid_for(ref, material_hash(counts.document)) is None  # type: ignore[union-attr]
    finally:
        hook.system.close()


@pytest.mark.parametrize(("approver", "written"), [("boss", True), ("a.lice", False)])
def test_an_override_is_approved_by_a_form_that_shows_it(
    world: World, runner: Runner, monkeypatch: pytest.MonkeyPatch, approver: str, written: bool
) -> None:
    from airflow_provider_docflow.hooks.overriding import Overrider
    from airflow_provider_docflow.ledger.persons import Person

    people = {"alice": {"airflow": "alice", INSTANCE: "a.lice"}}
    monkeypatch.setenv("AIRFLOW__DOCFLOW__PEOPLE", json.dumps(people))
    (ref,) = world.oa.enter("PR-1", approval="none", lifecycle="active")
    read, asked, orders = requesting("PR-1")
    runner.run(read)
    runner.run(asked)
    (first,) = forms(world)
    world.oa.decide(first)
    assert runner.run(asked, try_number=2).state == "success"
    hook = DocflowHook("oa")
    try:
        overrider = Overrider(world.ledger, hook.system.read_one, Person("airflow", "alice"))
        done = overrider.override(ref, "payable_amount", "90.00", "agreed on the telephone")
    finally:
        hook.system.close()
    assert (done.payable_before, done.payable_after, done.approval_voided) == ("100.00", "90.00", True)
    assert runner.run(orders).state == "failed"
    assert world.sends() == 0
    anew = runner.run(asked, try_number=3)
    assert anew.state == "deferred", anew.error
    _, second = forms(world)
    assert (world.oa.forms[first].lifecycle, world.oa.forms[second].amount) == ("cancelled", "90.00")
    monkeypatch.setattr(oas, "MOMENT", datetime.now(UTC))
    world.oa.decide(second, by=approver)
    assert runner.run(asked, try_number=4).state == "success"
    attempt = runner.run(orders, try_number=2)
    if written:
        assert attempt.result["status"] == "written", attempt.everything()
        (order,) = world.orders()
        assert order["totals"]["payable"] == "90.00"
    else:
        assert attempt.state == "failed"
        assert "approved it as a.lice" in str(attempt.error)
        assert world.sends() == 0
