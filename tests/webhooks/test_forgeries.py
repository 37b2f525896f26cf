"""What products' events are forged with: empty secrets, other tenants, bombs, and deliveries turned round."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.lark_crypto import LarkCipher, check_lark_signature, lark_signature
from airflow_provider_docflow.core.webhooks import Delivery
from airflow_provider_docflow.core.wechat_crypto import WechatCrypto
from airflow_provider_docflow.webhooks.receiver import hook_of
from tests.systems.dingtalk import test_events as dingtalk
from tests.systems.feishu import test_events as feishu
from tests.systems.wecom import test_events as wecom
from tests.systems.yonbip import test_events as yonbip
from tests.webhooks.sender import NOW
from tests.webhooks.test_profiles import KEY, QUERIES, SENDING, site_of, webhook_of

BOMBS: dict[str, bytes] = {
    "deep lists": b"[" * 200_000,
    "deep objects": b'{"encrypt":' * 20_000,
    "a huge number": b'{"encrypt": ' + b"9" * 200_000 + b"}",
    "no number": b'{"encrypt": NaN, "timestamp": Infinity}',
    "twice": b'{"encrypt": "QUFB", "encrypt": ["QUFB"]}',
    "a mark in front": b'\xef\xbb\xbf{"encrypt": "QUFB"}',
    "wide": '{"encrypt": "QUFB"}'.encode("utf-16"),
    "many entities": b"<!DOCTYPE x [" + b'<!ENTITY a "a">' * 5_000 + b"]><x><Encrypt>&a;</Encrypt></x>",
    "a foreign entity": b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x><Encrypt>&a;</Encrypt></x>',
    "a foreign document type": b'<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd"><x><Encrypt>QUFB</Encrypt></x>',
    "many attributes": b"<x " + b" ".join(b'a%d="1"' % number for number in range(10_000)) + b"/>",
    "another encoding": '<?xml version="1.0" encoding="utf-16"?><x><Encrypt>QUFB</Encrypt></x>'.encode(
        "utf-16"
    ),
    "twice in xml": b"<x><Encrypt>QUFB</Encrypt><Encrypt>QUFB</Encrypt></x>",
}


@pytest.mark.parametrize("told", BOMBS)
@pytest.mark.parametrize("name", SENDING)
def test_a_bomb_opens_nothing(name: str, told: str) -> None:
    site, (_, webhook) = site_of(name), webhook_of(name)
    for method in ("POST", "GET", "HEAD"):
        delivery = Delivery(method=method, query=QUERIES["some"], body=BOMBS[told])
        with suppress(Exception):
            pytest.fail(f"{webhook.open(site, delivery, NOW)}")


@pytest.mark.parametrize("empty", ["", " ", "\t", None])
@pytest.mark.parametrize("name", SENDING)
def test_nothing_is_verified_without_each_secret(name: str, empty: str | None) -> None:
    site = site_of(name)
    _, webhook = webhook_of(name)
    assert hook_of(site) == webhook
    for field in webhook.needs:
        with pytest.raises(exc.Misconfigured):
            hook_of(replace(site, settings={**site.settings, field: empty}))


@pytest.mark.parametrize("empty", ["", " ", "\t"])
def test_nothing_is_verified_with_a_key_that_everybody_knows(empty: str) -> None:
    with pytest.raises(exc.Misconfigured):
        WechatCrypto(empty, KEY, "corp")
    with pytest.raises(exc.Misconfigured):
        WechatCrypto("token", KEY, empty)
    with pytest.raises(exc.Misconfigured):
        LarkCipher(empty)
    with pytest.raises(exc.Misconfigured):
        check_lark_signature(lark_signature("1", "n", empty, b"{}"), "1", "n", empty, b"{}")
    with pytest.raises(exc.Misconfigured):
        at = replace(yonbip.site(), password=empty)
        webhook_of("yonbip")[1].open(at, Delivery(method="POST", body=b"{}"), NOW)


def test_an_event_is_not_given_back_as_an_echo() -> None:
    sealed = WechatCrypto(wecom.TOKEN, wecom.AES_KEY, wecom.CORP).encrypt(
        wecom.event(), timestamp="1700000000", nonce="n1"
    )
    query = {
        "msg_signature": sealed.signature,
        "timestamp": sealed.timestamp,
        "nonce": sealed.nonce,
        "echostr": sealed.encrypt,
    }
    with pytest.raises(exc.InvalidDocument) as refused:
        wecom.opened(Delivery(method="GET", query=query))
    assert "zhang.san" not in str(refused.value)


def test_a_suite_serves_many_corporations_and_one_is_ours() -> None:
    at = wecom.site(callback_receive_id="suite-1")
    assert wecom.opened(wecom.delivery(wecom.event(), receiver="suite-1"), at).events
    foreign = wecom.event().replace(wecom.CORP, "ww-another")
    with pytest.raises(exc.Authentication):
        wecom.opened(wecom.delivery(foreign, receiver="suite-1"), at)


def test_an_event_of_a_suite_says_whose_it_is() -> None:
    at = dingtalk.site(callback_receive_id="suite-1")
    assert dingtalk.opened(at=at, receiver="suite-1").events
    silent = {name: value for name, value in dingtalk.EVENT.items() if name.lower() != "corpid"}
    with pytest.raises(exc.Authentication):
        dingtalk.opened(silent, at, receiver="suite-1")
    assert dingtalk.opened({"EventType": "check_url"}, at, receiver="suite-1").events == ()


def test_an_event_for_nobody_is_not_ours() -> None:
    """A connection without an app key does not take what names no receiver."""
    at = replace(dingtalk.site(), username="")
    assert dingtalk.opened(at=at).events
    crypto = WechatCrypto(dingtalk.TOKEN, dingtalk.KEY, "x")
    crypto._receive_id = ""
    sealed = crypto.encrypt(json.dumps(dingtalk.EVENT), timestamp="1700000000000", nonce="n")
    query = {"signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
    body = json.dumps({"encrypt": sealed.encrypt}).encode()
    with pytest.raises(exc.Authentication):
        dingtalk.WEBHOOK.open(at, Delivery(method="POST", query=query, body=body), NOW)


@pytest.mark.parametrize("changed", [lambda body: body, lambda body: {**body, "token": "another"}])
def test_an_unsigned_event_is_none_however_it_is_encrypted(changed: Callable[[Any], Any]) -> None:
    for body in (feishu.V1, {**feishu.V1, "type": "URL_VERIFICATION"}):
        with pytest.raises(exc.Authentication):
            feishu.opened(changed(body), signed=False)


def test_an_event_that_is_not_encrypted_is_none_even_if_it_is_signed() -> None:
    body = json.dumps(feishu.V1).encode()
    names = ("x-lark-request-timestamp", "x-lark-request-nonce", "x-lark-signature")
    values = ("1700000000", "n", lark_signature("1700000000", "n", feishu.ENCRYPT_KEY, body))
    heads = dict(zip(names, values, strict=True))
    with pytest.raises(exc.Authentication):
        feishu.open_delivery(feishu.site(), Delivery(method="POST", headers=heads, body=body), NOW)
