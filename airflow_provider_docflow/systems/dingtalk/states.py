"""
What an approval instance says, together with those attached to it. Pure.

An approved form that is changed or revoked later stays as it is: DingTalk opens a new instance for that
(``bizAction`` MODIFY or REVOKE) and names it in ``attachedProcessInstanceIds``. A MODIFY brings the
document's values from the moment it is asked for, and the document is pending until it is decided; refused
or withdrawn it never was. A REVOKE makes it pending too, and revoked once it is agreed. Words that are not
listed are ``unknown``. Page: "obtains-the-details-of-a-single-approval-instance-pop".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow.core.profile import ApprovalEntry
from airflow_provider_docflow.core.states import Words, state_of
from airflow_provider_docflow.document import DocumentState
from airflow_provider_docflow.systems.dingtalk.wire import moment

Raw = Mapping[str, Any]

_LIFECYCLE = {
    "RUNNING": "submitted",
    "RUNNING REDIRECT_PROCESS": "submitted",
    "COMPLETED agree": "active",
    "COMPLETED refuse": "closed",
    "TERMINATED": "cancelled",
    "MODIFY RUNNING": "active",
    "MODIFY RUNNING REDIRECT_PROCESS": "active",
    "REVOKE RUNNING": "active",
    "REVOKE RUNNING REDIRECT_PROCESS": "active",
    "REVOKE COMPLETED agree": "cancelled",
}
_APPROVAL = {
    "RUNNING": "pending",
    "RUNNING REDIRECT_PROCESS": "returned",
    "COMPLETED agree": "approved",
    "COMPLETED refuse": "rejected",
    "TERMINATED": "withdrawn",
    "MODIFY RUNNING": "pending",
    "MODIFY RUNNING REDIRECT_PROCESS": "returned",
    "REVOKE RUNNING": "pending",
    "REVOKE RUNNING REDIRECT_PROCESS": "pending",
    "REVOKE COMPLETED agree": "revoked",
}
AXES = {
    "lifecycle": Words(at="word", words=_LIFECYCLE),
    "approval": Words(at="word", words=_APPROVAL),
}
_VOID = ("COMPLETED refuse", "TERMINATED")
_AGREED = "COMPLETED agree"
_DECIDED = {"AGREE": "approved", "REFUSE": "rejected"}
_RECORDS = {
    "ADD_REMARK": "commented",
    "REDIRECT_TASK": "transferred",
    "REDIRECT_PROCESS": "returned",
    "TERMINATE_PROCESS_INSTANCE": "withdrawn",
    # Somebody else is asked as well, before or after whoever adds them: that signs nothing by itself.
    "APPEND_TASK_BEFORE": "commented",
    "APPEND_TASK_AFTER": "commented",
}
_NO_DECISION = ("START_PROCESS_INSTANCE", "FINISH_PROCESS_INSTANCE", "PROCESS_CC", "NONE", "")
_EXECUTED = ("EXECUTE_TASK_NORMAL", "EXECUTE_TASK_AGENT")


@dataclass(frozen=True)
class Bundle:
    """One document: its main instance and those attached to it, oldest first, each as DingTalk shows it."""

    main_id: str
    main: Raw
    attached: Mapping[str, Raw]

    @property
    def instances(self) -> dict[str, Raw]:
        """All instances by id, the main one first."""
        return {self.main_id: self.main, **self.attached}


@dataclass(frozen=True)
class Standing:
    """Where a document stands: the vendor's words for it, the instance whose values it has, its revision."""

    word: str
    current: Raw
    revision: int


def outcome(raw: Raw) -> str:
    """Return an instance's status with what makes it mean something: its result, or that it was returned."""
    status = str(raw.get("status") or "")
    if status == "COMPLETED":
        return f"{status} {raw.get('result') or ''}".strip()
    return f"{status} REDIRECT_PROCESS" if status == "RUNNING" and _is_returned(raw) else status


def _is_returned(raw: Raw) -> bool:
    """Tell whether the form lies with its requester again; a return to another approver is pending."""
    moves = [record.get("type") for record in raw.get("operationRecords") or ()]
    last = next((kind for kind in reversed(moves) if kind in (*_EXECUTED, "REDIRECT_PROCESS")), None)
    holders = {task.get("userId") for task in raw.get("tasks") or () if task.get("status") == "RUNNING"}
    return last == "REDIRECT_PROCESS" and holders <= {raw.get("originatorUserId")}


def standing(bundle: Bundle) -> Standing:
    """Return where the document stands after everything that is attached to it."""
    found = Standing(outcome(bundle.main), bundle.main, 1)
    for raw in bundle.attached.values():
        action, said = str(raw.get("bizAction") or ""), outcome(raw)
        if action in ("MODIFY", "REVOKE") and said in _VOID:
            continue
        if action == "MODIFY":
            word = _AGREED if said == _AGREED else f"MODIFY {said}"
            found = Standing(word, raw, found.revision + 1)
        else:
            found = Standing(f"{action} {said}".strip(), found.current, found.revision)
            if found.word == "REVOKE COMPLETED agree":
                break
    return found


def state(bundle: Bundle, read_at: datetime) -> DocumentState:
    """Return the state on all axes."""
    return state_of({"word": standing(bundle).word}, AXES, read_at)


def history(bundle: Bundle) -> tuple[ApprovalEntry, ...]:
    """Return what people decided, in DingTalk's order; a modification voids what was signed before it."""
    entries = list(_entries(bundle.main))
    for raw in bundle.attached.values():
        action, said = raw.get("bizAction"), outcome(raw)
        if action == "MODIFY" and said not in _VOID:
            entries.append(
                _entry(raw, "revoked", raw.get("originatorUserId"), raw.get("createTime"), "MODIFY")
            )
            entries.extend(_entries(raw))
        elif action == "REVOKE" and said == _AGREED:
            entries.extend(_revocations(raw))
        else:
            entries.extend(entry for entry in _entries(raw) if entry.decision == "commented")
    return tuple(entries)


def _revocations(raw: Raw) -> Iterator[ApprovalEntry]:
    for record in raw.get("operationRecords") or ():
        if record.get("type") in _EXECUTED and record.get("result") == "AGREE":
            yield _entry(raw, "revoked", record.get("userId"), record.get("date"), record.get("remark"))


def _entries(raw: Raw) -> Iterator[ApprovalEntry]:
    for record in raw.get("operationRecords") or ():
        kind, result = record.get("type"), record.get("result")
        decision = _DECIDED.get(str(result)) if kind in _EXECUTED else _RECORDS.get(str(kind))
        remark = str(record.get("remark") or "")
        if kind in _EXECUTED and _is_of_requester(raw, record):
            decision = None
        elif decision is None and kind not in (*_EXECUTED, *_NO_DECISION):
            # A word that nobody listed decides nothing, and is not passed over either.
            decision = "commented"
        if decision == "commented" and kind != "ADD_REMARK":
            remark = f"{kind}: {remark}" if remark else str(kind)
        if decision is not None:
            principal = _principal(raw, record) if kind == "EXECUTE_TASK_AGENT" else ""
            yield _entry(raw, decision, record.get("userId"), record.get("date"), remark, principal)


def _is_of_requester(raw: Raw, record: Raw) -> bool:
    """Tell whether this only is the requester who hands a returned form in again: that signs nothing."""
    if record.get("userId") != raw.get("originatorUserId"):
        return False
    activity = record.get("activityId")
    moves: Sequence[Raw] = raw.get("operationRecords") or ()
    before = moves[: next(n for n, other in enumerate(moves) if other is record)]
    last = next((item.get("type") for item in reversed(before) if item.get("type") != "ADD_REMARK"), None)
    tasks = [task for task in raw.get("tasks") or () if task.get("activityId") == activity]
    return last == "REDIRECT_PROCESS" and all(task.get("userId") == record.get("userId") for task in tasks)


def _principal(raw: Raw, record: Raw) -> str:
    """Return for whom a delegate acted; empty where the instance does not say it beyond doubt."""
    users = {
        str(task.get("userId"))
        for task in raw.get("tasks") or ()
        if task.get("activityId") == record.get("activityId")
        and task.get("result") == record.get("result")
        and task.get("finishTime") == record.get("date")
    } - {str(record.get("userId"))}
    return users.pop() if len(users) == 1 else ""


def _entry(
    raw: Raw, decision: Any, user: Any, date: Any, comment: Any, on_behalf_of: str = ""
) -> ApprovalEntry:
    return ApprovalEntry(
        approver=str(user or ""),
        decision=decision,
        decided_at=moment(date),
        comment=str(comment or ""),
        on_behalf_of=on_behalf_of,
    )


def changed_at(bundle: Bundle) -> str:
    """Return the latest moment that any instance names, in ISO form and to the minute; empty if none does."""
    told = [
        moment(text)
        for raw in bundle.instances.values()
        for text in (
            raw.get("createTime"),
            raw.get("finishTime"),
            *(record.get("date") for record in raw.get("operationRecords") or ()),
        )
    ]
    latest = max((instant for instant in told if instant), default=None)
    return latest.astimezone(UTC).isoformat() if latest else ""
