from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from airflow_provider_docflow.exceptions import (
    IncidentOpen,
    InvalidDocument,
    Misconfigured,
    NotFound,
    Rejected,
    UnknownOutcome,
)
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.links import LineCapacity
from tests.ledger.samples import ERP, Clock, done, key, pairs, receipt, ref, reserve, send, use, wanted


def opened(ledger: Ledger, intent_id: int, category: str = "business rule") -> int:
    return ledger.incidents.open(NewIncident(category, "E1", "the period is closed", intent_id=intent_id))  # type: ignore[arg-type]


def test_first_reservation_is_fresh_and_holds_the_lease(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(), lease=60)
    assert one.status == "fresh" and one.lease_token
    assert one.lease_until == clock.now + timedelta(seconds=60)
    assert (one.sent_before, one.receipt, one.sent_at, one.incident) == (False, None, None, None)


def test_second_reservation_is_busy_until_the_lease_ends(ledger: Ledger, clock: Clock) -> None:
    (first,) = reserve(ledger, wanted(), owner="a")
    (second,) = reserve(ledger, wanted(), owner="b")
    assert second.status == "busy" and second.lease_until == first.lease_until and not second.lease_token
    clock.forward(60)
    (third,) = reserve(ledger, wanted(), owner="b")
    assert third.status == "fresh" and third.lease_token != first.lease_token


def test_answers_come_in_the_order_of_the_requests(ledger: Ledger, clock: Clock) -> None:
    done(ledger, clock, "PR-2")
    reserve(ledger, wanted("PR-3"), owner="b")
    answers = reserve(ledger, *(wanted(number) for number in ("PR-4", "PR-3", "PR-2", "PR-1")))
    assert [one.key.source_number for one in answers] == ["PR-4", "PR-3", "PR-2", "PR-1"]
    assert [one.status for one in answers] == ["fresh", "busy", "done", "fresh"]


def test_the_same_key_twice_in_a_batch_is_sent_once(ledger: Ledger) -> None:
    assert [one.status for one in reserve(ledger, wanted(), wanted())] == ["fresh", "busy"]


@pytest.mark.parametrize(
    "field", ["part", "company_code", "purpose", "target_type", "source_type", "target_instance"]
)
def test_another_field_is_another_intent(ledger: Ledger, field: str) -> None:
    answers = reserve(ledger, wanted(), wanted(**{field: "other"}))
    assert [one.status for one in answers] == ["fresh", "fresh"]


def test_numbers_that_differ_only_in_case_or_accent_are_different_documents(ledger: Ledger) -> None:
    answers = reserve(
        ledger, *(wanted(number) for number in ("pr-é", "PR-É", "pr-e", "PR-E", "采购-１", "采购-1"))
    )
    assert [one.status for one in answers] == ["fresh"] * 6
    assert len({one.intent_id for one in answers}) == 6
    (found,) = ledger.intents.find(source_number="pr-é")
    assert found.key.source_number == "pr-é"


def test_done_gives_the_receipt_and_changed_content_is_told(ledger: Ledger, clock: Clock) -> None:
    done(ledger, clock)
    (same, changed) = reserve(ledger, wanted())[0], reserve(ledger, wanted(content="c2"))[0]
    assert same.status == "done" and same.receipt == receipt(clock)
    assert changed.status == "changed" and changed.receipt == receipt(clock)
    assert not same.lease_token and not changed.lease_token and not same.sent_before


def test_an_expired_lease_that_never_sent_is_fresh_for_the_next(ledger: Ledger, clock: Clock) -> None:
    (first,) = reserve(ledger, wanted())
    clock.forward(61)
    (second,) = reserve(ledger, wanted(), owner="b")
    assert second.status == "fresh"
    assert send(ledger, first) == set()
    assert send(ledger, second) == {second.intent_id}


def test_a_lease_that_ran_out_may_not_send_even_if_nobody_took_it(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    clock.forward(60)
    assert send(ledger, one) == set()


def test_an_expired_lease_while_sending_is_resumed_after_lease_and_settle(
    ledger: Ledger, clock: Clock
) -> None:
    (first,) = reserve(ledger, wanted(), lease=60)
    clock.forward(10)
    sent_at = clock.now
    assert send(ledger, first, settle=30) == {first.intent_id}
    assert reserve(ledger, wanted(), owner="b")[0].status == "busy"
    clock.forward(60)
    (second,) = reserve(ledger, wanted(), owner="b", lease=60)
    assert (second.status, second.sent_before, second.sent_at) == ("resume", True, sent_at)
    assert second.send_not_before == sent_at + timedelta(seconds=60 + 30)
    assert send(ledger, second) == set(), "too early: what was sent may still arrive"
    clock.forward(29.999999)
    assert send(ledger, second) == set()
    clock.forward(0.000001)
    assert send(ledger, second) == {second.intent_id}


def test_a_prober_that_dies_does_not_prolong_the_settle_time(ledger: Ledger, clock: Clock) -> None:
    (first,) = reserve(ledger, wanted(), lease=60)
    send(ledger, first, settle=30)
    accounted = clock.now + timedelta(seconds=90)
    for _ in range(3):
        clock.forward(61)
        (prober,) = reserve(ledger, wanted(), owner="b", lease=60)
        assert prober.status == "resume" and prober.send_not_before == accounted


def test_unknown_is_resumed_at_once_and_stays_accounted_for(ledger: Ledger, clock: Clock) -> None:
    (first,) = reserve(ledger, wanted(), lease=60)
    send(ledger, first, settle=5)
    until = clock.now + timedelta(seconds=65)
    assert ledger.intents.set_unknown(pairs(first), "reply lost") == {first.intent_id}
    (second,) = reserve(ledger, wanted(), owner="b")
    assert (second.status, second.sent_before, second.send_not_before) == ("resume", True, until)
    assert reserve(ledger, wanted(), owner="c")[0].status == "busy"
    assert ledger.intents.set_receipts([(first.intent_id, first.lease_token, receipt(clock))]) == set()


def test_absence_counts_only_after_the_settle_time_and_anew_after_each_sending(
    ledger: Ledger, clock: Clock
) -> None:
    (one,) = reserve(ledger, wanted(), lease=60)
    send(ledger, one, settle=5)
    ledger.intents.set_unknown(pairs(one), "reply lost")
    (two,) = reserve(ledger, wanted(), lease=600)
    assert ledger.intents.note_absent(pairs(two)) == [(0, clock.now)]
    first_seen = clock.forward(65)
    assert ledger.intents.note_absent(pairs(two)) == [(1, first_seen)]
    clock.forward(10)
    assert ledger.intents.note_absent(pairs(two)) == [(2, first_seen)]
    ledger.intents.set_unknown(pairs(two), "looked")
    (three,) = reserve(ledger, wanted(), lease=60)
    assert (three.absent_count, three.first_absent_at) == (2, first_seen)
    assert send(ledger, three) == {three.intent_id}
    ledger.intents.set_unknown(pairs(three), "lost again")
    (four,) = reserve(ledger, wanted())
    assert (four.absent_count, four.first_absent_at) == (0, None)
    assert ledger.intents.note_absent([(four.intent_id, "not mine")]) == [(0, clock.now)]


def test_release_after_a_send_that_did_not_land_makes_it_fresh(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    send(ledger, one)
    assert ledger.intents.release(pairs(one)) == {one.intent_id}
    (two,) = reserve(ledger, wanted(content="corrected"))
    assert (two.status, two.sent_before, two.send_not_before) == ("fresh", False, None)
    assert ledger.intents.payload(two.intent_id)["document"]["id"] == "PR-1"
    assert ledger.intents.by_id(two.intent_id).content_hash == "corrected"


def test_release_proves_nothing_about_an_earlier_send(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(), lease=60)
    send(ledger, one, settle=5)
    ledger.intents.set_unknown(pairs(one), "reply lost")
    clock.forward(70)
    (two,) = reserve(ledger, wanted())
    ledger.intents.release(pairs(two))
    (three,) = reserve(ledger, wanted())
    assert three.status == "resume", "released without a send: what was unknown is unknown still"
    assert send(ledger, three) == {three.intent_id}
    ledger.intents.release(pairs(three))
    assert reserve(ledger, wanted())[0].status == "resume", "the first send was never seen to be absent"


def test_release_after_two_absences_and_a_refused_send_is_fresh(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(), lease=60)
    send(ledger, one, settle=5)
    ledger.intents.set_unknown(pairs(one), "reply lost")
    clock.forward(70)
    (two,) = reserve(ledger, wanted())
    for _ in range(2):
        ledger.intents.note_absent(pairs(two))
    send(ledger, two)
    ledger.intents.release(pairs(two))
    assert reserve(ledger, wanted())[0].status == "fresh"


def test_changed_content_is_refused_while_a_send_is_unaccounted_for(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    send(ledger, one)
    ledger.intents.set_unknown(pairs(one), "reply lost")
    (two,) = reserve(ledger, wanted(content="c2"))
    assert (two.status, two.receipt, two.sent_before, two.lease_token) == ("changed", None, True, "")
    assert ledger.intents.by_id(one.intent_id).content_hash == "c1"


def test_changed_content_replaces_what_was_never_sent(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    ledger.intents.release(pairs(one))
    (two,) = reserve(ledger, wanted(content="c2"))
    assert two.status == "fresh" and two.intent_id == one.intent_id
    row = ledger.intents.by_id(one.intent_id)
    assert (row.content_hash, row.material_hash) == ("c2", "m-c2")


def test_a_deadline_as_long_as_the_lease_is_refused(ledger: Ledger) -> None:
    (one,) = reserve(ledger, wanted(), lease=20)
    with pytest.raises(Misconfigured, match="lease"):
        send(ledger, one, deadline=20)
    assert ledger.intents.by_id(one.intent_id).status == "reserved"


def test_a_lease_of_nothing_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Misconfigured, match="protects nothing"):
        reserve(ledger, wanted(), lease=0)


def test_a_foreign_or_empty_token_changes_nothing(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    free = done(ledger, clock, "PR-2")
    incident = opened(ledger, one.intent_id)
    for number, token in ((one.intent_id, "stolen"), (one.intent_id, ""), (free.intent_id, ""), (999, "x")):
        pair = [(number, token)]
        assert ledger.intents.begin_sending(pair, deadline_seconds=1, settle_seconds=1) == set()
        assert ledger.intents.set_unknown(pair, "no") == set()
        assert ledger.intents.release(pair) == set()
        assert ledger.intents.hold([(number, token, incident)]) == set()
        assert ledger.intents.refuse([(number, token, incident)]) == set()
        assert ledger.intents.set_receipts([(number, token, receipt(clock))]) == set()
    assert ledger.intents.by_id(one.intent_id).status == "reserved"
    assert ledger.intents.by_id(free.intent_id).status == "done"


def test_a_receipt_after_the_lease_ran_out_counts_while_nobody_took_over(
    ledger: Ledger, clock: Clock
) -> None:
    (one,) = reserve(ledger, wanted())
    send(ledger, one)
    clock.forward(1000)
    assert ledger.intents.set_receipts([(one.intent_id, one.lease_token, receipt(clock))]) == {one.intent_id}


def test_a_receipt_after_the_lease_was_lost_is_kept_in_the_audit(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    send(ledger, one)
    clock.forward(61)
    (two,) = reserve(ledger, wanted(), owner="b")
    late = receipt(clock, "PO-late")
    assert ledger.intents.set_receipts([(one.intent_id, one.lease_token, late)]) == set()
    told = ledger.intents.history(key())[-1]
    assert told.kind == "receipt after the lease was lost"
    assert told.payload["receipt"]["ref"]["number"] == "PO-late"
    assert two.status == "resume"


def test_receipts_write_index_links_and_audit(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(uses=(use("1", "2", "10.50"), use("2", "1", "3", target_line_id="20"))))
    send(ledger, one)
    detail = {
        "lines": {"1": "10"},
        "party_id": "SUP-1",
        "party_name": "Élan 供应商",
        "issue_date": "2026-03-31",
        "amount": "99999999999999.99",
        "currency": "CNY",
    }
    ledger.intents.set_receipts([(one.intent_id, one.lease_token, receipt(clock, **detail))])
    entry = ledger.documents.get(ref())
    assert entry is not None
    assert (entry.party_id, entry.party_name, entry.issue_date) == ("SUP-1", "Élan 供应商", date(2026, 3, 31))
    assert (entry.amount, entry.currency) == (Decimal("99999999999999.99"), "CNY")
    assert entry.state["lifecycle"] == "active" and entry.state["raw"] == {"state": "open"}
    links = ledger.links.of(ref())
    assert [(one.source_line, one.target_line, one.quantity, one.amount, one.status) for one in links] == [
        ("1", "10", Decimal(2), Decimal("10.5"), "linked"),
        ("2", "20", Decimal(1), Decimal(3), "linked"),
    ]
    kinds = [event.kind for event in ledger.intents.history(key())]
    assert kinds == ["reserved", "sending", "receipt"]
    assert ledger.audit.verify_all() == []
    (row,) = ledger.intents.for_document(ref())
    assert row.intent_id == one.intent_id and row.receipt is not None and row.attempt == 1


def test_a_refusal_frees_the_lines_and_a_corrected_document_goes_on(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(uses=(use("1", "2"),)))
    send(ledger, one)
    incident = opened(ledger, one.intent_id)
    assert ledger.intents.refuse([(*pairs(one)[0], incident)]) == {one.intent_id}
    assert ledger.links.consumed(use().source) == {}
    (same,) = reserve(ledger, wanted(uses=(use("1", "2"),)))
    assert (same.status, same.incident, same.sent_before) == ("held", incident, False)
    (corrected,) = reserve(ledger, wanted(content="c2", uses=(use("1", "3"),)))
    assert (corrected.status, corrected.incident) == ("fresh", None)
    assert ledger.incidents.get(incident).status == "closed"
    assert ledger.links.consumed(use().source) == {("1", "fulfils"): (Decimal(3), Decimal(0))}


def test_a_refusal_does_not_settle_an_earlier_unknown_send(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(uses=(use(),)), lease=60)
    send(ledger, one, settle=0)
    ledger.intents.set_unknown(pairs(one), "reply lost")
    clock.forward(61)
    (two,) = reserve(ledger, wanted(uses=(use(),)))
    send(ledger, two)
    ledger.intents.refuse([(*pairs(two)[0], opened(ledger, one.intent_id))])
    assert reserve(ledger, wanted(content="c2"))[0].status == "held", "only a person may go on"
    assert ledger.links.consumed(use().source), "its lines stay used: the first send may have landed"
    ledger.intents.reopen(one.intent_id, "eve", "looked it up")
    assert reserve(ledger, wanted(uses=(use(),)))[0].status == "resume"


def test_a_hold_is_lifted_by_a_person_only(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    incident = opened(ledger, one.intent_id, "control")
    assert ledger.intents.hold([(*pairs(one)[0], incident)]) == {one.intent_id}
    assert reserve(ledger, wanted())[0].status == "held"
    assert reserve(ledger, wanted(content="c2"))[0].incident == incident
    with pytest.raises(InvalidDocument, match="actor"):
        ledger.intents.reopen(one.intent_id, " ", "because")
    ledger.intents.reopen(one.intent_id, "eve", "looked it up")
    assert ledger.incidents.get(incident).status == "closed"
    assert reserve(ledger, wanted())[0].status == "fresh"
    with pytest.raises(Rejected, match="reserved"):
        ledger.intents.reopen(one.intent_id, "eve", "again")
    assert ledger.intents.history(key())[2].payload["by"] == "eve"


def test_a_held_send_is_probed_after_it_is_reopened(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    send(ledger, one)
    ledger.intents.hold([(*pairs(one)[0], opened(ledger, one.intent_id))])
    (held,) = reserve(ledger, wanted())
    assert (held.status, held.sent_before) == ("held", True)
    ledger.intents.reopen(one.intent_id, "eve", "look again")
    assert reserve(ledger, wanted())[0].status == "resume"


def test_a_receipt_closes_incidents_but_never_those_of_control(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    late = ledger.incidents.open(
        NewIncident("control", "write.late_sender", "second?", intent_id=one.intent_id)
    )
    rule = opened(ledger, one.intent_id)
    send(ledger, one)
    ledger.intents.set_receipts([(one.intent_id, one.lease_token, receipt(clock))])
    assert (ledger.incidents.get(rule).status, ledger.incidents.get(late).status) == ("closed", "open")


def test_generations_are_raised_by_a_person(ledger: Ledger, clock: Clock) -> None:
    done(ledger, clock)
    assert ledger.intents.latest_generation([key(), key("PR-9")]) == [0, 0]
    with pytest.raises(Misconfigured, match="never raised"):
        reserve(ledger, wanted(generation=1))
    with pytest.raises(InvalidDocument, match="reason"):
        ledger.intents.raise_generation(key(), "eve", "")
    again = ledger.intents.raise_generation(key(), "eve", "cancelled by mistake")
    assert again == key(generation=1)
    assert ledger.intents.latest_generation([key(), again]) == [1, 1]
    assert reserve(ledger, wanted(generation=1))[0].status == "fresh"
    assert reserve(ledger, wanted())[0].status == "done"
    with pytest.raises(Rejected, match="generation 1 is the latest"):
        ledger.intents.raise_generation(key(), "eve", "again")
    with pytest.raises(Rejected, match="goes on by itself"):
        ledger.intents.raise_generation(again, "eve", "again")
    with pytest.raises(NotFound, match="nothing was ever written"):
        ledger.intents.raise_generation(key("PR-9"), "eve", "again")
    assert [event.kind for event in ledger.intents.history(key())][-2:] == ["generation raised", "reserved"]


def test_what_was_superseded_stays_held_for_ever(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(), lease=60)
    send(ledger, one, settle=30)
    ledger.intents.hold([(*pairs(one)[0], opened(ledger, one.intent_id, "control"))])
    with pytest.raises(Rejected, match="may still arrive"):
        ledger.intents.raise_generation(key(), "eve", "it is not there")
    clock.forward(90)
    ledger.intents.raise_generation(key(), "eve", "it is not there")
    assert reserve(ledger, wanted())[0].status == "held"
    assert reserve(ledger, wanted(content="c2"))[0].status == "held"
    with pytest.raises(Rejected, match="another generation"):
        ledger.intents.reopen(one.intent_id, "eve", "why not")
    ledger.intents.void(one.intent_id, "given up")


def test_void_frees_the_lines_but_not_of_what_may_have_landed(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(uses=(use("1", "2"),)))
    with pytest.raises(UnknownOutcome, match="may have landed"):
        ledger.intents.void(one.intent_id, "it is being written")
    send(ledger, one)
    ledger.intents.set_unknown(pairs(one), "reply lost")
    with pytest.raises(UnknownOutcome, match="may have landed"):
        ledger.intents.void(one.intent_id, "cancelled")
    (two,) = reserve(ledger, wanted(uses=(use("1", "2"),)))
    ledger.intents.set_receipts([(two.intent_id, two.lease_token, receipt(clock))])
    ledger.intents.void(one.intent_id, "cancelled", actor="eve")
    assert ledger.links.consumed(use().source) == {}
    (voided,) = reserve(ledger, wanted())
    assert voided.status == "done" and voided.voided
    assert ledger.intents.by_id(one.intent_id).voided_at == clock.now


def test_adopting_registers_pairs_and_sends_nothing(ledger: Ledger, clock: Clock) -> None:
    done(ledger, clock, "PR-2", "PO-2")
    reserve(ledger, wanted("PR-3"))
    (unknown,) = reserve(ledger, wanted("PR-4"))
    send(ledger, unknown)
    ledger.intents.set_unknown(pairs(unknown), "reply lost")
    answers = ledger.intents.adopt(
        [
            (wanted("PR-1", uses=(use("1", "1"),)), receipt(clock, "PO-1")),
            (wanted("PR-2"), receipt(clock, "PO-2")),
            (wanted("PR-3"), receipt(clock, "PO-3")),
            (wanted("PR-4", content="found"), receipt(clock, "PO-4")),
        ]
    )
    assert [one.status for one in answers] == ["done", "done", "busy", "done"]
    (other,) = ledger.intents.adopt([(wanted("PR-2"), receipt(clock, "PO-99"))])
    assert other.status == "changed" and other.receipt is not None and other.receipt.ref == ref("PO-2")
    assert reserve(ledger, wanted("PR-1"))[0].receipt == receipt(clock, "PO-1")
    assert reserve(ledger, wanted("PR-4", content="found"))[0].status == "done"
    adopted = ledger.intents.history(key("PR-1"))[-1]
    assert adopted.kind == "adopted" and adopted.payload["actor"] == "dag/run/task"
    assert ledger.links.consumed(use().source) == {("1", "fulfils"): (Decimal(1), Decimal(0))}
    with pytest.raises(InvalidDocument, match="actor"):
        ledger.intents.adopt([(wanted("PR-5").__class__(key("PR-5"), "c", {}), receipt(clock))])


def test_an_amended_document_answers_to_its_new_content(ledger: Ledger, clock: Clock) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(3))])
    one = done(ledger, clock, uses=(use("1", "2"),))
    clock.forward(1)
    amended = receipt(clock, content="c2", lines={"1": "10"}, amount="7.50")
    ledger.intents.amend(one.intent_id, amended, uses=[use("1", "3")], actor="dag/run/task")
    (same,) = reserve(ledger, wanted(content="c2"))
    assert (same.status, same.receipt) == ("done", amended)
    assert reserve(ledger, wanted())[0].status == "changed"
    assert ledger.links.consumed(use().source) == {("1", "fulfils"): (Decimal(3), Decimal(0))}
    assert [(link.target_line, link.status) for link in ledger.links.of(ref())] == [("10", "linked")]
    entry = ledger.documents.get(ref())
    assert (
        entry is not None
        and entry.amount == Decimal("7.5")
        and entry.state["read_at"] == clock.now.isoformat()
    )
    assert ledger.intents.history(key())[-1].kind == "amended"


def test_an_amendment_beyond_what_was_approved_is_refused_and_changes_nothing(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(3))])
    one = done(ledger, clock, uses=(use("1", "2"),))
    (open_one,) = reserve(ledger, wanted("PR-2"))
    with pytest.raises(Rejected, match="at most 3"):
        ledger.intents.amend(one.intent_id, receipt(clock, content="c2"), uses=[use("1", "4")], actor="a")
    with pytest.raises(Rejected, match="reserved"):
        ledger.intents.amend(open_one.intent_id, receipt(clock, content="c2"), actor="a")
    assert reserve(ledger, wanted())[0].status == "done"
    assert ledger.links.consumed(use().source) == {("1", "fulfils"): (Decimal(2), Decimal(0))}


def test_a_sender_whose_request_is_over_shortens_the_settle_time(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted(), lease=60)
    send(ledger, one, settle=30)
    clock.forward(2)
    ledger.intents.set_unknown(pairs(one), "reply lost", settle_seconds=5)
    until = clock.now + timedelta(seconds=5)
    (two,) = reserve(ledger, wanted())
    assert (two.status, two.send_not_before) == ("resume", until)
    clock.forward(4)
    ledger.intents.set_unknown(pairs(two), "not there yet", settle_seconds=5)
    assert reserve(ledger, wanted())[0].send_not_before == until, (
        "a probe that sent nothing starts no new time"
    )


def test_a_blocked_instance_is_not_written_to(ledger: Ledger, clock: Clock) -> None:
    (one,) = reserve(ledger, wanted())
    incident = ledger.instances.block(ERP, actor="eve", reason="restored from backup")
    with pytest.raises(IncidentOpen, match="restored from backup") as caught:
        reserve(ledger, wanted("PR-2"))
    assert caught.value.incident == incident
    with pytest.raises(IncidentOpen):
        send(ledger, one)
    assert ledger.intents.by_id(one.intent_id).status == "reserved"
    assert ledger.intents.find(source_number="PR-2") == []
    ledger.instances.unblock(ERP, actor="eve", reason="read back")
    assert send(ledger, one) == {one.intent_id}


def test_open_intents_and_find(ledger: Ledger, clock: Clock) -> None:
    done(ledger, clock, "PR-1")
    reserve(ledger, wanted("PR-2"))
    (three,) = reserve(ledger, wanted("PR-3", target_instance="erp:db-2"))
    send(ledger, three)
    assert [row.key.source_number for row in ledger.intents.open_intents()] == ["PR-2", "PR-3"]
    assert [row.key.source_number for row in ledger.intents.open_intents("erp:db-2")] == ["PR-3"]
    assert [row.key.source_number for row in ledger.intents.open_intents(status=["reserved"])] == ["PR-2"]
    assert [row.key.source_number for row in ledger.intents.open_intents(limit=1)] == ["PR-2"]
    (found,) = ledger.intents.find(source_number="PR-1")
    assert found.status == "done" and found.receipt == receipt(clock)
    with pytest.raises(NotFound):
        ledger.intents.by_id(99999)
    with pytest.raises(NotFound):
        ledger.intents.payload(99999)


def test_a_joined_transaction_is_undone_as_a_whole(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(RuntimeError, match="half way"), ledger.transaction() as tx:
        (one,) = ledger.intents.reserve([wanted()], owner="a", lease_seconds=60, tx=tx)
        ledger.intents.begin_sending(pairs(one), deadline_seconds=1, settle_seconds=1, tx=tx)
        raise RuntimeError("half way")
    assert ledger.intents.find(source_number="PR-1") == []
    assert ledger.intents.history(key()) == []
    assert reserve(ledger, wanted())[0].status == "fresh"


def test_empty_batches_do_nothing(ledger: Ledger) -> None:
    assert reserve(ledger) == []
    assert ledger.intents.begin_sending([], deadline_seconds=1, settle_seconds=1) == set()
    assert ledger.intents.note_absent([]) == [] and ledger.intents.set_receipts([]) == set()
    assert ledger.intents.adopt([]) == [] and ledger.intents.latest_generation([]) == []
