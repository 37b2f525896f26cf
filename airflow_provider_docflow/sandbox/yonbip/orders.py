"""The orders of the stand-in: saved once per key, submitted, audited, un-audited and deleted.

A save with a key that was used within the last hour is answered with the first result, later with a code of
its own and the order's id ("幂等性"). Status: 0 open, 3 being approved, 1 audited, 2 closed.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.store import Records, Store, dumps, loads
from airflow_provider_docflow.sandbox.yonbip.identity import Refused
from airflow_provider_docflow.sandbox.yonbip.masters import Masters
from airflow_provider_docflow.sandbox.yonbip.shapes import Order, Shape, required

SCHEMA = """
CREATE TABLE IF NOT EXISTS yonbip_order (
    seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, id TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS yonbip_key (
    api TEXT NOT NULL, key TEXT NOT NULL, id TEXT NOT NULL, at INTEGER NOT NULL, reply TEXT NOT NULL,
    PRIMARY KEY (api, key));
"""
ZONE = ZoneInfo("Asia/Shanghai")
FIRST_ID = 1998455756270600196
_HOUR_MS = 3_600_000
Tell = Callable[[str, str, Order], None]


class Orders:
    """The orders of one kind.

    :param tell: is told of every change: kind, what happened, the order.
    """

    def __init__(self, store: Store, clock: Clock, masters: Masters, shape: Shape, tell: Tell) -> None:
        self._store, self._clock, self._masters, self.shape, self._tell = store, clock, masters, shape, tell
        self._records = Records(store, f"yonbip_{shape.name}")
        store.create(SCHEMA)

    @property
    def workflow(self) -> bool:
        """Whether orders are approved by people."""
        return bool(self._store.setting("yonbip_workflow", False))

    def stamp(self) -> str:
        """Return the system's time as it writes it."""
        moment = datetime.fromtimestamp(self._clock.now() / 1000, UTC)
        return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M:%S")

    def save(self, body: Any, tenant: str) -> dict[str, Any]:
        """Save an order; its reply."""
        data = body.get("data") if isinstance(body, dict) else None
        if not isinstance(data, dict):
            raise Refused("310002", "请求体必须是JSON结构")
        key = str(data.get("resubmitCheckKey") or "")
        if len(key) > 32:
            raise Refused("310015", "参数校验错误，resubmitCheckKey长度不能超过32位")
        if key and (before := self._repeated(key)) is not None:
            return before
        required(data, self.shape.head, "")
        if data["_status"] != "Insert":
            raise Refused("999", '["服务端逻辑异常"]')
        order = self._enter(data)
        shown = {**self.shape.detail(order), "id": order["id"], "status": order["status"]}
        if key:
            shown["resubmitCheckKey"] = f"OPENAPI_{self.shape.api_id}_{tenant}_{key}"
        reply = {"code": "200", "message": "操作成功", "data": shown}
        if key:
            self._store.execute(
                "INSERT INTO yonbip_key VALUES (?, ?, ?, ?, ?)",
                (self.shape.api_id, key, str(order["id"]), self._clock.now(), dumps(reply)),
            )
        return reply

    def _repeated(self, key: str) -> dict[str, Any] | None:
        row = self._store.execute(
            "SELECT * FROM yonbip_key WHERE api = ? AND key = ?", (self.shape.api_id, key)
        ).fetchone()
        if row is None:
            return None
        if self._clock.now() - row["at"] < _HOUR_MS:
            found: dict[str, Any] = loads(row["reply"])
            return found
        code = str(self._store.setting("yonbip_repeated_code", "100004"))
        raise Refused(code, "幂等接口，重复提交请求", data={"id": int(row["id"])})

    def _enter(self, data: Order) -> Order:
        kept = self.shape.enter(self._masters, data)
        seq = int(self._store.value("SELECT coalesce(max(seq), 0) FROM yonbip_order")) + 1
        number, now = FIRST_ID + seq * 64, self.stamp()
        lines = [
            {**line, "id": str(number + place)} for place, line in enumerate(kept[self.shape.lines], start=1)
        ]
        order = {
            **kept,
            self.shape.lines: lines,
            "id": number,
            "code": data.get("code") or f"{self.shape.prefix}{seq:08d}",
            "status": 0,
            "bizstatus": 0,
            "verifystate": 0,
            "modifyStatus": 0,
            "nextStatus": "CONFIRMORDER",
            "isWfControlled": self.workflow,
            "creator": "YonSuite默认用户",
            "createTime": now,
        }
        self._store.execute("INSERT INTO yonbip_order VALUES (?, ?, ?)", (seq, self.shape.name, str(number)))
        return self._keep(order, "save")

    def _keep(self, order: Order, what: str = "") -> Order:
        order = {**order, "pubts": self.stamp()}
        self._records.put(str(order["id"]), order, self._clock.now())
        if what:
            self._tell(self.shape.name, what, order)
        return order

    def get(self, order_id: str, as_of: int | None = None) -> Order:
        """Return an order.

        :raises Refused: there is none, or it was deleted.
        """
        order = self._records.get(order_id, as_of)
        if order is None or order.get("deleted"):
            raise Refused("1002", "数据不存在")
        return order

    def all(self, as_of: int | None = None) -> list[Order]:
        """Return all orders, oldest first."""
        return [order for order in self._records.all(as_of) if not order.get("deleted")]

    def act(self, action: str, body: Any) -> dict[str, Any]:
        """Submit, audit or un-audit orders: some may fail, and the answer is "200" all the same."""
        wanted = body.get("data") if isinstance(body, dict) else None
        if not isinstance(wanted, list):
            raise Refused("310008", "参数校验失败，缺少必填参数:data")
        infos: list[Order] = []
        messages: list[str] = []
        for each in wanted:
            try:
                infos.append(self._acted(action, self.get(str(each.get("id")))))
            except Refused as refused:
                messages.append(str(refused))
        data = {
            "count": len(wanted),
            "sucessCount": len(infos),
            "failCount": len(messages),
            "messages": messages or ["操作成功"],
            "infos": infos,
        }
        return {"code": "200", "message": "操作成功", "data": data}

    def _acted(self, action: str, order: Order) -> Order:
        status, flow = order["status"], order["isWfControlled"]
        if action == "batchsubmit" and status == 0:
            return self._keep(
                {
                    **order,
                    "status": 3,
                    "bizstatus": 1,
                    "verifystate": 1 if flow else 0,
                    "nextStatus": "APPROVING",
                },
                "submit",
            )
        if action == "batchaudit" and status in (0, 3) and not flow:
            return self._keep({**order, "status": 1, "nextStatus": "DELIVERGOODS"}, "audit")
        if action == "batchunaudit" and status == 1:
            return self._keep(
                {**order, "status": 0, "bizstatus": 0, "verifystate": 0, "nextStatus": "CONFIRMORDER"},
                "unaudit",
            )
        if action == "batchunaudit" and self.shape.name == "sale":
            raise Refused("", "null")
        raise Refused("", f"单据{order['code']}当前状态不允许此操作")

    def decide(self, order_id: str, decision: str) -> Order:
        """Decide as an approver does: approve, reject or return."""
        order = self.get(order_id)
        words = {"approve": (1, 2), "reject": (0, 3), "return": (0, 4)}
        if decision not in words or order["status"] != 3:
            raise Refused("999", f"cannot {decision} an order with status {order['status']}")
        status, verified = words[decision]
        following = "DELIVERGOODS" if status else "CONFIRMORDER"
        changed = {**order, "status": status, "verifystate": verified, "nextStatus": following}
        return self._keep(changed, "audit" if status else "")

    def edit(self, order_id: str, changes: Order) -> Order:
        """Change an order as a person there does."""
        return self._keep({**self.get(order_id), **changes})

    def delete(self, body: Any) -> dict[str, Any]:
        """Delete orders: purchase orders by id and time stamp, sales orders by ids or numbers."""
        data = body.get("data") if isinstance(body, dict) else None
        wanted = self._wanted(data)
        messages = []
        for order_id, stamp in wanted:
            order = self.get(order_id)
            if order["status"] != 0 or (stamp is not None and stamp != order["pubts"]):
                messages.append("网络上有其他人操作或者已经关闭、审核,删除失败！")
            else:
                self._keep({**order, "deleted": True}, "delete")
        done = len(wanted) - len(messages)
        told = messages or ["操作成功"]
        return {
            "code": "200",
            "message": "操作成功",
            "data": {
                "count": len(wanted),
                "sucessCount": done,
                "failCount": len(messages),
                "messages": told,
                "infos": told,
            },
        }

    def _wanted(self, data: Any) -> list[tuple[str, str | None]]:
        if self.shape.name == "purchase":
            if not isinstance(data, list) or not all(each.get("id") and each.get("pubts") for each in data):
                raise Refused("310008", "参数校验失败，缺少必填参数:id,pubts")
            return [(str(each["id"]), str(each["pubts"])) for each in data]
        if not isinstance(data, dict) or not (data.get("id") or data.get("code")):
            raise Refused("310008", "参数校验失败，id与code不能同时为空")
        if data.get("id"):
            return [(str(each), None) for each in data["id"]]
        return [(str(order["id"]), None) for order in self.all() if order["code"] in data["code"]]
