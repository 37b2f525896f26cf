"""The vendor's published client (alibabacloud-dingtalk, Apache-2.0) against the stand-in, over plain HTTP."""

from __future__ import annotations

import os
from typing import Any

import pytest

from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from tests.sandbox.conftest import form

try:
    from alibabacloud_dingtalk.oauth2_1_0 import client as oauth2_client
    from alibabacloud_dingtalk.oauth2_1_0 import models as oauth2
    from alibabacloud_dingtalk.workflow_1_0 import client as workflow_client
    from alibabacloud_dingtalk.workflow_1_0 import models as workflow
    from alibabacloud_tea_openapi.models import Config
    from alibabacloud_tea_util.models import RuntimeOptions
    from Tea.exceptions import TeaException
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("alibabacloud-dingtalk is not installed", allow_module_level=True)


def config(sandbox: Sandbox) -> Any:
    return Config(protocol="http", region_id="central", endpoint=sandbox.base_url.removeprefix("http://"))


class Vendor:
    def __init__(self, sandbox: Sandbox) -> None:
        request = oauth2.GetAccessTokenRequest(app_key="dingsandbox", app_secret="sandbox-secret")
        self.token = oauth2_client.Client(config(sandbox)).get_access_token(request).body.access_token
        self.client = workflow_client.Client(config(sandbox))

    def call(self, name: str, request: Any) -> Any:
        kind = "".join(word.capitalize() for word in name.split("_"))
        headers = getattr(workflow, f"{kind}Headers")(x_acs_dingtalk_access_token=self.token)
        return getattr(self.client, f"{name}_with_options")(request, headers, RuntimeOptions()).body

    def start(self, code: str, **more: Any) -> str:
        value = workflow.StartProcessInstanceRequestFormComponentValues
        approver = workflow.StartProcessInstanceRequestApprovers(action_type="NONE", user_ids=["boss"])
        request = workflow.StartProcessInstanceRequest(
            originator_user_id="u1",
            process_code=code,
            form_component_values=[value(**item) for item in form(**more)],
            approvers=[approver],
        )
        return self.call("start_process_instance", request).instance_id

    def get(self, instance: str) -> Any:
        request = workflow.GetProcessInstanceRequest(process_instance_id=instance)
        return self.call("get_process_instance", request).result


@pytest.fixture
def vendor(sandbox: Sandbox) -> Vendor:
    return Vendor(sandbox)


def test_create_get_execute(vendor: Vendor, code: str) -> None:
    instance = vendor.start(code)
    seen = vendor.get(instance)
    assert (seen.status, seen.originator_user_id, seen.approver_user_ids) == ("RUNNING", "u1", ["boss"])
    assert {item.name: item.value for item in seen.form_component_values} == {
        "编号": "PR-1",
        "金额": "100.50",
    }
    assert seen.operation_records[0].type == "START_PROCESS_INSTANCE"
    request = workflow.ExecuteProcessInstanceRequest(
        process_instance_id=instance,
        task_id=seen.tasks[0].task_id,
        actioner_user_id="boss",
        result="agree",
        remark="同意",
    )
    assert vendor.call("execute_process_instance", request).result is True
    done = vendor.get(instance)
    assert (done.status, done.result, done.tasks[0].result) == ("COMPLETED", "agree", "AGREE")
    assert done.operation_records[1].remark == "同意" and done.finish_time


def test_list(sandbox: Sandbox, vendor: Vendor, code: str) -> None:
    made = [vendor.start(code) for _ in range(3)]
    now = sandbox.now()
    request = workflow.ListProcessInstanceIdsRequest(
        process_code=code, start_time=now - 60_000, end_time=now + 1, next_token=0, max_results=2
    )
    first = vendor.call("list_process_instance_ids", request).result
    request.next_token = int(first.next_token)
    second = vendor.call("list_process_instance_ids", request).result
    assert first.list + second.list == made and second.next_token is None


def test_terminate(sandbox: Sandbox, vendor: Vendor, code: str) -> None:
    instance = vendor.start(code)
    request = workflow.TerminateProcessInstanceRequest(
        process_instance_id=instance, is_system=False, operating_user_id="u1", remark="错了"
    )
    with pytest.raises(TeaException) as caught:
        vendor.call("terminate_process_instance", request)
    assert caught.value.code == "aflowProcessInstStatusException"
    sandbox.advance(15)
    assert vendor.call("terminate_process_instance", request).result is True
    assert vendor.get(instance).status == "TERMINATED"


def test_comment_and_redirect(vendor: Vendor, code: str) -> None:
    instance = vendor.start(code)
    comment = workflow.AddProcessInstanceCommentRequest(
        process_instance_id=instance, text="PO-1", comment_user_id="u1"
    )
    assert vendor.call("add_process_instance_comment", comment).success is True
    task = vendor.get(instance).tasks[0].task_id
    redirect = workflow.RedirectWorkflowTaskRequest(
        task_id=task, operate_user_id="boss", to_user_id="deputy", remark="休假"
    )
    assert vendor.call("redirect_workflow_task", redirect).result is True
    types = [record.type for record in vendor.get(instance).operation_records]
    assert types == ["START_PROCESS_INSTANCE", "ADD_REMARK", "REDIRECT_TASK"]


def test_form_schema(vendor: Vendor, code: str) -> None:
    request = workflow.QuerySchemaByProcessCodeRequest(process_code=code)
    items = vendor.call("query_schema_by_process_code", request).result.schema_content.items
    assert items[0].props.label == "编号" and items[0].props.required is True
    assert [child.props.label for child in items[-1].children] == ["物料", "数量"]
    by_name = vendor.call("get_process_code_by_name", workflow.GetProcessCodeByNameRequest(name="采购申请"))
    assert by_name.result.process_code == code


def test_attached_instances(sandbox: Sandbox, vendor: Vendor, code: str) -> None:
    instance = vendor.start(code)
    sandbox.decide(instance, "agree")
    attached = sandbox.attach(instance, "REVOKE")
    assert vendor.get(instance).attached_process_instance_ids == [attached]
    seen = vendor.get(attached)
    assert (seen.biz_action, seen.main_process_instance_id) == ("REVOKE", instance)


def test_the_client_reads_our_errors(sandbox: Sandbox, vendor: Vendor, code: str) -> None:
    with pytest.raises(TeaException) as caught:
        vendor.start(code, 金额="dear")
    assert caught.value.code == "formConverterError" and "金额" in caught.value.message
    sandbox.call("POST", "dingtalk/tokens/expire")
    with pytest.raises(TeaException) as caught:
        vendor.start(code)
    assert caught.value.code == "InvalidAuthentication" and caught.value.statusCode == 400


def test_wrong_secret(sandbox: Sandbox) -> None:
    request = oauth2.GetAccessTokenRequest(app_key="dingsandbox", app_secret="wrong")
    with pytest.raises(TeaException) as caught:
        oauth2_client.Client(config(sandbox)).get_access_token(request)
    assert caught.value.code == "invalidClientIdOrSecret"


def test_the_client_cannot_know_what_a_lost_reply_did(sandbox: Sandbox, vendor: Vendor, code: str) -> None:
    sandbox.fault(FaultRule("reply_lost", method="POST", path="*/processInstances"))
    with pytest.raises(Exception, match=r"(?i)connection"):
        vendor.start(code)
    assert len(sandbox.instances()) == 1
