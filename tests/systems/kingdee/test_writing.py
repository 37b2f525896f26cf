"""Writing: what goes out, whose fate is whose, and by what a document is found again."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading, Written
from airflow_provider_docflow.document import (
    AllowanceCharge,
    CostObject,
    Delivery,
    Document,
    DocumentRef,
    DocumentState,
    Party,
    PayeeAccount,
    PaymentTerms,
)
from airflow_provider_docflow.hooks.plans import plans_for
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.kingdee.catalogue import ORDER as ORDERS
from airflow_provider_docflow.systems.kingdee.model import model_of
from tests.systems.kingdee.conftest import FORM, MODEL, ORDER, Kingdee, item, line, order


def test_an_order_goes_out_as_kingdee_wants_it(kingdee: Kingdee) -> None:
    site = kingdee.site()
    document = order(line(1, tax_percent=Decimal("13"), delivery_date=date(2026, 5, 1)))
    made = item(document)
    kingdee.run(site, site.profile.write(ORDER, "create").run(site, [made]))

    (body,) = kingdee.bodies("Save")
    model = body["data"]["Model"]
    assert body["formid"] == FORM
    assert model == {
        "FID": 0,
        "FBillTypeID": {"FNUMBER": "CGDD01_SYS"},
        "FPOOrderFinance": {"FIsIncludedTax": False, "FSettleCurrId": {"FNumber": "PRE001"}},
        "FDate": "2026-03-31",
        "FSupplierId": {"FNumber": "S001"},
        "FPurchaseOrgId": {"FNumber": "100"},
        "FPOOrderEntry": [
            {
                "FMaterialId": {"FNumber": "P-101"},
                "FUnitId": {"FNumber": "Pcs"},
                "FQty": 2,
                "FPrice": "50.25",
                "FEntryTaxRate": 13,
                "FDeliveryDate": "2026-05-01",
            }
        ],
        "FBillNo": made.mark,
    }
    # The journal shows fractions as text; on the wire they are numbers.
    assert model_of(site, ORDERS, made)["FPOOrderEntry"][0]["FPrice"] == 50.25
    keys, entry = list(model), list(model["FPOOrderEntry"][0])
    assert keys.index("FPOOrderFinance") < keys.index("FPOOrderEntry")
    assert entry.index("FQty") < entry.index("FPrice")


def test_a_batch_is_one_call_and_each_fate_is_found_by_its_place(kingdee: Kingdee) -> None:
    kingdee.set(disabled=["P-GONE"])
    site = kingdee.site(number_prefix="DF-")
    bad = order(line(1, item_id="P-GONE"))
    entries = kingdee.create(site, order(), bad, order(), bad, order())

    assert [type(one).__name__ for one in entries] == [
        "Written",
        "Rejected",
        "Written",
        "Rejected",
        "Written",
    ]
    for refused in (entries[1], entries[3]):
        assert refused.code == "11" and refused.field == "FMaterialId" and "P-GONE" in refused.message
        assert refused.document.startswith("REQ-") and refused.landed == "no"
    assert entries[1].document != entries[3].document
    assert kingdee.sandbox.count("*.BatchSave.*") == 1
    numbers = [bill["number"] for bill in kingdee.bills()]
    for entry in (entries[0], entries[2], entries[4]):
        assert entry.ref.number.startswith("DF-K") and numbers.count(entry.ref.number) == 1


def test_a_batch_in_the_background_is_asked_for_until_it_is_done(kingdee: Kingdee) -> None:
    kingdee.set(disabled=["P-GONE"])
    site = kingdee.site(batch_async=True)
    entries = kingdee.create(site, order(), order(line(1, item_id="P-GONE")), order())

    assert [type(one).__name__ for one in entries] == ["Written", "Rejected", "Written"]
    assert kingdee.bodies("BatchSave")[0]["beginmethod"] == "BeginQueryImpl"
    assert kingdee.sandbox.count("*.QueryAsyncResult.*") == 2


def test_a_background_batch_whose_end_nobody_saw_is_unknown(kingdee: Kingdee) -> None:
    kingdee.sandbox.fault(FaultRule("error_before", path="*.QueryAsyncResult.*", times=None))
    site = kingdee.site(batch_async=True)
    with pytest.raises(exc.UnknownOutcome):
        kingdee.create(site, order(), order())


def test_a_number_that_is_there_is_the_document_of_an_earlier_send(kingdee: Kingdee) -> None:
    site = kingdee.site()
    made = item(order())
    create = site.profile.write(ORDER, "create")
    (first,) = kingdee.run(site, create.run(site, [made]))
    (second,) = kingdee.run(site, create.run(site, [made]))
    in_a_batch = kingdee.run(site, create.run(site, [item(order()), made]))

    assert isinstance(first, Written) and second.ref == first.ref == in_a_batch[1].ref
    assert kingdee.sandbox.count("*.View.*") == 2
    assert [bill["number"] for bill in kingdee.bills()].count(made.mark) == 1


def test_a_refusal_for_another_reason_stays_one(kingdee: Kingdee) -> None:
    kingdee.set(disabled=["S001"])
    site = kingdee.site()
    (refused,) = kingdee.create(site, order())

    assert isinstance(refused, exc.Rejected) and refused.field == "FSupplierId"


def test_whether_a_refused_document_is_there_must_be_known(kingdee: Kingdee) -> None:
    kingdee.set(disabled=["S001"])
    kingdee.sandbox.fault(FaultRule("error_before", path="*.View.*", times=None))
    site = kingdee.site()
    with pytest.raises(exc.UnknownOutcome):
        kingdee.create(site, order())


def test_where_kingdee_numbers_the_mark_stands_in_a_field(kingdee: Kingdee) -> None:
    kingdee.set(numbering="automatic", fields={FORM: {"F_DF_Mark": "text", "F_DF_Source": "text"}})
    forms = {ORDER: {"mark_field": "F_DF_Mark", "reference_field": "F_DF_Source"}}
    site = kingdee.site(numbering="kingdee", forms=forms)
    create = site.profile.write(ORDER, "create")
    made, other = item(order()), item(order())
    (entry,) = kingdee.run(site, create.run(site, [made]))

    assert create.probe.quality == "best_effort"
    assert entry.ref.number == f"PUR{int(entry.ref.internal_id):08d}"
    assert kingdee.bill(entry.ref)["head"]["F_DF_Source"] == made.reference
    found = kingdee.run(site, create.find(site, [other, made]))
    assert [[one.ref for one in finding.marked] for finding in found] == [[], [entry.ref]]


def test_without_a_place_for_the_mark_nothing_is_sent(kingdee: Kingdee) -> None:
    site = kingdee.site(numbering="kingdee")
    (refused,) = kingdee.create(site, order())

    assert isinstance(refused, exc.Misconfigured) and refused.field == "forms.purchase_order.mark_field"
    assert kingdee.sandbox.count("*") == 0


def test_a_number_that_kingdee_replaced_is_told(kingdee: Kingdee) -> None:
    kingdee.set(numbering="automatic")
    made = item(order())
    site = kingdee.site()
    (entry,) = kingdee.run(site, site.profile.write(ORDER, "create").run(site, [made]))

    assert entry.ref.number.startswith("PUR") and entry.detail == {"number_ignored": made.mark}


def test_drafts_are_kept_without_number_and_checks(kingdee: Kingdee) -> None:
    kingdee.set(fields={FORM: {"F_DF_Mark": "text"}}, disabled=["S001"])
    site = kingdee.site(save_as="draft", forms={ORDER: {"mark_field": "F_DF_Mark"}})
    entries = kingdee.create(site, order(), order())
    reading = kingdee.read(site, entries[0].ref)

    assert site.profile.write(ORDER, "create").probe.quality == "best_effort"
    assert kingdee.sandbox.count("*.Draft.*") == 2 and entries[0].ref.number == ""
    assert str(reading.state.lifecycle) == "draft" and reading.state.raw["lifecycle"] == "Z"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"payment_terms": (PaymentTerms(days=30),)}, "payment_terms"),
        ({"delivery": Delivery(delivery_party=Party(id="W1"))}, "delivery"),
        ({"payee_account": PayeeAccount(account_number="6222")}, "payee_account"),
        ({"document_currency_code": "USD"}, "document_currency_code"),
        ({"allowance_charge": (AllowanceCharge(charge=False, amount=Decimal(1)),)}, "allowance_charge"),
        ({"lines": (line(1, accounting=(CostObject(cost_centre="CC-1"),)),)}, "lines[0].accounting"),
        (
            {"lines": (line(1, tax_percent=Decimal(13), price_includes_tax=True),)},
            "lines[0].price_amount",
        ),
        ({"lines": (line(1, price_amount=Decimal("0.1234567")),)}, "lines[0].price_amount"),
        ({"lines": (line(1, quantity=Decimal("12345678901234567.1")),)}, "lines[0].quantity"),
    ],
)
def test_what_the_form_cannot_hold_is_refused_before_anything_is_sent(
    kingdee: Kingdee, change: dict[str, Any], field: str
) -> None:
    (refused,) = kingdee.create(kingdee.site(), order(**change))

    assert isinstance(refused, exc.InvalidDocument) and refused.field == field, refused
    assert refused.remedy and refused.document == "REQ-1" and kingdee.sandbox.count("*") == 0


def test_tenant_fields_and_maps_of_the_connection(kingdee: Kingdee) -> None:
    kingdee.set(fields={FORM: {"F_ABC_Project": "text", "F_ABC_Dept": "text"}})
    forms = {
        ORDER: {
            "fields": {"extensions.F_ABC_Project": "F_ABC_Project", "exchange_rate": None},
            "line_fields": {
                "accounting.0.cost_centre": {"query": "FPOOrderEntry_F_ABC_Dept", "write": "F_ABC_Dept"}
            },
            "fixed": {"FBusinessType": "CG"},
            "omit": ["due_date", "payment_terms"],
        }
    }
    site = kingdee.site(forms=forms, currencies='{"CNY": "PRE001", "USD": "PRE007"}')
    document = order(
        line(1, accounting=(CostObject(cost_centre="CC-7"),)),
        document_currency_code="USD",
        due_date=date(2026, 4, 30),
        payment_terms=(PaymentTerms(days=30),),
        extensions={site.instance: {"F_ABC_Project": "P-9"}},
    )
    found = kingdee.read(site, kingdee.created(site, document)).document

    assert kingdee.bodies("Save")[0]["data"]["Model"]["FBusinessType"] == "CG"
    assert found is not None and found.document_currency_code == "USD"
    assert found.extensions == {site.instance: {"F_ABC_Project": "P-9"}}
    assert found.lines[0].accounting == (CostObject(cost_centre="CC-7"),)


def test_nothing_is_emptied_rounded_or_answered_for_a_person(kingdee: Kingdee) -> None:
    """Kingdee's own defaults do all three, and so does the stand-in; we ask it not to."""
    kingdee.set(unknown=["S002"])
    requisition = order(
        line(1, seller_supplier_party=Party(id="S002")),
        document_type="purchase_requisition",
        seller_supplier_party=None,
    )
    (unknown,) = kingdee.create(kingdee.site(), requisition)
    long = order(line(1, price_amount=Decimal("0.12345678")))
    (rounded,) = kingdee.create(kingdee.site(price_decimals=10), long)

    assert isinstance(unknown, exc.Rejected) and unknown.field == "FSuggestSupplierId"
    assert isinstance(rounded, exc.Rejected) and rounded.field == "FPrice"
    assert kingdee.bodies("Save")[0]["data"]["IgnoreInterationFlag"] is False
    entry = {**MODEL["FPOOrderEntry"][0], "FPrice": 0.12345678, "FUnitId": {"FNumber": "S002"}}
    (kept,) = kingdee.bill(kingdee.enter({**MODEL, "FPOOrderEntry": [entry]}))["entries"]
    assert (kept["FPrice"], kept["FUnitId"]) == ("0.123457", "")


def test_units_and_currencies_have_the_tenants_numbers(kingdee: Kingdee) -> None:
    site = kingdee.site(units='{"C62": "Pcs"}')
    document = order(line(1, unit_code="C62"), line(2, unit_code="kg"))
    found = kingdee.read(site, kingdee.created(site, document)).document
    shown = kingdee.bodies("Save")[0]["data"]["Model"]["FPOOrderEntry"]

    assert [entry["FUnitId"]["FNumber"] for entry in shown] == ["Pcs", "kg"]
    assert found is not None and [one.unit_code for one in found.lines] == ["C62", "kg"]
    for field in ("units", "currencies"):
        (refused,) = kingdee.create(kingdee.site(**{field: '{"A": "1", "B": "1"}'}), document)
        assert isinstance(refused, exc.Misconfigured) and refused.field == field


@pytest.mark.parametrize(
    ("forms", "field"),
    [
        ("{", "forms"),
        ([1], "forms"),
        ({"order": {}}, "forms.order"),
        ({ORDER: {"colour": "red"}}, "forms.purchase_order.colour"),
        ({ORDER: {"fields": {"colour": "F_C"}}}, "colour"),
        ({ORDER: {"fields": {"due_date": 3}}}, "forms.purchase_order.fields.due_date"),
        ({"contract": {"form_id": "PUR_Contract"}}, "forms.contract"),
    ],
)
def test_wrong_forms_are_refused_before_any_call(kingdee: Kingdee, forms: Any, field: str) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        kingdee.site(forms=forms)
    assert caught.value.field == field


def test_a_type_without_a_default_is_declared_by_the_connection(kingdee: Kingdee) -> None:
    with pytest.raises(exc.Unsupported):
        kingdee.site().profile.of("contract")
    contract = {
        "form_id": "PUR_PurchaseOrder",
        "entry": "FPOOrderEntry",
        "entry_id": "FPOOrderEntry_FEntryId",
        "fields": {
            "issue_date": "FDate",
            "company_code": "FPurchaseOrgId.FNumber",
            "seller_supplier_party.id": "FSupplierId.FNumber",
            "document_currency_code": {
                "query": "FSettleCurrId.FNumber",
                "write": "FPOOrderFinance.FSettleCurrId.FNumber",
            },
        },
        "line_fields": {
            "item_id": "FMaterialId.FNumber",
            "unit_code": "FUnitId.FNumber",
            "quantity": "FQty",
            "price_amount": "FPrice",
        },
    }
    site = kingdee.site(forms={"contract": contract})
    reading = kingdee.read(site, kingdee.created(site, order(document_type="contract")))
    assert reading.document is not None and reading.total == Decimal("201.00")


def test_an_amendment_leaves_what_it_does_not_name(kingdee: Kingdee) -> None:
    kingdee.set(fields={FORM: {"F_ABC_Note": "text"}})
    site = kingdee.site()
    ref = kingdee.created(site, order())
    first, second = kingdee.read(site, ref).raw["lines"]
    ids = {"1": first["FPOOrderEntry_FEntryId"], "2": second["FPOOrderEntry_FEntryId"]}
    changed = order(line(1, quantity=Decimal(5)), line(2), line(3))
    amend = site.profile.write(ORDER, "amend")
    made = replace(item(changed), ref=ref, arguments={"lines": ids})
    (entry,) = kingdee.run(site, amend.run(site, [made]))
    reading = kingdee.read(site, ref)

    assert isinstance(entry, Written) and amend.landed is not None and amend.landed(reading, made)
    body = kingdee.bodies("Save")[-1]["data"]
    assert body["IsDeleteEntry"] is False
    assert [one.get("FEntryId") for one in body["Model"]["FPOOrderEntry"]] == [ids["1"], ids["2"], None]
    assert [one["id"] for one in kingdee.bill(ref)["entries"]][:2] == list(ids.values())


def test_an_amended_payment_request_is_seen_in_every_field(kingdee: Kingdee) -> None:
    site = kingdee.site()
    account = PayeeAccount(account_number="6222", name="华强", bank="工商银行")
    plain = order(
        line(1, quantity=Decimal(1), price_amount=Decimal("100")),
        document_type="payment_request",
        due_date=date(2026, 5, 1),
        payee_account=account,
    )
    ref = kingdee.created(site, plain)
    amend = site.profile.write("payment_request", "amend")
    assert amend.landed is not None
    other = PayeeAccount(account_number="7333", name="华强", bank="工商银行")
    for change in (
        {"payee_account": other},
        {"due_date": date(2026, 6, 1)},
        {"lines": (line(1, quantity=Decimal(2), price_amount=Decimal("60")),)},
    ):
        plain = plain.model_copy(update=change)
        made = replace(item(plain), ref=ref)
        assert not amend.landed(kingdee.read(site, ref), made), change
        (entry,) = kingdee.run(site, amend.run(site, [made]))
        assert isinstance(entry, Written) and amend.landed(kingdee.read(site, ref), made), change
    assert kingdee.read(site, ref).total == Decimal(120)


def test_an_amendment_never_takes_an_entry_away(kingdee: Kingdee) -> None:
    site = kingdee.site()
    ref = kingdee.created(site, order())
    made = replace(item(order(line(1))), ref=ref)
    (refused,) = kingdee.run(site, site.profile.write(ORDER, "amend").run(site, [made]))

    assert isinstance(refused, exc.Rejected) and refused.code == "entries"
    assert len(kingdee.bill(ref)["entries"]) == 2


def test_what_is_in_approval_is_not_amended(kingdee: Kingdee) -> None:
    site = kingdee.site()
    ref = kingdee.created(site, order())
    kingdee.press(ref, "submit")
    made = replace(item(order()), ref=ref)
    (refused,) = kingdee.run(site, site.profile.write(ORDER, "amend").run(site, [made]))

    assert (
        isinstance(refused, exc.Rejected) and refused.code == "state" and refused.field == "FDocumentStatus"
    )
    assert kingdee.sandbox.count("*.Save.*") == 1


def test_a_save_without_the_flag_would_have_deleted(kingdee: Kingdee) -> None:
    """The stand-in keeps Kingdee's default, so that the tests above can fail."""
    ref = kingdee.enter({**MODEL, "FPOOrderEntry": MODEL["FPOOrderEntry"] * 2})
    entries = kingdee.bill(ref)["entries"]
    model = {"FID": int(ref.internal_id), "FPOOrderEntry": [{"FEntryId": entries[0]["id"], "FQty": 7}]}
    kingdee.sandbox.call("POST", "kingdee/bills", {"form": FORM, "model": model})

    assert [entry["id"] for entry in kingdee.bill(ref)["entries"]] == [entries[0]["id"]]
    assert json.dumps(kingdee.bill(ref)["entries"][0]["FQty"]) == '"7"'


CHAINS = {
    "purchase_order": ("purchase_requisition", {}),
    "goods_receipt": ("purchase_order", {}),
    "supplier_invoice": ("purchase_order", {}),
    "payment_request": ("supplier_invoice", {}),
    "payment": ("payment_request", {}),
    "delivery": ("sales_order", {"seller_supplier_party": None, "buyer_customer_party": Party(id="C001")}),
}


@pytest.mark.parametrize("kind", CHAINS)
def test_a_document_of_another_system_needs_no_mapping(kingdee: Kingdee, kind: str) -> None:
    source_type, more = CHAINS[kind]
    source = order(
        line(1, description="扳手", tax_percent=Decimal(13)),
        document_type=source_type,
        requester=Party(id="u1", name="王五"),
        due_date=date(2026, 4, 30),
        delivery=Delivery(delivery_date=date(2026, 5, 1)),
        **more,
    ).totalled()
    (plan,) = plans_for(_shown(source), kind)
    site = kingdee.site()
    reading = kingdee.read(site, kingdee.created(site, plan.document))

    assert reading.total == source.payable_amount == Decimal("113.57")
    assert (reading.currency, reading.company_code) == ("CNY", "100")
    if kind == "purchase_order":
        assert reading.document is not None
        assert [one.delivery_date for one in reading.document.lines] == [date(2026, 5, 1)]


def _shown(source: Document) -> Reading:
    state = {"lifecycle": "active", "read_at": "2026-01-01T00:00:00Z"}
    ref = DocumentRef("oa", "100", source.document_type, "1", "R-1")
    return Reading(ref=ref, state=DocumentState.from_json(state), document=source)
