"""What is limited before anything is looked at: bodies, rates, time, and how much at once."""

from __future__ import annotations

import asyncio
import http.client
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from airflow_provider_docflow import systems
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.webhooks import app as apps
from airflow_provider_docflow.webhooks.app import LARGEST_BODY, MOST_AT_ONCE, Webhooks, create_app
from airflow_provider_docflow.webhooks.rates import Rates
from airflow_provider_docflow.webhooks.receiver import Receiver
from airflow_provider_docflow.webhooks.settings import Settings
from tests.waiting.waits import until
from tests.webhooks.conftest import kept
from tests.webhooks.sender import Clock, Sender, decided
from tests.webhooks.serving import served

HANGS = 30


@pytest.fixture
def port(receiver: Receiver) -> Iterator[int]:
    """The addresses behind a real server."""
    with served(receiver) as url:
        yield httpx2.URL(url).port or 0


def _sent(port: int, conn_id: str, length: int, *, told: bool) -> tuple[int, bytes]:
    """Tell the length of a body and send nothing, or send it in chunks and never end one that is too long."""
    head = ("Content-Length", str(length)) if told else ("Transfer-Encoding", "chunked")
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=HANGS)) as line:
        line.putrequest("POST", f"/webhooks/{conn_id}")
        line.putheader(*head)
        line.endheaders()
        if not told:
            piece = b"x" * 8192
            for start in range(0, length, len(piece)):
                part = piece[: length - start]
                line.send(b"%x\r\n%b\r\n" % (len(part), part))
            if length <= LARGEST_BODY:
                line.send(b"0\r\n\r\n")
        answer = line.getresponse()
        assert answer.status != 413 or answer.getheader("connection") == "close"
        return answer.status, answer.read()


@pytest.mark.parametrize("conn_id", ["oa", "never_heard_of"])
def test_a_body_that_is_too_large_is_not_read(port: int, sender: Sender, conn_id: str) -> None:
    for told in (True, False):
        assert _sent(port, conn_id, LARGEST_BODY + 1, told=told) == (413, b"too large")
    assert sender.opened == 0
    assert _sent(port, conn_id, LARGEST_BODY, told=False) == (404, b"not found")
    assert sender.opened == (conn_id == "oa")


def test_a_body_of_the_largest_size_is_taken(port: int, sender: Sender, ledger: Ledger) -> None:
    empty = len(sender.delivery(decided(by=""))["content"])
    delivery = sender.delivery(decided(by="x" * (LARGEST_BODY - empty)))
    assert len(delivery["content"]) == LARGEST_BODY
    answer = httpx2.post(f"http://127.0.0.1:{port}/webhooks/oa", timeout=HANGS, **delivery)
    assert answer.status_code == 200 and "server" not in answer.headers
    assert kept(ledger) == [("oa", "e-1")]


def test_a_body_that_does_not_come_is_not_waited_for(
    port: int, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(apps, "BODY_SECONDS", 0.05)
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=HANGS)) as line:
        line.putrequest("POST", "/webhooks/oa")
        line.putheader("Content-Length", "10")
        line.endheaders(b"12345")
        assert line.getresponse().status == 408
    assert sender.opened == 0


@pytest.mark.parametrize("conn_id", ["oa", "never_heard_of"])
def test_a_peer_that_sends_too_often_is_told_so_at_any_address(
    sender: Sender, ledger: Ledger, clock: Clock, conn_id: str
) -> None:
    receiver = Receiver(Settings(frozenset({"oa"}), rate=0.001), now=clock, clock=clock)
    client = TestClient(create_app(receiver))
    answers = [client.post(f"/webhooks/{conn_id}") for _ in range(4)]
    assert {one.status_code for one in answers} == {429}
    assert sender.opened == 0


def test_a_bucket_fills_again() -> None:
    clock = Clock()
    rates = Rates(2.0, 4.0, clock=clock)
    assert [rates.take("oa") for _ in range(5)] == [True] * 4 + [False]
    assert rates.take("another")
    clock.now += 0.5
    assert [rates.take("oa") for _ in range(2)] == [True, False]
    clock.now += 3_600
    assert [rates.take("oa") for _ in range(5)] == [True] * 4 + [False]


def test_buckets_do_not_pile_up() -> None:
    clock = Clock()
    rates = Rates(1.0, 1.0, clock=clock, most=10)
    assert all(rates.take(str(number)) for number in range(1_000))
    assert len(rates._buckets) == 10 and not rates.take("999")


def test_a_late_answer_is_none_and_the_event_is_kept_all_the_same(
    sender: Sender, ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(systems._registered, "waiting_oa", sender.profile(answer_seconds=0.05))
    receiver = Receiver(Settings(frozenset({"oa"})), now=clock, clock=clock)
    client = TestClient(create_app(receiver))
    assert client.request("GET", "/webhooks/oa", **sender.delivery()).status_code == 200
    delivery = sender.delivery(decided())
    sender.may_open.clear()
    assert client.post("/webhooks/oa", **delivery).status_code == 503
    assert kept(ledger) == []
    sender.may_open.set()
    asyncio.run(until(lambda: kept(ledger) == [("oa", "e-1")]))
    monkeypatch.setitem(systems._registered, "waiting_oa", sender.profile())
    again = Receiver(Settings(frozenset({"oa"})), now=clock, clock=clock)
    assert TestClient(create_app(again)).post("/webhooks/oa", **delivery).status_code == 200
    assert kept(ledger) == [("oa", "e-1")]


def test_only_so_many_are_looked_at_at_once(sender: Sender, receiver: Receiver, ledger: Ledger) -> None:
    webhooks = Webhooks(receiver)
    many = [sender.delivery(decided(event_id=f"e-{number}")) for number in range(MOST_AT_ONCE)]

    async def run() -> list[int]:
        transport = httpx2.ASGITransport(Starlette(routes=[webhooks.mount()]))
        async with httpx2.AsyncClient(transport=transport, base_url="http://hooks.example") as client:

            async def post(delivery: dict[str, Any]) -> int:
                return (await client.post("/webhooks/oa", **delivery)).status_code

            assert await post(sender.delivery(decided(event_id="first"))) == 200
            sender.may_open.clear()
            waiting = [asyncio.create_task(post(delivery)) for delivery in many]
            await until(lambda: webhooks._under_way == MOST_AT_ONCE)
            one_more = await post(sender.delivery(decided(event_id="last")))
            sender.may_open.set()
            return [one_more, *await asyncio.gather(*waiting)]

    answers = asyncio.run(run())
    assert answers == [503] + [200] * MOST_AT_ONCE
    assert len(kept(ledger)) == 1 + MOST_AT_ONCE
