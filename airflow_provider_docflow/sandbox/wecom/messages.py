"""Messages of applications, robots of groups, and uploaded files.

Vendor pages: "发送应用消息" (90236), "更新模版卡片消息" (94888), "撤回应用消息" (94867),
"上传临时素材" (90253), "消息推送配置说明" (91770, robots). A message that is sent again within its
duplicate check is answered like the first and goes out once. What a person gets beyond 30 a minute is
dropped without a word.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.store import Store, dumps, loads
from airflow_provider_docflow.sandbox.wecom.wire import Call, WecomError

SCHEMA = """
CREATE TABLE IF NOT EXISTS wecom_message (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, channel TEXT NOT NULL, receiver TEXT NOT NULL,
    msgid TEXT NOT NULL, digest TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS wecom_message_receiver ON wecom_message (channel, receiver, at);
CREATE TABLE IF NOT EXISTS wecom_media (
    id TEXT PRIMARY KEY, at INTEGER NOT NULL, name TEXT NOT NULL, robot TEXT NOT NULL, size INTEGER NOT NULL);
"""
KINDS = ("text", "image", "voice", "video", "file", "textcard", "news", "mpnews", "markdown", "template_card")
ROBOT_KINDS = ("text", "markdown", "markdown_v2", "image", "news", "file", "voice", "template_card")
INTERACTIVE = ("button_interaction", "vote_interaction", "multiple_interaction")
NOTICES = ("text_notice", "news_notice")
_PER_MINUTE, _PER_PERSON, _MINUTE = 20, 30, 60_000
_DAY = 86_400_000


class Messages:
    """Sends, and remembers what was sent."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        store.create(SCHEMA)

    def send(self, call: Call) -> dict[str, Any]:
        """Page 90236."""
        body = call.body
        if body.get("agentid") != call.app["agent_id"] or isinstance(body["agentid"], bool):
            raise WecomError(301002)
        users = [user for user in str(body.get("touser") or "").split("|") if user]
        if len(users) > 1000 or body.get("msgtype") not in KINDS:
            raise WecomError(40058, "touser or msgtype")
        card = self._card(body, call.app, (*NOTICES, *INTERACTIVE))
        valid, invalid = self._reached(users)
        if not valid:
            raise WecomError(81013)
        digest = _digest(body)
        msgid = self._same(body, digest) or secrets.token_urlsafe(24)
        if self._store.value("SELECT 1 FROM wecom_message WHERE msgid = ?", (msgid,)) is None:
            for user in valid:
                self._keep("app", user, msgid, digest, body, self._state(user))
        answer: dict[str, Any] = {"msgid": msgid, "invaliduser": "|".join(user.lower() for user in invalid)}
        if card in INTERACTIVE:
            answer["response_code"] = f"{msgid}-code"
        return answer

    def _card(self, body: dict[str, Any], app: dict[str, Any], allowed: tuple[str, ...]) -> str:
        if body.get("msgtype") != "template_card":
            return ""
        card = body.get("template_card") or {}
        kind, task = card.get("card_type"), card.get("task_id")
        if kind not in allowed:
            raise WecomError(40058, "card_type")
        if kind in INTERACTIVE and (not task or len(str(task).encode()) > 128):
            raise WecomError(40058, "task_id")
        if task:
            self._take(f"{app.get('agent_id')} {task}", _digest(body))
        return str(kind)

    def _take(self, task: str, digest: str) -> None:
        """Refuse a task's id that another card has."""
        sql = "SELECT digest FROM wecom_message WHERE channel = 'task' AND receiver = ?"
        taken = self._store.value(sql, (task,))
        if taken is None:
            self._keep("task", task, "", digest, {}, "taken")
        elif taken != digest:
            raise WecomError(40058, "task_id is used")

    def _reached(self, users: list[str]) -> tuple[list[str], list[str]]:
        staff = self._store.setting("wecom_users")
        if staff is None:
            return users, []
        known = {name.lower() for name in staff}
        valid = [user for user in users if user.lower() in known]
        return valid, [user for user in users if user.lower() not in known]

    def _same(self, body: dict[str, Any], digest: str) -> str:
        if body.get("enable_duplicate_check") != 1:
            return ""
        seconds = min(int(body.get("duplicate_check_interval", 1800)), 14_400)
        where = "channel = 'app' AND digest = ? AND at > ?"
        sql = f"SELECT msgid FROM wecom_message WHERE {where} ORDER BY id DESC"
        return str(self._store.value(sql, (digest, self._clock.now() - 1000 * seconds)) or "")

    def _state(self, user: str) -> str:
        sql = "SELECT count(*) FROM wecom_message WHERE channel = 'app' AND receiver = ? AND at > ?"
        got = self._store.value(sql, (user, self._clock.now() - _MINUTE))
        return "dropped" if got >= _PER_PERSON else "sent"

    def update(self, call: Call) -> dict[str, Any]:
        """Page 94888: once, within 72 hours."""
        code = str(call.need("response_code"))
        row = self._store.execute(
            "SELECT id, at FROM wecom_message WHERE channel = 'app' AND msgid = ? AND state = 'sent'",
            (code.removesuffix("-code"),),
        ).fetchone()
        if row is None or row["at"] < self._clock.now() - 3 * _DAY:
            raise WecomError(40058, "response_code")
        _, invalid = self._reached([str(user) for user in call.body.get("userids") or ()])
        self._store.execute("UPDATE wecom_message SET state = 'updated' WHERE id = ?", (row["id"],))
        return {"invaliduser": invalid}

    def recall(self, call: Call) -> dict[str, Any]:
        """Page 94867: within 24 hours."""
        changed = self._store.execute(
            "UPDATE wecom_message SET state = 'recalled' WHERE channel = 'app' AND msgid = ? AND at > ?",
            (call.need("msgid"), self._clock.now() - _DAY),
        ).rowcount
        if not changed:
            raise WecomError(40058, "msgid")
        return {}

    def robot(self, call: Call) -> dict[str, Any]:
        """Page 91770: the key in the address is all there is to know."""
        key = self._robot_key(call)
        body = call.body
        if body.get("msgtype") not in ROBOT_KINDS:
            raise WecomError(40058, "msgtype")
        self._card(body, {"agent_id": key}, NOTICES)
        sql = "SELECT count(*) FROM wecom_message WHERE channel = 'robot' AND receiver = ? AND at > ?"
        if self._store.value(sql, (key, self._clock.now() - _MINUTE)) >= _PER_MINUTE:
            raise WecomError(45009)
        self._keep("robot", key, secrets.token_urlsafe(16), _digest(body), body, "sent")
        return {}

    def _robot_key(self, call: Call) -> str:
        key = call.query.get("key", "")
        if not key or key not in self._store.setting("wecom_robots", []):
            raise WecomError(93000)
        return key

    def upload(self, call: Call) -> dict[str, Any]:
        """Page 90253."""
        return self._uploaded(call, "")

    def robot_upload(self, call: Call) -> dict[str, Any]:
        """Page 91770: the file is looked at before the key."""
        _checked_file(call)
        return self._uploaded(call, self._robot_key(call))

    def _uploaded(self, call: Call, robot: str) -> dict[str, Any]:
        name, content = _checked_file(call)
        media_id = f"3{secrets.token_urlsafe(40)}"
        self._store.execute(
            "INSERT INTO wecom_media VALUES (?, ?, ?, ?, ?)",
            (media_id, self._clock.now(), name, robot, len(content)),
        )
        created = str(self._clock.now() // 1000)
        return {"type": call.query.get("type", "file"), "media_id": media_id, "created_at": created}

    def _keep(self, channel: str, receiver: str, msgid: str, digest: str, body: Any, state: str) -> None:
        self._store.execute(
            "INSERT INTO wecom_message (at, channel, receiver, msgid, digest, body, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (self._clock.now(), channel, receiver, msgid, digest, dumps(body), state),
        )

    def listing(self) -> list[dict[str, Any]]:
        """Return what was sent, oldest first."""
        rows = self._store.all("SELECT * FROM wecom_message WHERE channel != 'task' ORDER BY id")
        return [{**dict(row), "body": loads(row["body"])} for row in rows]

    def media(self) -> list[dict[str, Any]]:
        """Return the uploaded files."""
        return [dict(row) for row in self._store.all("SELECT * FROM wecom_media ORDER BY at")]


def _checked_file(call: Call) -> tuple[str, bytes]:
    if call.file is None or len(call.file[1]) <= 5:
        raise WecomError(44001)
    return call.file


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(dumps(body).encode()).hexdigest()
