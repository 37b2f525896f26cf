"""Approval: submitting, auditing, the workflow's assignments and what people decide on them."""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.kingdee.bills import Bill, Bills
from airflow_provider_docflow.sandbox.kingdee.wire import Refused
from airflow_provider_docflow.sandbox.store import Store

_SCHEMA = """
CREATE TABLE IF NOT EXISTS kingdee_assignment (
    id INTEGER PRIMARY KEY, fid INTEGER NOT NULL, form TEXT NOT NULL, number TEXT NOT NULL, node TEXT NOT
    NULL, receiver TEXT NOT NULL, status TEXT NOT NULL, result TEXT NOT NULL, opinion TEXT NOT NULL, created
    TEXT NOT NULL, completed TEXT, archived INTEGER NOT NULL DEFAULT 0);
"""
RESULTS = {1: "同意", 2: "驳回", 3: "终止"}
OPEN, DONE = "0", "1"


class Workflow:
    """Moves documents between their states.

    A form with ``approvers`` (set by the control plane) starts an instance when it is submitted, whose nodes
    follow on each other; one without is audited by whoever may.
    """

    def __init__(self, store: Store, clock: Clock, bills: Bills) -> None:
        self._store, self._clock, self._bills = store, clock, bills
        store.create(_SCHEMA)

    def submit(self, bill: Bill) -> None:
        """Hand a document in.

        :raises Refused: it was already, or it is a draft that was never saved.
        """
        if bill["status"] not in ("A", "D") or bill["cancel"] == "B":
            raise Refused(12, f"单据{bill['number']}的状态不允许提交", "FDocumentStatus")
        bill["status"] = "B"
        self._bills.put(bill)
        approvers = self._store.setting("kingdee_approvers", {}).get(bill["form"], [])
        if approvers:
            self._assign(bill, 1, approvers[0])

    def _assign(self, bill: Bill, node: int, receiver: str) -> None:
        self._store.execute(
            "INSERT INTO kingdee_assignment"
            " (fid, form, number, node, receiver, status, result, opinion, created)"
            " VALUES (?, ?, ?, ?, ?, ?, '', '', ?)",
            (bill["fid"], bill["form"], bill["number"], str(node), receiver, OPEN, self._bills.now()),
        )

    def audit(self, bill: Bill, user: str, *, verify: bool) -> None:
        """Audit a document past its workflow.

        :raises Refused: it was not submitted, or ``verify`` and an instance runs.
        """
        if bill["status"] != "B":
            raise Refused(12, f"单据{bill['number']}不是审核中，不允许审核", "FDocumentStatus")
        if verify and self._open(bill):
            raise Refused(12, f"单据{bill['number']}存在未完成的工作流实例", "FDocumentStatus")
        self._archive(bill)
        self._approve(bill, user)

    def _approve(self, bill: Bill, user: str) -> None:
        bill.update(status="C", approved=self._bills.now(), approver=user)
        # An audit is no change of the document: its own time tells it.
        self._bills.put(bill, touch=False)

    def unaudit(self, bill: Bill) -> None:
        """Take an audit back.

        :raises Refused: it is not audited, or something was made of it.
        """
        if bill["status"] != "C":
            raise Refused(12, f"单据{bill['number']}未审核", "FDocumentStatus")
        if any(bill["joined"].values()):
            raise Refused(12, f"单据{bill['number']}已被下游单据引用，不允许反审核")
        bill.update(status=self._store.setting("kingdee_unaudit_to", "D"), approved=None, approver="")
        self._bills.put(bill)

    def decide(self, bill: Bill, user: str, kind: int, opinion: str) -> None:
        """Decide the open task of a person.

        :raises Refused: nothing waits for them.
        """
        task = next((row for row in self._open(bill) if row["receiver"] == user), None)
        if task is None or kind not in RESULTS:
            raise Refused(12, f"用户{user}没有该单据的待办任务")
        self._store.execute(
            "UPDATE kingdee_assignment SET status = ?, result = ?, opinion = ?, completed = ? WHERE id = ?",
            (DONE, RESULTS[kind], opinion, self._bills.now(), task["id"]),
        )
        approvers = self._store.setting("kingdee_approvers", {}).get(bill["form"], [])
        node = int(task["node"])
        if kind == 1 and node < len(approvers):
            self._assign(bill, node + 1, approvers[node])
            return
        self._archive(bill)
        if kind == 1:
            self._approve(bill, user)
        else:
            self._back(bill)

    def withdraw(self, bill: Bill) -> None:
        """Take back what was submitted (CancelAssign).

        :raises Refused: it is not in approval.
        """
        if bill["status"] != "B":
            raise Refused(12, f"单据{bill['number']}不在审核中")
        self._archive(bill)
        self._back(bill)

    def _back(self, bill: Bill) -> None:
        bill["status"] = "D"
        self._bills.put(bill)

    def _open(self, bill: Bill) -> list[Any]:
        sql = "SELECT * FROM kingdee_assignment WHERE fid = ? AND status = ? AND archived = 0"
        return self._store.all(sql, (bill["fid"], OPEN))

    def _archive(self, bill: Bill) -> None:
        self._store.execute("UPDATE kingdee_assignment SET archived = 1 WHERE fid = ?", (bill["fid"],))

    def rows(self, *, archived: bool) -> list[dict[str, Any]]:
        """Return the assignments of running instances, or those of ended ones, by their keys."""
        sql = "SELECT * FROM kingdee_assignment WHERE archived = ? ORDER BY id"
        return [
            {
                "FID": row["id"],
                "FAssignId": f"a{row['id']}",
                "FInstCode": f"i{row['fid']}",
                "FBILLNUMBER": row["number"],
                "FObjectTypeId": row["form"],
                "FASSIGNNAME": f"审批节点{row['node']}",
                "FActivityStatus": row["status"],
                "FInstStatus": "1" if archived else "2",
                "FReceiverId": row["receiver"],
                "FStatus": row["status"],
                "FDisposition": row["opinion"],
                "FResultName": row["result"],
                "FCompletedTime": row["completed"],
                "FCreateTime": row["created"],
            }
            for row in self._store.all(sql, (int(archived),))
        ]
