from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.policy import Policy, judge
from airflow_provider_docflow.core.profile import ApprovalEntry, Reading
from airflow_provider_docflow.document import DocumentRef, DocumentState, document_from_json

READ_AT = datetime(2026, 3, 31, tzinfo=UTC)
POLICY = {
    "steps": [
        {"approvers": ["li.na", "wang.wei"]},
        {"approvers": ["cfo", "ceo"], "rule": "all", "above": "1000.00", "currency": "CNY"},
    ]
}


def signed(*names: str, decision: str = "approved") -> tuple[ApprovalEntry, ...]:
    return tuple(ApprovalEntry(approver=name, decision=decision) for name in names)  # type: ignore[arg-type]


def reading(total: str = "100.00", approval: str = "approved", **more: Any) -> Reading:
    document = document_from_json(
        {
            "document_type": "purchase_requisition",
            "id": "PR-1",
            "issue_date": "2026-03-31",
            "document_currency_code": more.pop("currency", "CNY"),
            "requester": {"id": "zhang.san"},
            "lines": [{"line_id": "1", "quantity": "1", "price_amount": total}],
        }
    ).totalled()
    state = DocumentState(lifecycle=more.pop("lifecycle", "active"), approval=approval, read_at=READ_AT)
    ref = DocumentRef("oa", "", "purchase_requisition", "1", "PR-1")  # type: ignore[arg-type]
    return Reading(ref=ref, state=state, document=more.pop("document", document), **more)


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        (reading(history=signed("li.na")), "approved"),
        (reading(history=signed("wang.wei")), "approved"),
        (reading(history=signed("somebody")), "refused"),
        (reading(history=()), "refused"),
        (reading("1000.01", history=signed("li.na", "cfo", "ceo")), "approved"),
        (reading("1000.01", history=signed("li.na", "cfo")), "refused"),
        (reading("1000.00", history=signed("li.na")), "approved"),
        (reading(history=signed("li.na") + signed("li.na", decision="returned")), "refused"),
        (reading(history=signed("li.na", "zhang.san")), "refused"),
        (reading(approval="pending"), "pending"),
        (reading(approval="none"), "pending"),
        (reading(approval="rejected"), "refused"),
        (reading(approval="revoked"), "refused"),
        (reading(approval="unknown"), "unknown"),
        (reading(lifecycle="cancelled", history=signed("li.na")), "refused"),
        (reading(lifecycle="cancelled", approval="pending"), "refused"),
        (reading(lifecycle="reversed", approval="none"), "refused"),
        (reading(document=None, history=signed("li.na")), "unknown"),
    ],
)
def test_the_signatures_are_held_against_the_policy(found: Reading, outcome: str) -> None:
    assert judge(found, Policy.from_json(POLICY)).outcome == outcome


def test_a_delegate_signs_for_both_and_the_requester_gains_nothing_by_it() -> None:
    for_boss = (ApprovalEntry(approver="deputy", decision="approved", on_behalf_of="li.na"),)
    for_requester = (ApprovalEntry(approver="li.na", decision="approved", on_behalf_of="zhang.san"),)

    assert judge(reading(history=for_boss), Policy.from_json(POLICY)).outcome == "approved"
    assert judge(reading(history=for_requester), Policy.from_json(POLICY)).outcome == "refused"


def test_a_limit_in_another_currency_is_nobodys_to_guess() -> None:
    with pytest.raises(exc.NotApproved, match="CNY"):
        judge(reading(currency="EUR", history=signed("li.na")), Policy.from_json(POLICY))


@pytest.mark.parametrize(
    "policy",
    [
        {"stages": []},
        {"steps": [{}]},
        {"steps": [{"approvers": []}]},
        {"steps": [{"approvers": ["a"], "rule": "most"}]},
        {"steps": [{"approvers": ["a"], "above": 1000.5, "currency": "CNY"}]},
        {"steps": [{"approvers": ["a"], "above": "1000"}]},
        {"steps": [{"approvers": ["a"], "above": "much", "currency": "CNY"}]},
    ],
)
def test_a_policy_that_says_nothing_clear_is_refused(policy: dict[str, Any]) -> None:
    with pytest.raises(exc.Misconfigured):
        Policy.from_json(policy)
