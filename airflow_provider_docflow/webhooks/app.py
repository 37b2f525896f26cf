"""The addresses as an ASGI application: what is limited, capped and bounded before anything is looked at."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from airflow_provider_docflow.core.webhooks import Answer, Delivery
from airflow_provider_docflow.webhooks.rates import Rates
from airflow_provider_docflow.webhooks.receiver import REFUSED, UNAVAILABLE, Receiver
from airflow_provider_docflow.webhooks.settings import PREFIX

LARGEST_BODY = 256 * 1024
BODY_SECONDS = 10.0
"""How long a sender may take to send its body."""

BURSTS = 4
"""So many seconds' worth of deliveries may come at once."""

THREADS, MOST_AT_ONCE = 8, 64
"""How many deliveries are looked at side by side, and how many may wait for it."""

_ANSWER_SHARE = 0.8
"""Of the vendor's time limit; the rest is for the way there and back."""

_TOO_MANY = Answer(status=429, body=b"too many")
_TOO_LARGE = Answer(status=413, body=b"too large")
_TOO_SLOW = Answer(status=408, body=b"too slow")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Webhooks:
    """Every address.

    The rate of one peer and the size of a body are the same for known and unknown addresses, so that neither
    tells which exist.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        rate = receiver.settings.rate
        self._peers = Rates(rate, rate * BURSTS)
        self._names = Rates(rate, rate * BURSTS)
        self._under_way = 0

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS, thread_name_prefix="docflow-webhook")

    def mount(self) -> Mount:
        """Return the routes, under their prefix."""
        return Mount(PREFIX, routes=[Route("/{conn_id}", self.take, methods=["GET", "POST"])])

    async def take(self, request: Request) -> Response:
        """Take one delivery."""
        name = str(request.path_params["conn_id"])
        known = self.receiver.knows(name)
        peer = request.client.host if request.client else ""
        if not (self._peers.take(peer) and self._names.take(name if known else "")):
            return _response(_TOO_MANY)
        body = await _body(request)
        if isinstance(body, Answer):
            return _response(body, close=True)
        if not known:
            return _response(REFUSED)
        delivery = Delivery(
            method=request.method,
            query=dict(request.query_params),
            headers={key.lower(): value for key, value in request.headers.items()},
            body=body,
        )
        return _response(await self._received(name, delivery))

    async def _received(self, name: str, delivery: Delivery) -> Answer:
        if self._under_way >= MOST_AT_ONCE:
            return UNAVAILABLE
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, self.receiver.receive, name, delivery)
        self._under_way += 1
        work.add_done_callback(self._ended)
        try:
            # What is late is kept all the same; the sender then repeats it and is answered at once.
            seconds = self.receiver.answer_seconds(name) * _ANSWER_SHARE
            return await asyncio.wait_for(asyncio.shield(work), seconds)
        except TimeoutError:
            return UNAVAILABLE

    def _ended(self, _: asyncio.Future[Answer]) -> None:
        self._under_way -= 1


async def _body(request: Request) -> bytes | Answer:
    """Return the body, or why it was not read; no more of it is ever held than is allowed."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > LARGEST_BODY:
        return _TOO_LARGE
    found = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for chunk in request.stream():
                if len(found) + len(chunk) > LARGEST_BODY:
                    return _TOO_LARGE
                found += chunk
    except (TimeoutError, ClientDisconnect):
        return _TOO_SLOW
    return bytes(found)


def _response(answer: Answer, *, close: bool = False) -> Response:
    headers = {**_HEADERS, "Connection": "close"} if close else _HEADERS
    return Response(answer.body, answer.status, headers, media_type=answer.content_type)


def create_app(receiver: Receiver) -> Starlette:
    """Return the application that receives events and does nothing else."""
    return Starlette(routes=[Webhooks(receiver).mount()])
