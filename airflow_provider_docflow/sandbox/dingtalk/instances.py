"""Approval instances: created, read, listed, moved on.

Vendor pages: "发起审批实例", "获取单个审批实例详情", "获取审批实例ID列表"
(obtain-an-approval-list-of-instance-ids), "创建或更新审批表单模板".
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError
from airflow_provider_docflow.sandbox.dingtalk.flow import Flow, Instance
from airflow_provider_docflow.sandbox.dingtalk.forms import Component, components_from, filled_in
from airflow_provider_docflow.sandbox.dingtalk.nodes import chosen, nodes_from
from airflow_provider_docflow.sandbox.store import Records, Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS dingtalk_template (
    code TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dingtalk_instance (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, code TEXT NOT NULL, originator TEXT NOT NULL,
    created INTEGER NOT NULL, entered INTEGER NOT NULL, status TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS dingtalk_instance_code ON dingtalk_instance (code, created, seq);
CREATE TABLE IF NOT EXISTS dingtalk_task (id INTEGER PRIMARY KEY, instance TEXT NOT NULL);
"""
_DAY = 86_400_000
_MOST_IDS = 10_000
_STATUS_AS_OF = (
    "(SELECT json_extract(body, '$.status') FROM version v WHERE v.kind = 'dingtalk_instance'"
    " AND v.id = dingtalk_instance.id AND v.at <= ? ORDER BY seq DESC LIMIT 1)"
)


class Instances:
    """All approval instances and their templates.

    :param on_events: what takes the events of a change, in the same transaction.
    :param on_created: what takes every new instance, in the same transaction.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        on_events: Callable[[list[dict[str, Any]]], None],
        on_created: Callable[[Instance, int], None],
    ) -> None:
        self._store, self._clock = store, clock
        self._on_events, self._on_created = on_events, on_created
        self._records = Records(store, "dingtalk_instance")
        store.create(SCHEMA)

    def save_template(self, body: dict[str, Any]) -> str:
        """Create or change a form template and its default approval flow; return its process code.

        :param body: ``name``, ``formComponents``, optional ``processCode``, ``description`` and, beyond the
            vendor's call, ``approvers`` as in a create call: the flow that the back office has set up.
        """
        name = body.get("name")
        if not isinstance(name, str) or not name:
            raise ApiError("parameter.error", "参数错误：name")
        code = body.get("processCode") or f"PROC-{str(uuid.uuid4()).upper()}"
        holder = self._store.value("SELECT code FROM dingtalk_template WHERE name = ?", (name,))
        if holder not in (None, code):
            raise ApiError("formName.error")
        template = {
            "processCode": code,
            "name": name,
            "description": body.get("description", ""),
            "formComponents": components_from(body.get("formComponents")),
            "nodes": nodes_from(body.get("approvers")),
            "modified": self._clock.now(),
        }
        self._store.execute(
            "INSERT OR REPLACE INTO dingtalk_template VALUES (?, ?, ?)", (code, name, dumps(template))
        )
        return str(code)

    def template(self, code: Any, missing: str = "processCodeError") -> dict[str, Any]:
        """Return a template.

        :raises ApiError: ``missing``.
        """
        text = self._store.value("SELECT body FROM dingtalk_template WHERE code = ?", (code,))
        if text is None:
            raise ApiError(missing)
        found: dict[str, Any] = loads(text)
        return found

    def templates(self) -> list[dict[str, Any]]:
        """Return all templates."""
        return [loads(row[0]) for row in self._store.all("SELECT body FROM dingtalk_template ORDER BY code")]

    def create(self, body: dict[str, Any], created: int | None = None, **more: Any) -> Instance:
        """Enter a new instance and open its first node.

        :param body: the vendor's create call.
        :param created: epoch milliseconds, for instances of the past.
        """
        template = self.template(body.get("processCode"))
        nodes = nodes_from(body.get("approvers")) or chosen(template["nodes"], body)
        if not nodes:
            raise ApiError("processGetFailed")
        moment = self._clock.now() if created is None else created
        with self._store.write():
            seq = (self._store.value("SELECT max(seq) FROM dingtalk_instance") or 0) + 1
            instance = {**_blank(body, template, moment, seq), "nodes": nodes, **more}
            self._store.execute(
                "INSERT INTO dingtalk_instance VALUES (?, ?, ?, ?, ?, ?, 'RUNNING')",
                (
                    seq,
                    instance["id"],
                    template["processCode"],
                    body["originatorUserId"],
                    moment,
                    self._clock.now(),
                ),
            )
            flow = self.flow(instance, moment)
            flow.start()
            self.keep(flow)
            self._on_created(instance, seq)
        return instance

    def flow(self, instance: Instance, now: int | None = None) -> Flow:
        """Return a flow that moves ``instance``."""

        def next_task() -> int:
            sql = "INSERT INTO dingtalk_task (instance) VALUES (?)"
            return 70_000_000_000 + int(self._store.execute(sql, (instance["id"],)).lastrowid or 0)

        return Flow(instance, self._clock.now() if now is None else now, next_task)

    def keep(self, flow: Flow) -> None:
        """Store what a flow did and hand its events on."""
        with self._store.write():
            self._records.put(flow.instance["id"], flow.instance, self._clock.now())
            self._store.execute(
                "UPDATE dingtalk_instance SET status = ? WHERE id = ?",
                (flow.instance["status"], flow.instance["id"]),
            )
            self._on_events(flow.events)

    def get(
        self, instance_id: Any, missing: str = "processInstanceNotExist", as_of: int | None = None
    ) -> Instance:
        """Return an instance, as it is or as it was.

        :raises ApiError: ``missing``.
        """
        instance = self._records.get(str(instance_id), as_of)
        if instance is None:
            raise ApiError(missing)
        return instance

    def all(self) -> list[Instance]:
        """Return all instances, oldest entry first."""
        return self._records.all()

    def of_task(self, task_id: Any) -> Instance | None:
        """Return the instance to which a task belongs."""
        sql = "SELECT instance FROM dingtalk_task WHERE id = ?"
        found = isinstance(task_id, int) and self._store.value(sql, (task_id - 70_000_000_000,))
        return self._records.get(found) if found else None

    def components(self, instance: Instance) -> list[Component]:
        """Return the components of an instance's form."""
        components: list[Component] = self.template(instance["processCode"])["formComponents"]
        return components

    def attach(self, instance_id: str, action: str, body: dict[str, Any]) -> Instance:
        """Enter an attached instance: ``REVOKE`` of an approved form or ``MODIFY`` with changed values."""
        main = self.get(instance_id)
        if action not in ("REVOKE", "MODIFY"):
            raise ApiError("invalidParameter", "bizAction")
        if (main["status"], main["result"]) != ("COMPLETED", "agree"):
            raise ApiError("aflowProcessInstStatusException")
        values = {item["name"]: item for item in main["formComponentValues"]}
        changed = {item["name"]: {**values.get(item["name"], {}), **item} for item in body.get("values", [])}
        call = {
            "processCode": main["processCode"],
            "originatorUserId": body.get("user") or main["originatorUserId"],
            "formComponentValues": list({**values, **changed}.values()),
            "approvers": body.get("approvers"),
        }
        with self._store.write():
            new = self.create(call, bizAction=action, mainProcessInstanceId=main["id"])
            main["attachedProcessInstanceIds"].append(new["id"])
            self._records.put(main["id"], main, self._clock.now())
        return new

    def ids(self, body: dict[str, Any], as_of: int | None = None) -> tuple[list[str], str | None]:
        """Return one page of instance ids, filtered by creation time, and the next page's cursor."""
        start, end = self._window(body)
        size, cursor = _paging(body)
        where, status = "code = ? AND created BETWEEN ? AND ?", "status"
        values: list[Any] = [body["processCode"], start, end]
        if as_of is not None:
            where, status = f"{where} AND entered <= ?", _STATUS_AS_OF
            values.append(as_of)
        for column, names in (("originator", body.get("userIds")), (status, body.get("statuses"))):
            if names:
                where = f"{where} AND {column} IN ({','.join('?' * len(names))})"
                values += [as_of, *names] if column == _STATUS_AS_OF else names
        rows = self._store.all(
            f"SELECT id FROM dingtalk_instance WHERE {where} ORDER BY created, seq LIMIT ? OFFSET ?",
            [*values, size + 1, cursor],
        )
        following = cursor + size
        more = len(rows) > size and following < _MOST_IDS
        return [row["id"] for row in rows[:size]], str(following) if more else None

    def _window(self, body: dict[str, Any]) -> tuple[int, int]:
        if not body.get("processCode"):
            raise ApiError("invalidProcessCode")
        now, start, end = self._clock.now(), body.get("startTime"), body.get("endTime")
        if not isinstance(start, int) or start < now - 365 * _DAY:
            raise ApiError("invalidInstanceListIdsStartTime")
        end = now if end is None else end
        if not isinstance(end, int) or end < start or end - start > 120 * _DAY:
            raise ApiError("invalidEndTime")
        for name, longest in (("userIds", 10), ("statuses", 3)):
            names = body.get(name) or []
            if not isinstance(names, list) or len(names) > longest:
                raise ApiError("invalidUserIds" if name == "userIds" else "invalidParameter")
        return start, end


def _paging(body: dict[str, Any]) -> tuple[int, int]:
    size, cursor = body.get("maxResults"), body.get("nextToken")
    if not isinstance(size, int) or not 1 <= size <= 20:
        raise ApiError("invalidMaxResults")
    if not isinstance(cursor, int) or cursor < 0:
        raise ApiError("invalidNextToken")
    return size, cursor


def _blank(body: dict[str, Any], template: dict[str, Any], moment: int, seq: int) -> Instance:
    return {
        "id": _instance_id(),
        "businessId": f"{datetime.fromtimestamp(moment / 1000, UTC):%Y%m%d%H%M}{seq:09d}",
        "processCode": template["processCode"],
        "title": body.get("title") or f"{body['originatorUserId']}提交的{template['name']}",
        "originatorUserId": body["originatorUserId"],
        "originatorDeptId": str(body.get("deptId") or -1),
        "originatorDeptName": body.get("deptName", ""),
        "status": "RUNNING",
        "result": "",
        "createTime": moment,
        "formComponentValues": filled_in(template["formComponents"], body.get("formComponentValues")),
        "node": 0,
        "tasks": [],
        "records": [],
        "byApi": bool(body.get("approvers")),
        "ccUserIds": body.get("ccList") or [],
        "ccPosition": body.get("ccPosition") or "",
        "bizAction": "NONE",
        "mainProcessInstanceId": None,
        "attachedProcessInstanceIds": [],
    }


def _instance_id() -> str:
    return uuid.uuid4().hex[:22] + "0" + uuid.uuid4().hex[:13]
