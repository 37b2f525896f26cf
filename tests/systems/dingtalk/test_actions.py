from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.systems.dingtalk.conftest import MARK, Desk, values

OTHER = "MOTHEROTHEROTHER"


def approval(desk: Desk, ref: Any) -> str:
    return str(desk.reading(ref).state.approval)


@pytest.mark.parametrize(
    ("purpose", "arguments", "path"),
    [
        ("approve", {"user": "boss", "remark": "好"}, "*/execute"),
        ("reject", {"user": "boss"}, "*/execute"),
        ("transfer", {"user": "boss", "to_user": "deputy"}, "*/redirect"),
        ("comment", {"text": "看一下"}, "*/comments"),
        ("write_back", {"links": [{"document_type": "purchase_order", "number": "PO-1"}]}, "*/comments"),
    ],
)
@pytest.mark.parametrize("fault", ["", "reply_lost", "error_after", "malformed", "error_before", "cut"])
def test_an_action_lands_once_and_the_instance_tells(
    desk: Desk, purpose: str, arguments: dict[str, Any], path: str, fault: str
) -> None:
    (ref,) = desk.submit(values())
    ref = desk.reading(ref).ref
    assert not desk.has_landed(purpose, ref, **arguments)
    if fault:
        desk.sandbox.fault(FaultRule(fault, method="POST", path=path))  # type: ignore[arg-type]
        with pytest.raises(exc.UnknownOutcome) as caught:
            desk.act(purpose, ref, **arguments)
        assert caught.value.document == "PR-1"
    else:
        assert desk.act(purpose, ref, **arguments).ref == ref
    assert desk.has_landed(purpose, ref, **arguments) == (fault not in ("error_before", "cut"))
    assert not desk.has_landed(purpose, ref, OTHER, **arguments)
    assert desk.sandbox.count(path, method="POST") == 1


def test_decisions_move_the_approval(desk: Desk) -> None:
    yes, no, handed = desk.submit(values(), values(), values())
    desk.act("approve", yes, user="boss", remark="好")
    desk.act("reject", no, user="boss", remark="太贵")
    desk.act("transfer", handed, user="boss", to_user="deputy")
    assert [approval(desk, ref) for ref in (yes, no, handed)] == ["approved", "rejected", "pending"]
    assert desk.reading(yes).history[0].comment == f"好 [{MARK}]"
    desk.act("approve", handed, OTHER, user="deputy")
    assert approval(desk, handed) == "approved"


def test_an_approval_by_hand_is_not_taken_for_ours(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    desk.sandbox.decide(ref.internal_id, "agree", user="boss")
    assert not desk.has_landed("approve", ref, user="boss")
    with pytest.raises(exc.Rejected, match="no open task") as caught:
        desk.act("approve", ref, user="boss")
    assert caught.value.landed == "no"
    assert desk.sandbox.count("*/execute") == 0


def test_an_approval_is_no_refusal(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    desk.act("reject", ref, user="boss")
    assert desk.has_landed("reject", ref, user="boss")
    assert not desk.has_landed("approve", ref, user="boss")


def test_the_task_of_a_running_change_is_found(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    desk.act("approve", ref, user="boss")
    desk.sandbox.attach(ref.internal_id, "REVOKE")
    desk.act("approve", ref, OTHER, user="boss")
    assert approval(desk, ref) == "revoked"
    assert desk.has_landed("approve", ref, OTHER, user="boss")


def test_several_open_tasks_need_a_name(desk: Desk) -> None:
    node = {"actionType": "AND", "userIds": ["boss", "cfo"]}
    (ref,) = desk.submit(values(), approvers=[node])
    desk.act("transfer", ref, user="cfo", to_user="boss")
    with pytest.raises(exc.Rejected, match="2 open tasks") as caught:
        desk.act("approve", ref, user="boss")
    assert caught.value.field == "task_id"
    tasks = [task for task in desk.reading(ref).raw["tasks"] if task["status"] == "RUNNING"]
    for number, task in enumerate(tasks):
        desk.act("approve", ref, f"M{number:015}", user="boss", task_id=str(task["taskId"]))
    assert approval(desk, ref) == "approved"


def test_withdrawing_waits_until_dingtalk_permits_it(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    with pytest.raises(exc.Conflict) as caught:
        desk.act("withdraw", ref, user="zhang.san")
    assert caught.value.retry_after == 15
    assert caught.value.landed == "no"
    assert not desk.has_landed("withdraw", ref)
    desk.sandbox.advance(16)
    desk.sandbox.fault(FaultRule("reply_lost", path="*/terminate"))
    with pytest.raises(exc.UnknownOutcome):
        desk.act("withdraw", ref, user="zhang.san", remark="错")
    assert desk.has_landed("withdraw", ref)
    assert approval(desk, ref) == "withdrawn"
    with pytest.raises(exc.Rejected, match="审批单已结束"):
        desk.act("withdraw", ref)


def test_the_system_withdraws_where_nobody_is_named(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    desk.sandbox.advance(16)
    desk.act("withdraw", ref)
    assert approval(desk, ref) == "withdrawn"


def test_numbers_are_written_back_as_one_comment(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    desk.sandbox.decide(ref.internal_id, "agree")
    links = [
        {"document_type": "purchase_order", "number": "PO-1", "system": "Tryton", "instance": "t"},
        {"document_type": "purchase_order", "number": "PO-2", "system": "Tryton", "instance": "t"},
        {"document_type": "payment_request", "number": "PAY-1"},
    ]
    desk.act("write_back", ref, links=links)
    (entry,) = [entry for entry in desk.reading(ref).history if entry.decision == "commented"]
    assert entry.approver == "docflow"
    assert entry.comment == f"purchase order (Tryton): PO-1, PO-2; payment request: PAY-1 [{MARK}]"


def test_a_comment_needs_words_and_a_name(desk: Desk) -> None:
    (ref,) = desk.submit(values())
    with pytest.raises(exc.Misconfigured, match="nothing to say"):
        desk.act("comment", ref)
    desk.site = desk.connect(acting_user_id="")
    with pytest.raises(exc.Misconfigured) as caught:
        desk.act("comment", ref, text="x")
    assert "acting_user_id" in caught.value.remedy
    with pytest.raises(exc.Misconfigured):
        desk.write("comment", WriteItem(mark=MARK, arguments={"text": "x"}))
    assert desk.sandbox.count("*/comments") == 0


def test_a_comment_on_what_is_not_there_names_it(desk: Desk) -> None:
    with pytest.raises(exc.NotFound) as caught:
        desk.act("comment", desk.ref("gone", "PR-404"), text="x")
    assert caught.value.document == "PR-404"


def test_a_form_that_makes_no_document_can_still_be_commented(desk: Desk) -> None:
    (ref,) = desk.submit(
        values(单号="PR-9", 明细='[[{"name":"行号","value":"1"},{"name":"数量","value":"?"}]]')
    )
    desk.act("comment", ref, text="数量不是数字")
    assert desk.has_landed("comment", ref)


def test_what_dingtalk_cannot_do_is_unsupported(desk: Desk) -> None:
    for purpose in ("amend", "remind", "return"):
        with pytest.raises(exc.Unsupported):
            desk.site.profile.write("purchase_requisition", purpose)


def test_the_mark_fits_and_the_promise_is_exactly_once(desk: Desk) -> None:
    for write in desk.site.profile.of("purchase_requisition").actions.values():
        assert write.mark_length == len(MARK)
        assert write.probe.guarantee == "guarantee.exactly_once"
