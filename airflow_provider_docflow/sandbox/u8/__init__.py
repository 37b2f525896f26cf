"""A stand-in of U8's OpenAPI: tokens, vouchers with their workflow, and results that come later.

``https://api.yonyouup.com/...`` is served under ``/u8/...``. Control plane, under ``/_sandbox/u8``:

======================  ====================================================================================
``PUT settings``        secret, delay, ping_after, approvers, missing_code; vendor, customer, inventory
``GET OBJECT[/CODE]``   vouchers as they are kept
``PUT OBJECT/CODE``     change a voucher as a person there does, or enter one
``POST tokens/expire``  end every token
======================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.replies import body_of, reply
from airflow_provider_docflow.sandbox.store import Store, loads
from airflow_provider_docflow.sandbox.u8.identity import Identity, Refused
from airflow_provider_docflow.sandbox.u8.shapes import SHAPES, Shape
from airflow_provider_docflow.sandbox.u8.vouchers import Vouchers

SETTINGS = ("secret", "delay", "ping_after", "approvers", "missing_code", "vendor", "customer", "inventory")
_READS = ("get", "history", "tasks")
_STEPS = ("verify", "unverify", "audit", "abandon", "close", "open")


def stand_in(parts: Parts) -> StandIn:
    """Return U8, built on the sandbox's parts."""
    identity = Identity(parts.store, parts.clock)
    vouchers = Vouchers(parts.store, parts.clock, identity)
    app = _Api(parts.store, identity, vouchers).app()
    control = _Control(parts.store, identity, vouchers).routes()
    return StandIn("u8", {"/u8": app}, {"api.yonyouup.com": app}, control)


class _Api:
    """The calls."""

    def __init__(self, store: Store, identity: Identity, vouchers: Vouchers) -> None:
        self._store, self._identity, self._vouchers = store, identity, vouchers

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/system/token", self._served(self._token)),
                Route("/system/tradeid", self._served(self._trade)),
                Route("/result", self._served(self._result)),
                Route("/api/{object}/{op}", self._served(self._object), methods=["GET", "POST"]),
            ]
        )

    def _served(
        self, handler: Callable[[Request, dict[str, str], Any], Any]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            query, content = dict(request.query_params), await request.body()
            if (request.scope.get(WISH) or {}).get("expire_token"):
                self._identity.expire(query.get("token", ""))
            try:
                body = loads(content) if content else None
                with self._store.write():
                    return reply(handler(request, query, body))
            except Refused as refused:
                return reply(refused.body)
            except ValueError:
                return reply({"errcode": "10001", "errmsg": "请求不是JSON"})

        return serve

    def _token(self, request: Request, query: dict[str, str], body: Any) -> Any:
        return self._identity.token(query)

    def _trade(self, request: Request, query: dict[str, str], body: Any) -> Any:
        self._identity.check(query)
        return self._identity.new_trade()

    def _result(self, request: Request, query: dict[str, str], body: Any) -> Any:
        return self._vouchers.result(query.get("requestid", ""), _base(request))

    def _object(self, request: Request, query: dict[str, str], body: Any) -> Any:
        self._identity.enter(query)
        name, op = request.path_params["object"], request.path_params["op"]
        if op == "batch_get" and name.removesuffix("list") in SHAPES:
            return self._vouchers.page(SHAPES[name.removesuffix("list")], query, _as_of(request))
        shape = SHAPES.get(name)
        if shape is None or (request.method == "GET") != (op in _READS):
            raise Refused("404", f"api {name}/{op} 不存在")
        if op in _READS:
            return self._read(shape, op, query, _as_of(request))
        if op == "add":
            return self._vouchers.add(shape, query, body, _base(request))
        if op not in _STEPS:
            raise Refused("404", f"api {name}/{op} 不存在")
        return self._vouchers.act(shape, op, query, body)

    def _read(self, shape: Shape, op: str, query: dict[str, str], as_of: int | None) -> Any:
        if op == "tasks":
            return self._vouchers.tasks(shape, query)
        code = query.get("id" if op == "get" else "voucher_code", "")
        voucher = self._vouchers.get(shape, code, as_of)
        missing = self._store.setting("u8_missing_code")
        if voucher is None and missing:
            raise Refused(str(missing), "单据不存在")
        if op == "get":
            shown = voucher and {name: value for name, value in voucher.items() if name != "history"}
            return {"errcode": "0", "errmsg": "", shape.name: shown}
        if not shape.flow:
            raise Refused("30101", "未启用工作流")
        return {"errcode": "0", "errmsg": "", "history": (voucher or {}).get("history", [])}


def _base(request: Request) -> str:
    at = f"{request.url.scheme}://{request.headers['host']}"
    return at if request.headers["host"].startswith("api.yonyouup.") else f"{at}/u8"


def _as_of(request: Request) -> int | None:
    moment: int | None = (request.scope.get(WISH) or {}).get("as_of")
    return moment


class _Control:
    """What tests and people do behind the API's back."""

    def __init__(self, store: Store, identity: Identity, vouchers: Vouchers) -> None:
        self._store, self._identity, self._vouchers = store, identity, vouchers

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/settings", self._settings, methods=["PUT"]),
            Route("/tokens/expire", self._expire, methods=["POST"]),
            Route("/{object}", self._all),
            Route("/{object}/{code}", self._one, methods=["GET", "PUT"]),
        ]

    def _of(self, request: Request) -> Shape:
        try:
            return SHAPES[request.path_params["object"]]
        except KeyError:
            raise HTTPException(404, f"there are {', '.join(SHAPES)}") from None

    async def _settings(self, request: Request) -> Response:
        for name, value in (await body_of(request)).items():
            if name not in SETTINGS:
                raise HTTPException(400, f"there is no setting {name}")
            self._store.set(f"u8_{name}", value)
        return reply({})

    async def _expire(self, request: Request) -> Response:
        self._identity.expire()
        return reply({})

    async def _all(self, request: Request) -> Response:
        return reply({"vouchers": self._vouchers.all(self._of(request))})

    async def _one(self, request: Request) -> Response:
        shape, code = self._of(request), request.path_params["code"]
        known = self._vouchers.get(shape, code)
        if request.method == "GET":
            if known is None:
                raise HTTPException(404, "there is no such voucher")
            return reply(known)
        body = await body_of(request)
        with self._store.write():
            if known is None:
                return reply(self._vouchers.enter(shape, code, body))
            return reply(self._vouchers.keep(shape, {**known, **body}))
