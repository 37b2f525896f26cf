"""The vendor's published client against what reaches single people, and against the storage of files."""

from __future__ import annotations

import json
import os
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.sandbox import Sandbox
from tests.sandbox.conftest import form

try:
    from alibabacloud_dingtalk.oauth2_1_0 import client as oauth2_client
    from alibabacloud_dingtalk.oauth2_1_0 import models as oauth2
    from alibabacloud_dingtalk.robot_1_0 import client as robot_client
    from alibabacloud_dingtalk.robot_1_0 import models as robot
    from alibabacloud_dingtalk.storage_1_0 import client as storage_client
    from alibabacloud_dingtalk.storage_1_0 import models as storage
    from alibabacloud_dingtalk.todo_1_0 import client as todo_client
    from alibabacloud_dingtalk.todo_1_0 import models as todo
    from alibabacloud_dingtalk.workflow_1_0 import client as workflow_client
    from alibabacloud_dingtalk.workflow_1_0 import models as workflow
    from alibabacloud_tea_openapi.models import Config
    from alibabacloud_tea_util.models import RuntimeOptions
    from Tea.exceptions import TeaException
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("alibabacloud-dingtalk is not installed", allow_module_level=True)


class Vendor:
    """The clients of four of the vendor's modules, logged in to the sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        endpoint = sandbox.base_url.removeprefix("http://")
        config = Config(protocol="http", region_id="central", endpoint=endpoint)
        request = oauth2.GetAccessTokenRequest(app_key="dingsandbox", app_secret="sandbox-secret")
        self.token = oauth2_client.Client(config).get_access_token(request).body.access_token
        self.robot, self.todo = robot_client.Client(config), todo_client.Client(config)
        self.storage, self.workflow = storage_client.Client(config), workflow_client.Client(config)
        self.base = sandbox.base_url

    def heads(self, kind: Any) -> Any:
        return kind(x_acs_dingtalk_access_token=self.token)

    def union(self, user: str) -> str:
        url = f"{self.base}/dingtalk-oapi/topapi/v2/user/get"
        reply = httpx2.post(url, params={"access_token": self.token}, json={"userid": user})
        return str(reply.json()["result"]["unionid"])


@pytest.fixture
def vendor(sandbox: Sandbox) -> Vendor:
    return Vendor(sandbox)


def test_oto_and_ding(sandbox: Sandbox, vendor: Vendor) -> None:
    sandbox.call("PUT", "dingtalk/reach", {"unreachable": ["gone"], "slowed": ["busy"]})
    request = robot.BatchSendOTORequest(
        robot_code="dingsandbox",
        user_ids=["boss", "gone", "busy"],
        msg_key="sampleText",
        msg_param=json.dumps({"content": "PR-1"}),
    )
    sent = vendor.robot.batch_send_otowith_options(
        request, vendor.heads(robot.BatchSendOTOHeaders), RuntimeOptions()
    ).body
    assert sent.process_query_key
    assert (sent.invalid_staff_id_list, sent.flow_controlled_staff_id_list) == (["gone"], ["busy"])
    ding = robot.RobotSendDingRequest(
        robot_code="dingsandbox", remind_type=1, receiver_user_id_list=["boss", "gone"], content="PR-1"
    )
    done = vendor.robot.robot_send_ding_with_options(
        ding, vendor.heads(robot.RobotSendDingHeaders), RuntimeOptions()
    ).body
    assert done.open_ding_id
    assert list(done.failed_list) == ["gone"]
    kept = sandbox.call("GET", "dingtalk/messages")["messages"]
    assert [(one["channel"], one["receiver"]) for one in kept] == [("oto", "boss"), ("ding", "boss")]


def test_a_to_do(sandbox: Sandbox, vendor: Vendor) -> None:
    owner = vendor.union("boss")
    request = todo.CreateTodoTaskRequest(
        operator_id=owner, source_id="k-1", subject="PR-1", creator_id=owner, executor_ids=[owner]
    )
    heads = vendor.heads(todo.CreateTodoTaskHeaders)
    made = vendor.todo.create_todo_task_with_options(owner, request, heads, RuntimeOptions()).body
    assert (made.subject, made.done, made.source_id) == ("PR-1", False, "k-1")
    with pytest.raises(TeaException) as caught:
        vendor.todo.create_todo_task_with_options(owner, request, heads, RuntimeOptions())
    assert caught.value.code == "todo.taskCreate.paramError"
    change = todo.UpdateTodoTaskRequest(operator_id=owner, done=True, subject="PR-1 erledigt")
    assert (
        vendor.todo.update_todo_task_with_options(
            owner, made.id, change, vendor.heads(todo.UpdateTodoTaskHeaders), RuntimeOptions()
        ).body.result
        is True
    )
    seen = vendor.todo.get_todo_task_by_source_id_with_options(
        owner, "k-1", vendor.heads(todo.GetTodoTaskBySourceIdHeaders), RuntimeOptions()
    ).body
    assert (seen.id, seen.subject, seen.done) == (made.id, "PR-1 erledigt", True)


def test_a_file_from_upload_to_download(sandbox: Sandbox, vendor: Vendor, code: str) -> None:
    owner = vendor.union("u1")
    where = workflow.GetAttachmentSpaceRequest(user_id="u1", agent_id=1000001)
    space = vendor.workflow.get_attachment_space_with_options(
        where, vendor.heads(workflow.GetAttachmentSpaceHeaders), RuntimeOptions()
    ).body.result.space_id
    place = vendor.storage.get_file_upload_info_with_options(
        str(space),
        storage.GetFileUploadInfoRequest(union_id=owner, protocol="HEADER_SIGNATURE", multipart=False),
        vendor.heads(storage.GetFileUploadInfoHeaders),
        RuntimeOptions(),
    ).body
    info = place.header_signature_info
    assert httpx2.put(info.resource_urls[0], content=b"other", headers={}).status_code == 403
    assert httpx2.put(info.resource_urls[0], content=b"pdf", headers=info.headers).status_code == 200
    entry = vendor.storage.commit_file_with_options(
        str(space),
        storage.CommitFileRequest(
            union_id=owner, upload_key=place.upload_key, name="合同.pdf", parent_id="0"
        ),
        vendor.heads(storage.CommitFileHeaders),
        RuntimeOptions(),
    ).body.dentry
    assert (entry.name, entry.size, entry.extension) == ("合同.pdf", 3, "pdf")
    file = {
        "spaceId": entry.space_id,
        "fileName": entry.name,
        "fileSize": str(entry.size),
        "fileType": entry.extension,
        "fileId": entry.id,
    }
    body = {
        "processCode": code,
        "originatorUserId": "u1",
        "formComponentValues": form(附件=json.dumps([file])),
    }
    (instance,) = sandbox.submit([body])
    fetch = workflow.GrantProcessInstanceForDownloadFileRequest(
        process_instance_id=instance, file_id=entry.id
    )
    got = vendor.workflow.grant_process_instance_for_download_file_with_options(
        fetch, vendor.heads(workflow.GrantProcessInstanceForDownloadFileHeaders), RuntimeOptions()
    ).body.result
    assert httpx2.get(got.download_uri).content == b"pdf"
