"""The control plane of the DingTalk stand-in, under ``/_sandbox/dingtalk``.

==========================  =====================================================================
``POST templates``          a form template with its approval flow (``approvers``); also ``GET``
``POST instances``          ``{"instances": [create body, ...]}``: forms typed in the OA, at once
``GET instances``           all instances, filter ``?processCode=&status=&originatorUserId=``
``GET instances/ID``        one instance with everything that is kept of it
``POST instances/ID/attach``  ``{"action": "REVOKE"|"MODIFY", "values": [...]}`` of an approved form
``POST decisions``          ``{"instances": [ids], "action": ..., "user": ..., "remark": ...}``
``PUT rules``               deciding rules, see :mod:`.deciding`; also ``GET``
``POST apps``               an application; ``POST users`` a staff list; ``POST robots`` a group robot
``POST callback``           an event receiver, probed by ``check_url``; ``DELETE`` takes it away
``GET events``              every event with its fate
``POST limits``             call limits, see :meth:`.identity.Identity.limit`
``POST tokens/expire``      ends all tokens; ``{"seconds": n}`` sets how long new ones live
``POST files``              a file in the approval space: ``{"name", "content": base64}``
``GET messages``            what robots, DINGs and work notifications have sent
``GET todos``               the to-dos with whose they are
``PUT reach``               ``{"unreachable": [user], "slowed": [user]}``: whom robots do not reach
==========================  =====================================================================
"""

from __future__ import annotations

import base64
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.dingtalk.deciding import Deciding
from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError
from airflow_provider_docflow.sandbox.dingtalk.events import Events
from airflow_provider_docflow.sandbox.dingtalk.forms_api import FormsApi
from airflow_provider_docflow.sandbox.dingtalk.identity import CORP_ID, Identity
from airflow_provider_docflow.sandbox.dingtalk.instances import Instances
from airflow_provider_docflow.sandbox.dingtalk.oapi import Oapi
from airflow_provider_docflow.sandbox.dingtalk.talking import Talking
from airflow_provider_docflow.sandbox.parts import Parts
from airflow_provider_docflow.sandbox.replies import body_of, reply


class Control:
    """Handlers of the control plane."""

    def __init__(
        self,
        parts: Parts,
        identity: Identity,
        instances: Instances,
        deciding: Deciding,
        events: Events,
        oapi: Oapi,
        forms: FormsApi,
        talking: Talking,
    ) -> None:
        self._talking = talking
        self._parts, self._identity, self._instances = parts, identity, instances
        self._deciding, self._events, self._oapi, self._forms = deciding, events, oapi, forms

    async def templates(self, request: Request) -> Response:
        """Create a template, or list them."""
        if request.method == "GET":
            return reply({"templates": self._instances.templates()})
        body = await body_of(request)
        return self._guarded(lambda: {"processCode": self._instances.save_template(body)})

    async def instances(self, request: Request) -> Response:
        """Enter many instances in one transaction, or list them."""
        if request.method == "GET":
            return reply({"instances": self._found(dict(request.query_params))})
        body = await body_of(request)

        def enter() -> dict[str, Any]:
            new = [
                self._instances.create(item, created=item.get("createTime"))["id"]
                for item in body["instances"]
            ]
            return {"instanceIds": new}

        return self._guarded(enter)

    def _found(self, query: dict[str, str]) -> list[dict[str, Any]]:
        names = ("processCode", "status", "originatorUserId")
        wanted = {name: query[name] for name in names if query.get(name)}
        every = self._instances.all()
        return [item for item in every if all(item[name] == value for name, value in wanted.items())]

    async def instance(self, request: Request) -> Response:
        """Show one instance."""
        return self._guarded(lambda: self._instances.get(request.path_params["id"]))

    async def attach(self, request: Request) -> Response:
        """Revoke or modify an approved form."""
        body = await body_of(request)
        wanted = request.path_params["id"]
        return self._guarded(
            lambda: {"instanceId": self._instances.attach(wanted, body.get("action", ""), body)["id"]}
        )

    async def decisions(self, request: Request) -> Response:
        """Decide instances as their approvers would."""
        body = await body_of(request)

        def decide() -> dict[str, Any]:
            wanted = body.get("instances") or [body.get("instance")]
            for instance in wanted:
                self._deciding.decide(instance, body)
            return {"decided": len(wanted)}

        return self._guarded(decide)

    async def rules(self, request: Request) -> Response:
        """Set or show the deciding rules."""
        if request.method == "PUT":
            body = await body_of(request)
            return self._guarded(lambda: self._deciding.set_rules(body["rules"]))
        return reply({"rules": self._deciding.rules})

    async def apps(self, request: Request) -> Response:
        """Enter an application."""
        body = await body_of(request)
        return self._guarded(lambda: self._identity.register(**body))

    async def users(self, request: Request) -> Response:
        """Set the staff list; null takes every user id."""
        body = await body_of(request)
        return self._guarded(lambda: self._parts.store.set("dingtalk_users", body["users"]))

    async def robots(self, request: Request) -> Response:
        """Enter a group robot."""
        body = await body_of(request)
        return self._guarded(lambda: self._oapi.register_robot(**body))

    async def callback(self, request: Request) -> Response:
        """Register an event receiver, or take it away."""
        if request.method == "DELETE":
            self._events.forget()
            return reply({})
        body = await body_of(request)
        callback = {"corp_id": CORP_ID, "receive_id": CORP_ID, "tags": [], **body}
        if not await self._events.register(callback):
            return reply({"error": "the receiver did not answer check_url with the encrypted success"}, 400)
        return reply({})

    async def events(self, request: Request) -> Response:
        """Show all events."""
        return reply({"events": self._events.listing()})

    async def limits(self, request: Request) -> Response:
        """Set call limits."""
        body = await body_of(request)
        return self._guarded(lambda: self._identity.limit(body["limits"]))

    async def expire(self, request: Request) -> Response:
        """End all tokens, and say how long new ones live."""
        body = await body_of(request)

        def expire() -> None:
            if "seconds" in body:
                self._parts.store.set("dingtalk_token_seconds", body["seconds"])
            self._identity.expire()

        return self._guarded(expire)

    async def files(self, request: Request) -> Response:
        """Keep a file."""
        body = await body_of(request)
        content = base64.b64decode(body["content"])
        return self._guarded(lambda: self._forms.keep_file(body["name"], content))

    async def messages(self, request: Request) -> Response:
        """Show what was sent."""
        return reply({"messages": self._oapi.messages(request.query_params.get("channel", ""))})

    async def todos(self, request: Request) -> Response:
        """Show the to-dos."""
        return reply({"todos": self._talking.todos()})

    async def reach(self, request: Request) -> Response:
        """Say whom robots reach."""
        body = await body_of(request)
        return self._guarded(lambda: self._talking.treat(**body))

    def _guarded(self, work: Any) -> Response:
        try:
            with self._parts.store.write():
                answer = work()
        except ApiError as error:
            return reply({"error": error.code, "message": error.message}, 400)
        except (KeyError, TypeError) as error:
            return reply({"error": "bad request", "message": f"{type(error).__name__}: {error}"}, 400)
        return reply(answer or {})


def control_routes(
    parts: Parts,
    identity: Identity,
    instances: Instances,
    deciding: Deciding,
    events: Events,
    oapi: Oapi,
    forms: FormsApi,
    talking: Talking,
) -> list[Route]:
    """Return the routes of the control plane."""
    control = Control(parts, identity, instances, deciding, events, oapi, forms, talking)
    return [
        Route("/templates", control.templates, methods=["GET", "POST"]),
        Route("/instances", control.instances, methods=["GET", "POST"]),
        Route("/instances/{id}", control.instance),
        Route("/instances/{id}/attach", control.attach, methods=["POST"]),
        Route("/decisions", control.decisions, methods=["POST"]),
        Route("/rules", control.rules, methods=["GET", "PUT"]),
        Route("/apps", control.apps, methods=["POST"]),
        Route("/users", control.users, methods=["POST"]),
        Route("/robots", control.robots, methods=["POST"]),
        Route("/callback", control.callback, methods=["POST", "DELETE"]),
        Route("/events", control.events),
        Route("/limits", control.limits, methods=["POST"]),
        Route("/tokens/expire", control.expire, methods=["POST"]),
        Route("/files", control.files, methods=["POST"]),
        Route("/messages", control.messages),
        Route("/todos", control.todos),
        Route("/reach", control.reach, methods=["PUT"]),
    ]
