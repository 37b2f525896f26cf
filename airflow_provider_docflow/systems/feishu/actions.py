"""
What is done to a running approval, each once: the mark stands in the comment, and the instance is read first.

Timeline and comments are part of the instance itself, so reading it shows every one that was committed
(``unique``). A form cannot be edited by API, therefore numbers are written back as a comment. Only its
requester may withdraw an approval, and docflow does it while it is pending: to withdraw an approved one opens
a revocation, which is a decision of its own. Pages: "Approve / reject / transfer an approval task", "Recall
an approval instance", "Copy an approval instance", "Create a comment".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.writing import numbers_text, only_task, person_of, remark, target_of
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import Probe, Reading, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site, dumps
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.feishu.forms import form_of
from airflow_provider_docflow.systems.feishu.reading import INSTANCES, fetch
from airflow_provider_docflow.systems.feishu.states import PENDING, Raw, open_tasks
from airflow_provider_docflow.systems.feishu.wire import api, id_type, person

TASKS = "/open-apis/approval/v4/tasks"
Run = Callable[[Site, WriteItem], Exchange[Written]]


def _about(site: Site, form: Form, ref: DocumentRef, user: str) -> dict[str, Any]:
    return {"approval_code": form.code, "instance_code": ref.internal_id, "user_id": user}


def _post(site: Site, path: str, body: Mapping[str, Any]) -> Exchange[Any]:
    params = {"user_id_type": id_type(site)}
    kind = path.rpartition("/")[2]
    return (yield from api(site, "POST", path, json=dict(body), params=params, writes=True, kind=kind))


def withdraw(site: Site, item: WriteItem) -> Exchange[Written]:
    """Take a pending approval back, in its requester's name.

    :raises Rejected: it is not pending any more.
    """
    ref = target_of(item)
    form = form_of(site, ref.document_type)
    with about(ref.number or ref.internal_id):
        raw = yield from fetch(site, form, ref.internal_id)
        if raw.get("status") != PENDING:
            raise exc.Rejected(
                f"the approval is {raw.get('status')}, and only a pending one is withdrawn.",
                system=site.conn_id,
                field="status",
                remedy="Let its requester revoke an approved one in Feishu.",
            )
        user = person(raw, id_type(site))
        yield from _post(site, f"{INSTANCES}/cancel", _about(site, form, ref, user))
    return Written(ref=ref)


def decide(verb: str) -> Run:
    """Return the action that does a user's open task.

    Arguments: ``user``, ``remark`` and, where the user has several open tasks, ``task_id``; for a transfer
    ``to_user``.
    """

    def run(site: Site, item: WriteItem) -> Exchange[Written]:
        ref, user = target_of(item), person_of(site, item, "user")
        form = form_of(site, ref.document_type)
        more = {"transfer_user_id": person_of(site, item, "to_user")} if verb == "transfer" else {}
        with about(ref.number or ref.internal_id):
            raw = yield from fetch(site, form, ref.internal_id)
            task_id = open_task(site, raw, user, item.arguments.get("task_id"))
            body = {**_about(site, form, ref, user), "task_id": task_id, "comment": remark(item), **more}
            yield from _post(site, f"{TASKS}/{verb}", body)
        return Written(ref=ref, detail={"task_id": task_id})

    return run


def open_task(site: Site, raw: Raw, user: str, wanted: Any = None) -> str:
    """Return the id of what waits for a user.

    :raises Rejected: nothing waits for them, or several tasks do and none is named.
    """
    kind = id_type(site)
    found = {
        str(task["id"]): str(task["id"])
        for task in open_tasks(raw)
        if raw.get("status") == PENDING and person(task, kind) == user
        if wanted in (None, "") or str(task.get("id")) == str(wanted)
    }
    return only_task(site, user, found)


def copy(site: Site, item: WriteItem) -> Exchange[Written]:
    """Send copies to people (arguments ``users``; ``user``, else the connection's ``acting_user_id``)."""
    ref, user = target_of(item), person_of(site, item, "user", "acting_user_id")
    form, users = form_of(site, ref.document_type), _users(item)
    if not users:
        raise exc.Misconfigured("nobody is to get a copy.", system=site.conn_id, field="users")
    body = {**_about(site, form, ref, user), "cc_user_ids": users, "comment": remark(item)}
    with about(ref.number or ref.internal_id):
        yield from _post(site, f"{INSTANCES}/cc", body)
    return Written(ref=ref)


def _users(item: WriteItem) -> list[str]:
    given = item.arguments.get("users") or ()
    return [given] if isinstance(given, str) else [str(user) for user in given]


def comment(site: Site, item: WriteItem) -> Exchange[Written]:
    """Add a comment (arguments ``text`` and ``user``, else the connection's ``acting_user_id``)."""
    return (yield from _say(site, item, str(item.arguments.get("text") or "")))


def write_back(site: Site, item: WriteItem) -> Exchange[Written]:
    """Write the numbers of what became of the document back, as a comment.

    Arguments: ``links`` (each with ``document_type``, ``number`` and, if known, ``system``), or ``text``;
    ``user`` as in :func:`comment`.
    """
    return (yield from _say(site, item, str(item.arguments.get("text") or "") or numbers_text(item)))


def _say(site: Site, item: WriteItem, text: str) -> Exchange[Written]:
    ref = target_of(item)
    if not text:
        raise exc.Misconfigured("there is nothing to say.", system=site.conn_id, field="text")
    user = person_of(site, item, "user", "acting_user_id")
    content = dumps({"text": remark(item, text)}).decode()
    with about(ref.number or ref.internal_id):
        yield from api(
            site,
            "POST",
            f"{INSTANCES}/{{code}}/comments",
            json={"content": content},
            params={"user_id_type": id_type(site), "user_id": user},
            writes=True,
            code=ref.internal_id,
        )
    return Written(ref=ref)


def _moved(kind: str) -> Callable[[Reading, WriteItem], bool]:
    """Return the test whether a move of this kind carries the item's mark."""

    def landed(reading: Reading, item: WriteItem) -> bool:
        moves = (move for move in reading.raw.get("timeline") or () if move.get("type") == kind)
        return any(f"[{item.mark}]" in str(move.get("comment") or "") for move in moves)

    return landed


def _is_said(reading: Reading, item: WriteItem) -> bool:
    comments = reading.raw.get("comment_list") or ()
    return any(f"[{item.mark}]" in str(comment.get("comment") or "") for comment in comments)


def _is_withdrawn(reading: Reading, item: WriteItem) -> bool:
    return str(reading.state.approval) == "withdrawn"


def _are_copied(reading: Reading, item: WriteItem) -> bool:
    return bool(_users(item)) and set(_users(item)) <= set(_copied(reading.raw))


def _copied(raw: Raw) -> Iterator[str]:
    for move in raw.get("timeline") or ():
        for one in move.get("cc_user_list") or () if move.get("type") == "CC" else ():
            yield from (str(one[name]) for name in ("user_id", "open_id") if one.get(name))


_SEEN_AT_ONCE = Probe(quality="unique", settle_seconds=10.0)


def _write(run: Run, landed: Callable[[Reading, WriteItem], bool]) -> Write:
    return Write(run=one_by_one(run), probe=_SEEN_AT_ONCE, landed=landed)


ACTIONS: Mapping[str, Write] = {
    "withdraw": _write(withdraw, _is_withdrawn),
    "approve": _write(decide("approve"), _moved("PASS")),
    "reject": _write(decide("reject"), _moved("REJECT")),
    "transfer": _write(decide("transfer"), _moved("TRANSFER")),
    "copy": _write(copy, _are_copied),
    "comment": _write(comment, _is_said),
    "write_back": _write(write_back, _is_said),
}
