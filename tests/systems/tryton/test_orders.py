from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading, WriteItem, Written
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.systems.tryton import PROFILE
from tests.systems.tryton.conftest import TODAY, Talk, item_of, new_mark, new_number

pytestmark = pytest.mark.system
Make = Callable[..., Document]


def test_an_order_reads_back_as_it_was_written(talk: Talk, make: Make) -> None:
    document = make(notes=["Deliver to gate 3."])
    mark = new_mark()
    written = talk.create(document, mark)
    reading = talk.read(written.ref)
    assert (reading.company_code, reading.party, reading.currency) == (document.company_code, "SUP-1", "USD")
    assert reading.total == document.payable_amount == Decimal("37.50")
    assert reading.raw["reference"] == f"{document.id} [{mark}]"
    assert reading.raw["description"] == f"[{mark}]"
    assert reading.state.lifecycle == "draft"
    assert reading.problem is None
    assert reading.document is not None
    assert reading.document.issue_date == TODAY
    assert reading.document.notes == ("Deliver to gate 3.",)
    assert [(line.item_id, line.quantity, line.price_amount) for line in reading.document.lines] == [
        ("P-101", Decimal(1), Decimal("12.5")),
        ("P-102", Decimal(2), Decimal("12.5")),
    ]
    ids = [line.line_id for line in reading.document.lines]
    assert written.detail == {"lines": {"L1": int(ids[0]), "L2": int(ids[1])}}
    reading.document.check()


@pytest.mark.parametrize(
    "number",
    ["N" * 60, "采购申请-二〇二六-〇〇一", "Réf. n° 7 – Größe ½", "50% _off_ \\ [x] \"q\" 'a'", "N" * 250],
    ids=["60 characters", "Chinese", "accents", "wildcards", "250 characters"],
)
def test_odd_numbers_survive_and_the_mark_stays_whole(clerk: Talk, make: Make, number: str) -> None:
    document, mark = make(id=number), new_mark()
    written = clerk.create(document, mark)
    reference = clerk.read(written.ref).raw["reference"]
    assert reference.endswith(f" [{mark}]")
    assert number.startswith(reference.removesuffix(f" [{mark}]"))
    assert len(reference) <= 200
    (finding,) = clerk.find("purchase_order", item_of(document, mark))
    assert [reading.ref.internal_id for reading in finding.marked] == [written.ref.internal_id]


def test_the_stages_lead_to_a_confirmed_order(talk: Talk, make: Make) -> None:
    ref = talk.create(make()).ref
    stages = PROFILE.of("purchase_order").stages
    assert talk.press(ref, *stages["submitted"]).state.lifecycle == "submitted"
    reading = talk.press(ref, *stages["confirmed"])
    assert reading.state.lifecycle == "active"
    assert reading.ref.number
    assert (reading.state.fulfilment, reading.state.invoicing) == ("none", "none")


def test_confirming_drafts_no_invoice(tryton: Any, confirmed_order: tuple[Document, Written]) -> None:
    number = int(confirmed_order[1].ref.internal_id)
    (order,) = tryton.rpc("model.purchase.purchase.read", [number], ["invoices", "state", "invoice_method"])
    assert (order["invoices"], order["state"]) == ([], "processing")


def test_an_action_done_before_is_done_and_one_out_of_order_is_refused(clerk: Talk, make: Make) -> None:
    ref = clerk.create(make()).ref
    (refused,) = clerk.write("purchase_order", "confirm", WriteItem(mark=new_mark(), ref=ref))
    assert isinstance(refused, exc.Rejected)
    assert (refused.field, refused.code, refused.system) == ("state", "state", "erp_clerk")
    assert "draft" in refused.message
    clerk.press(ref, "submit", "submit")
    assert clerk.press(ref, "cancel").state.is_alive is False
    (refused,) = clerk.write("purchase_order", "submit", WriteItem(mark=new_mark(), ref=ref))
    assert isinstance(refused, exc.Rejected)


def test_landed_is_told_from_the_state(clerk: Talk, make: Make) -> None:
    ref = clerk.create(make()).ref
    item = WriteItem(mark=new_mark(), ref=ref)
    confirm = PROFILE.write("purchase_order", "confirm")
    assert confirm.landed is not None
    assert confirm.landed(clerk.press(ref, "submit"), item) is False
    assert confirm.landed(clerk.press(ref, "confirm"), item) is True


def test_a_second_user_completes_what_the_rule_of_two_holds_back(
    clerk: Talk, boss: Talk, make: Make, four_eyes: None
) -> None:
    ref = clerk.create(make()).ref
    clerk.press(ref, "submit")
    landed = PROFILE.write("purchase_order", "confirm").landed
    assert landed is not None
    item = WriteItem(mark=new_mark(), ref=ref)
    assert landed(clerk.press(ref, "confirm"), item) is False
    assert landed(clerk.press(ref, "confirm"), item) is False
    assert landed(boss.press(ref, "confirm"), item) is True


def test_one_bad_order_does_not_stop_its_batch(
    talk: Talk, make: Make, companies: list[dict[str, Any]]
) -> None:
    documents = [
        make(),
        make(seller_supplier_party={"id": "NOBODY"}),
        make(company_code=companies[1]["code"]),
        make(company_code="NOWHERE"),
        make(lines=[{"line_id": "1", "item_id": "P-101", "quantity": "1", "price_amount": "1.00001"}]),
        make(document_currency_code="EUR"),
    ]
    results = talk.write("purchase_order", "create", *(item_of(document) for document in documents))
    assert [type(result) for result in results] == [
        Written,
        exc.InvalidDocument,
        Written,
        exc.InvalidDocument,
        exc.InvalidDocument,
        Written,
    ]
    for document, result in zip(documents, results, strict=True):
        if isinstance(result, exc.DocflowError):
            assert result.document == document.id
            assert result.remedy
    assert [result.field for result in results if isinstance(result, exc.DocflowError)] == [
        "seller_supplier_party.id",
        "company_code",
        "lines[0].price_amount",
    ]
    assert results[2].ref.company_code == companies[1]["code"]


def test_what_tryton_alone_refuses_is_named_and_the_rest_lands(clerk: Talk, make: Make, tryton: Any) -> None:
    (product,) = tryton.rpc("model.product.product.search", [["code", "=", "P-119"]])
    (template,) = tryton.rpc("model.product.product.read", [product], ["template"])
    tryton.rpc("model.product.template.write", [template["template"]], {"purchasable": False})
    try:
        bad = [{"line_id": "1", "item_id": "P-119", "quantity": "1", "price_amount": "1"}]
        documents = [make(), make(), make(lines=bad), make(), make()]
        results = clerk.write("purchase_order", "create", *(item_of(document) for document in documents))
    finally:
        tryton.rpc("model.product.template.write", [template["template"]], {"purchasable": True})
    assert [isinstance(result, Written) for result in results] == [True, True, False, True, True]
    refused = results[2]
    assert isinstance(refused, exc.Rejected)
    assert (refused.document, refused.code, refused.http_status) == (documents[2].id, "UserError", 200)
    for document, result in zip(documents, results, strict=True):
        found = tryton.rpc("model.purchase.purchase.search", [["reference", "ilike", f"{document.id} %"]])
        assert len(found) == isinstance(result, Written)


def test_amending_a_draft_keeps_the_ids_of_the_lines_that_stay(talk: Talk, make: Make) -> None:
    written = talk.create(make())
    lines = [
        {"line_id": "L2", "item_id": "P-102", "quantity": "7", "price_amount": "3"},
        {"line_id": "L3", "item_id": "P-103", "quantity": "1", "price_amount": "5"},
    ]
    wanted = make(lines=lines)
    item = WriteItem(mark=new_mark(), document=wanted, ref=written.ref, arguments=written.detail)
    amend = PROFILE.write("purchase_order", "amend")
    assert amend.landed is not None
    assert amend.landed(talk.read(written.ref), item) is False
    (amended,) = talk.write("purchase_order", "amend", item)
    assert isinstance(amended, Written)
    assert amended.detail["lines"]["L2"] == written.detail["lines"]["L2"]
    reading = talk.read(written.ref)
    assert amend.landed(reading, item) is True
    assert reading.total == Decimal("26.00")
    assert reading.document is not None
    assert [line.item_id for line in reading.document.lines] == ["P-102", "P-103"]


def test_a_quotation_is_not_amended(clerk: Talk, make: Make) -> None:
    written = clerk.create(make())
    clerk.press(written.ref, "submit")
    item = WriteItem(mark=new_mark(), document=make(), ref=written.ref)
    (refused,) = clerk.write("purchase_order", "amend", item)
    assert isinstance(refused, exc.Rejected)
    assert "quotation" in refused.message


def test_every_reference_that_names_nothing_is_not_found(talk: Talk, make: Make) -> None:
    good = talk.create(make()).ref
    missing = [
        DocumentRef(good.instance, good.company_code, good.document_type, internal_id)
        for internal_id in ("999999999", "not-a-number")
    ]
    read = PROFILE.of("purchase_order").read
    results = talk.run(read(talk.site, [missing[0], good, missing[1]]))
    assert [type(result) for result in results] == [exc.NotFound, Reading, exc.NotFound]
    assert results[0].document == "999999999"
    (pressed,) = talk.write("purchase_order", "submit", WriteItem(mark=new_mark(), ref=missing[0]))
    assert isinstance(pressed, exc.NotFound)


def test_allowances_charges_and_rounding_are_lines_of_their_own(clerk: Talk, make: Make) -> None:
    line = {
        "line_id": "1",
        "item_id": "P-101",
        "quantity": "3",
        "price_amount": "10",
        "allowance_charge": [{"charge": False, "amount": "2.00", "reason": "Discount"}],
    }
    document = make(
        lines=[line],
        allowance_charge=[{"charge": True, "amount": "5.55", "reason": "Freight"}],
        payable_rounding_amount="0.45",
    )
    reading = clerk.read(clerk.create(document).ref)
    assert reading.total == document.payable_amount == Decimal("34.00")
    assert reading.document is not None
    assert [(line.description, line.line_extension_amount) for line in reading.document.lines] == [
        ("", Decimal(30)),
        ("Discount", Decimal(-2)),
        ("Freight", Decimal("5.55")),
        ("Rounding", Decimal("0.45")),
    ]


def test_taxes_and_cost_objects_and_delivery_dates_arrive(clerk: Talk, make: Make) -> None:
    day = TODAY + dt.timedelta(days=9)
    line = {
        "line_id": "1",
        "item_id": "P-130",
        "quantity": "3",
        "price_amount": "10.1234",
        "tax_percent": "13",
        "delivery_date": day,
        "accounting": [{"cost_centre": "CC-1", "share": "0.4"}, {"project": "P9", "share": "0.6"}],
    }
    document = make(lines=[line])
    reading = clerk.read(clerk.create(document).ref)
    assert reading.total == document.payable_amount == Decimal("34.32")
    assert reading.document is not None
    (found,) = reading.document.lines
    assert (found.tax_percent, found.delivery_date) == (Decimal(13), day)
    assert found.notes == ("cost centre CC-1, 40 %\nproject P9, 60 %",)
    assert reading.document.tax_amount == Decimal("3.95")


def test_links_lead_to_the_record(clerk: Talk, site_of: Any, make: Make) -> None:
    ref = clerk.create(make(id=new_number())).ref
    link = PROFILE.of("purchase_order").link
    assert link is not None
    host = clerk.site.base_url.removeprefix("http://")
    record = f"{clerk.site.database}/model/purchase.purchase/{ref.internal_id}"
    assert link(clerk.site, ref) == f"tryton://{host}/{record}"
    web = site_of("clerk", web_client_url="https://erp.example.com/")
    assert link(web, ref) == f"https://erp.example.com/#{record}"
