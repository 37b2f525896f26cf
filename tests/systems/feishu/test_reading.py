"""What an instance says: values by control type, states by word, histories by move."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.states import unknown_words
from airflow_provider_docflow.systems.feishu import PROFILE, states
from airflow_provider_docflow.systems.feishu.controls import Setting, values
from tests.systems.feishu.conftest import TYPE, Desk
from tests.systems.oa import requisition as document

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def told(desk: Desk, ref: Any) -> tuple[str, str]:
    state = desk.reading(ref).state
    return str(state.lifecycle), str(state.approval)


def test_the_way_of_an_approval(desk: Desk) -> None:
    approved, rejected, withdrawn, deleted = (desk.submit() for _ in range(4))
    assert told(desk, approved) == ("submitted", "pending")
    desk.decide(approved, "approve", comment="好")
    desk.decide(rejected, "reject", comment="太贵")
    desk.decide(withdrawn, "withdraw")
    desk.decide(deleted, "delete")
    assert [told(desk, ref) for ref in (approved, rejected, withdrawn, deleted)] == [
        ("active", "approved"),
        ("closed", "rejected"),
        ("cancelled", "withdrawn"),
        ("cancelled", "withdrawn"),
    ]
    reading = desk.reading(approved)
    assert reading.document is not None and reading.document.requester is not None
    assert reading.document.requester.id == "zhang.san"
    (entry,) = reading.history
    assert (entry.approver, entry.decision, entry.comment) == ("boss", "approved", "好")
    assert entry.decided_at is not None and entry.decided_at.tzinfo is not None
    assert reading.changed_at == entry.decided_at.isoformat()


def test_a_revocation_reaches_the_approval_it_revokes(desk: Desk) -> None:
    ref = desk.submit()
    desk.decide(ref, "approve")
    (revocation,) = desk.decide(ref, "revoke")
    assert told(desk, ref) == ("active", "approved")
    assert desk.reading(desk.ref(revocation)).ref.internal_id == ref.internal_id
    desk.decide(desk.ref(revocation), "approve")
    assert told(desk, ref) == ("cancelled", "revoked")
    assert [entry.decision for entry in desk.reading(ref).history] == ["approved", "revoked"]


def test_a_returned_form_lies_with_its_requester_until_it_is_handed_in_again(desk: Desk) -> None:
    desk.code = desk.define(nodes=[{"name": "经理", "users": ["boss"]}, {"name": "财务", "users": ["cfo"]}])
    desk.site = desk.connect()
    ref = desk.submit()
    desk.decide(ref, "approve", user="boss")
    desk.decide(ref, "return", user="cfo", to_start=False)
    assert told(desk, ref) == ("submitted", "pending")
    desk.decide(ref, "return", user="boss", comment="补充")
    assert told(desk, ref) == ("submitted", "returned")
    desk.decide(ref, "resubmit")
    assert told(desk, ref) == ("submitted", "pending")
    assert [entry.decision for entry in desk.reading(ref).history] == ["approved", "returned", "returned"]


def test_all_of_a_node_or_one_after_the_other(desk: Desk) -> None:
    nodes = [
        {"name": "一", "type": "AND", "users": ["a", "b"]},
        {"name": "二", "type": "SEQUENTIAL", "users": ["c", "d"]},
        {"name": "三", "type": "OR", "users": ["e", "f"]},
    ]
    desk.code = desk.define(nodes=nodes)
    desk.site = desk.connect()
    ref = desk.submit()
    waiting = []
    for user in ("a", "b", "c", "d", "f"):
        waiting.append({task["user_id"] for task in states.open_tasks(desk.reading(ref).raw)})
        desk.decide(ref, "approve", user=user)
    assert waiting == [{"a", "b"}, {"b"}, {"c"}, {"d"}, {"e", "f"}]
    reading = desk.reading(ref)
    assert str(reading.state.approval) == "approved"
    assert [entry.approver for entry in reading.history] == ["a", "b", "c", "d", "f"]


def test_transfers_and_comments_stand_in_the_history_in_their_order(desk: Desk) -> None:
    ref = desk.submit()
    desk.decide(ref, "transfer", user="boss", to_user="deputy", comment="休假")
    desk.sandbox.advance(1)
    desk.decide(ref, "comment", user="cfo", comment="预算够")
    desk.sandbox.advance(1)
    desk.decide(ref, "approve", user="deputy")
    found = [(entry.approver, entry.decision, entry.comment) for entry in desk.reading(ref).history]
    assert found == [
        ("boss", "transferred", "休假"),
        ("cfo", "commented", "预算够"),
        ("deputy", "approved", ""),
    ]


@pytest.mark.parametrize("word", ["OVERTIME_CLOSE", "REVERTED", "", "REJECTED reverted"])
def test_words_that_nobody_maps_are_unknown(word: str) -> None:
    status, _, reverted = word.partition(" ")
    state = states.state({"status": status, "reverted": bool(reverted)}, NOW)
    assert state.is_alive is None and state.is_approved is None
    assert unknown_words(state) == {"lifecycle": word, "approval": word}


@pytest.mark.parametrize("status", ["APPROVED", "CANCELED", "DELETED"])
def test_reverted_counts_more_than_the_status(status: str) -> None:
    state = states.state({"status": status, "reverted": True}, NOW)
    assert (str(state.lifecycle), str(state.approval)) == ("cancelled", "revoked")


def test_nobodys_decisions_are_not_told_as_somebodys() -> None:
    kinds = ("START", "AUTO_PASS", "REMOVE_REPEAT", "AUTO_REJECT", "CC", "ADD_APPROVER_BEFORE")
    moves = [{"type": kind, "create_time": "1", "user_id": ""} for kind in kinds]
    assert states.history({"timeline": moves}, "user_id") == ()


def test_a_comment_may_be_shown_as_it_was_sent() -> None:
    raw = {"comment_list": [{"comment": '{"text": "好"}', "create_time": "1", "open_id": "ou_1"}]}
    (entry,) = states.history(raw, "open_id")
    assert (entry.comment, entry.approver) == ("好", "ou_1")
    assert [states.said(text) for text in ("{broken", "plain", None)] == ["{broken", "plain", ""]


@pytest.mark.parametrize(
    ("item", "wanted"),
    [
        ({"type": "input", "value": "a"}, ["a"]),
        ({"type": "number", "value": Decimal("1.10")}, [Decimal("1.10")]),
        ({"type": "date", "value": "2026-03-31T00:00:00+08:00"}, [datetime(2026, 3, 31).date()]),
        ({"type": "date", "value": "2026-03-30T16:00:00Z"}, [datetime(2026, 3, 31).date()]),
        ({"type": "contact", "value": ["u1"], "open_ids": ["ou_1"]}, ["u1"]),
        ({"type": "department", "value": [{"open_id": "od-1"}]}, ["od-1"]),
        ({"type": "telephone", "value": {"country_code": "+86", "national_number": "131"}}, ["+86 131"]),
        ({"type": "checkboxV2", "value": ["急", "重"]}, ["急", "重"]),
        ({"type": "address", "value": "China/Beijing/Beijing"}, ["China/Beijing/Beijing"]),
        ({"type": "input", "value": ""}, []),
        ({"type": "contact", "value": [], "open_ids": []}, []),
    ],
)
def test_values_by_the_type_of_their_control(item: dict[str, Any], wanted: list[Any]) -> None:
    from zoneinfo import ZoneInfo

    assert values(item, Setting(zone=ZoneInfo("Asia/Shanghai"), id_type="user_id")) == wanted


@pytest.mark.parametrize(
    "item",
    [
        {"type": "date", "value": "31.3.2026"},
        {"type": "dateInterval", "value": {"start": "2026-03-31T00:00:00+08:00"}},
        {"type": "leaveGroupV2", "value": {"name": "annual"}},
        {"type": "department", "value": "od-1"},
        {"type": "input", "value": True},
    ],
)
def test_what_is_no_such_value_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        values(item, Setting(id_type="user_id"))


def test_a_form_that_makes_no_document_has_a_state_and_a_problem(desk: Desk) -> None:
    ref = desk.submit(desk.form({"行号": None}))
    reading = desk.reading(ref)
    assert reading.document is None and str(reading.state.approval) == "pending"
    assert reading.problem is not None
    assert (reading.problem.field, reading.problem.document) == ("lines[0].line_id", "PR-1")
    assert "明细.行号" in reading.problem.message and reading.problem.system == "lark"


def test_amounts_of_a_form_keep_every_digit(desk: Desk) -> None:
    ref = desk.submit(desk.form({"数量": 3, "单价": 0.1}))
    found = desk.reading(ref).document
    assert found is not None and found.payable_amount == Decimal("0.30")
    assert found.lines[0].price_amount == Decimal("0.1")


def test_tables_without_the_names_of_their_columns_are_read_by_the_definition(desk: Desk) -> None:
    ref = desk.submit()
    named = desk.reading(ref).document
    desk.sandbox.call("POST", "feishu/settings", {"bare_rows": True})
    try:
        desk.sandbox.forget_requests()
        assert desk.reading(ref).document == named is not None
        assert desk.sandbox.count("*/approvals/*") == 1
    finally:
        desk.sandbox.call("POST", "feishu/settings", {"bare_rows": False})
    desk.sandbox.forget_requests()
    desk.reading(ref)
    assert desk.sandbox.count("*/approvals/*") == 0


def test_attachments_are_read_with_their_names(desk: Desk) -> None:
    fields = json.loads(json.dumps(_fields())) | {"附件": "attachments"}
    desk.site = desk.connect(forms=json.dumps({TYPE: {"approval_code": desk.code, "fields": fields}}))
    form = [*desk.form(), desk.value("附件", ["报价.pdf", "合同.pdf"])]
    found = desk.reading(desk.submit(form)).document
    assert found is not None
    assert [item.name for item in found.attachments] == ["报价.pdf", "合同.pdf"]
    assert all(item.uri.startswith("https://") for item in found.attachments)


def _fields() -> Any:
    from airflow_provider_docflow.systems.feishu import DEFAULT_FIELDS

    return DEFAULT_FIELDS[TYPE]


def test_an_instance_of_another_definition_is_none_of_this_type(desk: Desk) -> None:
    ref = desk.submit()
    desk.code = desk.define()
    desk.site = desk.connect()
    with pytest.raises(exc.NotFound, match="another definition"):
        desk.reading(ref)


def test_a_corrected_approval_is_a_document_of_its_own_related_to_the_first(desk: Desk) -> None:
    ref = desk.submit()
    again = desk.submit(links={"modified_instance_code": ref.internal_id})
    reading = desk.reading(again)
    assert reading.ref.internal_id == again.internal_id
    assert [one.internal_id for one in reading.related] == [ref.internal_id]


@pytest.mark.parametrize(
    "kind", ["purchase_requisition", "purchase_order", "sales_order", "payment_request", "contract"]
)
def test_the_default_map_of_every_type_carries_a_whole_document(desk: Desk, kind: str) -> None:
    from airflow_provider_docflow.core.profile import WriteItem
    from airflow_provider_docflow.document import differences
    from airflow_provider_docflow.systems.feishu import DEFAULT_FIELDS

    given = DEFAULT_FIELDS[kind]
    dated = {name for name, path in given.items() if str(path).endswith("_date")}
    widgets = [
        {
            "name": name,
            "type": "date" if name in dated else "fieldList" if isinstance(spec, dict) else "input",
            "children": [{"name": one, "type": "input"} for one in spec["fields"]]
            if isinstance(spec, dict)
            else [],
        }
        for name, spec in given.items()
    ]
    desk.code = desk.define(widgets)
    desk.site = desk.connect(forms=json.dumps({kind: {"approval_code": desk.code}}))
    made = document(f"NO-{kind}", document_type=kind, **_parties(kind))
    write = PROFILE.write(kind, "create").run(desk.site, [WriteItem(mark=f"D{kind}", document=made)])
    (written,) = desk.run(write)
    (reading,) = desk.run(PROFILE.of(kind).read(desk.site, [written.ref]))
    assert differences(made, reading.document) == [] and reading.ref.number == made.id


def _parties(kind: str) -> dict[str, Any]:
    line = {"line_id": "1", "description": "货款", "quantity": "1", "price_amount": "100.50"}
    more: dict[str, Any] = {"lines": [line]}
    if kind == "sales_order":
        more["buyer_customer_party"] = {"id": "C-1"}
    elif kind != "purchase_requisition":
        more["seller_supplier_party"] = {"id": "SUP-1"}
    if kind in ("payment_request", "contract"):
        more["due_date"] = "2026-04-30"
    if kind == "payment_request":
        more["payee_account"] = {"iban": "DE89370400440532013000"}
    return more
