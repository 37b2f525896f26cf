"""Every control that DingTalk has: sent in its encoding, read as DingTalk shows it, sent again the same."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.sandbox.dingtalk.forms import COMPONENTS as KNOWN
from airflow_provider_docflow.systems.dingtalk import components
from airflow_provider_docflow.systems.dingtalk.defaults import DEFAULT_FIELDS
from tests.systems.dingtalk.conftest import COMPONENTS, CORP, FLOW, MARK, TYPE, Desk, line, values
from tests.systems.oa import requisition

once = pytest.mark.parametrize("desk", ["sync"], indirect=True)
RANGE = '["开始时间","结束时间"]'
FILE = {"spaceId": "1", "fileName": "a.pdf", "fileSize": "3", "fileType": "pdf", "fileId": "9"}
SUB = json.dumps(
    [
        [{"name": "物品", "value": "笔"}, {"name": "领用人", "value": '["li.na"]'}],
        [{"name": "物品", "value": "纸"}],
    ],
    ensure_ascii=False,
    separators=(",", ":"),
)
EVERY: dict[str, tuple[dict[str, Any], str]] = {
    "TextField": ({"label": "文本"}, "单行 ø"),
    "TextareaField": ({"label": "多行"}, "一\n二"),
    "NumberField": ({"label": "数字"}, "-12.50"),
    "MoneyField": ({"label": "金额"}, "99999999999999.99"),
    "DDSelectField": ({"label": "单选", "options": ["IT", "办公"]}, "办公"),
    "DDMultiSelectField": ({"label": "多选", "options": ["急", "重", "轻"]}, '["急","重"]'),
    "DDDateField": ({"label": "时间", "format": "yyyy-MM-dd HH:mm"}, "2026-03-31 14:30"),
    "DDDateRangeField": ({"label": RANGE}, '["2026-01-01","2026-01-02"]'),
    "PhoneField": ({"label": "电话"}, "+86-13800000000"),
    "DDPhotoField": ({"label": "图片"}, '["https://p/1.png","https://p/2.png"]'),
    "DDAttachment": (
        {"label": "文件"},
        json.dumps([FILE], separators=(",", ":")),
    ),
    "TableField": ({"label": "子表"}, SUB),
    "InnerContactField": ({"label": "联系人"}, '["li.na","wang.wei"]'),
    "DepartmentField": ({"label": "部门"}, '["42","7"]'),
    "RelateField": ({"label": "关联审批"}, '["inst-1","inst-2"]'),
    "AddressField": ({"label": "地址"}, "浙江省,杭州市,余杭区"),
    "StarRatingField": ({"label": "评分"}, "5"),
}


def template(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = {"componentType": kind, "props": EVERY[kind][0]}
    if kind == "TableField":
        found["children"] = [
            {"componentType": "TextField", "props": {"label": "物品"}},
            {"componentType": "InnerContactField", "props": {"label": "领用人"}},
        ]
    return found


def equipped(desk: Desk, fields: dict[str, Any] | None = None) -> None:
    """Give the form every control that there is, besides those of a requisition."""
    note = {"componentType": "TextNote", "props": {"label": "说明"}}
    desk.code = desk.sandbox.template(
        "全部控件", [*COMPONENTS, *(template(kind) for kind in EVERY), note], approvers=FLOW
    )
    form = {
        "process_code": desk.code,
        "mark_control": "docflow",
        "fields": {**DEFAULT_FIELDS[TYPE], **(fields or {})},
    }
    desk.site = desk.connect(forms={TYPE: form})


def kept(desk: Desk, instance_id: str) -> dict[str, str]:
    return {item["name"]: item["value"] for item in desk.sandbox.instance(instance_id)["formComponentValues"]}


def test_there_is_one_of_each() -> None:
    assert set(EVERY) | {"TextNote"} == set(KNOWN)


@once
def test_every_control_survives_a_round_trip_as_a_tenant_field(desk: Desk) -> None:
    """Typed in the OA, read, and sent as another approval: DingTalk's own checks take every value again."""
    equipped(desk)
    typed = [{"name": props["label"], "value": text} for props, text in EVERY.values()]
    (ref,) = desk.submit([*values(), *typed])
    document = desk.reading(ref).document
    assert document is not None
    held = document.extensions[CORP]
    assert held == {props["label"]: text for props, text in EVERY.values()}
    again = desk.write("create", WriteItem(mark=MARK, document=document)).ref
    sent = kept(desk, again.internal_id)
    assert {name: sent[name] for name in held} == held
    assert desk.reading(again).document == document


@once
def test_every_control_may_be_mapped(desk: Desk) -> None:
    single = {kind: spec for kind, spec in EVERY.items() if kind not in ("TableField", "DDAttachment")}
    fields: dict[str, Any] = {
        props["label"]: {"path": f"extensions.{kind}", "type": kind} for kind, (props, _) in single.items()
    }
    fields["时间"] = {"path": "due_date", "format": "yyyy-MM-dd HH:mm"}
    fields[RANGE] = {"path": ["extensions.from", "extensions.to"], "type": "DDDateRangeField"}
    fields["地址"] = {
        "path": ["extensions.province", "extensions.city", "extensions.district"],
        "type": "AddressField",
    }
    fields["文件"] = "attachments"
    equipped(desk, fields)
    extra = {
        **{kind: text for kind, (_, text) in single.items() if kind in components.PLAIN},
        "DDMultiSelectField": ["急", "重"],
        "DDPhotoField": ["https://p/1.png", "https://p/2.png"],
        "InnerContactField": ["li.na", "wang.wei"],
        "DepartmentField": ["42", "7"],
        "RelateField": "inst-1",
        **{"from": "2026-01-01", "to": "2026-01-02"},
        **{"province": "浙江省", "city": "杭州市", "district": "余杭区"},
    }
    extra.pop("DDDateField")
    more = {
        "due_date": "2026-03-31",
        "extensions": {CORP: extra},
        "attachments": [{"name": "a.pdf", "size": 3, "uri": "dingtalk://1/9"}],
    }
    document = requisition(**more)
    ref = desk.write("create", WriteItem(mark=MARK, document=document)).ref
    sent = kept(desk, ref.internal_id)
    for props, text in single.values():
        wanted = {"时间": "2026-03-31 00:00", "关联审批": '["inst-1"]'}.get(props["label"], text)
        assert sent[props["label"]] == wanted
    assert json.loads(sent["文件"]) == [FILE]
    assert desk.reading(ref).document == document


@once
@pytest.mark.parametrize(
    ("name", "spec", "extra", "words"),
    [
        (
            RANGE,
            {"path": ["extensions.a", "extensions.b"], "type": "DDDateRangeField"},
            {"a": "2026-01-01"},
            "beginning and its end",
        ),
        (
            "地址",
            {"path": ["extensions.a", "extensions.b"], "type": "AddressField"},
            {"a": "浙江,杭州", "b": "余杭"},
            "comma",
        ),
    ],
)
def test_what_an_encoding_cannot_say_is_not_sent(
    desk: Desk, name: str, spec: dict[str, Any], extra: dict[str, str], words: str
) -> None:
    equipped(desk, {name: spec})
    document = requisition(extensions={CORP: extra})
    with pytest.raises(InvalidDocument, match=words):
        desk.write("create", WriteItem(mark=MARK, document=document))
    assert desk.sandbox.instances() == []


@once
def test_a_column_of_contacts_is_read_by_its_ids(desk: Desk) -> None:
    spec = {**DEFAULT_FIELDS[TYPE]["明细"], "fields": dict(DEFAULT_FIELDS[TYPE]["明细"]["fields"])}
    spec["fields"]["采购员"] = {"path": "extensions.buyer", "type": "InnerContactField"}
    changed = [
        {
            **item,
            "children": [
                *item["children"],
                {"componentType": "InnerContactField", "props": {"label": "采购员"}},
            ],
        }
        if item["componentType"] == "TableField"
        else item
        for item in COMPONENTS
    ]
    desk.code = desk.sandbox.template("带采购员", changed, approvers=FLOW)
    form = {"process_code": desk.code, "fields": {**DEFAULT_FIELDS[TYPE], "明细": spec}}
    desk.site = desk.connect(forms={TYPE: form})
    (ref,) = desk.submit(values([line(采购员='["li.na"]')]))
    document = desk.reading(ref).document
    assert document is not None
    assert document.lines[0].extensions == {CORP: {"buyer": "li.na"}}


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"componentType": "InnerContactField", "value": "李娜"}, "李娜"),
        ({"componentType": "RelateField", "value": "采购申请"}, "采购申请"),
        ({"componentType": "TableField", "value": "?"}, "?"),
        ({"componentType": "TextField", "value": "null"}, ""),
        ({"value": "李娜", "extValue": '[{"emplId":"li.na"}]'}, "李娜"),
        (
            {"componentType": "RelateField", "value": "x", "extValue": {"list": [{"procInstId": "i-1"}]}},
            '["i-1"]',
        ),
        ({"componentType": "DepartmentField", "value": "采购部", "extendValue": [{"id": 42}]}, '["42"]'),
    ],
)
def test_what_nobody_can_tell_is_kept_as_it_is_shown(item: dict[str, Any], text: str) -> None:
    assert components.sendable(item) == text


def test_a_title_is_no_id() -> None:
    with pytest.raises(ValueError, match="a title and no id"):
        components.decode("RelateField", {"value": "采购申请"})
