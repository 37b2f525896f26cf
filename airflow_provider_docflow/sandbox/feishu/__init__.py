"""A stand-in of Feishu (Lark): approvals v4, events v1 and v2, the bot's messages and robots of groups.

``https://open.feishu.cn/...`` is served under ``/feishu/...``; without a prefix the ``Host`` header decides.
The vendor's own client takes the sandbox's address as its domain: ``/open-apis/...`` is always Feishu.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.feishu.api import ApprovalApi, Call, Handler
from airflow_provider_docflow.sandbox.feishu.control import Control
from airflow_provider_docflow.sandbox.feishu.definitions import Definitions
from airflow_provider_docflow.sandbox.feishu.errors import INVALID, ApiError
from airflow_provider_docflow.sandbox.feishu.events import Events
from airflow_provider_docflow.sandbox.feishu.identity import Identity
from airflow_provider_docflow.sandbox.feishu.instances import Instances
from airflow_provider_docflow.sandbox.feishu.messages import Messages
from airflow_provider_docflow.sandbox.layer import WISH, App, Receive, Scope, Send
from airflow_provider_docflow.sandbox.parts import Parts, StandIn

READ, WRITE, TENANT, SEND = "approval:instance", "approval:instance", "tenant:tenant:readonly", "im:message"
DEFINE = "approval:definition"
_PERSON, _ROOT = "person", "/open-apis"


def stand_in(parts: Parts) -> StandIn:
    """Return Feishu, built on the sandbox's parts."""
    identity = Identity(parts.store, parts.clock)
    definitions = Definitions(parts.store)
    events = Events(parts.store, parts.clock, parts.outgoing, parts.faults)
    instances = Instances(parts.store, parts.clock, identity, definitions, events.enter)
    messages = Messages(parts.store, parts.clock, identity)
    api = ApprovalApi(parts.store, identity, definitions, instances)
    app = _app(_Served(parts, identity), api, identity, messages)
    control = Control(parts, identity, definitions, instances, events, messages)
    hosts: dict[str, App] = {"open.feishu.cn": app, "open.larksuite.com": app}
    return StandIn("feishu", {"/feishu": app, _ROOT: _at_root(app)}, hosts, control.routes())


def _at_root(app: App) -> App:
    """Return the application for clients that cannot be given a prefix."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        path = f"{_ROOT}{scope['path']}"
        await app({**scope, "path": path, "raw_path": path.encode()}, receive, send)

    return serve


class _Served:
    """Wraps handlers: login, limits, JSON, errors, one transaction."""

    def __init__(self, parts: Parts, identity: Identity) -> None:
        self._store, self._identity = parts.store, identity

    def bare(self, handler: Any) -> Any:
        """Return an endpoint without login whose answer is the body itself."""

        async def serve(request: Request) -> Response:
            return await self._answer(request, lambda call: handler(request, call.body), None)

        return serve

    def api(self, handler: Handler, scope: str) -> Any:
        """Return an endpoint that wants a token; its answer stands under ``data``."""

        async def serve(request: Request) -> Response:
            return await self._answer(
                request, lambda call: {"code": 0, "msg": "success", "data": handler(call)}, scope
            )

        return serve

    async def _answer(self, request: Request, handler: Any, scope: str | None) -> Response:
        wish = request.scope.get(WISH) or {"as_of": None, "expire_token": False}
        try:
            body = _json(await request.body())
            with self._store.write():
                app, user = self._admit(request, scope, wish) if scope is not None else ({}, "")
                query = {**request.query_params, **request.path_params}
                answer = handler(Call(body, query, app, user, wish["as_of"]))
        except ApiError as error:
            return JSONResponse(error.body, error.status, {"x-tt-logid": "sandbox-log", **error.headers})
        return JSONResponse(answer, headers={"x-tt-logid": "sandbox-log"})

    def _admit(self, request: Request, scope: str, wish: Any) -> tuple[dict[str, Any], str]:
        token = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        if wish["expire_token"]:
            self._identity.expire(token)
        person = scope == _PERSON
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        return self._identity.admit(token, path, "" if person else scope, person=person)


def _json(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content) if content else {}
    except ValueError:
        raise ApiError(INVALID, "body is not json") from None
    if not isinstance(body, dict):
        raise ApiError(INVALID, "body is not an object")
    return body


def _table(api: ApprovalApi, messages: Messages) -> list[tuple[str, str, Handler, str]]:
    """Return method, path, handler and scope of every call that wants a token."""
    at = "/open-apis/approval/v4"
    return [
        ("GET", "/open-apis/tenant/v2/tenant/query", api.tenant, TENANT),
        ("GET", f"{at}/approvals/{{code}}", api.definition, DEFINE),
        ("POST", f"{at}/approvals/{{code}}/subscribe", api.subscribe, DEFINE),
        ("POST", f"{at}/instances", api.create, WRITE),
        ("GET", f"{at}/instances", api.listing, READ),
        ("POST", f"{at}/instances/query", api.query, READ),
        ("POST", f"{at}/instances/cancel", api.cancel, WRITE),
        ("POST", f"{at}/instances/cc", api.copy, WRITE),
        ("POST", f"{at}/instances/remind", api.remind, _PERSON),
        ("POST", f"{at}/instances/specified_rollback", api.roll_back, WRITE),
        ("GET", f"{at}/instances/{{code}}", api.get, READ),
        ("POST", f"{at}/instances/{{code}}/comments", api.comment, WRITE),
        ("POST", f"{at}/tasks/approve", api.approve, WRITE),
        ("POST", f"{at}/tasks/reject", api.reject, WRITE),
        ("POST", f"{at}/tasks/transfer", api.transfer, WRITE),
        ("POST", f"{at}/tasks/resubmit", api.resubmit, WRITE),
        ("POST", "/open-apis/im/v1/messages", messages.send, SEND),
    ]


def _app(served: _Served, api: ApprovalApi, identity: Identity, messages: Messages) -> Starlette:
    def login(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        return {"code": 0, "msg": "ok", **identity.tenant_token(body)}

    def robot(request: Request, body: dict[str, Any]) -> dict[str, Any]:
        return messages.robot(request.path_params["token"], body)

    def nothing(request: Request, body: dict[str, Any]) -> None:
        raise ApiError(404)

    by_path: dict[str, dict[str, Any]] = {}
    for method, path, handler, scope in _table(api, messages):
        by_path.setdefault(path, {})[method] = served.api(handler, scope)
    token = "/open-apis/auth/v3/tenant_access_token/internal"
    routes = [
        Route(token, served.bare(login), methods=["POST"]),
        Route("/open-apis/bot/v2/hook/{token}", served.bare(robot), methods=["POST"]),
        *(Route(path, _by_method(methods), methods=list(methods)) for path, methods in by_path.items()),
        Route("/{rest:path}", served.bare(nothing), methods=["GET", "POST", "PUT", "DELETE", "PATCH"]),
    ]
    return Starlette(routes=routes)


def _by_method(table: dict[str, Any]) -> Any:
    async def serve(request: Request) -> Response:
        answer: Response = await table["GET" if request.method == "HEAD" else request.method](request)
        return answer

    return serve
