"""A stand-in of WeCom: approvals, the flow engine, events, messages of applications and robots of groups.

``https://qyapi.weixin.qq.com/cgi-bin/...`` is served under ``/wecom/cgi-bin/...``, and by its own host name
for clients that cannot be given a prefix.
"""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.parts import Parts, StandIn
from airflow_provider_docflow.sandbox.store import Store, loads
from airflow_provider_docflow.sandbox.wecom.approvals import Approvals
from airflow_provider_docflow.sandbox.wecom.control import Control, control_routes
from airflow_provider_docflow.sandbox.wecom.events import Events
from airflow_provider_docflow.sandbox.wecom.identity import Identity
from airflow_provider_docflow.sandbox.wecom.messages import Messages
from airflow_provider_docflow.sandbox.wecom.templates import Templates
from airflow_provider_docflow.sandbox.wecom.wire import Call, Handler, WecomError

_AT = "/cgi-bin/"


def stand_in(parts: Parts) -> StandIn:
    """Return WeCom, built on the sandbox's parts."""
    store, clock = parts.store, parts.clock
    identity, templates, messages = Identity(store, clock), Templates(store), Messages(store, clock)
    events = Events(store, clock, parts.outgoing, parts.faults)
    approvals = Approvals(store, clock, templates, events.changed)
    app = _app(store, identity, _signed(store, templates, approvals, messages), _open(identity, messages))
    control = Control(parts, identity, templates, approvals, messages, events)
    return StandIn("wecom", {"/wecom": app}, {"qyapi.weixin.qq.com": app}, control_routes(control))


def _signed(
    store: Store, templates: Templates, approvals: Approvals, messages: Messages
) -> dict[str, Handler]:
    """Return the calls that carry a token."""

    def engine(call: Call) -> dict[str, Any]:
        data = store.setting(f"wecom_engine_{call.need('thirdNo')}")
        if data is None:
            raise WecomError(301025, "thirdNo not exist")
        return {"data": data}

    return {
        "oa/gettemplatedetail": templates.detail,
        "oa/approval/create_template": templates.create,
        "oa/approval/update_template": templates.update,
        "oa/applyevent": approvals.submit,
        "oa/getapprovaldetail": approvals.detail,
        "oa/getapprovalinfo": approvals.numbers,
        "corp/getopenapprovaldata": engine,
        "message/send": messages.send,
        "message/update_template_card": messages.update,
        "message/recall": messages.recall,
        "media/upload": messages.upload,
    }


def _open(identity: Identity, messages: Messages) -> dict[str, Handler]:
    """Return the calls that carry none."""

    def gettoken(call: Call) -> dict[str, Any]:
        token, lives = identity.token(call.query.get("corpid", ""), call.query.get("corpsecret", ""))
        return {"access_token": token, "expires_in": lives}

    return {
        "gettoken": gettoken,
        "webhook/send": messages.robot,
        "webhook/upload_media": messages.robot_upload,
    }


def _app(
    store: Store, identity: Identity, signed: dict[str, Handler], unsigned: dict[str, Handler]
) -> Starlette:
    async def serve(request: Request) -> Response:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        name = path.removeprefix(_AT)
        handler = (signed.get(name) or unsigned.get(name)) if path.startswith(_AT) else None
        if handler is None:
            return Response(status_code=404)
        wish = request.scope.get(WISH) or {"as_of": None, "expire_token": False}
        token = request.query_params.get("access_token", "")
        if wish["expire_token"]:
            identity.expire(token)
        try:
            body, file = await _content(request)
            with store.write():
                app = identity.admit(token, name) if name in signed else {}
                answer = handler(Call(body, dict(request.query_params), app, file, wish["as_of"]))
        except WecomError as error:
            return JSONResponse(error.body)
        return JSONResponse({"errcode": 0, "errmsg": "ok", **answer})

    return Starlette(routes=[Route("/{rest:path}", serve, methods=["GET", "POST"])])


async def _content(request: Request) -> tuple[dict[str, Any], tuple[str, bytes] | None]:
    if request.method == "GET":
        return {}, None
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        return {}, await _file(request)
    content = await request.body()
    try:
        body = loads(content) if content else {}
    except ValueError:
        raise WecomError(47001) from None
    if not isinstance(body, dict):
        raise WecomError(47001)
    return body, None


async def _file(request: Request) -> tuple[str, bytes] | None:
    """Return the file of the form field ``media``; a multipart parser would be one more dependency."""
    message = BytesParser(policy=HTTP).parsebytes(
        b"Content-Type: " + request.headers["content-type"].encode() + b"\r\n\r\n" + await request.body()
    )
    for part in message.iter_parts():
        if part.get_param("name", header="content-disposition") == "media":
            return str(part.get_filename() or "file"), bytes(part.get_payload(decode=True) or b"")
    return None
