"""The sandbox as one ASGI application: stand-ins behind the fault layer, and the control plane beside it.

Control plane, under ``/_sandbox``:

====================  ============================================================================
``GET health``        what runs here
``GET clock``         its time; ``POST`` ``{"advance": s}``, ``{"freeze": true|ms}`` or ``{"thaw": true}``
``GET faults``        the fault rules; ``POST`` adds one, ``DELETE`` all, ``DELETE faults/ID`` one
``GET requests``      ``?path=GLOB&method=&body=&since=&count=1``: what came in; ``DELETE`` forgets it
``GET mails``         what the mail sink took; ``DELETE`` forgets it
``dingtalk/...``      see :mod:`airflow_provider_docflow.sandbox.dingtalk.control`
``feishu/...``          see :mod:`airflow_provider_docflow.sandbox.feishu.control`
``yonbip/...``        see :mod:`airflow_provider_docflow.sandbox.yonbip`
``u8/...``            see :mod:`airflow_provider_docflow.sandbox.u8`
``erp/...``           the plain ERP: ``PUT settings``, ``GET TYPE``, ``PUT TYPE/ID``
``cosmic/...``        Kingdee Cosmic: ``PUT settings``, ``POST expire``, ``GET | PUT APP/ENTITY[/ID]``
``kingdee/...``       see :mod:`airflow_provider_docflow.sandbox.kingdee.control`
``weaver/...``        ``GET key``, ``PUT forms/ID``, ``POST expire``; so ``seeyon/...`` and ``nccloud/...``
====================  ============================================================================
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from airflow_provider_docflow.exceptions import DocflowError
from airflow_provider_docflow.sandbox import (
    cosmic,
    dingtalk,
    experimental,
    feishu,
    kingdee,
    rest,
    u8,
    wecom,
    yonbip,
)
from airflow_provider_docflow.sandbox.clock import Clock, Jobs
from airflow_provider_docflow.sandbox.faults import FaultBook, rule_from
from airflow_provider_docflow.sandbox.finance import create_finance
from airflow_provider_docflow.sandbox.journal import Journal
from airflow_provider_docflow.sandbox.layer import App, FaultLayer, Receive, Scope, Send
from airflow_provider_docflow.sandbox.mail import MailSink
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.replies import body_of, reply
from airflow_provider_docflow.sandbox.store import Store

CONTROL = "/_sandbox"
STAND_INS: tuple[Callable[[Parts], StandIn], ...] = (
    dingtalk.stand_in,
    rest.stand_in,
    cosmic.stand_in,
    wecom.stand_in,
    feishu.stand_in,
    kingdee.stand_in,
    yonbip.stand_in,
    u8.stand_in,
    experimental.weaver,
    experimental.seeyon,
    experimental.nccloud,
)


class SandboxApp:
    """The application, and what lives behind it.

    :param home: folder of the sandbox; made when it is not there.
    :param builders: the stand-ins to build.
    """

    def __init__(self, home: Path, builders: Sequence[Callable[[Parts], StandIn]] = STAND_INS) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.store = Store(str(home / "sandbox.sqlite"))
        self.finance = create_finance(home)
        self.clock = Clock(self.store)
        self.jobs = Jobs(self.store, self.clock, "work")
        self.outgoing = Jobs(self.store, self.clock, "outgoing")
        self.faults = FaultBook(self.store)
        self.journal = Journal(self.store, self.clock)
        self.mail = MailSink(self.store, self.clock, self.faults)
        parts = Parts(self.store, self.clock, self.jobs, self.outgoing, self.faults)
        self.stand_ins = [build(parts) for build in builders]
        router = _Router(self.stand_ins)
        self._outside = FaultLayer(router, self.faults, self.journal, self.clock, self.jobs)
        self._inside = self._control()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the control plane as it is and everything else through the fault layer."""
        path = scope.get("path", "")
        own = scope["type"] != "http" or path == CONTROL or path.startswith(f"{CONTROL}/")
        await (self._inside if own else self._outside)(scope, receive, send)

    async def settle(self) -> None:
        """Do everything that is due by now."""
        await self.jobs.run_due()
        await self.outgoing.run_due()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the waiting work going for the length of the block."""
        tasks = [asyncio.create_task(lane.serve()) for lane in (self.jobs, self.outgoing)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    def _control(self) -> Starlette:
        routes = [
            Route("/health", self._health),
            Route("/clock", self._clock_calls, methods=["GET", "POST"]),
            Route("/faults", self._fault_calls, methods=["GET", "POST", "DELETE"]),
            Route("/faults/{id:int}", self._fault_calls, methods=["DELETE"]),
            Route("/requests", self._request_calls, methods=["GET", "DELETE"]),
            Route("/mails", self._mail_calls, methods=["GET", "DELETE"]),
            *(Mount(f"/{item.name}", routes=list(item.control)) for item in self.stand_ins),
        ]
        handlers = {DocflowError: _refused, HTTPException: _refused}
        return Starlette(routes=[Mount(CONTROL, routes=routes)], exception_handlers=handlers)

    async def _health(self, request: Request) -> Response:
        names = [item.name for item in self.stand_ins]
        body = {"status": "ok", "pid": os.getpid(), "home": str(self.home), "stand_ins": names}
        return reply({**body, "finance": str(self.finance), "now": self.clock.now()})

    async def _clock_calls(self, request: Request) -> Response:
        if request.method == "POST":
            body = await body_of(request)
            if "freeze" in body:
                self.clock.freeze(None if body["freeze"] is True else int(body["freeze"]))
            if body.get("thaw"):
                self.clock.thaw()
            if body.get("advance"):
                self.clock.advance(float(body["advance"]))
            await self.settle()
            self.jobs.wake()
            self.outgoing.wake()
        return reply({"now": self.clock.now(), "frozen": self.clock.frozen})

    async def _fault_calls(self, request: Request) -> Response:
        if request.method == "POST":
            return reply({"id": self.faults.add(rule_from(await body_of(request)))})
        if request.method == "DELETE":
            self.faults.remove(request.path_params.get("id"))
        return reply({"faults": self.faults.listing()})

    async def _request_calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.journal.clear()
            return reply({})
        query = request.query_params
        wanted: dict[str, Any] = {name: query[name] for name in ("path", "method", "body") if name in query}
        wanted["since"] = int(query.get("since", 0))
        if query.get("count"):
            return reply({"count": self.journal.count(**wanted)})
        found = self.journal.find(**wanted)
        return reply({"count": len(found), "requests": found})

    async def _mail_calls(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.mail.clear()
        return reply({"mails": self.mail.mails()})


class _Router:
    """Finds the stand-in for a request: by prefix, by host name, or as the bare DingTalk API."""

    def __init__(self, stand_ins: Sequence[StandIn]) -> None:
        self._prefixes = sorted(
            (pair for item in stand_ins for pair in item.prefixes.items()), key=lambda pair: -len(pair[0])
        )
        self._hosts = {host: app for item in stand_ins for host, app in item.hosts.items()}
        self._bare = self._hosts.get("api.dingtalk.com")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        for prefix, app in self._prefixes:
            if path == prefix or path.startswith(f"{prefix}/"):
                inner = path.removeprefix(prefix) or "/"
                await app({**scope, "path": inner, "raw_path": inner.encode()}, receive, send)
                return
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").split(":")[0]
        chosen = self._bare if path.startswith("/v1.0/") else None
        await self._hosts.get(host, chosen or _nothing)(scope, receive, send)


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await reply({"error": f"the sandbox serves nothing at {scope['path']}"}, 404)(scope, receive, send)


async def _refused(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 400
    detail = error.detail if isinstance(error, HTTPException) else str(error)
    return reply({"error": detail}, status)


__all__ = ["App", "SandboxApp"]
