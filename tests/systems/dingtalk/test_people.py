from __future__ import annotations

import json
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.dingtalk import PROFILE
from airflow_provider_docflow.systems.dingtalk.people import send_ding, send_oto, union_id
from airflow_provider_docflow.systems.dingtalk.todo import create_todo, find_todo, finish_todo, update_todo
from tests.rigs.own_ledgers import own_ledgers
from tests.systems.dingtalk.conftest import ROBOT_SECRET, ROBOT_TOKEN, Desk

pytestmark = pytest.mark.parametrize("desk", ["sync"], indirect=True)
CREATE = "*/todo/users/*/tasks"


def told(desk: Desk, channel: str) -> list[tuple[str, Any]]:
    found = desk.sandbox.call("GET", "dingtalk/messages", None, {"channel": channel})
    return [(entry["receiver"], entry["body"]) for entry in found["messages"]]


def todos(desk: Desk) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = desk.sandbox.call("GET", "dingtalk/todos")["todos"]
    return found


def reach(desk: Desk, **people: list[str]) -> None:
    desk.sandbox.call("PUT", "dingtalk/reach", people)


def test_a_message_of_the_robot_reaches_people_in_their_chats(desk: Desk) -> None:
    key = desk.run(send_oto(desk.site, ["li.na", "wang.wei"], "PR-1 等您审批"))
    desk.run(send_oto(desk.site, ["li.na"], "**PR-1**", title="审批"))
    assert key
    text = {"msgKey": "sampleText", "content": "PR-1 等您审批"}
    markdown = {"msgKey": "sampleMarkdown", "title": "审批", "text": "**PR-1**"}
    assert told(desk, "oto") == [("li.na", text), ("wang.wei", text), ("li.na", markdown)]
    (sent, _) = desk.sandbox.requests("*batchSend")
    body = json.loads(sent["body"])
    assert body["robotCode"] == "dingsandbox"
    assert isinstance(body["msgParam"], str)


def test_whom_the_robot_does_not_reach_is_named(desk: Desk) -> None:
    reach(desk, unreachable=["gone"], slowed=["busy"])
    with pytest.raises(exc.Rejected, match="gone: invalid") as caught:
        desk.run(send_oto(desk.site, ["li.na", "gone"], "x"))
    assert (caught.value.field, caught.value.code) == ("users", "receiver.invalid")
    with pytest.raises(exc.RateLimited, match="busy") as slowed:
        desk.run(send_oto(desk.site, ["busy"], "x"))
    assert slowed.value.landed == "no"
    with pytest.raises(exc.Rejected, match="gone, busy"):
        desk.run(send_ding(desk.site, ["gone", "busy"], "x"))
    assert [receiver for receiver, _ in told(desk, "oto")] == ["li.na"]
    assert told(desk, "ding") == []


@pytest.mark.parametrize("users", [[], [f"u{n}" for n in range(21)]])
def test_a_message_to_too_many_is_not_sent_at_all(desk: Desk, users: list[str]) -> None:
    with pytest.raises(exc.Misconfigured):
        desk.run(send_oto(desk.site, users, "x"))
    assert desk.sandbox.count("*batchSend") == 0


def test_a_ding_in_the_application_or_by_telephone(desk: Desk) -> None:
    assert desk.run(send_ding(desk.site, ["boss"], "PR-1"))
    desk.run(send_ding(desk.site, ["boss"], "PR-1", by=3))
    desk.site = desk.connect(ding_type=2)
    desk.run(send_ding(desk.site, ["boss"], "PR-1"))
    assert [body["remindType"] for _, body in told(desk, "ding")] == [1, 3, 2]


def test_another_robot_of_the_application_is_named_by_the_connection(desk: Desk) -> None:
    desk.site = desk.connect(robot_code="dingother")
    with pytest.raises(exc.Rejected, match="robot"):
        desk.run(send_ding(desk.site, ["boss"], "PR-1"))


@pytest.mark.parametrize("fault", ["reply_lost", "malformed", "error_after"])
def test_a_message_whose_reply_is_lost_is_not_sent_again(desk: Desk, fault: str) -> None:
    desk.sandbox.fault(FaultRule(fault, path="*batchSend"))  # type: ignore[arg-type]
    with pytest.raises(exc.UnknownOutcome):
        desk.run(send_oto(desk.site, ["li.na"], "x"))
    assert len(told(desk, "oto")) == 1


def test_a_to_do_is_created_changed_and_done(desk: Desk) -> None:
    due = datetime(2026, 4, 1, 8, tzinfo=UTC)
    task = desk.run(
        create_todo(desk.site, "boss", "k-1", "PR-1 审批", description="x", due=due, url="https://erp/1")
    )
    assert desk.run(find_todo(desk.site, "boss", "k-1")) == task
    assert desk.run(find_todo(desk.site, "boss", "k-2")) is None
    desk.run(update_todo(desk.site, "boss", "k-1", subject="PR-1 急"))
    (todo,) = todos(desk)
    assert (todo["user"], todo["subject"], todo["description"], todo["done"]) == (
        "boss",
        "PR-1 急",
        "x",
        False,
    )
    assert todo["dueTime"] == due.timestamp() * 1000
    assert todo["detailUrl"] == {"appUrl": "https://erp/1", "pcUrl": "https://erp/1"}
    desk.run(finish_todo(desk.site, "boss", "k-1"))
    assert todos(desk)[0]["done"] is True
    with pytest.raises(exc.NotFound, match="no to-do k-9"):
        desk.run(finish_todo(desk.site, "boss", "k-9"))


@pytest.mark.parametrize("fault", ["", "reply_lost", "malformed", "error_after", "error_before", "cut"])
def test_a_to_do_is_there_once_however_often_it_is_tried(desk: Desk, fault: str) -> None:
    if fault:
        desk.sandbox.fault(FaultRule(fault, method="POST", path=CREATE))  # type: ignore[arg-type]
        with pytest.raises(exc.UnknownOutcome):
            desk.run(create_todo(desk.site, "boss", "k-1", "PR-1"))
    first = desk.run(create_todo(desk.site, "boss", "k-1", "PR-1"))
    assert desk.run(create_todo(desk.site, "boss", "k-1", "PR-1")) == first
    assert len(todos(desk)) == 1


def test_what_dingtalk_refuses_for_another_reason_stays_refused(desk: Desk) -> None:
    with pytest.raises(exc.Rejected) as caught:
        desk.run(create_todo(desk.site, "boss", "k-1", ""))
    assert caught.value.code == "todo.taskCreate.paramError"
    assert todos(desk) == []


def test_a_person_whom_dingtalk_does_not_know_is_named(desk: Desk) -> None:
    desk.sandbox.call("POST", "dingtalk/users", {"users": ["boss"]})
    with pytest.raises(exc.Rejected, match="用户") as caught:
        desk.run(union_id(desk.site, "nobody"))
    assert caught.value.code == "60121"
    assert desk.run(union_id(desk.site, "boss")) == desk.run(union_id(desk.site, "boss"))


def test_every_channel_reaches_its_receiver_and_names_its_target(desk: Desk) -> None:
    desk.sandbox.call("POST", "dingtalk/robots", {"token": ROBOT_TOKEN, "secret": ROBOT_SECRET})
    names = set()
    for name, channel in PROFILE.channels.items():
        receiver = "" if channel.to == "group" else "li.na"
        message = Message(receiver=receiver, text=f"PR-1 {name}", title="审批", mark=f"m-{name}")
        desk.run(channel.send(desk.site, message))
        target = channel.target(desk.site)
        assert target
        assert ROBOT_TOKEN not in target
        names.add(name)
    assert names == {"robot", "notice", "oto", "ding", "todo"}
    receivers = {channel: told(desk, channel)[0][0] for channel in ("notification", "oto", "ding")}
    assert set(receivers.values()) == {"li.na"}
    assert len(told(desk, "robot")) == 1
    assert todos(desk)[0]["sourceId"] == "m-todo"


@pytest.mark.parametrize("name", ["notice", "oto", "ding"])
def test_a_channel_refuses_whom_it_cannot_reach(desk: Desk, name: str) -> None:
    desk.sandbox.call("POST", "dingtalk/users", {"users": ["li.na"]})
    send = PROFILE.channels[name].send
    with pytest.raises(exc.Rejected) as caught:
        desk.run(send(desk.site, Message(receiver="gone", text="x", mark="m")))
    assert caught.value.field == "users"
    desk.run(send(desk.site, Message(receiver="li.na", text="x", mark="m")))


def test_quota_and_rate_of_the_vendor_hold_or_wait(desk: Desk) -> None:
    desk.sandbox.call("POST", "dingtalk/limits", {"limits": [{"path": "*batchSend", "per_second": 1}]})
    desk.run(send_oto(desk.site, ["a"], "1"))
    with pytest.raises(exc.RateLimited):
        for _ in range(50):
            desk.run(send_oto(desk.site, ["a"], "2"))
    desk.sandbox.call("POST", "dingtalk/limits", {"limits": [{"path": "*batchSend", "per_month": 1}]})
    desk.run(send_oto(desk.site, ["a"], "3"))
    with pytest.raises(exc.QuotaExhausted) as caught:
        desk.run(send_oto(desk.site, ["a"], "4"))
    assert (caught.value.landed, bool(caught.value.remedy)) == ("no", True)


def test_the_example_in_the_documentation_runs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[3] / "docs/systems/dingtalk.md").read_text(encoding="utf-8")
    lines = page[page.index("      from airflow_provider_docflow.hooks.docflow") :].split("\n- **Events**")[0]
    oa = {"conn_type": "docflow_dingtalk", "login": "dingsandbox", "password": "sandbox-secret"}
    monkeypatch.setenv("AIRFLOW_CONN_OA", json.dumps({**oa, "extra": dict(desk.site.settings)}))
    where = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.sqlite")}
    monkeypatch.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", json.dumps(where))
    names: dict[str, Any] = {}
    with own_ledgers():
        exec(textwrap.dedent(lines), names)
        names["oa"].close()
    (todo,) = todos(desk)
    assert (todo["user"], todo["sourceId"], todo["done"]) == ("li.na", "PR-1", True)
