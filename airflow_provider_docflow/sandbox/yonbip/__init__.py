"""A stand-in of YonBIP's open platform: one tenant, its data centre, its orders and events.

``https://apigateway.yonyoucloud.com/...`` is served under ``/yonbip/...``; the look-up leads to a gateway
and a login below the same address. Control plane, under ``/_sandbox/yonbip``:

=======================  ====================================================================================
``PUT settings``         secret, tenant, token_seconds, workflow, per_minute, repeated_code, plain_refusal
``PUT masters/NAME``     records by code (:mod:`~airflow_provider_docflow.sandbox.yonbip.masters`)
``GET KIND[/ID]``        orders (``purchase``, ``sale``) as they are kept
``PUT KIND/ID``          change an order as a person there does
``POST KIND/ID/decide``  ``{"decision": "approve" | "reject" | "return"}``, as an approver
``POST tokens/expire``   end every token
``POST callback``        ``{"url": …, "sha1": …}`` registers an address for events
=======================  ====================================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.store import loads
from airflow_provider_docflow.sandbox.yonbip import lists
from airflow_provider_docflow.sandbox.yonbip.control import Control
from airflow_provider_docflow.sandbox.yonbip.events import Events
from airflow_provider_docflow.sandbox.yonbip.identity import Identity, Refused
from airflow_provider_docflow.sandbox.yonbip.masters import Masters
from airflow_provider_docflow.sandbox.yonbip.orders import Orders
from airflow_provider_docflow.sandbox.yonbip.shapes import PURCHASE, SALE
from airflow_provider_docflow.sandbox.yonbip.wire import number_reply

_GATEWAY = "/iuap-api-gateway"
_LOGIN = "/iuap-api-auth/open-auth/selfAppAuth"


def stand_in(parts: Parts) -> StandIn:
    """Return YonBIP, built on the sandbox's parts."""
    identity, masters = Identity(parts.store, parts.clock), Masters(parts.store)
    events = Events(parts.store, parts.clock, parts.outgoing, parts.faults, identity)
    kinds = {
        shape.name: Orders(parts.store, parts.clock, masters, shape, events.enter)
        for shape in (PURCHASE, SALE)
    }
    app = _app(parts, identity, masters, kinds)
    control = Control(parts, identity, masters, kinds, events).routes()
    return StandIn("yonbip", {"/yonbip": app}, {"apigateway.yonyoucloud.com": app}, control)


def _app(parts: Parts, identity: Identity, masters: Masters, kinds: dict[str, Orders]) -> Starlette:
    async def look_up(request: Request) -> Response:
        base = f"{request.url.scheme}://{request.headers['host']}"
        at = base if request.headers["host"].startswith("apigateway.") else f"{base}/yonbip"
        return number_reply(identity.gateway(request.query_params.get("tenantId", ""), at))

    async def token(request: Request) -> Response:
        with parts.store.write():
            return number_reply(identity.token(dict(request.query_params)))

    async def vendors(request: Request) -> Response:
        body = await _entered(request, identity)
        index, size = int(body.get("pageIndex", 1)), int(body.get("pageSize", 10))
        data = masters.page("vendors", str(body.get("code") or ""), index, size)
        return number_reply({"code": "200", "message": "操作成功", "data": data})

    async def unknown(request: Request) -> Response:
        path = request.path_params["rest"]
        raise Refused("310404", f"网关上没有注册此API[/{path}]，请确认后重新调用", 404)

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, Refused)
        plain = parts.store.setting("yonbip_plain_refusal", False)
        if plain and error.body["code"] == "310036":
            return PlainTextResponse("非法token")
        return number_reply(error.body, error.status)

    routes = [
        Route("/open-auth/dataCenter/getGatewayAddress", look_up),
        Route(f"{_LOGIN}/getAccessToken", token),
        Route(f"{_LOGIN}/base/v1/getAccessToken", token),
        Route(f"{_GATEWAY}/yonbip/digitalModel/vendor/list", vendors, methods=["POST"]),
        Route(f"{_GATEWAY}/yonbip/digitalModel/vendor/queryByPage", vendors, methods=["POST"]),
        *(route for orders in kinds.values() for route in _orders(parts, identity, orders)),
        Route(f"{_GATEWAY}/{{rest:path}}", unknown, methods=["GET", "POST"]),
    ]
    return Starlette(routes=routes, exception_handlers={Refused: refused})


async def _entered(request: Request, identity: Identity) -> dict[str, Any]:
    """Return a request's body after its token was checked and the call counted."""
    token = request.query_params.get("access_token", "")
    if (request.scope.get(WISH) or {}).get("expire_token"):
        identity.expire(token)
    identity.check(token)
    identity.count(request.url.path)
    content = await request.body()
    try:
        body = loads(content) if content else {}
    except ValueError:
        raise Refused("310002", "请求体必须是JSON结构") from None
    if not isinstance(body, dict):
        raise Refused("310002", "请求体必须是JSON结构")
    return body


def _orders(parts: Parts, identity: Identity, orders: Orders) -> list[Route]:
    shape = orders.shape

    def call(handler: Callable[[Request, dict[str, Any]], Any]) -> Callable[[Request], Any]:
        async def serve(request: Request) -> Response:
            body = await _entered(request, identity)
            with parts.store.write():
                return number_reply(handler(request, body))

        return serve

    def listed(request: Request, body: dict[str, Any]) -> Any:
        return lists.page(shape, orders.all(_as_of(request)), body, orders.stamp())

    def detail(request: Request, body: dict[str, Any]) -> Any:
        order = orders.get(request.query_params.get("id", ""))
        return {"code": "200", "message": "操作成功", "data": shape.detail(order)}

    def acted(request: Request, body: dict[str, Any]) -> Any:
        return orders.act(request.url.path.rsplit("/", 1)[-1], body)

    at = f"{_GATEWAY}{shape.path}"
    actions = ("batchsubmit", "batchaudit", "batchunaudit")
    deleting = ("delete", "batchdelete") if shape.name == "purchase" else ("delete",)
    return [
        Route(f"{at}/list", call(listed), methods=["POST"]),
        Route(f"{at}/detail", call(detail), methods=["GET"]),
        Route(
            f"{at}/{shape.save}",
            call(lambda request, body: orders.save(body, identity.tenant)),
            methods=["POST"],
        ),
        *(Route(f"{at}/{name}", call(acted), methods=["POST"]) for name in actions),
        *(
            Route(f"{at}/{name}", call(lambda request, body: orders.delete(body)), methods=["POST"])
            for name in deleting
        ),
    ]


def _as_of(request: Request) -> int | None:
    moment: int | None = (request.scope.get(WISH) or {}).get("as_of")
    return moment
