"""
Events that the open platform delivers: opened, checked, and answered with the word it waits for.

A delivery is JSON: ``{signature, timestamp, nonce, encrypt}`` (``msgSignature`` in the vendor's older
demo). The platform wants ``success`` as plain text within five seconds; else it comes again after one and
five minutes, then hourly for a day. ``CHECK_URL`` only probes the address. Where the content of an event
stands is documented by examples that differ, so it is looked for; an event is a hint, and the order itself
is read. Pages: "事件订阅", and the vendor's demo (EventCrypto, PrivateAppCrypto).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.signing import same
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.webhooks import Answer, Delivery, Event, Opened, WebhookProfile
from airflow_provider_docflow.core.yonyou_crypto import decrypt, delivery_signatures
from airflow_provider_docflow.systems.yonbip.kinds import text_in

ANSWER_SECONDS = 5.0
FRESH_SECONDS = 12 * 3600.0
"""What failed comes again for a day, and no page says that it is signed anew."""

CHECK = "CHECK_URL"
_PURCHASE, _SALE = "st_purchaseorder_", "SALE_"
_HOLDERS = ("content", "data", "archive", "BILL_INFO", "userObject", "billInfo")
_DEEPEST = 4


def open_delivery(site: Site, delivery: Delivery, now: float) -> Opened:
    """Check and decrypt a delivery; see :class:`~airflow_provider_docflow.core.webhooks.WebhookProfile`.

    :raises Authentication: it is not signed by this connection's tenant, or meant for somebody else.
    :raises Misconfigured: the connection has no secret.
    :raises InvalidDocument: it is the platform's, and says nothing that can be understood.
    """
    if not (site.username.strip() and site.password.strip()):
        raise exc.Misconfigured(
            f"connection {site.conn_id} has no secret to check deliveries with.",
            system=site.conn_id,
            field="password",
            remedy="Fill in app key (login) and app secret (password) of the connection.",
        )
    sealed = _envelope(site, delivery)
    expected = delivery_signatures(site.password, sealed["timestamp"], sealed["nonce"], sealed["encrypt"])
    matches = [same(each, sealed["signature"].lower()) for each in expected]
    if True not in matches:
        raise exc.Authentication(
            "a delivery's signature is not of this application.", system=site.conn_id, field="signature"
        )
    try:
        text = decrypt(site.password, site.username, sealed["encrypt"])
    except exc.Authentication as error:
        error.system = site.conn_id
        raise
    body = _event_of(site, text)
    _check_tenant(site, body)
    kind = text_in(body, "type", "eventType")
    return Opened(
        events=() if kind == CHECK else (_told(kind, body, text),),
        answer=Answer(body=b"success"),
        signed_at=int(sealed["timestamp"]) / 1000,
        replay_key=sealed["signature"].lower(),
    )


def _envelope(site: Site, delivery: Delivery) -> dict[str, str]:
    try:
        body = json.loads(delivery.body)
    except ValueError:
        body = None
    body = body if isinstance(body, dict) else {}
    found = {name: body.get(name) for name in ("signature", "timestamp", "nonce", "encrypt")}
    found["signature"] = found["signature"] or body.get("msgSignature")
    texts = {name: str(value) for name, value in found.items() if isinstance(value, str | int) and value}
    stamp = texts.get("timestamp", "")
    if len(texts) < len(found) or not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        raise exc.Authentication(
            "this is no delivery of the open platform's.", system=site.conn_id, field="signature"
        )
    return texts


def _event_of(site: Site, text: str) -> Mapping[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict) or not text_in(body, "type", "eventType"):
        raise exc.InvalidDocument("an event says nothing.", system=site.conn_id, field="type")
    return body


def _check_tenant(site: Site, body: Mapping[str, Any]) -> None:
    told = text_in(body, "tenantId")
    if told and told != str(site.required("tenant_id")):
        raise exc.Authentication("an event is about another tenant.", system=site.conn_id, field="tenant_id")


def _told(kind: str, body: Mapping[str, Any], text: str) -> Event:
    document_type = (
        "purchase_order" if kind.startswith(_PURCHASE) else "sales_order" if kind.startswith(_SALE) else ""
    )
    order = next((found for found in _contents(body) if _id_in(found)), {}) if document_type else {}
    return Event(
        id=text_in(body, "eventId") or hashlib.sha256(text.encode()).hexdigest(),
        kind=kind,
        document_type=document_type,
        internal_id=_id_in(order),
        number=text_in(order, "billCode", "billNo", "code"),
        happened_at=_moment(body.get("timestamp")),
    )


def _contents(value: Any, depth: int = 0) -> Iterator[Mapping[str, Any]]:
    """Yield what may be an event's content, from the outside in: objects, texts of them, lists of them."""
    if isinstance(value, str) and value.startswith(("{", "[")):
        try:
            value = json.loads(value)
        except ValueError:
            return
    if isinstance(value, list):
        for each in value:
            yield from _contents(each, depth + 1)
    if isinstance(value, Mapping) and depth <= _DEEPEST:
        if depth:
            yield value
        for name in _HOLDERS:
            if name in value:
                yield from _contents(value[name], depth + 1)


def _id_in(order: Mapping[str, Any]) -> str:
    return text_in(order, "billId", "id")


def _moment(told: Any) -> datetime | None:
    try:
        return None if told in (None, "") else datetime.fromtimestamp(int(told) / 1000, UTC)
    except (ValueError, TypeError, OverflowError, OSError):
        return None


WEBHOOK = WebhookProfile(
    open=open_delivery,
    needs=("tenant_id",),
    answer_seconds=ANSWER_SECONDS,
    fresh_seconds=FRESH_SECONDS,
    docs_url="https://open.yonyoucloud.com/#/doc-center/docDes/doc",
)
