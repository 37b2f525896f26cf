"""Save, submit, audit, query: what each document of a request came to."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import TokenWanted
from airflow_provider_docflow.core.profile import Query, Reading, WriteItem, Written
from airflow_provider_docflow.core.states import unknown_words
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.systems.cosmic.conftest import OBJECT, Cosmic

Connect = Callable[..., Cosmic]
SAVES = "/cosmic/kapi/v2/sm/sm_salorder/save"
ALL_WELL = {"errors": [], "keys": {}, "type": "Add", "billStatus": True}


def _says(cosmic: Cosmic, *entries: dict[str, Any], status: bool = True) -> None:
    """Have the next save answered with these entries; nothing is done."""
    failed = sum(not entry["billStatus"] for entry in entries)
    data = {"failCount": failed, "successCount": len(entries) - failed, "result": list(entries)}
    reply = {"data": data, "errorCode": "0", "message": None, "status": status}
    cosmic.sandbox.fault(FaultRule("error_in_200", path=SAVES, reply=reply))


def test_one_request_saves_several_and_each_is_judged_by_itself(cosmic: Connect) -> None:
    one = cosmic()
    one.sandbox.call("PUT", "cosmic/settings", {"orgs": ["C1"]})
    good, bad, last = one.item(1), one.item(2, company_code="NOWHERE"), one.item(3)
    entries = one.save(good, bad, last)
    assert [type(entry) for entry in entries] == [Written, exc.Rejected, Written]
    assert (entries[1].document, entries[1].code, entries[1].landed) == ("PR-2", "billStatus=false", "no")
    assert "NOWHERE" in entries[1].message
    (body,) = one.bodies(SAVES)
    assert [bill["billno"] for bill in body["data"]] == [good.mark, bad.mark, last.mark]
    saved = {bill["billno"]: bill["id"] for bill in one.bills()}
    assert entries[0].ref.internal_id == saved[good.mark] and entries[2].ref.internal_id == saved[last.mark]
    assert (entries[0].ref.number, entries[0].ref.company_code) == (good.mark, "C1")


def test_success_of_the_reply_says_nothing_of_its_documents(cosmic: Connect) -> None:
    one = cosmic()
    failed = {**ALL_WELL, "billIndex": 0, "billStatus": False, "errors": [{"rowMsg": ["库存不足"]}]}
    _says(one, failed, {**ALL_WELL, "billIndex": 1, "id": 2190000000000000077, "number": "X"})
    entries = one.save(one.item(1), one.item(2))
    assert isinstance(entries[0], exc.Rejected) and entries[0].message == "库存不足"
    assert entries[1].ref.internal_id == "2190000000000000077", "64 bits, exactly"


def test_a_reply_that_leaves_a_document_out_leaves_it_unknown(cosmic: Connect) -> None:
    one = cosmic()
    _says(one, {**ALL_WELL, "billIndex": 0, "id": "7", "number": ""})
    first, second = one.save(one.item(1), one.item(2))
    assert isinstance(first, Written)
    assert isinstance(second, exc.UnknownOutcome) and second.document == "PR-2"


def test_a_reply_that_contradicts_itself_is_believed_for_nobody(cosmic: Connect) -> None:
    one = cosmic()
    items = one.item(1), one.item(2)
    swapped = [
        {**ALL_WELL, "billIndex": 0, "id": "7", "number": items[1].mark},
        {**ALL_WELL, "billIndex": 1, "id": "8", "number": items[0].mark},
    ]
    _says(one, *swapped)
    assert all(isinstance(entry, exc.UnknownOutcome) for entry in one.save(*items))
    _says(one, {**ALL_WELL, "billIndex": 0, "id": "", "number": items[0].mark})
    (entry,) = one.save(items[0])
    assert isinstance(entry, exc.UnknownOutcome), "taken, but nobody knows as what"


def test_a_document_that_cannot_be_written_does_not_hold_up_the_others(cosmic: Connect) -> None:
    one = cosmic()
    odd = one.item(2)
    assert odd.document is not None
    long = odd.document.lines[0].model_copy(update={"price_amount": Decimal("0.12345678901234567891")})
    lines = (long, *odd.document.lines[1:])
    first, second = one.save(one.item(1), one.item(2, lines=lines, payable_amount=None))
    assert isinstance(first, Written)
    assert isinstance(second, exc.InvalidDocument) and second.document == "PR-2"


def test_submit_and_audit_move_it_on_and_refuse_the_rest_by_name(cosmic: Connect) -> None:
    one = cosmic()
    (first,), (second,) = one.save(one.item(1)), one.save(one.item(2))
    assert all(isinstance(entry, Written) for entry in one.act("submit", first.ref, second.ref))
    assert one.bodies("*/submit")[-1] == {"data": {"id": [first.ref.internal_id, second.ref.internal_id]}}
    done = one.act("audit", first.ref, one.ref("2190000000099999999"))
    assert isinstance(done[0], Written) and isinstance(done[1], exc.Rejected)
    readings = one.run(one.kind().read(one.site, [first.ref, second.ref]))
    told = [(str(one.state.lifecycle), str(one.state.approval)) for one in readings]
    assert told == [("active", "approved"), ("submitted", "pending")]
    audit = one.kind().actions["audit"]
    assert audit.landed is not None
    assert [audit.landed(reading, one.item(1)) for reading in readings] == [True, False]


def test_the_body_of_actions_is_a_setting(cosmic: Connect) -> None:
    one = cosmic(action_body="rows")
    (saved,) = one.save(one.item(1))
    (entry,) = one.act("submit", saved.ref)
    assert isinstance(entry, Written)
    assert one.bodies("*/submit")[-1] == {"data": [{"id": saved.ref.internal_id}]}


def test_sent_back_by_an_approver_it_is_a_draft_again(cosmic: Connect) -> None:
    one = cosmic()
    (saved,) = one.save(one.item(1))
    one.act("submit", saved.ref)
    one.sandbox.call("PUT", f"cosmic/{OBJECT}/{saved.ref.internal_id}", {"billstatus": "A"})
    (reading,) = one.run(one.kind().read(one.site, [saved.ref]))
    assert (str(reading.state.lifecycle), str(reading.state.approval)) == ("draft", "none")


def test_a_status_that_nobody_has_confirmed_is_unknown(cosmic: Connect) -> None:
    one = cosmic()
    (saved,) = one.save(one.item(1))
    one.sandbox.call("PUT", f"cosmic/{OBJECT}/{saved.ref.internal_id}", {"billstatus": "D"})
    (reading,) = one.run(one.kind().read(one.site, [saved.ref]))
    assert unknown_words(reading.state) == {"lifecycle": "D", "approval": "D"}


def test_a_number_that_a_coding_rule_replaces_is_why_a_creation_is_not_promised(cosmic: Connect) -> None:
    one, sure = cosmic(), cosmic(forms={"sales_order": {"number_kept": True}})
    assert one.kind().create.probe.guarantee == "guarantee.at_most_once_or_incident"  # type: ignore[union-attr]
    assert sure.kind().create.probe.guarantee == "guarantee.exactly_once"  # type: ignore[union-attr]
    one.sandbox.call("PUT", "cosmic/settings", {"renumber": True})
    item = one.item(41)
    (saved,) = one.save(item)
    assert saved.ref.number.startswith("SO-")
    create = one.kind().create
    assert create is not None and create.find is not None
    (found,) = one.run(create.find(one.site, [item]))
    assert found.marked == (), "the probe cannot see it: that is the incident"


def test_a_wrong_number_kept_is_told_as_soon_as_it_shows(
    cosmic: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    sure = cosmic(forms={"sales_order": {"number_kept": True}})
    sure.save(sure.item(42))
    assert "number_kept" not in caplog.text
    sure.sandbox.call("PUT", "cosmic/settings", {"renumber": True})
    (saved,) = sure.save(sure.item(43))
    assert isinstance(saved, Written)
    assert f"saved {sure.item(43).mark} as {saved.ref.number}" in caplog.text


def test_a_query_that_passes_over_its_parameters_is_never_taken_for_an_answer(cosmic: Connect) -> None:
    one = cosmic(forms={"sales_order": {"ids": "ids", "filters": {"numbers": "no_such_parameter"}}})
    (saved,) = one.save(one.item(1))
    one.save(one.item(2))
    create = one.kind().create
    assert create is not None and create.find is not None
    for exchange in (one.kind().read(one.site, [saved.ref]), create.find(one.site, [one.item(1)])):
        with pytest.raises(exc.Misconfigured) as caught:
            one.run(exchange)
        assert "does not restrict by" in caught.value.message


def test_where_a_query_takes_no_ids_documents_are_read_by_their_numbers(cosmic: Connect) -> None:
    one = cosmic(forms={"sales_order": {"ids": ""}})
    (saved,) = one.save(one.item(77))
    one.sandbox.forget_requests()
    (reading,) = one.run(one.kind().read(one.site, [saved.ref]))
    assert isinstance(reading, Reading) and reading.ref == saved.ref
    assert one.bodies("*/query")[-1]["data"] == {"billno": [saved.ref.number]}
    (nameless,) = one.run(one.kind().read(one.site, [one.ref(saved.ref.internal_id)]))
    assert isinstance(nameless, exc.Misconfigured), "it is not gone: it cannot be asked for"


def test_a_query_that_gives_the_same_page_again_and_again_is_refused(cosmic: Connect) -> None:
    one = cosmic()
    (saved,) = one.save(one.item(1))
    data = {"rows": [{"id": saved.ref.internal_id}], "lastPage": False}
    reply = {"data": data, "errorCode": "0", "message": None, "status": True}
    one.sandbox.fault(FaultRule("error_in_200", path="*/query", reply=reply, times=None))
    with pytest.raises(exc.Rejected):
        one.run(one.kind().read(one.site, [saved.ref]))


def test_a_listing_is_restricted_by_the_parameters_of_the_published_query(cosmic: Connect) -> None:
    one = cosmic()
    query = Query(
        numbers=("A", "B"),
        party="CUS-1",
        company_code="C1",
        issued_from=date(2026, 3, 1),
        issued_to=date(2026, 3, 31),
        changed_since=datetime(2026, 3, 1, 0, 30, tzinfo=UTC),
    )
    search = one.kind().search
    assert search is not None
    one.run(search(one.site, query, None))
    (body,) = one.bodies("*/query")
    assert body == {
        "data": {
            "billno": ["A", "B"],
            "customer_number": ["CUS-1"],
            "org_number": ["C1"],
            "start_bizdate": "2026-03-01",
            "end_bizdate": "2026-03-31",
            "start_modifytime": "2026-03-01 08:30:00",
        },
        "pageNo": 1,
        "pageSize": 100,
    }
    bare = cosmic(forms={"sales_order": {"filters": {"numbers": "billno"}}})
    search = bare.kind().search
    assert search is not None
    with pytest.raises(exc.Unsupported) as caught:
        bare.run(search(bare.site, Query(party="CUS-1"), None))
    assert caught.value.field == "party"
    assert bare.kind().changes is None


def _bytes(cosmic: Cosmic, item: WriteItem) -> bytes:
    """Return what a save sends."""
    create = cosmic.kind().create
    assert create is not None
    exchange = create.run(cosmic.site, [item])
    assert isinstance(next(exchange), TokenWanted)
    request = exchange.send("a token")
    assert isinstance(request, httpx2.Request) and request.headers["accesstoken"] == "a token"
    return request.content


def test_amounts_cross_as_exact_numbers(cosmic: Connect) -> None:
    one = cosmic()
    item = one.item(1)
    (saved,) = one.save(item)
    sent = _bytes(one, item)
    assert b'"price":50.25' in sent and b'"qty":2' in sent and b'"taxrate":13' in sent
    (reading,) = one.run(one.kind().read(one.site, [saved.ref]))
    assert reading.total == item.document.payable_amount == Decimal("113.58")  # type: ignore[union-attr]
    assert [line.price_amount for line in reading.document.lines] == [Decimal("50.25"), Decimal("0.01")]
    assert reading.document.id == item.mark and reading.raw["comment"] == "PR-1"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("404", exc.Misconfigured),
        ("403", exc.Authentication),
        ("603", exc.Rejected),
        ("429", exc.RateLimited),
    ],
)
def test_errors_stand_in_the_body_of_a_200(cosmic: Connect, code: str, kind: type[exc.DocflowError]) -> None:
    one = cosmic()
    reply = {"data": None, "errorCode": code, "message": "no", "status": False}
    one.sandbox.fault(FaultRule("error_in_200", path=SAVES, reply=reply))
    (entry,) = one.save(one.item(1))
    assert isinstance(entry, kind) and (entry.code, entry.document) == (code, "PR-1")
    assert entry.landed == "no"


def test_an_error_of_the_server_in_a_200_leaves_a_save_unknown(cosmic: Connect) -> None:
    one = cosmic()
    reply = {"data": None, "errorCode": "500", "message": "服务异常", "status": False}
    one.sandbox.fault(FaultRule("error_in_200", path=SAVES, reply=reply, commit=True))
    item = one.item(55)
    (entry,) = one.save(item)
    assert isinstance(entry, exc.UnknownOutcome)
    assert [bill["billno"] for bill in one.bills()].count(item.mark) == 1


def test_an_object_that_is_not_published_is_named(cosmic: Connect) -> None:
    one = cosmic()
    one.sandbox.call("PUT", "cosmic/settings", {"published": []})
    (entry,) = one.save(one.item(1))
    assert isinstance(entry, exc.Misconfigured) and "forms" in entry.remedy


def test_a_tenants_own_object_is_written_and_read_by_its_forms(cosmic: Connect) -> None:
    forms = {
        "purchase_order": {
            "isv": "acme",
            "app": "pm",
            "entity": "pm_purorderbill",
            "fields": {
                "billno": {"path": "id", "write": False},
                "org_number": "company_code",
                "bizdate": "issue_date",
                "supplier_number": "seller_supplier_party.id",
                "acme_urgent": "extensions.urgent",
            },
            "lines": "billentry",
            "line_fields": {"seq": {"path": "line_id", "type": "integer"}, "qty": "quantity"},
            "constants": {"billtype_number": "pm_PurOrderBill_STD_BT_S"},
            "operations": {"save": "qeasyadd"},
        }
    }
    one = cosmic(forms=forms)
    assert set(one.site.profile.documents) == {"purchase_order"}
    one.sandbox.call("PUT", "cosmic/settings", {"published": ["pm/pm_purorderbill"]})
    item = one.item(9, extensions={one.site.instance: {"urgent": "yes"}})
    create = one.kind("purchase_order").create
    assert create is not None
    one.run(create.run(one.site, [item]))
    (line,) = one.sandbox.requests("*pm_purorderbill*")
    assert line["path"] == "/cosmic/kapi/v2/acme/pm/pm_purorderbill/qeasyadd"
    (bill,) = json.loads(line["body"])["data"]
    assert bill["billtype_number"] == "pm_PurOrderBill_STD_BT_S" and bill["acme_urgent"] == "yes"
    assert [row["qty"] for row in bill["billentry"]] == [2, 1] and "comment" not in bill
    described = one.run(one.kind("purchase_order").describe(one.site))  # type: ignore[misc]
    assert {field.name for field in described if field.custom} == {"acme_urgent"}
    assert "billentry.qty" in {field.name for field in described}
