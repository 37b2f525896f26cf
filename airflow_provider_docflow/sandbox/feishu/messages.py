"""Messages of the Feishu stand-in: the application's bot, and robots of groups.

Vendor pages: "Send a message" (one per ``uuid`` within an hour), "Custom bot usage guide" (HTTP 200 whatever
happens; a signature within an hour; keywords).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.feishu import errors
from airflow_provider_docflow.sandbox.feishu.api import Call
from airflow_provider_docflow.sandbox.feishu.errors import ApiError
from airflow_provider_docflow.sandbox.feishu.identity import Identity
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS feishu_message (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, channel TEXT NOT NULL, uuid TEXT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS feishu_robot (token TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
_HOUR = 3_600_000
_KINDS = ("open_id", "user_id", "union_id", "email", "chat_id")
_LONGEST = 150 * 1024


class Messages:
    """What was sent, and to whom."""

    def __init__(self, store: Store, clock: Clock, identity: Identity) -> None:
        self._store, self._clock, self._identity = store, clock, identity
        store.create(SCHEMA)

    def register_robot(self, token: str, secret: str = "", keywords: list[str] | None = None) -> None:
        """Enter a group's robot."""
        body = dumps({"secret": secret, "keywords": keywords or []})
        self._store.execute("INSERT OR REPLACE INTO feishu_robot VALUES (?, ?)", (token, body))

    def sent(self, channel: str = "") -> list[dict[str, Any]]:
        """Return what was sent, oldest first."""
        rows = self._store.all(
            "SELECT * FROM feishu_message WHERE ? IN ('', channel) ORDER BY id", (channel,)
        )
        return [{"channel": row["channel"], "at": row["at"], **loads(row["body"])} for row in rows]

    def send(self, call: Call) -> dict[str, Any]:
        """Page "Send a message"."""
        kind = call.query.get("receive_id_type", "")
        content, receiver = call.body.get("content"), str(call.body.get("receive_id") or "")
        if not call.app["bot"]:
            raise ApiError(errors.NO_BOT)
        if kind not in _KINDS or not receiver or not call.body.get("msg_type") or not _json(content):
            raise ApiError(errors.BAD_MESSAGE)
        if len(str(content).encode()) > _LONGEST:
            raise ApiError(errors.BAD_MESSAGE, "content is too long")
        if kind in ("open_id", "user_id"):
            try:
                self._identity.known(receiver)
            except ApiError:
                raise ApiError(errors.NO_RECEIVER) from None
        key, now = call.body.get("uuid"), self._clock.now()
        known = key and self._store.value(
            "SELECT id FROM feishu_message WHERE uuid = ? AND at > ?", (key, now - _HOUR)
        )
        number = known or self._keep("message", {"to": receiver, "to_type": kind, **call.body}, key)
        return {"message_id": f"om_{int(number):032x}", "msg_type": call.body["msg_type"], "deleted": False}

    def robot(self, token: str, body: dict[str, Any]) -> dict[str, Any]:
        """Page "Custom bot usage guide"."""
        text = self._store.value("SELECT body FROM feishu_robot WHERE token = ?", (token,))
        if text is None:
            raise ApiError(errors.ROBOT_UNKNOWN)
        robot = loads(text)
        self._identity.limit(token, "/open-apis/bot/v2/hook/*")
        if robot["secret"] and not self._signed(robot["secret"], body):
            raise ApiError(errors.ROBOT_SIGN)
        content = json.dumps(body.get("content"), ensure_ascii=False)
        if robot["keywords"] and not any(word in content for word in robot["keywords"]):
            raise ApiError(errors.ROBOT_KEYWORD)
        self._keep("robot", {"msg_type": body.get("msg_type"), "content": body.get("content")}, None)
        return {"code": 0, "msg": "success", "data": {}, "StatusCode": 0, "StatusMessage": "success"}

    def _signed(self, secret: str, body: dict[str, Any]) -> bool:
        stamp = str(body.get("timestamp") or "")
        key = f"{stamp}\n{secret}".encode()
        wanted = base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()
        fresh = stamp.isdigit() and abs(int(stamp) * 1000 - self._clock.now()) <= _HOUR
        return fresh and secrets.compare_digest(wanted, str(body.get("sign") or ""))

    def _keep(self, channel: str, body: dict[str, Any], key: Any) -> int:
        cursor = self._store.execute(
            "INSERT INTO feishu_message (at, channel, uuid, body) VALUES (?, ?, ?, ?)",
            (self._clock.now(), channel, key, dumps(body)),
        )
        return int(cursor.lastrowid or 0)


def _json(text: Any) -> bool:
    try:
        return isinstance(text, str) and isinstance(json.loads(text), dict)
    except ValueError:
        return False
