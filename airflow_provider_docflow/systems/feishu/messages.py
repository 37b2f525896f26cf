"""
Messages: the application's bot to people or a chat, a group's own robot, and a reminder to approvers.

The bot's messages carry a ``uuid`` under which Feishu sends one within an hour. A robot's cannot be told
apart: a lost reply is an unknown outcome. Approvers are reminded in a *person's* name alone, with that
person's token; nothing in the instance shows a reminder, so it is no action that docflow could see landed.
Pages: "Send a message", "Custom bot usage guide"; the reminder after the vendor's client.
"""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.messages import Channel, Message
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.signing import lark_robot_signature
from airflow_provider_docflow.core.site import Site, dumps
from airflow_provider_docflow.systems.feishu.errors import MESSAGES_TOO_FAST, TOO_FAST
from airflow_provider_docflow.systems.feishu.wire import anonymous, api_url

MESSAGES = "/open-apis/im/v1/messages"
ROBOT = "/open-apis/bot/v2/hook"
REMIND = "/open-apis/approval/v4/instances/remind"
ID_TYPES = ("open_id", "user_id", "union_id", "email", "chat_id")
_SAME_MESSAGE = uuid.UUID("0b5d9f1e-43d5-5f0b-8a3e-5d8f3c0a7e21")


def send_message(site: Site, message: Message) -> Exchange[None]:
    """Send one message from the application's bot; ``receive_id_type`` says whose id the receiver is.

    :raises Rejected: the bot cannot reach them; ``field`` is ``users``.
    :raises UnknownOutcome: nobody saw the end.
    """
    kind = str(site.setting("receive_id_type", ID_TYPES[0]))
    if kind not in ID_TYPES:
        raise exc.Misconfigured(
            f"{kind!r} is no kind of receiver.",
            system=site.conn_id,
            field="receive_id_type",
            remedy=f"Use one of: {', '.join(ID_TYPES)}.",
        )
    body = {"receive_id": message.receiver, **_content(message)}
    if message.mark:
        body["uuid"] = str(uuid.uuid5(_SAME_MESSAGE, f"{message.mark}\x1f{message.receiver}"))
    site = replace(site, base_url=api_url(site))
    request = site.request("POST", MESSAGES, json=body, params={"receive_id_type": kind})
    # How fast a person or a group may be written to says nothing about the rest of the API.
    request.extensions = {**request.extensions, "docflow_own_limit": MESSAGES_TOO_FAST}
    yield from call(site, request, writes=True)


def _content(message: Message) -> dict[str, str]:
    """Return a message: a post with a title, else text. Content travels as JSON in text."""
    if not message.title:
        return {"msg_type": "text", "content": dumps({"text": message.text}).decode()}
    return {"msg_type": "post", "content": dumps({"zh_cn": _post(message)}).decode()}


def _post(message: Message) -> dict[str, Any]:
    lines = [[{"tag": "text", "text": line}] for line in message.text.splitlines() or [""]]
    return {"title": message.title, "content": lines}


def send_robot(site: Site, message: Message) -> Exchange[None]:
    """Post to the group whose robot the connection names (``robot_token``, ``robot_secret``).

    The token travels in the request target alone; the request's URL does not show it.

    :raises Misconfigured: the robot's token, keyword, signature or address is refused.
    """
    token, secret = str(site.required("robot_token")), str(site.setting("robot_secret", ""))
    content: dict[str, Any] = {"msg_type": "text", "content": {"text": message.text}}
    if message.title:
        content = {"msg_type": "post", "content": {"post": {"zh_cn": _post(message)}}}
    if secret:
        stamp = int(time.time())
        content |= {"timestamp": str(stamp), "sign": lark_robot_signature(stamp, secret)}
    site = anonymous(site)
    request = site.request("POST", ROBOT, json=content)
    own = (TOO_FAST, *MESSAGES_TOO_FAST)
    target = request.url.raw_path + b"/" + token.encode()
    request.extensions = {**request.extensions, "target": target, "docflow_own_limit": own}
    yield from call(site, request, writes=True)


def remind(site: Site, instance_code: str, task_ids: Sequence[str], comment: str = "") -> Exchange[None]:
    """Remind approvers of their open tasks, in the name of the person whose token the connection has.

    :raises Unsupported: the connection has no ``user_access_token``: an application may not remind.
    """
    token = str(site.setting("user_access_token", ""))
    if not token:
        raise exc.Unsupported(
            "Feishu lets people alone remind approvers, not an application.",
            system=site.conn_id,
            field="user_access_token",
            remedy="Give the connection a person's user_access_token (two hours), or send a message instead.",
        )
    body = {"instance_code": instance_code, "task_ids": [int(task) for task in task_ids], "comment": comment}
    site = anonymous(site)
    request: httpx2.Request = site.request("POST", REMIND, json=body)
    yield from call(site, with_headers(request, {"Authorization": f"Bearer {token}"}), writes=True)


def _robot_target(site: Site) -> str:
    """Name the robot by its token's digest: connections come and go, and the token is a secret."""
    token = str(site.required("robot_token"))
    return hashlib.sha256(f"docflow feishu robot\x1f{token}".encode()).hexdigest()[:24]


def _robot_limit(site: Site) -> Limit | None:
    return Limit(name="robot_per_minute", count=int(site.setting("robot_per_minute", 100)), seconds=60.0)


CHANNELS: Mapping[str, Channel] = {
    "message": Channel(send=send_message, to="people", target=lambda site: site.known_instance),
    "robot": Channel(
        send=send_robot, to="group", target=_robot_target, needs_login=False, limit=_robot_limit
    ),
}
