from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.documents import DocumentEntry, Search
from airflow_provider_docflow.ledger.links import LineCapacity
from tests.ledger.samples import ERP, OA, Clock, done, pairs, receipt, ref, reserve, send, state, use, wanted

# ---- the index


def test_what_is_newly_known_is_added_and_nothing_is_forgotten(ledger: Ledger, clock: Clock) -> None:
    draft = replace(ref("PO-1"), number="")
    ledger.documents.upsert(
        [DocumentEntry(draft, "SUP-1", "Müller", Decimal("10.10"), "EUR", date(2026, 1, 2))]
    )
    ledger.documents.upsert([DocumentEntry(replace(draft, number="PO-1"), state=state(clock.now))])
    entry = ledger.documents.get(draft)
    assert entry is not None and entry.ref.number == "PO-1"
    assert (entry.party_id, entry.party_name, entry.amount) == ("SUP-1", "Müller", Decimal("10.10"))
    assert (entry.currency, entry.issue_date, entry.state["lifecycle"]) == ("EUR", date(2026, 1, 2), "active")
    assert ledger.documents.count(Search()) == 1
    assert ledger.documents.get(ref("PO-2")) is None


def test_a_state_read_earlier_does_not_replace_a_later_one(ledger: Ledger, clock: Clock) -> None:
    later = DocumentEntry(ref(), state=state(clock.now, approval="approved"))
    earlier = DocumentEntry(
        ref(), party_id="SUP-1", state=state(clock.now - timedelta(hours=1), approval="pending")
    )
    ledger.documents.upsert([later])
    ledger.documents.upsert([earlier])
    entry = ledger.documents.get(ref())
    assert entry is not None and (entry.state["approval"], entry.party_id) == ("approved", "SUP-1")
    assert entry.state["read_at"] == clock.now.isoformat()
    backwards = DocumentEntry(ref(), state=state(clock.forward(1), approval="revoked"))
    ledger.documents.upsert([backwards])
    assert ledger.documents.search(Search(state={"approval": "revoked"}))[0].ref == ref()


def test_one_document_twice_in_a_list_is_merged(ledger: Ledger, clock: Clock) -> None:
    ledger.documents.upsert([DocumentEntry(ref(), "SUP-1"), DocumentEntry(ref(), amount=Decimal(5))])
    entry = ledger.documents.get(ref())
    assert entry is not None and (entry.party_id, entry.amount) == ("SUP-1", Decimal(5))


@pytest.fixture
def three(ledger: Ledger, clock: Clock) -> Ledger:
    rows = [
        DocumentEntry(ref("PO-1"), "SUP-1", "Müller & Co", Decimal("9.99"), "EUR", date(2026, 1, 1)),
        DocumentEntry(
            ref("PO_2"), "SUP-2", "供应商 100%", Decimal("100000000000000.01"), "CNY", date(2026, 2, 1)
        ),
        DocumentEntry(ref("PO-3", "sales_order", OA), "SUP-1", "Müller & Co", Decimal(-5), "EUR"),
    ]
    for one in rows:
        clock.forward(1)
        ledger.documents.upsert([one])
    ledger.documents.touch([ref("PO-1")], dag_id="pay", run_id="r1", task_id="t")
    ledger.documents.touch([ref("PO_2")], dag_id="buy", run_id="r1", task_id="t", map_index=3, try_number=2)
    return ledger


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Search(), ["PO-3", "PO_2", "PO-1"]),
        (Search(number="PO_2"), ["PO_2"]),
        (Search(number="po_2"), []),
        (Search(text="O-"), ["PO-3", "PO-1"]),
        (Search(text="_"), ["PO_2"]),
        (Search(text="100%"), ["PO_2"]),
        (Search(text="应"), ["PO_2"]),
        (Search(party_id="SUP-1"), ["PO-3", "PO-1"]),
        (Search(instance=ERP, document_type="purchase_order"), ["PO_2", "PO-1"]),
        (Search(currency="EUR", amount_from=Decimal(0)), ["PO-1"]),
        (Search(amount_from=Decimal("9.99"), amount_to=Decimal("100000000000000.01")), ["PO_2", "PO-1"]),
        (Search(amount_from=Decimal("10"), amount_to=Decimal("100000000000000")), []),
        (Search(amount_to=Decimal(0)), ["PO-3"]),
        (Search(issued_from=date(2026, 1, 2)), ["PO_2"]),
        (Search(issued_to=date(2026, 1, 1)), ["PO-1"]),
        (Search(state={"approval": "unknown"}), ["PO-3", "PO_2", "PO-1"]),
        (Search(dag_ids=["pay", "other"]), ["PO-1"]),
        (Search(dag_ids=[]), []),
    ],
)
def test_search_and_count_agree(three: Ledger, wanted: Search, numbers: list[str]) -> None:
    assert [entry.ref.number for entry in three.documents.search(wanted)] == numbers
    assert three.documents.count(wanted) == len(numbers)


def test_pages_follow_one_another(three: Ledger) -> None:
    pages = [three.documents.search(Search(), offset=n, limit=1)[0].ref.number for n in range(3)]
    assert pages == ["PO-3", "PO_2", "PO-1"]
    assert [entry.ref for entry in three.documents.find("PO-1")] == [ref("PO-1")]


def test_who_touched_a_document(three: Ledger, clock: Clock) -> None:
    (one,) = three.documents.touches(ref("PO_2"))
    assert (one.dag_id, one.run_id, one.map_index, one.try_number, one.at) == ("buy", "r1", 3, 2, clock.now)
    three.documents.touch(
        [ref("PO_2"), ref("PO-9")], dag_id="buy", run_id="r1", task_id="t", map_index=3, try_number=2
    )
    assert len(three.documents.touches(ref("PO_2"))) == 1, "the same try is told once"
    assert three.documents.touched_by("buy", "r1") == [ref("PO-9"), ref("PO_2")]
    assert three.documents.touched_by("buy", "r2") == []


def test_fiscal_years_keep_documents_apart(ledger: Ledger) -> None:
    years = [
        DocumentRef("sap", "1000", DocumentType.PAYMENT, "19", "19", year) for year in (2025, 2026, None)
    ]
    ledger.documents.ensure(years)
    assert {entry.ref for entry in ledger.documents.find("19")} == set(years)


# ---- links and what they use up


def test_a_line_may_be_used_up_to_what_was_approved_plus_tolerance(ledger: Ledger, clock: Clock) -> None:
    ledger.links.set_capacity(
        use().source, [LineCapacity("1", Decimal(10), Decimal("100.00"))], Decimal("0.05")
    )
    fits = wanted("PR-1", uses=(use("1", "10", "50"),))
    tolerated = wanted("PR-2", uses=(use("1", "0.5", "55"),))
    over = wanted("PR-3", uses=(use("1", "0.0000000001", "0"),))
    answers = reserve(
        ledger, fits, tolerated, over, wanted("PR-4", uses=(use("1", "10", "1", kind="invoices"),))
    )
    assert [one.status for one in answers] == ["fresh", "fresh", "held", "fresh"]
    incident = ledger.incidents.get(answers[2].incident or 0)
    assert incident.code == "line_overdrawn" and incident.document_number == "PR-3"
    assert "quantity of 10.5000000001" in incident.reason and "at most 10.5" in incident.reason
    assert ledger.links.consumed(use().source) == {
        ("1", "fulfils"): (Decimal("10.5"), Decimal(105)),
        ("1", "invoices"): (Decimal(10), Decimal(1)),
    }


def test_an_amount_is_limited_too(ledger: Ledger) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", None, Decimal("99999999999999.99"))])
    (fits,) = reserve(ledger, wanted("PR-1", uses=(use("1", "1000", "99999999999999.99", kind="pays"),)))
    (over,) = reserve(ledger, wanted("PR-2", uses=(use("1", "0", "0.01", kind="pays"),)))
    assert (fits.status, over.status) == ("fresh", "held")


def test_a_line_that_was_not_approved_may_not_be_used_but_an_unknown_document_may(ledger: Ledger) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(1))])
    answers = reserve(
        ledger,
        wanted("PR-1", uses=(use("2"),)),
        wanted("PR-2", uses=(use("1"), use("2"))),
        wanted("PR-3", uses=(use("2", source="PR-free"),)),
        wanted("PR-4", uses=(use("1"),)),
    )
    assert [one.status for one in answers] == ["held", "held", "fresh", "fresh"], (
        "the refused one used nothing"
    )


def test_two_uses_of_one_line_in_one_document_add_up(ledger: Ledger) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(3))])
    assert reserve(ledger, wanted(uses=(use("1", "2"), use("1", "2"))))[0].status == "held"
    assert ledger.links.consumed(use().source) == {}


def test_reserving_again_does_not_use_a_line_twice(ledger: Ledger, clock: Clock) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(2))])
    for _ in range(3):
        (one,) = reserve(ledger, wanted(uses=(use("1", "2"),)))
        assert one.status == "fresh"
        ledger.intents.release(pairs(one))
    (other,) = reserve(ledger, wanted("PR-2", uses=(use("1", "1"),)))
    assert other.status == "held", "released is not given up: its lines stay reserved"
    ledger.intents.void(one.intent_id, "given up")
    ledger.intents.reopen(other.intent_id, "eve", "the other one is given up")
    assert reserve(ledger, wanted("PR-2", uses=(use("1", "1"),)))[0].status == "fresh"
    assert reserve(ledger, wanted(uses=(use("1", "2"),)))[0].status == "held", "and must ask again"


def test_corrected_content_takes_the_corrected_lines(ledger: Ledger, clock: Clock) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(2))])
    (over,) = reserve(ledger, wanted(uses=(use("1", "3"),)))
    assert over.status == "held"
    assert reserve(ledger, wanted(uses=(use("1", "2"),)))[0].status == "held", "the same content stays held"
    (fits,) = reserve(ledger, wanted(content="c2", uses=(use("1", "2"),)))
    assert fits.status == "fresh" and ledger.incidents.get(over.incident or 0).status == "closed"


def test_adopting_counts_even_what_exceeds_and_tells_it(ledger: Ledger, clock: Clock) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(1))])
    (one,) = ledger.intents.adopt([(wanted(uses=(use("1", "5"),)), receipt(clock))])
    assert one.status == "done"
    assert ledger.links.consumed(use().source) == {("1", "fulfils"): (Decimal(5), Decimal(0))}
    (incident,) = ledger.incidents.search()
    assert (incident.category, incident.code) == ("control", "line_overdrawn")


def test_a_new_revision_replaces_the_capacity(ledger: Ledger) -> None:
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(1)), LineCapacity("2", Decimal(1))])
    ledger.links.set_capacity(use().source, [LineCapacity("1", Decimal(2))])
    answers = reserve(ledger, wanted(uses=(use("1", "2"),)), wanted("PR-2", uses=(use("2"),)))
    assert [one.status for one in answers] == ["fresh", "held"]


@pytest.mark.parametrize(
    ("lines", "tolerance"),
    [
        ([], 0),
        ([LineCapacity("1"), LineCapacity("1")], 0),
        ([LineCapacity("1", Decimal(-1))], 0),
        ([LineCapacity("1", Decimal(1))], -1),
    ],
)
def test_a_capacity_that_is_none_is_refused(
    ledger: Ledger, lines: list[LineCapacity], tolerance: int
) -> None:
    with pytest.raises(InvalidDocument):
        ledger.links.set_capacity(ref(), lines, Decimal(tolerance))


def test_the_chain_of_a_document_in_both_directions(ledger: Ledger, clock: Clock) -> None:
    requisition, invoice = use().source, ref("INV-1", "supplier_invoice")
    (order,) = reserve(ledger, wanted(uses=(use("1", "1", target_line_id="10"),)))
    send(ledger, order)
    ledger.intents.set_receipts([(*pairs(order)[0], receipt(clock, "PO-1"))])
    ledger.links.add(invoice, [replace(use("10", kind="invoices"), source=ref("PO-1"))])
    ledger.links.add(requisition, [replace(use("9", kind="replaces"), source=invoice)])
    done(ledger, clock, "PR-77", "PO-77", uses=(use("1", source="PR-77"),))
    assert [(one.source, one.target) for one in ledger.links.of(ref("PO-1"))] == [
        (requisition, ref("PO-1")),
        (ref("PO-1"), invoice),
    ]
    for start in (requisition, ref("PO-1"), invoice):
        assert [one.kind for one in ledger.links.chain(start)] == ["fulfils", "invoices", "replaces"]
    assert ledger.links.chain(ref("nobody")) == []
