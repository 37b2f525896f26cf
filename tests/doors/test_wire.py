"""
The wire of the async door beside the client's own transport: the same bytes leave, the same replies come.

What it must never do is send a request twice, or call one unsent of which a byte has left.
"""

from __future__ import annotations

import asyncio
import gzip
import ssl
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import LeaseLost
from airflow_provider_docflow.hooks.doors import AsyncDoor
from airflow_provider_docflow.hooks.trust import trust
from airflow_provider_docflow.hooks.wire import Wire
from airflow_provider_docflow.systems.rest.example import PROFILE
from scripts.ports import free_port
from tests.doors.peer import Peer, answering, reply

LIMITS = httpx2.Limits(max_connections=4, keepalive_expiry=5.0)
KEY = "k3y-of-the-robot"
PATIENCE = httpx2.Timeout(10.0).as_dict()


def wire() -> httpx2.AsyncBaseTransport:
    return Wire(trust(True), LIMITS)


def clients_own() -> httpx2.AsyncBaseTransport:
    return httpx2.AsyncHTTPTransport(verify=trust(True), limits=LIMITS)


BOTH = pytest.mark.parametrize("transport", [wire, clients_own])
Made = Callable[[], httpx2.AsyncBaseTransport]


def request(peer: Peer | str, method: str = "GET", path: str = "/", **more: Any) -> httpx2.Request:
    base = peer if isinstance(peer, str) else peer.url
    extensions = {"timeout": PATIENCE, **more.pop("extensions", {})}
    return httpx2.Request(method, f"{base}{path}", extensions=extensions, **more)


async def sent(transport: httpx2.AsyncBaseTransport, *requests: httpx2.Request) -> list[httpx2.Response]:
    async with httpx2.AsyncClient(transport=transport, trust_env=False) as client:
        return [await client.send(one) for one in requests]


REQUESTS: dict[str, dict[str, Any]] = {
    "a query with what has to be quoted": {"path": "/a%2Fb/c d/单?q=1+1&r=%E5%8D%95&s=a/b:c@d;e,f&empty="},
    "a query that is quoted already": {"path": "/x?sign=a%2Bb%3D%3D&t=%7E-._~!$&'()*"},
    "JSON": {"method": "POST", "path": "/orders", "json": {"名": "扳手", "n": "1.10"}},
    "a form": {"method": "POST", "path": "/login", "data": {"user": "李", "password": "a b&c=d"}},
    "a body of nothing": {"method": "POST", "path": "/approve"},
    "a body of bytes": {"method": "PUT", "path": "/raw", "content": bytes(range(256)) * 300},
    "a removal": {"method": "DELETE", "path": "/orders/1"},
    "headers of our own": {
        "headers": [("X-Sign", "a=b"), ("X-Sign", "twice"), ("User-Agent", "docflow"), ("Accept", "text/xml")]
    },
    "a header beyond ASCII": {"headers": [(b"X-Name", "Zoë".encode())]},
    "a name and a password in the address": {"path": "/x", "headers": {"Authorization": "Basic abc"}},
    "a target that is not in the address": {"path": "/x?a=1", "extensions": {"target": b"/x?a=1&key=k%2By"}},
}


@pytest.mark.parametrize("made", REQUESTS.values(), ids=REQUESTS.keys())
def test_the_same_bytes_leave_as_from_the_client_itself(made: dict[str, Any]) -> None:
    async def run() -> list[bytes]:
        async with answering(lambda _: reply()) as peer:
            base = peer.url
            if "password" in str(made.get("headers")) or "Authorization" in str(made.get("headers")):
                base = base.replace("//", "//anna:s3cret@")
            for transport in (clients_own(), wire()):
                await sent(transport, request(base, **made))
            return peer.requests

    own, ours = asyncio.run(run())
    assert _parts(ours) == _parts(own)


def _parts(request: bytes) -> tuple[bytes, list[tuple[bytes, bytes]], bytes]:
    head, _, body = request.partition(b"\r\n\r\n")
    line, *headers = head.split(b"\r\n")
    named = sorted((name.lower(), value) for name, _, value in (one.partition(b": ") for one in headers))
    # aiohttp says even of a removal that it has no body.
    empty = [(b"content-length", b"0")] if line.startswith(b"DELETE") else []
    return line, [one for one in named if one not in empty], body


REPLIES: dict[str, bytes] = {
    "with a reason": reply(b'{"no": 1}', status="409 Konflikt", head=b"X-Request-Id: 7\r\n"),
    "without a reason": reply(status="200 "),
    "nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
    "not modified": b"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n",
    "in pieces": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    "packed": reply(gzip.compress(b"packed" * 99), head=b"Content-Encoding: gzip\r\n"),
    "until the end": b"HTTP/1.0 200 OK\r\n\r\nto the end",
    "two cookies": reply(head=b"Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2; Path=/\r\n"),
    "a redirection": reply(status="302 Found", head=b"Location: http://127.0.0.1:1/elsewhere\r\n"),
    "a long header": reply(head=b"X-Long: " + b"x" * 60_000 + b"\r\n"),
    "a header in Latin-1": reply(head="X-Name: Zoë\r\n".encode("latin-1")),
    "after an interim reply": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + reply(),
}


@pytest.mark.parametrize("said", REPLIES.values(), ids=REPLIES.keys())
def test_the_same_reply_comes_in_as_to_the_client_itself(said: bytes) -> None:
    async def run() -> list[httpx2.Response]:
        async with answering(lambda _: said, then_close=True) as peer:
            return [(await sent(made(), request(peer)))[0] for made in (clients_own, wire)]

    own, ours = asyncio.run(run())
    assert (ours.status_code, ours.reason_phrase, ours.content) == (
        own.status_code,
        own.reason_phrase,
        own.content,
    )
    assert sorted(ours.headers.raw) == sorted(own.headers.raw)
    assert dict(ours.cookies) == dict(own.cookies)


NAMELESS = ".".join(["a" * 60] * 5)
"""A host that has no address: its name is too long for anybody to be asked."""


@BOTH
@pytest.mark.parametrize(
    ("said", "error"),
    [
        (None, httpx2.RemoteProtocolError),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", httpx2.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", httpx2.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", httpx2.RemoteProtocolError),
        (reply(b"no gzip", head=b"Content-Encoding: gzip\r\n"), httpx2.DecodingError),
    ],
    ids=["no reply", "no HTTP", "cut short", "bad pieces", "badly packed"],
)
def test_a_reply_that_fails_leaves_open_what_landed(
    transport: Made, said: bytes | None, error: type[Exception]
) -> None:
    async def run() -> int:
        async with answering(lambda _: said, then_close=True) as peer:
            with pytest.raises(error) as told:
                await sent(transport(), request(peer, "PUT", f"/x?key={KEY}", content=b"{}"))
            assert KEY not in str(told.value)
            return len(peer.requests)

    assert asyncio.run(run()) == 1


@BOTH
def test_silence_ends_as_a_reply_that_did_not_come(transport: Made) -> None:
    async def run() -> None:
        seconds = {**PATIENCE, "read": 0.2}
        async with answering(lambda _: b"") as peer:
            with pytest.raises(httpx2.ReadTimeout):
                await sent(transport(), request(peer, "POST", extensions={"timeout": seconds}))
            await asyncio.wait_for(peer.asked.wait(), 30)
            assert len(peer.requests) == 1

    asyncio.run(run())


@BOTH
def test_a_peer_that_takes_no_bytes_ends_too(transport: Made) -> None:
    async def run() -> None:
        stuck = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reader._transport.pause_reading()  # type: ignore[attr-defined]
            await stuck.wait()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        seconds = {"pool": 0.3, "connect": 2.0, "write": 0.3, "read": 0.3}
        try:
            with pytest.raises((httpx2.WriteTimeout, httpx2.ReadTimeout)):
                await sent(
                    transport(),
                    request(url, "POST", content=b"x" * 30_000_000, extensions={"timeout": seconds}),
                )
        finally:
            stuck.set()
            server.close()

    asyncio.run(run())


@BOTH
def test_only_what_cannot_have_left_is_called_not_connected(transport: Made) -> None:
    async def run() -> None:
        with pytest.raises(httpx2.ConnectError):
            await sent(transport(), request(f"http://127.0.0.1:{free_port()}", "POST"))
        with pytest.raises(httpx2.ConnectError):
            await sent(transport(), request(f"http://{NAMELESS}", "POST"))
        with pytest.raises(httpx2.UnsupportedProtocol):
            await sent(transport(), request("ftp://127.0.0.1", "POST"))
        async with answering(lambda _: None, at_once=b"220 no TLS here\r\n") as peer:
            with pytest.raises(httpx2.ConnectError):
                await sent(transport(), request(peer.url.replace("http", "https"), "POST"))

    asyncio.run(run())


@BOTH
def test_what_cannot_be_said_in_a_header_is_refused_and_nothing_leaves(transport: Made) -> None:
    async def run() -> None:
        async with answering(lambda _: reply()) as peer:
            with pytest.raises(httpx2.LocalProtocolError):
                await sent(transport(), request(peer, headers={"X-Sign": "a\r\nX-Other: b"}))
            assert peer.requests == []

    asyncio.run(run())


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_nothing_is_sent_twice_when_a_kept_connection_breaks(method: str) -> None:
    async def run() -> tuple[int, int]:
        async with answering(lambda count: reply() if count == 1 else None) as peer:
            with pytest.raises(httpx2.RemoteProtocolError):
                await sent(wire(), request(peer, method), request(peer, method))
            return len(peer.requests), peer.connections

    assert asyncio.run(run()) == (2, 1)


@BOTH
def test_the_last_check_comes_with_the_connection_and_before_the_first_byte(transport: Made) -> None:
    seen: list[tuple[int, int]] = []

    async def run() -> tuple[list[bytes], int]:
        async with answering(lambda _: reply()) as peer:

            async def late(event: str, _info: Any) -> None:
                if event.endswith("send_request_headers.started"):
                    seen.append((peer.connections, len(peer.requests)))
                    raise LeaseLost("too late")

            async with httpx2.AsyncClient(transport=transport(), trust_env=False) as client:
                with pytest.raises(LeaseLost):
                    await client.send(request(peer, "POST", "/late", extensions={"trace": late}))
                await client.send(request(peer, "POST", "/in-time"))
            return peer.requests, peer.connections

    requests, _ = asyncio.run(run())
    assert [got.split(b" ")[1] for got in requests] == [b"/in-time"]
    assert len(seen) == 1


def test_who_gives_up_leaves_no_connection_behind() -> None:
    async def run() -> None:
        async with answering(lambda _: b"") as peer:
            made = wire()
            async with httpx2.AsyncClient(transport=made, trust_env=False) as client:
                waiting = asyncio.ensure_future(client.send(request(peer, "POST")))
                await asyncio.wait_for(peer.asked.wait(), 30)
                waiting.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await waiting
                await asyncio.wait_for(peer.left.wait(), 30)

    asyncio.run(run())


def test_cookies_are_the_clients_affair_and_connections_are_kept() -> None:
    async def run() -> Peer:
        async with answering(lambda _: reply(head=b"Set-Cookie: session=1; Path=/\r\n")) as peer:
            made = wire()
            for _ in range(2):
                answer = await made.handle_async_request(request(peer))
                assert await answer.aread() == b"ok"
            await made.aclose()
            return peer

    peer = asyncio.run(run())
    assert peer.connections == 1
    assert not any(b"ookie" in got for got in peer.requests)


def test_no_more_connections_than_allowed_and_all_are_served() -> None:
    async def run() -> int:
        async with answering(lambda _: reply()) as peer:
            async with httpx2.AsyncClient(transport=wire(), trust_env=False) as client:
                replies = await asyncio.gather(*(client.send(request(peer)) for _ in range(40)))
            assert {one.text for one in replies} == {"ok"}
            return peer.connections

    assert asyncio.run(run()) <= 4


@pytest.mark.parametrize("excepted", ["", "127.0.0.1"])
def test_a_proxy_of_the_environment_is_the_clients_affair(
    excepted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> tuple[list[bytes], list[bytes]]:
        async with answering(lambda _: reply(b"proxy")) as proxy, answering(lambda _: reply(b"{}")) as peer:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("http_proxy", proxy.url)
            monkeypatch.setenv("NO_PROXY", excepted)
            monkeypatch.setenv("no_proxy", excepted)
            site = Site(profile=PROFILE, conn_id="erp", base_url=peer.url, settings={})
            async with AsyncDoor(site) as door:
                await door.perform(request(peer, path="/x"))
            return proxy.requests, peer.requests

    through, direct = asyncio.run(run())
    assert (len(through), len(direct)) == ((0, 1) if excepted else (1, 0))
    if not excepted:
        assert through[0].startswith(b"GET http://127.0.0.1:")


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Any) -> None:
    certificate = self_signed(tmp_path)

    async def run() -> str:
        served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        served.load_cert_chain(certificate)

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if await reader.read(4096):
                writer.write(reply(b"trusted"))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=served)
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(httpx2.ConnectError):
            await sent(wire(), request(url, "POST"))
        (answer,) = await sent(Wire(trust(False), LIMITS), request(url, "POST"))
        server.close()
        return answer.text

    assert asyncio.run(run()) == "trusted"


def self_signed(folder: Any) -> str:
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "peer.pem"
    path.write_bytes(text + made.public_bytes(serialization.Encoding.PEM))
    return str(path)
