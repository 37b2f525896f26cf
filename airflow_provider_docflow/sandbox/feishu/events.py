"""Events that Feishu pushes to an application's address, encrypted and signed, in both generations.

Vendor pages: "Approval instance status changed", "Receive events". Events of a definition come after its
subscription. The receiver has 3 s and answers HTTP 200; what it does not answer is repeated after 15 s,
5 min, 1 h and 6 h, and later events wait for it.
"""

from __future__ import annotations

import json
import secrets
import uuid
from typing import Any

from airflow_provider_docflow.core.lark_crypto import LarkCipher, lark_signature
from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.faults import FaultBook
from airflow_provider_docflow.sandbox.feishu.identity import APP_ID, TENANT_KEY
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS feishu_event (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, body TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending', tries INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS feishu_event_state ON feishu_event (state, id);
"""
REPEATED_AFTER = (15, 300, 3600, 21600)
_JOB = "feishu_event"
_SECONDS = 3.0
_V2 = {"instance": "approval.instance.status_changed_v4", "task": "approval.task.status_changed_v4"}


class Events:
    """Enters events and sends them in order, unless a fault rule says otherwise."""

    def __init__(self, store: Store, clock: Clock, jobs: Jobs, faults: FaultBook) -> None:
        self._store, self._clock, self._jobs, self._faults = store, clock, jobs, faults
        store.create(SCHEMA)
        jobs.on_async(_JOB, self._send_pending)
        if self._pending() is not None:
            jobs.add(_JOB, {}, clock.now())

    @property
    def address(self) -> dict[str, Any] | None:
        """The registered address: url, encrypt_key, verification_token, generation (1 or 2)."""
        found: dict[str, Any] | None = self._store.setting("feishu_address")
        return found

    async def register(self, address: dict[str, Any]) -> bool:
        """Register an address after it has answered the challenge; tell whether it did."""
        challenge = uuid.uuid4().hex
        check = {
            "challenge": challenge,
            "token": address["verification_token"],
            "type": "url_verification",
        }
        status, answer = await self._post(address, check, signed=False)
        try:
            good = status == 200 and json.loads(answer)["challenge"] == challenge
        except (ValueError, KeyError, TypeError):
            good = False
        if good:
            self._store.set("feishu_address", address)
        return good

    def forget(self) -> None:
        """Take the address away."""
        self._store.set("feishu_address", None)

    def enter(self, events: list[dict[str, Any]]) -> None:
        """Take the events of one change; without an address or a subscription nothing is sent."""
        address, subscribed = self.address, self._store.setting("feishu_subscriptions", [])
        wanted = [one for one in events if address and one["approval_code"] in subscribed]
        for event in wanted:
            body = _v2(event, address, self._clock.now()) if _second(address) else _v1(event, address)
            self._store.execute(
                "INSERT INTO feishu_event (at, kind, body) VALUES (?, ?, ?)",
                (self._clock.now(), f"approval_{event['of']}", dumps(body)),
            )
        if wanted:
            self._jobs.add(_JOB, {}, self._clock.now())

    def listing(self) -> list[dict[str, Any]]:
        """Return all events with their fate, oldest first."""
        rows = self._store.all("SELECT * FROM feishu_event ORDER BY id")
        return [{**dict(row), "body": loads(row["body"])} for row in rows]

    def _pending(self) -> Any:
        return self._store.execute(
            "SELECT * FROM feishu_event WHERE state = 'pending' ORDER BY id LIMIT 1"
        ).fetchone()

    async def _send_pending(self, job: dict[str, Any]) -> None:
        while (row := self._pending()) is not None:
            if row["tries"] and job.get("event") != row["id"]:
                return
            if not await self._fate(row):
                return

    async def _fate(self, row: Any) -> bool:
        """Send an event; tell whether the next one may follow."""
        hits = {rule.fault for rule in self._faults.meet("EVENT", row["kind"], row["body"])}
        if "drop_event" in hits:
            return self._mark(row["id"], "dropped")
        if "reorder_event" in hits:
            return self._mark(row["id"], "held")
        address = self.address
        if address is None:
            return self._mark(row["id"], "failed")
        body = loads(row["body"])
        status, _ = await self._post(address, body, signed=True)
        if "duplicate_event" in hits:
            await self._post(address, body, signed=True)
        if status == 200:
            self._mark(row["id"], "delivered")
            self._store.execute("UPDATE feishu_event SET state = 'pending' WHERE state = 'held'")
            return True
        if row["tries"] >= len(REPEATED_AFTER):
            return self._mark(row["id"], "failed")
        self._store.execute("UPDATE feishu_event SET tries = tries + 1 WHERE id = ?", (row["id"],))
        again = self._clock.now() + REPEATED_AFTER[row["tries"]] * 1000
        self._jobs.add(_JOB, {"event": row["id"]}, again)
        return False

    def _mark(self, event_id: int, state: str) -> bool:
        self._store.execute("UPDATE feishu_event SET state = ? WHERE id = ?", (state, event_id))
        return True

    async def _post(self, address: dict[str, Any], body: dict[str, Any], *, signed: bool) -> tuple[int, str]:
        """Send one body; return status and text of the answer, 0 where there was none."""
        import httpx2

        key = address.get("encrypt_key") or ""
        content = dumps({"encrypt": LarkCipher(key).encrypt(dumps(body))} if key else body).encode()
        headers = {"content-type": "application/json; charset=utf-8"}
        if key and signed:
            stamp, nonce = str(self._clock.now() // 1000), secrets.token_hex(8)
            headers |= {
                "X-Lark-Request-Timestamp": stamp,
                "X-Lark-Request-Nonce": nonce,
                "X-Lark-Signature": lark_signature(stamp, nonce, key, content),
            }
        try:
            async with httpx2.AsyncClient(timeout=_SECONDS) as client:
                reply = await client.post(address["url"], content=content, headers=headers)
            return reply.status_code, reply.text
        except httpx2.HTTPError:
            return 0, ""


def _second(address: dict[str, Any] | None) -> bool:
    return bool(address and address.get("generation") == 2)


def _v1(event: dict[str, Any], address: dict[str, Any] | None) -> dict[str, Any]:
    told = {name: value for name, value in event.items() if name != "of"}
    own = {"app_id": APP_ID, "tenant_key": TENANT_KEY, "type": f"approval_{event['of']}"}
    return {
        "ts": "1502199207.7171419",
        "uuid": uuid.uuid4().hex,
        "token": (address or {})["verification_token"],
        "type": "event_callback",
        "event": {**own, **told},
    }


def _v2(event: dict[str, Any], address: dict[str, Any] | None, now: int) -> dict[str, Any]:
    names = ("approval_code", "instance_code", "task_id", "status", "operate_time")
    return {
        "schema": "2.0",
        "header": {
            "event_id": uuid.uuid4().hex,
            "event_type": _V2[event["of"]],
            "create_time": str(now),
            "token": (address or {})["verification_token"],
            "app_id": APP_ID,
            "tenant_key": TENANT_KEY,
        },
        "event": {name: str(event[name]) for name in names if name in event},
    }
