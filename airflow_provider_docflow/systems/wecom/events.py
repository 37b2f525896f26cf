"""
Events that WeCom posts to an HTTP address: opened, checked, and answered with a plain word.

The address is checked by a GET whose ``echostr`` is to be returned decrypted. A delivery is XML with
``Encrypt``, beside ``msg_signature``, ``timestamp`` (seconds) and ``nonce`` in the query; WeCom waits five
seconds for an answer and tries three more times. ``sys_approval_change`` tells of a form of the approval
application, ``open_approval_change`` of the flow engine of an application's own. A reminder
(``StatuChangeEvent`` 5; the field is spelled so) is an event like any other: it changes nothing, and the
document is read again. Pages 91815, 90269, 90930.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Answer, Delivery, Event, Opened, WebhookProfile
from airflow_provider_docflow.core.wechat_crypto import Envelope, WechatCrypto
from airflow_provider_docflow.systems.wecom import markup
from airflow_provider_docflow.systems.wecom.forms import forms_of
from airflow_provider_docflow.systems.wecom.wire import corp_id, moment

ANSWER_SECONDS = 5.0
SYSTEM, ENGINE = "sys_approval_change", "open_approval_change"
CHANGES = {
    "1": "submitted",
    "2": "approved",
    "3": "rejected",
    "4": "transferred",
    "5": "reminded",
    "6": "withdrawn",
    "8": "revoked",
    "10": "commented",
}
"""What ``StatuChangeEvent`` says happened; a hint for people, decisions are read from the form itself."""


def open_delivery(site: Site, delivery: Delivery, now: float) -> Opened:
    """Check and decrypt a delivery; see :class:`~airflow_provider_docflow.core.webhooks.WebhookProfile`.

    :raises Authentication: it is not signed by this connection's WeCom, or meant for somebody else.
    :raises InvalidDocument: it is WeCom's, and says nothing that is known of its events.
    """
    checks_address = delivery.method.upper() == "GET"
    sealed = _envelope(site, delivery, checks_address)
    text = _decrypted(site, sealed)
    signed_at = float(sealed.timestamp)
    if checks_address:
        if "<" in text:
            # The same scheme seals events: a delivery that was caught would be given back readable.
            raise exc.InvalidDocument("this is no echo.", system=site.conn_id, field="echostr")
        return Opened(
            events=(), answer=Answer(body=text.encode()), signed_at=signed_at, replay_key=sealed.signature
        )
    return Opened(
        events=_events(site, text),
        answer=Answer(body=b"success"),
        signed_at=signed_at,
        replay_key=sealed.signature,
    )


def _envelope(site: Site, delivery: Delivery, checks_address: bool) -> Envelope:
    query = delivery.query
    encrypt: Any = query.get("echostr") if checks_address else None
    if not checks_address:
        try:
            encrypt = markup.parse(delivery.body).get("Encrypt")
        except ValueError:
            encrypt = None
    found = Envelope(
        encrypt if isinstance(encrypt, str) else "",
        query.get("msg_signature", ""),
        query.get("timestamp", ""),
        query.get("nonce", ""),
    )
    if not (found.encrypt and found.signature and found.timestamp.isascii() and found.timestamp.isdigit()):
        raise exc.Authentication(
            "this is no delivery of WeCom's.", system=site.conn_id, field="msg_signature"
        )
    return found


def _decrypted(site: Site, sealed: Envelope) -> str:
    receiver = str(site.setting("callback_receive_id") or corp_id(site))
    crypto = WechatCrypto(
        str(site.required("callback_token")), str(site.required("callback_aes_key")), receiver
    )
    try:
        return crypto.decrypt(sealed)
    except exc.Authentication as error:
        error.system = site.conn_id
        raise


def _events(site: Site, text: str) -> tuple[Event, ...]:
    try:
        body = markup.parse(text)
    except ValueError as error:
        raise exc.InvalidDocument(
            f"an event cannot be read: {error}.", system=site.conn_id, field="ApprovalInfo"
        ) from None
    _check_corporation(site, body)
    kind = body.get("Event")
    if kind not in (SYSTEM, ENGINE):
        return ()
    info = body.get("ApprovalInfo")
    info = info if isinstance(info, Mapping) else {}
    number = info.get("SpNo" if kind == SYSTEM else "ThirdNo")
    if not isinstance(number, str) or not number:
        raise exc.InvalidDocument("an event names no approval.", system=site.conn_id, field="SpNo")
    return (_told(site, str(kind), number, body, info),)


def _check_corporation(site: Site, body: Mapping[str, Any]) -> None:
    suite, told = str(site.setting("callback_receive_id") or ""), _text(body, "ToUserName")
    # A suite gets the events of every corporation that has installed it.
    if suite and told not in ("", suite, corp_id(site)):
        raise exc.Authentication(
            "an event is about another corporation.", system=site.conn_id, field="ToUserName"
        )


def _told(site: Site, kind: str, number: str, body: Mapping[str, Any], info: Mapping[str, Any]) -> Event:
    change, status = _text(info, "StatuChangeEvent"), _text(info, "SpStatus") or _text(info, "OpenSpStatus")
    template = _text(info, "TemplateId") or _text(info, "OpenTemplateId")
    happened = _text(body, "CreateTime")
    forms = forms_of(site.setting("forms"))
    detail = {"change": CHANGES.get(change, change), "status": status, "template_id": template}
    return Event(
        id=":".join((_text(body, "FromUserName"), happened, number, change or status)),
        kind=kind,
        document_type=next((name for name, form in forms.items() if form.code == template), ""),
        internal_id=number,
        happened_at=moment(happened),
        detail={name: value for name, value in detail.items() if value},
    )


def _text(data: Mapping[str, Any], name: str) -> str:
    found = data.get(name)
    return found if isinstance(found, str) else ""


WEBHOOK = WebhookProfile(
    open=open_delivery,
    needs=("callback_token", "callback_aes_key"),
    answer_seconds=ANSWER_SECONDS,
    docs_url="https://developer.work.weixin.qq.com/document/path/91815",
)
