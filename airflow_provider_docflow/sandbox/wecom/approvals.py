"""Approvals: submitted, read, listed, moved on.

Vendor pages: "提交审批申请" (91853), "批量获取审批单号" (91816), "获取审批申请详情" (91983).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.store import Records, Store
from airflow_provider_docflow.sandbox.wecom import checking, flow
from airflow_provider_docflow.sandbox.wecom.flow import Approval, Flow
from airflow_provider_docflow.sandbox.wecom.templates import Templates, may_use
from airflow_provider_docflow.sandbox.wecom.wire import Call, WecomError

SCHEMA = """
CREATE TABLE IF NOT EXISTS wecom_approval (
    seq INTEGER PRIMARY KEY, sp_no TEXT NOT NULL UNIQUE, template TEXT NOT NULL, creator TEXT NOT NULL,
    applied INTEGER NOT NULL, entered INTEGER NOT NULL, status INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS wecom_approval_applied ON wecom_approval (applied, seq);
"""
LONGEST_SPAN = 31 * 86_400
MOST_ON_A_PAGE = 100
_FILTERS = {"template_id": "template", "creator": "creator", "sp_status": "status"}
_ZONE = ZoneInfo("Asia/Shanghai")


class Approvals:
    """All approvals.

    :param on_change: takes an approval and the number of its change, in the same transaction.
    """

    def __init__(
        self, store: Store, clock: Clock, templates: Templates, on_change: Callable[[Approval, int], None]
    ) -> None:
        self._store, self._clock, self._templates = store, clock, templates
        self._on_change = on_change
        self._records = Records(store, "wecom_approval")
        store.create(SCHEMA)

    def submit(self, call: Call) -> dict[str, Any]:
        """Page 91853. There is no key: the same body twice makes two approvals."""
        may_use(call.app, self._templates.get(call.need("template_id"))["id"])
        checking.summary(call.body.get("summary_list"))
        if call.body.get("use_template_approver") not in (0, 1):
            raise WecomError(301025, "invalid use_template_approver")
        return {"sp_no": self.enter(call.body)["sp_no"]}

    def enter(self, body: dict[str, Any], applied: int | None = None) -> Approval:
        """Enter an approval as a submission or a person at the form does.

        :param applied: epoch seconds, for approvals of the past.
        """
        template = self._templates.get(body.get("template_id"))
        creator = body.get("creator_userid")
        self._known([str(creator or "")])
        nodes = flow.nodes_from(body, template["flow"])
        self._known([one["userid"] for node in nodes for one in node["sub_node_list"]])
        contents = (body.get("apply_data") or {}).get("contents")
        moment = self._clock.now() // 1000 if applied is None else applied
        with self._store.write():
            seq = (self._store.value("SELECT max(seq) FROM wecom_approval") or 0) + 1
            approval: Approval = {
                "sp_no": f"{datetime.fromtimestamp(moment, _ZONE):%Y%m%d}{seq:04d}",
                "sp_name": template["names"][0]["text"],
                "sp_status": flow.PENDING,
                "template_id": template["id"],
                "apply_time": moment,
                "applyer": {"userid": creator, "partyid": str(body.get("choose_department") or 1)},
                "nodes": nodes,
                "contents": checking.filled(template["controls"], contents, self._is_there),
                "comments": [],
                "byApi": body,
            }
            self._store.execute(
                "INSERT INTO wecom_approval VALUES (?, ?, ?, ?, ?, ?, ?)",
                (seq, approval["sp_no"], template["id"], creator, moment, self._clock.now(), flow.PENDING),
            )
            self._keep(approval)
            self._on_change(approval, 1)
        return approval

    def detail(self, call: Call) -> dict[str, Any]:
        """Page 91983."""
        approval = self.get(call.need("sp_no"), call.as_of)
        may_use(call.app, approval["template_id"])
        return {"info": flow.detail(approval, self._store.setting("wecom_process_list", True))}

    def numbers(self, call: Call) -> dict[str, Any]:
        """Page 91816. A page may be shorter than asked for; only an empty cursor ends a listing."""
        start, end = _window(call.body)
        size, cursor = _paging(call.body)
        where, values = "applied BETWEEN ? AND ?", [start, end]
        for column, wanted in self._wanted(call.body):
            where, values = f"{where} AND {column} IN ({','.join('?' * len(wanted))})", [*values, *wanted]
        if call.as_of is not None:
            where, values = f"{where} AND entered <= ?", [*values, call.as_of]
        page = min(size, self._store.setting("wecom_page", MOST_ON_A_PAGE))
        sql = f"SELECT sp_no, template FROM wecom_approval WHERE {where} ORDER BY applied, seq"
        rows = self._store.all(f"{sql} LIMIT ? OFFSET ?", [*values, page + 1, cursor])
        granted = call.app["templates"]
        found = [row["sp_no"] for row in rows[:page] if granted is None or row["template"] in granted]
        following = str(cursor + page) if len(rows) > page else ""
        named = "new_next_cursor" if "new_cursor" in call.body else "next_cursor"
        return {"sp_no_list": found, named: following}

    def _wanted(self, body: dict[str, Any]) -> list[tuple[str, list[Any]]]:
        found: dict[str, list[Any]] = {}
        for one in body.get("filters") or ():
            key = one.get("key")
            if key not in (*_FILTERS, "department", "record_type"):
                raise WecomError(301025, f"invalid filter {key}")
            if key in found and key != "department":
                raise WecomError(301025, f"filter {key} repeats")
            found.setdefault(key, []).append(one.get("value"))
        return [(_FILTERS[key], wanted) for key, wanted in found.items() if key in _FILTERS]

    def get(self, sp_no: Any, as_of: int | None = None) -> Approval:
        """Return an approval, as it is or as it was.

        :raises WecomError: 301025.
        """
        approval = self._records.get(str(sp_no), as_of)
        if approval is None:
            raise WecomError(301025, "sp_no not exist")
        return approval

    def all(self) -> list[Approval]:
        """Return all approvals, oldest entry first."""
        return self._records.all()

    def act(self, sp_no: str, action: str, **more: str) -> Approval:
        """Let somebody act on an approval: see :meth:`.flow.Flow.act`."""
        approval = self.get(sp_no)
        changes: list[int] = []
        moves = Flow(approval, self._clock.now() // 1000, changes.append)
        moves.act(action, more.get("user", ""), more.get("speech", ""), more.get("to_user", ""))
        with self._store.write():
            self._keep(approval)
            for change in changes:
                self._on_change(approval, change)
        return approval

    def _keep(self, approval: Approval) -> None:
        self._records.put(approval["sp_no"], approval, self._clock.now())
        self._store.execute(
            "UPDATE wecom_approval SET status = ? WHERE sp_no = ?", (approval["sp_status"], approval["sp_no"])
        )

    def _known(self, users: list[str]) -> None:
        staff = self._store.setting("wecom_users")
        if not all(users) or (staff is not None and not set(users) <= set(staff)):
            raise WecomError(60111)

    def _is_there(self, kind: str, name: str) -> bool:
        if kind == "approval":
            return self._records.get(name) is not None
        return self._store.value("SELECT 1 FROM wecom_media WHERE id = ?", (name,)) is not None


def _window(body: dict[str, Any]) -> tuple[int, int]:
    start, end = str(body.get("starttime", "")), str(body.get("endtime", ""))
    if not start.isdigit() or not end.isdigit() or int(end) <= int(start):
        raise WecomError(301025, "invalid starttime or endtime")
    if int(end) - int(start) > LONGEST_SPAN:
        raise WecomError(301025, "time range over 31 days")
    return int(start), int(end)


def _paging(body: dict[str, Any]) -> tuple[int, int]:
    size, cursor = body.get("size", 100), str(body.get("new_cursor", body.get("cursor", "")) or "0")
    if not isinstance(size, int) or not 1 <= size <= MOST_ON_A_PAGE:
        raise WecomError(301025, "invalid size")
    if not cursor.isdigit():
        raise WecomError(301025, "invalid cursor")
    return size, int(cursor)
