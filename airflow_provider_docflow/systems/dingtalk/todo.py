"""
To-dos in DingTalk: created once, changed, done.

A to-do carries an id of the sender's (``sourceId``), which DingTalk refuses to take twice; it can be asked
for by that id. Creating is therefore exactly once, however often it is tried. Pages: "Create a to-do task"
(``todo/users/{unionId}/tasks``), "Update a to-do task", "Query a to-do task by sourceId".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.instants import milliseconds
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.dingtalk.people import union_id
from airflow_provider_docflow.systems.dingtalk.wire import api

TASKS = "/v1.0/todo/users/{owner}/tasks"
LONGEST_SUBJECT, LONGEST_DESCRIPTION = 1024, 4096
NOT_TAKEN = ("todo.taskCreate.paramError", "todo.taskCreate.lockError")
"""Also what DingTalk says of a sourceId that it has; only asking for it tells."""


def create_todo(
    site: Site,
    user: str,
    key: str,
    subject: str,
    *,
    description: str = "",
    due: datetime | None = None,
    url: str = "",
) -> Exchange[str]:
    """Put a to-do on somebody's list; return its id. Under the same key there is never a second one.

    :param user: user id; the to-do is theirs, and in their name.
    :param key: names it for good; what stands under it already is returned as it is.
    :param due: until when, as an aware instant.
    :param url: where it leads.
    """
    owner = yield from union_id(site, user)
    body = {
        "sourceId": key,
        "creatorId": owner,
        "executorIds": [owner],
        "isOnlyShowExecutor": True,
        **_content(subject, description, due),
    }
    if url:
        body["detailUrl"] = {"appUrl": url, "pcUrl": url}
    try:
        answer = yield from _call(site, "POST", TASKS, owner, json=body)
    except exc.Rejected as error:
        there = (yield from _by_key(site, owner, key)) if error.code in NOT_TAKEN else None
        if there is None:
            raise
        return there
    found = dig(answer, "id")
    if not found:
        raise exc.UnknownOutcome("DingTalk answers a to-do without its id.", system=site.conn_id)
    return str(found)


def find_todo(site: Site, user: str, key: str) -> Exchange[str | None]:
    """Return the id of the to-do under a key, or None."""
    owner = yield from union_id(site, user)
    return (yield from _by_key(site, owner, key))


def update_todo(
    site: Site,
    user: str,
    key: str,
    *,
    subject: str = "",
    description: str = "",
    due: datetime | None = None,
) -> Exchange[None]:
    """Change what a to-do says; what is not given stays.

    :raises NotFound: there is none under this key.
    """
    yield from _change(site, user, key, _content(subject, description, due))


def finish_todo(site: Site, user: str, key: str) -> Exchange[None]:
    """Mark a to-do as done.

    :raises NotFound: there is none under this key.
    """
    yield from _change(site, user, key, {"done": True})


def _change(site: Site, user: str, key: str, change: Mapping[str, Any]) -> Exchange[None]:
    owner = yield from union_id(site, user)
    task = yield from _by_key(site, owner, key)
    if task is None:
        raise exc.NotFound(f"{user} has no to-do {key}.", system=site.conn_id, field="key")
    answer = yield from _call(site, "PUT", f"{TASKS}/{{task}}", owner, task=task, json=change)
    if dig(answer, "result") is not True:
        raise exc.UnknownOutcome(
            "DingTalk does not say that it changed the to-do.", system=site.conn_id, document=key
        )


def _content(subject: str, description: str, due: datetime | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if subject:
        body["subject"] = subject[:LONGEST_SUBJECT]
    if description:
        body["description"] = description[:LONGEST_DESCRIPTION]
    if due is not None:
        body["dueTime"] = milliseconds(due)
    return body


def _by_key(site: Site, owner: str, key: str) -> Exchange[str | None]:
    try:
        answer = yield from api(site, "GET", f"{TASKS}/sources/{{key}}", owner=owner, key=key)
    except (exc.NotFound, exc.Rejected):
        return None
    found = dig(answer, "id")
    return str(found) if found and str(dig(answer, "sourceId") or key) == key else None


def _call(site: Site, method: str, path: str, owner: str, **more: Any) -> Exchange[Any]:
    query = {"operatorId": owner}
    return (yield from api(site, method, path, owner=owner, params=query, writes=True, **more))
