"""Channels with connections and people of their own, and services that Apprise reaches."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.hooks.apprising import Services as Apprise
from tests.notifications.conftest import Desk, good

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning:apprise")
"""Apprise loads all its plugins for the first service, and one of them looks for what Python 3.13 drops."""


class Services:
    """Web services that take notifications; some of them refuse."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, dict[str, Any]]] = []
        services = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                refused = self.path.startswith("/refuses")
                if not refused:
                    services.taken.append((self.path, body))
                self.send_response(503 if refused else 200)
                self.end_headers()

            def log_message(self, *words: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def address(self, path: str) -> str:
        return f"json://127.0.0.1:{self.server.server_port}/{path}"


@pytest.fixture
def services() -> Iterator[Services]:
    made = Services()
    yield made
    made.server.shutdown()
    made.server.server_close()


def connect(desk: Desk, *configured: dict[str, str], conn_id: str = "SERVICES") -> dict[str, Any]:
    found = {"conn_type": "apprise", "extra": {"config": list(configured)}}
    desk.monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id}", json.dumps(found))
    return {"channels": "apprise", "apprise_conn_id": conn_id.lower()}


def test_services_of_a_tag_are_told_once(desk: Desk, services: Services) -> None:
    desk.requisitions(2)
    wanted, other = {"path": services.address("sms"), "tag": "ops"}, {"path": services.address("chat")}
    here = connect(desk, wanted, other)
    here["channels"] = [{"channel": "apprise", "tag": "ops"}]
    told = good(desk.notify(["PR-1", "PR-2"], title="Purchases", **here))
    assert told["statuses"] == {"notified": 2}
    assert good(desk.notify(["PR-1", "PR-2"], **here))["statuses"] == {"existing": 2}
    assert [path for path, _ in services.taken] == ["/sms", "/sms"]
    assert [(body["title"], body["message"]) for _, body in services.taken] == [
        ("Purchases", "PR-1: read."),
        ("Purchases", "PR-2: read."),
    ]


def test_a_service_that_refuses_gives_way_and_is_not_tried_again(desk: Desk, services: Services) -> None:
    desk.requisitions(1)
    here = connect(desk, {"path": services.address("refuses")}, {"path": services.address("takes")})
    here["channels"] = ["apprise", "dingtalk_robot"]
    assert good(desk.notify("PR-1", **here))["status"] == "notified"
    assert (len(services.taken), desk.texts()) == (1, ["PR-1: read."])
    assert good(desk.notify("PR-1", **here))["status"] == "existing"
    assert (len(services.taken), len(desk.sent())) == (1, 1)


@pytest.mark.parametrize("config", [[], ["sms://"], [{"tag": "ops"}], "nonsense"])
def test_a_connection_that_reaches_nobody_is_named_without_its_secrets(desk: Desk, config: Any) -> None:
    desk.requisitions(1)
    found = {"conn_type": "apprise", "extra": {"config": config}}
    desk.monkeypatch.setenv("AIRFLOW_CONN_NOBODY", json.dumps(found))
    told = good(desk.notify("PR-1", channels="apprise", apprise_conn_id="nobody"))
    assert (told["status"], told["error"]["field"]) == ("failed", "apprise_conn_id")
    assert "nonsense" not in told["error"]["message"]


def test_an_address_that_apprise_does_not_understand_is_not_logged(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad = ["tgram://123SECRET/", "nobody://tokenSECRET/abc", "twilio://ACSECRET:tokenSECRET@123"]
    config = [{"path": path} for path in (*bad, services.address("sms?key=SECRET"))]
    monkeypatch.setenv("AIRFLOW_CONN_HALF", json.dumps({"conn_type": "apprise", "extra": {"config": config}}))
    with caplog.at_level(logging.DEBUG):
        (answer,) = Apprise("half", "all").send([Message(receiver="", text="PR-1")], float("inf"))
    assert answer is None and len(services.taken) == 1
    assert "half: 3 service addresses" in caplog.text
    assert "SECRET" not in caplog.text


def test_each_channel_may_have_a_connection_and_people_of_its_own(desk: Desk) -> None:
    desk.requisitions(1)
    desk.sandbox.call("POST", "dingtalk/users", {"users": ["li.na"]})
    notice = {"channel": "dingtalk_notice", "docflow_conn_id": "ding", "users": ["{{ 'li' }}.na"]}
    told = desk.notify("PR-1", channels=[notice, "email"], docflow_conn_id="erp", mails="boss@example.org")
    assert good(told)["status"] == "notified"
    reached = desk.sandbox.call("GET", "dingtalk/messages", None, {"channel": "notification"})["messages"]
    assert [one["receiver"] for one in reached] == ["li.na"]
    assert desk.sandbox.mails() == []


def test_what_no_channel_needs_is_refused(desk: Desk) -> None:
    desk.requisitions(1)
    done = desk.notify("PR-1", channels=[{"channel": "dingtalk_robot", "person": "li.na"}])
    assert done.state == "failed"
    assert isinstance(done.error, exc.Misconfigured)
    assert "person" in str(done.error)
    assert desk.sent() == []


PEOPLE = [f"user-{n}" for n in range(7)]


def wecom(desk: Desk, **more: Any) -> dict[str, Any]:
    """Return what a channel to people in WeCom needs."""
    extra = {"api_url": f"{desk.sandbox.base_url}/wecom", "agent_id": 1000002, **more}
    found = {"conn_type": "docflow_wecom", "login": "wwsandboxcorp", "password": "sandbox-secret"}
    desk.monkeypatch.setenv("AIRFLOW_CONN_WECOM", json.dumps({**found, "extra": extra}))
    desk.sandbox.call("POST", "wecom/users", {"users": PEOPLE})
    return {"channel": "wecom_notice", "docflow_conn_id": "wecom", "users": PEOPLE}


def test_more_people_than_a_limit_takes_at_once_are_told_in_portions(desk: Desk) -> None:
    desk.requisitions(1)
    channel = wecom(desk, notices_per_minute=4)
    parked = desk.notify("PR-1", channels=[channel])
    assert parked.state == "up_for_reschedule", parked.everything()
    told = desk.sandbox.call("GET", "wecom/messages")["messages"]
    assert len(told) == 2
    channel = wecom(desk, notices_per_minute=4_000)
    assert good(desk.notify("PR-1", channels=[channel]))["status"] == "notified"
    assert len(desk.sandbox.call("GET", "wecom/messages")["messages"]) == len(PEOPLE)


def test_one_product_gives_way_to_another(desk: Desk) -> None:
    desk.requisitions(1)
    desk.robot(per_minute=0)
    channels = ["dingtalk_robot", wecom(desk)]
    assert good(desk.notify("PR-1", channels=channels))["status"] == "notified"
    assert (len(desk.sandbox.call("GET", "wecom/messages")["messages"]), desk.sent()) == (len(PEOPLE), [])
    assert good(desk.notify("PR-1", channels=channels))["status"] == "existing"
