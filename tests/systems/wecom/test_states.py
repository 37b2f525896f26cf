"""What WeCom's words mean: of the form, of people; and that a revoked approval is revoked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.policy import Policy, judge
from airflow_provider_docflow.core.states import unknown_words
from airflow_provider_docflow.systems.wecom import states
from tests.systems.wecom.conftest import Desk

NOW = datetime(2026, 3, 31, tzinfo=UTC)
AT = 1_774_886_400


@pytest.mark.parametrize(
    ("status", "lifecycle", "approval", "payment"),
    [
        (1, "submitted", "pending", "none"),
        (2, "active", "approved", "none"),
        (3, "closed", "rejected", "none"),
        (4, "cancelled", "withdrawn", "none"),
        (6, "cancelled", "revoked", "none"),
        (7, "cancelled", "revoked", "none"),
        (10, "active", "approved", "complete"),
        (5, "unknown", "unknown", "unknown"),
        (99, "unknown", "unknown", "unknown"),
    ],
)
def test_words_of_a_form(status: int, lifecycle: str, approval: str, payment: str) -> None:
    state = states.state({"sp_status": status}, NOW)
    assert (state.lifecycle, state.approval, state.payment) == (lifecycle, approval, payment)
    assert (state.fulfilment, state.invoicing) == ("none", "none")
    assert state.raw["approval"] == str(status)
    if status in (5, 99):
        assert unknown_words(state)["approval"] == str(status)


@pytest.mark.parametrize(
    ("word", "decision"),
    [
        (1, None),
        (2, "approved"),
        (3, "rejected"),
        (4, "transferred"),
        (11, "returned"),
        (12, "commented"),
        (13, "approved"),
        (14, "commented"),
        (15, "transferred"),
        (99, None),
    ],
)
def test_words_of_a_person(word: int, decision: str | None) -> None:
    step = {"userid": "boss", "sp_yj": word, "speech": "ok", "sptime": AT}
    node = {"node_type": 1, "apv_rel": 1, "sub_node_list": [step]}
    told = states.history({"sp_status": 1, "process_list": {"node_list": [node]}})
    assert [entry.decision for entry in told] == ([decision] if decision else [])
    details = [{"approver": {"userid": "boss"}, "sp_status": word, "speech": "ok", "sptime": AT}]
    record = {"sp_status": 1, "sp_record": [{"approverattr": 1, "details": details}]}
    assert states.history(record) == told


@pytest.mark.parametrize("kind", [2, 3, 8])
def test_who_only_reads_or_handles_signs_nothing(kind: int) -> None:
    step = {"userid": "clerk", "sp_yj": 2, "speech": "", "sptime": AT}
    info = {"sp_status": 2, "process_list": {"node_list": [{"node_type": kind, "sub_node_list": [step]}]}}
    assert "approved" not in [entry.decision for entry in states.history(info)]


def test_history_is_told_in_order_with_comments(desk: Desk) -> None:
    ref = desk.create(approvers=[{"users": ["boss"]}, {"users": ["cfo"]}]).ref
    acts: list[tuple[str, str, dict[str, str]]] = [
        ("comment", "zhang.san", {"speech": "请尽快"}),
        ("transfer", "boss", {"to_user": "deputy", "speech": "出差"}),
        ("agree", "deputy", {"speech": "同意"}),
        ("return", "cfo", {"to_user": "boss", "speech": "补报价"}),
        ("agree", "boss", {}),
        ("agree", "deputy", {}),
        ("agree", "cfo", {"speech": "可以"}),
    ]
    for action, user, more in acts:
        desk.sandbox.advance(2)
        desk.decide(ref, action, user, **more)
    reading = desk.reading(ref)
    assert [(entry.approver, entry.decision, entry.comment) for entry in reading.history] == [
        ("zhang.san", "commented", "请尽快"),
        ("boss", "transferred", "出差"),
        ("deputy", "approved", "同意"),
        ("cfo", "returned", "补报价"),
        ("boss", "approved", ""),
        ("deputy", "approved", ""),
        ("cfo", "approved", "可以"),
    ]
    assert all(entry.decided_at and entry.decided_at.tzinfo for entry in reading.history)
    policy = Policy.from_json({"steps": [{"approvers": ["boss"]}, {"approvers": ["cfo"]}]})
    assert judge(reading, policy).outcome == "approved"


def test_a_return_voids_the_signatures_before_it(desk: Desk) -> None:
    ref = desk.create(approvers=[{"users": ["boss"]}, {"users": ["cfo"]}]).ref
    desk.decide(ref, "agree", "boss")
    desk.sandbox.advance(2)
    desk.decide(ref, "return", "cfo", to_user="boss")
    reading = desk.reading(ref)
    assert str(reading.state.approval) == "pending"
    policy = Policy.from_json({"steps": [{"approvers": ["boss"]}]})
    assert policy.missing(reading.document, reading.history)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("acts", "outcome", "word", "last"),
    [
        (["agree", "revoke"], "refused", "revoked", "revoked"),
        (["agree", "pay", "revoke"], "refused", "revoked", "revoked"),
        (["agree", "delete"], "refused", "revoked", "revoked"),
        (["withdraw"], "refused", "withdrawn", "withdrawn"),
        (["reject"], "refused", "rejected", "rejected"),
        (["agree", "pay"], "approved", "approved", "approved"),
    ],
)
def test_how_a_form_ends(desk: Desk, acts: list[str], outcome: str, word: str, last: str) -> None:
    ref = desk.submit()
    before = desk.reading(ref)
    for action in acts:
        desk.decide(ref, action)
    after = desk.reading(ref)
    verdict = judge(after, Policy.from_json({}))
    assert (verdict.outcome, verdict.word) == (outcome, word)
    assert after.history[-1].decision == last
    assert after.changed_at != before.changed_at, "a revocation has no time of its own and must show"
    assert after.state.is_alive is (word in ("approved", "rejected"))


def test_an_approval_by_an_unknown_word_is_no_approval(desk: Desk) -> None:
    info: dict[str, Any] = {"sp_no": "1", "sp_status": 8}
    assert states.state(info, NOW).is_approved is None
    with pytest.raises(exc.Unsupported):
        desk.site.profile.write("purchase_requisition", "withdraw")


@pytest.mark.parametrize(
    "action", ["withdraw", "approve", "reject", "transfer", "comment", "write_back", "remind"]
)
def test_what_wecom_has_no_call_for(desk: Desk, action: str) -> None:
    with pytest.raises(exc.Unsupported):
        desk.site.profile.write("purchase_requisition", action)
