"""Kingdee Cosmic's OpenAPI under ``/cosmic``: tokens, and bills that are saved, submitted, audited, queried.

Application ``cosmic-app`` / ``cosmic-sandbox-secret``, user ``docflow``, data centre ``1500000000000000001``;
published are the sales order (``sm/sm_salorder``) and the supplier (``basedata/bd_supplier``).

====================  ============================================================================
``PUT settings``      ``client_id``, ``secret``, ``user``, ``account_id``, ``orgs``, ``published``,
                      ``renumber`` (a coding rule replaces numbers), ``identity``, ``in_seconds``
``POST expire``       ends every token
``GET APP/ENTITY``    all bills; ``PUT APP/ENTITY/ID`` changes one as a person there would
====================  ============================================================================

Every reply is HTTP 200. Bill numbers are not unique: nothing but the caller keeps a second save apart. The
code 429 of a getToken beyond the 30th of a minute is not confirmed.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.cosmic.bills import Bills, CosmicError
from airflow_provider_docflow.sandbox.cosmic.tokens import Tokens
from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.replies import body_of, reply

SETTINGS = ("client_id", "secret", "user", "account_id", "orgs", "published", "renumber", "identity")
OPERATIONS = ("query", "save", "submit", "audit")


def stand_in(parts: Parts) -> StandIn:
    """Return Cosmic, built on the sandbox's parts."""
    tokens, bills = Tokens(parts), Bills(parts)
    return StandIn("cosmic", {"/cosmic": _app(parts, tokens, bills)}, {}, _control(parts, tokens, bills))


def _app(parts: Parts, tokens: Tokens, bills: Bills) -> Starlette:
    async def get_token(request: Request) -> Response:
        tokens.check_identity(request.headers)
        body = await _json(request)
        with parts.store.write():
            return _said(tokens.give(body))

    async def operate(request: Request) -> Response:
        wish = request.scope.get(WISH) or {}
        tokens.check_identity(request.headers)
        tokens.check(request.headers, ends=bool(wish.get("expire_token")))
        app, entity, operation = (request.path_params[key] for key in ("app", "entity", "operation"))
        bills.check_published(app, entity, operation if operation in OPERATIONS else "")
        body = await _json(request)
        if body.get("data") is None:
            raise CosmicError("400", "请求参数没有 data 数据。")
        with parts.store.write():
            if operation == "query":
                return _said(bills.query(f"{app}/{entity}", body, wish.get("as_of")))
            if operation == "save":
                return _said(bills.save(f"{app}/{entity}", body["data"]))
            return _said(bills.act(f"{app}/{entity}", operation, body["data"]))

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, CosmicError)
        return _said(None, error)

    return Starlette(
        routes=[
            Route("/kapi/oauth2/getToken", get_token, methods=["POST"]),
            Route("/kapi/v2/{app}/{entity}/{operation}", operate, methods=["POST"]),
            Route("/kapi/v2/{isv}/{app}/{entity}/{operation}", operate, methods=["POST"]),
        ],
        exception_handlers={CosmicError: refused},
    )


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body(), parse_float=Decimal)
    except ValueError:
        raise CosmicError("400", "请求参数不是JSON。") from None
    if not isinstance(body, dict):
        raise CosmicError("400", "请求参数不是JSON对象。")
    return body


def _said(data: Any, error: CosmicError | None = None) -> Response:
    failed = error is not None or (isinstance(data, dict) and data.get("failCount"))
    body = {
        "data": data,
        "errorCode": error.code if error else "0",
        "message": error.message if error else None,
        "status": not failed,
    }
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"), default=_number)
    return Response(text, media_type="application/json")


def _number(value: Any) -> float:
    """Give a Decimal as the JSON number that Cosmic gives; the amounts here have few digits."""
    if not isinstance(value, Decimal) or Decimal(repr(float(value))) != value:
        raise TypeError(f"{value!r} has no exact JSON number")
    return float(value)


def _control(parts: Parts, tokens: Tokens, bills: Bills) -> list[Route]:
    async def settings(request: Request) -> Response:
        for name, value in (await body_of(request)).items():
            if name not in (*SETTINGS, "in_seconds"):
                return reply({"error": f"there is no setting {name}"}, 400)
            parts.store.set(f"cosmic_{name}", value)
        return reply({})

    async def expire(request: Request) -> Response:
        tokens.expire()
        return reply({})

    async def listing(request: Request) -> Response:
        return reply({"documents": bills.all("{app}/{entity}".format(**request.path_params))})

    async def change(request: Request) -> Response:
        body = await body_of(request)
        with parts.store.write():
            return reply(bills.overwrite(request.path_params["id"], body))

    return [
        Route("/settings", settings, methods=["PUT"]),
        Route("/expire", expire, methods=["POST"]),
        Route("/{app}/{entity}", listing),
        Route("/{app}/{entity}/{id}", change, methods=["PUT"]),
    ]
