"""The addresses as an ASGI application: what is limited, capped and bounded before anything is looked at."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import Receive, Scope, Send

from airflow_provider_docflow.core.webhooks import Answer, Delivery
from airflow_provider_docflow.webhooks.rates import Rates, peer_of
from airflow_provider_docflow.webhooks.receiver import REFUSED, UNAVAILABLE, Receiver
from airflow_provider_docflow.webhooks.settings import PREFIX

LARGEST_BODY = 256 * 1024
BODY_SECONDS = 10.0
"""How long a sender may take to send its body."""

BURSTS = 4
"""So many seconds' worth of deliveries may come at once."""

THREADS, MOST_AT_ONCE = 8, 64
"""How many deliveries are looked at side by side, and how many may wait for it."""

REFUSAL_SECONDS = 0.1
"""No refusal comes sooner, so that its time does not tell what was looked at on the way."""

_LONGEST_NAME = 250
_ANSWER_SHARE = 0.8
"""Of the vendor's time limit; the rest is for the way there and back."""

_TOO_MANY = Answer(status=429, body=b"too many")
_TOO_LARGE = Answer(status=413, body=b"too large")
_TOO_SLOW = Answer(status=408, body=b"too slow")
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Webhooks:
    """Every address.

    Rates, sizes, times and how much may be under way are the same for known and unknown addresses, so that
    none tells which exist.
    """

    def __init__(self, receiver: Receiver) -> None:
        self.receiver = receiver
        rate, clock = receiver.settings.rate, receiver.clock
        self._peers = Rates(rate, rate * BURSTS, clock=clock)
        self._names = Rates(rate, rate * BURSTS, clock=clock)
        self._under_way = 0

    @cached_property
    def _threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(THREADS, thread_name_prefix="docflow-webhook")

    def mount(self) -> Mount:
        """Return the routes, under their prefix."""
        route = Route("/{conn_id}", self.take, methods=["GET", "POST"])
        # A redirect would lead to whatever host the sender named.
        return Mount(PREFIX, Router([route], redirect_slashes=False, default=_nothing))

    async def take(self, request: Request) -> Response:
        """Take one delivery."""
        name = str(request.path_params["conn_id"])
        peer = peer_of(request.client.host if request.client else "")
        if not (self._peers.take(peer) and self._names.take(name[:_LONGEST_NAME])):
            return _response(_TOO_MANY)
        body = await _body(request)
        if isinstance(body, Answer):
            return _response(body, close=True)
        loop = asyncio.get_running_loop()
        soonest = loop.time() + REFUSAL_SECONDS
        answer = await self._answer(name, request, body)
        if answer == REFUSED:
            await asyncio.sleep(soonest - loop.time())
        return _response(answer)

    async def _answer(self, name: str, request: Request, body: bytes) -> Answer:
        if self._under_way >= MOST_AT_ONCE:
            return UNAVAILABLE
        if not self.receiver.knows(name):
            return REFUSED
        delivery = Delivery(
            method=request.method,
            query=dict(request.query_params),
            headers={key.lower(): value for key, value in request.headers.items()},
            body=body,
        )
        return await self._received(name, delivery)

    async def _received(self, name: str, delivery: Delivery) -> Answer:
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
    # No number is too long for a comparison of texts; servers may hand on what they did not check.
    if told.isascii() and told.isdigit() and (len(told) > len(str(LARGEST_BODY)) or int(told) > LARGEST_BODY):
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


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await _response(REFUSED)(scope, receive, send)


def create_app(receiver: Receiver) -> Starlette:
    """Return the application that receives events and does nothing else."""
    return Starlette(routes=[Webhooks(receiver).mount()])
