"""Events that the WeCom stand-in posts, opened by the profile's webhook as a server would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Delivery, Event
from airflow_provider_docflow.exceptions import DocflowError, Rejected
from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.systems.wecom import PROFILE

CORP, TOKEN, KEY = "wwsandboxcorp", "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TYPE = "purchase_requisition"


class Server:
    """Opens what comes with the profile's webhook and answers as that says; ``refuses`` so many first."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.deliveries, self.refuses = 0, 0
        self.site = Site(
            profile=PROFILE,
            conn_id="oa",
            username=CORP,
            settings={"callback_token": TOKEN, "callback_aes_key": KEY},
            instance=CORP,
        )
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.serve(self, b"")

            def do_POST(self) -> None:
                server.serve(self, self.rfile.read(int(self.headers["content-length"])))

            def log_message(self, *_: Any) -> None:
                return

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def serve(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        query = dict(parse_qsl(urlsplit(handler.path).query))
        status, content = 403, b""
        self.deliveries += 1
        try:
            assert PROFILE.webhook is not None
            opened = PROFILE.webhook.open(
                self.site, Delivery(method=handler.command, query=query, body=body), 0
            )
            status, content = opened.answer.status, opened.answer.body
            if self.refuses:
                self.refuses, status, content = self.refuses - 1, 500, b""
            else:
                self.events += opened.events
        except DocflowError:
            pass
        handler.send_response(status)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def registration(self, **more: Any) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self.http.server_port}/wecom"
        return {"url": url, "token": TOKEN, "aes_key": KEY, "receive_id": CORP, **more}

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    home: Path = tmp_path_factory.mktemp("wecom")
    with Sandbox(home) as running:
        yield running


@pytest.fixture
def server(sandbox: Sandbox) -> Iterator[Server]:
    made = Server()
    sandbox.clear_faults()
    yield made
    sandbox.call("DELETE", "wecom/callback")
    made.close()


@pytest.fixture(scope="module")
def template(sandbox: Sandbox) -> str:
    control = {"property": {"control": "Text", "title": "单号"}, "config": {}}
    flow = [{"type": 1, "apv_rel": 1, "userid": ["boss"]}]
    body = {"name": "采购 <急>", "controls": [control], "flow": flow}
    return str(sandbox.call("POST", "wecom/templates", body)["template_id"])


def submit(sandbox: Sandbox, template: str) -> str:
    body = {"creator_userid": "zhang.san", "template_id": template, "apply_data": {"contents": []}}
    return str(sandbox.call("POST", "wecom/approvals", {"approvals": [body]})["sp_nos"][0])


def act(sandbox: Sandbox, number: str, action: str, **more: str) -> None:
    sandbox.call("POST", "wecom/decisions", {"approvals": [number], "action": action, **more})


def test_the_life_of_an_approval_is_told(sandbox: Sandbox, server: Server, template: str) -> None:
    sandbox.call("POST", "wecom/callback", server.registration())
    number = submit(sandbox, template)
    act(sandbox, number, "remind", user="zhang.san")
    act(sandbox, number, "comment", user="zhang.san", speech="]]> <急>")
    act(sandbox, number, "transfer", user="boss", to_user="deputy")
    act(sandbox, number, "agree", user="deputy", speech="]]>&<")
    act(sandbox, number, "revoke")
    sandbox.settle()
    told = [(one.detail["change"], one.detail["status"]) for one in server.events]
    assert told == [
        ("submitted", "1"),
        ("reminded", "1"),
        ("commented", "1"),
        ("transferred", "1"),
        ("approved", "2"),
        ("revoked", "6"),
    ]
    assert {one.internal_id for one in server.events} == {number}
    assert len({one.id for one in server.events}) == len(server.events)


def test_an_address_that_does_not_echo_is_not_taken(sandbox: Sandbox, server: Server) -> None:
    with pytest.raises(Rejected):
        sandbox.call("POST", "wecom/callback", server.registration(token="another"))
    with pytest.raises(Rejected):
        sandbox.call("POST", "wecom/callback", server.registration(url="http://127.0.0.1:9/"))


@pytest.mark.parametrize(("refuses", "state", "deliveries"), [(2, "delivered", 3), (9, "failed", 4)])
def test_what_is_not_answered_is_tried_three_times_more(
    sandbox: Sandbox, server: Server, template: str, refuses: int, state: str, deliveries: int
) -> None:
    sandbox.call("POST", "wecom/callback", server.registration())
    server.refuses, server.deliveries = refuses, 0
    submit(sandbox, template)
    sandbox.settle()
    assert sandbox.call("GET", "wecom/events")["events"][-1]["state"] == state
    assert server.deliveries == deliveries


def test_only_chosen_templates_are_told(sandbox: Sandbox, server: Server, template: str) -> None:
    sandbox.call("POST", "wecom/callback", server.registration(templates=["another"]))
    submit(sandbox, template)
    sandbox.settle()
    assert server.events == []


def test_events_may_come_twice_or_never(sandbox: Sandbox, server: Server, template: str) -> None:
    sandbox.call("POST", "wecom/callback", server.registration())
    sandbox.fault(FaultRule("duplicate_event", method="EVENT", path="sys_approval_change"))
    sandbox.fault(FaultRule("drop_event", method="EVENT", path="sys_approval_change", nth=2))
    submit(sandbox, template)
    submit(sandbox, template)
    sandbox.settle()
    assert len(server.events) == 2 and len({one.id for one in server.events}) == 1


def test_the_flow_engine_tells_too(sandbox: Sandbox, server: Server) -> None:
    sandbox.call("POST", "wecom/callback", server.registration())
    item = {"ItemUserId": "boss", "ItemStatus": 2}
    nodes = {"ApprovalNode": [{"NodeStatus": 2, "NodeType": 1, "Items": {"Item": [item, item]}}]}
    data = {"ThirdNo": "PO-7", "OpenTemplateId": "t", "OpenSpstatus": 2, "ApprovalNodes": nodes}
    sandbox.call("PUT", "wecom/engine", data)
    sandbox.settle()
    (told,) = server.events
    assert (told.kind, told.internal_id, told.detail["status"]) == ("open_approval_change", "PO-7", "2")
