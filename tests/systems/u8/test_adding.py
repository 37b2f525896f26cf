"""Adding a voucher: at once or with a result that comes later, once per key."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.sandbox import FaultRule
from airflow_provider_docflow.sandbox.u8.identity import APP_KEY, FROM_ACCOUNT, TO_ACCOUNT
from airflow_provider_docflow.systems.u8 import PROFILE
from tests.systems.u8.conftest import MARK, Desk, document

ADD, RESULT = "/u8/api/purchaseorder/add", "/u8/result"


def query_of(desk: Desk, path: str) -> dict[str, str]:
    return dict(httpx2.URL("/?" + desk.sandbox.requests(path)[-1]["query"]).params)


def test_a_voucher_at_once(desk: Desk) -> None:
    desk.site = desk.connect(sync=True)
    ref = desk.create()
    assert (ref.internal_id, ref.number) == ("PO00000001", "PO00000001")
    assert desk.sandbox.count(RESULT) == 0
    query = query_of(desk, ADD)
    assert {name: query[name] for name in ("sync", "biz_id", "from_account", "to_account", "app_key")} == {
        "sync": "1",
        "biz_id": MARK,
        "from_account": FROM_ACCOUNT,
        "to_account": TO_ACCOUNT,
        "app_key": APP_KEY,
    }
    assert "tradeid" not in query


def test_a_result_is_asked_for_until_it_is_there(desk: Desk) -> None:
    desk.put(delay=7, ping_after="3")
    ref = desk.create()
    assert desk.read(ref).ref == ref
    assert desk.pauses[:3] == [3, 3, 3]
    assert desk.sandbox.count(RESULT) == 3
    assert query_of(desk, ADD)["sync"] == "0"


def test_the_published_answers_of_an_add_are_understood(desk: Desk) -> None:
    taken = {"tradeid": "t-1", "ping_after": "5", "url": f"{desk.sandbox.base_url}/u8/result?requestid=t-1"}
    done = {"errcode": "0", "errmsg": "", "id": "0000000007", "tradeid": "t-1"}
    desk.sandbox.fault(FaultRule("rate_limited", path=ADD, status=200, reply=taken))
    desk.sandbox.fault(FaultRule("rate_limited", path=RESULT, status=200, reply=done))
    written = desk.write("create", WriteItem(mark=MARK, document=document()))
    assert written.ref is not None
    assert (written.ref.internal_id, written.detail["tradeid"]) == ("0000000007", "t-1")
    assert desk.pauses == [5]


@pytest.mark.parametrize("named", ["", "soon"])
def test_where_u8_names_no_pause_the_connection_does(desk: Desk, named: str) -> None:
    desk.site = desk.connect(poll_pause=4, poll_seconds=20)
    desk.put(delay=6, ping_after=named)
    desk.create()
    assert desk.pauses == [4, 4]


def test_a_result_that_does_not_come_in_time_is_in_doubt_and_found_later(desk: Desk) -> None:
    desk.site = desk.connect(poll_seconds=10)
    desk.put(delay=600, ping_after="4")
    with pytest.raises(exc.UnknownOutcome) as told:
        desk.create()
    assert told.value.landed == "unknown"
    assert desk.pauses == [4, 4, 2]
    desk.sandbox.advance(600)
    (marked,) = desk.find(MARK)
    assert [reading.ref.number for reading in marked] == ["PO00000001"]


@pytest.mark.parametrize("fault", ["cut", "error_before", "malformed"])
def test_a_result_that_cannot_be_asked_for_is_in_doubt(desk: Desk, fault: Any) -> None:
    desk.sandbox.fault(FaultRule(fault, path=RESULT, times=9))
    with pytest.raises(exc.UnknownOutcome):
        desk.create()
    assert len(desk.kept()) == 1


@pytest.mark.parametrize("sync", [True, False])
def test_a_refused_voucher_is_refused_whenever_that_is_told(desk: Desk, *, sync: bool) -> None:
    desk.site = desk.connect(sync=sync)
    desk.put(delay=2)
    with pytest.raises(exc.Rejected, match="SUP-404 不存在") as told:
        desk.create(document(seller_supplier_party={"id": "SUP-404"}))
    assert (told.value.code, told.value.landed, told.value.document) == ("10021", "no", "D-1")
    assert desk.kept() == []


@pytest.mark.parametrize("host", ["http://127.0.0.1:1/result?requestid=1", "https://elsewhere.example.com/r"])
def test_a_result_at_another_host_is_not_asked_for(desk: Desk, host: str) -> None:
    taken = {"tradeid": "t", "ping_after": "1", "url": host}
    desk.sandbox.fault(FaultRule("rate_limited", path=ADD, status=200, reply=taken))
    with pytest.raises(exc.UnknownOutcome) as told:
        desk.create()
    assert told.value.field == "host"
    assert desk.pauses == []


@pytest.mark.parametrize(
    "reply", [{"errcode": "0", "errmsg": "", "id": ""}, {"errcode": "-1", "errmsg": "忙"}]
)
def test_an_answer_without_the_voucher_is_in_doubt(desk: Desk, reply: dict[str, str]) -> None:
    desk.sandbox.fault(FaultRule("rate_limited", path=ADD, status=200, reply=reply))
    with pytest.raises(exc.UnknownOutcome):
        desk.create()


@pytest.mark.parametrize("document_type", ["purchase_order", "payment", "supplier_invoice"])
def test_one_key_stands_for_one_voucher(desk: Desk, document_type: str) -> None:
    first = desk.create(document(document_type))
    assert desk.create(document(document_type)) == first
    assert desk.create(document(document_type), mark="M2") != first
    assert len(desk.kept(document_type)) == 2


def test_a_key_and_a_trade_id_exclude_each_other(desk: Desk) -> None:
    desk.create()
    query = {**query_of(desk, ADD), "sync": "1"}
    token = httpx2.get(
        f"{desk.sandbox.base_url}/u8/system/token",
        params={"from_account": FROM_ACCOUNT, "app_key": APP_KEY, "app_secret": desk.site.password},
    ).json()["token"]["id"]
    body = desk.sent(ADD)[0]

    def add(**more: str) -> dict[str, Any]:
        params = {**query, "token": token, **more}
        return httpx2.post(f"{desk.sandbox.base_url}{ADD}", params=params, json=body).json()  # type: ignore[no-any-return]

    assert add(tradeid="t-1")["errcode"] != "0"
    assert add(biz_id="")["errcode"] != "0"
    trade = httpx2.get(f"{desk.sandbox.base_url}/u8/system/tradeid", params={**query, "token": token}).json()
    fresh = {"biz_id": "", "tradeid": trade["trade"]["id"]}
    assert add(**fresh)["errcode"] == "0"
    assert add(**fresh)["errcode"] != "0"


def test_payments_hold_what_u8_asks_of_them(desk: Desk) -> None:
    desk.site = desk.connect(settlement_code="3")
    desk.create(document("payment"))
    (sent,) = desk.sent("/u8/api/pay/add")
    pay = sent["pay"]
    assert query_of(desk, "/u8/api/pay/add")["biz_id"] == MARK
    assert {name: pay[name] for name in ("vouchtype", "digest", "balancecode", "amount", "customercode")} == {
        "vouchtype": "49",
        "digest": f"D-1 [{MARK}]",
        "balancecode": "3",
        "amount": "1200.50",
        "customercode": "SUP-1",
    }
    assert pay["entry"] == [
        {
            "customercode": "SUP-1",
            "amount": "1200.50",
            "originalamount": "1200.50",
            "iamt_s": "1",
            "digest": "货款",
        }
    ]


def test_nobody_makes_a_payment_request_there(desk: Desk) -> None:
    with pytest.raises(exc.Unsupported):
        PROFILE.write("payment_request", "create")


def test_what_is_promised_of_each_type() -> None:
    promised = {name: kind.create.probe.quality for name, kind in PROFILE.documents.items() if kind.create}
    assert promised == {
        "purchase_order": "unique",
        "purchase_requisition": "unique",
        "payment": "unique",
        "supplier_invoice": "unique",
        "sales_order": "best_effort",
    }


def test_a_long_reference_leaves_room_for_the_mark(desk: Desk) -> None:
    item = WriteItem(mark=MARK, document=document(), reference="长" * 80)
    desk.write("create", item)
    (kept,) = desk.kept()
    assert len(kept["remark"]) == 60
    assert kept["remark"].endswith(f"[{MARK}]")


@pytest.mark.parametrize(
    "document_type", ["purchase_order", "purchase_requisition", "payment", "supplier_invoice"]
)
def test_a_voucher_is_found_by_its_mark(desk: Desk, document_type: str) -> None:
    refs = [desk.create(document(document_type), mark=f"MARK-{n}") for n in range(2)]
    found = desk.find("MARK-1", "MARK-7", document_type=document_type)
    assert [[each.ref for each in marked] for marked in found] == [[refs[1]], []]


def test_a_remark_is_searched_by_the_mark_and_then_as_a_whole(desk: Desk) -> None:
    desk.create()
    desk.find(MARK)
    assert query_of(desk, "*/purchaseorderlist/batch_get")["remark"] == MARK
    desk.create(document("purchase_requisition"))
    (marked,) = desk.find(MARK, document_type="purchase_requisition")
    assert len(marked) == 1
    assert query_of(desk, "*/purchaserequisitionlist/batch_get")["memory"] == f"D-1 [{MARK}]"


def test_where_the_list_heeds_no_remark_the_vouchers_own_word_counts(desk: Desk) -> None:
    refs = [desk.create(document("sales_order"), mark=f"MARK-{n}") for n in range(3)]
    found = desk.find("MARK-1", "MARK-7", document_type="sales_order")
    assert [[each.ref for each in marked] for marked in found] == [[refs[1]], []]


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_both_doors_ask_for_a_result(desk: Desk, kind: str) -> None:
    desk.kind = kind
    desk.put(ping_after="0")
    assert desk.create().number == "PO00000001"
