"""
What an approval instance says. Pure.

An approved instance that is revoked later stays where it is and is marked: ``reverted`` (its status may then
read APPROVED or CANCELED). Words that are not listed are ``unknown``. REVERTED, OVERTIME_CLOSE and
OVERTIME_RECOVER are words of events; what counts is the instance as it is read afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow.core.profile import ApprovalEntry
from airflow_provider_docflow.core.states import Words, state_of
from airflow_provider_docflow.document import DocumentState
from airflow_provider_docflow.systems.feishu.wire import moment, person

Raw = Mapping[str, Any]

PENDING, REVERTED = "PENDING", "reverted"
ROLLBACKS = ("ROLLBACK", "ROLLBACK_SELECTED")
_LIFECYCLE = {
    PENDING: "submitted",
    "PENDING ROLLBACK": "submitted",
    "APPROVED": "active",
    "REJECTED": "closed",
    "CANCELED": "cancelled",
    "DELETED": "cancelled",
    "APPROVED reverted": "cancelled",
    "CANCELED reverted": "cancelled",
    "DELETED reverted": "cancelled",
}
_APPROVAL = {
    PENDING: "pending",
    "PENDING ROLLBACK": "returned",
    "APPROVED": "approved",
    "REJECTED": "rejected",
    "CANCELED": "withdrawn",
    "DELETED": "withdrawn",
    "APPROVED reverted": "revoked",
    "CANCELED reverted": "revoked",
    "DELETED reverted": "revoked",
}
AXES = {
    "lifecycle": Words(at="word", words=_LIFECYCLE),
    "approval": Words(at="word", words=_APPROVAL),
}
_DECISIONS = {
    "PASS": "approved",
    "REJECT": "rejected",
    "TRANSFER": "transferred",
    "ROLLBACK": "returned",
    "ROLLBACK_SELECTED": "returned",
    "CANCEL": "withdrawn",
    "DELETE": "withdrawn",
}
"""What people did. AUTO_PASS, AUTO_REJECT and REMOVE_REPEAT are nobody's decision; START, CC and the moves
that add or remove approvers decide nothing."""


def word(raw: Raw) -> str:
    """Return an instance's status with what makes it mean something else."""
    status = str(raw.get("status") or "")
    if raw.get("reverted") is True:
        return f"{status} {REVERTED}"
    return f"{status} ROLLBACK" if status == PENDING and is_returned(raw) else status


def open_tasks(raw: Raw) -> list[Raw]:
    """Return the tasks that wait for somebody."""
    return [task for task in raw.get("task_list") or () if task.get("status") == PENDING]


def is_returned(raw: Raw) -> bool:
    """Tell whether the form lies with its requester again; a return to another approver is pending."""
    moves = [move.get("type") for move in raw.get("timeline") or ()]
    last = next((kind for kind in reversed(moves) if kind in ("PASS", *ROLLBACKS)), None)
    own = {raw.get("user_id") or None, raw.get("open_id") or None} - {None}
    holders = [
        {task.get("user_id") or None, task.get("open_id") or None} - {None} for task in open_tasks(raw)
    ]
    return last in ROLLBACKS and all(holder & own for holder in holders)


def state(raw: Raw, read_at: datetime) -> DocumentState:
    """Return the state on all axes."""
    return state_of({"word": word(raw)}, AXES, read_at)


def history(raw: Raw, kind: str) -> tuple[ApprovalEntry, ...]:
    """Return what people decided and said, in the order of its time.

    :param kind: which of Feishu's ids of people is told.
    """
    entries = [*_moves(raw, kind), *_comments(raw, kind)]
    return tuple(sorted(entries, key=lambda entry: entry.decided_at or datetime.max.replace(tzinfo=UTC)))


def _moves(raw: Raw, kind: str) -> Iterator[ApprovalEntry]:
    for move in raw.get("timeline") or ():
        decision = _DECISIONS.get(str(move.get("type")))
        if decision == "withdrawn" and raw.get("reverted") is True:
            decision = "revoked"
        if decision:
            yield _entry(move, kind, decision, move.get("comment"))


def _comments(raw: Raw, kind: str) -> Iterator[ApprovalEntry]:
    for comment in raw.get("comment_list") or ():
        yield _entry(comment, kind, "commented", said(comment.get("comment")))


def said(comment: Any) -> str:
    """Return the text of a comment, whether it is shown as text or as the JSON that it was sent as."""
    text = str(comment or "")
    try:
        found = json.loads(text) if text.startswith("{") else None
    except ValueError:
        return text
    return str(found["text"]) if isinstance(found, dict) and "text" in found else text


def _entry(item: Raw, kind: str, decision: Any, comment: Any) -> ApprovalEntry:
    return ApprovalEntry(
        approver=person(item, kind),
        decision=decision,
        decided_at=moment(item.get("create_time")),
        comment=str(comment or ""),
    )


def changed_at(raw: Raw) -> str:
    """Return the latest moment that the instance names, in ISO form; empty if it names none."""
    told = [moment(raw.get(name)) for name in ("start_time", "end_time")]
    told += [
        moment(item.get("create_time"))
        for name in ("timeline", "comment_list")
        for item in raw.get(name) or ()
    ]
    latest = max((instant for instant in told if instant), default=None)
    return latest.isoformat() if latest else ""
