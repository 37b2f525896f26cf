"""
The wire of the async door: direct connections, over aiohttp, for a third of the CPU of the client's own.

Requests, replies and errors stay those of ``httpx2``. An error says "not connected" only where not a byte can
have left; all others leave open what landed.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from contextvars import ContextVar
from typing import Any
from urllib.request import getproxies

import aiohttp
import httpx2
from yarl import URL

_Started = Callable[[str, Any], Awaitable[None]]
_STARTED = "http11.send_request_headers.started"
_OWN_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")
#: Bytes of one line of a reply's head, as the client itself takes them.
_LONGEST_LINE = 100 * 1024
_LONGEST_PIECE = 64 * 1024

_QUOTING = (aiohttp.ClientResponseError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)

_started: ContextVar[_Started | None] = ContextVar("docflow_started", default=None)


class _Connector(aiohttp.TCPConnector):
    """Tells failures to connect from all others, and the request's trace when its bytes are about to go."""

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109
    ) -> Any:
        try:
            connection = await super().connect(req, traces, timeout)
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(_said(error)) from None
        except (aiohttp.ClientError, OSError) as error:
            raise httpx2.ConnectError(_said(error)) from None
        try:
            if (started := _started.get()) is not None:
                await started(_STARTED, {})
        except BaseException:
            connection.release()
            raise
        return connection


def wire(verify: ssl.SSLContext, limits: httpx2.Limits) -> httpx2.AsyncBaseTransport | None:
    """Return what connects directly; None where the environment names a proxy: the client knows how."""
    proxied = {"http", "https", "all"} & getproxies().keys()
    return None if proxied else Wire(verify, limits)


async def _once(
    request: aiohttp.ClientRequest, handler: Callable[[aiohttp.ClientRequest], Awaitable[Any]]
) -> Any:
    """Send a request once: aiohttp would send some methods again over another connection."""
    try:
        return await handler(request)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise _translated(error) from None


class Wire(httpx2.AsyncBaseTransport):
    """Sends requests of one event loop; whoever made it closes it.

    :param limits: how many connections there may be, and how long an idle one is kept.
    """

    def __init__(self, verify: ssl.SSLContext, limits: httpx2.Limits) -> None:
        self._verify, self._limits = verify, limits
        self._opened: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request and return its reply, its body read.

        :raises httpx2.TransportError: there is none.
        """
        _started.set(request.extensions.get("trace"))
        try:
            reply = await self._head(request)
            async with reply:
                body = await reply.read()
        except (aiohttp.ClientError, OSError) as error:
            raise _translated(error) from None
        answer = httpx2.Response(
            reply.status,
            headers=list(reply.raw_headers),
            stream=httpx2.ByteStream(body),
            request=request,
            extensions={"http_version": b"HTTP/1.1", "reason_phrase": (reply.reason or "").encode()},
        )
        answer.read()
        return answer

    async def _head(self, request: httpx2.Request) -> aiohttp.ClientResponse:
        seconds = request.extensions.get("timeout", {})
        content = await request.aread()
        # aiohttp limits no wait for a peer that takes no bytes. Where it may come to that, all waits together
        # are the limit.
        longest = _sum(seconds, "pool", "connect", "write", "read") if len(content) > _LONGEST_PIECE else None
        async with asyncio.timeout(longest) if longest else nullcontext():
            return await self._session().request(
                request.method,
                _address(request),
                headers=_headers(request.headers),
                data=_body(content),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=None,
                    connect=_sum(seconds, "pool", "connect"),
                    sock_connect=seconds.get("connect"),
                    sock_read=seconds.get("read"),
                ),
                server_hostname=request.extensions.get("sni_hostname"),
            )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._opened is not None:
            await self._opened.close()
            self._opened = None

    def _session(self) -> aiohttp.ClientSession:
        if self._opened is None:
            connector = _Connector(
                limit=self._limits.max_connections or 0,
                keepalive_timeout=self._limits.keepalive_expiry,
                ssl=self._verify,
                # What the machine says of names, as every other client here takes it.
                resolver=aiohttp.ThreadedResolver(),
                use_dns_cache=False,
            )
            self._opened = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=_OWN_HEADERS,
                auto_decompress=False,
                trust_env=False,
                max_line_size=_LONGEST_LINE,
                max_field_size=_LONGEST_LINE,
                middlewares=(_once,),
            )
        return self._opened


def _address(request: httpx2.Request) -> URL:
    # Name and password of an address are in a header by now; keys may be in the target, and only there.
    url = request.url
    target: bytes = request.extensions.get("target", url.raw_path)
    return URL(f"{url.scheme}://{url.netloc.decode('ascii')}{target.decode('ascii')}", encoded=True)


def _body(content: bytes) -> bytes | io.BytesIO | None:
    # In one piece a long body would hold up the loop.
    return io.BytesIO(content) if len(content) > _LONGEST_PIECE else content or None


def _headers(headers: httpx2.Headers) -> list[tuple[str, str]]:
    raw = headers.raw
    encoding = "ascii" if all(value.isascii() for _, value in raw) else headers.encoding
    return [(name.decode("ascii"), value.decode(encoding)) for name, value in raw]


def _sum(seconds: dict[str, float | None], *names: str) -> float | None:
    found = [seconds.get(name) for name in names]
    return None if None in found else sum(one for one in found if one is not None)


def _translated(error: Exception) -> Exception:
    said = _said(error)
    if isinstance(error, TimeoutError):
        return httpx2.ReadTimeout(said)
    if isinstance(error, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return httpx2.UnsupportedProtocol(said)
    if isinstance(error, ValueError):
        return httpx2.LocalProtocolError(said)
    if isinstance(
        error, (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientResponseError)
    ):
        return httpx2.RemoteProtocolError(said)
    return httpx2.ReadError(said)


def _said(error: Exception) -> str:
    # The text of some of them quotes the address, keys in it too.
    quotes = isinstance(error, _QUOTING)
    return type(error).__name__ + ("" if quotes or not str(error) else f": {error}")
