"""Messages of the bot, of a group's robot, and reminders in a person's name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.feishu import PROFILE, remind
from tests.systems.feishu.conftest import Desk

ROBOT, SECRET = "robot-token-0123456789", "robot-secret-0123456789"


def sent(desk: Desk, channel: str) -> list[dict[str, Any]]:
    found = desk.sandbox.call("GET", "feishu/messages")["messages"]
    return [one for one in found if one["channel"] == channel]


def send(desk: Desk, name: str, message: Message) -> None:
    desk.run(desk.site.profile.channels[name].send(desk.site, message))


def test_a_message_goes_once_whatever_becomes_of_its_reply(desk: Desk) -> None:
    before = len(sent(desk, "message"))
    message = Message(receiver="ou_boss", text="请审批", mark="M-1")
    desk.sandbox.fault(FaultRule("reply_lost", path="*/im/v1/messages"))
    with pytest.raises(exc.UnknownOutcome):
        send(desk, "message", message)
    send(desk, "message", message)
    send(desk, "message", Message(receiver="ou_cfo", text="请审批", mark="M-1"))
    found = sent(desk, "message")[before:]
    assert [(one["to"], one["to_type"], json.loads(one["content"])) for one in found] == [
        ("ou_boss", "open_id", {"text": "请审批"}),
        ("ou_cfo", "open_id", {"text": "请审批"}),
    ]
    assert all(len(one["uuid"]) <= 50 for one in found)


def test_a_title_makes_a_post_and_the_kind_of_receiver_is_a_setting(desk: Desk) -> None:
    desk.site = desk.connect(receive_id_type="chat_id")
    send(desk, "message", Message(receiver="oc_1", title="采购", text="一\n二"))
    last = sent(desk, "message")[-1]
    assert (last["to_type"], last["msg_type"]) == ("chat_id", "post")
    post = json.loads(last["content"])["zh_cn"]
    assert post["title"] == "采购" and [line[0]["text"] for line in post["content"]] == ["一", "二"]
    desk.site = desk.connect(receive_id_type="phone")
    with pytest.raises(exc.Misconfigured) as caught:
        send(desk, "message", Message(receiver="1", text="x"))
    assert caught.value.field == "receive_id_type"


def test_a_person_who_cannot_be_reached_is_named_by_field(desk: Desk) -> None:
    desk.sandbox.call("POST", "feishu/users", {"users": ["boss"]})
    with pytest.raises(exc.Rejected) as caught:
        send(desk, "message", Message(receiver="ou_nobody", text="x", mark="M-2"))
    assert (caught.value.field, caught.value.code, caught.value.landed) == ("users", "230013", "no")


def robot(desk: Desk, **settings: Any) -> None:
    desk.sandbox.call("POST", "feishu/robots", {"token": ROBOT, "secret": SECRET, "keywords": ["采购"]})
    desk.site = desk.connect(**{"robot_token": ROBOT, "robot_secret": SECRET, **settings})


def test_a_robot_posts_to_its_group_signed(desk: Desk) -> None:
    robot(desk)
    send(desk, "robot", Message(receiver="", text="采购单已批", title="采购"))
    send(desk, "robot", Message(receiver="", text="采购单已批"))
    posts = sent(desk, "robot")[-2:]
    assert [one["msg_type"] for one in posts] == ["post", "text"]
    assert posts[1]["content"] == {"text": "采购单已批"}
    assert desk.sandbox.count("*/auth/v3/*") == 0


@pytest.mark.parametrize(
    ("settings", "text", "code"),
    [
        ({"robot_secret": "wrong-secret"}, "采购", "19021"),
        ({}, "没有关键词", "19024"),
        ({"robot_token": "unknown-token"}, "采购", "19001"),
    ],
)
def test_a_robot_that_refuses_says_so_in_a_200(
    desk: Desk, settings: dict[str, Any], text: str, code: str
) -> None:
    robot(desk, **settings)
    with pytest.raises(exc.Misconfigured) as caught:
        send(desk, "robot", Message(receiver="", text=text))
    assert (caught.value.code, caught.value.http_status) == (code, 200)
    assert "robot_token" in caught.value.remedy


def test_a_robot_that_is_too_fast_waits_as_long_as_feishu_says(desk: Desk) -> None:
    robot(desk)
    desk.sandbox.call("POST", "feishu/limits", {"limits": [{"path": "*/bot/*", "per_minute": 1}]})
    send(desk, "robot", Message(receiver="", text="采购"))
    with pytest.raises(exc.RateLimited) as caught:
        send(desk, "robot", Message(receiver="", text="采购"))
    assert caught.value.retry_after is not None and 0 < caught.value.retry_after <= 60


def test_no_url_and_no_error_shows_the_robots_token(desk: Desk) -> None:
    robot(desk)
    desk.sandbox.fault(FaultRule("cut", path="*/bot/*"))
    with pytest.raises(exc.UnknownOutcome) as caught:
        send(desk, "robot", Message(receiver="", text="采购"))
    channel = desk.site.profile.channels["robot"]
    told = (str(caught.value), repr(vars(caught.value)), channel.target(desk.site), repr(desk.site))
    assert not any(ROBOT in text or SECRET in text for text in told)


def test_what_the_channels_declare(desk: Desk) -> None:
    robot(desk, robot_per_minute=5)
    message, group = PROFILE.channels["message"], PROFILE.channels["robot"]
    assert (message.to, message.needs_login, message.limit(desk.site)) == ("people", True, None)
    assert message.target(desk.site) == desk.site.instance
    limit = group.limit(desk.site)
    assert limit is not None and (limit.count, limit.seconds) == (5, 60.0)
    assert (group.to, group.needs_login) == ("group", False)


def test_a_person_reminds_and_an_application_may_not(desk: Desk) -> None:
    ref = desk.submit()
    (task,) = [one["id"] for one in desk.reading(ref).raw["task_list"]]
    with pytest.raises(exc.Unsupported) as caught:
        desk.run(remind(desk.site, ref.internal_id, [task]))
    assert caught.value.field == "user_access_token"
    token = desk.sandbox.call("POST", "feishu/user_token", {"user": "zhang.san"})["token"]
    desk.site = desk.connect(user_access_token=token)
    desk.run(remind(desk.site, ref.internal_id, [task], "请尽快"))
    reminders = desk.sandbox.call("GET", "feishu/reminders")["reminders"]
    assert reminders[-1] == {"instance": ref.internal_id, "user": "boss", "comment": "请尽快"}
    desk.site = desk.connect(user_access_token="u-expired-token")
    with pytest.raises(exc.Authentication):
        desk.run(remind(desk.site, ref.internal_id, [task]))
