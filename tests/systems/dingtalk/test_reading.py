from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.paging import search_all
from airflow_provider_docflow.core.profile import Query
from airflow_provider_docflow.systems.dingtalk import PROFILE
from tests.systems.dingtalk.conftest import COMPONENTS, CORP, FLOW, TYPE, Desk, line, values

KIND = PROFILE.of(TYPE)
GET = "/dingtalk/v1.0/workflow/processInstances"


def test_a_form_is_the_document_that_was_typed(desk: Desk) -> None:
    form = values(
        [line(1), line(2, 数量="3", 供应商="SUP-2", 颜色="红")], 合计金额="251.25", 备注="急", 项目经理="李"
    )
    (ref,) = desk.submit(form)
    reading = desk.reading(ref)
    document = reading.document
    assert document is not None
    assert document.id == "PR-1"
    assert reading.ref.number == "PR-1"
    assert (document.company_code, document.document_currency_code) == ("1000", "CNY")
    assert document.issue_date == date(2026, 3, 31)
    assert [item.line_id for item in document.lines] == ["1", "2"]
    assert document.lines[0].quantity == Decimal(2)
    assert document.lines[0].description == "扳手 ø 12"
    assert document.lines[1].seller_supplier_party is not None
    assert document.lines[1].seller_supplier_party.id == "SUP-2"
    assert document.lines[1].accounting[0].cost_centre == "CC-7"
    assert document.lines[1].extensions == {CORP: {"颜色": "红"}}
    assert document.payable_amount == reading.total == Decimal("251.25")
    assert document.notes == ("急",)
    assert document.extensions == {CORP: {"项目经理": "李"}}
    assert document.requester is not None
    assert document.requester.id == "zhang.san"
    assert (reading.company_code, reading.currency) == ("1000", "CNY")
    assert (reading.state.lifecycle, reading.state.approval) == ("submitted", "pending")
    assert reading.state.unknown_axes == ()
    assert reading.problem is None


def test_amounts_keep_every_digit(desk: Desk) -> None:
    row = line(单价="333333333333.3333333", 数量="3")
    (ref,) = desk.submit(values([row], 合计金额="1000000000000.00"))
    document = desk.reading(ref).document
    assert document is not None
    assert document.lines[0].price_amount == Decimal("333333333333.3333333")
    assert document.payable_amount == Decimal("1000000000000.00")


def test_a_batch_names_what_is_not_there_and_reads_the_rest(desk: Desk) -> None:
    (ref,) = desk.submit()
    missing = desk.ref("gone", "PR-404")
    found = desk.read(missing, ref)
    assert isinstance(found[0], exc.NotFound)
    assert (found[0].system, found[0].document, found[0].code) == ("oa", "PR-404", "processInstanceNotExist")
    assert found[0].http_status == 400
    assert found[0].request_id
    assert found[1].ref.internal_id == ref.internal_id


def test_a_contradiction_leaves_the_state_readable_and_is_refused_on_use(desk: Desk) -> None:
    (ref,) = desk.submit(values(合计金额="100.40"))
    reading = desk.reading(ref)
    assert reading.state.approval == "pending"
    assert reading.document is not None
    with pytest.raises(exc.InvalidDocument) as caught:
        reading.document.checked()
    assert caught.value.field == "payable_amount"


@pytest.mark.parametrize(
    ("form", "control", "field"),
    [
        (values([line(数量="two")]), "明细", "lines"),
        (values([line(数量="")]), "明细.数量", "lines[0].quantity"),
        (values([line(1), line(行号="")]), "明细.行号", "lines[1].line_id"),
    ],
)
def test_a_form_that_makes_no_document_says_which_control(
    desk: Desk, form: Any, control: str, field: str
) -> None:
    (ref,) = desk.submit(form)
    reading = desk.reading(ref)
    assert reading.state.approval == "pending"
    assert reading.document is None
    assert reading.ref.number == "PR-1"
    assert reading.problem is not None
    assert (reading.problem.document, reading.problem.field) == ("PR-1", field)
    assert f"'{control}'" in str(reading.problem)
    assert desk.code in str(reading.problem)
    assert reading.problem.system == "oa"


def test_two_lines_with_one_id_make_no_document(desk: Desk) -> None:
    (ref,) = desk.submit(values([line(1), line(1)], 合计金额="201.00"))
    reading = desk.reading(ref)
    assert reading.document is None
    assert reading.problem is not None
    assert "id" in str(reading.problem)


def test_an_attached_id_leads_to_its_document(desk: Desk) -> None:
    (ref,) = desk.submit()
    desk.sandbox.decide(ref.internal_id, "agree")
    attached = desk.sandbox.attach(ref.internal_id, "MODIFY", values=values(合计金额="100.50"))
    assert desk.reading(desk.ref(attached)).ref.internal_id == ref.internal_id


def test_a_thousand_are_read_side_by_side_with_one_request_each(desk: Desk) -> None:
    refs = desk.submit(*(values(单号=f"PR-{n}") for n in range(1000)))
    desk.sandbox.forget_requests()
    answers = desk.run_all([KIND.read(desk.site, [ref]) for ref in refs])
    assert [answer[0].ref.number for answer in answers] == [f"PR-{n}" for n in range(1000)]
    assert desk.sandbox.count(GET, method="GET") == 1000
    assert desk.sandbox.count("/dingtalk/v1.0/oauth2/*") == 1
    assert desk.sandbox.count() == 1001
    assert KIND.page_size == 1


def test_both_doors_send_the_same_requests(sandbox: Any, code: str) -> None:
    logs = []
    for kind in ("sync", "async"):
        desk = Desk(sandbox, kind, code)
        (ref,) = desk.submit()
        sandbox.forget_requests()
        desk.reading(ref)
        desk.act("comment", ref, text="ok")
        desk.run(search_all(desk.site, KIND, Query(numbers=("PR-1",))))
        logs.append([(entry["method"], entry["path"]) for entry in sandbox.requests()])
    assert logs[0][:3] == logs[1][:3]
    # The second listing shows one approval more.
    assert [*logs[0], logs[0][-1]] == logs[1]


def test_search_walks_all_pages_and_filters(desk: Desk) -> None:
    desk.submit(
        *(
            values(单号=f"PR-{n}", 公司="1000" if n % 2 else "2000", 申请日期=f"2026-03-{n % 28 + 1:02}")
            for n in range(45)
        )
    )
    raw = {"created_from": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    every = desk.run(search_all(desk.site, KIND, Query(raw=raw)))
    assert [reading.ref.number for reading in every] == [f"PR-{n}" for n in range(45)]
    assert len(desk.sandbox.requests("*instanceIds*")) == 3
    one = desk.run(search_all(desk.site, KIND, Query(numbers=("PR-7", "PR-8"), company_code="1000", raw=raw)))
    assert [reading.ref.number for reading in one] == ["PR-7"]
    day = Query(issued_from=date(2026, 3, 5), issued_to=date(2026, 3, 5), raw=raw)
    assert {r.ref.number for r in desk.run(search_all(desk.site, KIND, day))} == {"PR-4", "PR-32"}
    supplier = desk.run(search_all(desk.site, KIND, Query(party="SUP-1", raw=raw)))
    assert len(supplier) == 45
    assert desk.run(search_all(desk.site, KIND, Query(party="SUP-9", raw=raw))) == []


def test_a_long_span_is_walked_in_windows_that_dingtalk_takes(desk: Desk) -> None:
    now = int(datetime.now(UTC).timestamp() * 1000)
    for days in (1, 130, 300):
        desk.submit(values(单号=f"PR-{days}"), createTime=now - days * 86_400_000)
    raw = {"created_from": (datetime.now(UTC) - timedelta(days=360)).isoformat()}
    found = desk.run(search_all(desk.site, KIND, Query(raw=raw)))
    assert [reading.ref.number for reading in found] == ["PR-300", "PR-130", "PR-1"]
    recent = desk.run(search_all(desk.site, KIND, Query()))
    assert [reading.ref.number for reading in recent] == ["PR-1"]


def test_an_approval_of_a_clock_ahead_of_ours_is_listed(desk: Desk) -> None:
    desk.sandbox.advance(240)
    (ref,) = desk.submit()
    assert KIND.changes is not None
    for query in (Query(), Query(issued_to=datetime.now(UTC).date())):
        found = desk.run(search_all(desk.site, KIND, query))
        assert [reading.ref.internal_id for reading in found] == [ref.internal_id]
    first = desk.run(KIND.changes(desk.site, ""))
    again = desk.run(KIND.changes(desk.site, first.cursor))
    assert [found.internal_id for found in first.refs] == [ref.internal_id]
    assert [found.internal_id for found in again.refs] == [ref.internal_id]
    raw = {"created_to": datetime.now(UTC).isoformat()}
    assert desk.run(search_all(desk.site, KIND, Query(raw=raw))) == []


def test_what_cannot_be_listed_is_refused(desk: Desk) -> None:
    old = {"created_from": (datetime.now(UTC) - timedelta(days=400)).isoformat()}
    with pytest.raises(exc.Unsupported, match="365 days"):
        desk.run(search_all(desk.site, KIND, Query(raw=old)))
    with pytest.raises(exc.Unsupported, match="creation") as caught:
        desk.run(search_all(desk.site, KIND, Query(changed_since=datetime.now(UTC))))
    assert caught.value.field == "changed_since"
    with pytest.raises(exc.Misconfigured, match="time zone"):
        desk.run(search_all(desk.site, KIND, Query(raw={"created_from": "2026-03-31T00:00:00"})))
    with pytest.raises(exc.Unsupported, match="no form for contract") as caught:
        desk.run(search_all(desk.site, PROFILE.of("contract"), Query()))
    assert caught.value.field == "forms"
    with pytest.raises(exc.Unsupported, match="no document type contract"):
        desk.site.profile.of("contract")


def test_a_change_of_an_approved_form_is_listed_as_no_document_of_its_own(desk: Desk) -> None:
    (ref,) = desk.submit()
    desk.sandbox.decide(ref.internal_id, "agree")
    desk.sandbox.attach(ref.internal_id, "MODIFY", values=values(备注="x"))
    found = desk.run(search_all(desk.site, KIND, Query()))
    assert [reading.ref.internal_id for reading in found] == [ref.internal_id]


def test_changes_give_what_was_created_and_go_on_from_the_cursor(desk: Desk) -> None:
    first = {ref.internal_id for ref in desk.submit(*(values(单号=f"A-{n}") for n in range(25)))}
    assert KIND.changes is not None
    seen, cursor, pages = set(), "", 0
    while True:
        changes = desk.run(KIND.changes(desk.site, cursor))
        seen |= {ref.internal_id for ref in changes.refs}
        cursor, pages = changes.cursor, pages + 1
        if not changes.more:
            break
    assert seen == first
    assert pages == 2
    later = {ref.internal_id for ref in desk.submit(values(单号="B-1"))}
    ref = desk.ref(next(iter(first)))
    desk.sandbox.decide(ref.internal_id, "agree")
    change = desk.sandbox.attach(ref.internal_id, "REVOKE")
    again = set()
    while True:
        changes = desk.run(KIND.changes(desk.site, cursor))
        again |= {ref.internal_id for ref in changes.refs}
        cursor = changes.cursor
        if not changes.more:
            break
    assert later | {change} <= again
    assert json.loads(cursor)


def test_a_listing_that_dingtalk_would_cut_off_is_refused(desk: Desk) -> None:
    from airflow_provider_docflow.core.oa.listing import Position
    from airflow_provider_docflow.systems.dingtalk.forms import form_of
    from airflow_provider_docflow.systems.dingtalk.listing import MOST_IDS, list_ids

    now = int(datetime.now(UTC).timestamp() * 1000)
    desk.sandbox.submit(
        {
            "processCode": desk.code,
            "originatorUserId": "u",
            "formComponentValues": values(),
            "deptId": -1,
        }
        for _ in range(20)
    )
    at = Position(now - 3_600_000, now + 60_000, now + 60_000, MOST_IDS - 20)
    desk.sandbox.fault(_listing_of(20))
    with pytest.raises(exc.Rejected, match="10000 approvals or more") as caught:
        desk.run(list_ids(desk.site, form_of(desk.site, TYPE), at))
    assert "shorter span" in caught.value.remedy


def _listing_of(count: int) -> Any:
    from airflow_provider_docflow.sandbox.faults import FaultRule

    reply = {"result": {"list": [f"id-{n}" for n in range(count)]}, "success": True}
    return FaultRule("error_in_200", path="*instanceIds*", reply=reply)


def test_every_component_type_survives_both_ways(sandbox: Any) -> None:
    components = [
        *COMPONENTS,
        {"componentType": "InnerContactField", "props": {"label": "申请人"}},
        {"componentType": "DepartmentField", "props": {"label": "部门"}},
        {"componentType": "DDDateRangeField", "props": {"label": '["开始","结束"]'}},
        {"componentType": "DDMultiSelectField", "props": {"label": "标签", "options": ["急", "重"]}},
        {"componentType": "PhoneField", "props": {"label": "电话"}},
        {"componentType": "DDAttachment", "props": {"label": "附件"}},
        {"componentType": "AddressField", "props": {"label": "地址"}},
        {"componentType": "StarRatingField", "props": {"label": "评分"}},
        {"componentType": "TextNote", "props": {"label": "说明"}},
    ]
    fields = {
        "单号": "id",
        "公司": "company_code",
        "币种": "document_currency_code",
        "申请人": {"path": "requester.id", "type": "InnerContactField"},
        "部门": {"path": "extensions.dept", "type": "DepartmentField"},
        '["开始","结束"]': {"path": ["issue_date", "due_date"], "type": "DDDateRangeField"},
        "标签": {"path": "extensions.label", "type": "DDMultiSelectField"},
        "电话": {"path": "extensions.phone", "type": "PhoneField"},
        "附件": "attachments",
        "地址": {"path": ["extensions.province", "extensions.city"], "type": "AddressField"},
        "评分": {"path": "extensions.stars", "type": "StarRatingField"},
        "合计金额": "payable_amount",
        "明细": {"path": "lines", "fields": {"行号": "line_id", "数量": "quantity", "单价": "price_amount"}},
    }
    for component in components:
        if component["props"]["label"] == "申请日期":
            component = component["props"].pop("required", None)
    code = sandbox.template("全部控件", components, approvers=FLOW)
    desk = Desk(sandbox, "sync", code)
    desk.site = desk.connect(forms={TYPE: {"process_code": code, "fields": fields}})
    file = sandbox.call("POST", "dingtalk/files", {"name": "报价.pdf", "content": "JVBERg=="})
    typed = {
        "申请人": '["li.na"]',
        "部门": '["42"]',
        '["开始","结束"]': '["2026-04-01","2026-04-30"]',
        "标签": '["急"]',
        "电话": "+86-13800000000",
        "附件": json.dumps([file], ensure_ascii=False),
        "地址": "浙江省,杭州市",
        "评分": "4",
    }
    (ref,) = desk.submit(values([line()], 申请日期="", **typed))
    document = desk.reading(ref).document
    assert document is not None
    assert document.requester is not None
    assert document.requester.id == "li.na"
    assert (document.issue_date, document.due_date) == (date(2026, 4, 1), date(2026, 4, 30))
    told = document.extensions[CORP]
    assert (told["dept"], told["label"], told["phone"], told["stars"]) == ("42", "急", "+86-13800000000", "4")
    assert (told["province"], told["city"]) == ("浙江省", "杭州市")
    assert [(item.name, item.size) for item in document.attachments] == [("报价.pdf", 4)]
    assert document.attachments[0].uri == f"dingtalk://{file['spaceId']}/{file['fileId']}"
    from airflow_provider_docflow.core.profile import WriteItem

    item = WriteItem(mark="", document=document.model_copy(update={"id": "PR-2"}))
    back = desk.reading(desk.write("create", item).ref).document
    assert back is not None
    assert back.model_copy(update={"id": "PR-1"}) == document
