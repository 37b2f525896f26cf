"""
Events that Feishu pushes: verified, decrypted, and read as hints to look at an approval again.

Both generations are taken: v1 (``approval_instance``, ``approval_task``) names its event by ``uuid``, v2
(``approval.instance.status_changed_v4``, …) by ``header.event_id``. An application gets events of a
definition after :func:`subscribe`. A check of the address is not signed; its token proves it. Feishu repeats
an event that was not answered within 3 s after 15 s, 5 min, 1 h and 6 h, and holds the later ones of that
kind back. Pages: "Subscribe to approval events", "Receive events", "Approval instance status changed".
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.lark_crypto import LarkCipher, check_lark_signature
from airflow_provider_docflow.core.signing import same
from airflow_provider_docflow.core.site import Site, dumps
from airflow_provider_docflow.core.webhooks import Answer, Delivery, Event, Opened, WebhookProfile
from airflow_provider_docflow.systems.feishu.describing import APPROVAL
from airflow_provider_docflow.systems.feishu.errors import SUBSCRIBED
from airflow_provider_docflow.systems.feishu.forms import form_of, forms_of
from airflow_provider_docflow.systems.feishu.wire import api, moment

ANSWER_SECONDS = 3.0
FRESH_SECONDS = 8 * 3600.0
"""The last repetition comes about seven hours after the event; whether it is signed anew nobody says."""

_JSON = "application/json; charset=utf-8"
_TOLD = ("status", "task_id", "operate_time", "user_id", "open_id")


def open_delivery(site: Site, delivery: Delivery, now: float) -> Opened:
    """Verify and decrypt one delivery.

    :raises Authentication: it is not Feishu's, or meant for another application or tenant.
    :raises InvalidDocument: it is, and cannot be understood.
    """
    key, token = str(site.required("encrypt_key")), str(site.required("verification_token"))
    body = _decrypted(delivery.body, key)
    header = _part(body, "header")
    if not same(token, str(header.get("token") or body.get("token") or "")):
        raise exc.Authentication("an event carries another verification token.", field="verification_token")
    if body.get("type") == "url_verification":
        challenge = dumps({"challenge": str(body.get("challenge") or "")})
        return Opened(events=(), answer=Answer(body=challenge, content_type=_JSON))
    signature, stamp = _checked(delivery, key)
    event = _part(body, "event")
    _check_tenant(site, str(header.get("tenant_key") or event.get("tenant_key") or ""))
    found = _event(site, body, header, event)
    answer = Answer(body=dumps({"msg": "success"}), content_type=_JSON)
    return Opened(events=(found,) if found else (), answer=answer, signed_at=stamp, replay_key=signature)


def _decrypted(raw: bytes, key: str) -> Mapping[str, Any]:
    sealed = _object(raw).get("encrypt")
    if not isinstance(sealed, str):
        # With an Encrypt Key everything is encrypted; what is not may come from anybody.
        raise exc.Authentication("an event is not encrypted.", field="encrypt_key")
    return _object(LarkCipher(key).decrypt(sealed))


def _object(raw: bytes | str) -> Mapping[str, Any]:
    try:
        found = json.loads(raw)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise exc.InvalidDocument("an event is no JSON object.", field="body")
    return found


def _part(body: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = body.get(name)
    return found if isinstance(found, Mapping) else {}


def _checked(delivery: Delivery, key: str) -> tuple[str, float]:
    """Return signature and time of a signed delivery."""
    names = ("x-lark-signature", "x-lark-request-timestamp", "x-lark-request-nonce")
    signature, timestamp, nonce = (str(delivery.headers.get(name) or "") for name in names)
    check_lark_signature(signature, timestamp, nonce, key, delivery.body)
    try:
        return signature, float(timestamp)
    except ValueError:
        raise exc.InvalidDocument("an event has no time.", field="x-lark-request-timestamp") from None


def _check_tenant(site: Site, found: str) -> None:
    known = site.instance or str(site.setting("tenant_key", ""))
    if known and found and found != known:
        raise exc.Authentication("an event comes from another tenant.", field="tenant_key")


def _event(
    site: Site, body: Mapping[str, Any], header: Mapping[str, Any], event: Mapping[str, Any]
) -> Event | None:
    """Return what an event tells of an approval; None if it tells of something else."""
    code = str(event.get("instance_code") or "")
    if not code:
        return None
    name = str(header.get("event_id") or body.get("uuid") or "")
    if not name:
        raise exc.InvalidDocument("an event has no id.", field="event_id")
    return Event(
        id=name,
        kind=str(header.get("event_type") or event.get("type") or ""),
        document_type=_type_of(site, str(event.get("approval_code") or "")),
        internal_id=code,
        happened_at=moment(event.get("operate_time") or header.get("create_time")),
        detail={word: str(event[word]) for word in _TOLD if event.get(word) not in (None, "")},
    )


def _type_of(site: Site, approval_code: str) -> str:
    forms = forms_of(site.setting("forms"))
    wanted = approval_code.upper()
    return next((name for name, form in forms.items() if form.code.upper() == wanted), "")


def subscribe(site: Site, document_type: str) -> Exchange[bool]:
    """Have the events of a type's definition sent to this application; once is enough.

    :returns: whether it was not subscribed before.
    """
    form = form_of(site, document_type)
    try:
        yield from api(site, "POST", f"{APPROVAL}/subscribe", json={}, writes=True, code=form.code)
    except exc.DocflowError as error:
        if error.code == SUBSCRIBED:
            return False
        raise
    return True


WEBHOOK = WebhookProfile(
    open=open_delivery,
    needs=("encrypt_key", "verification_token"),
    answer_seconds=ANSWER_SECONDS,
    fresh_seconds=FRESH_SECONDS,
    docs_url="https://open.feishu.cn/document/uAjLw4CM/ukTMukTMukTM/reference/approval-v4/approval/subscribe",
)
