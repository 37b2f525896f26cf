"""A reverse proxy in front of a real server, with the sandbox's fault layer and journal in between."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2

from airflow_provider_docflow.sandbox.app import SandboxApp
from airflow_provider_docflow.sandbox.client import SandboxClient
from airflow_provider_docflow.sandbox.layer import App, Receive, Scope, Send, read_body
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.server import Running

_NOT_PASSED = {b"host", b"connection", b"transfer-encoding", b"content-length"}


def _forwarder(target: str) -> App:
    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        query = scope.get("query_string", b"").decode("latin-1")
        headers = [pair for pair in scope["headers"] if pair[0].lower() not in _NOT_PASSED]
        address = f"{target}{scope['path']}{'?' if query else ''}{query}"
        async with (
            httpx2.AsyncClient(timeout=120, trust_env=False, verify=False) as client,
            client.stream(scope["method"], address, headers=headers, content=body) as answer,
        ):
            content = b"".join([part async for part in answer.aiter_raw()])
        kept = [pair for pair in answer.headers.raw if pair[0].lower() not in _NOT_PASSED]
        kept.append((b"content-length", str(len(content)).encode()))
        await send({"type": "http.response.start", "status": answer.status_code, "headers": kept})
        await send({"type": "http.response.body", "body": content})

    return forward


@contextmanager
def gateway(home: Path, target: str) -> Iterator[SandboxClient]:
    """Forward to ``target``; what is yielded puts faults in force and tells what came in."""
    ready = threading.Event()
    states: list[dict[str, Any]] = []

    def tell(state: dict[str, Any]) -> None:
        states.append(state)
        ready.set()

    def build(parts: Parts) -> StandIn:
        return StandIn("gateway", {"": _forwarder(target)})

    running = Running(home, 0, None, tell)
    running.app.store.close()
    running.app = SandboxApp(home, builders=(build,))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    ready.wait(60)
    try:
        yield SandboxClient(states[0]["base_url"])
    finally:
        running.stop()
        thread.join()
