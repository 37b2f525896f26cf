"""Deliveries of the open platform: the published vector, both signatures, forgeries, and what they tell."""

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
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Delivery, Opened
from airflow_provider_docflow.core.yonyou_crypto import aes_key, decrypt, delivery_signatures, encrypt
from airflow_provider_docflow.sandbox import FaultRule
from airflow_provider_docflow.sandbox.yonbip.events import sealed
from airflow_provider_docflow.systems.yonbip import PROFILE
from airflow_provider_docflow.systems.yonbip.events import WEBHOOK
from tests.systems.yonbip.conftest import Desk, purchase, sale

SECRET, KEY, TENANT = "8a0f1b7c-2d3e-4f50-9a6b-1c2d3e4f5a6b", "testappkey001", "tenant-1"
ENCRYPTED = (
    "qInZWWiFQIq85F4VPLGCJyPwU/C+kpkUKdioPMCp6dikJZx9AzIuPVBPi0yOO14f+Sb5rfvXdToKaaKi1oALArJlkGqt35i1uhD7hgD+"
    "081T4t53+lecf2EVnhBJCgRe"
)
SHA256 = "e3a2f3c4eaa1b1680387f53df69d48877865ab912956999cbddeb6342bcacd3c"
SHA1 = "9a27e95540bdea7c5aae59180250576bbfe23075"
STAMP, NONCE, NOW = "1700000000000", "nonce123", 1_700_000_000.0
CHECK = {"type": "CHECK_URL", "eventId": "e-1"}
ORDER = "1998455756270600260"


def site(**more: Any) -> Site:
    known = Site(
        profile=PROFILE, conn_id="yonbip", username=KEY, password=SECRET, settings={"tenant_id": TENANT}
    )
    return replace(known, **more)


def envelope(body: Any, *, sha1: bool = False, secret: str = SECRET, key: str = KEY) -> dict[str, str]:
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return sealed(secret, key, text, timestamp=STAMP, nonce=NONCE, filler=b"0123456789abcdef", sha1=sha1)


def delivered(envelope: Any) -> Opened:
    body = envelope if isinstance(envelope, bytes) else json.dumps(envelope).encode()
    return WEBHOOK.open(site(), Delivery(method="POST", body=body), NOW)


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "eventId": "e-2", "timestamp": int(STAMP), "tenantId": TENANT, **more}


def test_the_published_vector() -> None:
    assert aes_key(SECRET) == aes_key("8a0f1b7c2d3e4f509a6b1c2d3e4f5a6b00000000000")
    text = '{"type":"CHECK_URL","eventId":"e-1"}'
    assert encrypt(SECRET, KEY, text, b"0123456789abcdef") == ENCRYPTED
    assert decrypt(SECRET, KEY, ENCRYPTED) == text
    assert delivery_signatures(SECRET, STAMP, NONCE, ENCRYPTED) == (SHA256, SHA1)


@pytest.mark.parametrize("signed", [{"signature": SHA256}, {"signature": SHA1}, {"msgSignature": SHA1}])
def test_a_check_of_the_address_is_answered_and_tells_nothing(signed: dict[str, str]) -> None:
    found = delivered({**signed, "timestamp": STAMP, "nonce": NONCE, "encrypt": ENCRYPTED})
    assert found.events == ()
    assert (found.answer.status, found.answer.body) == (200, b"success")
    assert found.answer.content_type.startswith("text/plain")
    assert found.signed_at == NOW


@pytest.mark.parametrize(
    ("content", "number"),
    [
        ({"content": json.dumps({"archive": {"id": ORDER, "code": "CG1"}})}, "CG1"),
        ({"content": {"archive": json.dumps([{"id": int(ORDER), "code": "CG1"}])}}, "CG1"),
        ({"data": {"id": ORDER}}, ""),
        ({"archive": {"id": ORDER, "code": "CG1"}}, "CG1"),
    ],
)
def test_an_event_of_a_purchase_order_names_it_wherever_it_stands(
    content: dict[str, Any], number: str
) -> None:
    (told,) = delivered(envelope(event("st_purchaseorder_audit", **content))).events
    assert (told.id, told.kind) == ("e-2", "st_purchaseorder_audit")
    assert (told.document_type, told.internal_id, told.number) == ("purchase_order", ORDER, number)
    assert told.happened_at == datetime.fromtimestamp(NOW, UTC)


def test_an_event_of_a_sales_order_names_it() -> None:
    content = json.dumps({"BILL_INFO": {"billId": int(ORDER), "billCode": "UO1"}})
    (told,) = delivered(envelope(event("SALE_AUDITORDER_NOTIFY_SENT", content=content))).events
    assert (told.document_type, told.internal_id, told.number) == ("sales_order", ORDER, "UO1")


@pytest.mark.parametrize("kind", ["TODO_CENTER_ADD_TODO", "st_purchaseorder_close"])
def test_an_event_without_an_order_is_still_told(kind: str) -> None:
    (told,) = delivered(envelope(event(kind, content="text", timestamp="soon"))).events
    assert (told.internal_id, told.happened_at) == ("", None)


def test_an_event_without_an_id_gets_one_of_its_own() -> None:
    body = {"type": "st_purchaseorder_save", "archive": {"id": ORDER}}
    first, again = (delivered(envelope(body)).events[0] for _ in range(2))
    other = delivered(envelope({**body, "archive": {"id": "1"}})).events[0]
    assert first.id == again.id != other.id


@pytest.mark.parametrize("name", ["signature", "timestamp", "nonce", "encrypt"])
def test_whatever_is_changed_or_missing_is_no_delivery(name: str) -> None:
    good = envelope(CHECK)
    for bad in ({**good, name: good[name][:-1] + "0x"}, {**good, name: ""}, {**good, name: None}):
        with pytest.raises(exc.Authentication):
            delivered(bad)


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'"x"', "非法".encode("gbk")])
def test_what_is_no_delivery_at_all_is_refused(body: bytes) -> None:
    with pytest.raises((exc.Authentication, exc.InvalidDocument)):
        delivered(body)


def test_another_applications_delivery_is_refused() -> None:
    for foreign in (envelope(CHECK, secret="other-secret"), envelope(CHECK, key="otherkey")):
        with pytest.raises(exc.Authentication):
            delivered(foreign)


def test_another_tenants_event_is_refused() -> None:
    with pytest.raises(exc.Authentication, match="another tenant"):
        delivered(envelope(event("st_purchaseorder_save", tenantId="tenant-2")))


@pytest.mark.parametrize("missing", ["username", "password"])
def test_without_keys_nothing_is_verified(missing: str) -> None:
    body = json.dumps(envelope(CHECK, secret="")).encode()
    with pytest.raises(exc.Misconfigured):
        WEBHOOK.open(site(**{missing: ""}), Delivery(method="POST", body=body), NOW)


@pytest.mark.parametrize("body", ["[]", "no json", '{"eventId":"e-3"}'])
def test_an_event_that_says_nothing_is_the_platforms_and_not_understood(body: str) -> None:
    with pytest.raises(exc.InvalidDocument):
        delivered(envelope(body))


class Listener:
    """An address that takes deliveries."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.answer = b"success"
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                listener.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(listener.answer)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def opened(self, at: Site) -> list[Opened]:
        return [WEBHOOK.open(at, Delivery(method="POST", body=body), NOW) for body in self.bodies]


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.server.shutdown()
    found.server.server_close()


@pytest.mark.parametrize("sha1", [False, True])
def test_what_the_stand_in_delivers_is_opened(desk: Desk, listener: Listener, *, sha1: bool) -> None:
    registered = desk.sandbox.call("POST", "yonbip/callback", {"url": listener.url, "sha1": sha1})
    assert registered == {"registered": True}
    bought, sold = desk.create(purchase()), desk.create(sale(), mark="M2")
    desk.act("audit", bought)
    desk.act("submit", sold)
    desk.sandbox.settle()
    events = [event for found in listener.opened(desk.site) for event in found.events]
    assert [(each.kind, each.internal_id) for each in events] == [
        ("st_purchaseorder_save", bought.internal_id),
        ("SALE_SAVEORDER_NOTIFY_SENT", sold.internal_id),
        ("st_purchaseorder_audit", bought.internal_id),
        ("SALE_SUBMITORDER_NOTIFY_SENT", sold.internal_id),
    ]


def test_what_is_not_answered_comes_again_with_the_same_id(desk: Desk, listener: Listener) -> None:
    desk.sandbox.freeze()
    desk.sandbox.call("POST", "yonbip/callback", {"url": listener.url})
    listener.answer = b"busy"
    desk.create()
    desk.sandbox.settle()
    for seconds in (60, 300, 3_600):
        desk.sandbox.advance(seconds)
        desk.sandbox.settle()
    names = {event.id for found in listener.opened(desk.site) for event in found.events}
    assert len(names) == 1
    assert len(listener.bodies) == 1 + 4
    assert len({json.loads(body)["encrypt"] for body in listener.bodies}) == 5


def test_events_may_come_twice_or_never(desk: Desk, listener: Listener) -> None:
    desk.sandbox.call("POST", "yonbip/callback", {"url": listener.url})
    desk.sandbox.fault(FaultRule("duplicate_event", method="EVENT", path="st_purchaseorder_save"))
    desk.sandbox.fault(FaultRule("drop_event", method="EVENT", path="st_purchaseorder_audit"))
    desk.act("audit", desk.create())
    desk.sandbox.settle()
    kinds = [event.kind for found in listener.opened(desk.site) for event in found.events]
    assert kinds == ["st_purchaseorder_save"] * 2


def test_an_address_that_does_not_answer_is_not_registered(desk: Desk, listener: Listener) -> None:
    listener.answer = b"no"
    answer = desk.sandbox.call("POST", "yonbip/callback", {"url": listener.url})
    assert answer == {"registered": False}
