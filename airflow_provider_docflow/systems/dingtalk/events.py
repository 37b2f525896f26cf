"""
Events that DingTalk pushes to an HTTP address: opened, checked, and answered with the word that it waits for.

A delivery is ``{"encrypt": …}`` with ``signature`` (or ``msg_signature``), ``timestamp`` (milliseconds) and
``nonce`` in its query; DingTalk wants ``success`` back, encrypted and signed in the same way, within 1.5
seconds. ``check_url`` and its like only probe the address. An event names the approval *instance*: of a
change to an approved form, or its revocation, that is the attached one, and reading it leads to the document.
Pages: "Configure HTTP push", "event-bpms-instance-change", "event-bpms-task-change".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Answer, Delivery, Event, Opened, WebhookProfile
from airflow_provider_docflow.core.wechat_crypto import Envelope, WechatCrypto
from airflow_provider_docflow.systems.dingtalk.forms import forms_of

ANSWER_SECONDS = 1.5
INSTANCE, TASK = "bpms_instance_change", "bpms_task_change"
_TOLD = ("type", "result", "taskId", "staffId", "processCode", "businessId")
_MILLISECONDS = 1000


def open_delivery(site: Site, delivery: Delivery, now: float) -> Opened:
    """Check and decrypt a delivery; see :class:`~airflow_provider_docflow.core.webhooks.WebhookProfile`.

    :raises Authentication: it is not signed by this connection's DingTalk, or meant for somebody else.
    :raises InvalidDocument: it is DingTalk's, and says nothing that is known of its events.
    """
    sealed = _envelope(site, delivery)
    crypto, text = _opened(site, sealed)
    body = _event_of(site, text)
    kind = str(body.get("EventType") or "")
    _check_corporation(site, body)
    known = kind in (INSTANCE, TASK)
    return Opened(
        events=(_told(site, kind, body, text),) if known else (),
        answer=_success(crypto, sealed.nonce, now),
        signed_at=int(sealed.timestamp) / _MILLISECONDS,
        replay_key=sealed.signature,
    )


def _envelope(site: Site, delivery: Delivery) -> Envelope:
    query = delivery.query
    try:
        encrypt = json.loads(delivery.body)["encrypt"]
    except (ValueError, KeyError, TypeError):
        encrypt = None
    found = Envelope(
        encrypt if isinstance(encrypt, str) else "",
        query.get("msg_signature") or query.get("signature") or "",
        query.get("timestamp", ""),
        query.get("nonce", ""),
    )
    if not (found.encrypt and found.signature and found.timestamp.isascii() and found.timestamp.isdigit()):
        raise exc.Authentication("this is no delivery of DingTalk's.", system=site.conn_id, field="signature")
    return found


def _opened(site: Site, sealed: Envelope) -> tuple[WechatCrypto, str]:
    """Decrypt for the receiver that the connection names, else for its application or its corporation."""
    token, key = str(site.required("callback_token")), str(site.required("callback_aes_key"))
    named = site.setting("callback_receive_id")
    corporation = str(site.required("corp_id"))
    receivers = [str(named)] if named else [name for name in (site.username, corporation) if name]
    refused: exc.Authentication | None = None
    for receiver in receivers:
        crypto = WechatCrypto(token, key, receiver)
        try:
            return crypto, crypto.decrypt(sealed)
        except exc.Authentication as error:
            refused = error
            if error.field != "receive_id":
                break
    assert refused is not None
    refused.system = site.conn_id
    raise refused


def _event_of(site: Site, text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not body.get("EventType"):
        raise exc.InvalidDocument("an event says nothing.", system=site.conn_id, field="EventType")
    return body


def _check_corporation(site: Site, body: Mapping[str, Any]) -> None:
    told = body.get("CorpId") or body.get("corpId") or ""
    # A suite gets the events of every corporation: there one has to say whose it is.
    named = bool(site.setting("callback_receive_id")) and body.get("EventType") in (INSTANCE, TASK)
    if (told or named) and str(told) != str(site.required("corp_id")):
        raise exc.Authentication(
            "an event is about another corporation.", system=site.conn_id, field="corp_id"
        )


def _told(site: Site, kind: str, body: Mapping[str, Any], text: str) -> Event:
    instance_id = body.get("processInstanceId")
    if not instance_id:
        raise exc.InvalidDocument(
            "an event names no approval.", system=site.conn_id, field="processInstanceId"
        )
    code = body.get("processCode")
    forms = forms_of(site.setting("forms"))
    return Event(
        id=str(body.get("eventId") or hashlib.sha256(text.encode()).hexdigest()),
        kind=kind,
        document_type=next((name for name, form in forms.items() if form.code == code), ""),
        internal_id=str(instance_id),
        happened_at=_moment(body),
        detail={name: body[name] for name in _TOLD if body.get(name) not in (None, "")},
    )


def _moment(body: Mapping[str, Any]) -> datetime | None:
    told = next((body[name] for name in ("finishTime", "EventTime", "createTime") if body.get(name)), None)
    try:
        return None if told is None else datetime.fromtimestamp(int(told) / _MILLISECONDS, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def _success(crypto: WechatCrypto, nonce: str, now: float) -> Answer:
    sealed = crypto.encrypt("success", timestamp=str(int(now * _MILLISECONDS)), nonce=nonce)
    body = {
        "msg_signature": sealed.signature,
        "encrypt": sealed.encrypt,
        "timeStamp": sealed.timestamp,
        "nonce": sealed.nonce,
    }
    return Answer(body=json.dumps(body).encode(), content_type="application/json; charset=utf-8")


WEBHOOK = WebhookProfile(
    open=open_delivery,
    needs=("callback_token", "callback_aes_key", "corp_id"),
    answer_seconds=ANSWER_SECONDS,
    docs_url="https://open.dingtalk.com/document/development/http-push",
)
