"""An approval that no longer stands, on any axis of any system, as the ledger carries it along the links."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import Coverage, entry_of
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import DocumentRef, DocumentState, document_from_json, material_hash
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.decisions import NewDecision
from airflow_provider_docflow.ledger.keys import LineUse
from airflow_provider_docflow.ledger.revocations import UNAPPROVED
from tests.ledger.samples import Clock

NOW = datetime(2026, 3, 31, 8, tzinfo=UTC)
OA, ERP = "oa:corp-1", "erp:db-1"


def held(ledger: Ledger) -> list[tuple[str, str]]:
    return [(one.code, one.document_number) for one in ledger.incidents.search()]


def document(number: str, kind: str) -> Any:
    line = {"line_id": "1", "quantity": "1", "price_amount": "5.00"}
    data = {"document_type": kind, "id": number, "issue_date": "2026-03-31", "document_currency_code": "CNY"}
    return document_from_json({**data, "lines": [line]}).totalled()


def reading(
    number: str, kind: str, instance: str, approval: str, after: int = 0, lifecycle: str = "active"
) -> Reading:
    ref = DocumentRef(instance, "1000", kind, f"id-{number}", number)  # type: ignore[arg-type]
    state = DocumentState(
        lifecycle=lifecycle,  # type: ignore[arg-type]
        approval=approval,  # type: ignore[arg-type]
        raw={"approval": approval.upper()},
        read_at=NOW + timedelta(seconds=after),
    )
    return Reading(ref=ref, state=state, document=document(number, kind))


ORDER = ("PO-1", "purchase_order", ERP)
INVOICE = ("INV-1", "supplier_invoice", ERP)
PAYMENT = ("PAY-1", "payment_request", "finance")
FORM = ("F-1", "purchase_order", OA)


def decide(ledger: Ledger, one: Reading, case: Reading | None = None) -> None:
    case = case or one
    ledger.decisions.append(
        NewDecision(
            one.ref,
            "approved",
            material_hash(one.document),  # type: ignore[arg-type]
            NOW,
            approver="boss",
            approval_system=case.ref.instance,
            approval_instance_id=case.ref.internal_id,
        )
    )


def link(ledger: Ledger, source: Reading, target: Reading) -> None:
    ledger.links.add(target.ref, [LineUse(source.ref, "1", Decimal(1), Decimal(5), "invoices")])


def keep(ledger: Ledger, *readings: Reading) -> None:
    ledger.documents.upsert([entry_of(one) for one in readings])


def chain(ledger: Ledger, word: str = "approved") -> tuple[Reading, Reading, Reading]:
    """An order that was approved in the ERP itself, its invoice, and the payment of that."""
    order, invoice = reading(*ORDER, word), reading(*INVOICE, "none")
    payment = reading(*PAYMENT, "none")
    keep(ledger, order, invoice, payment)
    link(ledger, order, invoice)
    link(ledger, invoice, payment)
    return order, invoice, payment


@pytest.mark.parametrize("word", ["pending", "returned", "withdrawn", "revoked", "rejected", "none"])
def test_an_un_audit_in_any_erp_reaches_the_whole_chain_below(ledger: Ledger, word: str) -> None:
    order, _, _ = chain(ledger)
    decide(ledger, order)
    keep(ledger, reading(*ORDER, word, after=60))
    assert sorted(held(ledger)) == [(UNAPPROVED, "INV-1"), (UNAPPROVED, "PAY-1")]
    final = word not in ("pending", "none")
    assert (ledger.decisions.standing(order.ref) is None) == final
    keep(ledger, reading(*ORDER, "approved", after=120))
    assert held(ledger) == []


def test_an_approval_that_nobody_observed_counts_too(sqlite_ledger: Ledger) -> None:
    chain(sqlite_ledger)
    keep(sqlite_ledger, reading(*ORDER, "revoked", after=60))
    assert len(held(sqlite_ledger)) == 2


@pytest.mark.parametrize("word", ["approved", "unknown"])
def test_a_word_that_says_nothing_against_it_changes_nothing(sqlite_ledger: Ledger, word: str) -> None:
    chain(sqlite_ledger)
    keep(sqlite_ledger, reading(*ORDER, word, after=60))
    assert held(sqlite_ledger) == []


def test_an_older_look_changes_nothing(sqlite_ledger: Ledger) -> None:
    chain(sqlite_ledger)
    keep(sqlite_ledger, reading(*ORDER, "revoked", after=-60))
    assert held(sqlite_ledger) == []


def test_what_is_above_and_beside_is_left_alone(sqlite_ledger: Ledger) -> None:
    order, _, _ = chain(sqlite_ledger)
    other = reading("INV-2", "supplier_invoice", ERP, "approved")
    keep(sqlite_ledger, other, reading(*INVOICE, "approved", after=10))
    link(sqlite_ledger, order, other)
    keep(sqlite_ledger, reading(*INVOICE, "revoked", after=60))
    assert held(sqlite_ledger) == [(UNAPPROVED, "PAY-1")]


def test_a_form_in_an_oa_takes_the_approval_of_its_subject_back(ledger: Ledger) -> None:
    order, _, _ = chain(ledger, "none")
    about = reading(*FORM, "approved")
    keep(ledger, about)
    link(ledger, order, about)
    decide(ledger, order, case=about)
    keep(ledger, reading(*FORM, "revoked", after=60))
    last = ledger.decisions.of(order.ref)[-1]
    assert (last.decision, last.approval_system) == ("revoked", OA)
    assert {number for _, number in held(ledger)} == {"INV-1", "PAY-1"}
    with pytest.raises(exc.NotApproved):
        Coverage(ledger).require(order)


def test_another_form_about_the_same_subject_does_not(sqlite_ledger: Ledger) -> None:
    order, _, _ = chain(sqlite_ledger, "none")
    about, other = reading(*FORM, "approved"), reading("F-2", "purchase_order", OA, "approved")
    keep(sqlite_ledger, about, other)
    link(sqlite_ledger, order, about)
    link(sqlite_ledger, order, other)
    decide(sqlite_ledger, order, case=about)
    keep(sqlite_ledger, reading("F-2", "purchase_order", OA, "revoked", after=60))
    assert sqlite_ledger.decisions.standing(order.ref) is not None
    assert held(sqlite_ledger) == []


def test_a_linked_document_writes_nothing_until_a_person_lets_it(ledger: Ledger) -> None:
    _, invoice, _ = chain(ledger)
    decide(ledger, invoice)
    approved = replace(invoice, state=reading(*INVOICE, "approved").state)
    Coverage(ledger).require(approved)
    keep(ledger, reading(*ORDER, "revoked", after=60))
    with pytest.raises(exc.NotApproved, match="no longer approved") as caught:
        Coverage(ledger).require(approved)
    (mine,) = [one for one in ledger.incidents.search() if one.document_number == "INV-1"]
    assert (caught.value.code, caught.value.incident) == (UNAPPROVED, mine.id)
    ledger.incidents.close(mine.id, actor="anna", reason="paid in advance by contract")
    Coverage(ledger).require(approved)


def test_whose_approval_may_turn_is_looked_at_the_longest_unread_first(ledger: Ledger, clock: Clock) -> None:
    def due(limit: int = 10) -> list[str]:
        return [one.number for one in ledger.revocations.due(ERP, "purchase_order", days=30, limit=limit)]

    chain(ledger)
    clock.forward(60)
    second, third = reading("PO-2", "purchase_order", ERP, "approved"), reading("PO-3", *ORDER[1:], "pending")
    keep(ledger, second, third)
    decide(ledger, second)
    assert due() == ["PO-1", "PO-2"]
    assert due(limit=1) == ["PO-1"]
    clock.forward(60)
    keep(ledger, reading(*ORDER, "revoked", after=60), reading("PO-2", *ORDER[1:], "pending", after=60))
    assert due() == ["PO-1", "PO-2"]
    ids = ["id-PO-1", "id-PO-2", "id-PO-3", "id-new"]
    found = ledger.revocations.worth_a_look(ERP, "purchase_order", ids)
    assert {one.internal_id for one in found} == {"id-PO-1", "id-PO-2", "id-new"}
    for one in ledger.incidents.search():
        ledger.incidents.close(one.id, actor="anna", reason="settled")
    assert due() == ["PO-2"]
    clock.forward(31 * 86_400)
    assert due() == []
