"""
What is done to a running approval, each once: the mark stands in the remark, and the instance is read first.

A remark is part of the instance itself, so reading the instance shows every one that was committed
(``unique``). A change or revocation that runs for an approved document is an instance of its own: tasks are
looked for in all of them. The form of an approval cannot be edited by API in the free edition, therefore
numbers are written back as a comment. Pages: "terminate-a-workflow-by-using-an-instance-id",
"approve-or-reject-the-approval-task", "add-an-approval-comment-pop", "Transfer an approval task".
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.writing import numbers_text, only_task, person_of, remark, target_of
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import Probe, Reading, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Attachment, DocumentRef
from airflow_provider_docflow.systems.dingtalk import files
from airflow_provider_docflow.systems.dingtalk.components import SCHEME, file_entries
from airflow_provider_docflow.systems.dingtalk.reading import INSTANCES, fetch
from airflow_provider_docflow.systems.dingtalk.states import Bundle, Raw
from airflow_provider_docflow.systems.dingtalk.wire import api

REDIRECT = "/v1.0/workflow/tasks/redirect"
TOO_EARLY_SECONDS = 15.0
"""DingTalk refuses to withdraw an approval for 15 seconds after it was submitted."""

_NOT_NOW = "aflowProcessInstStatusException"
Run = Callable[[Site, WriteItem], Exchange[Written]]


def records(raw: Mapping[str, Any], *kinds: str) -> Iterator[Raw]:
    """Yield the operation records of a reading, those of attached instances included."""
    for instance in (raw, *(raw.get("attached") or {}).values()):
        for record in instance.get("operationRecords") or ():
            if record.get("type") in kinds:
                yield record


def has_mark(*kinds: str, result: str = "") -> Callable[[Reading, WriteItem], bool]:
    """Return the test whether a record of one of these kinds carries the item's mark."""

    def landed(reading: Reading, item: WriteItem) -> bool:
        return any(
            f"[{item.mark}]" in str(record.get("remark") or "")
            for record in records(reading.raw, *kinds)
            if not result or record.get("result") == result
        )

    return landed


def withdraw(site: Site, item: WriteItem) -> Exchange[Written]:
    """Take an approval back: as its requester (argument ``user``), or without one as the system."""
    ref = target_of(item)
    user = item.arguments.get("user")
    body: dict[str, Any] = {
        "processInstanceId": ref.internal_id,
        "isSystem": not user,
        "remark": remark(item),
    }
    if user:
        body["operatingUserId"] = str(user)
    with about(ref.number or ref.internal_id):
        try:
            yield from api(site, "POST", f"{INSTANCES}/terminate", json=body, writes=True)
        except exc.Rejected as error:
            if error.code == _NOT_NOW:
                yield from _why_not(site, ref, error)
            raise
    return Written(ref=ref)


def _why_not(site: Site, ref: DocumentRef, error: exc.Rejected) -> Exchange[None]:
    """Tell an approval that is over from one that is too young, for which DingTalk has one code."""
    bundle = yield from fetch(site, ref.internal_id)
    if bundle.main.get("status") == "RUNNING":
        raise error.told_as(
            exc.Conflict,
            error.message,
            remedy="Nothing: an approval can be withdrawn 15 seconds after it was submitted.",
            retry_after=TOO_EARLY_SECONDS,
        ) from error


def decide(result: str) -> Run:
    """Return the action that does a user's open task.

    Arguments: ``user``, ``remark`` and, where the user has several open tasks, ``task_id``.
    """

    def run(site: Site, item: WriteItem) -> Exchange[Written]:
        ref, user = target_of(item), person_of(site, item, "user")
        with about(ref.number or ref.internal_id):
            bundle = yield from fetch(site, ref.internal_id)
            instance_id, task_id = open_task(site, bundle, user, item.arguments.get("task_id"))
            body = {
                "processInstanceId": instance_id,
                "taskId": task_id,
                "actionerUserId": user,
                "result": result,
                "remark": remark(item),
            }
            yield from api(site, "POST", f"{INSTANCES}/execute", json=body, writes=True)
        return Written(ref=ref, detail={"task_id": task_id})

    return run


def open_task(site: Site, bundle: Bundle, user: str, wanted: Any = None) -> tuple[str, int]:
    """Return instance id and task id of what waits for a user.

    :raises Rejected: nothing waits for them, or several tasks do and none is named.
    """
    found = {
        str(task["taskId"]): (instance_id, task["taskId"])
        for instance_id, raw in bundle.instances.items()
        if raw.get("status") == "RUNNING"
        for task in raw.get("tasks") or ()
        if task.get("status") == "RUNNING" and task.get("userId") == user
        if wanted in (None, "") or str(task.get("taskId")) == str(wanted)
    }
    return only_task(site, user, found)


def transfer(site: Site, item: WriteItem) -> Exchange[Written]:
    """Hand a user's open task to another (arguments ``user``, ``to_user``, ``remark``, ``task_id``)."""
    ref, user, to_user = target_of(item), person_of(site, item, "user"), person_of(site, item, "to_user")
    with about(ref.number or ref.internal_id):
        bundle = yield from fetch(site, ref.internal_id)
        _, task_id = open_task(site, bundle, user, item.arguments.get("task_id"))
        body = {"taskId": task_id, "operateUserId": user, "toUserId": to_user, "remark": remark(item)}
        yield from api(site, "POST", REDIRECT, json=body, writes=True)
    return Written(ref=ref, detail={"task_id": task_id})


def comment(site: Site, item: WriteItem) -> Exchange[Written]:
    """Add a comment (arguments ``text`` and ``user``, else the connection's ``acting_user_id``)."""
    return (yield from _say(site, item, str(item.arguments.get("text") or "")))


def write_back(site: Site, item: WriteItem) -> Exchange[Written]:
    """Write the numbers of what became of the document back, as a comment.

    Arguments: ``links`` (each with ``document_type``, ``number`` and, if known, ``system``), or ``text``;
    ``user`` as in :func:`comment`.
    """
    return (yield from _say(site, item, str(item.arguments.get("text") or "") or numbers_text(item)))


def attach(site: Site, item: WriteItem) -> Exchange[Written]:
    """Attach a file to an approval, by a comment that carries it.

    Arguments: ``file`` with ``name`` and ``content`` (base64), or with the ``name`` and ``uri`` of one that
    is in the approval space already; ``text`` and ``user`` as in :func:`comment`.
    """
    ref, user = target_of(item), person_of(site, item, "user", "acting_user_id")
    given = item.arguments.get("file") or {}
    with about(ref.number or ref.internal_id):
        if str(given.get("uri") or "").startswith(SCHEME):
            found = Attachment(name=str(given.get("name")), size=given.get("size"), uri=str(given["uri"]))
        else:
            found = yield from files.upload(site, user, str(given.get("name") or ""), _content(site, given))
        text = str(item.arguments.get("text") or found.name)
        written = yield from _say(site, item, text, attached=(found,))
    return Written(ref=written.ref, detail={"uri": found.uri, "sha256": found.sha256})


def _content(site: Site, given: Mapping[str, Any]) -> bytes:
    try:
        found = base64.b64decode(str(given.get("content") or ""), validate=True)
    except binascii.Error:
        found = b""
    if not found or not given.get("name"):
        raise exc.Misconfigured(
            "there is no file to attach.",
            system=site.conn_id,
            field="file",
            remedy='Give the argument file as {"name": "a.pdf", "content": BASE64}.',
        )
    return found


def _say(site: Site, item: WriteItem, text: str, attached: Sequence[Attachment] = ()) -> Exchange[Written]:
    ref = target_of(item)
    if not text:
        raise exc.Misconfigured("there is nothing to say.", system=site.conn_id, field="text")
    body: dict[str, Any] = {
        "processInstanceId": ref.internal_id,
        "text": remark(item, text),
        "commentUserId": person_of(site, item, "user", "acting_user_id"),
    }
    if attached:
        body["file"] = {"attachments": file_entries(attached)}
    with about(ref.number or ref.internal_id):
        yield from api(site, "POST", f"{INSTANCES}/comments", json=body, writes=True)
    return Written(ref=ref)


def _is_withdrawn(reading: Reading, item: WriteItem) -> bool:
    return str(reading.state.approval) == "withdrawn"


_EXECUTED = ("EXECUTE_TASK_NORMAL", "EXECUTE_TASK_AGENT")
_SEEN_AT_ONCE = Probe(quality="unique", settle_seconds=10.0)


def _write(run: Run, landed: Callable[[Reading, WriteItem], bool]) -> Write:
    return Write(run=one_by_one(run), probe=_SEEN_AT_ONCE, landed=landed)


ACTIONS: Mapping[str, Write] = {
    "withdraw": _write(withdraw, _is_withdrawn),
    "approve": _write(decide("agree"), has_mark(*_EXECUTED, result="AGREE")),
    "reject": _write(decide("refuse"), has_mark(*_EXECUTED, result="REFUSE")),
    "transfer": _write(transfer, has_mark("REDIRECT_TASK")),
    "comment": _write(comment, has_mark("ADD_REMARK")),
    "attach": _write(attach, has_mark("ADD_REMARK")),
    "write_back": _write(write_back, has_mark("ADD_REMARK")),
}
