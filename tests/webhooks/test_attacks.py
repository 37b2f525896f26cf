"""What an attacker tries at the addresses: to learn which exist, to hold them up, to be given secrets."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from typing import Any

import httpx2
import pytest
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.webhooks import app as apps
from airflow_provider_docflow.webhooks import serving
from airflow_provider_docflow.webhooks.app import Webhooks, create_app
from airflow_provider_docflow.webhooks.rates import peer_of
from airflow_provider_docflow.webhooks.receiver import KNOWN_SECONDS, Receiver
from airflow_provider_docflow.webhooks.settings import Settings
from tests.waiting.waits import until
from tests.webhooks.conftest import kept
from tests.webhooks.sender import Clock, Sender, decided
from tests.webhooks.serving import served

HANGS = 30
NAMES = ["oa", "never_heard_of"]
HERE, THERE = "127.0.0.1", "127.0.0.2"


@pytest.fixture
def port(receiver: Receiver) -> Iterator[int]:
    """The addresses behind a real server."""
    with served(receiver) as url:
        yield httpx2.URL(url).port or 0


def _line(port: int, peer: str = HERE) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=HANGS, source_address=(peer, 0))


def _is_closed(line: socket.socket, sent: bytes) -> bool:
    """Send something and wait for the end, which may come before it was sent."""
    try:
        line.sendall(sent)
        return line.recv(1000) == b""
    except ConnectionError:
        return True


def _posted(receiver: Receiver, requests: list[tuple[str, str]]) -> list[tuple[int, bytes]]:
    """Post nothing from a peer to a name, one after the other; return what was answered."""
    app = create_app(receiver)

    async def run() -> list[tuple[int, bytes]]:
        answers = []
        for peer, name in requests:
            transport = httpx2.ASGITransport(app, client=(peer, 1))
            async with httpx2.AsyncClient(transport=transport, base_url="http://hooks.example") as client:
                answer = await client.post(f"/webhooks/{name}")
                answers.append((answer.status_code, answer.content))
        return answers

    return asyncio.run(run())


def test_used_up_buckets_do_not_tell_which_names_exist(sender: Sender, ledger: Ledger, clock: Clock) -> None:
    flood = [("10.0.0.1", "NAME")] * 4 + [("10.0.0.2", "NAME"), ("10.0.0.2", "another")]
    told = []
    for name in NAMES:
        receiver = Receiver(Settings(frozenset({"oa"}), rate=0.999), now=clock, clock=clock)
        told.append(_posted(receiver, [(peer, one.replace("NAME", name)) for peer, one in flood]))
    assert told[0] == told[1]
    assert [status for status, _ in told[0]] == [404, 404, 404, 429, 429, 404]


def test_a_flood_of_one_name_leaves_the_others_alone(
    post: Callable[..., Any], sender: Sender, ledger: Ledger, clock: Clock, connect: Callable[..., None]
) -> None:
    connect("erp")
    receiver = Receiver(Settings(frozenset({"oa", "erp"}), rate=0.999), now=clock, clock=clock)
    flood = [(f"10.0.0.{number}", "oa") for number in range(5)]
    client = TestClient(create_app(receiver))
    with capture_logs():
        assert [client.post("/webhooks/oa").status_code for _ in range(4)][-1] == 429
        answers = _posted(receiver, [*flood, ("10.0.1.1", "erp")])
    assert [status for status, _ in answers] == [404, 404, 404, 429, 429, 404]
    assert kept(ledger) == []


def test_addresses_of_one_network_are_one_peer() -> None:
    assert peer_of("2001:db8:1:2::1") == peer_of("2001:db8:1:2:ffff::9") != peer_of("2001:db8:1:3::1")
    assert peer_of("::ffff:10.0.0.1") == peer_of("10.0.0.1") != peer_of("::ffff:10.0.0.2")
    assert peer_of("") == "" and peer_of("testclient") == "testclient" and peer_of("a:b") == "a:b"


def test_a_refusal_does_not_come_sooner_where_nothing_was_looked_at(
    sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apps, "REFUSAL_SECONDS", 600.0)
    webhooks = Webhooks(receiver)

    async def run() -> list[bool]:
        transport = httpx2.ASGITransport(apps.Starlette(routes=[webhooks.mount()]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://hooks.example") as client:
            tasks = [asyncio.create_task(client.post(f"/webhooks/{name}")) for name in NAMES]
            await until(lambda: sender.opened == 1 and webhooks._under_way == 0)
            for _ in range(100):
                await asyncio.sleep(0)
            done = [task.done() for task in tasks]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return done

    assert asyncio.run(run()) == [False, False]


def test_all_names_are_put_off_when_too_much_is_under_way(sender: Sender, receiver: Receiver) -> None:
    webhooks = Webhooks(receiver)
    webhooks._under_way = apps.MOST_AT_ONCE
    client = TestClient(apps.Starlette(routes=[webhooks.mount()]))
    answers = [client.post(f"/webhooks/{name}") for name in NAMES]
    assert [(one.status_code, one.content) for one in answers] == [(503, b"try again")] * 2


@pytest.mark.parametrize("beginning", [b"", b"POST /webhooks/oa HTTP/1.1\r\nHost: x\r\nA: "])
def test_a_connection_that_asks_for_nothing_is_closed(
    port: int, monkeypatch: pytest.MonkeyPatch, beginning: bytes
) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 0.05)
    with _line(port) as line:
        assert _is_closed(line, beginning)


def test_a_connection_that_asked_once_is_closed_as_well(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "HEAD_SECONDS", 1.0)
    with _line(port) as line:
        line.sendall(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n")
        assert line.recv(1000).startswith(b"HTTP/1.1 404")
        assert _is_closed(line, b"GET /noth")


def test_a_head_without_end_is_not_held(port: int) -> None:
    with _line(port) as line:
        line.sendall(b"POST /webhooks/oa HTTP/1.1\r\nHost: x\r\n")
        with pytest.raises(ConnectionError):
            for number in range(10_000):
                line.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1_000))
            line.sendall(b"\r\n")
            # It was read to its end.
            assert not line.recv(1000)
            raise ConnectionError


def test_one_peer_cannot_take_every_connection(
    port: int, sender: Sender, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_OF_PEER", 3)
    with ExitStack() as stack:
        held = [stack.enter_context(_line(port)) for _ in range(3)]
        for line in held:
            line.sendall(b"POST /webhooks/oa HTTP/1.1\r\nHost: x\r\n")
        with _line(port) as one_more:
            assert one_more.recv(1000) == b""
        delivery = sender.delivery(decided())
        transport = httpx2.HTTPTransport(local_address=THERE)
        with httpx2.Client(transport=transport, timeout=HANGS) as client:
            assert client.post(f"http://127.0.0.1:{port}/webhooks/oa", **delivery).status_code == 200
    assert kept(ledger) == [("oa", "e-1")]


@pytest.mark.parametrize("told", ["²", "9" * 5_000, "-1", "1e9", "0x10", "+5"])
def test_a_strange_length_is_no_error(sender: Sender, receiver: Receiver, told: str) -> None:
    """Of servers that do not check it themselves."""
    sent: list[Any] = []
    scope = {
        "type": "http", "method": "POST", "path": "/webhooks/oa", "raw_path": b"/webhooks/oa",
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "headers": [(b"content-length", told.encode("latin-1"))], "client": ("10.0.0.1", 1),
        "server": ("hooks.example", 80),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(create_app(receiver)(scope, receive, send))
    assert sent[0]["status"] in (404, 413)


def test_lengths_that_lie_smuggle_nothing(port: int, sender: Sender) -> None:
    inner = b"GET /webhooks/oa HTTP/1.1\r\nHost: x\r\n\r\n"
    heads = [
        b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(inner),
        b"Transfer-Encoding: gzip, chunked\r\n",
    ]
    for head in heads:
        with _line(port) as line:
            line.sendall(b"POST /webhooks/oa HTTP/1.1\r\nHost: x\r\n%b\r\n0\r\n\r\n%b" % (head, inner))
            assert line.recv(1000).split()[1] in (b"400", b"501")
    assert sender.opened == 0


@pytest.mark.parametrize("path", ["/webhooks/{}/", "/webhooks/{}%2f", "/webhooks/{}/x", "/webhooks//{}"])
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT", "OPTIONS"])
def test_nothing_leads_elsewhere(
    post: Callable[..., Any], client: TestClient, sender: Sender, method: str, path: str
) -> None:
    heads = {"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    answers = [
        client.request(method, path.format(name), headers=heads, follow_redirects=False) for name in NAMES
    ]
    assert [one.status_code for one in answers] == [404, 404]
    assert all("location" not in one.headers for one in answers)
    assert answers[0].content == answers[1].content in (b"not found", b"")
    assert sender.opened == 0


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "PATCH"])
def test_other_methods_tell_nothing(client: TestClient, sender: Sender, method: str) -> None:
    answers = [client.request(method, f"/webhooks/{name}") for name in NAMES]
    assert [one.status_code for one in answers] == [405, 405]
    assert answers[0].content == answers[1].content and answers[0].headers == answers[1].headers
    assert sender.opened == 0


def test_a_compressed_body_is_not_unpacked(post: Callable[..., Any], sender: Sender, ledger: Ledger) -> None:
    import gzip

    delivery = sender.delivery(decided())
    packed = {**delivery, "content": gzip.compress(delivery["content"])}
    packed["headers"] = {**delivery["headers"], "Content-Encoding": "gzip"}
    assert post(packed).status_code == 404
    assert kept(ledger) == []


def test_another_process_knows_what_came_in(sender: Sender, ledger: Ledger, clock: Clock) -> None:
    delivery = sender.delivery(decided())
    changed = {**delivery, "params": {**delivery["params"], "more": "1"}}
    one, other = (
        TestClient(create_app(Receiver(Settings(frozenset({"oa"})), now=clock, clock=clock)))
        for _ in range(2)
    )
    assert one.post("/webhooks/oa", **delivery).status_code == 200
    assert other.post("/webhooks/oa", **changed).status_code == 404
    assert other.post("/webhooks/oa", **delivery).status_code == 200
    assert kept(ledger) == [("oa", "e-1")]


@pytest.mark.parametrize("secret", [" ", "\t\n", "　"])
def test_a_secret_of_spaces_is_none(
    post: Callable[..., Any], sender: Sender, ledger: Ledger, connect: Callable[..., None], secret: str
) -> None:
    connect("empty", secret=secret)
    with capture_logs() as lines:
        assert post(sender.delivery(decided(), secret=secret), "empty").status_code == 404
    assert sender.opened == 0 and [line["reason"] for line in lines] == ["connection"]


def test_a_server_that_is_sent_nonsense_does_not_write_of_each(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    for beginning in (b"\x16\x03\x01\r\n\r\n", b"GET /webhooks/oa HTTP/1.1\r\nA b: c\r\n\r\n"):
        with _line(port) as line:
            line.sendall(beginning)
            assert line.recv(1000).startswith(b"HTTP/1.1 400")
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=HANGS)) as line:
        heads = {"Connection": "upgrade", "Upgrade": "websocket"}
        line.request("GET", "/webhooks/never_heard_of", headers=heads)
        assert line.getresponse().status == 404
    assert caplog.records == []


def test_a_slow_look_up_holds_up_one_delivery_alone(sender: Sender, ledger: Ledger, clock: Clock) -> None:
    asked, may_end = threading.Event(), threading.Event()

    class Slow(Receiver):
        def _read(self, conn_id: str) -> Any:
            if self._found:
                asked.set()
                may_end.wait(HANGS)
            return super()._read(conn_id)

    client = TestClient(create_app(Slow(Settings(frozenset({"oa"})), now=clock, clock=clock)))
    assert client.post("/webhooks/oa", **sender.delivery(decided())).status_code == 200
    clock.now += KNOWN_SECONDS
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(client.post, "/webhooks/oa", **sender.delivery(decided(event_id="e-2")))
        assert asked.wait(HANGS)
        assert client.post("/webhooks/oa", **sender.delivery(decided(event_id="e-3"))).status_code == 200
        assert kept(ledger) == [("oa", "e-1"), ("oa", "e-3")]
        may_end.set()
        assert first.result(HANGS).status_code == 200
    assert len(kept(ledger)) == 3
