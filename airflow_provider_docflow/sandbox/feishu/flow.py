"""How an approval moves: nodes, tasks, timeline. Plain data in, plain data and events out.

Vendor pages: "Get a single approval instance" (status, task_list, timeline), "Approval instance status
changed", "Approval task status changed".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from airflow_provider_docflow.sandbox.feishu import errors
from airflow_provider_docflow.sandbox.feishu.errors import ApiError
from airflow_provider_docflow.sandbox.feishu.identity import open_id

Instance = dict[str, Any]
PENDING = "PENDING"


class Flow:
    """Moves one instance and collects the events that Feishu would send.

    :param instance: the instance's data; changed in place.
    :param now: epoch milliseconds of everything that happens here.
    :param next_id: gives ids of tasks and comments.
    """

    def __init__(self, instance: Instance, now: int, next_id: Callable[[], str]) -> None:
        self.instance, self.now, self._next_id = instance, now, next_id
        self.events: list[dict[str, Any]] = []

    def start(self) -> None:
        """Begin: the requester submits, the first node opens."""
        self._move("START", self.instance["user_id"])
        self._tell_instance(PENDING)
        self._open(0)

    def open_tasks(self) -> list[dict[str, Any]]:
        """Return the tasks that wait for somebody."""
        return [task for task in self.instance["tasks"] if task["status"] == PENDING]

    def task(self, task_id: Any, user: str) -> dict[str, Any]:
        """Return a person's open task.

        :raises ApiError: 1390010.
        """
        for task in self.open_tasks():
            if task["id"] == str(task_id) and task["user_id"] == user and self.instance["status"] == PENDING:
                return task
        raise ApiError(errors.NO_TASK)

    def approve(self, task: dict[str, Any], comment: str = "") -> None:
        """Let a task's person agree; the instance goes on, or ends."""
        self._close(task, "APPROVED")
        self._move("PASS", task["user_id"], task, comment)
        node = self.instance["nodes"][self.instance["node"]]
        rest = self.open_tasks()
        if node["type"] == "AND" and rest:
            return
        if node["type"] == "SEQUENTIAL" and self._next_in_turn(node):
            return
        for other in rest:
            self._close(other, "DONE")
        self._open(self.instance["node"] + 1)

    def reject(self, task: dict[str, Any], comment: str = "") -> None:
        """Let a task's person refuse; the instance ends."""
        self._close(task, "REJECTED")
        self._move("REJECT", task["user_id"], task, comment)
        self._end("REJECTED")

    def transfer(self, task: dict[str, Any], to_user: str, comment: str = "") -> None:
        """Hand a task over: the old one ends as transferred, a new one starts."""
        self._close(task, "TRANSFERRED")
        self._move("TRANSFER", task["user_id"], task, comment, {"user_id_list": [to_user]})
        self._task(to_user, self.instance["nodes"][self.instance["node"]])

    def roll_back(self, task: dict[str, Any], comment: str = "", *, to_start: bool = True) -> None:
        """Return the form: to its requester, or to the first node."""
        self._close(task, "ROLLBACK")
        for other in self.open_tasks():
            self._close(other, "DONE")
        self._move("ROLLBACK" if to_start else "ROLLBACK_SELECTED", task["user_id"], task, comment)
        if to_start:
            start = {"id": "START", "key": "START", "name": "发起", "type": "OR"}
            self._task(self.instance["user_id"], start)
        else:
            self._open(0)

    def resubmit(self, form: str | None = None) -> None:
        """Let the requester hand the form in again; the nodes start over."""
        for task in self.open_tasks():
            self._close(task, "DONE")
        if form is not None:
            self.instance["form"] = form
        self._move("START", self.instance["user_id"])
        self._open(0)

    def copy(self, user: str, people: list[str], comment: str = "") -> None:
        """Send copies."""
        self._move("CC", user, None, comment, {"user_id": user})
        self.instance["timeline"][-1]["cc"] = [
            {"user_id": one, "open_id": open_id(one), "cc_id": self._next_id()} for one in people
        ]

    def comment(self, user: str, text: str) -> str:
        """Add a comment and return its id."""
        comment_id = self._next_id()
        self.instance["comments"].append(
            {"id": comment_id, "user_id": user, "comment": text, "create_time": self.now}
        )
        return comment_id

    def cancel(self, user: str, comment: str = "") -> None:
        """Withdraw a pending instance."""
        self._move("CANCEL", user, None, comment)
        self._end("CANCELED")

    def revert(self, user: str) -> None:
        """Revoke an approved instance."""
        self.instance["reverted"] = True
        self._move("CANCEL", user)
        self.instance["end_time"] = self.now
        self._tell_instance("REVERTED")

    def delete(self) -> None:
        """End a pending instance whose definition was deleted."""
        self._move("DELETE", "")
        self._end("DELETED")

    def _end(self, status: str) -> None:
        for task in self.open_tasks():
            self._close(task, "DONE")
        self.instance.update(status=status, end_time=self.now)
        self._tell_instance(status)

    def _open(self, index: int) -> None:
        nodes = self.instance["nodes"]
        if index >= len(nodes):
            self._end("APPROVED")
            return
        self.instance["node"] = index
        node = nodes[index]
        users = node["users"][:1] if node["type"] == "SEQUENTIAL" else node["users"]
        if not users:
            self._move("AUTO_PASS", "", None)
            self._open(index + 1)
        for user in users:
            self._task(user, node)

    def _next_in_turn(self, node: dict[str, Any]) -> bool:
        done = {task["user_id"] for task in self.instance["tasks"] if task["node_id"] == node["id"]}
        waiting = [user for user in node["users"] if user not in done]
        if waiting:
            self._task(waiting[0], node)
        return bool(waiting)

    def _task(self, user: str, node: dict[str, Any]) -> None:
        task = {
            "id": self._next_id(),
            "user_id": user,
            "status": PENDING,
            "node_id": node["id"],
            "node_key": node["key"],
            "node_name": node["name"],
            "type": node["type"],
            "start_time": self.now,
            "end_time": 0,
        }
        self.instance["tasks"].append(task)
        self._tell_task(task)

    def _close(self, task: dict[str, Any], status: str) -> None:
        task.update(status=status, end_time=self.now)
        self._tell_task(task)

    def _move(
        self,
        kind: str,
        user: str,
        task: dict[str, Any] | None = None,
        comment: str = "",
        ext: dict[str, Any] | None = None,
    ) -> None:
        self.instance["timeline"].append(
            {
                "type": kind,
                "create_time": self.now,
                "user_id": user,
                "task_id": task["id"] if task else "",
                "node_key": task["node_key"] if task else "",
                "comment": comment,
                "ext": json.dumps(ext or {}),
            }
        )

    def _tell_instance(self, status: str) -> None:
        self.events.append(
            {
                "of": "instance",
                "approval_code": self.instance["approval_code"],
                "instance_code": self.instance["code"],
                "status": status,
                # A revocation tells its time as a number, every other change as text.
                "operate_time": self.now if status == "REVERTED" else str(self.now),
                "instance_operate_time": str(self.now),
                "uuid": self.instance["uuid"],
            }
        )

    def _tell_task(self, task: dict[str, Any]) -> None:
        self.events.append(
            {
                "of": "task",
                "approval_code": self.instance["approval_code"],
                "instance_code": self.instance["code"],
                "task_id": task["id"],
                "user_id": task["user_id"],
                "open_id": open_id(task["user_id"]) if task["user_id"] else "",
                "status": task["status"],
                "operate_time": str(self.now),
                "custom_key": "",
                "def_key": task["node_key"],
            }
        )
