from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.redact import is_secret_name
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Delivery, Opened
from airflow_provider_docflow.core.wechat_crypto import Envelope, WechatCrypto
from airflow_provider_docflow.systems.dingtalk import PROFILE
from airflow_provider_docflow.systems.dingtalk.events import WEBHOOK
from tests.systems.dingtalk.conftest import CORP, TYPE, Desk

TOKEN, KEY = "tok123", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
NOW = 1_700_000_000.0
EVENT = {
    "EventType": "bpms_instance_change",
    "type": "finish",
    "result": "agree",
    "processInstanceId": "inst-1",
    "processCode": "PROC-1",
    "corpId": CORP,
    "staffId": "zhang.san",
    "title": "张三提交的采购申请",
    "createTime": 1_699_999_000_000,
    "finishTime": 1_700_000_000_000,
}


def site(**more: Any) -> Site:
    settings = {
        "corp_id": CORP,
        "forms": json.dumps({TYPE: {"process_code": "PROC-1"}}),
        "callback_token": TOKEN,
        "callback_aes_key": KEY,
        **more,
    }
    return Site(profile=PROFILE, conn_id="oa", username="dingsandbox", settings=settings)


def sealed(body: Any, *, receiver: str = CORP, token: str = TOKEN, key: str = KEY, **query: str) -> Delivery:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    found = WechatCrypto(token, key, receiver).encrypt(text, timestamp="1700000000000", nonce="abcdef12")
    given = {"msg_signature": found.signature, "timestamp": found.timestamp, "nonce": found.nonce, **query}
    return Delivery(method="POST", query=given, body=json.dumps({"encrypt": found.encrypt}).encode())


def opened(body: Any = EVENT, at: Site | None = None, **more: Any) -> Opened:
    return WEBHOOK.open(at or site(), sealed(body, **more), NOW)


def answered(found: Opened, receiver: str = CORP) -> str:
    body = json.loads(found.answer.body)
    assert set(body) == {"msg_signature", "encrypt", "timeStamp", "nonce"}
    envelope = Envelope(body["encrypt"], body["msg_signature"], body["timeStamp"], body["nonce"])
    return WechatCrypto(TOKEN, KEY, receiver).decrypt(envelope)


def test_an_event_says_which_document_to_look_at() -> None:
    found = opened()
    (event,) = found.events
    assert (event.kind, event.document_type, event.internal_id) == ("bpms_instance_change", TYPE, "inst-1")
    assert event.happened_at is not None
    assert event.happened_at.timestamp() == NOW
    assert event.detail == {
        "type": "finish",
        "result": "agree",
        "staffId": "zhang.san",
        "processCode": "PROC-1",
    }
    assert "张三" not in repr(event)
    assert (found.signed_at, len(found.replay_key)) == (NOW, 40)
    assert (answered(found), found.answer.status) == ("success", 200)


def test_the_published_vector_is_answered_in_its_own_form() -> None:
    """What other people's published client has decrypted: the word ``success`` to this receiver."""
    encrypt = "Q3stYC6hdFzMh9T8HCvyDPAbTGLFm5iluwoG/I4nbG2JmvR80tMdk1AG7jOlJ3istF2dPy9UrCWCGn/qeKijgA=="
    query = {
        "signature": "1cf21f6dae34dd589a06e6bc4431e8c4245077d1",
        "timestamp": "1700000000000",
        "nonce": "abcdef12",
    }
    delivery = Delivery(method="POST", query=query, body=json.dumps({"encrypt": encrypt}).encode())
    with pytest.raises(exc.InvalidDocument, match="says nothing"):
        WEBHOOK.open(site(callback_receive_id="suiteKeyOrCorpId"), delivery, NOW)
    with pytest.raises(exc.Authentication, match="another receiver"):
        WEBHOOK.open(site(), delivery, NOW)


@pytest.mark.parametrize("receiver", [CORP, "dingsandbox"])
def test_corporation_and_application_are_both_receivers_of_this_connection(receiver: str) -> None:
    assert answered(opened(receiver=receiver), receiver) == "success"


def test_a_named_receiver_is_the_only_one() -> None:
    at = site(callback_receive_id="suite-1")
    assert answered(opened(at=at, receiver="suite-1"), "suite-1") == "success"
    with pytest.raises(exc.Authentication) as caught:
        opened(at=at, receiver=CORP)
    assert (caught.value.field, caught.value.system) == ("receive_id", "oa")


@pytest.mark.parametrize("kind", ["check_url", "check_create_suite_url", "user_add_org"])
def test_a_probe_of_the_address_and_what_is_of_no_document_leave_no_event(kind: str) -> None:
    found = opened({"EventType": kind})
    assert found.events == ()
    assert answered(found) == "success"


def test_a_form_that_is_not_of_this_connection_has_no_type() -> None:
    (event,) = opened({**EVENT, "processCode": "PROC-9"}).events
    assert (event.document_type, event.internal_id) == ("", "inst-1")


def test_an_event_is_the_same_however_often_it_is_delivered() -> None:
    (one,), (again,), (other,) = (
        opened(body).events for body in (EVENT, EVENT, {**EVENT, "result": "refuse"})
    )
    assert one.id == again.id != other.id
    (named,) = opened({**EVENT, "eventId": "e-1"}).events
    assert named.id == "e-1"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"token": "other"}, "msg_signature"),
        ({"key": KEY[::-1]}, "encrypt"),
        ({"receiver": "somebody"}, "receive_id"),
        ({"timestamp": "1700000000001"}, "msg_signature"),
        ({"timestamp": "now"}, "signature"),
        ({"msg_signature": ""}, "signature"),
        ({"body": {**EVENT, "corpId": "dingother"}}, "corp_id"),
    ],
)
def test_what_is_not_from_here_is_refused(more: dict[str, Any], field: str) -> None:
    with pytest.raises(exc.Authentication) as caught:
        opened(more.pop("body", EVENT), **more)
    assert caught.value.field == field
    assert caught.value.system in ("oa", "")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"encrypt": 1}', b"<html>"])
def test_rubbish_is_refused_before_it_is_decrypted(body: bytes) -> None:
    with pytest.raises(exc.Authentication, match="no delivery"):
        WEBHOOK.open(site(), replace(sealed(EVENT), body=body), NOW)


@pytest.mark.parametrize("body", ["[]", "no json", "{}", {"EventType": "bpms_task_change"}])
def test_a_delivery_that_cannot_be_understood_says_so(body: Any) -> None:
    with pytest.raises(exc.InvalidDocument):
        opened(body)


def test_a_connection_without_secrets_verifies_nothing() -> None:
    for name in ("callback_token", "callback_aes_key", "corp_id"):
        assert name in WEBHOOK.needs
        with pytest.raises(exc.Misconfigured) as caught:
            opened(at=site(**{name: ""}))
        assert caught.value.field == name


def test_the_secrets_of_the_callback_are_secrets() -> None:
    assert PROFILE.webhook is WEBHOOK
    for name in ("callback_token", "callback_aes_key"):
        assert is_secret_name(name)
        assert PROFILE.conn_fields[name]["schema"]["format"] == "password"


class Listener:
    """An address for the stand-in's real deliveries, which opens them as this connection."""

    def __init__(self, at: Site) -> None:
        self.events: list[Any] = []
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                query = dict(parse_qsl(urlsplit(self.path).query))
                found = WEBHOOK.open(at, Delivery(method="POST", query=query, body=body), NOW)
                listener.events.extend(found.events)
                self.send_response(found.answer.status)
                self.send_header("content-length", str(len(found.answer.body)))
                self.end_headers()
                self.wfile.write(found.answer.body)

            def log_message(self, *_: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def listener(desk: Desk) -> Iterator[Listener]:
    at = desk.connect(callback_token=TOKEN, callback_aes_key=KEY)
    server = Listener(at)
    desk.sandbox.call("POST", "dingtalk/callback", {"url": server.url, "token": TOKEN, "aes_key": KEY})
    yield server
    server.close()


@pytest.mark.parametrize("desk", ["sync"], indirect=True)
def test_the_stand_ins_deliveries_are_opened_and_count_as_delivered(desk: Desk, listener: Listener) -> None:
    (ref,) = desk.submit()
    desk.sandbox.decide(ref.internal_id, "agree")
    revoke = desk.sandbox.attach(ref.internal_id, "REVOKE")
    desk.sandbox.settle()
    told = [(one.kind, one.internal_id, one.document_type, one.detail["type"]) for one in listener.events]
    assert ("bpms_instance_change", ref.internal_id, TYPE, "finish") in told
    assert ("bpms_instance_change", revoke, TYPE, "start") in told
    assert len({one.id for one in listener.events}) == len(listener.events) == 6
    states = {event["state"] for event in desk.sandbox.call("GET", "dingtalk/events")["events"]}
    assert states == {"delivered"}
    # The event names the attached instance; reading that leads to the document.
    assert desk.reading(desk.ref(revoke)).ref.internal_id == ref.internal_id
