"""Events that WeCom posts to a registered server, encrypted and signed.

Vendor pages: "审批申请状态变化回调通知" (91815), "审批流程引擎" (90269), "回调配置" (90930). The
receiver has five seconds; what is not answered 200 is tried three more times.
"""

from __future__ import annotations

import secrets
from typing import Any
from xml.sax.saxutils import escape

from airflow_provider_docflow.core.wechat_crypto import WechatCrypto
from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.faults import FaultBook
from airflow_provider_docflow.sandbox.store import Store
from airflow_provider_docflow.sandbox.wecom import flow
from airflow_provider_docflow.sandbox.wecom.flow import Approval

SCHEMA = """
CREATE TABLE IF NOT EXISTS wecom_event (
    id INTEGER PRIMARY KEY, at INTEGER NOT NULL, kind TEXT NOT NULL, xml TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending', answer TEXT NOT NULL DEFAULT '');
"""
_JOB = "wecom_event"
_SECONDS, _TRIES = 5.0, 4


class Events:
    """Enters events and sends them, in order."""

    def __init__(self, store: Store, clock: Clock, jobs: Jobs, faults: FaultBook) -> None:
        self._store, self._clock, self._jobs, self._faults = store, clock, jobs, faults
        store.create(SCHEMA)
        jobs.on_async(_JOB, self._send_pending)
        if self._pending():
            jobs.add(_JOB, {}, clock.now())

    @property
    def callback(self) -> dict[str, Any] | None:
        """The registered server: url, token, aes_key, receive_id, agent_id, templates (None for all)."""
        found: dict[str, Any] | None = self._store.setting("wecom_callback")
        return found

    async def register(self, callback: dict[str, Any]) -> bool:
        """Register a server after it has returned the decrypted ``echostr``; tell whether it did."""
        import httpx2

        word = str(secrets.randbelow(10**18))
        sealed = self._sealed(callback, word)
        query = {
            "msg_signature": sealed.signature,
            "timestamp": sealed.timestamp,
            "nonce": sealed.nonce,
            "echostr": sealed.encrypt,
        }
        try:
            async with httpx2.AsyncClient(timeout=_SECONDS, verify=False) as client:
                reply = await client.get(callback["url"], params=query)
        except httpx2.HTTPError:
            return False
        good = reply.status_code == 200 and reply.text == word
        if good:
            self._store.set("wecom_callback", callback)
        return good

    def forget(self) -> None:
        """Take the server away."""
        self._store.set("wecom_callback", None)

    def changed(self, approval: Approval, change: int) -> None:
        """Enter the event of a change to a form of the approval application."""
        callback = self.callback
        if callback is None:
            return
        templates = callback.get("templates")
        if templates is None or approval["template_id"] in templates:
            self._enter("sys_approval_change", {"ApprovalInfo": _info(approval, change)})

    def engine_changed(self, data: dict[str, Any]) -> None:
        """Enter the event of a change in the flow engine."""
        if self.callback is not None:
            names = ("ThirdNo", "OpenTemplateId", "ApplyTime", "ApprovalNodes")
            info = {name: data[name] for name in names if name in data}
            self._enter(
                "open_approval_change", {"ApprovalInfo": {**info, "OpenSpStatus": data["OpenSpstatus"]}}
            )

    def _enter(self, kind: str, body: dict[str, Any]) -> None:
        now = self._clock.now()
        callback = self.callback or {}
        head = {
            "ToUserName": callback["receive_id"],
            "FromUserName": "sys",
            "CreateTime": now // 1000,
            "MsgType": "event",
            "Event": kind,
            "AgentID": callback.get("agent_id", 3010040),
        }
        xml = f"<xml>{_xml({**head, **body})}</xml>"
        self._store.execute("INSERT INTO wecom_event (at, kind, xml) VALUES (?, ?, ?)", (now, kind, xml))
        self._jobs.add(_JOB, {}, now)

    def listing(self) -> list[dict[str, Any]]:
        """Return all events with their fate, oldest first."""
        return [dict(row) for row in self._store.all("SELECT * FROM wecom_event ORDER BY id")]

    def _pending(self) -> list[Any]:
        return self._store.all("SELECT * FROM wecom_event WHERE state = 'pending' ORDER BY id LIMIT 100")

    async def _send_pending(self, _: dict[str, Any]) -> None:
        for row in self._pending():
            hits = {rule.fault for rule in self._faults.meet("EVENT", row["kind"], row["xml"])}
            if "drop_event" in hits:
                self._mark(row["id"], "dropped", "")
                continue
            answer = await self._deliver(row["xml"])
            if "duplicate_event" in hits:
                answer = await self._deliver(row["xml"])
            self._mark(row["id"], "delivered" if answer == "200" else "failed", answer)

    def _mark(self, event_id: int, state: str, answer: str) -> None:
        self._store.execute(
            "UPDATE wecom_event SET state = ?, answer = ? WHERE id = ?", (state, answer, event_id)
        )

    async def _deliver(self, xml: str) -> str:
        import httpx2

        callback = self.callback
        if callback is None:
            return "no callback"
        sealed = self._sealed(callback, xml)
        query = {"msg_signature": sealed.signature, "timestamp": sealed.timestamp, "nonce": sealed.nonce}
        envelope = {
            "ToUserName": callback["receive_id"],
            "AgentID": str(callback.get("agent_id", 3010040)),
            "Encrypt": sealed.encrypt,
        }
        body = f"<xml>{_xml(envelope)}</xml>".encode()
        answer = ""
        for _ in range(_TRIES):
            try:
                async with httpx2.AsyncClient(timeout=_SECONDS, verify=False) as client:
                    reply = await client.post(
                        callback["url"], params=query, content=body, headers={"Content-Type": "text/xml"}
                    )
                answer = str(reply.status_code)
            except httpx2.HTTPError as error:
                answer = type(error).__name__
            if answer == "200":
                break
        return answer

    def _sealed(self, callback: dict[str, Any], text: str) -> Any:
        crypto = WechatCrypto(callback["token"], callback["aes_key"], callback["receive_id"])
        stamp = str(self._clock.now() // 1000)
        return crypto.encrypt(text, timestamp=stamp, nonce=secrets.token_hex(5))


def _info(approval: Approval, change: int) -> dict[str, Any]:
    return {
        "SpNo": approval["sp_no"],
        "SpName": approval["sp_name"],
        "SpStatus": approval["sp_status"],
        "TemplateId": approval["template_id"],
        "ApplyTime": approval["apply_time"],
        "Applyer": {"UserId": approval["applyer"]["userid"], "Party": approval["applyer"]["partyid"]},
        "SpRecord": [
            {
                "SpStatus": node["sp_status"],
                "ApproverAttr": node["approverattr"],
                "Details": [
                    {
                        "Approver": {"UserId": one["approver"]["userid"]},
                        "Speech": one["speech"],
                        "SpStatus": one["sp_status"],
                        "SpTime": one["sptime"],
                    }
                    for one in node["details"]
                ],
            }
            for node in flow.record(approval)
        ],
        "StatuChangeEvent": change,
    }


def _xml(data: dict[str, Any]) -> str:
    parts = []
    for name, value in data.items():
        for one in value if isinstance(value, list) else [value]:
            parts.append(f"<{name}>{_inner(one)}</{name}>")
    return "".join(parts)


def _inner(value: Any) -> str:
    if isinstance(value, dict):
        return _xml(value)
    if isinstance(value, str) and "]]>" not in value:
        return f"<![CDATA[{value}]]>"
    return escape(str(value))
