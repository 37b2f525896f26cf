"""The control plane of the YonBIP stand-in, below ``/_sandbox/yonbip``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.parts import Parts
from airflow_provider_docflow.sandbox.replies import body_of, reply
from airflow_provider_docflow.sandbox.yonbip.events import Events
from airflow_provider_docflow.sandbox.yonbip.identity import Identity, Refused
from airflow_provider_docflow.sandbox.yonbip.masters import Masters
from airflow_provider_docflow.sandbox.yonbip.orders import Orders

SETTINGS = ("secret", "tenant", "token_seconds", "workflow", "per_minute", "repeated_code", "plain_refusal")


class Control:
    """What tests and people do behind the platform's back."""

    def __init__(
        self,
        parts: Parts,
        identity: Identity,
        masters: Masters,
        kinds: dict[str, Orders],
        events: Events,
    ) -> None:
        self._store, self._identity, self._masters = parts.store, identity, masters
        self._kinds, self._events = kinds, events

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/settings", self._settings, methods=["PUT"]),
            Route("/masters/{name}", self._master, methods=["PUT"]),
            Route("/tokens/expire", self._expire, methods=["POST"]),
            Route("/callback", self._callback, methods=["POST"]),
            Route("/{kind}", self._all),
            Route("/{kind}/{id}", self._one, methods=["GET", "PUT"]),
            Route("/{kind}/{id}/decide", self._decide, methods=["POST"]),
        ]

    def _of(self, request: Request) -> Orders:
        try:
            return self._kinds[request.path_params["kind"]]
        except KeyError:
            raise HTTPException(404, f"there are {', '.join(self._kinds)}") from None

    def _changed(self, change: Callable[[], Any]) -> Response:
        try:
            with self._store.write():
                return reply(change())
        except Refused as refused:
            raise HTTPException(400, str(refused)) from None

    async def _settings(self, request: Request) -> Response:
        for name, value in (await body_of(request)).items():
            if name not in SETTINGS:
                raise HTTPException(400, f"there is no setting {name}")
            self._store.set(f"yonbip_{name}", value)
        return reply({})

    async def _master(self, request: Request) -> Response:
        try:
            self._masters.put(request.path_params["name"], await body_of(request))
        except KeyError:
            raise HTTPException(404, "there are no such master data") from None
        return reply({})

    async def _expire(self, request: Request) -> Response:
        self._identity.expire()
        return reply({})

    async def _callback(self, request: Request) -> Response:
        body = await body_of(request)
        answered = await self._events.register(str(body["url"]), sha1=bool(body.get("sha1")))
        return reply({"registered": answered})

    async def _all(self, request: Request) -> Response:
        return reply({"orders": self._of(request).all()})

    async def _one(self, request: Request) -> Response:
        orders, order_id = self._of(request), request.path_params["id"]
        if request.method == "GET":
            return self._changed(lambda: orders.get(order_id))
        changes = await body_of(request)
        return self._changed(lambda: orders.edit(order_id, changes))

    async def _decide(self, request: Request) -> Response:
        orders, decision = self._of(request), str((await body_of(request)).get("decision"))
        return self._changed(lambda: orders.decide(request.path_params["id"], decision))
