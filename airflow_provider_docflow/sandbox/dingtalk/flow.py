"""How an approval moves: nodes, tasks, operation records. Plain data in, plain data and events out.

Vendor pages: "获取单个审批实例详情" (status, tasks, operationRecords), "event-bpms-instance-change" and
"event-bpms-task-change".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Instance = dict[str, Any]
Event = dict[str, Any]

RUNNING, COMPLETED, TERMINATED = "RUNNING", "COMPLETED", "TERMINATED"


class Flow:
    """Moves one instance and collects the events that DingTalk would send.

    :param instance: the instance's data; changed in place.
    :param now: epoch milliseconds of everything that happens here.
    :param next_task: gives task ids, which are integers.
    """

    def __init__(self, instance: Instance, now: int, next_task: Callable[[], int]) -> None:
        self.instance, self.now, self._next_task = instance, now, next_task
        self.events: list[Event] = []

    def start(self) -> None:
        """Begin: the requester submits, the first node opens."""
        self._record(self.instance["originatorUserId"], "START_PROCESS_INSTANCE", "NONE")
        self._event("bpms_instance_change", "start")
        self._copy("START")
        self._open(0)

    def running(self) -> list[dict[str, Any]]:
        """Return the tasks that wait for somebody."""
        return [task for task in self.instance["tasks"] if task["status"] == RUNNING]

    def execute(
        self,
        task: dict[str, Any],
        result: str,
        remark: str = "",
        files: Any = None,
        actor: str = "",
        kind: str = "EXECUTE_TASK_NORMAL",
    ) -> None:
        """Let a task's user agree or refuse; the instance goes on, or ends.

        :param kind: ``EXECUTE_TASK_AGENT`` when a delegate acts.
        """
        actor = actor or task["userId"]
        self._close(task, COMPLETED, result.upper())
        self._record(actor, kind, result.upper(), remark, activity=task["activityId"], files=files)
        self._event("bpms_task_change", "finish", task, result=result, remark=remark, staffId=actor)
        node = self.instance["nodes"][self.instance["node"]]
        if result == "refuse":
            self._cancel_rest()
            self._finish("refuse", actor)
        elif node["actionType"] == "OR" or not self.running():
            self._cancel_rest()
            self._open(self.instance["node"] + 1)

    def redirect(self, task: dict[str, Any], to_user: str, remark: str = "", files: Any = None) -> None:
        """Hand a task over: the old one ends as redirected, a new one starts."""
        self._close(task, COMPLETED, "REDIRECTED")
        self._record(
            task["userId"], "REDIRECT_TASK", "NONE", remark, activity=task["activityId"], files=files
        )
        self._event("bpms_task_change", "finish", task, result="redirect", remark=remark)
        self._task(to_user, task["activityId"], task["taskGroupName"])

    def comment(self, user: str, text: str, files: Any = None) -> None:
        """Add a remark, which is possible in any state."""
        self._record(user, "ADD_REMARK", "NONE", text, files=files)

    def terminate(self, user: str, remark: str = "") -> None:
        """Withdraw: the requester or the system takes the instance back."""
        self._cancel_rest(TERMINATED)
        self.instance.update(status=TERMINATED, result="", finishTime=self.now)
        self._record(user, "TERMINATE_PROCESS_INSTANCE", "NONE", remark)
        self._event("bpms_instance_change", "terminate", finishTime=self.now)

    def send_back(self, user: str, remark: str = "") -> None:
        """Return to the requester, who has to correct and submit again; the instance keeps running."""
        self._cancel_rest()
        self._record(user, "REDIRECT_PROCESS", "NONE", remark)
        self._task(self.instance["originatorUserId"], "originator", "发起人")

    def submit_again(self, values: list[dict[str, Any]]) -> None:
        """Let the requester submit the corrected form; the nodes start over."""
        for task in self.running():
            self._close(task, COMPLETED, "AGREE")
            self._record(task["userId"], "EXECUTE_TASK_NORMAL", "AGREE", activity=task["activityId"])
            self._event("bpms_task_change", "finish", task, result="agree")
        self.instance["formComponentValues"] = values
        self._open(0)

    def _open(self, index: int) -> None:
        nodes = self.instance["nodes"]
        if index >= len(nodes):
            self._finish("agree", self.instance["records"][-1]["userId"])
            return
        self.instance["node"] = index
        for user in nodes[index]["userIds"]:
            self._task(user, nodes[index]["activityId"], nodes[index]["name"])

    def _finish(self, result: str, actor: str) -> None:
        self.instance.update(status=COMPLETED, result=result, finishTime=self.now)
        self._record(actor, "FINISH_PROCESS_INSTANCE", "NONE")
        self._copy("FINISH")
        self._event("bpms_instance_change", "finish", result=result, finishTime=self.now)

    def _copy(self, moment: str) -> None:
        if self.instance["ccUserIds"] and moment in self.instance["ccPosition"].split("_"):
            self._record(self.instance["originatorUserId"], "PROCESS_CC", "NONE")
            self.instance["records"][-1]["ccUserIds"] = self.instance["ccUserIds"]

    def _cancel_rest(self, status: str = "CANCELED") -> None:
        for task in self.running():
            self._close(task, status, "")
            self._event("bpms_task_change", "cancel", task)

    def _task(self, user: str, activity: str, group: str) -> None:
        task = {
            "taskId": self._next_task(),
            "userId": user,
            "status": RUNNING,
            "result": "",
            "createTime": self.now,
            "activityId": activity,
            "taskGroupName": group,
        }
        self.instance["tasks"].append(task)
        self._event("bpms_task_change", "start", task)

    def _close(self, task: dict[str, Any], status: str, result: str) -> None:
        task.update(status=status, result=result, finishTime=self.now)

    def _record(
        self, user: str, kind: str, result: str, remark: str = "", activity: str = "", files: Any = None
    ) -> None:
        record = {"userId": user, "date": self.now, "type": kind, "result": result}
        if remark:
            record["remark"] = remark
        if activity:
            record["activityId"] = activity
        if files:
            record["attachments"] = files.get("attachments", [])
            record["images"] = files.get("photos", [])
        self.instance["records"].append(record)

    def _event(self, kind: str, change: str, task: dict[str, Any] | None = None, **more: Any) -> None:
        event = {
            "EventType": kind,
            "type": change,
            "processInstanceId": self.instance["id"],
            "processCode": self.instance["processCode"],
            "businessId": self.instance["businessId"],
            "bizCategoryId": "",
            "title": self.instance["title"],
            "createTime": self.instance["createTime"] if task is None else task["createTime"],
            "staffId": self.instance["originatorUserId"] if task is None else task["userId"],
        }
        if task is None:
            event["url"] = (
                f"https://aflow.dingtalk.com/dingtalk/mobile/homepage.htm?procInstId={event['processInstanceId']}"
            )
        else:
            event["taskId"] = task["taskId"]
            if "finishTime" in task:
                event["finishTime"] = task["finishTime"]
        self.events.append({**event, **{name: value for name, value in more.items() if value != ""}})
