from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from airflow_provider_docflow.exceptions import Rejected
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from tests.sandbox.conftest import DingTalk, form
from tests.sandbox.receiver import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    yield server
    server.close()


def submit(sandbox: Sandbox, code: str, count: int = 1) -> list[str]:
    body = {"processCode": code, "originatorUserId": "u1", "formComponentValues": form()}
    return sandbox.submit([body] * count)


def register(sandbox: Sandbox, receiver: Receiver, **more: Any) -> None:
    sandbox.call("POST", "dingtalk/callback", receiver.registration(**more))


def kinds(receiver: Receiver) -> list[tuple[str, str, str]]:
    return [(event["EventType"], event["type"], event.get("result", "")) for event in receiver.events]


def test_events_of_an_approval(sandbox: Sandbox, code: str, receiver: Receiver) -> None:
    register(sandbox, receiver)
    (instance,) = submit(sandbox, code)
    sandbox.decide(instance, "agree", user="boss", remark="好")
    sandbox.decide(instance, "refuse", user="cfo")
    sandbox.settle()
    task, whole = "bpms_task_change", "bpms_instance_change"
    assert kinds(receiver) == [
        (whole, "start", ""),
        (task, "start", ""),
        (task, "finish", "agree"),
        (task, "start", ""),
        (task, "start", ""),
        (task, "finish", "refuse"),
        (task, "cancel", ""),
        (whole, "finish", "refuse"),
    ]
    first, last = receiver.events[0], receiver.events[-1]
    assert first["processInstanceId"] == instance and first["processCode"] == code
    assert first["CorpId"] == "dingsandboxcorp" and first["staffId"] == "u1" and "finishTime" not in first
    assert isinstance(last["finishTime"], int) and last["url"].startswith("https://aflow.dingtalk.com/")
    assert receiver.events[2]["remark"] == "好" and isinstance(receiver.events[2]["taskId"], int)
    assert len({event["eventId"] for event in receiver.events}) == len(receiver.events)
    assert {event["state"] for event in sandbox.call("GET", "dingtalk/events")["events"]} == {"delivered"}


def test_transfer_and_withdrawal(sandbox: Sandbox, code: str, receiver: Receiver) -> None:
    (instance,) = submit(sandbox, code)
    register(sandbox, receiver)
    sandbox.decide(instance, "redirect", to_user="deputy")
    sandbox.decide(instance, "terminate")
    sandbox.settle()
    assert kinds(receiver) == [
        ("bpms_task_change", "finish", "redirect"),
        ("bpms_task_change", "start", ""),
        ("bpms_task_change", "cancel", ""),
        ("bpms_instance_change", "terminate", ""),
    ]
    assert "result" not in receiver.events[-1]


def test_only_what_was_ordered(sandbox: Sandbox, code: str, receiver: Receiver) -> None:
    register(sandbox, receiver, tags=["bpms_instance_change"])
    sandbox.decide(submit(sandbox, code), "agree")
    sandbox.settle()
    assert [change for _, change, _ in kinds(receiver)] == ["start", "finish"]


def test_a_receiver_that_cannot_answer_is_not_registered(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.answer = "ok"
    with pytest.raises(Rejected, match="check_url"):
        register(sandbox, receiver)


def test_undelivered_events_can_be_asked_for(
    sandbox: Sandbox, dingtalk: DingTalk, code: str, receiver: Receiver
) -> None:
    register(sandbox, receiver, tags=["bpms_instance_change"])
    receiver.status = 500
    (instance,) = submit(sandbox, code)
    sandbox.settle()
    dingtalk.login()
    answer = dingtalk.http.get(
        "/v1.0/event/callbacks/failedResults",
        params={"beginTime": 0, "endTime": sandbox.now()},
        headers={"x-acs-dingtalk-access-token": dingtalk.token},
    ).json()
    (failed,) = answer["failedList"]
    assert answer["hasMore"] is False and failed["callBackTag"] == "bpms_instance_change"
    assert instance in failed["callBackData"] and failed["corpId"] == "dingsandboxcorp"


def test_duplicate(sandbox: Sandbox, code: str, receiver: Receiver) -> None:
    register(sandbox, receiver, tags=["bpms_instance_change"])
    sandbox.fault(FaultRule("duplicate_event", method="EVENT", path="bpms_instance_change"))
    sandbox.decide(submit(sandbox, code), "agree")
    sandbox.settle()
    assert [change for _, change, _ in kinds(receiver)] == ["start", "start", "finish"]
    assert receiver.events[0]["eventId"] == receiver.events[1]["eventId"]


def test_reordered(sandbox: Sandbox, code: str, receiver: Receiver) -> None:
    register(sandbox, receiver, tags=["bpms_instance_change"])
    sandbox.fault(FaultRule("reorder_event", method="EVENT", body='"type":"start"'))
    sandbox.decide(submit(sandbox, code), "agree")
    sandbox.settle()
    assert [change for _, change, _ in kinds(receiver)] == ["finish", "start"]


def test_dropped(sandbox: Sandbox, code: str, receiver: Receiver) -> None:
    register(sandbox, receiver)
    sandbox.fault(FaultRule("drop_event", method="EVENT", body='"type":"finish"', times=None))
    sandbox.decide(submit(sandbox, code), "agree")
    sandbox.settle()
    assert {change for _, change, _ in kinds(receiver)} == {"start"}


def test_no_events_after_the_callback_was_taken_away(sandbox: Sandbox, code: str, receiver: Receiver) -> None:
    register(sandbox, receiver)
    sandbox.call("DELETE", "dingtalk/callback")
    submit(sandbox, code)
    sandbox.settle()
    assert receiver.events == []
