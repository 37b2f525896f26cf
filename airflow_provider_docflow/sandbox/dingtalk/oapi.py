"""The calls of oapi.dingtalk.com: old token, group robot, work notifications. Errors come in an HTTP 200.

Vendor pages: "获取企业内部应用的access_token" (gettoken), "自定义机器人发送群消息" and its "安全设置"
(robot/send: sign, keywords, 20 messages a minute), "发送工作通知" (asyncsend_v2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.dingtalk.errors import OapiError
from airflow_provider_docflow.sandbox.dingtalk.identity import Identity
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS dingtalk_robot (token TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dingtalk_message (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, channel TEXT NOT NULL, receiver TEXT NOT NULL,
    digest TEXT NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS dingtalk_message_receiver ON dingtalk_message (channel, receiver, at);
"""
_HOUR, _DAY = 3_600_000, 86_400_000
_MUTED_MS = 600_000
_TYPES = {"text", "link", "markdown", "actionCard", "feedCard"}
_NOTIFIED = {"text", "image", "voice", "file", "link", "oa", "markdown", "action_card"}
_MOST_USERS, _MOST_A_DAY = 100, 500


def robot_signature(timestamp: str, secret: str) -> str:
    """Return the base64 signature of a group robot, before it is percent-encoded."""
    digest = hmac.new(secret.encode(), f"{timestamp}\n{secret}".encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class Oapi:
    """Handlers of oapi.dingtalk.com."""

    def __init__(self, store: Store, clock: Clock, identity: Identity) -> None:
        self._store, self._clock, self._identity = store, clock, identity
        self.union_of: Callable[[str], str] = lambda user: user
        store.create(SCHEMA)

    def register_robot(
        self, token: str, secret: str = "", keywords: list[str] | None = None, per_minute: int = 20
    ) -> None:
        """Enter a group robot; with ``secret`` it wants signatures, with ``keywords`` one of them.

        :param per_minute: the vendor's limit is 20.
        """
        body = {"secret": secret, "keywords": keywords or [], "per_minute": per_minute, "muted_until": 0}
        self._store.execute("INSERT OR REPLACE INTO dingtalk_robot VALUES (?, ?)", (token, dumps(body)))

    def messages(self, channel: str = "") -> list[dict[str, Any]]:
        """Return what was sent: ``robot``, ``notification``, ``oto`` or ``ding``."""
        rows = self._store.all(
            "SELECT * FROM dingtalk_message WHERE ?1 IN ('', channel) ORDER BY id", (channel,)
        )
        return [{**dict(row), "body": loads(row["body"])} for row in rows]

    def gettoken(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """Return the old token."""
        issued = self._identity.token(query.get("appkey", ""), query.get("appsecret", ""))
        if issued is None:
            raise OapiError(40089, "不合法的corpid或corpsecret")
        return {"access_token": issued[0], "expires_in": issued[1]}

    def robot_send(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """Post to a group."""
        token = query.get("access_token")
        if not token:
            raise OapiError(40035, "缺少参数 access_token")
        text = self._store.value("SELECT body FROM dingtalk_robot WHERE token = ?", (token,))
        if text is None:
            raise OapiError(300005, "token is not exist")
        robot = loads(text)
        self._check_robot(robot, query, body)
        kind = body.get("msgtype")
        if kind not in _TYPES or not isinstance(body.get(kind), dict):
            raise OapiError(400101, "param error: msgtype")
        self._throttle(token, robot)
        self.keep("robot", token, body, "sent")
        return {}

    def _check_robot(self, robot: dict[str, Any], query: dict[str, str], body: dict[str, Any]) -> None:
        if robot["secret"]:
            stamp = query.get("timestamp", "")
            if not stamp.isdigit() or abs(self._clock.now() - int(stamp)) > _HOUR:
                raise OapiError(
                    310000, "description:机器人发送签名过期;solution:签名生成时间和发送时间请保持在一小时内"
                )
            expected = robot_signature(stamp, robot["secret"])
            if not hmac.compare_digest(expected.encode(), query.get("sign", "").encode()):
                raise OapiError(
                    310000, "description:机器人发送签名不匹配;solution:请确认签名和生成签名的时间戳"
                )
        words = robot["keywords"]
        if words and not any(word in dumps(body) for word in words):
            raise OapiError(310000, "description:关键词不匹配;solution:请联系群管理员查看此机器人的关键词")

    def _throttle(self, token: str, robot: dict[str, Any]) -> None:
        now = self._clock.now()
        sql = "SELECT count(*) FROM dingtalk_message WHERE channel = 'robot' AND receiver = ? AND at > ?"
        if now < robot["muted_until"]:
            raise OapiError(130101, "send too fast, exceed 20 times per minute")
        if self._store.value(sql, (token, now - 60_000)) >= robot.get("per_minute", 20):
            kept = dumps({**robot, "muted_until": now + _MUTED_MS})
            self._store.execute("UPDATE dingtalk_robot SET body = ? WHERE token = ?", (kept, token))
            raise OapiError(130101, "send too fast, exceed 20 times per minute")

    def notify(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """Accept a work notification. ``errcode`` 0 says accepted, not delivered."""
        app = self._identity.admit_oapi(
            query.get("access_token", ""), "/topapi/message/corpconversation/asyncsend_v2"
        )
        if str(body.get("agent_id", "")) != str(app["agent_id"]):
            raise OapiError(40056, "不合法的agentid")
        users = [user for user in str(body.get("userid_list") or "").split(",") if user]
        if not users and not body.get("to_all_user") and not body.get("dept_id_list"):
            raise OapiError(33012, "userid_list,dept_id_list,to_all_user不能同时为空")
        if len(users) > _MOST_USERS:
            raise OapiError(33012, "userid_list最大长度100")
        message = loads(body["msg"]) if isinstance(body.get("msg"), str) else body.get("msg")
        if not isinstance(message, dict) or message.get("msgtype") not in _NOTIFIED:
            raise OapiError(400101, "param error: msg")
        results = {user: self._notify_one(user, message) for user in users}
        task = (self._store.setting("dingtalk_notification_task") or 256_000_000_000) + 1
        self._store.set("dingtalk_notification_task", task)
        self._store.set(f"dingtalk_notification_{task}", results)
        return {"task_id": task, "request_id": ""}

    def _notify_one(self, user: str, message: dict[str, Any]) -> str:
        since = self._clock.now() - _DAY
        where = "channel = 'notification' AND receiver = ? AND at > ? AND state = 'sent'"
        sql = f"SELECT count(*) FROM dingtalk_message WHERE {where}"
        same = self._store.value(f"{sql} AND digest = ?", (user, since, _digest(message)))
        state = "sent"
        if same or self._store.value(sql, (user, since)) >= _MOST_A_DAY:
            state = "forbidden"
        staff = self._store.setting("dingtalk_users")
        if staff is not None and user not in staff:
            state = "invalid"
        self.keep("notification", user, message, state)
        return state

    def notify_result(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """Say whom a work notification reached (page "获取工作通知消息的发送结果")."""
        self._identity.admit_oapi(
            query.get("access_token", ""), "/topapi/message/corpconversation/getsendresult"
        )
        results = self._store.setting(f"dingtalk_notification_{body.get('task_id')}")
        if results is None:
            raise OapiError(33012, "无效的task_id")
        by_state: dict[str, list[str]] = {}
        for user, state in results.items():
            by_state.setdefault(state, []).append(user)
        return {
            "send_result": {
                "unread_user_id_list": by_state.get("sent", []),
                "read_user_id_list": [],
                "forbidden_user_id_list": by_state.get("forbidden", []),
                "invalid_user_id_list": by_state.get("invalid", []),
                "failed_user_id_list": [],
                "invalid_dept_id_list": [],
            }
        }

    def user(self, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """Return a person (page "查询用户详情", topapi/v2/user/get)."""
        self._identity.admit_oapi(query.get("access_token", ""), "/topapi/v2/user/get")
        user, staff = str(body.get("userid") or ""), self._store.setting("dingtalk_users")
        if not user or (staff is not None and user not in staff):
            raise OapiError(60121, "找不到该用户")
        return {"result": {"userid": user, "unionid": self.union_of(user), "name": user, "active": True}}

    def keep(self, channel: str, receiver: str, body: dict[str, Any], state: str) -> None:
        """Keep a message for those who look at what was sent."""
        self._store.execute(
            "INSERT INTO dingtalk_message (at, channel, receiver, digest, body, state)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            (self._clock.now(), channel, receiver, _digest(body), dumps(body), state),
        )


def _digest(body: dict[str, Any]) -> str:
    return hashlib.sha256(dumps(body).encode()).hexdigest()


OapiHandler = Callable[[dict[str, str], dict[str, Any]], dict[str, Any]]
