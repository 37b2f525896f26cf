"""A stand-in of DingTalk: approvals (workflow 1.0), events, robot and work notifications.

``https://api.dingtalk.com/...`` is served under ``/dingtalk/...`` and ``https://oapi.dingtalk.com/...`` under
``/dingtalk-oapi/...``; without a prefix the ``Host`` header decides, and ``/v1.0/...`` is always the former,
so the vendor's own clients work with the sandbox's address as their endpoint.
"""

from __future__ import annotations

from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.dingtalk.api import WorkflowApi
from airflow_provider_docflow.sandbox.dingtalk.control import control_routes
from airflow_provider_docflow.sandbox.dingtalk.deciding import Deciding
from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError, OapiError
from airflow_provider_docflow.sandbox.dingtalk.events import Events
from airflow_provider_docflow.sandbox.dingtalk.forms_api import FormsApi
from airflow_provider_docflow.sandbox.dingtalk.identity import Identity
from airflow_provider_docflow.sandbox.dingtalk.instances import Instances
from airflow_provider_docflow.sandbox.dingtalk.oapi import Oapi, OapiHandler
from airflow_provider_docflow.sandbox.dingtalk.storage import Storage
from airflow_provider_docflow.sandbox.dingtalk.talking import Talking
from airflow_provider_docflow.sandbox.dingtalk.wire import OPEN, Call, Handler, endpoint
from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.store import Store, loads

READ, WRITE = "Workflow.Instance.Read", "Workflow.Instance.Write"
FORM_READ, FORM_WRITE = "Workflow.Form.Read", "Workflow.Form.Write"
ROBOT, TODO_READ, TODO_WRITE = "qyapi_robot_sendmsg", "Todo.Todo.Read", "Todo.Todo.Write"
UPLOAD, FILE_WRITE = "Storage.UploadInfo.Read", "Storage.File.Write"


def stand_in(parts: Parts) -> StandIn:
    """Return DingTalk, built on the sandbox's parts."""
    identity = Identity(parts.store, parts.clock)
    events = Events(parts.store, parts.clock, parts.outgoing, parts.faults)
    deciding = Deciding(parts.store, parts.clock, parts.jobs)
    instances = Instances(parts.store, parts.clock, events.enter, deciding.on_created)
    deciding.bind(instances)
    forms = FormsApi(parts.store, parts.clock, instances)
    oapi = Oapi(parts.store, parts.clock, identity)
    talking = Talking(parts.store, parts.clock, oapi)
    oapi.union_of = talking.union_of
    storage = Storage(parts.store, parts.clock, forms, talking)
    workflow = WorkflowApi(parts.store, identity, instances)
    table = [*_workflow(workflow, forms, events), *_people(talking), *_storage(storage)]
    new = _api_app(parts.store, identity, table)
    old = _oapi_app(parts.store, identity, oapi)
    return StandIn(
        "dingtalk",
        {
            "/dingtalk": new,
            "/dingtalk-oapi": old,
            "/dingtalk-files": _files_app(forms, storage),
        },
        {"api.dingtalk.com": new, "oapi.dingtalk.com": old},
        control_routes(parts, identity, instances, deciding, events, oapi, forms, talking),
    )


Calls = list[tuple[str, str, Handler, str]]


def _workflow(workflow: WorkflowApi, forms: FormsApi, events: Events) -> Calls:
    def failed(call: Call) -> dict[str, Any]:
        begin, end = int(call.query.get("beginTime", 0)), int(call.query.get("endTime", 1 << 60))
        return {"failedList": events.failed(begin, end), "hasMore": False}

    at = "/v1.0/workflow"
    return [
        ("POST", "/v1.0/oauth2/accessToken", workflow.access_token, OPEN),
        ("POST", "/v1.0/oauth2/{corp}/token", workflow.corp_token, OPEN),
        ("POST", f"{at}/processInstances", workflow.start, WRITE),
        ("GET", f"{at}/processInstances", workflow.get, READ),
        ("POST", f"{at}/processes/instanceIds/query", workflow.ids, READ),
        ("POST", f"{at}/processInstances/terminate", workflow.terminate, WRITE),
        ("POST", f"{at}/processInstances/execute", workflow.execute, WRITE),
        ("POST", f"{at}/processInstances/comments", workflow.comment, WRITE),
        ("POST", f"{at}/tasks/redirect", workflow.redirect, WRITE),
        ("POST", f"{at}/tasks/batchRedirect", workflow.redirect_many, WRITE),
        ("POST", f"{at}/forms", forms.save, FORM_WRITE),
        ("GET", f"{at}/forms/schemas/processCodes", forms.schema, FORM_READ),
        ("GET", f"{at}/processCentres/schemaNames/processCodes", forms.code_by_name, FORM_READ),
        ("GET", f"{at}/processes/userVisibilities/templates", forms.visible, FORM_READ),
        ("POST", f"{at}/processInstances/spaces/infos/query", forms.space, READ),
        ("POST", f"{at}/processInstances/spaces/files/urls/download", forms.download, READ),
        ("GET", "/v1.0/event/callbacks/failedResults", failed, ""),
    ]


def _people(talking: Talking) -> Calls:
    at = "/v1.0/todo/users/{union}/tasks"
    return [
        ("POST", "/v1.0/robot/oToMessages/batchSend", talking.oto, ROBOT),
        ("POST", "/v1.0/robot/ding/send", talking.ding, ROBOT),
        ("POST", at, talking.create_todo, TODO_WRITE),
        ("GET", f"{at}/sources/{{source}}", talking.todo_of_source, TODO_READ),
        ("PUT", f"{at}/{{task}}", talking.change_todo, TODO_WRITE),
    ]


def _storage(storage: Storage) -> Calls:
    at = "/v1.0/storage/spaces/{space}/files"
    return [
        ("POST", f"{at}/uploadInfos/query", storage.place, UPLOAD),
        ("POST", f"{at}/commit", storage.commit, FILE_WRITE),
    ]


def _api_app(store: Store, identity: Identity, table: Calls) -> Starlette:
    def nothing(call: Call) -> None:
        raise ApiError("InvalidAction.NotFound")

    routes = [
        Route(path, endpoint(handler, permission, identity, store), methods=[method])
        for method, path, handler, permission in table
    ]
    every = ["GET", "POST", "PUT", "DELETE", "PATCH"]
    rest = Route("/{rest:path}", endpoint(nothing, OPEN, identity, store), methods=every)
    return Starlette(routes=[*_one_route_per_path(routes), rest])


def _one_route_per_path(routes: list[Route]) -> list[Route]:
    """Merge routes that differ in method only: the first match would otherwise answer 405."""
    by_path: dict[str, dict[str, Any]] = {}
    for route in routes:
        for method in (route.methods or set()) - {"HEAD"}:
            by_path.setdefault(route.path, {})[method] = route.endpoint
    return [Route(path, _by_method(table), methods=list(table)) for path, table in by_path.items()]


def _by_method(table: dict[str, Any]) -> Any:
    async def serve(request: Request) -> Response:
        answer: Response = await table["GET" if request.method == "HEAD" else request.method](request)
        return answer

    return serve


def _oapi_app(store: Store, identity: Identity, oapi: Oapi) -> Starlette:
    table: dict[str, OapiHandler] = {
        "/gettoken": oapi.gettoken,
        "/robot/send": oapi.robot_send,
        "/topapi/message/corpconversation/asyncsend_v2": oapi.notify,
        "/topapi/message/corpconversation/getsendresult": oapi.notify_result,
        "/topapi/v2/user/get": oapi.user,
    }

    async def serve(request: Request) -> Response:
        query = dict(request.query_params)
        if (request.scope.get(WISH) or {}).get("expire_token"):
            identity.expire(query.get("access_token", ""))
        content = await request.body()
        handler = table.get(request.url.path.removeprefix(request.scope.get("root_path", "")))
        with store.write():
            # The refusal itself may have to be kept: a muted robot stays muted.
            try:
                if handler is None:
                    raise OapiError(22, "Invalid method", sub_msg=f"不合法ApiName，{request.url.path}")
                answer = handler(query, _parsed(content))
            except OapiError as error:
                return JSONResponse(error.body)
        return JSONResponse({"errcode": 0, "errmsg": "ok", **answer})

    return Starlette(routes=[Route("/{rest:path}", serve, methods=["GET", "POST"])])


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        body = loads(content) if content else {}
    except ValueError:
        raise OapiError(40011, "不合法的参数") from None
    if not isinstance(body, dict):
        raise OapiError(40011, "不合法的参数")
    return body


def _files_app(forms: FormsApi, storage: Storage) -> Starlette:
    async def serve(request: Request) -> Response:
        content = forms.content(request.path_params["ticket"])
        if content is None:
            return Response(status_code=403)
        return Response(content, media_type="application/octet-stream")

    put = Route("/upload/{key}", storage.take, methods=["PUT"])
    return Starlette(routes=[put, Route("/{ticket}", serve)])
