from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem, Written
from airflow_provider_docflow.document import Document, document_from_json, document_to_json
from airflow_provider_docflow.systems.tryton import PROFILE
from tests.systems.tryton.conftest import TODAY, Talk, item_of, new_mark, new_number

pytestmark = pytest.mark.system
Make = Callable[..., Document]
TYPE = "supplier_invoice"


def invoice_of(order: Document, **more: Any) -> Document:
    data = {**document_to_json(order), "document_type": TYPE, "id": new_number("INV"), **more}
    return document_from_json(data).totalled()


def test_an_invoice_of_an_order_is_posted_and_counts_as_invoiced(
    talk: Talk, clerk: Talk, confirmed_order: tuple[Document, Written]
) -> None:
    order, written = confirmed_order
    invoice = invoice_of(order)
    made = talk.create(invoice, arguments={"order_lines": written.detail["lines"]})
    reading = talk.read(made.ref)
    assert (reading.total, reading.party, reading.state.lifecycle) == (order.payable_amount, "SUP-1", "draft")
    assert reading.document is not None
    origins = [line.extensions[talk.site.instance]["purchase_line"] for line in reading.document.lines]
    assert origins == list(written.detail["lines"].values())
    posted = talk.press(made.ref, "post")
    assert (posted.state.lifecycle, posted.state.payment) == ("active", "none")
    assert posted.ref.number
    assert clerk.read(written.ref).state.invoicing == "complete"


def test_an_invoice_derived_from_the_order_as_read_is_linked_too(
    clerk: Talk, confirmed_order: tuple[Document, Written]
) -> None:
    order = clerk.read(confirmed_order[1].ref).document
    assert order is not None
    half = [{**line, "quantity": "1"} for line in document_to_json(order)["lines"]]
    for line in half:
        line.update(line_extension_amount=None, tax_amount=None)
    invoice = invoice_of(order, lines=half, payable_amount=None, tax_amount=None, extensions={})
    made = clerk.create(invoice)
    clerk.press(made.ref, "submit", "post")
    assert clerk.read(made.ref).total == Decimal("25.00")
    assert clerk.read(confirmed_order[1].ref).state.invoicing == "partial"


def test_a_line_of_somebody_elses_order_is_refused(
    clerk: Talk, make: Make, confirmed_order: tuple[Document, Written]
) -> None:
    order, written = confirmed_order
    arguments = {"order_lines": written.detail["lines"]}
    other = invoice_of(order, seller_supplier_party={"id": "SUP-2"})
    missing = {"order_lines": {"L1": 99999999}}
    draft = clerk.create(make())
    open_lines = {"order_lines": draft.detail["lines"]}
    results = clerk.write(
        TYPE,
        "create",
        item_of(other, arguments=arguments),
        item_of(invoice_of(order), arguments=missing),
        item_of(invoice_of(order), arguments=open_lines),
    )
    assert [type(result) for result in results] == [exc.InvalidDocument] * 3
    assert {result.field for result in results} == {"lines[0]"}


def test_a_closed_period_parks_the_invoice_and_not_its_batch(clerk: Talk, make: Make) -> None:
    old = invoice_of(make(), issue_date=dt.date(2019, 5, 1), due_date=None)
    refs = [clerk.create(document).ref for document in (invoice_of(make()), old, invoice_of(make()))]
    results = clerk.write(TYPE, "post", *(WriteItem(mark=new_mark(), ref=ref) for ref in refs))
    assert [type(result) for result in results] == [Written, exc.PeriodClosed, Written]
    closed = results[1]
    assert closed.field == "posting_date"
    assert "2019-05-01" in closed.message
    assert "period" in closed.remedy
    assert closed.system == "erp_clerk"
    states = [str(clerk.read(ref).state.lifecycle) for ref in refs]
    assert states == ["active", "draft", "active"]


def test_a_posting_date_moves_it_into_an_open_period(clerk: Talk, make: Make) -> None:
    late = invoice_of(make(), issue_date=dt.date(2019, 5, 1), posting_date=TODAY)
    reading = clerk.press(clerk.create(late).ref, "post")
    assert reading.state.lifecycle == "active"
    assert reading.document is not None
    assert (reading.document.issue_date, reading.document.posting_date) == (dt.date(2019, 5, 1), TODAY)


def test_a_warning_is_for_a_person(clerk: Talk, make: Make, tryton: Any) -> None:
    line = {"line_id": "1", "item_id": "P-130", "quantity": "1", "price_amount": "10"}
    ref = clerk.create(make(TYPE, lines=[line])).ref
    before = tryton.rpc("model.res.user.warning.search_count", [])
    (warned,) = clerk.write(TYPE, "post", WriteItem(mark=new_mark(), ref=ref))
    assert isinstance(warned, exc.Rejected)
    assert warned.code == "UserWarning"
    assert "person" in warned.remedy
    assert clerk.read(ref).state.lifecycle == "draft"
    assert tryton.rpc("model.res.user.warning.search_count", []) == before


def test_cancelling_tells_a_reversal_from_a_cancelled_draft(clerk: Talk, make: Make) -> None:
    draft, posted = (clerk.create(invoice_of(make())).ref for _ in range(2))
    clerk.press(posted, "post")
    assert clerk.press(draft, "cancel").state.lifecycle == "cancelled"
    assert clerk.press(posted, "cancel").state.lifecycle == "reversed"


def test_due_dates_and_terms_reach_what_is_to_pay(clerk: Talk, make: Make, tryton: Any) -> None:
    due = TODAY + dt.timedelta(days=17)
    ref = clerk.create(invoice_of(make(), due_date=due)).ref
    clerk.press(ref, "post")
    (row,) = tryton.rpc("model.account.invoice.read", [int(ref.internal_id)], ["lines_to_pay.maturity_date"])
    assert [line["maturity_date"] for line in row["lines_to_pay."]] == [due]
    for terms in ([{"days": 333}], [{"percent": "100", "prepayment": True, "days": 0}]):
        (refused,) = clerk.write(TYPE, "create", item_of(invoice_of(make(), payment_terms=terms)))
        assert isinstance(refused, exc.InvalidDocument)
        assert refused.field == "payment_terms"


def test_a_payment_of_a_posted_invoice_is_submitted_and_approved(
    clerk: Talk, boss: Talk, make: Make, tryton: Any
) -> None:
    invoice = invoice_of(make())
    made = clerk.create(invoice)
    clerk.press(made.ref, "post")
    line = {
        "line_id": "1",
        "description": invoice.id,
        "quantity": "1",
        "price_amount": "37.50",
        "unit_code": "",
    }
    payment = make("payment", lines=[line])
    mark = new_mark()
    paid = clerk.create(payment, mark, arguments={"invoice": int(made.ref.internal_id)})
    reading = clerk.press(paid.ref, "submit")
    assert (reading.state.approval, reading.total, reading.currency) == ("pending", Decimal("37.50"), "USD")
    assert boss.press(paid.ref, "approve").state.approval == "approved"
    (finding,) = clerk.find("payment", item_of(payment, mark))
    assert [found.ref for found in finding.marked] == [boss.read(paid.ref).ref]
    (row,) = tryton.rpc("model.account.payment.read", [int(paid.ref.internal_id)], ["line", "reference"])
    assert row["line"]
    assert row["reference"] == f"{payment.id} [{mark}]"
    (unposted, foreign) = clerk.write(
        "payment",
        "create",
        item_of(payment, arguments={"invoice": int(clerk.create(invoice_of(make())).ref.internal_id)}),
        item_of(
            make("payment", lines=[line], seller_supplier_party={"id": "SUP-4"}),
            arguments={"invoice": int(made.ref.internal_id)},
        ),
    )
    assert isinstance(unposted, exc.InvalidDocument)
    assert isinstance(foreign, exc.InvalidDocument)
    assert PROFILE.of("payment").stages["approved"] == ("submit", "approve")
