"""What every product that sends events must bear: strangers, who send anything to its address."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from airflow_provider_docflow import systems
from airflow_provider_docflow.core.profile import SystemProfile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Delivery, WebhookProfile
from airflow_provider_docflow.exceptions import Authentication, InvalidDocument
from airflow_provider_docflow.ledger.deliveries import REMEMBERED
from tests.webhooks.sender import NOW

SENDING = [name for name in systems.names() if systems.profile_of(name).webhook is not None]
KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
BLOCKS = base64.b64encode(b"\0" * 64).decode()
LAUGHS = b'<!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;">]><xml><Encrypt>&b;</Encrypt></xml>'
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "no object": b"[]",
    "null": b"null",
    "plain": b'{"type": "url_verification", "challenge": "c", "token": "t", "EventType": "check_url"}',
    "not encrypted": b'{"encrypt": null, "signature": 1, "timestamp": 2, "nonce": 3}',
    "encrypted by another": json.dumps(
        {"encrypt": BLOCKS, "signature": "0" * 40, "timestamp": str(int(NOW)), "nonce": "n"}
    ).encode(),
    "no base64": b'{"encrypt": "\xe4\xb8\xad"}',
    "half a sign": b'{"encrypt": "\\ud800", "signature": "\\ud800", "timestamp": "1", "nonce": "\\ud800"}',
    "a long number": b'{"encrypt": "%s", "signature": "x", "timestamp": "%s", "nonce": "n"}'
    % (BLOCKS.encode(), b"9" * 5_000),
    "xml": b"<xml><Encrypt>%s</Encrypt></xml>" % BLOCKS.encode(),
    "entities": LAUGHS,
    "deep xml": b"<a>" * 50_000,
}
QUERIES: dict[str, dict[str, str]] = {
    "none": {},
    "some": {"signature": "0" * 40, "msg_signature": "0" * 40, "timestamp": str(int(NOW)), "nonce": "n"},
    "strange": {"msg_signature": "签名", "timestamp": "1e999", "nonce": "\ud800", "echostr": BLOCKS},
    "stranger": {"msg_signature": "0", "timestamp": "9" * 5_000, "nonce": "", "echostr": "中"},
}


def webhook_of(name: str) -> tuple[SystemProfile, WebhookProfile]:
    profile = systems.profile_of(name)
    assert profile.webhook is not None
    return profile, profile.webhook


def site_of(name: str) -> Site:
    profile, _ = webhook_of(name)
    filled: dict[str, Any] = {
        field: KEY
        for field, declared in profile.conn_fields.items()
        if "string" in declared.get("schema", {}).get("type", ()) and not declared["schema"].get("default")
    }
    settings = {**filled, "forms": "{}", "time_zone": "UTC"}
    return Site(
        profile=profile, conn_id="oa", username="app", password="secret-0123456789", settings=settings
    )


def test_the_products_of_the_inbox() -> None:
    assert {"dingtalk"} <= set(SENDING)


@pytest.mark.parametrize("name", SENDING)
def test_what_is_declared_can_be_kept(name: str) -> None:
    profile, webhook = webhook_of(name)
    assert set(webhook.needs) <= set(profile.conn_fields)
    assert 0 < webhook.answer_seconds <= 60
    assert webhook.fresh_seconds <= REMEMBERED / timedelta(seconds=2), (
        "older ones could not be told from repeats"
    )
    assert webhook.docs_url.startswith("https://")


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("name", SENDING)
def test_strangers_are_refused(name: str, query: str, method: str) -> None:
    site, (_, webhook) = site_of(name), webhook_of(name)
    signed = {"x-lark-signature": "0" * 64, "x-lark-request-timestamp": "nan", "x-lark-request-nonce": "n"}
    for told, body in BODIES.items():
        for headers in ({}, signed):
            delivery = Delivery(method=method, query=QUERIES[query], headers=headers, body=body)
            try:
                opened = webhook.open(site, delivery, NOW)
            except (Authentication, InvalidDocument):
                continue
            except UnicodeEncodeError:
                # Half a sign is text to Python and to nobody else; the receiver refuses it like all others.
                assert told == "half a sign" or query == "strange"
                continue
            pytest.fail(f"{told}: {opened}")
