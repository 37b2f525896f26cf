"""The calls that reach single people: 1:1 messages of the application's robot, DINGs, to-dos.

Vendor pages: "批量发送人与机器人会话中机器人消息" (robot/oToMessages/batchSend), "发送DING消息"
(robot/ding/send), "新增钉钉待办任务", "更新钉钉待办任务", "根据sourceId查询待办详情".
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError
from airflow_provider_docflow.sandbox.dingtalk.oapi import Oapi
from airflow_provider_docflow.sandbox.dingtalk.wire import Call
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS dingtalk_union (union_id TEXT PRIMARY KEY, user TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dingtalk_todo (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, source TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
"""
_MOST_CHATS = 20
_PARAMS = {"sampleText": {"content"}, "sampleMarkdown": {"title", "text"}}
_LONGEST_SUBJECT, _LONGEST_DESCRIPTION = 1024, 4096
_CHANGEABLE = ("subject", "description", "dueTime", "done", "executorIds")
# The page prints no code for a to-do that is not there.
_NO_TODO = "todo.task.notExist"


class Talking:
    """Handlers of what reaches single people."""

    def __init__(self, store: Store, clock: Clock, oapi: Oapi) -> None:
        self._store, self._clock, self._oapi = store, clock, oapi
        store.create(SCHEMA)

    def union_of(self, user: str) -> str:
        """Return the union id of a person, always the same."""
        found = hashlib.sha256(f"union {user}".encode()).hexdigest()[:22]
        self._store.execute("INSERT OR IGNORE INTO dingtalk_union VALUES (?, ?)", (found, user))
        return found

    def user_of(self, union_id: Any) -> str | None:
        """Return whose union id this is."""
        sql = "SELECT user FROM dingtalk_union WHERE union_id = ?"
        found: str | None = self._store.value(sql, (union_id,))
        return found

    def treat(self, unreachable: list[str] | None = None, slowed: list[str] | None = None) -> None:
        """Say whom robots do not reach, and who has got too many messages."""
        self._store.set("dingtalk_unreachable", unreachable or [])
        self._store.set("dingtalk_slowed", slowed or [])

    def _people(self, call: Call, name: str) -> tuple[list[str], list[str], list[str]]:
        """Return who is written to, who is unknown, who has got too many messages."""
        users = call.need(name, "invalidParameter", name)
        if not isinstance(users, list) or not all(isinstance(user, str) for user in users):
            raise ApiError("invalidParameter", name)
        if call.need("robotCode", "invalidParameter", "robotCode") != call.app["app_key"]:
            raise ApiError("resource.not.found", "robot 不存在")
        staff = self._store.setting("dingtalk_users")
        out = set(self._store.setting("dingtalk_unreachable", []))
        slow = set(self._store.setting("dingtalk_slowed", []))
        unknown = [user for user in users if user in out or (staff is not None and user not in staff)]
        slowed = [user for user in users if user in slow and user not in unknown]
        return [user for user in users if user not in (*unknown, *slowed)], unknown, slowed

    def oto(self, call: Call) -> dict[str, Any]:
        """Write to people in their chats with the robot."""
        good, unknown, slowed = self._people(call, "userIds")
        if len(call.body["userIds"]) > _MOST_CHATS:
            raise ApiError("invalidParameter", "userIds最多20个")
        kind = call.need("msgKey", "invalidParameter", "msgKey")
        try:
            param = loads(call.need("msgParam", "invalidParameter", "msgParam"))
        except (ValueError, TypeError):
            raise ApiError("invalidParameter", "msgParam") from None
        if kind not in _PARAMS or not isinstance(param, dict) or not param.keys() >= _PARAMS[kind]:
            raise ApiError("invalidParameter", "msgKey")
        for user in good:
            self._oapi.keep("oto", user, {"msgKey": kind, **param}, "sent")
        return {
            "processQueryKey": uuid.uuid4().hex,
            "invalidStaffIdList": unknown,
            "flowControlledStaffIdList": slowed,
            "filteredStaffIdList": [],
        }

    def ding(self, call: Call) -> dict[str, Any]:
        """DING people in the application, by SMS or by telephone."""
        good, unknown, slowed = self._people(call, "receiverUserIdList")
        if call.body.get("remindType") not in (1, 2, 3):
            raise ApiError("invalidParameter", "remindType")
        content = call.need("content", "invalidParameter", "content")
        for user in good:
            self._oapi.keep("ding", user, {"content": content, "remindType": call.body["remindType"]}, "sent")
        failed = dict.fromkeys(unknown, "用户不存在") | dict.fromkeys(slowed, "发送频率超限")
        return {"openDingId": uuid.uuid4().hex, "failedList": failed}

    def create_todo(self, call: Call) -> dict[str, Any]:
        """Create a to-do; the same sourceId a second time is refused."""
        owner = self._owner(call)
        subject = call.need("subject", "todo.taskCreate.paramError", "subject is empty")
        if len(subject) > _LONGEST_SUBJECT:
            raise ApiError("todo.taskCreate.paramError", "subject is oversize")
        if len(call.body.get("description") or "") > _LONGEST_DESCRIPTION:
            raise ApiError("todo.taskCreate.paramError", "description is oversize")
        source = call.body.get("sourceId") or uuid.uuid4().hex
        if self._by_source(source) is not None:
            raise ApiError("todo.taskCreate.paramError", "task exist")
        now = self._clock.now()
        names = ("description", "dueTime", "executorIds", "detailUrl", "isOnlyShowExecutor", "priority")
        todo = {
            **{name: call.body[name] for name in names if name in call.body},
            "id": f"task{uuid.uuid4().hex}",
            "subject": subject,
            "sourceId": source,
            "creatorId": call.body.get("creatorId") or owner,
            "done": False,
            "createdTime": now,
            "modifiedTime": now,
        }
        self._store.execute(
            "INSERT INTO dingtalk_todo VALUES (?, ?, ?, ?)", (todo["id"], owner, source, dumps(todo))
        )
        return todo

    def _owner(self, call: Call) -> str:
        owner = call.query["union"]
        if self.user_of(owner) is None or not call.query.get("operatorId"):
            raise ApiError("todo.taskCreate.paramError", "unionId")
        return owner

    def _by_source(self, source: str) -> dict[str, Any] | None:
        text = self._store.value("SELECT body FROM dingtalk_todo WHERE source = ?", (source,))
        return None if text is None else loads(text)

    def todo_of_source(self, call: Call) -> dict[str, Any]:
        """Return the to-do under a sourceId."""
        found = self._by_source(call.query["source"])
        if found is None:
            raise ApiError(_NO_TODO)
        return found

    def change_todo(self, call: Call) -> dict[str, Any]:
        """Change a to-do, or mark it as done."""
        sql = "SELECT body FROM dingtalk_todo WHERE id = ? AND owner = ?"
        text = self._store.value(sql, (call.query["task"], self._owner(call)))
        if text is None:
            raise ApiError(_NO_TODO)
        changed = {name: call.body[name] for name in _CHANGEABLE if name in call.body}
        now = self._clock.now()
        ended = {"finishTime": now} if changed.get("done") else {}
        todo = {**loads(text), **changed, **ended, "modifiedTime": now}
        self._store.execute("UPDATE dingtalk_todo SET body = ? WHERE id = ?", (dumps(todo), todo["id"]))
        return {"result": True}

    def todos(self) -> list[dict[str, Any]]:
        """Return all to-dos with whose they are."""
        rows = self._store.all("SELECT owner, body FROM dingtalk_todo ORDER BY rowid")
        return [{**loads(row["body"]), "user": self.user_of(row["owner"])} for row in rows]
