"""
What an approval says of itself. Pure.

A form that was approved and is revoked later says so itself (6), so that its approval axis goes from approved
to revoked at the next read. A form that was deleted (7) counts as revoked too: whatever was made from it has
lost its ground. A form that says paid (10) is approved and paid. Words that are not listed are ``unknown``.
Page 91983.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow.core.profile import ApprovalEntry
from airflow_provider_docflow.core.states import Words, state_of
from airflow_provider_docflow.document import DocumentState
from airflow_provider_docflow.systems.wecom import nodes
from airflow_provider_docflow.systems.wecom.wire import moment

Info = Mapping[str, Any]

_LIFECYCLE = {
    "1": "submitted",
    "2": "active",
    "3": "closed",
    "4": "cancelled",
    "6": "cancelled",
    "7": "cancelled",
    "10": "active",
}
_APPROVAL = {
    "1": "pending",
    "2": "approved",
    "3": "rejected",
    "4": "withdrawn",
    "6": "revoked",
    "7": "revoked",
    "10": "approved",
}
_PAYMENT = {"1": "none", "2": "none", "3": "none", "4": "none", "6": "none", "7": "none", "10": "complete"}
AXES = {
    "lifecycle": Words(at="sp_status", words=_LIFECYCLE),
    "approval": Words(at="sp_status", words=_APPROVAL),
    "payment": Words(at="sp_status", words=_PAYMENT),
}
PERSON = {
    "2": "approved",
    "3": "rejected",
    "4": "transferred",
    "11": "returned",
    "12": "commented",
    "13": "approved",
    "14": "commented",
    "15": "transferred",
}
"""What a person's word says. 1 waits; adding a signer (12) and handling (14) sign nothing."""

_ENDED = {"4": "withdrawn", "6": "revoked", "7": "revoked"}


def state(info: Info, read_at: datetime) -> DocumentState:
    """Return the state on all axes."""
    return state_of(info, AXES, read_at)


def history(info: Info) -> tuple[ApprovalEntry, ...]:
    """Return what people decided and said, oldest first; then how the form ended, which has no time.

    A person who only gets a copy decides nothing, whatever the node says.
    """
    entries = [*_decisions(info), *_comments(info)]
    entries.sort(key=lambda entry: entry.decided_at or datetime.max.replace(tzinfo=UTC))
    ended = _ENDED.get(str(info.get("sp_status", "")))
    if ended:
        applyer = str((info.get("applyer") or {}).get("userid") or "")
        entries.append(ApprovalEntry(approver=applyer, decision=ended))  # type: ignore[arg-type]
    return tuple(entries)


def _decisions(info: Info) -> Iterator[ApprovalEntry]:
    for node in nodes.shown(info):
        if node.kind == "copy":
            continue
        for step in node.steps:
            decision = PERSON.get(step.word)
            if decision == "approved" and node.kind != "approve":
                decision = "commented"
            if decision:
                yield ApprovalEntry(
                    approver=step.user,
                    decision=decision,  # type: ignore[arg-type]
                    decided_at=moment(step.at),
                    comment=step.comment,
                )


def _comments(info: Info) -> Iterator[ApprovalEntry]:
    for comment in info.get("comments") or ():
        yield ApprovalEntry(
            approver=str((comment.get("commentUserInfo") or {}).get("userid") or ""),
            decision="commented",
            decided_at=moment(comment.get("commenttime")),
            comment=str(comment.get("commentcontent") or ""),
        )


def changed_at(info: Info) -> str:
    """Return the latest moment that the form names and its status, which may change without a moment."""
    told = [moment(info.get("apply_time")), *(entry.decided_at for entry in history(info))]
    latest = max((instant for instant in told if instant), default=None)
    return f"{latest.isoformat() if latest else ''}.{info.get('sp_status', '')}"
