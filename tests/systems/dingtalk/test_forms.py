from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_docflow.exceptions import InvalidDocument, Misconfigured
from airflow_provider_docflow.systems.dingtalk import DEFAULT_FIELDS, PROFILE, components
from airflow_provider_docflow.systems.dingtalk.filling import to_document, to_values
from airflow_provider_docflow.systems.dingtalk.forms import forms_of
from tests.systems.dingtalk.conftest import TYPE, line, values
from tests.systems.oa import requisition

FIELDS = DEFAULT_FIELDS[TYPE]


def form(**entry: Any) -> dict[str, Any]:
    return {TYPE: {"process_code": "PROC-1", **entry}}


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("{", "no JSON"),
        ("[]", "no JSON object"),
        ({"requisition": {"process_code": "P"}}, "no such document type"),
        ({TYPE: {}}, "process_code is missing"),
        (form(extra=1), "no entry 'extra'"),
        ({"delivery": {"process_code": "P"}}, "fields is missing"),
        (form(fields={**FIELDS, "税": "tax"}), "税: 'tax' is no field of a document"),
        (form(fields={**FIELDS, "税": {"path": "tax_amount", "kind": "x"}}), "税: there is no entry 'kind'"),
        (form(fields={**FIELDS, "税": {"type": "MoneyField"}}), "税: path is missing"),
        (form(fields={**FIELDS, "税": {"path": "tax_amount", "type": "DDBizSuite"}}), "DDBizSuite"),
        (form(fields={**FIELDS, "税": {"path": "lines", "type": "TextField"}}), "cannot hold lines"),
        (form(fields={**FIELDS, "税": {"path": ["tax_amount", "id"], "type": "TextField"}}), "cannot hold"),
        (
            form(fields={**FIELDS, "图": {"path": "attachments", "type": "TextField"}}),
            "cannot hold attachments",
        ),
        (form(constants={"税": "1"}), "is no field of a document"),
        (
            form(fields={name: spec for name, spec in FIELDS.items() if name != "申请日期"}),
            "no control holds issue_date",
        ),
        (
            form(fields={name: spec for name, spec in FIELDS.items() if name != "币种"}),
            "no control holds document_currency_code",
        ),
        (
            form(fields={name: spec for name, spec in FIELDS.items() if name != "明细"}),
            "no control holds lines",
        ),
        (
            form(fields={**FIELDS, "明细": {"path": "lines", "fields": {"数量": "quantity"}}}),
            r"no control holds lines\[\*\].line_id",
        ),
        (
            form(fields={**FIELDS, "明细": {"path": "lines", "fields": {"数量": "payable_amount"}}}),
            "明细.fields.数量: 'payable_amount' is no field of a line",
        ),
    ],
)
def test_a_wrong_map_names_what_is_wrong_before_anything_is_sent(setting: Any, words: str) -> None:
    text = setting if isinstance(setting, str) else json.dumps(setting)
    with pytest.raises(Misconfigured, match=words) as caught:
        PROFILE.configured({"forms": text})
    assert caught.value.field == "forms"
    assert caught.value.remedy


def test_the_connection_has_the_types_that_it_has_forms_for() -> None:
    setting = {**form(), "contract": {"process_code": "P", "fields": dict(FIELDS)}}
    assert set(PROFILE.configured({"forms": setting}).documents) == {TYPE, "contract"}
    assert PROFILE.configured({}).documents == {}


def test_the_example_in_the_documentation_is_a_form() -> None:
    from airflow_provider_docflow.systems.dingtalk import forms

    text = (forms.__doc__ or "").split(".. code-block:: json")[1].split("\n\nA key of")[0]
    found = forms_of(text.strip())[TYPE]
    assert found.mark_control == "docflow"
    assert found.control_of("due_date") is not None


def parsed(items: list[dict[str, Any]], **entry: Any) -> Any:
    return to_document(forms_of(form(**entry))[TYPE], items, "corp", "u")


def test_rows_as_dingtalk_shows_them_are_those_that_were_sent() -> None:
    sent = values([line(1), line(2)], 合计金额="201.00")
    rows = [
        {
            "rowValue": [
                {"label": cell["name"], "value": cell["value"], "key": f"K-{n}"} for n, cell in enumerate(row)
            ],
            "rowNumber": "TableField_1",
        }
        for row in (line(1), line(2))
    ]
    shown = [{**item, "value": json.dumps(rows)} if item["name"] == "明细" else item for item in sent]
    assert parsed(shown) == parsed(sent)


def test_an_empty_row_and_null_in_words_are_nothing() -> None:
    blank = [{"name": "行号", "value": "null"}, {"name": "数量", "value": ""}]
    document = parsed(values([line(), blank], 备注="null", 项目经理="null"))
    assert len(document.lines) == 1
    assert document.notes == ()
    assert document.extensions == {}


@pytest.mark.parametrize("key", ["id", "bizAlias"])
def test_a_control_may_be_named_by_its_id_or_alias(key: str) -> None:
    fields = {("CTRL-1" if name == "单号" else name): spec for name, spec in FIELDS.items()}
    items = [{**item, key: "CTRL-1"} if item["name"] == "单号" else item for item in values()]
    assert parsed(items, fields=fields).id == "PR-1"


def test_a_contact_is_its_user_id_and_never_a_name() -> None:
    contact = {"name": "申请人", "value": "李娜", "extValue": '[{"emplId":"li.na","name":"李娜"}]'}
    assert components.decode("InnerContactField", contact) == ["li.na"]
    assert components.decode("InnerContactField", {"value": '["li.na"]'}) == ["li.na"]
    assert components.decode("DepartmentField", {"value": "采购部", "extValue": '[{"id":"42"}]'}) == ["42"]
    with pytest.raises(ValueError, match="a name and no id"):
        components.decode("InnerContactField", {"value": "李娜"})
    fields = {**FIELDS, "申请人": {"path": "requester.id", "type": "InnerContactField"}}
    with pytest.raises(InvalidDocument, match="申请人") as caught:
        parsed([*values(), {"name": "申请人", "value": '["a","b"]'}], fields=fields)
    assert "2 values" in str(caught.value)
    assert caught.value.field == "requester.id"
    assert caught.value.document == "PR-1"


def test_a_date_with_a_time_is_its_day_whatever_the_zone() -> None:
    fields = {**FIELDS, "申请日期": {"path": "issue_date", "format": "yyyy-MM-dd HH:mm"}}
    document = parsed(values(申请日期="2026-03-31 23:59"), fields=fields)
    assert document.issue_date.isoformat() == "2026-03-31"
    written = to_values(forms_of(form(fields=fields))[TYPE], requisition(), "", "corp")
    assert {"name": "申请日期", "value": "2026-03-31 00:00"} in written


@pytest.mark.parametrize("amount", ["1,000.00", "1e3", "NaN", "12.3.4", "１２"])
def test_an_amount_that_is_no_plain_decimal_is_refused_by_its_control(amount: str) -> None:
    with pytest.raises(InvalidDocument, match="合计金额") as caught:
        parsed(values(合计金额=amount))
    assert (caught.value.field, caught.value.document) == ("payable_amount", "PR-1")


@pytest.mark.parametrize(
    ("form", "control", "field"),
    [
        (values(币种="人民币"), "币种", "document_currency_code"),
        (values(公司=" 1000"), "公司", "company_code"),
        (values([line(供应商=" SUP-1")]), "明细.供应商", "lines[0].seller_supplier_party.id"),
        (values([line(成本中心="CC\u200b")]), "明细.成本中心", "lines[0].accounting[0].cost_centre"),
        (values([line(单价="0.12345678901")]), "明细.单价", "lines[0].price_amount"),
    ],
)
def test_a_value_that_no_document_holds_is_refused_by_its_control(
    form: Any, control: str, field: str
) -> None:
    with pytest.raises(InvalidDocument, match=control) as caught:
        parsed(form)
    assert caught.value.field == field


def test_a_long_number_in_several_scripts_survives() -> None:
    number = "采购-Ä/é_" + "9" * 51
    assert parsed(to_values(forms_of(form())[TYPE], requisition(number), "", "corp")).id == number


def test_values_are_text_in_dingtalks_encodings() -> None:
    written = {
        item["name"]: item["value"] for item in to_values(forms_of(form())[TYPE], requisition(), "", "corp")
    }
    assert written["合计金额"] == "100.50"
    assert written["申请日期"] == "2026-03-31"
    rows = json.loads(written["明细"])
    assert {"name": "单价", "value": "50.25"} in rows[0]
    assert all(isinstance(cell["value"], str) for cell in rows[0])
    assert "扳手" in written["明细"]
