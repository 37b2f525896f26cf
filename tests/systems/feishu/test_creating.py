"""An approval is started once per uuid; what a form cannot hold is refused before anything is sent."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.document import differences
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.feishu.creating import MARK_LENGTH, uuid_of
from tests.systems.feishu.conftest import MARK, TYPE, WIDGETS, Desk
from tests.systems.oa import requisition as document

STARTS = "*/approval/v4/instances"


def mark(number: int) -> str:
    return f"{number:032d}"


def started(desk: Desk, of: str) -> int:
    return sum(one["uuid"] == uuid_of(of) for one in desk.kept())


def test_the_uuid_has_the_advised_shape_and_every_mark_its_own() -> None:
    found = {uuid_of(mark(n)) for n in range(1000)}
    assert len(found) == 1000 and all(len(one) == 36 and one == one.upper() for one in found)
    assert uuid_of(MARK) == uuid_of(MARK) and len(MARK) > MARK_LENGTH - 1


@pytest.mark.parametrize(("serial", "fault"), [(100, "reply_lost"), (101, "error_after"), (102, "malformed")])
def test_a_second_send_meets_the_first_and_returns_it(desk: Desk, serial: int, fault: str) -> None:
    own = mark(serial)
    desk.sandbox.fault(FaultRule(fault, method="POST", path=STARTS))  # type: ignore[arg-type]
    with pytest.raises(exc.UnknownOutcome) as caught:
        desk.create(mark=own)
    assert caught.value.document == "PR-1"
    again = desk.create(mark=own)
    assert started(desk, own) == 1
    assert desk.reading(again).raw["uuid"] == uuid_of(own)
    (marked,) = desk.find(own)
    assert [one.ref for one in marked] == [again]


def test_another_mark_is_another_approval(desk: Desk) -> None:
    assert desk.create(mark=mark(1)).internal_id != desk.create(mark=mark(2)).internal_id
    assert [len(found) for found in desk.find(mark(1), mark(3), mark(2))] == [1, 0, 1]


def test_an_existing_one_that_cannot_be_read_is_unknown_and_never_sent_again(desk: Desk) -> None:
    desk.create(mark=mark(4))
    desk.sandbox.fault(FaultRule("error_before", method="GET", path="*/instances/*", times=None))
    with pytest.raises(exc.UnknownOutcome, match="exists"):
        desk.create(mark=mark(4))
    desk.sandbox.clear_faults()
    assert started(desk, mark(4)) == 1


def test_a_uuid_that_is_taken_by_another_definition_is_for_a_person(desk: Desk) -> None:
    desk.create(mark=mark(20))
    desk.code = desk.define()
    desk.site = desk.connect()
    with pytest.raises(exc.Duplicate) as caught:
        desk.create(mark=mark(20))
    assert "person" in caught.value.remedy and started(desk, mark(20)) == 1
    assert desk.find(mark(20)) == [()]


def test_everything_material_comes_back(desk: Desk) -> None:
    made = document(
        "PR-2",
        notes=["请尽快"],
        extensions={desk.site.instance: {"项目经理": "li.si"}},
        lines=[
            {
                "line_id": str(n),
                "item_id": f"P-{n}",
                "description": "扳手",
                "quantity": "0.125",
                "unit_code": "KGM",
                "price_amount": "12345678.01",
                "seller_supplier_party": {"id": "SUP-1"},
                "accounting": [{"cost_centre": "CC-7"}],
                "extensions": {desk.site.instance: {"颜色": "蓝"}},
            }
            for n in (1, 2)
        ],
    )
    reading = desk.reading(desk.create(made, mark=mark(5)))
    assert reading.document is not None and differences(made, reading.document) == []
    assert reading.document.notes == ("请尽快",) and reading.ref.number == "PR-2"
    assert reading.document.extensions == {desk.site.instance: {"项目经理": "li.si"}}
    assert reading.document.lines[1].extensions == {desk.site.instance: {"颜色": "蓝"}}
    assert reading.total == made.payable_amount and isinstance(reading.total, Decimal)


def test_what_is_sent_follows_the_controls(desk: Desk) -> None:
    desk.create(mark=mark(6))
    sent = desk.sandbox.requests(STARTS, method="POST")[-1]["body"]
    values = {one["type"]: one for one in json.loads(json.loads(sent)["form"])}
    assert values["date"]["value"] == "2026-03-31T00:00:00+08:00"
    assert values["amount"]["value"] == 100.5 and values["amount"]["currency"] == "CNY"
    choice = {one["text"]: one["value"] for one in desk.widget("币种")["option"]}
    assert values["radioV2"]["value"] == choice["CNY"] != "CNY"


def test_ids_of_controls_are_read_before_every_send(desk: Desk) -> None:
    desk.create(mark=mark(7))
    desk.define(approval_code=desk.code)
    reading = desk.reading(desk.create(mark=mark(8)))
    assert reading.problem is None and reading.total == Decimal("100.50")


@pytest.mark.parametrize(
    ("more", "field", "text"),
    [
        ({"document_currency_code": "USD"}, "document_currency_code", "none of its choices: CNY, EUR, JPY"),
        ({"due_date": "2026-04-30"}, "due_date", "no control that holds it"),
        ({"attachments": [{"name": "a.pdf", "size": 3}]}, "attachments", "no control that holds it"),
        ({"extensions": {"sandboxtenant": {"仓库": "W1"}}}, "extensions.仓库", "no control '仓库'"),
        ({"payable_amount": "12345678901234567.89"}, "payable_amount", "more digits"),
        ({"payable_amount": "12345678901234567"}, "payable_amount", "more digits than Feishu keeps"),
    ],
)
def test_a_document_that_the_form_cannot_hold_is_refused_unsent(
    desk: Desk, more: dict[str, Any], field: str, text: str
) -> None:
    made = document().model_copy(update=document_fields(more))
    with pytest.raises(exc.InvalidDocument, match=text) as caught:
        desk.create(made, mark=mark(9))
    assert caught.value.document == "PR-1" and caught.value.system == "lark"
    assert caught.value.field.startswith(field)
    assert desk.sandbox.count(STARTS, method="POST") == 0


def document_fields(more: dict[str, Any]) -> dict[str, Any]:
    """Return fields as the document has them, without the checks that would stop them earlier."""
    if "payable_amount" in more:
        return {"payable_amount": Decimal(more["payable_amount"])}
    made = document(**more)
    return {name: getattr(made, name) for name in more}


def test_a_field_may_be_left_out_by_name_alone(desk: Desk) -> None:
    entry = {"approval_code": desk.code, "omit": ["due_date"]}
    desk.site = desk.connect(forms=json.dumps({TYPE: entry}))
    made = document(due_date="2026-04-30")
    reading = desk.reading(desk.create(made, mark=mark(10)))
    assert reading.document is not None
    assert [one.field for one in differences(made, reading.document)] == ["due_date"]


def test_an_interval_is_read_but_not_written(desk: Desk) -> None:
    desk.code = desk.define([*WIDGETS, {"name": "期间", "type": "dateInterval"}])
    fields = {**_default(), "期间": ["delivery.delivery_date", "due_date"]}
    desk.site = desk.connect(forms=json.dumps({TYPE: {"approval_code": desk.code, "fields": fields}}))
    with pytest.raises(exc.InvalidDocument, match="only read"):
        desk.create(document(due_date="2026-04-30"), mark=mark(11))
    start, end = "2026-04-01T00:00:00+08:00", "2026-04-30T00:00:00+08:00"
    form = [*desk.form(), desk.value("期间", {"start": start, "end": end, "interval": 30})]
    found = desk.reading(desk.submit(form)).document
    assert found is not None and found.delivery is not None
    assert (str(found.delivery.delivery_date), str(found.due_date)) == ("2026-04-01", "2026-04-30")


def _default() -> dict[str, Any]:
    from airflow_provider_docflow.systems.feishu import DEFAULT_FIELDS

    return dict(DEFAULT_FIELDS[TYPE])


def test_what_feishus_api_cannot_fill_in_is_refused_by_name(desk: Desk) -> None:
    fields = {**_default(), "流水号": "extensions.serial"}
    desk.site = desk.connect(forms=json.dumps({TYPE: {"approval_code": desk.code, "fields": fields}}))
    made = document(extensions={desk.site.instance: {"serial": "1"}})
    with pytest.raises(exc.InvalidDocument, match="serialNumber cannot be filled in by API"):
        desk.create(made, mark=mark(12))


def test_the_requester_chooses_where_the_flow_wants_it(desk: Desk) -> None:
    desk.code = desk.define(nodes=[{"name": "经理", "chosen": True}, {"name": "财务", "users": ["cfo"]}])
    desk.site = desk.connect()
    with pytest.raises(exc.Misconfigured, match="经理") as caught:
        desk.create(mark=mark(13))
    assert caught.value.field == "choices"
    with pytest.raises(exc.Misconfigured, match="no node '总监'"):
        desk.create(mark=mark(13), choices={"总监": ["ceo"]})
    assert desk.sandbox.count(STARTS, method="POST") == 0
    ref = desk.create(mark=mark(13), choices={"经理": ["ceo"]})
    assert [task["user_id"] for task in desk.reading(ref).raw["task_list"]] == ["ceo"]


def test_copies_go_to_the_nodes_that_are_named(desk: Desk) -> None:
    desk.code = desk.define(nodes=[{"name": f"节点{n}", "users": ["boss"]} for n in range(21)])
    desk.site = desk.connect()
    desk.create(mark=mark(19), copy_to={"节点0": ["cfo"], "节点1": "ceo"})
    sent = json.loads(desk.sandbox.requests(STARTS, method="POST")[-1]["body"])
    assert [one["value"] for one in sent["node_cc_user_id_list"]] == [["cfo"], ["ceo"]]
    with pytest.raises(exc.Misconfigured) as caught:
        desk.create(mark=mark(21), copy_to={f"节点{n}": ["cfo"] for n in range(21)})
    assert caught.value.field == "copy_to"


def test_somebody_has_to_be_named_as_requester(desk: Desk) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        desk.create(document(requester=None), mark=mark(14))
    assert caught.value.field == "originator_user_id"
    ref = desk.create(document(), mark=mark(14), originator="wang.wu")
    assert desk.reading(ref).raw["user_id"] == "wang.wu"


def test_open_ids_travel_as_open_ids(desk: Desk) -> None:
    desk.site = desk.connect(user_id_type="open_id")
    made = document(requester={"id": "ou_zhang"}, extensions={desk.site.instance: {"项目经理": "ou_li"}})
    reading = desk.reading(desk.create(made, mark=mark(15)))
    sent = json.loads(desk.sandbox.requests(STARTS, method="POST")[-1]["body"])
    assert sent["open_id"] == "ou_zhang" and "user_id" not in sent
    assert reading.document is not None and reading.document.requester is not None
    assert reading.document.requester.id == "ou_zhang"
    assert reading.document.extensions == {desk.site.instance: {"项目经理": "ou_li"}}
    with pytest.raises(exc.Misconfigured):
        desk.site = desk.connect(user_id_type="email")
        desk.create(mark=mark(16))


def test_a_number_of_feishus_own_stands_where_no_control_has_one(desk: Desk) -> None:
    fields = {name: spec for name, spec in _default().items() if name != "单号"}
    desk.site = desk.connect(forms=json.dumps({TYPE: {"approval_code": desk.code, "fields": fields}}))
    ref = desk.create(document("PR-77"), mark=mark(17))
    reading = desk.reading(ref)
    assert reading.ref.number == reading.raw["serial_number"] != ""
    assert reading.ref.internal_id == ref.internal_id


def test_a_create_needs_a_document(desk: Desk) -> None:
    with pytest.raises(exc.Misconfigured):
        desk.write("create", WriteItem(mark=mark(18)))
