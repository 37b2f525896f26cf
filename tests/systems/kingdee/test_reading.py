"""Reading: every form both ways, words for states, decisions, and queries that are no rows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Query, Reading
from airflow_provider_docflow.core.states import unknown_words
from airflow_provider_docflow.document import Document, DocumentRef, Line, Party, PayeeAccount
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.sandbox.kingdee.identity import ACCOUNT
from tests.systems.kingdee.conftest import FORM, MODEL, ORDER, Kingdee, line, order

GOODS = {"tax_percent": Decimal("13")}
CUSTOMER = {"seller_supplier_party": None, "buyer_customer_party": Party(id="C001")}
PAID: dict[str, Any] = {
    "lines": (
        line(1, quantity=Decimal(1), price_amount=Decimal("1234.5"), item_id="", unit_code=""),
        line(2, quantity=Decimal(1), price_amount=Decimal("0.01"), item_id="", unit_code=""),
    ),
    "payee_account": PayeeAccount(account_number="6222021001081006238", name="华强", bank="工商银行"),
}
TYPES: dict[str, tuple[str, dict[str, Any]]] = {
    "purchase_requisition": ("PUR_Requisition", {"seller_supplier_party": None}),
    "purchase_order": ("PUR_PurchaseOrder", {"lines": (line(1, **GOODS), line(2, description="扳手"))}),
    "goods_receipt": ("STK_InStock", {"lines": (line(1, **GOODS),)}),
    "supplier_invoice": ("AP_Payable", {"due_date": date(2026, 4, 30), "lines": (line(1, **GOODS),)}),
    "payment_request": ("CN_PAYAPPLY", {**PAID, "due_date": date(2026, 4, 30)}),
    "payment": ("AP_PAYBILL", PAID),
    "sales_order": ("SAL_SaleOrder", {**CUSTOMER, "lines": (line(1, **GOODS),)}),
    "delivery": ("SAL_OUTSTOCK", {**CUSTOMER, "lines": (line(1, **GOODS),)}),
}


@pytest.mark.parametrize("kind", TYPES)
def test_every_form_holds_its_document(kingdee: Kingdee, kind: str) -> None:
    site = kingdee.site()
    assert set(site.profile.documents) == set(TYPES)
    form, more = TYPES[kind]
    document = order(document_type=kind, **more).totalled()
    reading = kingdee.read(site, kingdee.created(site, document))
    found = reading.document

    assert found is not None, reading.problem
    assert (reading.company_code, reading.currency) == ("100", "CNY")
    assert reading.total == document.payable_amount
    assert reading.party == next((p.id for p in (_party(document),) if p), "")
    for name in ("issue_date", "due_date", "payee_account", "company_code", "document_currency_code"):
        assert getattr(found, name) == getattr(document, name), name
    assert [_said(one) for one in found.lines] == [_said(one) for one in document.lines]
    assert kingdee.bodies("Save")[0]["formid"] == form
    assert reading.ref.number == kingdee.bill(reading.ref, form)["number"] == found.id


def _said(one: Line) -> list[Any]:
    """Return what a line says; Kingdee has no difference between no tax and a tax of nothing."""
    names = ("item_id", "quantity", "unit_code", "price_amount", "line_extension_amount")
    return [*(getattr(one, name) for name in names), one.tax_percent or Decimal(0)]


def _party(document: Document) -> Party | None:
    return document.seller_supplier_party or document.buyer_customer_party


def test_a_requisition_names_a_supplier_per_line(kingdee: Kingdee) -> None:
    site = kingdee.site()
    lines = (line(1, seller_supplier_party=Party(id="S001")), line(2, seller_supplier_party=Party(id="S002")))
    document = order(*lines, document_type="purchase_requisition", seller_supplier_party=None)
    found = kingdee.read(site, kingdee.created(site, document)).document

    assert found is not None
    assert [one.seller_supplier_party and one.seller_supplier_party.id for one in found.lines] == [
        "S001",
        "S002",
    ]


def test_an_account_that_entries_disagree_about_is_no_account(kingdee: Kingdee) -> None:
    entries = [
        {"FAPPLYAMOUNTFOR": 10, "FEACHBANKACCOUNT": account, "FENDDATE": "2026-05-01"}
        for account in ("111", "222")
    ]
    ref = kingdee.enter(
        {
            "FDATE": "2026-04-10",
            "FCONTACTUNIT": {"FNumber": "S001"},
            "FSETTLEORGID": {"FNumber": "100"},
            "FCURRENCYID": {"FNumber": "PRE001"},
            "FPAYAPPLYENTRY": entries,
        },
        form="CN_PAYAPPLY",
    )
    reading = kingdee.read(kingdee.site(), ref)

    assert reading.document is None and reading.problem is not None
    assert reading.problem.field == "payee_account.account_number"
    assert str(reading.state.lifecycle) == "draft"


def test_a_batch_is_one_query_and_long_ones_go_on_by_rows(kingdee: Kingdee) -> None:
    refs = [kingdee.enter({**MODEL, "FPOOrderEntry": MODEL["FPOOrderEntry"] * n}) for n in (3, 1, 4)]
    whole, short = kingdee.site(), kingdee.site(query_limit=3)
    kind = whole.profile.of(ORDER)
    expected = kingdee.run(whole, kind.read(whole, refs))
    assert kingdee.sandbox.count("*.ExecuteBillQuery.*") == 1
    found = kingdee.run(short, kind.read(short, refs))

    assert [len(one.document.lines) for one in found] == [3, 1, 4]
    assert [one.document for one in found] == [one.document for one in expected]
    starts = [body["data"]["StartRow"] for body in kingdee.bodies("ExecuteBillQuery")[1:]]
    assert starts == [0, 3, 6]
    order_by = kingdee.bodies("ExecuteBillQuery")[0]["data"]["OrderString"]
    assert order_by == "FID ASC,FPOOrderEntry_FEntryId ASC"


def test_a_key_that_the_tenant_does_not_have_is_named(kingdee: Kingdee) -> None:
    site = kingdee.site(forms={ORDER: {"fields": {"extensions.a": "F_NOT_THERE"}}})
    ref = kingdee.enter(MODEL)
    with pytest.raises(exc.Rejected, match="F_NOT_THERE") as caught:
        kingdee.read(site, ref)
    assert caught.value.code == "9" and caught.value.document == FORM


@pytest.mark.parametrize("reply", [{"Result": None}, [[1, 2]], ["x"], "text", None])
def test_an_answer_that_is_no_table_is_never_an_empty_listing(kingdee: Kingdee, reply: Any) -> None:
    rule = FaultRule("error_in_200", path="*.ExecuteBillQuery.*", reply=reply, times=None)
    kingdee.sandbox.fault(rule)
    site = kingdee.site()
    with pytest.raises(exc.TransientError):
        kingdee.run(site, search_all(site, site.profile.of(ORDER), Query()))


def test_ids_that_are_no_numbers_reach_no_query(kingdee: Kingdee) -> None:
    site = kingdee.site()
    bad = DocumentRef(ACCOUNT, "100", ORDER, "1) or (1=1")
    (found,) = kingdee.run(site, site.profile.of(ORDER).read(site, [bad]))
    assert isinstance(found, exc.NotFound) and kingdee.sandbox.count("*") == 0


def test_quotes_in_a_filter_are_doubled(kingdee: Kingdee) -> None:
    ref = kingdee.enter({**MODEL, "FBillNo": "PO'1", "FSupplierId": {"FNumber": "O'Neill"}})
    site = kingdee.site()
    for query in (Query(numbers=("PO'1",)), Query(party="O'Neill")):
        (found,) = kingdee.run(site, search_all(site, site.profile.of(ORDER), query))
        assert found.ref.internal_id == ref.internal_id


def test_a_listing_by_dates_and_a_condition_of_the_users_own(kingdee: Kingdee) -> None:
    early, late = (kingdee.enter({**MODEL, "FDate": f"2031-0{month}-10"}) for month in (1, 2))
    site = kingdee.site()
    kind = site.profile.of(ORDER)

    def listed(query: Query) -> list[str]:
        return [one.ref.internal_id for one in kingdee.run(site, search_all(site, kind, query))]

    assert listed(Query(issued_from=date(2031, 1, 1), issued_to=date(2031, 1, 31))) == [early.internal_id]
    assert listed(Query(issued_from=date(2031, 2, 1))) == [late.internal_id]
    assert listed(Query(raw={"filter": f"FID>={early.internal_id}"})) == [early.internal_id, late.internal_id]
    assert listed(Query(changed_since=datetime(2099, 1, 1, tzinfo=UTC))) == []


def test_an_unknown_word_is_unknown_and_stops_only_its_axis(kingdee: Kingdee) -> None:
    ref = kingdee.enter(MODEL)
    site = kingdee.site(workflow_history=False, forms={ORDER: {"status_field": "FCreatorId"}})
    reading = kingdee.read(site, ref)
    assert unknown_words(reading.state) == {"lifecycle": "clerk", "approval": "clerk"}
    assert reading.document is not None and reading.state.is_alive is None


def test_how_a_document_came_back_to_its_author(kingdee: Kingdee) -> None:
    kingdee.set(approvers={FORM: ["boss", "chief"]})
    site = kingdee.site()
    rejected, withdrawn, taken_back = (kingdee.enter(MODEL, status="B") for _ in range(3))
    _decide(kingdee, rejected, "boss", 1, "同意")
    _decide(kingdee, rejected, "chief", 2, "超预算")
    kingdee.press(withdrawn, "withdraw")
    _decide(kingdee, taken_back, "boss", 1, "")
    _decide(kingdee, taken_back, "chief", 1, "")
    approved = kingdee.read(site, taken_back)
    kingdee.press(taken_back, "unaudit")

    assert str(approved.state.approval) == "approved" and str(approved.state.lifecycle) == "active"
    found = [kingdee.read(site, ref) for ref in (rejected, withdrawn, taken_back)]
    assert [str(one.state.approval) for one in found] == ["rejected", "revoked", "revoked"]
    assert [str(one.state.lifecycle) for one in found] == ["draft"] * 3
    told = [(one.approver, one.decision, one.comment) for one in found[0].history]
    assert told == [("boss", "approved", "同意"), ("chief", "rejected", "超预算")]
    assert all(one.decided_at is not None and one.decided_at.tzinfo is not None for one in found[0].history)


def test_who_may_not_read_decisions_is_told_which_right_it_is(kingdee: Kingdee) -> None:
    ref = kingdee.enter(MODEL, status="C")
    status = {"IsSuccess": False, "Errors": [{"Message": "没有权限", "DIndex": 0}], "MsgCode": 2}
    reply = [[{"Result": {"ResponseStatus": status}}]]
    rule = FaultRule(
        "error_in_200", path="*.ExecuteBillQuery.*", body="WF_Assignment", reply=reply, times=None
    )
    kingdee.sandbox.fault(rule)
    with pytest.raises(exc.Authentication) as caught:
        kingdee.read(kingdee.site(), ref)
    assert caught.value.field == "workflow_history" and "WF_AssignmentHisBill" in caught.value.remedy
    assert kingdee.read(kingdee.site(workflow_history=False), ref).history == ()


def test_a_business_date_with_a_time_of_day_is_that_day(kingdee: Kingdee) -> None:
    entry = {**MODEL["FPOOrderEntry"][0], "FDeliveryDate": "2030-05-02T23:59:59"}
    ref = kingdee.enter({**MODEL, "FDate": "2030-04-30 15:15:54", "FPOOrderEntry": [entry]})
    site = kingdee.site()
    found = kingdee.read(site, ref).document
    assert found is not None and found.issue_date == date(2030, 4, 30)
    assert found.lines[0].delivery_date == date(2030, 5, 2)
    query = Query(issued_from=date(2030, 4, 30), issued_to=date(2030, 4, 30))
    (listed,) = kingdee.run(site, search_all(site, site.profile.of(ORDER), query))
    assert listed.ref.internal_id == ref.internal_id


@pytest.mark.parametrize(("words", "lifecycle"), [(("B", "B"), "closed"), (("B", "A"), "draft")])
def test_an_end_of_some_entries_is_not_the_documents(
    kingdee: Kingdee, words: tuple[str, str], lifecycle: str
) -> None:
    """The tenant's orders say at their entries whether they are terminated."""
    kingdee.set(fields={FORM: {"FMRPTerminateStatus": "text"}})
    entries = [{**MODEL["FPOOrderEntry"][0], "FMRPTerminateStatus": word} for word in words]
    ref = kingdee.enter({**MODEL, "FPOOrderEntry": entries})
    key = "FPOOrderEntry_FMRPTerminateStatus"
    reading = kingdee.read(kingdee.site(forms={ORDER: {"terminate_field": key}}), ref)
    assert str(reading.state.lifecycle) == lifecycle and reading.document is not None


def test_a_running_approval_shows_who_has_decided_already(kingdee: Kingdee) -> None:
    kingdee.set(approvers={FORM: ["boss", "chief"]})
    ref = kingdee.enter(MODEL, status="B")
    _decide(kingdee, ref, "boss", 1, "同意")
    reading = kingdee.read(kingdee.site(), ref)

    assert str(reading.state.approval) == "pending"
    assert [(one.approver, one.decision) for one in reading.history] == [("boss", "approved")]


def test_a_result_that_nobody_knows_signs_nothing(kingdee: Kingdee) -> None:
    kingdee.set(approvers={FORM: ["boss"]})
    ref = kingdee.enter(MODEL, status="B")
    _decide(kingdee, ref, "boss", 1, "好")
    words = json.dumps({"批准": "approved"})
    reading = kingdee.read(kingdee.site(result_words=words), ref)

    assert [one.decision for one in reading.history] == ["commented"]
    with pytest.raises(exc.Misconfigured) as caught:
        kingdee.read(kingdee.site(result_words='{"批准": "yes"}'), ref)
    assert caught.value.field == "result_words"


def test_unaudit_that_leads_back_into_approval_does_not_count_as_approved(kingdee: Kingdee) -> None:
    kingdee.set(unaudit_to="B")
    ref = kingdee.enter(MODEL, status="C")
    kingdee.press(ref, "unaudit")
    state = kingdee.read(kingdee.site(), ref).state
    assert str(state.approval) == "pending" and state.is_approved is False


def test_decisions_are_not_asked_for_where_nobody_may_read_them(kingdee: Kingdee) -> None:
    ref = kingdee.enter(MODEL, status="C")
    site = kingdee.site(workflow_history=False)
    assert kingdee.read(site, ref).history == ()
    assert kingdee.sandbox.count("*.ExecuteBillQuery.*") == 1
    kind = site.profile.of(ORDER)
    assert not kind.approves and "approve" not in kind.actions and "audit" in kind.actions


def test_an_audit_shows_in_the_change_feed_though_it_changes_no_document(kingdee: Kingdee) -> None:
    site = kingdee.site(overlap_seconds=1)
    kind = site.profile.of(ORDER)
    ref = kingdee.enter(MODEL, status="B")
    kingdee.sandbox.advance(3600)
    cursor = json.dumps({"from": datetime.fromtimestamp(kingdee.sandbox.now() / 1000, UTC).isoformat()})
    assert kind.changes is not None
    assert kingdee.run(site, kind.changes(site, cursor)).refs == ()
    kingdee.press(ref, "audit")
    (seen,) = kingdee.run(site, kind.changes(site, cursor)).refs

    assert seen.internal_id == ref.internal_id and seen.company_code == "100"
    assert kingdee.bill(ref)["modified"] < kingdee.bill(ref)["approved"]


def test_a_wrong_total_there_is_seen_and_the_state_stays_readable(kingdee: Kingdee) -> None:
    site = kingdee.site(forms={ORDER: {"fields": {"payable_amount": {"query": "FExchangeRate"}}}})
    model = {**MODEL, "FPOOrderFinance": {**MODEL["FPOOrderFinance"], "FExchangeRate": "7.1"}}
    reading = kingdee.read(site, kingdee.enter(model))
    assert reading.total == Decimal("7.1") and reading.document is not None
    with pytest.raises(exc.InvalidDocument):
        reading.document.check()
    assert str(replace(reading).state.lifecycle) == "draft"


def _decide(kingdee: Kingdee, ref: DocumentRef, user: str, kind: int, opinion: str) -> None:
    body = {"fid": int(ref.internal_id), "user": user, "type": kind, "opinion": opinion}
    kingdee.sandbox.call("POST", "kingdee/decide", body)


def test_readings_side_by_side(kingdee: Kingdee) -> None:
    refs = [kingdee.enter(MODEL) for _ in range(3)]
    site = kingdee.site(auth="password")
    kind = site.profile.of(ORDER)
    found = kingdee.bulk(site, [kind.read(site, [ref]) for ref in refs])
    assert [one[0].ref.internal_id for one in found if isinstance(one[0], Reading)] == [
        ref.internal_id for ref in refs
    ]
    assert kingdee.sandbox.count("*.ValidateUser.*") == 1
