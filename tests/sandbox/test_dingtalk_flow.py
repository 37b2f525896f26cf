from __future__ import annotations

from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.exceptions import Rejected
from airflow_provider_docflow.sandbox import Sandbox
from tests.sandbox.conftest import REQUISITION, DingTalk, code_of


def running(instance: dict[str, Any]) -> dict[str, int]:
    return {task["userId"]: task["taskId"] for task in instance["tasks"] if task["status"] == "RUNNING"}


def kinds(instance: dict[str, Any]) -> list[str]:
    return [record["type"] for record in instance["operationRecords"]]


def execute(
    dingtalk: DingTalk, instance: str, user: str, result: str = "agree", **more: Any
) -> httpx2.Response:
    task = running(dingtalk.get(instance)).get(user)
    body = {"processInstanceId": instance, "taskId": task, "actionerUserId": user, "result": result, **more}
    return dingtalk.call("POST", "processInstances/execute", body)


@pytest.fixture
def instance(dingtalk: DingTalk, code: str) -> str:
    return dingtalk.create(code).json()["instanceId"]


def test_all_agree(dingtalk: DingTalk, instance: str) -> None:
    assert execute(dingtalk, instance, "boss", remark="好").json() == {"result": True, "success": True}
    halfway = dingtalk.get(instance)
    assert halfway["status"] == "RUNNING" and set(running(halfway)) == {"cfo", "ceo"}
    execute(dingtalk, instance, "ceo")
    assert dingtalk.get(instance)["status"] == "RUNNING", "AND waits for both"
    execute(dingtalk, instance, "cfo")
    done = dingtalk.get(instance)
    assert (done["status"], done["result"]) == ("COMPLETED", "agree") and done["finishTime"]
    assert kinds(done) == [
        "START_PROCESS_INSTANCE",
        *["EXECUTE_TASK_NORMAL"] * 3,
        "FINISH_PROCESS_INSTANCE",
    ]
    assert done["operationRecords"][1]["remark"] == "好"
    assert {(task["status"], task["result"]) for task in done["tasks"]} == {("COMPLETED", "AGREE")}


def test_one_of_and_refuses(dingtalk: DingTalk, instance: str) -> None:
    execute(dingtalk, instance, "boss")
    execute(dingtalk, instance, "cfo", "refuse", remark="超预算")
    done = dingtalk.get(instance)
    assert (done["status"], done["result"]) == ("COMPLETED", "refuse")
    states = {task["userId"]: (task["status"], task["result"]) for task in done["tasks"]}
    assert states["cfo"] == ("COMPLETED", "REFUSE") and states["ceo"] == ("CANCELED", "")


def test_one_of_or_is_enough(dingtalk: DingTalk, code: str) -> None:
    approvers = [{"actionType": "OR", "userIds": ["a", "b"]}]
    instance = dingtalk.create(code, approvers=approvers).json()["instanceId"]
    execute(dingtalk, instance, "b")
    done = dingtalk.get(instance)
    assert done["result"] == "agree"
    assert {task["userId"]: task["status"] for task in done["tasks"]} == {"a": "CANCELED", "b": "COMPLETED"}


def test_copies_at_the_end(dingtalk: DingTalk, code: str) -> None:
    more = {"ccList": ["c"], "ccPosition": "FINISH"}
    approvers = [{"actionType": "NONE", "userIds": ["a"]}]
    instance = dingtalk.create(code, approvers=approvers, **more).json()["instanceId"]
    assert "PROCESS_CC" not in kinds(dingtalk.get(instance))
    execute(dingtalk, instance, "a")
    assert dingtalk.get(instance)["operationRecords"][-1]["ccUserIds"] == ["c"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"actionerUserId": ""}, "invalidInstanceExecuteActionerUserId"),
        ({"actionerUserId": "stranger"}, "needAuth"),
        ({"result": "AGREE"}, "invalidInstanceExecuteResult"),
        ({"processInstanceId": ""}, "processInstanceIdError"),
        ({"processInstanceId": "gone"}, "processInstanceNotExist"),
        ({"taskId": 1}, "invalidParameter"),
    ],
)
def test_execute_refusals(dingtalk: DingTalk, instance: str, change: dict[str, Any], expected: str) -> None:
    before = dingtalk.get(instance)
    assert code_of(execute(dingtalk, instance, "boss", **change)) == expected
    assert dingtalk.get(instance) == before


def test_a_task_is_done_once(dingtalk: DingTalk, instance: str) -> None:
    task = running(dingtalk.get(instance))["boss"]
    assert execute(dingtalk, instance, "boss").status_code == 200
    assert code_of(execute(dingtalk, instance, "boss", taskId=task)) == "aflowProcessInstStatusException"


def test_get_refusals(dingtalk: DingTalk) -> None:
    gone = dingtalk.call("GET", "processInstances", query={"processInstanceId": "gone"})
    assert code_of(gone) == "processInstanceNotExist"
    assert code_of(dingtalk.call("GET", "processInstances")) == "processInstanceIdError"


def test_terminate_only_after_15_seconds(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.freeze()
    instance = dingtalk.create(code).json()["instanceId"]
    body = {"processInstanceId": instance, "isSystem": False, "operatingUserId": "u1", "remark": "错了"}
    path = "processInstances/terminate"
    assert code_of(dingtalk.call("POST", path, body)) == "aflowProcessInstStatusException"
    sandbox.advance(15)
    assert code_of(dingtalk.call("POST", path, {**body, "operatingUserId": "boss"})) == "internalError"
    assert dingtalk.call("POST", path, body).json() == {"result": True, "success": True}
    done = dingtalk.get(instance)
    assert (done["status"], done["result"]) == ("TERMINATED", "")
    assert kinds(done)[-1] == "TERMINATE_PROCESS_INSTANCE"
    assert {task["status"] for task in done["tasks"]} == {"TERMINATED"}
    assert code_of(dingtalk.call("POST", path, body)) == "aflowProcessInstStatusException"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"processInstanceId": ""}, "invalidInstanceId"),
        ({"processInstanceId": "gone"}, "aflowProcessInstNotExist"),
        ({"isSystem": None}, "invalidInstanceTerminateIsSystem"),
        ({"operatingUserId": ""}, "invalidInstanceTerminateOperatingUserId"),
    ],
)
def test_terminate_refusals(dingtalk: DingTalk, instance: str, change: dict[str, Any], expected: str) -> None:
    body = {"processInstanceId": instance, "isSystem": False, "operatingUserId": "u1", **change}
    assert code_of(dingtalk.call("POST", "processInstances/terminate", body)) == expected


def test_the_system_withdraws(sandbox: Sandbox, dingtalk: DingTalk, instance: str) -> None:
    sandbox.advance(20)
    body = {"processInstanceId": instance, "isSystem": True}
    assert dingtalk.call("POST", "processInstances/terminate", body).json()["result"] is True


def test_comment(dingtalk: DingTalk, instance: str) -> None:
    attachment = {"spaceId": "1", "fileName": "a", "fileSize": "1", "fileType": "t", "fileId": "9"}
    body = {
        "processInstanceId": instance,
        "text": "PO-1 已创建",
        "commentUserId": "u1",
        "file": {"attachments": [attachment], "photos": []},
    }
    assert dingtalk.call("POST", "processInstances/comments", body).json()["success"] is True
    record = dingtalk.get(instance)["operationRecords"][-1]
    assert (record["type"], record["remark"], record["userId"]) == ("ADD_REMARK", "PO-1 已创建", "u1")
    assert record["attachments"] == [attachment]
    assert code_of(dingtalk.call("POST", "processInstances/comments", {**body, "text": ""}))


def test_redirect(dingtalk: DingTalk, instance: str) -> None:
    task = running(dingtalk.get(instance))["boss"]
    body = {"taskId": task, "operateUserId": "boss", "toUserId": "deputy", "remark": "休假"}
    assert dingtalk.call("POST", "tasks/redirect", body).json() == {"result": True}
    seen = dingtalk.get(instance)
    assert set(running(seen)) == {"deputy"} and "REDIRECT_TASK" in kinds(seen)
    assert seen["tasks"][0]["result"] == "REDIRECTED"
    assert code_of(dingtalk.call("POST", "tasks/redirect", body)) == "task.status.error"
    assert code_of(dingtalk.call("POST", "tasks/redirect", {**body, "taskId": 1})) == "param.illegal"
    assert code_of(dingtalk.call("POST", "tasks/redirect", {**body, "toUserId": ""})) == "param.blank"
    other = {**body, "taskId": running(seen)["deputy"]}
    assert code_of(dingtalk.call("POST", "tasks/redirect", other)) == "param.illegal.operator"


def test_redirect_after_the_end(sandbox: Sandbox, dingtalk: DingTalk, instance: str) -> None:
    task = running(dingtalk.get(instance))["boss"]
    sandbox.decide(instance, "refuse")
    body = {"taskId": task, "operateUserId": "boss", "toUserId": "deputy"}
    assert code_of(dingtalk.call("POST", "tasks/redirect", body)) == "instance.status.error"


def test_redirect_many(dingtalk: DingTalk, code: str) -> None:
    ids = [dingtalk.create(code).json()["instanceId"] for _ in range(2)]
    tasks = [running(dingtalk.get(one))["boss"] for one in ids]
    body = {
        "managerUserId": "hr",
        "handoverUserId": "boss",
        "transfereeUserId": "new",
        "taskIds": [*tasks, 5],
    }
    result = dingtalk.call("POST", "tasks/batchRedirect", body).json()["result"]
    assert (result["totalCount"], result["failCount"]) == (3, 1)
    assert [item["success"] for item in result["redirectResults"]] == [True, True, False]
    assert all(set(running(dingtalk.get(one))) == {"new"} for one in ids)


def test_returned_corrected_and_agreed(sandbox: Sandbox, dingtalk: DingTalk, instance: str) -> None:
    sandbox.decide(instance, "return", user="boss", remark="金额错")
    back = dingtalk.get(instance)
    assert back["status"] == "RUNNING" and set(running(back)) == {"u1"}
    assert kinds(back)[-1] == "REDIRECT_PROCESS"
    with pytest.raises(Rejected, match="没有待处理的任务"):
        sandbox.decide(instance, "agree")
    sandbox.decide(instance, "resubmit", values=[{"name": "金额", "value": "99.00"}])
    again = dingtalk.get(instance)
    assert set(running(again)) == {"boss"}
    assert {item["name"]: item["value"] for item in again["formComponentValues"]}["金额"] == "99.00"
    sandbox.decide(instance, "agree")
    assert dingtalk.get(instance)["result"] == "agree"


@pytest.mark.parametrize("action", ["REVOKE", "MODIFY"])
def test_after_approval_a_new_instance_says_so(
    sandbox: Sandbox, dingtalk: DingTalk, instance: str, action: str
) -> None:
    with pytest.raises(Rejected, match="aflowProcessInstStatusException"):
        sandbox.attach(instance, action)
    sandbox.decide(instance, "agree")
    more = {"values": [{"name": "金额", "value": "250.00"}]} if action == "MODIFY" else {}
    attached = sandbox.attach(instance, action, **more)
    main, new = dingtalk.get(instance), dingtalk.get(attached)
    assert main["attachedProcessInstanceIds"] == [attached]
    assert (main["status"], main["result"], main["bizAction"]) == ("COMPLETED", "agree", "NONE")
    assert (new["bizAction"], new["mainProcessInstanceId"], new["status"]) == (action, instance, "RUNNING")
    amount = {item["name"]: item["value"] for item in new["formComponentValues"]}["金额"]
    assert amount == ("250.00" if action == "MODIFY" else "100.50")
    sandbox.decide(attached, "agree")
    assert dingtalk.get(attached)["result"] == "agree"


def test_decisions_that_do_not_fit_are_refused(sandbox: Sandbox, dingtalk: DingTalk, instance: str) -> None:
    with pytest.raises(Rejected, match="没有待处理的任务"):
        sandbox.decide(instance, "agree", user="ceo")
    with pytest.raises(Rejected, match="action is one of"):
        sandbox.decide(instance, "shrug")
    with pytest.raises(Rejected, match="未被退回"):
        sandbox.decide(instance, "resubmit")
    sandbox.decide(instance, "terminate")
    with pytest.raises(Rejected, match="审批单已结束"):
        sandbox.decide(instance, "agree")


def rule_template(sandbox: Sandbox, code: str) -> None:
    rules = [
        {"field": "编号", "in": ["R-3", "R-4"], "action": "none"},
        {"field": "金额", "gt": "1000", "action": "refuse", "user": "boss", "remark": "超预算"},
        {"field": "编号", "glob": "SLOW-*", "action": "agree", "after": 30},
        {"field": "编号", "equals": "BACK", "action": "return"},
        {"field": "编号", "equals": "OOPS", "action": "terminate"},
        {"processCode": code, "action": "agree"},
    ]
    sandbox.rules(rules)


def test_rules_decide_new_instances(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.freeze()
    rule_template(sandbox, code)
    wanted = {
        "R-1": "1",
        "R-2": "1000.01",
        "R-3": "1",
        "SLOW-1": "1",
        "BACK": "1",
        "OOPS": "1",
        "R-6": "1000",
    }
    body = {"processCode": code, "originatorUserId": "u1"}
    ids = sandbox.submit(
        {**body, "formComponentValues": [{"name": "编号", "value": name}, {"name": "金额", "value": amount}]}
        for name, amount in wanted.items()
    )
    sandbox.settle()

    def states() -> dict[str, tuple[str, str]]:
        seen = {name: dingtalk.get(one) for name, one in zip(wanted, ids, strict=True)}
        return {name: (one["status"], one["result"]) for name, one in seen.items()}

    agreed, waiting = ("COMPLETED", "agree"), ("RUNNING", "")
    expected = {
        "R-1": agreed,
        "R-2": ("COMPLETED", "refuse"),
        "R-3": waiting,
        "SLOW-1": waiting,
        "BACK": waiting,
        "OOPS": ("TERMINATED", ""),
        "R-6": agreed,
    }
    assert states() == expected
    sandbox.advance(29)
    assert states() == expected
    sandbox.advance(1)
    assert states() == {**expected, "SLOW-1": agreed}


def test_a_person_may_be_quicker_than_a_rule(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.rules([{"action": "agree", "after": 60}])
    instance = dingtalk.create(code).json()["instanceId"]
    sandbox.decide(instance, "refuse")
    sandbox.advance(60)
    assert dingtalk.get(instance)["result"] == "refuse"


def test_every_nth(sandbox: Sandbox, code: str) -> None:
    sandbox.rules([{"every": 3, "offset": 1, "action": "refuse"}])
    body = {"processCode": code, "originatorUserId": "u1"}
    values = [{"name": "编号", "value": "x"}, {"name": "金额", "value": "1"}]
    ids = sandbox.submit({**body, "formComponentValues": values} for _ in range(7))
    sandbox.settle()
    assert [sandbox.instance(one)["result"] for one in ids] == ["refuse", "", "", "refuse", "", "", "refuse"]


def test_bad_rules_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(Rejected, match="action is one of"):
        sandbox.rules([{"action": "maybe"}])
    with pytest.raises(Rejected, match="fields"):
        sandbox.rules([{"action": "agree", "fields": "x"}])


def test_a_template_keeps_its_flow_when_the_form_changes(
    sandbox: Sandbox, dingtalk: DingTalk, code: str
) -> None:
    body = {"name": "采购申请", "processCode": code, "formComponents": REQUISITION[:2]}
    assert dingtalk.call("POST", "forms", body).json()["result"]["processCode"] == code
    assert set(running(dingtalk.get(dingtalk.create(code).json()["instanceId"]))) == {"boss"}
