"""The fault layer: wraps any ASGI application, counts its requests and breaks them by rule."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.faults import PASSING, FaultBook, FaultRule
from airflow_provider_docflow.sandbox.journal import Journal

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

#: Key of the ASGI scope under which an application finds what the layer wants of it.
WISH = "docflow.sandbox"
#: Key of the ASGI scope under which the server leaves a function that ends the connection.
CUT = "docflow.cut"

_LATE = "late_request"


class FaultLayer:
    """An ASGI application around another one.

    The inner application finds in ``scope["docflow.sandbox"]``: ``as_of`` (epoch milliseconds or None:
    reads shall show the state of that moment) and ``expire_token`` (the presented token ends now).

    :param app: the application to wrap.
    :param faults: the rules.
    :param journal: where requests are counted.
    :param jobs: the lane in which late commits wait; the layer adds its own kind of job to it.
    """

    def __init__(self, app: App, faults: FaultBook, journal: Journal, clock: Clock, jobs: Jobs) -> None:
        self._app, self._faults, self._journal = app, faults, journal
        self._clock, self._jobs = clock, jobs
        jobs.on_async(_LATE, self._replay)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await read_body(receive)
        path, query = scope["path"], scope.get("query_string", b"").decode("latin-1")
        entry = self._journal.begin(scope["method"], path, query, list(scope["headers"]), body)
        text = f"{unquote(query)}\n{body.decode('utf-8', 'replace')}"
        hits = self._faults.meet(scope["method"], path, text)
        wish = self._wish(hits)
        if wait := sum(rule.seconds for rule in hits if rule.fault == "slow"):
            await asyncio.sleep(wait)
        answering = next((rule for rule in hits if rule.fault not in PASSING), None)
        status = await self._serve(answering, {**scope, WISH: wish}, body, send)
        self._journal.finish(entry, status, ",".join(rule.fault for rule in hits))
        if status is None:
            await _cut(scope, receive)

    def _wish(self, hits: list[FaultRule]) -> dict[str, Any]:
        lag = max((rule.seconds for rule in hits if rule.fault == "search_lag"), default=None)
        return {
            "as_of": None if lag is None else self._clock.now() - int(lag * 1000),
            "expire_token": any(rule.fault == "expired_token" for rule in hits),
        }

    async def _serve(self, rule: FaultRule | None, scope: Scope, body: bytes, send: Send) -> int | None:
        if rule is None:
            return await self._pass(scope, body, send)
        if rule.fault == "late_commit":
            self._keep_for_later(rule, scope, body)
            return None if rule.status == 0 else await _answer(send, rule, 504, _GATEWAY)
        if rule.fault == "cut":
            return None
        if _commits(rule):
            reply = await collect(self._app, scope, body)
            return await _spoil(send, rule, reply)
        if rule.fault == "error_in_200":
            return await _answer(send, rule, 200, _BUSY)
        return await _answer(send, rule, *_PLAIN[rule.fault])

    async def _pass(self, scope: Scope, body: bytes, send: Send) -> int:
        status = 0

        async def watching(message: MutableMapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        await self._app(scope, replayed(body), watching)
        return status

    def _keep_for_later(self, rule: FaultRule, scope: Scope, body: bytes) -> None:
        kept = {
            "method": scope["method"],
            "path": scope["path"],
            "query": scope.get("query_string", b"").decode("latin-1"),
            "headers": [[a.decode("latin-1"), b.decode("latin-1")] for a, b in scope["headers"]],
            "body": base64.b64encode(body).decode(),
        }
        self._jobs.add(_LATE, kept, self._clock.now() + int(rule.seconds * 1000))

    async def _replay(self, kept: dict[str, Any]) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "scheme": "http",
            "method": kept["method"],
            "path": kept["path"],
            "raw_path": kept["path"].encode(),
            "root_path": "",
            "query_string": kept["query"].encode("latin-1"),
            "headers": [(a.encode("latin-1"), b.encode("latin-1")) for a, b in kept["headers"]],
            WISH: {"as_of": None, "expire_token": False},
        }
        await collect(self._app, scope, base64.b64decode(kept["body"]))


_GATEWAY = {"code": "GatewayTimeout", "message": "the gateway gave up waiting"}
_BUSY = {"errcode": -1, "errmsg": "系统繁忙", "code": "-1", "message": "system busy"}
_PLAIN: dict[str, tuple[int, Any]] = {
    "rate_limited": (429, {"code": "Throttling", "message": "too many requests", "requestid": ""}),
    "error_before": (500, {"code": "systemError", "message": "系统异常", "requestid": ""}),
}


def _commits(rule: FaultRule) -> bool:
    return rule.fault in ("reply_lost", "error_after", "malformed") or (
        rule.fault == "error_in_200" and rule.commit
    )


async def _spoil(send: Send, rule: FaultRule, reply: tuple[int, bytes]) -> int | None:
    if rule.fault == "reply_lost":
        return None
    if rule.fault == "malformed":
        status, body = reply
        await _send(send, status, body[: max(len(body) // 2, 1)], {})
        return status
    if rule.fault == "error_in_200":
        return await _answer(send, rule, 200, _BUSY)
    return await _answer(send, rule, *_PLAIN["error_before"])


async def _answer(send: Send, rule: FaultRule, status: int, reply: Any) -> int:
    headers = {} if rule.retry_after is None else {"retry-after": f"{rule.retry_after:g}"}
    body = json.dumps(reply if rule.reply is None else rule.reply, ensure_ascii=False).encode()
    await _send(send, rule.status or status, body, headers)
    return rule.status or status


async def _send(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    lines = {"content-type": "application/json", "content-length": str(len(body)), **headers}
    raw = [(name.encode(), value.encode()) for name, value in lines.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


async def _cut(scope: Scope, receive: Receive) -> None:
    cut = scope.get(CUT)
    if cut is None:
        raise ConnectionResetError("the fault layer ends this connection")
    cut()
    while (await receive())["type"] != "http.disconnect":
        pass


async def read_body(receive: Receive) -> bytes:
    """Return the whole body of a request."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    return b"".join(parts)


def replayed(body: bytes) -> Receive:
    """Return a ``receive`` that gives ``body`` once."""
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> MutableMapping[str, Any]:
        return messages.pop() if messages else {"type": "http.disconnect"}

    return receive


async def collect(app: App, scope: Scope, body: bytes) -> tuple[int, bytes]:
    """Run ``app`` on a request and return status and body of its reply without sending it anywhere."""
    status, parts = 0, []

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)
        parts.append(message.get("body", b""))

    await app(scope, replayed(body), send)
    return status, b"".join(parts)
