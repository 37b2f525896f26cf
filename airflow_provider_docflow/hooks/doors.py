"""
The doors: they perform the steps of an exchange, on a thread or on an event loop.

A door owns the client, the login's token (one refresh at a time) and the last check of a write's
deadline. It knows no protocol and no Airflow.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import (
    Exchange,
    Pause,
    SqlUnit,
    Step,
    TokenWanted,
    adrive,
    drive,
    gather,
    no_later_than,
)
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.deadlines import check_deadline, is_stale, renewed
from airflow_provider_docflow.hooks.gates import Gate, Passage, for_login
from airflow_provider_docflow.hooks.tokens import LOGIN_SECONDS, LocalTokens, Tokens, login_key
from airflow_provider_docflow.hooks.trust import trust
from airflow_provider_docflow.hooks.wire import wire

# The client logs every URL, where some vendors want tokens, and at DEBUG the cookies of sessions.
for _name in ("httpx2", "httpcore2"):
    if logging.getLogger(_name).level == logging.NOTSET:
        logging.getLogger(_name).setLevel(logging.WARNING)

__all__ = ["AsyncDoor", "Door", "LocalTokens", "SqlRunner", "Tokens"]

T = TypeVar("T")
SqlRunner = Callable[[SqlUnit], list[list[dict[str, Any]]]]


def _limits(connections: int) -> httpx2.Limits:
    # Many servers close what was idle for 5 seconds; a write on a connection that is just closing has to be
    # probed for.
    return httpx2.Limits(max_connections=connections, keepalive_expiry=4.0)


class Door:
    """Performs exchanges on this thread.

    :param sql: runs a :class:`SqlUnit`; only SQL systems need it.
    :param gates: what every request and SQL unit passes before it leaves, in order.
    """

    def __init__(
        self,
        site: Site,
        *,
        tokens: Tokens | None = None,
        transport: httpx2.BaseTransport | None = None,
        sql: SqlRunner | None = None,
        gates: Sequence[Gate] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.site, self.sql, self.sleep, self.gates = site, sql, sleep, gates
        self.tokens: Tokens = tokens or LocalTokens()
        self.client = httpx2.Client(
            transport=transport,
            follow_redirects=False,
            trust_env=True,
            verify=trust(bool(site.setting("verify_tls", True))),
            limits=_limits(site.profile.max_connections),
        )

    def run(self, exchange: Exchange[T]) -> T:
        """Run ``exchange`` to its return value."""
        return drive(exchange, self.perform)

    def perform(self, step: Step) -> Any:
        """Perform one step and return its answer."""
        if isinstance(step, httpx2.Request):
            return self._send(step)
        if isinstance(step, TokenWanted):
            return self.tokens.get(login_key(self.site), step.stale, self._log_in)
        if isinstance(step, Pause):
            return self.sleep(step.seconds)
        if isinstance(step, SqlUnit):
            return self._run_unit(step)
        raise TypeError(f"no door performs {type(step).__name__}")

    def _log_in(self) -> Token:
        assert self.site.profile.login is not None
        # Within its right to log in, or not at all: another process may have it afterwards.
        login = no_later_than(self.site.profile.login(self.site), time.monotonic() + LOGIN_SECONDS / 2)
        return drive(login, for_login(self.perform))

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        passage = self._passed(request)

        def trace(event: str, info: Any) -> None:
            if event.endswith("send_request_headers.started"):
                while is_stale(request):
                    self.sleep(renewed(request))
                check_deadline(request)

        request.extensions = {**request.extensions, "trace": trace}
        try:
            reply = self.client.send(request)
        except Exception as error:
            passage.end(None, error)
            raise
        passage.end(reply, None)
        return reply

    def _run_unit(self, unit: SqlUnit) -> list[list[dict[str, Any]]]:
        runner = _sql(self.sql, self.site)
        passage = self._passed(unit)
        try:
            rows = runner(unit)
        except Exception as error:
            passage.end(None, error)
            raise
        passage.end(None, None)
        return rows

    def _passed(self, step: httpx2.Request | SqlUnit) -> Passage:
        passage = Passage(self.gates, step)
        while (wait := passage.go()) > 0:
            self.sleep(wait)
        return passage

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def __enter__(self) -> Door:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncDoor:
    """Performs exchanges on the running event loop; token store, SQL and limits run in threads."""

    def __init__(
        self,
        site: Site,
        *,
        tokens: Tokens | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        sql: SqlRunner | None = None,
        gates: Sequence[Gate] = (),
        concurrency: int | None = None,
    ) -> None:
        self.site, self.sql, self.gates = site, sql, gates
        self.concurrency = concurrency or site.profile.max_connections
        self.tokens: Tokens = tokens or LocalTokens()
        self._lock, self._slots = asyncio.Lock(), asyncio.Semaphore(self.concurrency)
        self._token: str | None = None
        verify = trust(bool(site.setting("verify_tls", True)))
        limits = _limits(self.concurrency)
        self.client = httpx2.AsyncClient(
            transport=transport or wire(verify, limits),
            follow_redirects=False,
            trust_env=True,
            verify=verify,
            limits=limits,
        )

    async def run(self, exchange: Exchange[T]) -> T:
        """Run ``exchange`` to its return value."""
        return await adrive(exchange, self.perform)

    async def run_all(self, exchanges: Sequence[Exchange[T]]) -> list[T | Exception]:
        """Run many exchanges side by side, those of other calls included; see :func:`gather`."""
        return await gather(exchanges, self.perform, concurrency=self.concurrency, slots=self._slots)

    async def perform(self, step: Step) -> Any:
        """Perform one step and return its answer."""
        if isinstance(step, httpx2.Request):
            return await self._send(step)
        if isinstance(step, TokenWanted):
            return await self._login_token(step.stale)
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, SqlUnit):
            return await self._run_unit(step)
        raise TypeError(f"no door performs {type(step).__name__}")

    async def _login_token(self, stale: str | None) -> str:
        if self._token is not None and self._token != stale:
            return self._token
        async with self._lock:
            if self._token is None or self._token == stale:
                self._token = await asyncio.to_thread(self._shared_token, stale)
            return self._token

    def _shared_token(self, stale: str | None) -> str:
        """Log in on a thread with a client of its own: the store's lock must not hold up the loop."""
        with Door(self.site, gates=self.gates) as door:
            return self.tokens.get(login_key(self.site), stale, door._log_in)

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        passage = await self._passed(request)

        async def trace(event: str, info: Any) -> None:
            if event.endswith("send_request_headers.started"):
                while is_stale(request):
                    wait = await asyncio.to_thread(renewed, request)
                    await asyncio.sleep(wait)
                check_deadline(request)

        request.extensions = {**request.extensions, "trace": trace}
        try:
            reply = await self.client.send(request)
        except Exception as error:
            await self._ended(passage, None, error)
            raise
        await self._ended(passage, reply, None)
        return reply

    async def _run_unit(self, unit: SqlUnit) -> list[list[dict[str, Any]]]:
        runner = _sql(self.sql, self.site)
        passage = await self._passed(unit)
        try:
            rows = await asyncio.to_thread(runner, unit)
        except Exception as error:
            await self._ended(passage, None, error)
            raise
        await self._ended(passage, None, None)
        return rows

    async def _passed(self, step: httpx2.Request | SqlUnit) -> Passage:
        """Take a step through the gates, in a thread where they ask the ledger."""
        passage = Passage(self.gates, step)
        while True:
            wait = passage.go_quickly()
            if wait is None:
                wait = await asyncio.to_thread(passage.go)
            if wait <= 0:
                return passage
            await asyncio.sleep(wait)

    async def _ended(self, passage: Passage, reply: httpx2.Response | None, error: Exception | None) -> None:
        if self.gates and not (reply is not None and passage.end_quickly(reply)):
            await asyncio.to_thread(passage.end, reply, error)

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def __aenter__(self) -> AsyncDoor:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _sql(runner: SqlRunner | None, site: Site) -> SqlRunner:
    if runner is None:
        raise exc.Misconfigured(
            f"connection {site.conn_id} names no database.",
            system=site.profile.name,
            remedy="Give the docflow connection the sql_conn_id of a common-sql connection.",
        )
    return runner
