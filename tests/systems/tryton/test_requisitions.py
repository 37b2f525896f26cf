from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.tryton import PROFILE
from tests.systems.tryton.conftest import Talk, item_of, new_mark

pytestmark = pytest.mark.system
Make = Callable[..., Document]
TYPE = "purchase_requisition"


def test_a_requisition_reads_back_with_its_requester_and_suppliers(talk: Talk, make: Make) -> None:
    line = {
        "item_id": "P-101",
        "quantity": "2",
        "price_amount": "7.25",
        "description": "扳手 ø 12",
        "accounting": [{"cost_centre": "CC-7"}],
    }
    lines = [
        {"line_id": "a", **line, "seller_supplier_party": {"id": "SUP-2"}},
        {"line_id": "b", **line, "seller_supplier_party": {"id": "SUP-3"}},
    ]
    document = make(TYPE, lines=lines, seller_supplier_party=None, requester={"id": "EMP-superior"})
    mark = new_mark()
    written = talk.create(document, mark)
    reading = talk.read(written.ref)
    assert reading.raw["description"] == f"{document.id} [{mark}]"
    assert reading.total == Decimal("29.00")
    assert written.ref.number
    assert reading.document is not None
    assert reading.document.requester is not None
    assert reading.document.requester.id == "EMP-superior"
    suppliers = [party.id for line in reading.document.lines if (party := line.seller_supplier_party)]
    assert suppliers == ["SUP-2", "SUP-3"]
    assert reading.document.lines[0].description == "扳手 ø 12\ncost centre CC-7"
    assert (reading.state.lifecycle, reading.state.approval) == ("draft", "none")


def test_only_who_may_approve_approves_and_the_history_says_who(clerk: Talk, boss: Talk, make: Make) -> None:
    ref = clerk.create(make(TYPE)).ref
    assert clerk.press(ref, "submit").state.approval == "pending"
    (refused,) = clerk.write(TYPE, "approve", WriteItem(mark=new_mark(), ref=ref))
    assert isinstance(refused, exc.Rejected)
    assert refused.code == "UserError"
    assert clerk.read(ref).state.approval == "pending"
    reading = boss.press(ref, "approve")
    assert reading.state.approval == "approved"
    assert [(entry.approver, entry.decision) for entry in reading.history] == [("EMP-superior", "approved")]
    approve = PROFILE.write(TYPE, "approve")
    assert approve.landed is not None
    assert approve.landed(reading, WriteItem(mark=new_mark(), ref=ref)) is True


def test_a_rejection_is_read_as_one(clerk: Talk, boss: Talk, make: Make) -> None:
    ref = clerk.create(make(TYPE)).ref
    clerk.press(ref, "submit")
    reading = boss.press(ref, "reject")
    assert (reading.state.approval, reading.state.lifecycle) == ("rejected", "closed")
    assert [entry.decision for entry in reading.history] == ["rejected"]
    (refused,) = boss.write(TYPE, "approve", WriteItem(mark=new_mark(), ref=ref))
    assert isinstance(refused, exc.Rejected)


def test_many_are_submitted_and_approved_at_once(clerk: Talk, boss: Talk, make: Make) -> None:
    items = [item_of(make(TYPE)) for _ in range(7)]
    refs = [written.ref for written in clerk.write(TYPE, "create", *items)]
    presses = [WriteItem(mark=new_mark(), ref=ref) for ref in refs]
    clerk.write(TYPE, "submit", *presses)
    before = len(boss.log)
    boss.write(TYPE, "approve", *presses)
    sent = [body for _, _, body in boss.log[before:] if ".approve" in body]
    assert len(sent) == 1
    readings = boss.run(PROFILE.of(TYPE).read(boss.site, refs))
    assert {str(reading.state.approval) for reading in readings} == {"approved"}


def test_a_cancelled_requisition_is_withdrawn(clerk: Talk, make: Make) -> None:
    reading = clerk.press(clerk.create(make(TYPE)).ref, "cancel")
    assert reading.state.approval == "withdrawn"
    assert reading.state.is_alive is False


def test_an_amount_without_a_place_and_an_unknown_requester_are_refused(clerk: Talk, make: Make) -> None:
    freight = [{"charge": True, "amount": "1.00", "reason": "Freight"}]
    charged, stranger = make(TYPE, allowance_charge=freight), make(TYPE, requester={"id": "NOBODY"})
    first, second = clerk.write(TYPE, "create", item_of(charged), item_of(stranger))
    assert isinstance(first, exc.InvalidDocument)
    assert isinstance(second, exc.InvalidDocument)
    assert (second.field, second.document) == ("requester.id", stranger.id)


def test_requisitions_may_be_observed_as_approvals_and_orders_may_not() -> None:
    assert PROFILE.of(TYPE).approves
    assert not PROFILE.of("purchase_order").approves
    with pytest.raises(exc.Unsupported):
        PROFILE.write(TYPE, "amend")
    with pytest.raises(exc.Unsupported):
        PROFILE.of("contract")
