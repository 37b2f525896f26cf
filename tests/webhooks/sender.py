"""A system of the tests that signs its events, and what stands around the address."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Answer, Delivery, Event, Opened, WebhookProfile
from tests.waiting import oa as oas

SECRET = "agreed-with-the-oa"
NOW = 1_700_000_000.0
FIELDS: Mapping[str, Any] = {
    "webhook_secret": {"label": "Secret", "schema": {"type": ["string", "null"], "format": "password"}}
}


class Clock:
    """The moment of signatures and of what is remembered; only tests move it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


class Sender:
    """Signs deliveries as the OA does, and can hold up whoever opens them.

    :ivar opened: how many deliveries were opened.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock, self.opened = clock, 0
        self.may_open = threading.Event()
        self.may_open.set()

    def delivery(self, *events: Mapping[str, Any], secret: str = SECRET, **more: Any) -> dict[str, Any]:
        """A signed request, as an HTTP client takes it."""
        body = json.dumps({"events": events}, ensure_ascii=False).encode()
        stamp = str(int(more.get("at", self.clock.now)))
        query = {"stamp": stamp, "nonce": more.get("nonce", "n-1")}
        signature = signature_of(secret, stamp, query["nonce"], body)
        return {"params": query, "content": body, "headers": {"X-OA-Signature": signature}}

    def open(self, site: Site, delivery: Delivery, now: float) -> Opened:
        """Verify and read a delivery."""
        self.opened += 1
        stamp, nonce = delivery.query["stamp"], delivery.query["nonce"]
        given = delivery.headers.get("x-oa-signature", "")
        expected = signature_of(str(site.required("webhook_secret")), stamp, nonce, delivery.body)
        if not hmac.compare_digest(expected.encode(), given.encode()):
            raise exc.Authentication(f"the signature {given} is not by {site.required('webhook_secret')}")
        self.may_open.wait()
        if delivery.method == "GET":
            return Opened(events=(), answer=Answer(body=nonce.encode()))
        events = json.loads(delivery.body)["events"]
        return Opened(
            events=tuple(_event(site, event) for event in events),
            answer=Answer(body=b'{"code": 0}', content_type="application/json"),
            signed_at=float(stamp),
            replay_key=given,
        )

    def profile(self, **values: Any) -> SystemProfile:
        """The OA of the tests, which now sends events."""
        hook = WebhookProfile(open=self.open, needs=("webhook_secret",), answer_seconds=5.0)
        return replace(oas.profile(), conn_fields=FIELDS, webhook=replace(hook, **values))


def _event(site: Site, event: Mapping[str, Any]) -> Event:
    if "number" not in event:
        raise exc.InvalidDocument("an event names no form.", field="number")
    return Event(
        id=event["id"],
        kind="decided",
        document_type=oas.TYPE,
        number=event["number"],
        detail={"by": event.get("by", "boss"), "token": SECRET},
    )


def signature_of(secret: str, stamp: str, nonce: str, body: bytes) -> str:
    """Return what the OA puts into its header."""
    return hmac.new(secret.encode(), f"{stamp}{nonce}".encode() + body, hashlib.sha256).hexdigest()


def decided(number: str = "PR-1", event_id: str = "e-1", **more: Any) -> dict[str, Any]:
    """An event of the OA."""
    return {"id": event_id, "number": number, **more}
