"""What a document says in a voucher and back, lists, states, and the history of approvals."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.states import state_of
from airflow_provider_docflow.sandbox import FaultRule
from airflow_provider_docflow.systems.u8 import open_tasks
from airflow_provider_docflow.systems.u8.reading import AXES
from tests.systems.u8.conftest import AMOUNT, INSTANCE, LINE, MARK, OBJECTS, Desk, document

TYPES = ["purchase_order", "purchase_requisition", "sales_order", "payment", "supplier_invoice"]


@pytest.mark.parametrize("document_type", TYPES)
def test_what_is_added_reads_back(desk: Desk, document_type: str) -> None:
    meant = document(document_type)
    reading = desk.read(desk.create(meant))
    found = reading.document
    assert found is not None, reading.problem
    for name in ("issue_date", "company_code", "document_currency_code", "payable_amount"):
        assert getattr(found, name) == getattr(meant, name), name
    assert reading.total == meant.payable_amount
    (line,), (wanted,) = found.lines, meant.lines
    for name in ("item_id", "quantity", "unit_code", "price_amount", "tax_percent", "tax_amount"):
        expected = getattr(wanted, name)
        # Vouchers without items have no units.
        assert getattr(line, name) == expected or (document_type in ("payment", "supplier_invoice")), name
    party = meant.seller_supplier_party or meant.buyer_customer_party
    assert reading.party == (party.id if party else "")


def test_a_purchase_order_as_u8_takes_it(desk: Desk) -> None:
    line = {**LINE, "delivery_date": "2026-04-15"}
    desk.create(document(lines=[line], document_currency_code="USD", exchange_rate="7.1"))
    (sent,) = desk.sent("/u8/api/purchaseorder/add")
    assert sent == {
        "purchaseorder": {
            "date": "2026-03-31",
            "operation_type_code": "普通采购",
            "vendorcode": "SUP-1",
            "currency_name": "美元",
            "currency_rate": "7.1",
            "remark": f"D-1 [{MARK}]",
            "entry": [
                {
                    "inventorycode": "P-101",
                    "unitcode": "C62",
                    "quantity": "3",
                    "price": "50.25",
                    "money": "150.75",
                    "tax": "19.60",
                    "sum": "170.35",
                    "taxrate": "13",
                    "arrivedate": "2026-04-15",
                    "rowno": "1",
                }
            ],
        }
    }
    found = desk.read(desk.ref("PO00000001")).document
    assert found is not None
    assert (found.document_currency_code, found.exchange_rate) == ("USD", Decimal("7.1"))
    assert found.lines[0].delivery_date == date(2026, 4, 15)


@pytest.mark.parametrize("document_type", ["purchase_order", "purchase_requisition", "sales_order"])
def test_of_two_unit_prices_the_connection_says_which_is_read(desk: Desk, document_type: str) -> None:
    line = {**LINE, "price_amount": "3.65", "price_includes_tax": True}
    ref = desk.create(document(document_type, lines=[line]))
    for which, expected in (("net", (Decimal("3.23"), False)), ("gross", (Decimal("3.65"), True))):
        desk.site = desk.connect(unit_price=which)
        found = desk.read(ref).document
        assert found is not None
        assert (found.lines[0].price_amount, found.lines[0].price_includes_tax) == expected
        assert (found.lines[0].line_extension_amount, found.payable_amount) == (
            Decimal("9.69"),
            Decimal("10.95"),
        )


def test_a_requisition_names_requester_vendor_project_and_date(desk: Desk) -> None:
    line = {
        **LINE,
        "seller_supplier_party": {"id": "SUP-2"},
        "accounting": [{"project": "XM01"}],
        "delivery_date": "2026-05-01",
    }
    found = desk.read(desk.create(document("purchase_requisition", lines=[line]))).document
    assert found is not None
    assert found.requester is not None
    assert found.requester.id == "0001"
    assert found.lines[0].accounting[0].project == "XM01"
    assert found.lines[0].delivery_date == date(2026, 5, 1)
    party = found.seller_supplier_party or found.lines[0].seller_supplier_party
    assert party is not None
    assert party.id == "SUP-2"


def test_a_payment_names_the_account_that_is_paid(desk: Desk) -> None:
    account = desk.read(desk.create(document("payment"))).document
    assert account is not None and account.payee_account is not None
    assert (account.payee_account.account_number, account.payee_account.bank) == (
        "6222020200112233",
        "工商银行",
    )
    iban = {"iban": "DE89370400440532013000"}
    abroad = desk.read(desk.create(document("payment", payee_account=iban), mark="M2")).document
    assert abroad is not None and abroad.payee_account is not None
    assert abroad.payee_account.iban == "DE89370400440532013000"


def test_a_payable_carries_accounts(desk: Desk) -> None:
    line = {**AMOUNT, "accounting": [{"account": "2202", "project": "XM01"}]}
    found = desk.read(desk.create(document("supplier_invoice", lines=[line]))).document
    assert found is not None
    assert (found.lines[0].accounting[0].account, found.lines[0].accounting[0].project) == ("2202", "XM01")


def test_numbers_and_own_fields_are_the_tenants(desk: Desk) -> None:
    desk.site = desk.connect(write_number=True)
    ref = desk.create(document(extensions={INSTANCE: {"define3": "华东"}}))
    assert ref.number == "D-1"
    found = desk.read(ref).document
    assert found is not None
    assert found.extensions == {INSTANCE: {"define3": "华东"}}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (document(company_code="C2"), "company_code"),
        (document(document_currency_code="SEK", exchange_rate="1"), "document_currency_code"),
        (document(document_currency_code="USD"), "exchange_rate"),
        (document(seller_supplier_party=None), "seller_supplier_party"),
        (document(allowance_charge=[{"charge": True, "amount": "1", "reason": "运费"}]), "allowance_charge"),
        (document(lines=[{**LINE, "base_quantity": "10"}]), "lines[0].base_quantity"),
        (document("sales_order", document_currency_code="USD", exchange_rate="7"), "document_currency_code"),
        (document("payment", document_currency_code="USD", exchange_rate="7"), "document_currency_code"),
        (document("sales_order", buyer_customer_party=None), "buyer_customer_party"),
    ],
)
def test_what_a_voucher_cannot_say_is_refused_before_anything_is_sent(
    desk: Desk, given: Any, field: str
) -> None:
    with pytest.raises(exc.InvalidDocument) as told:
        desk.create(given)
    assert told.value.field == field
    assert desk.sandbox.requests("/u8/api/*/add") == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (
            document(lines=[{**LINE, "accounting": [{"project": "XM01"}]}]),
            "lines[0].accounting.project",
        ),
        (
            document("payment", lines=[{**AMOUNT, "accounting": [{"cost_centre": "CC-7"}]}]),
            "lines[0].accounting.cost_centre",
        ),
        (document("supplier_invoice", payment_terms=[{"days": 30}]), "payment_terms"),
        (document("supplier_invoice", payee_account={"account_number": "1"}), "payee_account"),
    ],
)
def test_what_a_voucher_has_no_field_for_is_left_out_only_by_choice(
    desk: Desk, given: Any, field: str
) -> None:
    with pytest.raises(exc.InvalidDocument) as told:
        desk.create(given)
    assert told.value.field == field
    assert desk.sandbox.requests("/u8/api/*/add") == []
    desk.site = desk.connect(omit="lines.accounting, payment_terms, payee_account")
    desk.create(given)
    assert len(desk.kept(str(given.document_type))) == 1


def test_a_sales_order_carries_what_u8_asks_for_besides(desk: Desk) -> None:
    desk.create(document("sales_order"))
    (sent,) = desk.sent("/u8/api/saleorder/add")
    head = {name: sent["saleorder"][name] for name in ("businesstype", "typecode", "deptcode", "custcode")}
    assert head == {"businesstype": "普通销售", "typecode": "1", "deptcode": "04", "custcode": "CUST-1"}
    assert sent["saleorder"]["entry"][0]["bgift"] == "0"
    desk.site = desk.connect(sales_type_code="")
    with pytest.raises(exc.Rejected, match="typecode"):
        desk.create(document("sales_order"), mark="M2")


def test_a_payment_request_that_people_made_is_read(desk: Desk) -> None:
    ref = desk.enter(
        "payment_request",
        "PQ1",
        date="2026-03-31 00:00:00",
        vendorcode="SUP-1",
        vendorname="Ömer & Söhne 有限公司",
        currency_name="人民币",
        entry=[{"originalamount": "1200.50", "digest": "货款"}, {"originalamount": "0.50"}],
    )
    reading = desk.read(ref)
    assert reading.document is not None, reading.problem
    assert (reading.total, reading.party, reading.currency) == (1201, "SUP-1", "CNY")
    assert [str(line.line_extension_amount) for line in reading.document.lines] == ["1200.50", "0.50"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"currency_name": "卢布"}, "document_currency_code"), ({"date": "bald"}, "issue_date")],
)
def test_what_cannot_be_read_is_its_vouchers_problem(desk: Desk, changes: dict[str, Any], field: str) -> None:
    ref = desk.create()
    desk.enter("purchase_order", ref.internal_id, **changes)
    reading = desk.read(ref)
    assert reading.document is None
    assert reading.problem is not None
    assert (reading.problem.document, reading.problem.system) == (ref.number, "u8_conn")


def test_requisitions_in_two_currencies_are_no_document(desk: Desk) -> None:
    ref = desk.create(document("purchase_requisition", lines=[LINE, {**LINE, "line_id": "2"}]))
    (kept,) = desk.kept("purchase_requisition")
    entries = [kept["entry"][0], {**kept["entry"][1], "currency_name": "美元"}]
    desk.enter("purchase_requisition", ref.internal_id, entry=entries)
    reading = desk.read(ref)
    assert reading.problem is not None
    assert reading.problem.field == "document_currency_code"


def test_vouchers_are_listed_by_what_is_asked(desk: Desk) -> None:
    desk.site = desk.connect(rows_per_page=1)
    first = desk.create(document(), "M1")
    second = desk.create(document(seller_supplier_party={"id": "SUP-2"}, issue_date="2026-04-02"), "M2")
    for query, expected in (
        ({}, [first, second]),
        ({"company_code": "C1"}, [first, second]),
        ({"company_code": "C2"}, []),
        ({"party": "SUP-2"}, [second]),
        ({"numbers": (second.number, "PO0", first.number)}, [second, first]),
        ({"issued_from": date(2026, 4, 1)}, [second]),
        ({"issued_to": date(2026, 3, 31)}, [first]),
        ({"raw": {"state": "Approved"}}, []),
    ):
        assert [row.ref for row in desk.search(**query)] == expected, query
    with pytest.raises(exc.Unsupported):
        desk.search(changed_since=datetime.now(UTC))
    with pytest.raises(exc.Unsupported):
        desk.search("purchase_requisition", party="SUP-1")


def test_payments_are_listed_by_names_of_their_own(desk: Desk) -> None:
    ref = desk.create(document("payment"))
    query = {"numbers": (ref.number,), "party": "SUP-1", "issued_from": date(2026, 3, 1)}
    (row,) = desk.search("payment", **query)
    assert (row.ref, row.total) == (ref, Decimal("1200.50"))


def test_the_published_form_of_a_list(desk: Desk) -> None:
    rows = [{"code": "0000000001", "vendorcode": "SUP-1", "currency_name": "人民币", "state": "审核"}]
    listed = {
        "errcode": "0",
        "errmsg": "",
        "page_index": "1",
        "rows_per_page": "40",
        "row_count": "1",
        "page_count": "1",
        "purchaseorderlist": rows,
    }
    path = "*/purchaseorderlist/batch_get"
    desk.sandbox.fault(FaultRule("rate_limited", path=path, status=200, reply=listed))
    (row,) = desk.search()
    assert (row.ref.number, str(row.state.lifecycle), row.total) == ("0000000001", "active", None)
    empty = {**listed, "row_count": "0", "page_count": "0", "purchaseorderlist": ""}
    desk.sandbox.fault(FaultRule("rate_limited", path=path, status=200, reply=empty))
    assert desk.search() == []


def test_a_row_that_a_real_list_has_shown(desk: Desk) -> None:
    row = {
        "code": "PRPO20191212317",
        "date": "2019-12-12",
        "operation_type_code": "普通采购",
        "state": "关闭",
        "vendorcode": "051801",
        "vendorname": "四会市金利达包装有限公司",
        "maker": "张惠明",
        "verifier": "demo",
        "closer": "肖润英",
        "money": "3300.0000",
        "sum": "3300.0000",
        "receiptstatus": "1",
    }
    listed = {
        "page_index": "1",
        "page_count": "33",
        "row_count": "642",
        "rows_per_page": "20",
        "errcode": "0",
    }
    path = "*/purchaseorderlist/batch_get"
    reply = {**listed, "errmsg": "", "page_count": "1", "purchaseorderlist": [row]}
    desk.sandbox.fault(FaultRule("rate_limited", path=path, status=200, reply=reply))
    (reading,) = desk.search()
    assert (reading.ref.number, reading.total, reading.party) == ("PRPO20191212317", 3300, "051801")
    assert (str(reading.state.lifecycle), str(reading.state.approval)) == ("closed", "approved")


def test_a_voucher_that_is_not_there(desk: Desk) -> None:
    with pytest.raises(exc.NotFound):
        desk.read(desk.ref("PO0"))
    desk.put(missing_code="10404")
    with pytest.raises(exc.Rejected) as told:
        desk.read(desk.ref("PO0"))
    assert not isinstance(told.value, exc.NotFound)
    desk.site = desk.connect(not_found_codes="10403, 10404")
    with pytest.raises(exc.NotFound):
        desk.read(desk.ref("PO0"))


def test_another_vouchers_answer_is_not_taken_for_it(desk: Desk) -> None:
    desk.create()
    other = {"errcode": "0", "purchaseorder": {"code": "PO9", "entry": []}}
    desk.sandbox.fault(FaultRule("rate_limited", path="*/purchaseorder/get", status=200, reply=other))
    with pytest.raises(exc.Rejected, match="another voucher, PO9"):
        desk.read(desk.ref("PO00000001"))


@pytest.mark.parametrize(
    ("raw", "lifecycle", "approval"),
    [
        ({"state": "Opening"}, "draft", "none"),
        ({"state": "Approved"}, "active", "approved"),
        ({"state": "关闭"}, "closed", "approved"),
        ({"state": "Verwegen"}, "unknown", "unknown"),
        ({"verifier": "demo"}, "active", "approved"),
        ({"checkman": "demo"}, "active", "approved"),
        ({"verifier": "demo", "closer": "demo"}, "closed", "approved"),
        ({}, "draft", "none"),
    ],
)
def test_words_of_states(raw: dict[str, str], lifecycle: str, approval: str) -> None:
    state = state_of(raw, AXES, datetime.now(UTC))
    assert (str(state.lifecycle), str(state.approval)) == (lifecycle, approval)


def test_every_type_is_verified_and_unverified(desk: Desk) -> None:
    for document_type in TYPES:
        ref = desk.create(document(document_type))
        assert desk.act("verify", ref).ref == ref
        assert str(desk.read(ref).state.lifecycle) == "active"
        desk.act("unverify", ref)
        assert str(desk.read(ref).state.lifecycle) == "draft"
    assert desk.sent("/u8/api/pay/verify") == [{"pay": {"voucher_code": "PAY00000001", "voucher_type": "49"}}]


def test_sales_orders_are_closed_and_opened_again(desk: Desk) -> None:
    ref = desk.create(document("sales_order"))
    for step, word in (("verify", "active"), ("close", "closed"), ("open", "active")):
        desk.act(step, ref)
        assert str(desk.read(ref).state.lifecycle) == word


def test_several_people_decide_and_the_history_tells_who(desk: Desk) -> None:
    desk.put(approvers=["li.si", "boss"])
    ref = desk.create()
    desk.act("audit", ref, user="li.si", opinion="同意")
    reading = desk.read(ref)
    assert str(reading.state.approval) == "pending"
    desk.act("audit", ref, person="boss")
    reading = desk.read(ref)
    assert (str(reading.state.lifecycle), str(reading.state.approval)) == ("active", "approved")
    told = [(entry.approver, entry.decision, entry.comment) for entry in reading.history]
    assert told == [("li.si", "approved", "同意"), ("boss", "approved", "")]
    assert all(entry.decided_at is not None and entry.decided_at.tzinfo == UTC for entry in reading.history)
    assert [body["purchaseorder"].get("person_code") for body in desk.sent("*/audit")] == [None, "boss"]


def test_a_refusal_and_a_withdrawn_approval_are_told(desk: Desk) -> None:
    ref = desk.create()
    desk.act("reject", ref, user="boss", opinion="超预算")
    reading = desk.read(ref)
    assert (str(reading.state.approval), reading.history[-1].comment) == ("rejected", "超预算")
    desk.act("audit", ref, user="boss")
    desk.act("abandon", ref, user="boss")
    reading = desk.read(ref)
    assert (str(reading.state.lifecycle), str(reading.state.approval)) == ("draft", "revoked")
    assert [entry.decision for entry in reading.history] == ["rejected", "approved", "revoked"]


def test_an_earlier_decision_that_was_undone_is_not_taken_for_this_one(desk: Desk) -> None:
    ref = desk.create()
    desk.act("audit", ref, user="boss")
    landed = desk.site.profile.write("purchase_order", "audit").landed
    assert landed is not None
    item = WriteItem(mark=MARK, ref=ref, arguments={"user": "boss"})
    assert landed(desk.read(ref), item)
    desk.act("abandon", ref, user="li.si")
    assert not landed(desk.read(ref), item)


def test_figures_with_idle_zeros_are_the_same_figures(desk: Desk) -> None:
    ref = desk.create()
    (kept,) = desk.kept()
    zeros = {
        "price": "50.250000",
        "money": "150.7500",
        "tax": "19.6000",
        "sum": "170.3500",
        "taxrate": "13.0000",
    }
    entry = {**kept["entry"][0], **zeros, "quantity": "3.0000"}
    desk.enter("purchase_order", ref.internal_id, entry=[entry])
    reading = desk.read(ref)
    assert reading.document is not None, reading.problem
    assert (reading.total, reading.document.payable_amount) == (Decimal("170.35"), Decimal("170.35"))
    assert reading.document.lines[0].price_amount == Decimal("50.25")


def test_what_waits_for_a_person(desk: Desk) -> None:
    desk.site = desk.connect(rows_per_page=1)
    desk.put(approvers=["boss", "li.si"])
    refs = [desk.create(document(), mark=f"M{n}") for n in range(3)]
    desk.act("audit", refs[1], user="boss")
    tasks = desk.run(open_tasks(desk.site, "purchase_order", user="boss"))
    assert [task["voucher_code"] for task in tasks] == [refs[0].number, refs[2].number]
    assert len(desk.run(open_tasks(desk.site, "purchase_order", person="li.si"))) == 3
    assert desk.run(open_tasks(desk.site, "payment", user="boss")) == []
    for document_type, named, kind in (
        ("supplier_invoice", {"user": "boss"}, exc.Unsupported),
        ("contract", {"user": "boss"}, exc.Unsupported),
        ("payment", {}, exc.Misconfigured),
    ):
        with pytest.raises(kind):
            desk.run(open_tasks(desk.site, document_type, **named))


def test_an_action_that_the_state_forbids_is_refused(desk: Desk) -> None:
    ref = desk.create()
    for purpose, arguments in (("unverify", {}), ("audit", {}), ("abandon", {"user": "boss"})):
        with pytest.raises(exc.Rejected) as told:
            desk.act(purpose, ref, **arguments)
        assert (told.value.landed, told.value.document) == ("no", ref.number)


def test_actions_carry_a_trade_id_of_their_own_unless_the_connection_says_no(desk: Desk) -> None:
    ref = desk.create()
    desk.act("verify", ref)
    desk.act("unverify", ref)
    assert desk.sandbox.count("/u8/system/tradeid") == 2
    desk.site = desk.connect(actions_with_trade_id=False)
    desk.act("verify", ref)
    assert desk.sandbox.count("/u8/system/tradeid") == 2


def test_names_that_nobody_has_confirmed_are_settings(desk: Desk) -> None:
    ref = desk.create()
    desk.site = desk.connect(voucher_field="vouchercode")
    with pytest.raises(exc.Rejected):
        desk.act("verify", ref)
    assert desk.sent("*/verify") == [{"purchaseorder": {"vouchercode": ref.number}}]
    desk.site = desk.connect(history_fields='{"approver": "opinion", "decision": "agree"}')
    desk.act("audit", ref, user="boss", opinion="好")
    (entry,) = desk.read(ref).history
    assert (entry.approver, entry.comment, entry.decided_at) == ("好", "", None)
    desk.site = desk.connect(read_history=False)
    asked = desk.sandbox.count("*/history")
    assert desk.read(ref).history == ()
    assert desk.sandbox.count("*/history") == asked


def test_a_payment_request_is_decided(desk: Desk) -> None:
    entry = [{"originalamount": "5", "digest": "货款"}]
    ref = desk.enter("payment_request", "PQ1", vendorcode="SUP-1", entry=entry)
    desk.act("audit", ref, user="boss")
    assert str(desk.read(ref).state.approval) == "approved"
    desk.act("abandon", ref, user="boss")
    assert str(desk.read(ref).state.approval) == "revoked"


def test_every_object_has_a_stand_in(desk: Desk) -> None:
    for document_type in OBJECTS:
        assert desk.search(document_type) == []
