"""Events: opened, checked, answered; nothing that is not WeCom's gets in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Delivery, Opened
from airflow_provider_docflow.core.wechat_crypto import Envelope, WechatCrypto
from airflow_provider_docflow.systems.wecom import PROFILE, markup
from tests.systems.wecom.conftest import AES_KEY, CORP, TOKEN, TYPE

NOW = 1_700_000_000.0
W1_ENCRYPT = (
    "Q3stYC6hdFzMh9T8HCvyDAnyMNo1sTE9LL/wwnGf4RtodXV4NPbiV0WcvAei7RfbzDQKqldRZqc/3N11O+r0wWYnl6s+BSWNTUtRCfATrY"
    "hY0CMIf2IYfT73HzPxJu211IRK7lgN4yExneh72vBxalFq/NdRtmeWdt8FDWswdf8cuVu2y/WjEpQc5dAKR3u/q29xqmPMA4B8QXWCXrEI"
    "pg=="
)
W1_MESSAGE = (
    "<xml><ToUserName><![CDATA[ww1]]></ToUserName><Event><![CDATA[sys_approval_change]]></Event></xml>"
)
W1_SIGNATURE = "d5168a667664874d5679ea206bad8617b9bedbb7"
INFO = (
    "<SpNo>202601010001</SpNo><SpName><![CDATA[采购]]></SpName><SpStatus>1</SpStatus>"
    "<TemplateId><![CDATA[T-1]]></TemplateId><ApplyTime>1700000000</ApplyTime>"
    "<Applyer><UserId><![CDATA[zhang.san]]></UserId><Party><![CDATA[1]]></Party></Applyer>"
    "<SpRecord><SpStatus>1</SpStatus><ApproverAttr>1</ApproverAttr>"
    "<Details><Approver><UserId>boss</UserId></Approver><SpStatus>1</SpStatus><SpTime>0</SpTime></Details>"
    "<Details><Approver><UserId>cfo</UserId></Approver><SpStatus>1</SpStatus><SpTime>0</SpTime></Details>"
    "</SpRecord><StatuChangeEvent>{change}</StatuChangeEvent>"
)


def site(**settings: Any) -> Site:
    given = {
        "callback_token": TOKEN,
        "callback_aes_key": AES_KEY,
        "forms": {TYPE: {"template_id": "T-1"}},
        **settings,
    }
    return Site(profile=PROFILE, conn_id="oa", username=CORP, password="x", settings=given, instance=CORP)


def event(kind: str = "sys_approval_change", info: str = "", change: int = 2, at: int = 1_700_000_001) -> str:
    inner = (info or INFO).format(change=change)
    return (
        f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><FromUserName><![CDATA[sys]]></FromUserName>"
        f"<CreateTime>{at}</CreateTime><MsgType><![CDATA[event]]></MsgType><Event><![CDATA[{kind}]]></Event>"
        f"<AgentID>3010040</AgentID><ApprovalInfo>{inner}</ApprovalInfo></xml>"
    )


def delivery(text: str, receiver: str = CORP, token: str = TOKEN, **query: str) -> Delivery:
    sealed = WechatCrypto(token, AES_KEY, receiver).encrypt(text, timestamp="1700000000", nonce="abcdef12")
    return posted(sealed, **query)


def posted(sealed: Envelope, **query: str) -> Delivery:
    given = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce, **query}
    body = (
        f"<xml><ToUserName><![CDATA[{CORP}]]></ToUserName><AgentID><![CDATA[3010040]]></AgentID>"
        f"<Encrypt><![CDATA[{sealed.encrypt}]]></Encrypt></xml>"
    )
    return Delivery(method="POST", query=given, body=body.encode())


def opened(given: Delivery, at: Site | None = None) -> Opened:
    assert PROFILE.webhook is not None
    return PROFILE.webhook.open(at or site(), given, NOW)


def test_vector_w1() -> None:
    crypto = WechatCrypto("tok123", AES_KEY, "ww1234567890abcdef")
    sealed = crypto.encrypt(
        W1_MESSAGE, timestamp="1700000000", nonce="abcdef12", random_bytes=b"0123456789abcdef"
    )
    assert (sealed.encrypt, sealed.signature) == (W1_ENCRYPT, W1_SIGNATURE)
    assert crypto.decrypt(Envelope(W1_ENCRYPT, W1_SIGNATURE, "1700000000", "abcdef12")) == W1_MESSAGE


def test_vector_w1_through_the_webhook() -> None:
    """It names no approval, so it is WeCom's and yet says nothing that can be used."""
    there = replace(site(), username="ww1234567890abcdef")
    with pytest.raises(exc.InvalidDocument):
        opened(posted(Envelope(W1_ENCRYPT, W1_SIGNATURE, "1700000000", "abcdef12")), there)


def test_the_address_is_checked_by_an_echo() -> None:
    sealed = WechatCrypto(TOKEN, AES_KEY, CORP).encrypt("3862091234", timestamp="1700000000", nonce="n1")
    query = {
        "msg_signature": sealed.signature,
        "timestamp": "1700000000",
        "nonce": "n1",
        "echostr": sealed.encrypt,
    }
    found = opened(Delivery(method="GET", query=query))
    assert found.answer.body == b"3862091234" and found.events == ()
    assert (found.answer.status, found.signed_at) == (200, NOW)
    with pytest.raises(exc.Authentication):
        opened(Delivery(method="GET", query={**query, "nonce": "n2"}))


def test_a_clients_own_crypto_is_understood() -> None:
    from wechatpy.work.crypto import WeChatCrypto

    xml = WeChatCrypto(TOKEN, AES_KEY, CORP).encrypt_message(event(), "nonce-1", "1700000000")
    told = markup.parse(xml)
    query = {"msg_signature": told["MsgSignature"], "timestamp": told["TimeStamp"], "nonce": told["Nonce"]}
    found = opened(Delivery(method="POST", query=query, body=xml.encode()))
    assert found.events[0].internal_id == "202601010001"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (1, "submitted"),
        (2, "approved"),
        (3, "rejected"),
        (4, "transferred"),
        (5, "reminded"),
        (6, "withdrawn"),
        (8, "revoked"),
        (10, "commented"),
        (15, "15"),
    ],
)
def test_a_change_of_a_form(change: int, said: str) -> None:
    found = opened(delivery(event(change=change)))
    (told,) = found.events
    assert (told.kind, told.document_type, told.internal_id) == ("sys_approval_change", TYPE, "202601010001")
    assert told.detail == {"change": said, "status": "1", "template_id": "T-1"}
    assert told.happened_at == datetime.fromtimestamp(1_700_000_001, UTC)
    assert told.id == f"sys:1700000001:202601010001:{change}"
    assert found.answer.body == b"success" and found.signed_at == NOW and found.replay_key


def test_the_same_event_has_the_same_id_whenever_it_comes() -> None:
    first, again, other = (opened(delivery(event(at=at))) for at in (1, 1, 2))
    assert first.events[0].id == again.events[0].id != other.events[0].id
    assert first.replay_key != again.replay_key, "a delivery is sealed anew"


def test_a_form_that_the_connection_does_not_know() -> None:
    (told,) = opened(delivery(event()), site(forms={})).events
    assert told.document_type == "" and told.internal_id == "202601010001"


def test_a_change_in_the_flow_engine() -> None:
    info = "<ThirdNo>PO-7</ThirdNo><OpenTemplateId>125</OpenTemplateId><OpenSpStatus>2</OpenSpStatus>"
    (told,) = opened(delivery(event("open_approval_change", info))).events
    assert (told.kind, told.internal_id, told.detail["status"]) == ("open_approval_change", "PO-7", "2")


@pytest.mark.parametrize("kind", ["change_contact", "template_card_event", ""])
def test_events_about_other_things_are_taken_and_say_nothing(kind: str) -> None:
    found = opened(delivery(event(kind)))
    assert found.events == () and found.answer.body == b"success"


@pytest.mark.parametrize(
    "given",
    [
        delivery(event(), token="another"),
        delivery(event(), receiver="wwsomebodyelse"),
        delivery(event(), msg_signature="0" * 40),
        delivery(event(), timestamp="1700000001"),
        delivery(event(), timestamp="now"),
        delivery(event(), timestamp="１７００００００００"),
        delivery(event(), nonce="x"),
        Delivery(method="POST", query={}, body=b""),
        Delivery(method="POST", query=delivery(event()).query, body=b"{}"),
        Delivery(method="POST", query=delivery(event()).query, body=b"<xml><Encrypt>AAAA</Encrypt></xml>"),
        Delivery(
            method="POST", query=delivery(event()).query, body=b"<xml><Encrypt><a>b</a></Encrypt></xml>"
        ),
    ],
)
def test_what_is_not_wecoms_is_refused(given: Delivery) -> None:
    with pytest.raises(exc.Authentication) as caught:
        opened(given)
    assert caught.value.system == "oa" and TOKEN not in str(caught.value)


def test_a_suite_is_named_by_a_setting() -> None:
    there = site(callback_receive_id="suite-1")
    assert opened(delivery(event(), receiver="suite-1"), there).events
    with pytest.raises(exc.Authentication):
        opened(delivery(event()), there)


@pytest.mark.parametrize(
    "text",
    [
        "no xml",
        "<xml>text</xml>",
        "<xml><Event>sys_approval_change</Event></xml>",
        event(info="<SpNo></SpNo>"),
    ],
)
def test_what_says_nothing_is_invalid(text: str) -> None:
    with pytest.raises(exc.InvalidDocument):
        opened(delivery(text))


@pytest.mark.parametrize("missing", ["callback_token", "callback_aes_key"])
def test_without_its_secrets_nothing_is_opened(missing: str) -> None:
    assert PROFILE.webhook is not None and missing in PROFILE.webhook.needs
    with pytest.raises(exc.Misconfigured):
        opened(delivery(event()), site(**{missing: ""}))


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><xml><Event>&b;</Event></xml>'
FILE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><Event>&f;</Event></xml>'
DTD = '<!DOCTYPE xml SYSTEM "http://127.0.0.1:1/evil.dtd"><xml><Event>x</Event></xml>'


@pytest.mark.parametrize("text", [BOMB, FILE, DTD, "<!DOCTYPE xml><xml><a>b</a></xml>"])
def test_a_document_type_is_refused_inside_and_outside(text: str) -> None:
    with pytest.raises(ValueError, match="document type"):
        markup.parse(text)
    with pytest.raises(exc.InvalidDocument):
        opened(delivery(text))
    body = text.replace("<Event>", "<Encrypt>").replace("</Event>", "</Encrypt>").encode()
    with pytest.raises(exc.Authentication):
        opened(Delivery(method="POST", query=delivery(event()).query, body=body))


@pytest.mark.parametrize(
    "text",
    [
        "<xml>" + "<a>" * 30 + "</a>" * 30 + "</xml>",
        "<xml><a>&undefined;</a></xml>",
        "<xml><a></xml>",
        "",
        BOMB.encode("utf-16"),
    ],
)
def test_odd_xml(text: Any) -> None:
    with pytest.raises(ValueError, match=r"no XML|nested|document type"):
        markup.parse(text)


def test_xml_as_mappings() -> None:
    told = markup.parse("<xml><a>1</a><b><c> x </c><c>y</c></b><d/><e><![CDATA[<&>]]></e></xml>")
    assert told == {"a": "1", "b": {"c": ["x", "y"]}, "d": "", "e": "<&>"}
