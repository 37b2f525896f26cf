"""What Feishu pushes: opened only if it is Feishu's, for this application and tenant."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.lark_crypto import LarkCipher, lark_signature
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Delivery, Event, Opened
from airflow_provider_docflow.sandbox.faults import FaultRule
from airflow_provider_docflow.systems.feishu import PROFILE, subscribe
from airflow_provider_docflow.systems.feishu.events import FRESH_SECONDS, open_delivery
from tests.systems.feishu.conftest import ENCRYPT_KEY, TENANT, TOKEN, TYPE, Desk

CODE = "7C468A54-8745-2245-9675-08B7C63E7A85"
EVENT = {
    "app_id": "cli_xxx",
    "tenant_key": TENANT,
    "type": "approval_instance",
    "approval_code": CODE.lower(),
    "instance_code": "81D31358-93AF-92D6-7425-01A5D67C4E71",
    "status": "REVERTED",
    # A revocation tells its time as a number.
    "operate_time": 1666079207003,
}
V1 = {"ts": "1502199207.7", "uuid": "e-1", "token": TOKEN, "type": "event_callback", "event": EVENT}
HEADER = {
    "event_id": "e-2",
    "event_type": "approval.task.status_changed_v4",
    "create_time": "1666079207003",
    "token": TOKEN,
    "tenant_key": TENANT,
}
V2 = {"schema": "2.0", "header": HEADER, "event": {**EVENT, "task_id": "7", "operate_time": None}}


def site(**settings: Any) -> Site:
    given = {
        "forms": json.dumps({TYPE: {"approval_code": CODE}}),
        "encrypt_key": ENCRYPT_KEY,
        "verification_token": TOKEN,
        **settings,
    }
    return Site(profile=PROFILE.configured(given), conn_id="lark", settings=given, instance=TENANT)


def delivery(
    body: Any, *, key: str = ENCRYPT_KEY, stamp: str = "1700000000", signed: bool = True
) -> Delivery:
    content = json.dumps({"encrypt": LarkCipher(key).encrypt(json.dumps(body))}).encode()
    names = ("x-lark-request-timestamp", "x-lark-request-nonce", "x-lark-signature")
    values = (stamp, "n-1", lark_signature(stamp, "n-1", key, content))
    return Delivery(
        method="POST", headers=dict(zip(names, values, strict=True)) if signed else {}, body=content
    )


def opened(body: Any, **more: Any) -> Opened:
    return open_delivery(site(), delivery(body, **more), 0.0)


def test_the_first_generation() -> None:
    found = opened(V1)
    (event,) = found.events
    assert (event.id, event.kind, event.document_type) == ("e-1", "approval_instance", TYPE)
    assert event.internal_id == EVENT["instance_code"]
    assert event.happened_at == datetime.fromtimestamp(1666079207.003, UTC)
    assert event.detail == {"status": "REVERTED", "operate_time": "1666079207003"}
    assert found.signed_at == 1_700_000_000.0 and len(found.replay_key) == 64
    assert found.answer.status == 200


def test_the_second_generation() -> None:
    (event,) = opened(V2).events
    assert (event.id, event.kind) == ("e-2", "approval.task.status_changed_v4")
    assert event.detail == {"status": "REVERTED", "task_id": "7"}
    assert event.happened_at == datetime.fromtimestamp(1666079207.003, UTC)


def test_the_address_is_checked_by_its_token_and_answers_the_challenge() -> None:
    check = {"challenge": "ajls384kdjx98XX", "token": TOKEN, "type": "url_verification"}
    found = opened(check, signed=False)
    assert json.loads(found.answer.body) == {"challenge": "ajls384kdjx98XX"} and found.events == ()
    with pytest.raises(exc.Authentication):
        opened({**check, "token": "another"}, signed=False)


def test_an_event_of_a_definition_that_is_not_mapped_has_no_type() -> None:
    (event,) = opened({**V1, "event": {**EVENT, "approval_code": "X"}}).events
    assert event.document_type == ""


def test_what_tells_of_no_approval_is_answered_and_kept_by_nobody() -> None:
    found = opened({**V1, "event": {"type": "app_open", "tenant_key": TENANT}})
    assert found.events == () and found.answer.status == 200


@pytest.mark.parametrize(
    "bad",
    [
        delivery(V1, signed=False),
        delivery(V1, key="another key"),
        delivery({**V1, "token": "another token"}),
        delivery({**V1, "token": ""}),
        delivery({**V1, "event": {**EVENT, "tenant_key": "another tenant"}}),
        replace(delivery(V1), body=delivery(V2).body),
        Delivery(method="POST", body=json.dumps(V1).encode()),
        Delivery(method="POST", body=b'{"encrypt": "AAAA"}'),
    ],
    ids=["unsigned", "key", "token", "no token", "tenant", "body", "plain", "cut"],
)
def test_what_is_not_feishus_is_refused(bad: Delivery) -> None:
    with pytest.raises(exc.Authentication):
        open_delivery(site(), bad, 0.0)


@pytest.mark.parametrize("body", [b"", b"[]", b"no json"])
def test_what_is_no_object_cannot_be_understood(body: bytes) -> None:
    with pytest.raises(exc.InvalidDocument):
        open_delivery(site(), Delivery(method="POST", body=body), 0.0)


def test_an_event_without_an_id_or_a_time_cannot_be_understood() -> None:
    for bad in (delivery({**V1, "uuid": ""}), delivery(V1, stamp="soon")):
        with pytest.raises(exc.InvalidDocument):
            open_delivery(site(), bad, 0.0)


def test_nothing_is_opened_without_both_secrets() -> None:
    assert PROFILE.webhook is not None
    assert PROFILE.webhook.needs == ("encrypt_key", "verification_token")
    for name in PROFILE.webhook.needs:
        with pytest.raises(exc.Misconfigured) as caught:
            open_delivery(site(**{name: ""}), delivery(V1), 0.0)
        assert caught.value.field == name


def test_the_last_repetition_is_still_fresh() -> None:
    assert FRESH_SECONDS > 15 + 300 + 3600 + 21_600


class Receiver:
    """Opens what comes; answers 200, or whatever ``status`` says."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"]))
        headers = {name.lower(): value for name, value in handler.headers.items()}
        found = open_delivery(site(), Delivery(method="POST", headers=headers, body=body), 0.0)
        self.events += found.events
        content = found.answer.body
        handler.send_response(self.status)
        handler.send_header("content-length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def told(self) -> list[tuple[str, str]]:
        return [(event.kind, str(event.detail["status"])) for event in self.events]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def receiver(desk: Desk) -> Iterator[Receiver]:
    server = Receiver()
    yield server
    desk.sandbox.call("DELETE", "feishu/address")
    server.close()


def listen(desk: Desk, receiver: Receiver, **more: Any) -> None:
    url = f"http://127.0.0.1:{receiver.server.server_port}/"
    address = {"url": url, "encrypt_key": ENCRYPT_KEY, "verification_token": TOKEN, **more}
    desk.sandbox.call("POST", "feishu/address", address)


def test_subscribing_is_done_once(desk: Desk) -> None:
    assert [desk.run(subscribe(desk.site, TYPE)) for _ in range(2)] == [True, False]
    desk.site = desk.connect(forms=json.dumps({TYPE: {"approval_code": "unknown"}}))
    with pytest.raises(exc.Misconfigured) as caught:
        desk.run(subscribe(desk.site, TYPE))
    assert caught.value.code == "1390002"


def test_nothing_comes_before_the_definition_is_subscribed(desk: Desk, receiver: Receiver) -> None:
    listen(desk, receiver)
    desk.submit()
    desk.sandbox.settle()
    assert receiver.events == []


@pytest.mark.parametrize(
    ("generation", "whole", "task"),
    [
        (1, "approval_instance", "approval_task"),
        (2, "approval.instance.status_changed_v4", "approval.task.status_changed_v4"),
    ],
)
def test_the_events_of_an_approval_and_its_revocation(
    desk: Desk, receiver: Receiver, generation: int, whole: str, task: str
) -> None:
    desk.run(subscribe(desk.site, TYPE))
    listen(desk, receiver, generation=generation)
    ref = desk.submit()
    desk.decide(ref, "transfer", user="boss", to_user="deputy")
    desk.decide(ref, "approve", user="deputy")
    desk.sandbox.settle()
    assert receiver.told() == [
        (whole, "PENDING"),
        (task, "PENDING"),
        (task, "TRANSFERRED"),
        (task, "PENDING"),
        (task, "APPROVED"),
        (whole, "APPROVED"),
    ]
    assert {event.internal_id for event in receiver.events} == {ref.internal_id}
    assert len({event.id for event in receiver.events}) == 6
    (revocation,) = desk.decide(ref, "revoke")
    desk.decide(desk.ref(revocation), "approve")
    desk.sandbox.settle()
    last = receiver.events[-1]
    assert last.detail["status"] == "REVERTED" and last.internal_id == ref.internal_id


def test_what_is_not_answered_comes_again_and_the_rest_waits_for_it(desk: Desk, receiver: Receiver) -> None:
    desk.run(subscribe(desk.site, TYPE))
    listen(desk, receiver)
    receiver.status = 500
    desk.submit()
    desk.sandbox.settle()
    assert [kind for kind, _ in receiver.told()] == ["approval_instance"]
    desk.sandbox.advance(16)
    assert [kind for kind, _ in receiver.told()] == ["approval_instance"] * 2
    assert len({event.id for event in receiver.events}) == 1
    receiver.status = 200
    desk.sandbox.advance(301)
    assert [kind for kind, _ in receiver.told()] == ["approval_instance"] * 3 + ["approval_task"]


def test_faults_reach_events_too(desk: Desk, receiver: Receiver) -> None:
    desk.run(subscribe(desk.site, TYPE))
    listen(desk, receiver)
    desk.sandbox.fault(FaultRule("drop_event", method="EVENT", path="approval_instance"))
    desk.submit()
    desk.sandbox.settle()
    assert [kind for kind, _ in receiver.told()] == ["approval_task"]
    desk.sandbox.clear_faults()
    receiver.events.clear()
    desk.sandbox.fault(FaultRule("reorder_event", method="EVENT", path="approval_instance"))
    desk.submit()
    desk.sandbox.settle()
    assert [kind for kind, _ in receiver.told()] == ["approval_task", "approval_instance"]
    desk.sandbox.fault(FaultRule("duplicate_event", method="EVENT", path="approval_instance"))
    receiver.events.clear()
    desk.submit()
    desk.sandbox.settle()
    assert [kind for kind, _ in receiver.told()] == ["approval_instance"] * 2 + ["approval_task"]
