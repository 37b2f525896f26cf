"""Each action lands once, and the instance itself tells."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.systems.feishu.conftest import MARK, Desk

OTHER = "O" + MARK[1:]
LINKS = [
    {"document_type": "purchase_order", "number": "PO-1", "system": "Tryton"},
    {"document_type": "purchase_order", "number": "PO-2", "system": "Tryton"},
    {"document_type": "payment_request", "number": "PAY-1"},
]
CASES: list[tuple[str, dict[str, Any], str]] = [
    ("approve", {"user": "boss", "remark": "好"}, "*/tasks/approve"),
    ("reject", {"user": "boss"}, "*/tasks/reject"),
    ("transfer", {"user": "boss", "to_user": "deputy"}, "*/tasks/transfer"),
    ("copy", {"users": ["auditor"]}, "*/instances/cc"),
    ("comment", {"text": "看一下"}, "*/comments"),
    ("write_back", {"links": LINKS}, "*/comments"),
    ("withdraw", {}, "*/instances/cancel"),
]


@pytest.mark.parametrize(("purpose", "arguments", "path"), CASES, ids=[case[0] for case in CASES])
@pytest.mark.parametrize("fault", ["", "reply_lost", "error_before"])
def test_an_action_lands_once_and_the_instance_tells(
    desk: Desk, purpose: str, arguments: dict[str, Any], path: str, fault: str
) -> None:
    ref = desk.reading(desk.submit()).ref
    assert not desk.has_landed(purpose, ref, **arguments)
    if fault:
        desk.sandbox.fault(FaultRule(fault, method="POST", path=path))  # type: ignore[arg-type]
        with pytest.raises(exc.UnknownOutcome) as caught:
            desk.act(purpose, ref, **arguments)
        assert caught.value.document == "PR-1"
    else:
        assert desk.act(purpose, ref, **arguments).ref == ref
    assert desk.has_landed(purpose, ref, **arguments) == (fault != "error_before")
    assert desk.sandbox.count(path, method="POST") == 1


def test_the_mark_tells_ours_from_others(desk: Desk) -> None:
    for purpose, arguments, _ in CASES:
        if purpose in ("copy", "withdraw"):
            continue
        ref = desk.submit()
        desk.act(purpose, ref, **arguments)
        assert desk.has_landed(purpose, ref, **arguments)
        assert not desk.has_landed(purpose, ref, OTHER, **arguments)


def test_an_approval_by_hand_is_not_taken_for_ours(desk: Desk) -> None:
    ref = desk.submit()
    desk.decide(ref, "approve", user="boss")
    assert not desk.has_landed("approve", ref, user="boss")
    with pytest.raises(exc.Rejected, match="no open task") as caught:
        desk.act("approve", ref, user="boss")
    assert caught.value.landed == "no" and desk.sandbox.count("*/tasks/approve") == 0


def test_several_open_tasks_need_a_name(desk: Desk) -> None:
    desk.code = desk.define(nodes=[{"name": "一", "type": "AND", "users": ["boss", "cfo"]}])
    desk.site = desk.connect()
    ref = desk.submit()
    desk.act("transfer", ref, user="cfo", to_user="boss")
    with pytest.raises(exc.Rejected, match="2 open tasks") as caught:
        desk.act("approve", ref, user="boss")
    assert caught.value.field == "task_id"
    tasks = [task["id"] for task in desk.reading(ref).raw["task_list"] if task["status"] == "PENDING"]
    for number, task in enumerate(tasks):
        desk.act("approve", ref, f"N{number:031d}", user="boss", task_id=task)
    assert str(desk.reading(ref).state.approval) == "approved"


def test_only_a_pending_approval_is_withdrawn(desk: Desk) -> None:
    ref = desk.submit()
    desk.decide(ref, "approve")
    with pytest.raises(exc.Rejected, match="APPROVED") as caught:
        desk.act("withdraw", ref)
    assert caught.value.landed == "no" and desk.sandbox.count("*/instances/cancel") == 0
    assert not desk.has_landed("withdraw", ref)


def test_it_is_withdrawn_in_its_requesters_name(desk: Desk) -> None:
    desk.site = desk.connect(user_id_type="open_id")
    ref = desk.submit()
    desk.act("withdraw", ref)
    body = desk.sandbox.requests("*/instances/cancel")[0]["body"]
    assert '"user_id":"ou_zhang.san"' in body
    assert str(desk.reading(ref).state.approval) == "withdrawn"


def test_numbers_are_written_back_as_one_comment(desk: Desk) -> None:
    ref = desk.submit()
    desk.act("write_back", ref, links=LINKS)
    (entry,) = [one for one in desk.reading(ref).history if one.decision == "commented"]
    assert entry.approver == "docflow"
    assert entry.comment == f"purchase order (Tryton): PO-1, PO-2; payment request: PAY-1 [{MARK}]"


def test_copies_are_there_when_everybody_has_one(desk: Desk) -> None:
    ref = desk.submit()
    desk.act("copy", ref, users=["auditor"])
    assert desk.has_landed("copy", ref, users="auditor")
    assert not desk.has_landed("copy", ref, users=["auditor", "cfo"])
    assert not desk.has_landed("copy", ref)
    with pytest.raises(exc.Misconfigured, match="copy"):
        desk.act("copy", ref)


def test_a_node_that_wants_a_signature_by_hand_cannot_be_approved(desk: Desk) -> None:
    desk.code = desk.define(nodes=[{"name": "经理", "users": ["boss"], "signature": True}])
    desk.site = desk.connect()
    ref = desk.submit()
    with pytest.raises(exc.Unsupported) as caught:
        desk.act("approve", ref, user="boss")
    assert caught.value.code == "1390018"


def test_a_comment_needs_words_and_a_name(desk: Desk) -> None:
    ref = desk.submit()
    with pytest.raises(exc.Misconfigured, match="nothing to say"):
        desk.act("comment", ref)
    desk.site = desk.connect(acting_user_id="")
    with pytest.raises(exc.Misconfigured) as caught:
        desk.act("comment", ref, text="x")
    assert "acting_user_id" in caught.value.remedy
    with pytest.raises(exc.Misconfigured):
        desk.write("comment", WriteItem(mark=MARK, arguments={"text": "x"}))
    assert desk.sandbox.count("*/comments") == 0


def test_what_feishu_cannot_do_is_unsupported(desk: Desk) -> None:
    for purpose in ("amend", "remind", "return"):
        with pytest.raises(exc.Unsupported):
            desk.site.profile.write("purchase_requisition", purpose)
