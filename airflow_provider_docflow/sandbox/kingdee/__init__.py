"""A stand-in of Kingdee K/3 Cloud: its WebAPI as IIS serves it under ``/k3cloud/``.

It keeps documents of a few forms with their states, workflow, files and sessions, and refuses as the vendor
does: with HTTP 200 and a body that says so. The login is ``demo`` with the password ``sandbox-password`` in
the data centre ``67bd0000000001``; application id and secret stand in
:mod:`~airflow_provider_docflow.sandbox.kingdee.identity`. Control plane: see
:mod:`~airflow_provider_docflow.sandbox.kingdee.control`.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.kingdee.api import Api
from airflow_provider_docflow.sandbox.kingdee.bills import Bills
from airflow_provider_docflow.sandbox.kingdee.control import control_routes
from airflow_provider_docflow.sandbox.kingdee.files import Files
from airflow_provider_docflow.sandbox.kingdee.identity import ACCOUNT, Identity
from airflow_provider_docflow.sandbox.kingdee.queries import Queries
from airflow_provider_docflow.sandbox.kingdee.wire import PlainText, Refused, call_of, dumps, refusal
from airflow_provider_docflow.sandbox.kingdee.workflow import Workflow
from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.store import loads

PREFIX = "/k3cloud"
_SERVICES = "Kingdee.BOS.WebApi.ServicesStub."
_CENTRES = "Kingdee.BOS.ServiceFacade.ServicesStub.Account.AccountService.GetDataCenterList"
_IIS = "<!DOCTYPE html><html><head><title>{0}</title></head><body><h2>服务器错误 {0}</h2></body></html>"


def stand_in(parts: Parts) -> StandIn:
    """Return Kingdee, built on the sandbox's parts."""
    server = _Server(parts)
    route = Route("/{rest:path}", server.serve, methods=["GET", "POST"])
    control = control_routes(parts, server.bills, server.workflow, server.identity, server.files, server.seen)
    return StandIn("kingdee", {PREFIX: Starlette(routes=[route])}, {}, control)


class _Server:
    def __init__(self, parts: Parts) -> None:
        self._store, self._clock = parts.store, parts.clock
        self.bills = Bills(parts.store, parts.clock)
        self.workflow = Workflow(parts.store, parts.clock, self.bills)
        self.files = Files(parts.store, self.bills)
        self.identity = Identity(parts.store, parts.clock)
        queries = Queries(parts.store, self.bills, self.workflow, self.files.rows)
        self._api = Api(parts.store, self.bills, self.workflow, queries, self.files)
        #: HTTP versions that requests came in by.
        self.seen: Counter[str] = Counter()

    async def serve(self, request: Request) -> Response:
        """Answer one call; what IIS does not know it answers in HTML."""
        self.seen[request.scope.get("http_version", "")] += 1
        name = request.path_params["rest"].removesuffix(".common.kdsvc")
        service, _, method = name.rpartition(".")
        content = await request.body()
        if request.method != "POST" or not request.path_params["rest"].endswith(".common.kdsvc"):
            return _html(404)
        if name == _CENTRES:
            return _json([{"Id": ACCOUNT, "Number": "001", "Name": "沙箱账套"}])
        with self._store.write():
            if service == f"{_SERVICES}AuthService":
                return self._login(method, content)
            if service != f"{_SERVICES}DynamicFormService" or method not in self._api.methods:
                return Response(f"response_error:服务{name}不存在", media_type="text/plain")
            return self._call(request, method, content)

    def _login(self, method: str, content: bytes) -> Response:
        try:
            given = loads(content)["parameters"]
        except (ValueError, KeyError, TypeError):
            return Response("response_error:参数parameters不正确", media_type="text/plain")
        answer, session = self.identity.login(method, given)
        return _json(answer, session)

    def _call(self, request: Request, method: str, content: bytes) -> Response:
        wish: dict[str, Any] = request.scope.get(WISH) or {"as_of": None, "expire_token": False}
        session = ""
        try:
            path = f"{PREFIX}/{request.path_params['rest']}"
            user, session = self.identity.admit(path, request.headers, expire=wish["expire_token"])
            self._count()
            call = call_of(method, user, content, wish["as_of"])
            # The vendor's server rolls a refused call back.
            self._store.execute("SAVEPOINT call")
            try:
                answer = self._api.methods[method](call)
            except Refused:
                self._store.execute("ROLLBACK TO call")
                raise
            finally:
                self._store.execute("RELEASE call")
        except PlainText as error:
            return Response(f"response_error:{error}", media_type="text/plain")
        except Refused as error:
            answer = refusal(method, error)
        return _json(answer, session)

    def _count(self) -> None:
        most = self._store.setting("kingdee_calls_per_minute")
        if not most:
            return
        now = self._clock.now()
        calls = [at for at in self._store.setting("kingdee_calls", []) if at > now - 60_000]
        if len(calls) >= most:
            raise Refused(14, "接口调用次数超过限制")
        self._store.set("kingdee_calls", [*calls, now])


def _json(body: Any, session: str = "") -> Response:
    reply = Response(dumps(body), media_type="application/json")
    if session:
        reply.set_cookie("kdservice-sessionid", session, path="/")
        reply.set_cookie("ASP.NET_SessionId", f"asp{session[:21]}", path="/", httponly=True)
    return reply


def _html(status: int) -> Response:
    return Response(_IIS.format(status), status, media_type="text/html")


__all__ = ["PREFIX", "stand_in"]
