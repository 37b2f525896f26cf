from __future__ import annotations

import pytest

from airflow_provider_docflow.hooks.approving import Approver
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.hooks.handles import Handle
from airflow_provider_docflow.ledger import Ledger
from tests.waiting.conftest import ledger, oa, use_profile
from tests.waiting.oa import Oa

__all__ = ["ledger", "oa", "use_profile"]


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
