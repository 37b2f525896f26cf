from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.notifications.conftest import Desk, good
from tests.operators.test_create import run_chain

ROBOT = "*robot/send*"
MAILS: dict[str, Any] = {"channels": ["email"], "mails": "chef@example.org, li.na@example.org"}


def test_a_signed_message_for_each_document_and_never_twice(desk: Desk) -> None:
    numbers = desk.requisitions(3)
    told = good(desk.notify(numbers))
    assert told["statuses"] == {"notified": 3}
    assert sorted(desk.texts()) == [f"{number}: read." for number in numbers]
    assert all("sign" in entry["query"] for entry in desk.sandbox.requests(ROBOT))
    again = good(desk.notify(numbers))
    assert again["statuses"] == {"existing": 3}
    assert desk.sandbox.count(ROBOT) == 3


def test_another_occasion_is_another_message_and_other_words_are_not(desk: Desk) -> None:
    (number,) = desk.requisitions(1)
    assert good(desk.notify(number))["status"] == "notified"
    assert good(desk.notify(number, template="anders: {{ document }}"))["status"] == "existing"
    assert good(desk.notify(number, node="late", template="{{ document }} is late"))["status"] == "notified"
    assert desk.texts() == ["PR-1: read.", "PR-1 is late"]


def test_created_and_failed_documents_are_told_as_what_they_are(desk: Desk) -> None:
    desk.world.enter("PR-1", ("SUP-1", "1", "7.00"))
    desk.world.enter("PR-2", ("SUP-1", "1", "7.00"))
    desk.world.approve("PR-1")
    done = run_chain(desk.runner, ["PR-1", "PR-2"], fail_on="never")
    good(desk.notify(done.result, language="zh"))
    texts = sorted(desk.texts())
    order = desk.world.orders()[0]
    page = f"{desk.sandbox.base_url}/ui/orders/{order['id']}"
    assert texts[0] == f"PR-1 已在 erp 创建，单号 {order['number']}。\n{page}"
    assert texts[1].startswith("PR-2 需要人工处理：")


def test_an_approval_names_who_decided(desk: Desk) -> None:
    (number,) = desk.requisitions(1)
    desk.world.approve(number)
    good(desk.notify(number, message="notice.approved", title="批准"))
    assert desk.sent()[0]["markdown"] == {"title": "批准", "text": "PR-1 was approved by boss."}


def test_a_digest_is_one_message_and_names_only_what_is_new(desk: Desk) -> None:
    numbers = desk.requisitions(25)
    good(desk.notify(numbers[:13], digest=True))
    good(desk.notify(numbers, digest=True))
    first, second = desk.texts()
    assert first.startswith("13 documents: read 13. First: PR-1, PR-2")
    assert first.endswith("…")
    assert second.startswith("12 documents: read 12. First: PR-14")
    assert good(desk.notify(numbers, digest=True))["statuses"] == {"existing": 25}
    assert desk.sandbox.count(ROBOT) == 2


def test_the_robots_limit_parks_the_task_and_mutes_nobody(desk: Desk) -> None:
    numbers = desk.requisitions(25)
    attempt = desk.notify(numbers)
    assert attempt.state == "up_for_reschedule", attempt.everything()
    assert attempt.reschedule_date is not None
    # Half the limit at once, and on a slow machine what refills meanwhile: within 20 in any minute.
    assert 10 <= len(desk.sent()) <= 20


def test_a_thousand_messages_where_the_limit_allows_it(desk: Desk) -> None:
    desk.robot(per_minute=100_000)
    desk.connect(robot_per_minute=100_000, calls_per_second=5_000)
    numbers = desk.requisitions(1000)
    told = good(desk.notify(numbers))
    assert told["statuses"] == {"notified": 1000}
    assert len(set(desk.texts())) == len(desk.sent()) == 1000


def test_a_muted_robot_gives_way_to_the_next_channel(desk: Desk) -> None:
    desk.robot(per_minute=0)
    numbers = desk.requisitions(2)
    told = good(desk.notify(numbers, channels=["dingtalk_robot", "email"], mails=["a@example.org"]))
    assert told["statuses"] == {"notified": 2}
    assert desk.sent() == []
    assert [mail["envelope_to"] for mail in desk.sandbox.mails()] == [["a@example.org"]] * 2


def test_a_muted_robot_without_another_channel_is_waited_for(desk: Desk) -> None:
    desk.robot(per_minute=0)
    attempt = desk.notify(desk.requisitions(1))
    assert attempt.state == "up_for_reschedule", attempt.everything()
    desk.robot()
    assert good(desk.notify("PR-1"))["status"] == "notified"


@pytest.mark.parametrize("fault", ["reply_lost", "malformed", "error_after"])
def test_what_may_have_arrived_is_not_sent_there_again(desk: Desk, fault: Any) -> None:
    desk.requisitions(1)
    desk.sandbox.fault(FaultRule(fault, path=ROBOT, commit=True))
    lost = good(desk.notify("PR-1"))
    assert lost["status"] == "failed"
    assert lost["error"]["type"] == "UnknownOutcome"
    again = good(desk.notify("PR-1"))
    assert (again["status"], again["error"]["code"]) == ("failed", "notice.unknown")
    assert len(desk.sent()) == 1
    told = good(desk.notify("PR-1", channels=["dingtalk_robot", "email"], mails=["a@example.org"]))
    assert told["status"] == "notified"
    assert len(desk.sandbox.mails()) == len(desk.sent()) == 1


def test_a_refused_message_fails_no_document_and_goes_out_later(desk: Desk) -> None:
    desk.requisitions(1)
    desk.robot(keywords=["报警"])
    refused = good(desk.notify("PR-1"))
    assert (refused["status"], refused["error"]["code"]) == ("failed", "310000")
    strict = desk.notify("PR-1", fail_on="any")
    assert (strict.state, type(strict.error)) == ("failed", exc.Misconfigured)
    desk.robot()
    assert good(desk.notify("PR-1"))["status"] == "notified"


def test_mails_go_to_each_person_once(desk: Desk) -> None:
    desk.requisitions(1)
    assert good(desk.notify("PR-1", **MAILS))["status"] == "notified"
    assert good(desk.notify("PR-1", **MAILS))["status"] == "existing"
    mails = desk.sandbox.mails()
    assert [mail["to"] for mail in mails] == ["chef@example.org", "li.na@example.org"]
    assert {mail["subject"] for mail in mails} == {"PR-1: read."}
    assert len({mail["raw"].partition("Message-ID: ")[2].partition("\n")[0] for mail in mails}) == 2


def test_one_refused_mail_is_the_only_one_that_is_sent_again(desk: Desk) -> None:
    desk.requisitions(1)
    desk.sandbox.fault(FaultRule("error_before", path="li.na@*", method="MAIL", times=1))
    refused = good(desk.notify("PR-1", **MAILS))
    assert (refused["status"], refused["error"]["code"]) == ("failed", "451")
    assert good(desk.notify("PR-1", **MAILS))["status"] == "notified"
    assert [mail["to"] for mail in desk.sandbox.mails()] == ["chef@example.org", "li.na@example.org"]


def test_a_template_may_hold_what_html_does_not(desk: Desk) -> None:
    desk.requisitions(1)
    good(desk.notify("PR-1", template="<b>{{ document }}</b> & more", **MAILS))
    assert "&lt;b&gt;PR-1&lt;/b&gt; &amp; more" in desk.sandbox.mails()[0]["html"]


def test_a_mail_server_that_is_away_fails_no_document(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.requisitions(1)
    monkeypatch.setenv("AIRFLOW_CONN_POST", '{"conn_type": "smtp", "host": "127.0.0.1", "port": 1}')
    away = good(desk.notify("PR-1", **MAILS))
    assert (away["status"], away["error"]["type"]) == ("failed", "Unreachable")


def test_work_notices_reach_each_person_and_say_whom_they_do_not(desk: Desk) -> None:
    desk.requisitions(1)
    desk.sandbox.call("POST", "dingtalk/users", {"users": ["li.na"]})
    some: dict[str, Any] = {"channels": "dingtalk_notice", "users": "li.na,gone"}
    told = good(desk.notify("PR-1", **some))
    assert (told["status"], told["error"]["code"]) == ("failed", "receiver.invalid")
    assert "gone" in told["error"]["message"]
    desk.sandbox.call("POST", "dingtalk/users", {"users": ["li.na", "gone"]})
    assert good(desk.notify("PR-1", **some))["status"] == "notified"
    assert [body["text"]["content"] for body in desk.sent("notification")][-1] == "PR-1: read."
    reached = desk.sandbox.call("GET", "dingtalk/messages", None, {"channel": "notification"})["messages"]
    assert [one["receiver"] for one in reached if one["state"] == "sent"] == ["li.na", "gone"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"channels": ["pigeon"]}, "channels"),
        ({"channels": []}, "channels"),
        ({"message": "notice.nonsense"}, "message"),
        ({"language": "tlh"}, "language"),
        ({"node": "x" * 81}, "node"),
        ({"template": "{% if"}, "template"),
        ({"template": "{{ nonsense }}"}, "template"),
    ],
)
def test_what_the_author_got_wrong_is_named_and_nothing_is_sent(
    desk: Desk, more: dict[str, Any], field: str
) -> None:
    desk.requisitions(1)
    done = desk.notify("PR-1", **more)
    assert done.state == "failed"
    assert isinstance(done.error, exc.Misconfigured), done.everything()
    assert done.error.field == field
    assert desk.sent() == []


def test_a_connection_that_is_none_and_a_number_that_is_none(desk: Desk) -> None:
    desk.requisitions(1)
    wrong = good(desk.notify("PR-1", docflow_conn_id="erp"))
    assert "not to DingTalk" in wrong["error"]["message"]
    nobody = good(desk.notify("PR-1", channels=["email"], mails=""))
    assert nobody["error"]["field"] == "mails"
    unknown = good(desk.notify("PR-404"))
    assert (unknown["status"], unknown["error"]["code"]) == ("failed", "notice.no_document")
    assert desk.sent() == []
