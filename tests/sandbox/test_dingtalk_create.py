from __future__ import annotations

import base64
import json
import re
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.exceptions import Rejected
from airflow_provider_docflow.sandbox import Sandbox
from tests.sandbox.conftest import REQUISITION, DingTalk, code_of, dump, form

FILE = [{"spaceId": "1", "fileName": "a.pdf", "fileSize": "3", "fileType": "pdf", "fileId": "9"}]
ROWS = [
    [{"name": "物料", "value": "M-1"}, {"name": "数量", "value": "2"}],
    [{"name": "物料", "value": "M-2"}],
]

GOOD = {
    "需求日期": "2026-01-02",
    '["开始时间","结束时间"]': '["2026-01-01","2026-01-02"]',
    "类别": "IT",
    "标签": '["急"]',
    "联系人": '["u9"]',
    "部门": "12,-1",
    "关联": '["x"]',
    "附件": dump(FILE),
    "评分": "5",
    "明细": dump(ROWS),
}
BAD = {
    "金额": ["1,000.00", "12 元", "1e5"],
    "需求日期": ["2026/01/02", "2026-01-02 10:00"],
    '["开始时间","结束时间"]': ["2026-01-01", '["2026-01-01"]'],
    "类别": ["车辆"],
    "标签": ["急", '["缓"]'],
    "联系人": ["u9"],
    "部门": ["采购部"],
    "附件": ["a.pdf", '[{"fileName":"a.pdf"}]', "[]"],
    "评分": ["6"],
    "说明": ["text notes cannot be filled"],
    "明细": ["M-1", '[{"name":"物料","value":"M"}]', '[[{"name":"数量","value":"2"}]]', '[[{"name":"价"}]]'],
}


def test_create_is_not_idempotent(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    one, two = dingtalk.create(code), dingtalk.create(code)
    assert one.json().keys() == {"instanceId"}
    assert one.json() != two.json()
    assert len(sandbox.instances(processCode=code)) == 2


def test_values_come_back_as_strings(dingtalk: DingTalk, code: str) -> None:
    instance = dingtalk.get(dingtalk.create(code, form(**GOOD)).json()["instanceId"])
    shown = {item["name"]: item["value"] for item in instance["formComponentValues"]}
    assert all(isinstance(value, str) for value in shown.values())
    otherwise = {"联系人", "部门", "关联", "明细"}
    same = {name: value for name, value in shown.items() if name not in otherwise}
    assert same == {
        "编号": "PR-1",
        "金额": "100.50",
        **{name: value for name, value in GOOD.items() if name not in otherwise},
    }
    first = instance["formComponentValues"][0]
    assert first["componentType"] == "TextField" and first["id"].startswith("TextField-")


def test_people_departments_approvals_and_tables_are_shown_in_another_way(
    dingtalk: DingTalk, code: str
) -> None:
    instance = dingtalk.get(dingtalk.create(code, form(**GOOD)).json()["instanceId"])
    shown = {item["name"]: item for item in instance["formComponentValues"]}
    assert shown["联系人"]["value"] == "员工 u9"
    assert json.loads(shown["联系人"]["extValue"]) == [{"emplId": "u9", "name": "员工 u9"}]
    assert [one["id"] for one in json.loads(shown["部门"]["extValue"])] == ["12", "-1"]
    assert json.loads(shown["关联"]["extValue"])["list"][0]["procInstId"] == "x"
    first, _ = json.loads(shown["明细"]["value"])
    assert [(cell["label"], cell["value"]) for cell in first["rowValue"]] == [("物料", "M-1"), ("数量", "2")]


def test_what_a_new_instance_looks_like(dingtalk: DingTalk, code: str) -> None:
    instance = dingtalk.get(dingtalk.create(code).json()["instanceId"])
    assert instance["status"] == "RUNNING" and instance["result"] == ""
    assert instance["title"] == "u1提交的采购申请" and instance["bizAction"] == "NONE"
    assert instance["originatorUserId"] == "u1" and instance["originatorDeptId"] == "-1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", instance["createTime"])
    assert "finishTime" not in instance and "approverUserIds" not in instance
    assert [record["type"] for record in instance["operationRecords"]] == ["START_PROCESS_INSTANCE"]
    (task,) = instance["tasks"]
    assert (task["userId"], task["status"], type(task["taskId"])) == ("boss", "RUNNING", int)


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, many in BAD.items() for value in many])
def test_a_value_in_the_wrong_encoding_names_its_control(
    sandbox: Sandbox, dingtalk: DingTalk, code: str, name: str, value: str
) -> None:
    answer = dingtalk.create(code, form(**{name: value}))
    assert code_of(answer) == "formConverterError"
    assert name in answer.json()["message"] or "物料" in answer.json()["message"]
    assert sandbox.instances() == []


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"originatorUserId": None}, "invalidParameter"),
        ({"processCode": None}, "invalidParameter"),
        ({"processCode": "PROC-GONE"}, "processCodeError"),
        ({"deptId": None}, "processInstanceInvalidParameter"),
        ({"formComponentValues": []}, "invalidParameter"),
        ({"formComponentValues": form() * 76}, "invalidParameter"),
        ({"formComponentValues": [{"name": "编号", "value": 1}]}, "illegalComponent"),
        ({"formComponentValues": [{"name": "编号", "value": "x" * 65536}]}, "invalidParameter"),
        ({"formComponentValues": [{"name": "编号", "value": "x"}]}, "formConverterError"),
        ({"formComponentValues": form(未知="x")}, "formConverterError"),
        ({"microappAgentId": 7}, "invalidAgentId"),
        ({"bizDetailPageUrl": "https://example.com"}, "benefitStatusInvalid"),
        ({"ccPosition": "LATER"}, "processInstanceInvalidParameter"),
        ({"ccList": ["u"] * 51}, "processInstanceInvalidParameter"),
        ({"approvers": [{"actionType": "AND", "userIds": ["a"]}]}, "processInstanceInvalidParameter"),
        ({"approvers": [{"actionType": "NONE", "userIds": ["a", "b"]}]}, "processInstanceInvalidParameter"),
        ({"approvers": [{"actionType": "NONE", "userIds": ["a"]}] * 21}, "processInstanceInvalidParameter"),
    ],
)
def test_refusals(
    sandbox: Sandbox, dingtalk: DingTalk, code: str, more: dict[str, Any], expected: str
) -> None:
    assert code_of(dingtalk.create(code, **more)) == expected
    assert sandbox.instances() == []


def test_approvers_in_the_call_replace_the_back_office_flow(dingtalk: DingTalk, code: str) -> None:
    approvers = [{"actionType": "OR", "userIds": ["a", "b"]}]
    answer = dingtalk.create(code, deptId=None, approvers=approvers, ccList=["c"], ccPosition="START")
    instance = dingtalk.get(answer.json()["instanceId"])
    assert instance["approverUserIds"] == ["a", "b"]
    assert [task["userId"] for task in instance["tasks"]] == ["a", "b"]
    assert instance["ccUserIds"] == ["c"]


def test_copies_of_the_call_count_only_with_its_approvers(dingtalk: DingTalk, code: str) -> None:
    answer = dingtalk.create(code, ccList=["c"], ccPosition="START")
    assert dingtalk.get(answer.json()["instanceId"])["ccUserIds"] == []


def test_a_form_without_any_flow_is_refused(sandbox: Sandbox, dingtalk: DingTalk) -> None:
    bare = sandbox.template("无流程", REQUISITION)
    assert code_of(dingtalk.create(bare)) == "processGetFailed"


def test_a_staff_list_makes_user_ids_count(sandbox: Sandbox, dingtalk: DingTalk, code: str) -> None:
    sandbox.call("POST", "dingtalk/users", {"users": ["u1", "boss"]})
    assert dingtalk.create(code).status_code == 200
    assert code_of(dingtalk.create(code, originatorUserId="gone")) == "processInstanceInvalidParameter"


def test_templates_by_api(dingtalk: DingTalk) -> None:
    body = {"name": "合同", "description": "d", "formComponents": REQUISITION}
    made = dingtalk.call("POST", "forms", body).json()["result"]["processCode"]
    schema = dingtalk.call("GET", "forms/schemas/processCodes", query={"processCode": made}).json()["result"]
    assert schema["name"] == "合同" and schema["status"] == "PUBLISHED"
    items = schema["schemaContent"]["items"]
    assert [item["componentName"] for item in items] == [item["componentType"] for item in REQUISITION]
    assert items[0]["props"]["label"] == "编号" and items[0]["props"]["required"] is True
    assert [child["props"]["label"] for child in items[-1]["children"]] == ["物料", "数量"]
    by_name = dingtalk.call("GET", "processCentres/schemaNames/processCodes", query={"name": "合同"})
    assert by_name.json()["result"]["processCode"] == made
    assert code_of(dingtalk.call("POST", "forms", body)) == "formName.error"
    gone = dingtalk.call("GET", "forms/schemas/processCodes", query={"processCode": "PROC-X"})
    assert code_of(gone) == "aflowProcessCodeIsError"
    bad = dingtalk.call("POST", "forms", {"name": "x", "formComponents": [{"componentType": "Suite"}]})
    assert code_of(bad) == "formschema.error"


def test_visible_templates_are_paged(sandbox: Sandbox, dingtalk: DingTalk) -> None:
    codes = {sandbox.template(f"表{n}", REQUISITION) for n in range(3)}
    path = "processes/userVisibilities/templates"
    one = dingtalk.call("GET", path, query={"nextToken": 0, "maxResults": 2}).json()["result"]
    two = dingtalk.call("GET", path, query={"nextToken": one["nextToken"], "maxResults": 2}).json()["result"]
    assert {item["processCode"] for item in one["processList"] + two["processList"]} == codes
    assert "nextToken" not in two
    assert (
        code_of(dingtalk.call("GET", path, query={"nextToken": 0, "maxResults": 101})) == "invalidMaxResults"
    )
    assert code_of(dingtalk.call("GET", path, query={"maxResults": 10})) == "invalidNextToken"


def test_attachment_is_downloaded_for_a_quarter_of_an_hour(
    sandbox: Sandbox, dingtalk: DingTalk, code: str
) -> None:
    space = dingtalk.call("POST", "processInstances/spaces/infos/query", {"userId": "u1"}).json()
    content = base64.b64encode(b"invoice").decode()
    file = sandbox.call("POST", "dingtalk/files", {"name": "发票.pdf", "content": content})
    assert file["fileType"] == "pdf" and file["fileSize"] == "7"
    assert file["spaceId"] == str(space["result"]["spaceId"])
    instance = dingtalk.create(code, form(附件=dump([file]))).json()["instanceId"]
    body = {"processInstanceId": instance, "fileId": file["fileId"]}
    path = "processInstances/spaces/files/urls/download"
    uri = dingtalk.call("POST", path, body).json()["result"]["downloadUri"]
    assert httpx2.get(uri, trust_env=False).content == b"invoice"
    sandbox.advance(15 * 60)
    assert httpx2.get(uri, trust_env=False).status_code == 403
    other = dingtalk.create(code).json()["instanceId"]
    assert code_of(dingtalk.call("POST", path, {**body, "processInstanceId": other})) == "invalidParameter"


def test_a_thousand_forms_are_typed_at_once(sandbox: Sandbox, code: str) -> None:
    body = {"processCode": code, "originatorUserId": "u1"}
    ids = sandbox.submit({**body, "formComponentValues": form(编号=f"PR-{n}")} for n in range(1000))
    assert len(set(ids)) == 1000
    assert len(sandbox.instances(processCode=code, status="RUNNING")) == 1000


def test_one_bad_form_of_many_enters_none(sandbox: Sandbox, code: str) -> None:
    body = {"processCode": code, "originatorUserId": "u1"}
    with pytest.raises(Rejected, match="formConverterError"):
        sandbox.submit({**body, "formComponentValues": form(金额=value)} for value in ("1", "dear"))
    assert sandbox.instances() == []
