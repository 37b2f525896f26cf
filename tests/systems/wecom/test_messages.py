"""Messages to people and groups: once, to whom they can reach, and never with a key in sight."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.wecom import PROFILE, engine, media, messages, robot
from tests.systems.wecom.conftest import AGENT, CORP, ROBOT_KEY, Desk

NOTICE, ROBOT = PROFILE.channels["notice"], PROFILE.channels["robot"]
SEND = "*/message/send"


def sent(desk: Desk, channel: str = "app") -> list[dict[str, Any]]:
    every = desk.sandbox.call("GET", "wecom/messages")["messages"]
    return [one for one in every if one["channel"] == channel]


@pytest.fixture
def group(desk: Desk) -> Desk:
    desk.sandbox.call("POST", "wecom/robots", {"robots": [ROBOT_KEY]})
    desk.sandbox.advance(61)
    return desk


def test_a_person_is_told(desk: Desk) -> None:
    desk.run(NOTICE.send(desk.site, Message("Boss", "请审批 PR-1")))
    body = sent(desk)[-1]["body"]
    assert (body["touser"], body["agentid"], body["text"]) == ("Boss", AGENT, {"content": "请审批 PR-1"})
    assert (body["enable_duplicate_check"], body["duplicate_check_interval"]) == (1, 1800)
    desk.run(NOTICE.send(desk.site, Message("Boss", "请审批", "PR-1")))
    assert sent(desk)[-1]["body"]["markdown"] == {"content": "**PR-1**\n请审批"}


def test_the_same_again_after_a_lost_reply_reaches_nobody_twice(desk: Desk) -> None:
    message = Message("boss", "一次就好")
    before = len(sent(desk))
    desk.sandbox.fault(FaultRule("reply_lost", path=SEND))
    with pytest.raises(exc.UnknownOutcome):
        desk.run(NOTICE.send(desk.site, message))
    desk.run(NOTICE.send(desk.site, message))
    assert len(sent(desk)) == before + 1


def test_whom_a_message_does_not_reach(desk: Desk) -> None:
    desk.sandbox.call("POST", "wecom/users", {"users": ["ZhangSan", "boss"]})
    found = desk.run(messages.send(desk.site, ["ZhangSan", "LiSi", "WangWu"], "你好"))
    assert found.unreached == ("LiSi", "WangWu"), "WeCom names them in lower case"
    for receiver in ("LiSi", "lisi"):
        with pytest.raises(exc.Rejected) as caught:
            desk.run(NOTICE.send(desk.site, Message(receiver, "你好")))
        assert caught.value.field == "users" and caught.value.code == "81013"
    reply = {"errcode": 0, "errmsg": "ok", "invaliduser": "", "unlicenseduser": "boss", "msgid": "m"}
    desk.sandbox.fault(FaultRule("error_in_200", path=SEND, reply=reply))
    with pytest.raises(exc.Rejected) as caught:
        desk.run(NOTICE.send(desk.site, Message("boss", "你好")))
    assert caught.value.field == "users"


def test_how_many_and_from_which_application(desk: Desk) -> None:
    for users in ([], ["u"] * 1001):
        with pytest.raises(exc.Misconfigured):
            desk.run(messages.send(desk.site, users, "你好"))
    desk.site = desk.connect(agent_id="1000009")
    with pytest.raises(exc.Misconfigured) as caught:
        desk.run(messages.send(desk.site, ["boss"], "你好"))
    assert caught.value.code == "301002"
    assert NOTICE.target(desk.site) == f"{CORP} 1000009"


@pytest.mark.parametrize(("text", "longest"), [("长" * 1000, 2048), ("a" * 5000, 2048), ("短", 2048)])
def test_a_long_text_is_cut_visibly(text: str, longest: int) -> None:
    found = messages.cut(text, longest)
    assert len(found.encode()) <= longest and (found == text or found.endswith("…"))


def test_a_card_with_buttons_is_changed_once(desk: Desk) -> None:
    card = {
        "card_type": "button_interaction",
        "task_id": "PR-1:boss",
        "main_title": {"title": "采购申请", "desc": "PR-1"},
        "button_list": [{"text": "同意", "key": "agree"}],
    }
    found = desk.run(messages.send_card(desk.site, ["boss", "cfo"], card))
    assert found.response_code and sent(desk)[-1]["body"]["template_card"] == card
    change = {"button": {"replace_name": "已同意"}}
    assert desk.run(messages.update_card(desk.site, ["boss"], found.response_code, change)) == ()
    desk.run(messages.recall(desk.site, found.id))
    assert {one["state"] for one in sent(desk)[-2:]} == {"recalled"}
    with pytest.raises(exc.Rejected):
        desk.run(messages.update_card(desk.site, ["boss"], "unknown", change))


@pytest.mark.parametrize(
    ("card", "field"),
    [
        ({"card_type": "poster"}, "card_type"),
        ({"card_type": "button_interaction"}, "task_id"),
        ({"card_type": "text_notice", "task_id": "长" * 43}, "task_id"),
    ],
)
def test_cards_that_there_are_not(desk: Desk, card: dict[str, Any], field: str) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        desk.run(messages.send_card(desk.site, ["boss"], card))
    assert caught.value.field == field


def test_an_id_of_a_task_is_one_cards(desk: Desk) -> None:
    card = {"card_type": "vote_interaction", "task_id": "vote-1", "main_title": {"title": "一"}}
    desk.run(messages.send_card(desk.site, ["boss"], card))
    with pytest.raises(exc.Rejected):
        desk.run(messages.send_card(desk.site, ["boss"], {**card, "main_title": {"title": "二"}}))


def test_a_group_is_told_by_its_robot(group: Desk) -> None:
    group.run(ROBOT.send(group.site, Message("", "全部通过")))
    group.run(ROBOT.send(group.site, Message("", "全部通过", "日报")))
    group.run(robot.send(group.site, "看这里", mention_users=["boss"], mention_mobiles=["13800000000"]))
    group.run(robot.send_card(group.site, {"card_type": "text_notice", "main_title": {"title": "x"}}))
    bodies = [one["body"] for one in sent(group, "robot")[-4:]]
    assert bodies[0] == {"msgtype": "text", "text": {"content": "全部通过"}}
    assert bodies[1]["markdown"] == {"content": "**日报**\n全部通过"}
    assert bodies[2]["text"]["mentioned_list"] == ["boss"]
    assert bodies[3]["msgtype"] == "template_card"
    with pytest.raises(exc.Misconfigured):
        group.run(robot.send(group.site, "x", title="y", mention_users=["boss"]))
    with pytest.raises(exc.Misconfigured):
        group.run(robot.send_card(group.site, {"card_type": "vote_interaction", "task_id": "1"}))
    assert ROBOT.needs_login is False and group.sandbox.count("*/gettoken") == 0


def test_a_robot_takes_20_a_minute(group: Desk) -> None:
    limit = ROBOT.limit(group.site)
    assert limit is not None and (limit.count, limit.seconds) == (20, 60.0)
    for number in range(20):
        group.run(ROBOT.send(group.site, Message("", f"{number}")))
    with pytest.raises(exc.RateLimited) as caught:
        group.run(ROBOT.send(group.site, Message("", "zu viel")))
    assert caught.value.retry_after == 60.0


def test_notices_have_a_limit_only_where_the_connection_wants_one(desk: Desk) -> None:
    assert NOTICE.limit(desk.site) is None
    limit = NOTICE.limit(desk.connect(notices_per_minute=90))
    assert limit is not None and (limit.count, limit.seconds) == (90, 60.0)


def test_a_robots_key_is_never_shown(group: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    group.sandbox.call("POST", "wecom/robots", {"robots": []})
    told = [repr(group.site), ROBOT.target(group.site)]
    errors = []
    for fault in ("", "cut", "reply_lost", "error_before"):
        if fault:
            group.sandbox.fault(FaultRule(fault, path="*/webhook/send"))  # type: ignore[arg-type]
        with pytest.raises(exc.DocflowError) as caught:
            group.run(ROBOT.send(group.site, Message("", "x")))
        errors.append(caught.value)
        told += [*traceback.format_exception(caught.value), repr(vars(caught.value))]
    assert isinstance(errors[0], exc.Misconfigured) and errors[0].code == "93000"
    told += [caplog.text, str(group.sandbox.requests("*/webhook/send"))]
    assert not any(ROBOT_KEY in text for text in told)


@pytest.mark.parametrize("key", ["https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=abc", "key=abc"])
def test_the_whole_address_is_no_key(desk: Desk, key: str) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        robot.target(desk.connect(robot_key=key))
    assert caught.value.field == "robot_key" and "abc" not in str(caught.value)


def test_robots_are_told_apart_without_their_keys(desk: Desk) -> None:
    names = {robot.target(desk.connect(robot_key=key)) for key in ("key-1", "key-1", "key-2")}
    assert len(names) == 2


def test_a_file_for_a_robot(group: Desk) -> None:
    media_id = group.run(media.upload_for_robot(group.site, "日报.csv", b"a,b\n1,2\n"))
    group.run(robot.post(group.site, {"msgtype": "file", "file": {"media_id": media_id}}))
    file = group.sandbox.call("GET", "wecom/media")["media"][-1]
    assert (file["robot"], file["name"]) == (ROBOT_KEY, "日报.csv")
    group.site = group.connect(robot_key="not-a-robot")
    with pytest.raises(exc.Misconfigured):
        group.run(media.upload_for_robot(group.site, "日报.csv", b"a,b\n1,2\n"))


@pytest.mark.parametrize(
    ("status", "approval"),
    [(1, "pending"), (2, "approved"), (3, "rejected"), (4, "withdrawn"), (9, "unknown")],
)
def test_the_flow_engine_is_read(desk: Desk, status: int, approval: str) -> None:
    item = {"ItemUserId": "boss", "ItemStatus": 2, "ItemSpeech": "同意", "ItemOpTime": 1_700_000_000}
    waits = {**item, "ItemUserId": "cfo", "ItemStatus": 1, "ItemOpTime": 0}
    copied = {"NodeStatus": 2, "NodeType": 2, "Items": {"Item": [item]}}
    nodes = [{"NodeStatus": 2, "NodeAttr": 1, "NodeType": 1, "Items": {"Item": [item, waits]}}, copied]
    data = {"ThirdNo": "PO-7", "OpenSpstatus": status, "ApprovalNodes": {"ApprovalNode": nodes}}
    desk.sandbox.call("PUT", "wecom/engine", data)
    found = desk.run(engine.read(desk.site, "PO-7"))
    assert (found.approval, found.word) == (approval, str(status))
    (entry,) = found.history
    assert (entry.approver, entry.decision, entry.comment) == ("boss", "approved", "同意")
    assert entry.decided_at is not None


def test_numbers_that_the_flow_engine_does_not_know(desk: Desk) -> None:
    for number in ("", "x" * 65):
        with pytest.raises(exc.Misconfigured):
            desk.run(engine.read(desk.site, number))
    with pytest.raises(exc.Rejected) as caught:
        desk.run(engine.read(desk.site, "NOT-THERE"))
    assert caught.value.document == "NOT-THERE"
    reply = {"errcode": 0, "errmsg": "ok", "data": {"ThirdNo": "OTHER", "OpenSpstatus": 2}}
    desk.sandbox.fault(FaultRule("error_in_200", path="*/getopenapprovaldata", reply=reply))
    with pytest.raises(exc.NotFound):
        desk.run(engine.read(desk.site, "PO-7"))
