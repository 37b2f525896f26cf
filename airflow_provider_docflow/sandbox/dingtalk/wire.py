"""Requests and replies of api.dingtalk.com as they look on the wire."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError
from airflow_provider_docflow.sandbox.dingtalk.flow import Instance
from airflow_provider_docflow.sandbox.dingtalk.forms import Component
from airflow_provider_docflow.sandbox.dingtalk.identity import Identity
from airflow_provider_docflow.sandbox.dingtalk.showing import read_form
from airflow_provider_docflow.sandbox.layer import WISH
from airflow_provider_docflow.sandbox.store import Store


@dataclass(frozen=True)
class Call:
    """One checked call.

    :param body: the JSON body, empty for GET.
    :param query: the query parameters, and those that stand in the path.
    :param app: the calling application; empty for the token call.
    :param as_of: moment whose state a read shall show, or None for now.
    """

    body: dict[str, Any]
    query: dict[str, str]
    app: dict[str, Any]
    as_of: int | None

    def need(self, name: str, code: str, message: str = "") -> Any:
        """Return a field of the body.

        :raises ApiError: ``code`` when it is missing or empty.
        """
        value = self.body.get(name)
        if value is None or value == "":
            raise ApiError(code, message)
        return value


Handler = Callable[[Call], Any]


def endpoint(handler: Handler, permission: str, identity: Identity, store: Store) -> Any:
    """Return a Starlette endpoint around ``handler``: login, limits, JSON, errors, one transaction."""

    async def serve(request: Request) -> Response:
        request_id = str(uuid.uuid4()).upper()
        try:
            content = await request.body()
            call = Call(
                _json(request.method, content),
                {**request.query_params, **request.path_params},
                *_admit(request, identity, permission),
            )
            with store.write():
                answer = handler(call)
        except ApiError as error:
            refusal = {"code": error.code, "requestid": request_id, "message": error.message}
            return JSONResponse(refusal, error.status, {"x-acs-request-id": request_id})
        return JSONResponse(answer, headers={"x-acs-request-id": request_id})

    return serve


def _admit(request: Request, identity: Identity, permission: str) -> tuple[dict[str, Any], int | None]:
    wish = request.scope.get(WISH) or {"as_of": None, "expire_token": False}
    if permission == OPEN:
        return {}, wish["as_of"]
    token = request.headers.get("x-acs-dingtalk-access-token", "")
    if wish["expire_token"]:
        identity.expire(token)
    return identity.admit(token, request.url.path, permission), wish["as_of"]


OPEN = "open"


def _json(method: str, content: bytes) -> dict[str, Any]:
    if method == "GET":
        return {}
    if not content:
        raise ApiError("Missingbody")
    try:
        body = json.loads(content)
    except ValueError:
        raise ApiError("invalidParameter", "body is not json") from None
    if not isinstance(body, dict):
        raise ApiError("invalidParameter", "body is not an object")
    return body


def minute(moment: int | None) -> str | None:
    """Return epoch milliseconds as DingTalk prints instants: UTC, to the minute."""
    return None if moment is None else f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%MZ}"


def shown(instance: Instance, components: list[Component]) -> dict[str, Any]:
    """Return an instance as the get call shows it; absent values are left out."""
    names = [
        "title",
        "status",
        "result",
        "businessId",
        "originatorUserId",
        "originatorDeptId",
        "originatorDeptName",
        "bizAction",
        "mainProcessInstanceId",
        "attachedProcessInstanceIds",
        "ccUserIds",
        "formComponentValues",
    ]
    result = {name: instance[name] for name in names}
    kinds = {item["props"]["componentId"]: item for item in components}
    result["formComponentValues"] = [read_form(item, kinds) for item in instance["formComponentValues"]]
    result["createTime"] = minute(instance["createTime"])
    result["finishTime"] = minute(instance.get("finishTime"))
    # Only instances that were started by API show their approvers.
    result["approverUserIds"] = (
        [user for node in instance["nodes"] for user in node["userIds"]] if instance["byApi"] else None
    )
    result["operationRecords"] = [{**item, "date": minute(item["date"])} for item in instance["records"]]
    result["tasks"] = [_task(instance, task) for task in instance["tasks"]]
    return {name: value for name, value in result.items() if value is not None}


def _task(instance: Instance, task: dict[str, Any]) -> dict[str, Any]:
    page = f"?procInsId={instance['id']}&taskId={task['taskId']}&businessId={instance['businessId']}"
    view = {
        **task,
        "createTime": minute(task["createTime"]),
        "finishTime": minute(task.get("finishTime")),
        "processInstanceId": instance["id"],
        "pcUrl": page,
        "mobileUrl": page,
    }
    return {name: value for name, value in view.items() if value is not None}
