"""An approval that is taken back after documents were made of it reaches all of them, whoever sees it."""

from __future__ import annotations

from airflow_provider_docflow.hooks.handles import Handle
from airflow_provider_docflow.ledger.revocations import UNAPPROVED
from tests.flow.conftest import CORP, REQUISITION, House, form, row


def held(house: House) -> list[tuple[str, str]]:
    return [(one.code, one.document_number) for one in house.ledger.incidents.search()]


def two_payments(house: House) -> tuple[Handle, list[Handle]]:
    """A requisition that was approved and is paid to two suppliers."""
    rows = [row(1), row(2, supplier="SUP-2")]
    (source,) = house.approved(form("PR-1", rows, 合计金额="201.00"))
    paid = house.handles(house.pay([source]))
    assert len(paid) == 2
    return source, paid


def test_a_revocation_in_the_oa_reaches_what_was_made_of_the_form(house: House) -> None:
    source, paid = two_payments(house)
    assert held(house) == []
    revoke = house.sandbox.attach(source.ref.internal_id, "REVOKE")
    house.sandbox.decide(revoke, "agree", user="boss")
    (seen,) = house.flow.read([source])
    assert seen.good
    entry = house.ledger.documents.get(source.ref)
    assert (entry.state["approval"], entry.state["lifecycle"]) == ("revoked", "cancelled")
    numbers = sorted(one.ref.number or one.ref.internal_id for one in paid)
    assert sorted(held(house)) == [(UNAPPROVED, number) for number in numbers]
    incidents = house.ledger.incidents.search()
    assert len({one.group_key for one in incidents}) == 1
    assert all("PR-1" in one.reason and "revoked" in one.reason for one in incidents)
    last = house.ledger.decisions.of(source.ref)[-1]
    assert (last.decision, last.final) == ("revoked", True)
    assert house.ledger.decisions.standing(source.ref) is None


def test_it_is_told_once_however_often_it_is_seen(house: House) -> None:
    source, _ = two_payments(house)
    house.sandbox.decide(house.sandbox.attach(source.ref.internal_id, "REVOKE"), "agree")
    for _ in range(3):
        house.flow.read([source])
    house.approver.observe([source])
    before = house.ledger.decisions.of(source.ref)
    assert len(held(house)) == 2
    house.approver.observe([source])
    assert house.ledger.decisions.of(source.ref) == before


def test_while_the_revocation_is_undecided_it_is_told_and_taken_back_when_refused(house: House) -> None:
    source, _ = two_payments(house)
    revoke = house.sandbox.attach(source.ref.internal_id, "REVOKE")
    house.flow.read([source])
    assert len(held(house)) == 2
    assert house.ledger.decisions.standing(source.ref) is not None
    house.sandbox.decide(revoke, "refuse")
    house.flow.read([source])
    assert held(house) == []


def test_nothing_more_is_written_while_the_approval_is_in_question(house: House) -> None:
    (source,) = house.approved(form("PR-1"))
    house.sandbox.attach(source.ref.internal_id, "REVOKE")
    (refused,) = house.pay([source])
    assert (refused.status, refused.error["code"]) == ("failed", "approval.refused")
    assert house.payments() == []


def test_whoever_is_refused_tells_the_others(house: House) -> None:
    source, paid = two_payments(house)
    house.sandbox.decide(house.sandbox.attach(source.ref.internal_id, "REVOKE"), "agree")
    house.pay([source])
    told = {one.document_number for one in house.ledger.incidents.search(code=UNAPPROVED)}
    assert told >= {one.ref.number or one.ref.internal_id for one in paid}


def test_an_event_about_the_attached_form_leads_to_the_document(house: House) -> None:
    """DingTalk's event names the form by which the approved one is revoked, which nobody here knows."""
    source, paid = two_payments(house)
    revoke = house.sandbox.attach(source.ref.internal_id, "REVOKE")
    house.sandbox.decide(revoke, "agree")
    (named,) = house.ledger.revocations.worth_a_look(CORP, REQUISITION, [revoke])
    house.flow.read([Handle(conn_id="oa", ref=named)])
    assert len(held(house)) == len(paid)
    assert house.ledger.decisions.standing(source.ref) is None
