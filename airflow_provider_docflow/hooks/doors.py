"""
The doors: they perform the steps of an exchange, on a thread or on an event loop.

A door owns the client, the login's token (one refresh at a time) and the last check of a write's
deadline. It knows no protocol and no Airflow.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

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
)
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.site import Site

# At INFO the client logs every URL with its query, where some vendors want tokens.
if logging.getLogger("httpx2").level == logging.NOTSET:
    logging.getLogger("httpx2").setLevel(logging.WARNING)

T = TypeVar("T")
SqlRunner = Callable[[SqlUnit], list[list[dict[str, Any]]]]


class Tokens(Protocol):
    """Keeps logins' tokens; one refresh at a time, over all who share it."""

    def get(self, key: str, stale: str | None, login: Callable[[], Token]) -> str:
        """Return a token that is not ``stale``, calling ``login`` only if nobody else has."""


class LocalTokens:
    """Tokens of this process alone, for use without a ledger."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._held: dict[str, tuple[str, float]] = {}

    def get(self, key: str, stale: str | None, login: Callable[[], Token]) -> str:
        """Return a token that is not ``stale``, calling ``login`` only if nobody else has."""
        with self._lock:
            value, good_until = self._held.get(key, ("", 0.0))
            if value and value != stale and self._clock() < good_until:
                return value
            token = login()
            margin = min(60.0, token.good_for_seconds / 10)
            self._held[key] = (token.value, self._clock() + token.good_for_seconds - margin)
            return token.value


def login_key(site: Site) -> str:
    """Name of a login: the same for every connection that signs in as the same user of the same system."""
    return "\x1f".join((site.profile.name, site.base_url, site.database, site.username))


def refuse_if_late(not_after: float | None) -> None:
    """Refuse a write whose lease can no longer cover it.

    :param not_after: monotonic seconds, None where there is no lease.
    :raises LeaseLost: nothing was sent.
    """
    if not_after is not None and time.monotonic() > not_after:
        raise exc.LeaseLost(
            "the time to send this write is over; nothing was sent.",
            remedy="Nothing: the next try probes first.",
        )


def check_deadline(request: httpx2.Request) -> None:
    """Refuse to send a request whose lease can no longer cover it.

    :raises LeaseLost: nothing was sent.
    """
    refuse_if_late(request.extensions.get("docflow_not_after"))


class Door:
    """Performs exchanges on this thread.

    :param sql: runs a :class:`SqlUnit`; only SQL systems need it.
    :param before_request: called before each request goes out; may wait (limits) or raise (quota).
    """

    def __init__(
        self,
        site: Site,
        *,
        tokens: Tokens | None = None,
        transport: httpx2.BaseTransport | None = None,
        sql: SqlRunner | None = None,
        before_request: Callable[[], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.site, self.sql, self.sleep, self.before_request = site, sql, sleep, before_request
        self.tokens: Tokens = tokens or LocalTokens()
        self.client = httpx2.Client(
            transport=transport,
            follow_redirects=False,
            trust_env=True,
            verify=bool(site.setting("verify_tls", True)),
            limits=httpx2.Limits(max_connections=site.profile.max_connections),
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
            return _sql(self.sql, self.site)(step)
        raise TypeError(f"no door performs {type(step).__name__}")

    def _log_in(self) -> Token:
        assert self.site.profile.login is not None
        return drive(self.site.profile.login(self.site), self.perform)

    def _send(self, request: httpx2.Request) -> httpx2.Response:
        if self.before_request:
            self.before_request()

        def trace(event: str, info: Any) -> None:
            if event.endswith("send_request_headers.started"):
                check_deadline(request)

        request.extensions = {**request.extensions, "trace": trace}
        return self.client.send(request)

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
        before_request: Callable[[], None] | None = None,
        concurrency: int | None = None,
    ) -> None:
        self.site, self.sql, self.before_request = site, sql, before_request
        self.concurrency = concurrency or site.profile.max_connections
        self.tokens: Tokens = tokens or LocalTokens()
        self._lock = asyncio.Lock()
        self._token: str | None = None
        self.client = httpx2.AsyncClient(
            transport=transport,
            follow_redirects=False,
            trust_env=True,
            verify=bool(site.setting("verify_tls", True)),
            limits=httpx2.Limits(max_connections=self.concurrency),
        )

    async def run(self, exchange: Exchange[T]) -> T:
        """Run ``exchange`` to its return value."""
        return await adrive(exchange, self.perform)

    async def run_all(self, exchanges: Sequence[Exchange[T]]) -> list[T | Exception]:
        """Run many exchanges side by side; see :func:`gather`."""
        return await gather(exchanges, self.perform, concurrency=self.concurrency)

    async def perform(self, step: Step) -> Any:
        """Perform one step and return its answer."""
        if isinstance(step, httpx2.Request):
            return await self._send(step)
        if isinstance(step, TokenWanted):
            return await self._login_token(step.stale)
        if isinstance(step, Pause):
            return await asyncio.sleep(step.seconds)
        if isinstance(step, SqlUnit):
            return await asyncio.to_thread(_sql(self.sql, self.site), step)
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
        with Door(self.site, before_request=self.before_request) as door:
            return self.tokens.get(login_key(self.site), stale, door._log_in)

    async def _send(self, request: httpx2.Request) -> httpx2.Response:
        if self.before_request:
            await asyncio.to_thread(self.before_request)

        async def trace(event: str, info: Any) -> None:
            if event.endswith("send_request_headers.started"):
                check_deadline(request)

        request.extensions = {**request.extensions, "trace": trace}
        return await self.client.send(request)

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
