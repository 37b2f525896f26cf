from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow.approvals.policy import signers
from airflow_provider_docflow.systems.dingtalk import states
from airflow_provider_docflow.systems.dingtalk.wire import moment
from tests.systems.dingtalk.conftest import Desk, line, values

CHEAP = values()
DEAR = values([line(数量="4")], 合计金额="201.00")


def axes(desk: Desk, ref: Any) -> tuple[str, str]:
    state = desk.reading(ref).state
    return str(state.lifecycle), str(state.approval)


def decisions(desk: Desk, ref: Any) -> list[tuple[str, str]]:
    return [(entry.approver, entry.decision) for entry in desk.reading(ref).history]


def test_approved_rejected_and_withdrawn(desk: Desk) -> None:
    agreed, refused, taken = desk.submit(CHEAP, CHEAP, CHEAP)
    desk.sandbox.decide(agreed.internal_id, "agree", remark="好")
    desk.sandbox.decide(refused.internal_id, "refuse", remark="太贵")
    desk.sandbox.decide(taken.internal_id, "terminate")
    assert axes(desk, agreed) == ("active", "approved")
    assert axes(desk, refused) == ("closed", "rejected")
    assert axes(desk, taken) == ("cancelled", "withdrawn")
    assert decisions(desk, agreed) == [("boss", "approved")]
    assert decisions(desk, refused) == [("boss", "rejected")]
    assert decisions(desk, taken) == [("zhang.san", "withdrawn")]
    entry = desk.reading(agreed).history[0]
    assert entry.comment == "好"
    assert entry.decided_at is not None
    assert entry.decided_at.utcoffset() is not None
    assert "好" not in repr(entry)
    assert desk.reading(agreed).state.raw["approval"] == "COMPLETED agree"


def test_a_transfer_keeps_it_pending_and_names_both(desk: Desk) -> None:
    (ref,) = desk.submit(CHEAP)
    desk.sandbox.decide(ref.internal_id, "redirect", to_user="deputy", remark="休假")
    assert axes(desk, ref) == ("submitted", "pending")
    desk.sandbox.decide(ref.internal_id, "agree")
    assert decisions(desk, ref) == [("boss", "transferred"), ("deputy", "approved")]


def test_returned_corrected_and_approved(desk: Desk) -> None:
    (ref,) = desk.submit(DEAR)
    desk.sandbox.decide(ref.internal_id, "return", remark="数量?")
    assert axes(desk, ref) == ("submitted", "returned")
    desk.sandbox.decide(ref.internal_id, "resubmit", values=CHEAP)
    assert axes(desk, ref) == ("submitted", "pending")
    desk.sandbox.decide(ref.internal_id, "agree")
    reading = desk.reading(ref)
    assert str(reading.total) == "100.50"
    # Handing the form in again is no signature of the requester.
    assert decisions(desk, ref) == [("boss", "returned"), ("boss", "approved")]


def test_a_revocation_counts_once_it_is_agreed(desk: Desk) -> None:
    (ref,) = desk.submit(CHEAP)
    desk.sandbox.decide(ref.internal_id, "agree")
    revoke = desk.sandbox.attach(ref.internal_id, "REVOKE")
    assert axes(desk, ref) == ("active", "pending")
    desk.sandbox.decide(revoke, "agree")
    assert axes(desk, ref) == ("cancelled", "revoked")
    assert decisions(desk, ref) == [("boss", "approved"), ("boss", "revoked")]
    assert signers(desk.reading(ref).history) == set()


def test_a_refused_revocation_leaves_the_approval(desk: Desk) -> None:
    (ref,) = desk.submit(CHEAP)
    desk.sandbox.decide(ref.internal_id, "agree")
    desk.sandbox.decide(desk.sandbox.attach(ref.internal_id, "REVOKE"), "refuse")
    assert axes(desk, ref) == ("active", "approved")
    assert decisions(desk, ref) == [("boss", "approved")]


def test_a_modification_brings_its_values_pending_until_decided(desk: Desk) -> None:
    (ref,) = desk.submit(CHEAP)
    desk.sandbox.decide(ref.internal_id, "agree")
    change = desk.sandbox.attach(ref.internal_id, "MODIFY", values=DEAR, approvers=None)
    pending = desk.reading(ref)
    assert (str(pending.state.approval), str(pending.total)) == ("pending", "201.00")
    assert signers(pending.history) == set()
    desk.sandbox.decide(change, "agree", remark="同意修改")
    done = desk.reading(ref)
    assert (str(done.state.approval), str(done.total)) == ("approved", "201.00")
    assert done.raw["revision"] == 2
    assert done.ref.internal_id == ref.internal_id
    assert signers(done.history) == {"boss"}
    assert [entry.decision for entry in done.history] == ["approved", "revoked", "approved"]


def test_a_refused_modification_never_was(desk: Desk) -> None:
    (ref,) = desk.submit(CHEAP)
    desk.sandbox.decide(ref.internal_id, "agree")
    before = desk.reading(ref)
    desk.sandbox.decide(desk.sandbox.attach(ref.internal_id, "MODIFY", values=DEAR), "refuse")
    after = desk.reading(ref)
    assert (after.document, str(after.state.approval)) == (before.document, "approved")
    assert after.raw["revision"] == 1
    assert after.history == before.history


def instance(status: str, result: str = "", **more: Any) -> dict[str, Any]:
    raw = {"status": status, "result": result, "originatorUserId": "u", "createTime": "2026-03-31T08:00Z"}
    return {**raw, "operationRecords": [], "tasks": [], "formComponentValues": [], **more}


@pytest.mark.parametrize(
    ("status", "result"),
    [("NEW", ""), ("CANCELED", ""), ("COMPLETED", ""), ("COMPLETED", "AGREE"), ("PAUSED", ""), ("", "agree")],
)
def test_a_word_that_nobody_listed_is_unknown(status: str, result: str) -> None:
    bundle = states.Bundle("1", instance(status, result), {})
    state = states.state(bundle, moment("2026-03-31T08:00Z"))  # type: ignore[arg-type]
    assert (str(state.lifecycle), str(state.approval)) == ("unknown", "unknown")
    assert state.is_approved is None
    assert state.raw["approval"] == (f"{status} {result}".strip() if status == "COMPLETED" else status)


@pytest.mark.parametrize(
    ("attached", "word"),
    [
        (instance("COMPLETED", "agree", bizAction="NONE"), "NONE COMPLETED agree"),
        (instance("PAUSED", bizAction="MODIFY"), "MODIFY PAUSED"),
        (instance("COMPLETED", bizAction="REVOKE"), "REVOKE COMPLETED"),
        (instance("RUNNING", bizAction="RESTART"), "RESTART RUNNING"),
    ],
)
def test_an_attached_word_that_nobody_listed_makes_the_approval_unknown(attached: Any, word: str) -> None:
    bundle = states.Bundle("1", instance("COMPLETED", "agree"), {"2": attached})
    state = states.state(bundle, moment("2026-03-31T08:00Z"))  # type: ignore[arg-type]
    assert str(state.approval) == "unknown"
    assert state.raw["approval"] == word


def test_what_is_revoked_stays_revoked() -> None:
    revoked = instance("COMPLETED", "agree", bizAction="REVOKE")
    later = instance("COMPLETED", "agree", bizAction="MODIFY")
    bundle = states.Bundle("1", instance("COMPLETED", "agree"), {"2": revoked, "3": later})
    assert states.standing(bundle).word == "REVOKE COMPLETED agree"


def test_a_delegate_signs_for_somebody_only_if_the_instance_says_so_beyond_doubt() -> None:
    record = {
        "type": "EXECUTE_TASK_AGENT",
        "result": "AGREE",
        "userId": "deputy",
        "date": "2026-03-31T09:00Z",
        "activityId": "a",
    }
    task = {
        "userId": "boss",
        "status": "COMPLETED",
        "result": "AGREE",
        "activityId": "a",
        "finishTime": "2026-03-31T09:00Z",
    }
    raw = instance("COMPLETED", "agree", operationRecords=[record], tasks=[task])
    (entry,) = states.history(states.Bundle("1", raw, {}))
    assert (entry.approver, entry.on_behalf_of, entry.decision) == ("deputy", "boss", "approved")
    raw["tasks"] = [task, {**task, "userId": "other"}]
    (entry,) = states.history(states.Bundle("1", raw, {}))
    assert entry.on_behalf_of == ""


def test_a_return_to_another_approver_is_still_pending() -> None:
    raw = instance(
        "RUNNING",
        operationRecords=[{"type": "REDIRECT_PROCESS", "userId": "cfo"}],
        tasks=[{"status": "RUNNING", "userId": "boss"}],
    )
    assert states.outcome(raw) == "RUNNING"
    raw["tasks"] = [{"status": "RUNNING", "userId": "u"}]
    assert states.outcome(raw) == "RUNNING REDIRECT_PROCESS"


def test_moments_are_utc_and_anything_else_is_none() -> None:
    assert str(moment("2026-03-31T08:05Z")) == "2026-03-31 08:05:00+00:00"
    assert str(moment("2026-03-31T08:05+08:00")) == "2026-03-31 00:05:00+00:00"
    assert moment("2026-03-31T08:05") is None
    assert moment(None) is None


def recorded(kind: str, result: str = "NONE", **more: Any) -> dict[str, Any]:
    return {"type": kind, "result": result, "userId": "li.na", "date": "2026-03-31T09:00Z", **more}


EVERY_RECORD = (
    (recorded("START_PROCESS_INSTANCE"), None, ""),
    (recorded("EXECUTE_TASK_NORMAL", "AGREE", remark="好"), "approved", "好"),
    (recorded("EXECUTE_TASK_NORMAL", "REFUSE"), "rejected", ""),
    (recorded("EXECUTE_TASK_NORMAL"), None, ""),
    (recorded("EXECUTE_TASK_AGENT", "AGREE"), "approved", ""),
    (recorded("APPEND_TASK_BEFORE", remark="先问王伟"), "commented", "APPEND_TASK_BEFORE: 先问王伟"),
    (recorded("APPEND_TASK_AFTER", "AGREE"), "commented", "APPEND_TASK_AFTER"),
    (recorded("REDIRECT_TASK", remark="休假"), "transferred", "休假"),
    (recorded("REDIRECT_PROCESS", remark="数量?"), "returned", "数量?"),
    (recorded("ADD_REMARK", remark="PO-1"), "commented", "PO-1"),
    (recorded("PROCESS_CC"), None, ""),
    (recorded("TERMINATE_PROCESS_INSTANCE", remark="错"), "withdrawn", "错"),
    (recorded("FINISH_PROCESS_INSTANCE"), None, ""),
    (recorded("VOTE_TASK", "AGREE"), "commented", "VOTE_TASK"),
)


@pytest.mark.parametrize(("record", "decision", "comment"), EVERY_RECORD, ids=lambda value: str(value)[:24])
def test_every_operation_is_a_decision_a_remark_or_nothing(record: Any, decision: Any, comment: str) -> None:
    raw = instance("RUNNING", operationRecords=[record])
    entries = states.history(states.Bundle("1", raw, {}))
    assert [entry.decision for entry in entries] == ([decision] if decision else [])
    assert [entry.comment for entry in entries] == ([comment] if decision else [])
    # What nobody listed never signs.
    assert signers(entries) == ({"li.na"} if decision == "approved" else set())
