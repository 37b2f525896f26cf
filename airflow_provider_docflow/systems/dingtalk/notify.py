"""
Messages: a group's robot, and work notifications to single people.

Both are answered HTTP 200 with an ``errcode``, and neither can be asked for twice without being sent twice: a
lost reply is an unknown outcome. Pages: "Custom robot: send a group message" and its security settings,
"Send a work notification", "Query the result of a work notification".
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.requests import with_hidden_query
from airflow_provider_docflow.core.signing import robot_signature
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.dingtalk.errors import ROBOT_TOO_FAST
from airflow_provider_docflow.systems.dingtalk.wire import anonymous, oapi, oapi_url

ROBOT = "/robot/send"
NOTICE = "/topapi/message/corpconversation/asyncsend_v2"
NOTICE_RESULT = "/topapi/message/corpconversation/getsendresult"
MOST_RECEIVERS = 100
ROBOT_LIMIT = Limit(name="robot_per_minute", count=20, seconds=60.0)
"""Per robot. Beyond it DingTalk mutes the robot, as far as is known for ten minutes."""


def send_robot(
    site: Site,
    text: str,
    *,
    title: str = "",
    mention_users: Sequence[str] = (),
    mention_mobiles: Sequence[str] = (),
    mention_all: bool = False,
) -> Exchange[None]:
    """Post to the group whose robot the connection names (``robot_token``, ``robot_secret``).

    The token and the signature travel in the request target alone; the request's URL shows neither.

    :param text: plain text, or Markdown where ``title`` is given.
    :raises Misconfigured: the robot's token, keyword, signature or address is refused.
    :raises RateLimited: more than 20 messages in a minute; ``retry_after`` is the time of the mute.
    """
    token, secret = str(site.required("robot_token")), str(site.setting("robot_secret", ""))
    at = {"atUserIds": list(mention_users), "atMobiles": list(mention_mobiles), "isAtAll": mention_all}
    site = replace(anonymous(site), base_url=oapi_url(site))
    query = {"access_token": token}
    if secret:
        stamp = int(time.time() * 1000)
        query |= {"timestamp": str(stamp), "sign": robot_signature(stamp, secret)}
    request = with_hidden_query(site.request("POST", ROBOT, json={**message(text, title), "at": at}), query)
    # A muted robot says nothing about the instance that others call.
    request.extensions = {**request.extensions, "docflow_own_limit": (ROBOT_TOO_FAST,)}
    try:
        yield from call(site, request, writes=True)
    except exc.RateLimited as error:
        if error.code == ROBOT_TOO_FAST and error.retry_after is None:
            error.retry_after = float(site.setting("robot_mute_seconds", 600))
        raise


def send_work_notice(site: Site, users: Sequence[str], text: str, *, title: str = "") -> Exchange[str]:
    """Hand DingTalk a notification for people's work chat and return the id of the task.

    DingTalk has only accepted it then: see :func:`work_notice_result`. It delivers the same content to the
    same person once a day.

    :param users: at most 100 user ids.
    """
    if not users or len(users) > MOST_RECEIVERS:
        raise exc.Misconfigured(
            f"a work notification goes to 1 to {MOST_RECEIVERS} people, not {len(users)}.",
            system=site.conn_id,
            field="users",
            remedy="Send it in parts, each with a key of its own.",
        )
    body = {
        "agent_id": site.required("agent_id"),
        "userid_list": ",".join(users),
        "msg": message(text, title),
    }
    answer = yield from oapi(site, NOTICE, body, writes=True)
    task_id = dig(answer, "task_id")
    if not task_id:
        raise exc.UnknownOutcome("DingTalk answers a notification without a task.", system=site.conn_id)
    return str(task_id)


def work_notice_result(site: Site, task_id: str) -> Exchange[Mapping[str, list[str]]]:
    """Return whom a work notification reached, for 24 hours: user ids by ``read``, ``unread``, ``forbidden``
    (sent the same already, or too many), ``invalid`` and ``failed``.
    """
    body = {"agent_id": site.required("agent_id"), "task_id": int(task_id)}
    answer = yield from oapi(site, NOTICE_RESULT, body)
    lists = dig(answer, "send_result") or {}
    names = ("read", "unread", "forbidden", "invalid", "failed")
    return {name: [str(user) for user in lists.get(f"{name}_user_id_list") or ()] for name in names}


def message(text: str, title: str = "") -> dict[str, Any]:
    """Return a message of either API: Markdown with a title, else text."""
    if title:
        return {"msgtype": "markdown", "markdown": {"title": title, "text": text}}
    return {"msgtype": "text", "text": {"content": text}}
