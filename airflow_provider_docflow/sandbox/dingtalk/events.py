"""Events that DingTalk pushes to a registered HTTP callback, encrypted and signed.

Vendor pages: "配置HTTP推送", "event-bpms-instance-change", "event-bpms-task-change", and
``GET /v1.0/event/callbacks/failedResults`` for what could not be delivered. The receiver has 1500 ms and must
answer with the encrypted word ``success``.
"""

from __future__ import annotations

import json
import secrets
import uuid
from typing import Any

from airflow_provider_docflow.core.wechat_crypto import Envelope, WechatCrypto
from airflow_provider_docflow.exceptions import DocflowError
from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.faults import FaultBook
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS dingtalk_event (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending', answer TEXT NOT NULL DEFAULT '');
CREATE INDEX IF NOT EXISTS dingtalk_event_state ON dingtalk_event (state, id);
"""
_JOB = "dingtalk_event"
_SECONDS = 1.5


class Events:
    """Enters events and sends them, in order unless a fault rule says otherwise."""

    def __init__(self, store: Store, clock: Clock, jobs: Jobs, faults: FaultBook) -> None:
        self._store, self._clock, self._jobs, self._faults = store, clock, jobs, faults
        store.create(SCHEMA)
        held = store.all("SELECT id FROM dingtalk_event WHERE state = 'held' ORDER BY id")
        self._held: list[int] = [row["id"] for row in held]
        jobs.on_async(_JOB, self._send_pending)
        if self._pending():
            jobs.add(_JOB, {}, clock.now())

    @property
    def callback(self) -> dict[str, Any] | None:
        """The registered callback: url, token, aes_key, receive_id, corp_id, tags."""
        found: dict[str, Any] | None = self._store.setting("dingtalk_callback")
        return found

    async def register(self, callback: dict[str, Any]) -> bool:
        """Register a callback after the receiver has answered ``check_url`` rightly; tell whether it did."""
        answer = await self._post(callback, {"EventType": "check_url"})
        if answer == "success":
            self._store.set("dingtalk_callback", callback)
        return answer == "success"

    def forget(self) -> None:
        """Take the callback away."""
        self._store.set("dingtalk_callback", None)

    def enter(self, events: list[dict[str, Any]]) -> None:
        """Take the events of one change; without a callback, or one for that type, nothing is sent."""
        callback = self.callback
        wanted = [] if callback is None else [event for event in events if _wants(callback, event)]
        for event in wanted:
            now = self._clock.now()
            body = {
                **event,
                "EventTime": now,
                "CorpId": (callback or {})["corp_id"],
                "corpId": (callback or {})["corp_id"],
                "BizId": str(now),
                "eventId": uuid.uuid4().hex,
            }
            self._store.execute(
                "INSERT INTO dingtalk_event (at, kind, body) VALUES (?, ?, ?)",
                (now, event["EventType"], dumps(body)),
            )
        if wanted:
            self._jobs.add(_JOB, {}, self._clock.now())

    def listing(self) -> list[dict[str, Any]]:
        """Return all events with their fate, oldest first."""
        rows = self._store.all("SELECT * FROM dingtalk_event ORDER BY id")
        return [{**dict(row), "body": loads(row["body"])} for row in rows]

    def failed(self, begin: int, end: int) -> list[dict[str, Any]]:
        """Return undelivered events as ``failedResults`` shows them."""
        rows = self._store.all(
            "SELECT * FROM dingtalk_event WHERE state = 'failed' AND at BETWEEN ? AND ? LIMIT 200",
            (begin, end),
        )
        callback = self.callback or {}
        return [
            {
                "callBackTag": row["kind"],
                "callBackData": row["body"],
                "eventTime": row["at"],
                "corpId": callback.get("corp_id", ""),
            }
            for row in rows
        ]

    def _pending(self) -> list[Any]:
        return self._store.all("SELECT * FROM dingtalk_event WHERE state = 'pending' ORDER BY id LIMIT 100")

    async def _send_pending(self, _: dict[str, Any]) -> None:
        for row in self._pending():
            await self._fate(row["id"], row["kind"], loads(row["body"]))
        if self._pending():
            self._jobs.add(_JOB, {}, self._clock.now())

    async def _fate(self, event_id: int, kind: str, body: dict[str, Any]) -> None:
        hits = {rule.fault for rule in self._faults.meet("EVENT", kind, dumps(body))}
        if "drop_event" in hits:
            self._mark(event_id, "dropped")
            return
        if "reorder_event" in hits:
            self._held.append(event_id)
            self._mark(event_id, "held")
            return
        await self._deliver(event_id, body)
        if "duplicate_event" in hits:
            await self._deliver(event_id, body)
        held, self._held = self._held, []
        for earlier in held:
            text = self._store.value("SELECT body FROM dingtalk_event WHERE id = ?", (earlier,))
            await self._deliver(earlier, loads(text))

    async def _deliver(self, event_id: int, body: dict[str, Any]) -> None:
        callback = self.callback
        answer = "no callback" if callback is None else await self._post(callback, body)
        self._mark(event_id, "delivered" if answer == "success" else "failed", answer)

    def _mark(self, event_id: int, state: str, answer: str = "") -> None:
        self._store.execute(
            "UPDATE dingtalk_event SET state = ?, answer = ? WHERE id = ?", (state, answer, event_id)
        )

    async def _post(self, callback: dict[str, Any], body: dict[str, Any]) -> str:
        """Send one event; return what the receiver answered, decrypted, or why it counts as undelivered."""
        import httpx2

        crypto = WechatCrypto(callback["token"], callback["aes_key"], callback["receive_id"])
        sealed = crypto.encrypt(dumps(body), timestamp=str(self._clock.now()), nonce=secrets.token_hex(4))
        query = {
            "signature": sealed.signature,
            "msg_signature": sealed.signature,
            "timestamp": sealed.timestamp,
            "nonce": sealed.nonce,
        }
        try:
            async with httpx2.AsyncClient(timeout=_SECONDS) as client:
                reply = await client.post(callback["url"], params=query, json={"encrypt": sealed.encrypt})
            if reply.status_code != 200:
                return f"HTTP {reply.status_code}"
            return _opened(crypto, reply.json())
        except httpx2.HTTPError as error:
            return type(error).__name__
        except (json.JSONDecodeError, KeyError, TypeError, DocflowError) as error:
            return f"unreadable answer: {type(error).__name__}"


def _opened(crypto: WechatCrypto, answer: dict[str, Any]) -> str:
    stamp = answer.get("timeStamp") or answer.get("timestamp") or ""
    return crypto.decrypt(
        Envelope(answer["encrypt"], answer["msg_signature"], str(stamp), str(answer["nonce"]))
    )


def _wants(callback: dict[str, Any], event: dict[str, Any]) -> bool:
    tags = callback.get("tags")
    return not tags or event["EventType"] in tags
