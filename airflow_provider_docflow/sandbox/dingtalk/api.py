"""The calls of api.dingtalk.com: token, approval instances, templates.

Each method names the vendor page whose table it follows.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError
from airflow_provider_docflow.sandbox.dingtalk.flow import RUNNING, Flow, Instance
from airflow_provider_docflow.sandbox.dingtalk.identity import Identity
from airflow_provider_docflow.sandbox.dingtalk.instances import Instances
from airflow_provider_docflow.sandbox.dingtalk.wire import Call, shown
from airflow_provider_docflow.sandbox.store import Store

#: After submitting, a form cannot be withdrawn for this long.
TERMINATE_AFTER_MS = 15_000
_PREMIUM = "bizDetailPageUrl"


class WorkflowApi:
    """Handlers of the workflow calls."""

    def __init__(self, store: Store, identity: Identity, instances: Instances) -> None:
        self._store, self._identity, self._instances = store, identity, instances

    def access_token(self, call: Call) -> dict[str, Any]:
        """Page "obtain-the-access_token-of-an-internal-app"."""
        issued = self._identity.token(call.body.get("appKey"), call.body.get("appSecret"))
        if issued is None:
            raise ApiError("invalidClientIdOrSecret")
        return {"accessToken": issued[0], "expireIn": issued[1]}

    def corp_token(self, call: Call) -> dict[str, Any]:
        """Page "Obtain the token of an application" (``/v1.0/oauth2/{corpId}/token``)."""
        issued = self._identity.token(call.body.get("client_id"), call.body.get("client_secret"))
        if issued is None or call.body.get("grant_type") != "client_credentials":
            raise ApiError("invalidClientIdOrSecret")
        if self._identity.app_of(issued[0])["corp_id"] != call.query["corp"]:
            # The page prints no code for a corporation in which the application is not installed.
            raise ApiError("invalidParameter", "corpId")
        return {"access_token": issued[0], "expires_in": issued[1]}

    def start(self, call: Call) -> dict[str, Any]:
        """Page "create-an-approval-instance". There is no key: the same body twice makes two instances."""
        body = call.body
        originator = call.need("originatorUserId", "invalidParameter")
        call.need("processCode", "invalidParameter")
        if body.get(_PREMIUM) and not self._store.setting("dingtalk_premium", False):
            raise ApiError("benefitStatusInvalid")
        if not body.get("approvers") and body.get("deptId") is None:
            raise ApiError("processInstanceInvalidParameter")
        copies, moment = body.get("ccList") or [], body.get("ccPosition")
        if len(copies) > 50 or moment not in (None, "", "START", "FINISH", "START_FINISH"):
            raise ApiError("processInstanceInvalidParameter")
        agent = body.get("microappAgentId")
        if agent is not None and agent != call.app["agent_id"]:
            raise ApiError("invalidAgentId")
        people = [user for node in body.get("approvers") or [] for user in node.get("userIds") or []]
        self._known([originator, *people, *copies], "processInstanceInvalidParameter")
        if not body.get("approvers"):
            # With the flow of the back office its own carbon copies hold.
            body = {**body, "ccList": None, "ccPosition": None}
        return {"instanceId": self._instances.create({**body, "title": None})["id"]}

    def get(self, call: Call) -> dict[str, Any]:
        """Page "obtains-the-details-of-a-single-approval-instance-pop"."""
        wanted = call.query.get("processInstanceId", "")
        if not wanted:
            raise ApiError("processInstanceIdError")
        found = self._instances.get(wanted, as_of=call.as_of)
        return {"result": shown(found, self._instances.components(found)), "success": "true"}

    def ids(self, call: Call) -> dict[str, Any]:
        """Page "obtain-an-approval-list-of-instance-ids"."""
        found, following = self._instances.ids(call.body, call.as_of)
        result: dict[str, Any] = {"list": found}
        if following is not None:
            result["nextToken"] = following
        return {"result": result, "success": True}

    def terminate(self, call: Call) -> dict[str, Any]:
        """Page "撤销审批实例": by the system, or by the requester and nobody else."""
        wanted = call.need("processInstanceId", "invalidInstanceId")
        if call.body.get("isSystem") is None:
            raise ApiError("invalidInstanceTerminateIsSystem")
        user = call.body.get("operatingUserId") or ""
        instance = self._instances.get(wanted, "aflowProcessInstNotExist")
        if not call.body["isSystem"]:
            call.need("operatingUserId", "invalidInstanceTerminateOperatingUserId")
            self._known([user], "userNotExist")
            if user != instance["originatorUserId"]:
                raise ApiError("internalError", "您没有任务处理的权限")
        if instance["status"] != RUNNING:
            raise ApiError("aflowProcessInstStatusException", "审批单已结束")
        flow = self._instances.flow(instance)
        if flow_age(instance, flow) < TERMINATE_AFTER_MS:
            raise ApiError("aflowProcessInstStatusException", "提交审批单后15秒内不能进行撤回")
        flow.terminate(user or instance["originatorUserId"], call.body.get("remark") or "")
        self._instances.keep(flow)
        return {"result": True, "success": True}

    def execute(self, call: Call) -> dict[str, Any]:
        """Page "approve-or-reject-the-approval-task"."""
        actor = call.need("actionerUserId", "invalidInstanceExecuteActionerUserId")
        result = call.body.get("result")
        if result not in ("agree", "refuse"):
            raise ApiError("invalidInstanceExecuteResult")
        instance = self._instances.get(call.need("processInstanceId", "processInstanceIdError"))
        if instance["status"] != RUNNING:
            raise ApiError("aflowProcessInstStatusException")
        task = _task(instance, call.body.get("taskId"))
        if task is None:
            raise ApiError("invalidParameter", "任务不属于该流程实例")
        if task["status"] != RUNNING or task["activityId"] == "originator":
            raise ApiError("aflowProcessInstStatusException", "任务已处理")
        if task["userId"] != actor:
            raise ApiError("needAuth", "没有同意拒绝审批的权限")
        flow = self._instances.flow(instance)
        flow.execute(task, result, *_remark(call))
        self._instances.keep(flow)
        return {"result": True, "success": True}

    def comment(self, call: Call) -> dict[str, Any]:
        """Page "add-an-approval-comment-pop"."""
        text = call.need("text", "invalidParameter", "添加审批评论参数错误")
        user = call.need("commentUserId", "invalidParameter", "添加审批评论参数错误")
        self._known([user], "userNotExist")
        instance = self._instances.get(call.need("processInstanceId", "processInstanceIdError"))
        flow = self._instances.flow(instance)
        flow.comment(user, text, call.body.get("file"))
        self._instances.keep(flow)
        return {"result": True, "success": True}

    def redirect(self, call: Call) -> dict[str, Any]:
        """Page "转交OA审批任务"."""
        to_user = call.need("toUserId", "param.blank", "toUserId参数不能为空")
        user = call.need("operateUserId", "param.illegal.operator")
        self._redirect(call.body.get("taskId"), user, to_user, *_remark(call))
        return {"result": True}

    def redirect_many(self, call: Call) -> dict[str, Any]:
        """Page "批量转交OA审批任务": a manager hands over what waits for somebody who left."""
        user = call.need("handoverUserId", "param.blank", "handoverUserId参数不能为空")
        to_user = call.need("transfereeUserId", "param.blank", "transfereeUserId参数不能为空")
        call.need("managerUserId", "param.blank", "managerUserId参数不能为空")
        results = []
        for task_id in call.body.get("taskIds") or []:
            try:
                self._redirect(task_id, user, to_user)
                results.append({"taskId": task_id, "success": True, "errorMsg": ""})
            except ApiError as error:
                results.append({"taskId": task_id, "success": False, "errorMsg": error.message})
        failed = sum(not item["success"] for item in results)
        report = {"totalCount": len(results), "failCount": failed, "redirectResults": results}
        return {"result": report, "success": True}

    def _redirect(self, task_id: Any, user: str, to_user: str, remark: str = "", files: Any = None) -> None:
        instance = self._instances.of_task(task_id)
        if instance is None:
            raise ApiError("param.illegal", "不合法的参数taskId")
        if instance["status"] != RUNNING:
            raise ApiError("instance.status.error")
        task = _task(instance, task_id) or {}
        if task["status"] != RUNNING:
            raise ApiError("task.status.error")
        if task["userId"] != user:
            raise ApiError("param.illegal.operator")
        self._known([to_user], "param.illegal")
        flow = self._instances.flow(instance)
        flow.redirect(task, to_user, remark, files)
        self._instances.keep(flow)

    def _known(self, users: list[str], code: str) -> None:
        # A sandbox without a staff list takes every user id; with one it is as strict as the vendor.
        staff = self._store.setting("dingtalk_users")
        if staff is not None and not set(users) <= set(staff):
            raise ApiError(code)


def flow_age(instance: Instance, flow: Flow) -> int:
    """Return the milliseconds since an instance was submitted."""
    age: int = flow.now - instance["createTime"]
    return age


def _task(instance: Instance, task_id: Any) -> dict[str, Any] | None:
    return next((task for task in instance["tasks"] if task["taskId"] == task_id), None)


def _remark(call: Call) -> tuple[str, Any]:
    return call.body.get("remark") or "", call.body.get("file")
