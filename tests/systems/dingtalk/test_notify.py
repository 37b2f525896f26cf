from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.signing import robot_signature, same
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.dingtalk import (
    ROBOT_LIMIT,
    send_robot,
    send_work_notice,
    work_notice_result,
)
from tests.systems.dingtalk.conftest import ROBOT_SECRET, ROBOT_TOKEN, Desk


def robot(desk: Desk, secret: str = ROBOT_SECRET, **more: Any) -> None:
    desk.sandbox.call("POST", "dingtalk/robots", {"token": ROBOT_TOKEN, "secret": secret, **more})


def sent(desk: Desk, channel: str = "robot") -> list[Any]:
    found = desk.sandbox.call("GET", "dingtalk/messages", None, {"channel": channel})
    return [entry["body"] for entry in found["messages"]]


def test_the_signature_is_that_of_the_published_vector() -> None:
    signed = robot_signature(1_700_000_000_000, "SEC0123456789abcdef")
    assert signed == "TSZbRFUuvaSQaRKUpF970OPCb2/LcQAP3wOvwZIzBZk="
    assert same(signed, signed)
    assert not same(signed, signed[:-1])
    assert not same(signed, "")
    assert not same("é", "e")


def test_a_signed_message_reaches_the_group(desk: Desk) -> None:
    robot(desk)
    desk.run(send_robot(desk.site, "PR-1 已批准", mention_users=["li.na"], mention_all=False))
    desk.run(send_robot(desk.site, "**PR-1**", title="已批准"))
    text, markdown = sent(desk)
    assert text["text"]["content"] == "PR-1 已批准"
    assert text["at"] == {"atUserIds": ["li.na"], "atMobiles": [], "isAtAll": False}
    assert markdown["markdown"] == {"title": "已批准", "text": "**PR-1**"}
    # A robot needs no application: nobody logged in.
    assert desk.sandbox.count("*oauth2*") == 0


def test_a_robot_without_a_secret_is_not_signed(desk: Desk) -> None:
    robot(desk, secret="")
    desk.site = desk.connect(robot_secret="")
    desk.run(send_robot(desk.site, "x"))
    (entry,) = desk.sandbox.requests("*robot*")
    assert "sign" not in entry["query"]


@pytest.mark.parametrize("more", [{"secret": "SECother"}, {"keywords": ["报警"]}])
def test_a_refused_message_says_what_to_compare(desk: Desk, more: dict[str, Any]) -> None:
    robot(desk, **more)
    with pytest.raises(exc.Misconfigured) as caught:
        desk.run(send_robot(desk.site, "x"))
    assert (caught.value.code, caught.value.http_status) == ("310000", 200)
    for word in ("keyword", "robot_secret", "clock", "address"):
        assert word in caught.value.remedy


def test_an_unknown_robot_and_a_missing_token_are_named(desk: Desk) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        desk.run(send_robot(desk.site, "x"))
    assert "robot_token" in caught.value.remedy
    desk.site = desk.connect(robot_token="")
    with pytest.raises(exc.Misconfigured, match="robot_token"):
        desk.run(send_robot(desk.site, "x"))


def test_the_twenty_first_message_of_a_minute_mutes_the_robot(desk: Desk) -> None:
    robot(desk)
    for number in range(ROBOT_LIMIT.count):
        desk.run(send_robot(desk.site, str(number)))
    with pytest.raises(exc.RateLimited) as caught:
        desk.run(send_robot(desk.site, "more"))
    assert (caught.value.code, caught.value.retry_after) == ("130101", 600)
    desk.site = desk.connect(robot_mute_seconds=60)
    with pytest.raises(exc.RateLimited) as caught:
        desk.run(send_robot(desk.site, "more"))
    assert caught.value.retry_after == 60
    assert len(sent(desk)) == 20


@pytest.mark.parametrize("fault", ["reply_lost", "malformed", "error_after", "error_in_200"])
def test_a_message_whose_reply_is_lost_is_not_sent_again(desk: Desk, fault: str) -> None:
    robot(desk)
    desk.sandbox.fault(FaultRule(fault, path="*robot*", commit=True))  # type: ignore[arg-type]
    with pytest.raises(exc.UnknownOutcome):
        desk.run(send_robot(desk.site, "x"))
    assert len(sent(desk)) == 1


def test_a_work_notification_and_whom_it_reached(desk: Desk) -> None:
    desk.sandbox.call("POST", "dingtalk/users", {"users": ["a", "b"]})
    task = desk.run(send_work_notice(desk.site, ["a", "b", "c"], "PR-1 等您审批", title="审批"))
    assert desk.run(work_notice_result(desk.site, task)) == {
        "read": [],
        "unread": ["a", "b"],
        "forbidden": [],
        "invalid": ["c"],
        "failed": [],
    }
    again = desk.run(send_work_notice(desk.site, ["a"], "PR-1 等您审批", title="审批"))
    assert desk.run(work_notice_result(desk.site, again))["forbidden"] == ["a"]
    assert desk.sandbox.count("*oauth2*") == 1


def test_an_expired_token_of_the_old_api_is_renewed_once(desk: Desk) -> None:
    desk.run(send_work_notice(desk.site, ["a"], "1"))
    desk.sandbox.call("POST", "dingtalk/tokens/expire", {})
    desk.run(send_work_notice(desk.site, ["a"], "2"))
    assert desk.sandbox.count("*oauth2*") == 2
    assert len(sent(desk, "notification")) == 2


@pytest.mark.parametrize("users", [[], [f"u{n}" for n in range(101)]])
def test_too_many_receivers_are_refused_whole(desk: Desk, users: list[str]) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        desk.run(send_work_notice(desk.site, users, "x"))
    assert caught.value.field == "users"
    assert sent(desk, "notification") == []


def test_a_wrong_agent_is_named(desk: Desk) -> None:
    desk.site = desk.connect(agent_id="7")
    with pytest.raises(exc.Misconfigured) as caught:
        desk.run(send_work_notice(desk.site, ["a"], "x"))
    assert "agent_id" in caught.value.remedy
