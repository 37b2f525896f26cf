"""The vendor's published client (lark-oapi, MIT) against the stand-in, over plain HTTP."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_docflow.core.lark_crypto import LarkCipher, lark_signature
from airflow_provider_docflow.sandbox import FaultRule, Sandbox

try:
    # Its own imports use what its dependencies have since deprecated.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import lark_oapi as lark
        from lark_oapi.api.approval import v4
        from lark_oapi.api.im import v1 as im
        from lark_oapi.api.tenant import v2 as tenant
        from lark_oapi.core.model import RawRequest
        from lark_oapi.core.token import TokenManager
except ImportError:
    if os.environ.get("CI"):
        raise
    pytest.skip("lark-oapi is not installed", allow_module_level=True)

WIDGETS = [
    {"name": "单号", "type": "input", "required": True},
    {"name": "金额", "type": "amount", "currencies": ["CNY"]},
    {"name": "类别", "type": "radioV2", "options": ["IT", "办公"]},
]
NODES = [{"name": "经理", "users": ["boss"]}, {"name": "财务", "type": "AND", "users": ["cfo", "ceo"]}]
UUID = "7C468A54-8745-2245-9675-08B7C63E7A87"


class Vendor:
    def __init__(self, sandbox: Sandbox) -> None:
        # The client keeps tokens for the whole process; each sandbox has its own.
        TokenManager.cache.cache.clear()
        self.sandbox = sandbox
        self.client = self.login("sandbox-secret")
        body = {"name": "采购申请", "widgets": WIDGETS, "nodes": NODES}
        self.code = sandbox.call("POST", "feishu/definitions", body)["approval_code"]

    def login(self, secret: str) -> Any:
        builder = lark.Client.builder().app_id("cli_sandbox").app_secret(secret)
        return builder.domain(self.sandbox.base_url).log_level(lark.LogLevel.ERROR).build()

    @property
    def instance(self) -> Any:
        return self.client.approval.v4.instance

    def form(self, number: str = "PR-1") -> str:
        widgets = {one["name"]: one for one in json.loads(self.definition().form)}
        choice = {option["text"]: option["value"] for option in widgets["类别"]["option"]}
        values = [
            {"id": widgets["单号"]["id"], "type": "input", "value": number},
            {"id": widgets["金额"]["id"], "type": "amount", "value": 100.5, "currency": "CNY"},
            {"id": widgets["类别"]["id"], "type": "radioV2", "value": choice["IT"]},
        ]
        return json.dumps(values)

    def definition(self) -> Any:
        request = v4.GetApprovalRequest.builder().approval_code(self.code).build()
        return good(self.client.approval.v4.approval.get(request)).data

    def start(self, uuid: str = UUID, **more: Any) -> Any:
        body = v4.InstanceCreate.builder().approval_code(self.code).user_id("u1").uuid(uuid)
        request = v4.CreateInstanceRequest.builder().request_body(body.form(self.form(**more)).build())
        return self.instance.create(request.build())

    def get(self, code: str) -> Any:
        request = v4.GetInstanceRequest.builder().instance_id(code).user_id_type("user_id").build()
        return good(self.instance.get(request)).data


def good(response: Any) -> Any:
    assert response.success(), (response.code, response.msg)
    return response


@pytest.fixture
def vendor(sandbox: Sandbox) -> Iterator[Vendor]:
    yield Vendor(sandbox)


def task_body(vendor: Vendor, code: str, task: str, user: str) -> Any:
    body = v4.TaskApprove.builder().approval_code(vendor.code).instance_code(code)
    return body.user_id(user).task_id(task).comment("同意").build()


def test_create_read_approve(vendor: Vendor) -> None:
    code = good(vendor.start()).data.instance_code
    seen = vendor.get(code)
    assert (seen.status, seen.user_id, seen.uuid, seen.reverted) == ("PENDING", "u1", UUID, False)
    assert {item["name"]: item["value"] for item in json.loads(seen.form)} == {
        "单号": "PR-1",
        "金额": 100.5,
        "类别": "IT",
    }
    for user in ("boss", "cfo", "ceo"):
        task = next(one for one in vendor.get(code).task_list if one.user_id == user)
        request = v4.ApproveTaskRequest.builder().user_id_type("user_id")
        good(
            vendor.client.approval.v4.task.approve(
                request.request_body(task_body(vendor, code, task.id, user)).build()
            )
        )
    done = vendor.get(code)
    assert done.status == "APPROVED" and int(done.end_time) >= int(done.start_time)
    assert [(move.type, move.user_id, move.comment) for move in done.timeline] == [
        ("START", "u1", ""),
        ("PASS", "boss", "同意"),
        ("PASS", "cfo", "同意"),
        ("PASS", "ceo", "同意"),
    ]
    assert {task.status for task in done.task_list} == {"APPROVED"}


def test_one_instance_per_uuid_whatever_its_case(vendor: Vendor) -> None:
    code = good(vendor.start()).data.instance_code
    again = vendor.start(UUID.lower())
    assert (again.code, again.raw.status_code) == (60012, 400)
    assert vendor.get(UUID.lower()).instance_code == code


def test_a_lost_reply_left_the_instance(vendor: Vendor) -> None:
    vendor.sandbox.fault(FaultRule("reply_lost", method="POST", path="*/approval/v4/instances"))
    with pytest.raises(Exception, match=r"(?i)connection"):
        vendor.start()
    assert vendor.start().code == 60012
    assert vendor.get(UUID).status == "PENDING"


def test_list_and_query(vendor: Vendor) -> None:
    made = [good(vendor.start(f"u{n}", number=f"PR-{n}")).data.instance_code for n in range(7)]
    now = vendor.sandbox.now()
    start, end = str(now - 3_600_000), str(now + 1000)
    request = v4.ListInstanceRequest.builder().approval_code(vendor.code).start_time(start).end_time(end)
    first = good(vendor.instance.list(request.page_size(5).build())).data
    second = good(vendor.instance.list(request.page_token(first.page_token).build())).data
    assert first.instance_code_list + second.instance_code_list == made
    assert (first.has_more, second.has_more, second.page_token) == (True, False, None)

    search = v4.InstanceSearch.builder().approval_code(vendor.code).instance_status("PENDING")
    search = search.instance_start_time_from(start).instance_start_time_to(end).build()
    query = v4.QueryInstanceRequest.builder().page_size(200).user_id_type("user_id").request_body(search)
    found = good(vendor.instance.query(query.build())).data
    assert [item.instance.code for item in found.instance_list] == made and found.count == 7
    assert {item.instance.status for item in found.instance_list} == {"pending"}


def test_windows_are_limited(vendor: Vendor) -> None:
    now = vendor.sandbox.now()
    request = v4.ListInstanceRequest.builder().approval_code(vendor.code)
    too_long = request.start_time(str(now - 11 * 3_600_000)).end_time(str(now)).build()
    assert vendor.instance.list(too_long).code == 1390001


def test_reject_transfer_comment_copy_withdraw(vendor: Vendor) -> None:
    code = good(vendor.start()).data.instance_code
    task = vendor.get(code).task_list[0].id
    move = v4.TaskTransfer.builder().approval_code(vendor.code).instance_code(code).user_id("boss")
    move = move.task_id(task).transfer_user_id("deputy").comment("休假").build()
    request = v4.TransferTaskRequest.builder().user_id_type("user_id").request_body(move).build()
    good(vendor.client.approval.v4.task.transfer(request))

    said = v4.CommentRequest.builder().content(json.dumps({"text": "PO-1"})).build()
    comment = v4.CreateInstanceCommentRequest.builder().instance_id(code).user_id_type("user_id")
    good(vendor.client.approval.v4.instance_comment.create(comment.user_id("u1").request_body(said).build()))

    copy = v4.InstanceCc.builder().approval_code(vendor.code).instance_code(code).user_id("u1")
    copy = (
        v4.CcInstanceRequest.builder()
        .user_id_type("user_id")
        .request_body(copy.cc_user_ids(["auditor"]).comment("fyi").build())
    )
    good(vendor.instance.cc(copy.build()))

    seen = vendor.get(code)
    assert [(one.user_id, one.status) for one in seen.task_list] == [
        ("boss", "TRANSFERRED"),
        ("deputy", "PENDING"),
    ]
    assert seen.comment_list[0].comment == "PO-1"
    assert [one.user_id for one in seen.timeline[-1].cc_user_list] == ["auditor"]

    body = v4.InstanceCancel.builder().approval_code(vendor.code).instance_code(code)
    for user, wanted in (("boss", 1390009), ("u1", 0), ("u1", 1390001)):
        request = v4.CancelInstanceRequest.builder().user_id_type("user_id")
        answer = vendor.instance.cancel(request.request_body(body.user_id(user).build()).build())
        assert answer.code == wanted
    assert vendor.get(code).status == "CANCELED"


def test_a_person_reminds_an_application_cannot(vendor: Vendor) -> None:
    code = good(vendor.start()).data.instance_code
    task = vendor.get(code).task_list[0].id
    body = v4.RemindInstanceRequestBody.builder().instance_code(code).task_ids([int(task)]).comment("快")
    request = v4.RemindInstanceRequest.builder().request_body(body.build()).build()
    user = vendor.sandbox.call("POST", "feishu/user_token", {"user": "u1"})["token"]
    tenants = lark.Client.builder().enable_set_token(True).domain(vendor.sandbox.base_url).build()
    option = lark.RequestOption.builder().user_access_token(user).build()
    good(tenants.approval.v4.instance.remind(request, option))
    assert vendor.sandbox.call("GET", "feishu/reminders")["reminders"] == [
        {"instance": code, "user": "boss", "comment": "快"}
    ]
    wrong = lark.RequestOption.builder().user_access_token("u-nobody").build()
    assert tenants.approval.v4.instance.remind(request, wrong).code == 99991668


def test_subscribing_once_is_enough(vendor: Vendor) -> None:
    request = v4.SubscribeApprovalRequest.builder().approval_code(vendor.code).build()
    assert [vendor.client.approval.v4.approval.subscribe(request).code for _ in range(2)] == [0, 1390007]


def test_messages_are_sent_once_an_hour_per_uuid(vendor: Vendor) -> None:
    body = im.CreateMessageRequestBody.builder().receive_id("ou_boss").msg_type("text")
    body = body.content(json.dumps({"text": "你好"})).uuid("m-1").build()
    request = im.CreateMessageRequest.builder().receive_id_type("open_id").request_body(body).build()
    ids = {good(vendor.client.im.v1.message.create(request)).data.message_id for _ in range(3)}
    assert len(ids) == 1 and len(vendor.sandbox.call("GET", "feishu/messages")["messages"]) == 1
    vendor.sandbox.advance(3601)
    assert good(vendor.client.im.v1.message.create(request)).data.message_id not in ids


def test_the_client_reads_our_errors(vendor: Vendor) -> None:
    vendor.sandbox.call("POST", "feishu/limits", {"limits": [{"path": "*/instances/*", "per_minute": 1}]})
    code = good(vendor.start()).data.instance_code
    vendor.get(code)
    request = v4.GetInstanceRequest.builder().instance_id(code).build()
    answer = vendor.instance.get(request)
    assert (answer.code, answer.raw.status_code) == (99991400, 429)
    headers = {name.lower(): value for name, value in answer.raw.headers.items()}
    assert 0 < int(headers["x-ogw-ratelimit-reset"]) <= 60


def test_the_tenant_names_itself(vendor: Vendor) -> None:
    answer = good(vendor.client.tenant.v2.tenant.query(tenant.QueryTenantRequest.builder().build()))
    assert answer.data.tenant.tenant_key == "sandboxtenant"


def test_a_wrong_secret_brings_no_token(vendor: Vendor) -> None:
    client = vendor.login("wrong")
    with pytest.raises(lark.core.exception.ObtainAccessTokenException):
        client.tenant.v2.tenant.query(tenant.QueryTenantRequest.builder().build())


@pytest.mark.parametrize("generation", [1, 2])
def test_the_vendors_dispatcher_opens_what_we_seal(generation: int) -> None:
    seen: list[Any] = []
    builder = lark.EventDispatcherHandler.builder("the key", "the token")
    handler = builder.register_p1_customized_event("approval_instance", seen.append)
    handler = handler.register_p2_approval_instance_status_changed_v4(seen.append).build()
    event = {"type": "approval_instance", "instance_code": "I-1", "status": "APPROVED"}
    body: dict[str, Any] = {"uuid": "e-1", "token": "the token", "type": "event_callback", "event": event}
    if generation == 2:
        kind = "approval.instance.status_changed_v4"
        header = {"event_id": "e-1", "event_type": kind, "token": "the token"}
        body = {"schema": "2.0", "header": header, "event": event}
    request = RawRequest()
    request.uri, request.body = "/", json.dumps({"encrypt": LarkCipher("the key").encrypt(json.dumps(body))})
    request.body = request.body.encode()
    request.headers = {
        "X-Lark-Request-Timestamp": "1700000000",
        "X-Lark-Request-Nonce": "n",
        "X-Lark-Signature": lark_signature("1700000000", "n", "the key", request.body),
    }
    assert handler.do(request).status_code == 200
    told = seen[0].event
    assert (told["status"] if generation == 1 else told.status) == "APPROVED"
