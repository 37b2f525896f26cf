"""What a document says in an order and back, with every digit; saved once."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.sandbox import FaultRule
from airflow_provider_docflow.sandbox.yonbip.identity import TENANT
from airflow_provider_docflow.systems.yonbip import purchase as purchases
from airflow_provider_docflow.systems.yonbip import sales
from tests.systems.yonbip.conftest import LINE, MARK, PURCHASE, SALE, Desk, purchase, sale

SAVE = {PURCHASE: "*/purchaseorder/singleSave_v1", SALE: "*/voucherorder/singleSave"}


def sent(desk: Desk, document_type: str = PURCHASE) -> dict[str, Any]:
    found: dict[str, Any] = desk.sent(SAVE[document_type])[-1]["data"]
    return found


def figure(value: Any) -> Decimal:
    """Return a figure of a request; the journal keeps those with a point as texts."""
    return Decimal(str(value))


def test_a_purchase_order_is_saved_with_figures_that_agree(desk: Desk) -> None:
    desk.create()
    body = sent(desk)
    assert {name: value for name, value in body.items() if name != "purchaseOrders"} == {
        "resubmitCheckKey": MARK,
        "headItem": {"define1": MARK},
        "_status": "Insert",
        "bustype_code": "A20001",
        "org_code": "C1",
        "vendor_code": "SUP-1",
        "invoiceVendor_code": "SUP-1",
        "vouchdate": "2026-03-31 00:00:00",
        "currency_code": "CNY",
        "natCurrency_code": "CNY",
        "exchRate": 1,
        "exchRateType": "01",
    }
    (line,) = body["purchaseOrders"]
    figures = {name: figure(value) for name, value in line.items() if name.startswith(("ori", "nat"))}
    home = {
        "UnitPrice": Decimal("50.25"),
        "TaxUnitPrice": Decimal("56.78333333"),
        "Money": Decimal("150.75"),
        "Tax": Decimal("19.6"),
        "Sum": Decimal("170.35"),
    }
    assert figures == {f"{at}{name}": value for at in ("ori", "nat") for name, value in home.items()}
    assert (line["rowno"], line["taxitems_code"], line["priceQty"]) == (10, "VAT13", 3)
    assert (line["inOrg_code"], line["inInvoiceOrg_code"], line["unit_code"]) == ("C1", "C1", "C62")


def test_a_purchase_order_reads_back_as_it_was_meant(desk: Desk) -> None:
    ref = desk.create()
    reading = desk.read(ref)
    document = reading.document
    assert document is not None
    assert (reading.ref.instance, reading.ref.internal_id) == (TENANT, ref.internal_id)
    assert ref.internal_id == str(int(ref.internal_id)) and len(ref.internal_id) == 19
    assert (document.id, document.company_code) == (ref.number, "C1")
    (line,) = document.lines
    assert (line.line_id, line.item_id, line.unit_code) == ("10", "P-101", "C62")
    assert (line.price_amount, line.price_includes_tax) == (Decimal("50.25"), False)
    assert (line.tax_percent, line.tax_amount) == (13, Decimal("19.6"))
    assert document.payable_amount == reading.total == Decimal("170.35")
    assert (reading.party, reading.currency) == ("SUP-1", "CNY")
    assert document.seller_supplier_party is not None
    assert document.seller_supplier_party.name == "Ömer & Söhne 有限公司"


def test_a_price_with_tax_survives_where_only_it_is_exact(desk: Desk) -> None:
    priced = {"quantity": "3", "price_amount": "1.13", "price_includes_tax": True}
    ref = desk.create(purchase(lines=[{**LINE, **priced}]))
    (line,) = sent(desk)["purchaseOrders"]
    assert (figure(line["oriTaxUnitPrice"]), line["oriUnitPrice"]) == (Decimal("1.13"), 1)
    desk.site = desk.connect(purchase_price="gross")
    document = desk.read(ref).document
    assert document is not None
    assert (document.lines[0].price_amount, document.lines[0].price_includes_tax) == (Decimal("1.13"), True)


def test_a_net_price_that_does_not_give_the_amount_is_not_taken_for_it(desk: Desk) -> None:
    row = {
        "rowno": 10,
        "product_cCode": "P-1",
        "priceQty": Decimal(3),
        "priceUOM_Code": "C62",
        "oriUnitPrice": Decimal("3.23"),
        "oriTaxUnitPrice": Decimal("3.65"),
        "oriMoney": Decimal("9.70"),
        "oriSum": Decimal("10.95"),
        "oriTax": Decimal("1.25"),
        "taxRate": "13",
    }
    line = purchases.read_line(desk.site, row, "CNY")
    assert (line["price_amount"], line["price_includes_tax"]) == (Decimal("3.65"), True)


def test_a_foreign_order_carries_its_rate_and_amounts_at_home(desk: Desk) -> None:
    ref = desk.create(purchase(document_currency_code="USD", exchange_rate="7.1234"))
    (line,) = sent(desk)["purchaseOrders"]
    assert figure(sent(desk)["exchRate"]) == Decimal("7.1234")
    net, tax, whole = (figure(line[f"nat{name}"]) for name in ("Money", "Tax", "Sum"))
    assert (net, tax, whole) == (Decimal("1073.85"), Decimal("139.62"), Decimal("1213.47"))
    document = desk.read(ref).document
    assert document is not None
    assert (document.document_currency_code, document.exchange_rate) == ("USD", Decimal("7.1234"))


def test_projects_reference_number_memo_and_own_fields(desk: Desk) -> None:
    desk.site = desk.connect(write_number=True, reference_field="memo")
    own = {"headItem.define7": "华东"}
    costs = [{"project": "XN1002"}]
    line = {**LINE, "accounting": costs, "extensions": {TENANT: {"bodyItem.define2": "红"}}}
    ref = desk.create(purchase(lines=[line], extensions={TENANT: own}))
    body = sent(desk)
    assert (body["code"], body["memo"]) == ("PO-1", "PO-1")
    assert body["headItem"] == {"define7": "华东", "define1": MARK}
    assert ref.number == "PO-1"
    document = desk.read(ref).document
    assert document is not None
    assert document.extensions == {TENANT: own}
    assert document.lines[0].extensions == {TENANT: {"bodyItem.define2": "红"}}
    assert document.lines[0].accounting[0].project == "XN1002"
    assert document.notes == ()


def test_a_sales_order_there_and_back(desk: Desk) -> None:
    ref = desk.create(sale())
    body = sent(desk, SALE)
    assert (body["salesOrgId"], body["agentId"], body["memo"]) == ("C2", "CUST-1", "加急")
    assert (figure(body["payMoney"]), body["orderPrices!taxInclusive"]) == (Decimal("3.39"), True)
    assert body["hopeReceiveDate"] == "2026-04-15 00:00:00"
    (line,) = body["orderDetails"]
    names = ("oriTaxUnitPrice", "oriSum", "orderDetailPrices!oriMoney", "orderDetailPrices!oriTax")
    assert [str(line[name]) for name in names] == ["1.13", "3.39", "3", "0.39"]
    reading = desk.read(ref)
    document = reading.document
    assert document is not None
    assert (document.company_code, document.notes, reading.total) == ("C2", ("加急",), Decimal("3.39"))
    assert document.delivery is not None
    assert str(document.delivery.delivery_date) == "2026-04-15"
    read = document.lines[0]
    assert (read.item_id, read.price_amount, read.price_includes_tax) == ("P-101", Decimal("1.13"), True)
    # A sales order shows customer and units by their ids alone.
    assert document.buyer_customer_party is not None
    assert document.buyer_customer_party.id == "1998446281572745401"


def test_a_sales_order_is_read_by_codes_where_the_connection_names_them(desk: Desk) -> None:
    ref = desk.create(sale())
    desk.site = desk.connect(
        customers=json.dumps({"CUST-1": "1998446281572745401"}),
        units=json.dumps({"C62": "1998446281572745601"}),
    )
    reading = desk.read(ref)
    assert reading.document is not None and reading.document.buyer_customer_party is not None
    assert (reading.party, reading.document.buyer_customer_party.id) == ("CUST-1", "CUST-1")
    assert reading.document.lines[0].unit_code == "C62"


def test_a_foreign_sale_shows_both_currencies(desk: Desk) -> None:
    ref = desk.create(sale(document_currency_code="EUR", exchange_rate="7.8"))
    document = desk.read(ref).document
    assert document is not None
    assert (document.document_currency_code, document.exchange_rate) == ("EUR", Decimal("7.8"))


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (purchase(document_currency_code="USD"), "exchange_rate"),
        (purchase(exchange_rate="7"), "exchange_rate"),
        (purchase(allowance_charge=[{"charge": True, "amount": "1", "reason": "运费"}]), "allowance_charge"),
        (purchase(lines=[{**LINE, "tax_percent": "5"}]), "lines[0].tax_percent"),
        (purchase(lines=[{**LINE, "tax_percent": None, "tax_amount": "19.6"}]), "lines[0].tax_percent"),
        (purchase(lines=[{**LINE, "price_amount": "1", "base_quantity": "3"}]), "lines[0].price_amount"),
        (
            purchase(
                lines=[
                    {
                        **LINE,
                        "accounting": [{"project": "A", "share": "0.5"}, {"project": "B", "share": "0.5"}],
                    }
                ]
            ),
            "lines[0].accounting",
        ),
        (purchase(seller_supplier_party=None), "seller_supplier_party"),
        (sale(buyer_customer_party=None), "buyer_customer_party"),
        (
            sale(lines=[LINE, {**LINE, "line_id": "20", "price_includes_tax": True}]),
            "lines[0].price_includes_tax",
        ),
    ],
)
def test_what_an_order_cannot_say_is_refused_before_anything_is_sent(
    desk: Desk, document: Any, field: str
) -> None:
    with pytest.raises(exc.InvalidDocument) as told:
        desk.create(document)
    assert told.value.field == field
    assert desk.sandbox.requests("*/singleSave*") == []


CENTRE = {**LINE, "accounting": [{"cost_centre": "CC-7", "project": "XN1002"}]}
TERMS = [{"days": 30}]


@pytest.mark.parametrize(
    ("document", "field", "name"),
    [
        (purchase(lines=[CENTRE]), "lines[0].accounting.cost_centre", "lines.accounting.cost_centre"),
        (purchase(payment_terms=TERMS), "payment_terms", "payment_terms"),
        (
            purchase(lines=[{**LINE, "seller_supplier_party": {"id": "SUP-2"}}]),
            "lines[0].seller_supplier_party",
            "lines",
        ),
        (sale(seller_supplier_party={"id": "SUP-2"}), "seller_supplier_party", "seller_supplier_party"),
        (sale(delivery={"delivery_party": {"id": "X"}}), "delivery", "delivery"),
    ],
)
def test_what_an_order_has_no_field_for_is_left_out_only_by_choice(
    desk: Desk, document: Any, field: str, name: str
) -> None:
    with pytest.raises(exc.InvalidDocument) as told:
        desk.create(document)
    assert told.value.field == field
    assert desk.sandbox.requests("*/singleSave*") == []
    desk.site = desk.connect(omit=f"requester, {name}")
    desk.create(document)
    assert len(desk.kept(str(document.document_type))) == 1


def test_requester_due_date_and_files_are_left_out_unless_the_connection_says_no(desk: Desk) -> None:
    document = purchase(requester={"id": "zhang.san"}, due_date="2026-04-30")
    desk.create(document)
    desk.site = desk.connect(omit="due_date")
    with pytest.raises(exc.InvalidDocument) as told:
        desk.create(document, mark="M2")
    assert told.value.field == "requester"


def test_an_order_whose_figures_contradict_each_other_is_a_problem_of_its_own(desk: Desk) -> None:
    ref = desk.create()
    (kept,) = desk.kept()
    lines = [{**kept["purchaseOrders"][0], "oriMoney": 140}]
    desk.sandbox.call("PUT", f"yonbip/purchase/{ref.internal_id}", {"purchaseOrders": lines})
    reading = desk.read(ref)
    assert reading.document is None
    assert reading.problem is not None


@pytest.mark.parametrize("document", [purchase(), sale()])
def test_a_repeated_key_is_answered_with_the_first_order(desk: Desk, document: Any) -> None:
    first = desk.create(document)
    assert desk.create(document) == first
    desk.sandbox.advance(3_700)
    for code in ("100004", "10004"):
        desk.put(repeated_code=code)
        assert desk.create(document).internal_id == first.internal_id
    assert len(desk.kept(str(document.document_type))) == 1


@pytest.mark.parametrize("document", [purchase(), sale()])
def test_an_order_is_found_by_its_mark(desk: Desk, document: Any) -> None:
    kind = str(document.document_type)
    refs = [desk.create(document, mark=f"M{place}") for place in range(3)]
    found = desk.find("M2", "M0", "M9", document_type=kind)
    assert [[each.ref.internal_id for each in marked] for marked in found] == [
        [refs[2].internal_id],
        [refs[0].internal_id],
        [],
    ]
    assert desk.sandbox.count("*/list") == 1


def test_a_list_that_does_not_heed_the_mark_proves_nothing(desk: Desk) -> None:
    for place in range(23):
        desk.create(mark=f"M{place}")
    rows = [{"id": order["id"], "code": order["code"]} for order in desk.kept()]
    listed = {"code": "200", "data": {"recordList": rows, "recordCount": len(rows)}}
    desk.sandbox.fault(FaultRule("rate_limited", path="*/list", status=200, reply=listed))
    with pytest.raises(exc.Misconfigured) as told:
        desk.find("M0")
    assert told.value.field == "mark_field"


def test_a_condition_that_the_list_refuses_proves_nothing_either(desk: Desk) -> None:
    desk.create()
    desk.site = desk.connect(mark_field="extend_docflow")
    with pytest.raises(exc.Rejected, match="extend_docflow"):
        desk.find("M1")


def test_every_mapped_field_has_its_place_in_a_save(desk: Desk) -> None:
    desk.create()
    desk.create(sale(), mark="M2")
    for kind, mapped, body in (
        ("purchaseOrders", purchases.MAPPED, sent(desk)),
        ("orderDetails", sales.MAPPED, sent(desk, SALE)),
    ):
        line = body[kind][0]
        heads = {name for name in mapped if not name.startswith(f"{kind}.")}
        read_only = {"code", "oriSum"}
        assert heads - read_only <= set(body)
        lines = {name.partition(".")[2] for name in mapped if name.startswith(f"{kind}.")}
        assert lines - {"taxRate", "project_code", "projectId"} <= set(line)
