"""A small system with a login and a call limit, in a process of its own, and the profile that speaks to it.

It counts every request, the login's too, answers 429 beyond its limit, and tells its journal to the tests.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import deque
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import httpx2

from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Limit, SystemProfile, Token
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import QuotaExhausted, RateLimited
from tests.rigs.processes import Server, free_port

INSTANCE = "limited-1"
TOO_FAST, NO_CALLS_LEFT = "too_fast", "no_calls_left"


def _instance(site: Site) -> Exchange[str]:
    return str((yield from call(site, site.request("GET", "/me")))["instance"])


def _login(site: Site) -> Exchange[Token]:
    anonymous = Site(profile=_bare(site.profile), conn_id=site.conn_id, base_url=site.base_url)
    return Token(str((yield from call(anonymous, site.request("POST", "/token"), writes=True))["token"]))


def _sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    headers = {**request.headers, "Authorization": f"Bearer {token}"}
    return httpx2.Request(
        request.method, request.url, headers=headers, extensions=dict(request.extensions), content=b""
    )


def _error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    if reply.is_success and (not isinstance(body, Mapping) or "error" not in body):
        return None
    said = body.get("error", "") if isinstance(body, Mapping) else ""
    return RemoteError(str(said), f"refused: {said}")


def profile(*limits: Limit) -> SystemProfile:
    """Return the profile of the stand-in with these limits."""
    return SystemProfile(
        name="limited",
        title="A system with limits",
        docs_url="https://example.com",
        checked_on=date(2026, 11, 22),
        documents={},
        instance=_instance,
        login=_login,
        sign=_sign,
        error=_error,
        errors=(
            ErrorRule(raises=RateLimited, code=(TOO_FAST,)),
            ErrorRule(raises=QuotaExhausted, code=(NO_CALLS_LEFT,)),
        ),
        limits=limits,
    )


def _bare(known: SystemProfile) -> SystemProfile:
    return SystemProfile(
        name=known.name,
        title=known.title,
        docs_url=known.docs_url,
        checked_on=known.checked_on,
        documents={},
        instance=known.instance,
        error=known.error,
        errors=known.errors,
        limits=known.limits,
    )


class Stand:
    """The running stand-in, as tests steer and question it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tests.limits.stand", str(self.port), json.dumps(settings)]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        self._server = Server(command, folder=folder, env=env)
        self._server.wait_until(lambda: self.ask("/journal"))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str) -> Any:
        """Ask what is not counted."""
        reply = httpx2.get(f"{self.url}{path}", trust_env=False)
        return reply.raise_for_status().json()

    def journal(self) -> list[dict[str, Any]]:
        """Return every counted request: when, what, with which status."""
        found: list[dict[str, Any]] = self.ask("/journal")
        return found

    def statuses(self, path: str = "") -> list[int]:
        """Return the status of each counted request."""
        return [one["status"] for one in self.journal() if one["path"] == path or not path]

    def say(self, **settings: Any) -> None:
        """Change how it answers from here on."""
        httpx2.post(f"{self.url}/settings", json=settings, trust_env=False).raise_for_status()

    def stop(self) -> None:
        self._server.stop()


def most_in_a_window(moments: list[float], seconds: float) -> int:
    """Return the largest number of moments in any half-open window of so many seconds."""
    window: deque[float] = deque()
    most = 0
    for moment in sorted(moments):
        window.append(moment)
        while window[0] <= moment - seconds:
            window.popleft()
        most = max(most, len(window))
    return most


class _Answers:
    """Answers requests.

    Settings: ``count`` and ``seconds`` of the limit, ``revoke_after`` that many answers, ``hang`` the first
    login, ``say`` an error in the body of each 200, ``retry_after`` of each 429, ``status`` of every answer.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings, self.journal = settings, list[dict[str, Any]]()
        self.window: deque[float] = deque()
        self.tokens, self.good = 0, ""

    async def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        if path == "/journal":
            return 200, self.journal
        if path == "/settings":
            self.settings.update(json.loads(body))
            return 200, {}
        entry = {"at": time.monotonic(), "path": path, "method": method, "status": 0}
        self.journal.append(entry)
        status, said = await self._answer(path, headers, float(entry["at"]))  # type: ignore[arg-type]
        entry["status"] = status
        return status, said

    async def _answer(self, path: str, headers: dict[str, str], now: float) -> tuple[int, Any]:
        while self.window and self.window[0] <= now - self.settings.get("seconds", 1):
            self.window.popleft()
        if len(self.window) >= self.settings.get("count", 10**9) or self.settings.get("status") == 429:
            return 429, {}
        self.window.append(now)
        if path == "/token":
            return await self._token()
        if headers.get("authorization") != f"Bearer {self.good}":
            return 401, {}
        if len(self.window) and len(self.journal) == self.settings.get("revoke_after"):
            self.good = ""
        if said := self.settings.get("say"):
            return 200, {"error": said}
        return 200, {"instance": INSTANCE}

    async def _token(self) -> tuple[int, Any]:
        if self.settings.pop("hang", False):
            await asyncio.sleep(3600)
        self.tokens += 1
        self.good = f"t{self.tokens}"
        return 200, {"token": self.good}


async def _serve(port: int, settings: dict[str, Any]) -> None:
    answers = _Answers(settings)

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while first := await reader.readline():
                method, path, _ = first.decode().split(" ", 2)
                headers = {}
                while (line := (await reader.readline()).decode().strip()) != "":
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                status, said = await answers.answer(method, path, headers, body)
                payload = json.dumps(said).encode()
                more = f"Retry-After: {settings['retry_after']}\r\n" if "retry_after" in settings else ""
                head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                head += f"{more if status == 429 else ''}Content-Length: {len(payload)}\r\n\r\n"
                writer.write(head.encode() + payload)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), json.loads(sys.argv[2])))
