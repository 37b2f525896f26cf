"""Events that the open platform delivers: encrypted, signed, and again after one and five minutes and hourly.

Vendor pages: "事件订阅", and the demo's EventCrypto. The receiver has five seconds and answers ``success``.
"""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from airflow_provider_docflow.core.yonyou_crypto import delivery_signatures, encrypt
from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.faults import FaultBook
from airflow_provider_docflow.sandbox.store import Store, dumps
from airflow_provider_docflow.sandbox.yonbip.identity import APP_KEY, Identity
from airflow_provider_docflow.sandbox.yonbip.shapes import Order

_JOB = "yonbip_event"
_SECONDS, _DAY_MS = 5.0, 86_400_000
_PAUSES_MS = (60_000, 300_000)
_HOUR_MS = 3_600_000
_SALES = {"save": "SAVE", "submit": "SUBMIT", "audit": "AUDIT", "unaudit": "UNAUDIT", "delete": "DELETE"}


def sealed(
    secret: str,
    app_key: str,
    text: str,
    *,
    timestamp: str,
    nonce: str,
    filler: bytes | None = None,
    sha1: bool = False,
) -> dict[str, str]:
    """Return the body of a delivery.

    :param filler: the 16 random bytes before the text.
    """
    encrypted = encrypt(secret, app_key, text, filler or secrets.token_bytes(16))
    modern, old = delivery_signatures(secret, timestamp, nonce, encrypted)
    name, signature = ("msgSignature", old) if sha1 else ("signature", modern)
    return {name: signature, "timestamp": timestamp, "nonce": nonce, "encrypt": encrypted}


class Events:
    """Enters events and sends them to the address that is registered."""

    def __init__(self, store: Store, clock: Clock, jobs: Jobs, faults: FaultBook, identity: Identity) -> None:
        self._store, self._clock, self._jobs, self._faults = store, clock, jobs, faults
        self._identity = identity
        jobs.on_async(_JOB, self._send)

    async def register(self, url: str, *, sha1: bool = False) -> bool:
        """Register an address after it has answered a check of it."""
        body = {"type": "CHECK_URL", "eventId": uuid.uuid4().hex, "timestamp": self._clock.now()}
        answer = await self._post({"url": url, "sha1": sha1}, dumps(body))
        if answer == "success":
            self._store.set("yonbip_callback", {"url": url, "sha1": sha1})
        return answer == "success"

    def enter(self, kind: str, what: str, order: Order) -> None:
        """Take one change; without an address nothing is sent."""
        if self._store.setting("yonbip_callback") is None:
            return
        if kind == "purchase":
            name, content = f"st_purchaseorder_{what}", {"archive": {**order, "id": str(order["id"])}}
        else:
            name = f"SALE_{_SALES[what]}ORDER_NOTIFY_SENT"
            told = {"billId": str(order["id"]), "billCode": order["code"], "billNo": "voucher_order"}
            content = {"BILL_INFO": told}
        if what == "submit" and kind == "purchase":
            return
        event = {
            "type": name,
            "eventId": uuid.uuid4().hex,
            "timestamp": self._clock.now(),
            "tenantId": self._identity.tenant,
            "content": dumps(content),
        }
        self._jobs.add(_JOB, {"text": dumps(event), "kind": name, "tries": 0}, self._clock.now())

    async def _send(self, job: dict[str, Any]) -> None:
        callback = self._store.setting("yonbip_callback")
        hits = {rule.fault for rule in self._faults.meet("EVENT", job["kind"], job["text"])}
        if callback is None or "drop_event" in hits:
            return
        times = 2 if "duplicate_event" in hits else 1
        answers = [await self._post(callback, job["text"]) for _ in range(times)]
        spent = sum(_pause(turn) for turn in range(job["tries"] + 1))
        if answers[-1] != "success" and spent <= _DAY_MS:
            at = self._clock.now() + _pause(job["tries"])
            self._jobs.add(_JOB, {**job, "tries": job["tries"] + 1}, at)

    async def _post(self, callback: dict[str, Any], text: str) -> str:
        import httpx2

        body = sealed(
            self._identity.secret,
            APP_KEY,
            text,
            timestamp=str(self._clock.now()),
            nonce=secrets.token_hex(4),
            sha1=bool(callback.get("sha1")),
        )
        try:
            async with httpx2.AsyncClient(timeout=_SECONDS) as client:
                reply = await client.post(callback["url"], json=body)
        except httpx2.HTTPError as error:
            return type(error).__name__
        return reply.text.strip() if reply.status_code == 200 else f"HTTP {reply.status_code}"


def _pause(tries: int) -> int:
    return _PAUSES_MS[tries] if tries < len(_PAUSES_MS) else _HOUR_MS
