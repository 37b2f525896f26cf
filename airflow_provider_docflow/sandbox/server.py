"""Runs the sandbox: one port for HTTP, one for mail, in this process."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.sandbox.app import SandboxApp
from airflow_provider_docflow.sandbox.layer import CUT, Receive, Scope, Send

HOST, EVERYWHERE = "127.0.0.1", "0.0.0.0"
STATE_FILE = "sandbox.json"


class _Server(uvicorn.Server):
    """A server that tells when it has started, and ends as soon as it is asked to.

    Uvicorn looks every 100 ms whether to end, and then waits 100 ms: much for a test that takes 20.
    """

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._asked: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._asked, self._loop = asyncio.Event(), asyncio.get_running_loop()
        await super().startup(sockets=sockets)
        self._on_started()

    async def main_loop(self) -> None:
        assert self._asked is not None
        ticks = 0
        while not await self.on_tick(ticks):
            ticks += 1
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._asked.wait(), 0.1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for one in sockets or ():
            one.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        while self.server_state.connections or self.server_state.tasks:  # noqa: ASYNC110 - sets, not events
            await asyncio.sleep(0.002)
        for server in self.servers:
            await server.wait_closed()

    def stop(self) -> None:
        """Ask the server to end; safe from any thread."""
        self.should_exit = True
        if self._loop is not None and self._asked is not None:
            with suppress(RuntimeError):  # it has ended already
                self._loop.call_soon_threadsafe(self._asked.set)


class Running:
    """One server: bound at once, serving from :meth:`serve` on until :meth:`stop`.

    :param home: folder of the sandbox.
    :param port: HTTP port; 0 takes a free one.
    :param mail_port: SMTP port; 0 takes a free one, None serves no mail.
    :param on_ready: called with what :meth:`state` returns when everything answers.
    :param host: address to listen on; 0.0.0.0 is every one, and the machine's name is then told.
    :raises Misconfigured: when another process already serves this home.
    """

    def __init__(
        self,
        home: Path,
        port: int,
        mail_port: int | None,
        on_ready: Callable[[dict[str, Any]], None] | None = None,
        host: str = HOST,
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home, self._mail_port, self._on_ready = home, mail_port, on_ready
        self._lock = _lock(home)
        self._host = host
        self._socket = socket.create_server((host, port))
        self.port = self._socket.getsockname()[1]
        self.base_url = f"http://{socket.gethostname() if host == EVERYWHERE else host}:{self.port}"
        self.app = SandboxApp(home)
        self.app.store.set("base_url", self.base_url)
        self._transports: dict[Any, Any] = {}
        self._server = _Server(
            uvicorn.Config(
                self._entry,
                interface="asgi3",
                http=self._protocol(),
                lifespan="off",
                ws="none",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
            ),
            self._tell_ready,
        )

    def state(self) -> dict[str, Any]:
        """Return addresses and process id, as kept in ``sandbox.json``."""
        return {
            "base_url": self.base_url,
            "port": self.port,
            "mail_port": self._mail_port,
            "pid": os.getpid(),
            "finance": str(self.app.finance),
        }

    def run(self) -> None:
        """Serve until stopped."""
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """Serve until stopped."""
        mail = None
        if self._mail_port is not None:
            mail = await self.app.mail.serve(self._host, self._mail_port)
            self._mail_port = mail.sockets[0].getsockname()[1]
        try:
            async with self.app.running():
                await self._server.serve(sockets=[self._socket])
        finally:
            if mail is not None:
                mail.close()
            self._socket.close()
            self.app.store.close()
            (self.home / STATE_FILE).unlink(missing_ok=True)
            self._lock.close()

    def stop(self) -> None:
        """Ask the server to end; safe from any thread."""
        self._server.stop()

    def _tell_ready(self) -> None:
        (self.home / STATE_FILE).write_text(json.dumps(self.state()))
        if self._on_ready is not None:
            self._on_ready(self.state())

    async def _entry(self, scope: Scope, receive: Receive, send: Send) -> None:
        transport = self._transports.get(scope.get("client") and tuple(scope["client"]))
        if transport is not None:
            scope[CUT] = transport.abort
        await self.app(scope, receive, send)

    def _protocol(self) -> type[asyncio.Protocol]:
        """Return uvicorn's protocol, with a note of each connection so that a fault can end it."""
        transports = self._transports

        class Cuttable(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
            def connection_made(self, transport: Any) -> None:
                self._peer = tuple(transport.get_extra_info("peername"))
                transports[self._peer] = transport
                # asyncio does this only for listeners that it made itself; without, a reply takes 40 ms.
                transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                super().connection_made(transport)

            def connection_lost(self, exc: Exception | None) -> None:
                transports.pop(self._peer, None)
                super().connection_lost(exc)

        return Cuttable


def _lock(home: Path) -> IO[str]:
    handle = (home / "sandbox.lock").open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        handle.close()
        with suppress(OSError, ValueError):
            other = json.loads((home / STATE_FILE).read_text())
            raise Misconfigured(
                f"{home} is already served by process {other['pid']} at {other['base_url']}",
                remedy="Stop that sandbox first, or use another home.",
            ) from None
        raise Misconfigured(f"{home} is already served by another process") from None
    return handle
