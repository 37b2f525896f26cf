"""Documents into forms and back: by control names, with the ids that the template has now."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import Attachment, Document, document_from_json
from airflow_provider_docflow.systems.wecom import media
from airflow_provider_docflow.systems.wecom.defaults import DEFAULT_FIELDS
from airflow_provider_docflow.systems.wecom.forms import forms_of
from airflow_provider_docflow.systems.wecom.parsing import to_document
from airflow_provider_docflow.systems.wecom.values import kept
from tests.systems.oa import requisition
from tests.systems.wecom.conftest import CORP, FLOW, MARK, TYPE, Desk, control, row

FULL: dict[str, dict[str, Any]] = {
    "purchase_requisition": {},
    "purchase_order": {"seller_supplier_party": {"id": "SUP-1", "name": "五金公司"}},
    "sales_order": {"buyer_customer_party": {"id": "CUS-1", "name": "客户公司"}},
    "payment_request": {
        "due_date": "2026-04-30",
        "seller_supplier_party": {"id": "SUP-1", "name": "五金公司"},
        "payee_account": {"account_number": "6222020000000000", "name": "五金公司", "bank": "工行"},
    },
    "contract": {"due_date": "2027-03-31", "seller_supplier_party": {"id": "SUP-1", "name": "五金公司"}},
}
LINES: dict[str, dict[str, Any]] = {
    "purchase_requisition": {
        "seller_supplier_party": {"id": "SUP-1"},
        "accounting": [{"cost_centre": "CC-7"}],
    },
    "purchase_order": {"tax_percent": "13", "delivery_date": "2026-04-15"},
    "sales_order": {"tax_percent": "13"},
}


def document(document_type: str, **more: Any) -> Document:
    line = {"line_id": "1", "description": "扳手 ø 12", "quantity": "3", "price_amount": "0.333333"}
    if document_type != "payment_request":
        line |= {"item_id": "P-101", "unit_code": "C62"}
    else:
        line |= {"quantity": "1", "price_amount": "99999999999999.99"}
    data = {
        "document_type": document_type,
        "id": "DOC-1",
        "issue_date": "2026-03-31",
        "company_code": "1000",
        "document_currency_code": "CNY",
        "requester": {"id": "zhang.san"},
        "notes": ["两行\n备注"],
        "lines": [{**line, **LINES.get(document_type, {})}],
        **FULL[document_type],
        **more,
    }
    return document_from_json(data).totalled()


@pytest.mark.parametrize("document_type", sorted(DEFAULT_FIELDS))
def test_a_default_form_holds_its_type_without_a_map(desk: Desk, document_type: str) -> None:
    template = desk.enter_template(document_type)
    desk.site = desk.connect({document_type: {"template_id": template, "mark_control": "docflow"}})
    sent = document(document_type)
    reading = desk.reading(desk.create(sent).ref)
    assert reading.document == sent and reading.problem is None
    assert reading.ref.number == "DOC-1" and reading.total == sent.payable_amount


def test_the_types_that_the_defaults_know() -> None:
    assert set(DEFAULT_FIELDS) == {
        "purchase_requisition",
        "purchase_order",
        "sales_order",
        "payment_request",
        "contract",
    }


def test_values_are_written_as_wecom_wants_them(desk: Desk) -> None:
    body = desk.kept(desk.create().ref)["byApi"]
    told = {one["title"][0]["text"]: one for one in body["apply_data"]["contents"]}
    assert told["合计金额"]["value"] == {"new_money": "100.50"}
    assert told["申请日期"]["value"] == {"date": {"type": "day", "s_timestamp": "1774886400"}}
    assert told["币种"]["value"] == {"selector": {"type": "single", "options": [{"key": "option-1"}]}}
    assert told["docflow"]["value"] == {"text": MARK}
    cells = {one["title"][0]["text"]: one["value"] for one in told["明细"]["value"]["children"][0]["list"]}
    assert (cells["单价"], cells["数量"]) == ({"new_number": "50.25"}, {"new_number": "2"})
    assert "备注" not in told, "what is empty is left out"


@pytest.mark.parametrize(
    ("zone", "stamp"), [("Asia/Shanghai", "1774886400"), ("America/New_York", "1774929600")]
)
def test_a_day_begins_at_the_companys_midnight(desk: Desk, zone: str, stamp: str) -> None:
    desk.site = desk.connect(time_zone=zone)
    ref = desk.create().ref
    contents = {one["title"][0]["text"]: one["value"] for one in desk.kept(ref)["contents"]}
    assert contents["申请日期"]["date"]["s_timestamp"] == stamp
    found = desk.reading(ref).document
    assert found is not None and found.issue_date.isoformat() == "2026-03-31"


def test_a_typed_moment_is_the_day_on_which_it_lies(desk: Desk) -> None:
    template = desk.enter_template("contract")
    desk.site = desk.connect({"contract": {"template_id": template, "mark_control": "docflow"}})
    table = [{name: value for name, value in row().items() if name not in ("供应商", "成本中心")}]
    values = {"到期日": {"date": {"type": "hour", "s_timestamp": str(1_774_886_400 + 3_600)}}, "明细": table}
    ref = desk.submit(values, template)
    found = desk.reading(desk.ref(ref.internal_id, "contract")).document
    assert found is not None and str(found.due_date) == "2026-03-31"


def test_tenant_fields_survive_a_round_trip(desk: Desk) -> None:
    ref = desk.submit({"项目经理": {"text": "李四"}})
    found = desk.reading(ref).document
    assert found is not None and found.extensions[CORP] == {"项目经理": "李四"}
    again = desk.create(found.model_copy(update={"id": "PR-2"})).ref
    back = desk.reading(again).document
    assert back is not None and back.extensions[CORP] == {"项目经理": "李四"}


def test_tenant_fields_of_every_kind_survive_a_round_trip(desk: Desk) -> None:
    uri = desk.run(media.upload(desk.site, "报价.pdf", b"%PDF-1.7 quotation"))
    file = {"files": [{"file_id": uri.removeprefix("wecom://")}]}
    values = {
        "标签": {"selector": {"type": "multi", "options": [{"key": "option-1"}, {"key": "option-3"}]}},
        "会签人": {"members": [{"userid": "boss"}, {"userid": "cfo"}]},
        "附件": file,
        "报价": [{"供应商": {"text": "甲"}, "报价金额": {"new_money": "99.90"}}, {"供应商": {"text": "乙"}}],
    }
    own = {
        "标签": ["急", "密"],
        "会签人": ["boss", "cfo"],
        "附件": [uri],
        "报价": [{"供应商": "甲", "报价金额": "99.90"}, {"供应商": "乙"}],
    }
    found = desk.reading(desk.submit(values)).document
    assert found is not None and found.extensions[CORP] == own
    back = desk.reading(desk.create(found).ref).document
    assert back is not None and back.extensions[CORP] == own


@pytest.mark.parametrize(
    ("own", "field"),
    [
        ({"标签": ["急", "没有"]}, "extensions.标签"),
        ({"项目经理": ["李四", "王五"]}, "extensions.项目经理"),
        ({"申请人": ["boss", "cfo"]}, "extensions.申请人"),
        ({"报价": ["甲"]}, "extensions.报价"),
        ({"报价": [{"没有": "甲"}]}, "extensions.报价.没有"),
        ({"附件": ["https://example.com/a.pdf"]}, "extensions.附件"),
    ],
)
def test_tenant_fields_that_their_controls_cannot_hold(desk: Desk, own: dict[str, Any], field: str) -> None:
    refused(desk, requisition(extensions={CORP: own}), field)


def test_what_wecom_computes_is_read_and_never_sent(desk: Desk) -> None:
    fields = {name: path for name, path in DEFAULT_FIELDS[TYPE].items() if name != "合计金额"}
    fields["总额"] = "payable_amount"
    body = {"name": "公式", "controls": [control(*one) for one in fields.items()], "flow": FLOW}
    template = desk.sandbox.call("POST", "wecom/templates", body)["template_id"]
    entry = {"template_id": template, "fields": fields}
    desk.site = desk.connect({TYPE: entry})
    ref = desk.create().ref
    sent = desk.kept(ref)["byApi"]["apply_data"]["contents"]
    assert "总额" not in {one["title"][0]["text"] for one in sent}
    info = dict(desk.reading(ref).raw)
    shown = [one for one in info["apply_data"]["contents"] if one["control"] != "Formula"]
    total = {"control": "Formula", "title": [{"text": "总额"}], "value": {"formula": {"value": "100.50"}}}
    info["apply_data"] = {"contents": [*shown, total]}
    found = to_document(forms_of({TYPE: entry})[TYPE], info, CORP, ZoneInfo("Asia/Shanghai"))
    assert found.payable_amount == Decimal("100.50")


@pytest.mark.parametrize(
    ("control_kind", "value"),
    [
        ("Date", {"date": "2026-03-31"}),
        ("Date", {"date": {"s_timestamp": "morgen"}}),
        ("Date", {"date": {"s_timestamp": "9" * 30}}),
        ("Contact", {"members": [{"name": "no id"}]}),
        ("Contact", {"members": ["boss"]}),
        ("Selector", {"selector": [1]}),
        ("RelatedApproval", {"related_approval": [1]}),
        ("Table", {"children": [1]}),
        ("Table", {"children": [{"list": {}}]}),
    ],
)
def test_values_that_are_none_of_their_control(control_kind: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"no value|no time|no list"):
        kept(control_kind, value, ZoneInfo("Asia/Shanghai"))


def test_two_controls_of_one_name_are_nobodys_to_choose_between(desk: Desk) -> None:
    ref = desk.submit()
    raw = dict(desk.reading(ref).raw)
    twice = {"control": "Money", "title": [{"text": "合计金额"}], "value": {"new_money": "1.00"}}
    raw["apply_data"] = {"contents": [*raw["apply_data"]["contents"], twice]}
    form = forms_of(desk.site.settings["forms"])[TYPE]
    with pytest.raises(exc.InvalidDocument) as caught:
        to_document(form, raw, CORP, ZoneInfo("Asia/Shanghai"))
    assert caught.value.field == "payable_amount"


def test_people_departments_and_other_forms_are_ids(desk: Desk) -> None:
    fields = {**DEFAULT_FIELDS[TYPE], "申请人": {"path": "requester.id", "type": "Contact"}}
    fields |= {"部门": "extensions.部门", "关联": "extensions.关联"}
    desk.site = desk.connect(
        {TYPE: {"template_id": desk.template, "mark_control": "docflow", "fields": fields}}
    )
    other = desk.submit({"申请人": {"members": [{"userid": "wang.wu"}]}}).internal_id
    sent = requisition(extensions={CORP: {"部门": "42", "关联": other}})
    ref = desk.create(sent).ref
    contents = {one["title"][0]["text"]: one["value"] for one in desk.kept(ref)["contents"]}
    assert contents["申请人"] == {"members": [{"userid": "zhang.san", "name": "zhang.san"}]}
    assert contents["部门"] == {"departments": [{"openapi_id": "42", "name": "42"}]}
    assert contents["关联"] == {"related_approval": [{"sp_no": other}]}
    found = desk.reading(ref).document
    assert found is not None and found.extensions[CORP] == {"部门": "42", "关联": other}


def test_files_are_uploaded_first(desk: Desk) -> None:
    fields = {**DEFAULT_FIELDS[TYPE], "附件": "attachments"}
    desk.site = desk.connect(
        {TYPE: {"template_id": desk.template, "fields": fields, "omit": ["attachments"]}}
    )
    uri = desk.run(media.upload(desk.site, '报价"单.pdf', b"%PDF-1.7 quotation"))
    (file,) = desk.sandbox.call("GET", "wecom/media")["media"][-1:]
    assert uri == f"wecom://{file['id']}" and file["name"] == "报价_单.pdf" and file["size"] == 18
    ref = desk.create(requisition(attachments=[{"name": "报价单.pdf", "uri": uri}])).ref
    found = desk.reading(ref).document
    assert found is not None and [one.uri for one in found.attachments] == [uri]
    away = Attachment(name="a.pdf", uri="https://example.com/a.pdf")
    for attachments in ((away,), (Attachment(name="b.pdf", uri=uri),) * 7):
        refused(desk, requisition().model_copy(update={"attachments": attachments}), "attachments")
    with pytest.raises(exc.InvalidDocument):
        desk.run(media.upload(desk.site, "empty.txt", b"12345"))


def refused(desk: Desk, sent: Document, field: str) -> exc.InvalidDocument:
    """Nothing of the document reaches WeCom."""
    before = desk.sandbox.count("*/applyevent")
    with pytest.raises(exc.InvalidDocument) as caught:
        desk.create(sent)
    assert caught.value.field == field and caught.value.document == sent.id and caught.value.remedy
    assert desk.sandbox.count("*/applyevent") == before
    return caught.value


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"document_currency_code": "USD"}, "document_currency_code"),
        ({"due_date": "2026-04-30"}, "due_date"),
        ({"seller_supplier_party": {"id": "SUP-9"}}, "seller_supplier_party"),
        ({"extensions": {CORP: {"不存在": "x"}}}, "extensions.不存在"),
        ({"extensions": {CORP: {"说明": "x"}}}, "extensions.说明"),
    ],
)
def test_what_the_template_cannot_hold_is_refused(desk: Desk, more: dict[str, Any], field: str) -> None:
    refused(desk, requisition(**more), field)


def test_what_may_be_lost_is_named(desk: Desk) -> None:
    entry = {"template_id": desk.template, "mark_control": "docflow", "omit": ["due_date"]}
    desk.site = desk.connect({TYPE: entry})
    found = desk.reading(desk.create(requisition(due_date="2026-04-30")).ref).document
    assert found is not None and found.due_date is None


def test_an_edited_template_is_seen_before_the_next_submission(desk: Desk) -> None:
    desk.create()
    kept = next(
        one for one in desk.sandbox.call("GET", "wecom/templates")["templates"] if one["id"] == desk.template
    )
    body = {**kept, "template_id": desk.template, "name": kept["names"]}
    desk.sandbox.call("POST", "wecom/templates", body)
    assert desk.reading(desk.create(requisition("PR-2")).ref).document == requisition("PR-2")
    gone = [one for one in kept["controls"] if one["property"]["title"][0]["text"] != "合计金额"]
    desk.sandbox.call("POST", "wecom/templates", {**body, "controls": gone})
    error = refused(desk, requisition("PR-3"), "payable_amount")
    assert "合计金额" in error.message
    desk.sandbox.call("POST", "wecom/templates", {**body, "controls": [*kept["controls"], control("公司")]})
    assert "2 controls" in refused(desk, requisition("PR-4"), "company_code").message
    must = [*kept["controls"], control("法务", require=1)]
    desk.sandbox.call("POST", "wecom/templates", {**body, "controls": must})
    refused(desk, requisition("PR-5"), "extensions.法务")


def test_a_control_of_another_type_is_refused(desk: Desk) -> None:
    fields = {**DEFAULT_FIELDS[TYPE], "公司": {"path": "company_code", "type": "Selector"}}
    desk.site = desk.connect({TYPE: {"template_id": desk.template, "fields": fields}})
    refused(desk, requisition(), "company_code")


@pytest.mark.parametrize(
    ("values", "field", "document_there"),
    [
        ({"单号": {"text": ""}}, "id", False),
        ({"明细": [row(数量=None)]}, "lines[0].quantity", False),
        (
            {"明细": [row(数量={"new_number": "2"}, 单价={"new_number": "0.12345678901"})]},
            "lines[0].price_amount",
            False,
        ),
        ({"合计金额": {"new_money": "999.99"}}, "", True),
    ],
)
def test_a_form_that_makes_no_document_still_has_a_state(
    desk: Desk, values: dict[str, Any], field: str, document_there: bool
) -> None:
    reading = desk.reading(desk.submit(values))
    assert str(reading.state.approval) == "pending"
    assert (reading.document is not None) is document_there
    if field:
        assert reading.problem is not None and reading.problem.field == field
        assert reading.problem.system == "oa"


def test_empty_rows_and_options_in_other_languages(desk: Desk) -> None:
    reading = desk.reading(desk.submit({"明细": [row(), {"行号": {"text": ""}}]}))
    assert reading.document is not None and len(reading.document.lines) == 1
    assert reading.document.document_currency_code == "CNY"
    assert reading.total == Decimal("100.50")


def test_constants_stand_for_what_the_template_lacks(desk: Desk) -> None:
    fields = {name: path for name, path in DEFAULT_FIELDS[TYPE].items() if name != "币种"}
    entry = {"template_id": desk.template, "fields": fields, "constants": {"document_currency_code": "CNY"}}
    desk.site = desk.connect({TYPE: entry})
    assert desk.reading(desk.create().ref).currency == "CNY"
    refused(desk, requisition(document_currency_code="EUR"), "document_currency_code")


def test_forms_without_a_number_have_wecoms(desk: Desk) -> None:
    fields = {name: path for name, path in DEFAULT_FIELDS[TYPE].items() if name != "单号"}
    desk.site = desk.connect({TYPE: {"template_id": desk.template, "fields": fields}})
    ref = desk.submit()
    reading = desk.reading(ref)
    assert reading.ref.number == ref.internal_id and reading.document is not None
    assert reading.document.id == ref.internal_id
    refused(desk, requisition(), "id")


@pytest.mark.parametrize(
    ("forms", "said"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ({"invoice": {"template_id": "T"}}, "no such document type"),
        ({TYPE: {"fields": {}}}, "template_id is missing"),
        ({TYPE: {"template_id": "T", "field": {}}}, "no entry 'field'"),
        ({"delivery": {"template_id": "T"}}, "no default"),
        ({TYPE: {"template_id": "T", "fields": {"单号": "id"}}}, "no control holds issue_date, lines"),
        ({TYPE: {"template_id": "T", "fields": {"x": "nothing"}}}, "no field of a document"),
        ({TYPE: {"template_id": "T", "fields": {"x": {"path": "id", "type": "Tips"}}}}, "type 'Tips'"),
        ({TYPE: {"template_id": "T", "fields": {"x": {"path": "id", "fields": {"a": "b"}}}}}, "the lines"),
        ({TYPE: {"template_id": "T", "fields": {"x": "lines"}}}, "the lines"),
        ({TYPE: {"template_id": "T", "constants": {"nothing": "1"}}}, "no field of a document"),
        ({TYPE: {"template_id": "T"}, "contract": {"template_id": "T"}}, "as well"),
    ],
)
def test_wrong_forms_are_named(forms: Any, said: str) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        forms_of(forms)
    assert said in caught.value.message and caught.value.field == "forms"


def test_a_template_is_described_as_it_is_now(desk: Desk) -> None:
    describe = desk.site.profile.of(TYPE).describe
    assert describe is not None
    found = {one.name: one for one in desk.run(describe(desk.site))}
    assert found["单号"].canonical == "id" and found["单号"].required
    assert found["明细.数量"].canonical == "lines[*].quantity" and found["明细.数量"].type == "Number"
    assert found["币种"].type == "Selector: one of CNY, EUR, JPY"
    assert found["项目经理"].custom and not found["项目经理"].written
    assert found["docflow"].label == "docflow's mark" and found["docflow"].written
