from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_docflow.exceptions import InvalidDocument, NotFound
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.decisions import NewDecision, chain_of
from airflow_provider_docflow.ledger.snapshots import NewSnapshot
from tests.ledger.samples import Clock, ref


def said(clock: Clock, word: str, material: str = "m1", seconds: float = 0, **changes: Any) -> NewDecision:
    at = clock.now + timedelta(seconds=seconds)
    return replace(NewDecision(ref(), word, material, at, "eve", approval_instance_id="case-1"), **changes)  # type: ignore[arg-type]


def test_an_approval_covers_its_material_hash_only(ledger: Ledger, clock: Clock) -> None:
    number = ledger.decisions.append(
        said(clock, "approved", comment="gern", on_behalf_of="bob", snapshot_id=7)
    )
    found = ledger.decisions.valid_for(ref(), "m1")
    assert found is not None and found.id == number
    assert (found.approver, found.on_behalf_of, found.comment, found.snapshot_id) == ("eve", "bob", "gern", 7)
    assert (found.decided_at, found.recorded_at) == (clock.now, clock.now)
    assert ledger.decisions.valid_for(ref(), "m2") is None
    assert ledger.decisions.valid_for(ref(), "") is None
    assert ledger.decisions.valid_for(ref("PO-2"), "m1") is None


@pytest.mark.parametrize("word", ["rejected", "returned", "withdrawn", "revoked", "voided"])
def test_a_later_word_against_it_outranks_an_approval(ledger: Ledger, clock: Clock, word: str) -> None:
    ledger.decisions.append_many([said(clock, "approved"), said(clock, word, seconds=1)])
    assert ledger.decisions.valid_for(ref(), "m1") is None
    ledger.decisions.append(said(clock, "approved", seconds=2))
    assert ledger.decisions.valid_for(ref(), "m1") is not None, "approved again"


@pytest.mark.parametrize("seconds", [-1, 0])
def test_a_word_against_it_that_is_heard_late_counts(ledger: Ledger, clock: Clock, seconds: float) -> None:
    ledger.decisions.append(said(clock, "approved"))
    ledger.decisions.append(said(clock, "revoked", seconds=seconds))
    assert ledger.decisions.valid_for(ref(), "m1") is None


def test_an_approval_that_is_heard_after_its_revocation_does_not_count(ledger: Ledger, clock: Clock) -> None:
    ledger.decisions.append(said(clock, "revoked", seconds=5))
    ledger.decisions.append(said(clock, "approved"))
    assert ledger.decisions.valid_for(ref(), "m1") is None


def test_an_approval_seen_again_is_not_a_new_one(ledger: Ledger, clock: Clock) -> None:
    first = ledger.decisions.append(said(clock, "approved"))
    ledger.decisions.append(said(clock, "revoked", seconds=1))
    assert ledger.decisions.append(said(clock, "approved")) == first
    assert ledger.decisions.valid_for(ref(), "m1") is None
    assert len(ledger.decisions.of(ref())) == 2


def test_only_the_last_approval_counts(ledger: Ledger, clock: Clock) -> None:
    ledger.decisions.append_many([said(clock, "approved", "m1"), said(clock, "approved", "m2", seconds=1)])
    assert ledger.decisions.valid_for(ref(), "m1") is None
    assert ledger.decisions.valid_for(ref(), "m2") is not None


def test_a_step_of_a_round_neither_approves_nor_ends_an_approval(ledger: Ledger, clock: Clock) -> None:
    ledger.decisions.append(said(clock, "approved", final=False))
    assert ledger.decisions.valid_for(ref(), "m1") is None
    ledger.decisions.append(said(clock, "approved", seconds=1))
    ledger.decisions.append(said(clock, "rejected", seconds=2, final=False))
    assert ledger.decisions.valid_for(ref(), "m1") is not None


def test_a_material_change_voids_the_approval_once(ledger: Ledger, clock: Clock) -> None:
    changes = [{"field": "payable_amount", "old": "1.00", "new": "2.00"}]
    assert not ledger.decisions.void_if_changed(ref(), "m2", changes), "nothing was approved"
    ledger.decisions.append(said(clock, "approved", seconds=3600))
    assert not ledger.decisions.void_if_changed(ref(), "m1", [])
    assert ledger.decisions.void_if_changed(ref(), "m2", changes)
    assert not ledger.decisions.void_if_changed(ref(), "m2", changes)
    assert ledger.decisions.valid_for(ref(), "m1") is None, "nor when the source changes back"
    voided = ledger.decisions.of(ref())[-1]
    assert (voided.decision, voided.differences, voided.approval_instance_id) == ("voided", changes, "case-1")
    assert [event.kind for event in ledger.audit.events(chain_of(ref()))] == ["approved", "voided"]


def test_many_documents_at_once_in_order(ledger: Ledger, clock: Clock) -> None:
    ledger.decisions.append(said(clock, "approved", ref=ref("PO-2")))
    found = ledger.decisions.valid_for_many([(ref("PO-1"), "m1"), (ref("PO-2"), "m1"), (ref("PO-2"), "m2")])
    assert [one is not None for one in found] == [False, True, False]
    assert ledger.decisions.append_many([]) == [] and ledger.decisions.valid_for_many([]) == []


def test_a_word_that_is_none_and_an_approval_of_nothing_are_refused(ledger: Ledger, clock: Clock) -> None:
    for new in (said(clock, "ok"), said(clock, "approved", "")):
        with pytest.raises(InvalidDocument):
            ledger.decisions.append(new)
    with pytest.raises(InvalidDocument, match="time zone"):
        ledger.decisions.append(said(clock, "approved", decided_at=clock.now.replace(tzinfo=None)))
    assert ledger.decisions.of(ref()) == []


def test_snapshots_are_kept_once_per_state(ledger: Ledger, clock: Clock) -> None:
    body = {"payable_amount": "99999999999999.99", "notes": ["é采购"]}
    first, second = ledger.snapshots.put(
        [NewSnapshot(ref(), "1", "m1", "c1", body), NewSnapshot(ref(), "2", "m2", "c2", {"a": 1})]
    )
    clock.forward(1)
    assert ledger.snapshots.put([NewSnapshot(ref(), "1", "m1", "c1", body)]) == [first]
    assert ledger.snapshots.get(first).body == body
    assert [one.id for one in ledger.snapshots.get_many([second, first, second])] == [second, first, second]
    assert [one.revision for one in ledger.snapshots.of(ref())] == ["1", "2"]
    latest = ledger.snapshots.latest(ref())
    assert latest is not None and (latest.id, latest.content_hash) == (second, "c2")
    assert ledger.snapshots.latest(ref("PO-9")) is None and ledger.snapshots.put([]) == []
    with pytest.raises(NotFound):
        ledger.snapshots.get(999)
