"""
What reaches single people through the application's robot, a 1:1 message or a DING, and their union ids.

Neither can be asked for afterwards by a key of ours: a lost reply is an unknown outcome. DingTalk has no call
that reminds the approvers of an approval; a DING or a to-do is what comes nearest. Pages: "Send messages in
one-to-one chats in batches" (``robot/oToMessages/batchSend``), "Send a DING message" (``robot/ding/send``),
"Query user details" (``topapi/v2/user/get``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.dingtalk.wire import api, oapi

OTO = "/v1.0/robot/oToMessages/batchSend"
DING = "/v1.0/robot/ding/send"
USER = "/topapi/v2/user/get"
MOST_IN_CHATS = 20


def robot_code(site: Site) -> str:
    """Return the application's robot; unless the connection names one, it has the app key's name."""
    return str(site.setting("robot_code") or site.username)


def send_oto(site: Site, users: Sequence[str], text: str, *, title: str = "") -> Exchange[str]:
    """Write to people in their chats with the robot; return DingTalk's key of the message.

    :param users: at most 20 user ids.
    :param text: plain text, or Markdown where ``title`` is given.
    :raises Rejected: DingTalk knows nobody of that id, or does not let the robot write to them; a receiver
        among several is named, and the others have got it.
    :raises RateLimited: somebody has got too many messages of this robot; they have not got this one.
    """
    if not users or len(users) > MOST_IN_CHATS:
        raise exc.Misconfigured(
            f"a message goes to 1 to {MOST_IN_CHATS} people, not {len(users)}.",
            system=site.conn_id,
            field="users",
            remedy="Send it in parts, each with a key of its own.",
        )
    param = {"title": title, "text": text} if title else {"content": text}
    body = {
        "robotCode": robot_code(site),
        "userIds": list(users),
        "msgKey": "sampleMarkdown" if title else "sampleText",
        "msgParam": json.dumps(param, ensure_ascii=False),
    }
    answer = yield from api(site, "POST", OTO, json=body, writes=True)
    for name, word in (("invalidStaffIdList", "invalid"), ("filteredStaffIdList", "filtered")):
        if left_out := dig(answer, name):
            raise unreached(site, left_out, word)
    if slowed := dig(answer, "flowControlledStaffIdList"):
        raise exc.RateLimited(
            f"DingTalk did not deliver to {', '.join(map(str, slowed))}: too many messages.",
            system=site.conn_id,
            field="users",
            code="receiver.flow_controlled",
        )
    key = dig(answer, "processQueryKey")
    if not key:
        raise exc.UnknownOutcome("DingTalk answers a message without its key.", system=site.conn_id)
    return str(key)


def send_ding(site: Site, users: Sequence[str], text: str, *, by: int | None = None) -> Exchange[str]:
    """Ding people, which shows until they have confirmed it; return DingTalk's id of the DING.

    :param by: 1 in the application, 2 by SMS, 3 by telephone; the connection's ``ding_type`` if not given.
    :raises Rejected: somebody could not be reached.
    """
    body: dict[str, Any] = {
        "robotCode": robot_code(site),
        "remindType": int(site.setting("ding_type", 1)) if by is None else by,
        "receiverUserIdList": list(users),
        "content": text,
    }
    answer = yield from api(site, "POST", DING, json=body, writes=True)
    if failed := dig(answer, "failedList"):
        raise unreached(site, list(failed), "failed")
    found = dig(answer, "openDingId")
    if not found:
        raise exc.UnknownOutcome("DingTalk answers a DING without its id.", system=site.conn_id)
    return str(found)


def unreached(site: Site, people: Sequence[Any], word: str) -> exc.Rejected:
    """Return the error for people to whom DingTalk does not deliver."""
    return exc.Rejected(
        f"DingTalk does not deliver to {', '.join(map(str, people))}: {word}.",
        system=site.conn_id,
        field="users",
        code=f"receiver.{word}",
        remedy="Check the user id, and that the person is within the application's range.",
    )


def union_id(site: Site, user: str) -> Exchange[str]:
    """Return the id under which to-dos and files know a person of the corporation.

    :raises Rejected: DingTalk knows nobody of that id.
    """
    answer = yield from oapi(site, USER, {"userid": user})
    found = dig(answer, "result.unionid")
    if not found:
        raise exc.Rejected(
            f"DingTalk gives no union id of {user}.",
            system=site.conn_id,
            field="user",
            remedy="Check the user id, and that the application may read the person.",
        )
    return str(found)
