"""The control plane of the Feishu stand-in, under ``/_sandbox/feishu``: what people there do.

===========================  ================================================================================
``POST definitions``         create or change one, see :class:`.definitions.Definitions`
``GET instances``            everything that is kept; ``POST`` enters some as requesters would
``POST decisions``           ``instances``, ``action`` (approve, reject, transfer, return, resubmit, comment,
                             withdraw, revoke, delete), ``user``, ``to_user``, ``comment``, ``to_start``
``POST apps|users|robots``   enter an application, the staff (null takes everybody), a group's robot
``POST user_token``          give a person a token
``POST address``             register an address for events; ``DELETE`` takes it away
``GET events|messages``      what was sent; ``GET reminders``
``POST limits``              call limits
``POST tokens/expire``       end all tokens; ``seconds`` says how long new ones live
``POST settings``            ``bare_rows``: show tables without the names of their columns
===========================  ================================================================================
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.feishu.definitions import Definitions
from airflow_provider_docflow.sandbox.feishu.errors import NO_TASK, ApiError
from airflow_provider_docflow.sandbox.feishu.events import Events
from airflow_provider_docflow.sandbox.feishu.flow import Flow
from airflow_provider_docflow.sandbox.feishu.identity import Identity
from airflow_provider_docflow.sandbox.feishu.instances import Instances
from airflow_provider_docflow.sandbox.feishu.messages import Messages
from airflow_provider_docflow.sandbox.parts import Parts
from airflow_provider_docflow.sandbox.replies import body_of, reply

Decision = dict[str, Any]


class Control:
    """Handlers of the control plane."""

    def __init__(
        self,
        parts: Parts,
        identity: Identity,
        definitions: Definitions,
        instances: Instances,
        events: Events,
        messages: Messages,
    ) -> None:
        self._store, self._identity, self._definitions = parts.store, identity, definitions
        self._instances, self._events, self._messages = instances, events, messages

    def routes(self) -> list[Route]:
        """Return the routes."""
        posts: dict[str, Callable[[dict[str, Any]], Any]] = {
            "definitions": lambda body: {"approval_code": self._definitions.save(body)},
            "instances": self._enter,
            "decisions": self._decide,
            "apps": lambda body: self._identity.register(**body),
            "users": lambda body: self._store.set("feishu_users", body["users"]),
            "robots": lambda body: self._messages.register_robot(**body),
            "user_token": lambda body: {"token": self._identity.user_token(body["user"])},
            "limits": lambda body: self._identity.limits(body["limits"]),
            "tokens/expire": self._expire,
            "settings": lambda body: self._store.set("feishu_bare_rows", body["bare_rows"]),
        }
        gets: dict[str, Callable[[], Any]] = {
            "instances": lambda: {"instances": self._instances.all()},
            "events": lambda: {"events": self._events.listing()},
            "messages": lambda: {"messages": self._messages.sent()},
            "reminders": lambda: {"reminders": self._store.setting("feishu_reminders", [])},
        }
        routes = [Route("/address", self._address, methods=["POST", "DELETE"])]
        for path in {**posts, **gets}:
            served = _serve(self._store, posts.get(path), gets.get(path))
            methods = [name for name, table in (("POST", posts), ("GET", gets)) if path in table]
            routes.append(Route(f"/{path}", served, methods=methods))
        return routes

    async def _address(self, request: Request) -> Response:
        if request.method == "DELETE":
            self._events.forget()
            return reply({})
        if not await self._events.register(await body_of(request)):
            return reply({"error": "the receiver did not answer the challenge"}, 400)
        return reply({})

    def _enter(self, body: dict[str, Any]) -> dict[str, Any]:
        codes = []
        for one in body["instances"]:
            form = one["form"] if isinstance(one["form"], str) else json.dumps(one["form"], default=float)
            given = {name: value for name, value in one.items() if name not in ("created", "links")}
            more = {"created": one.get("created"), **one.get("links", {})}
            codes.append(self._instances.create({**given, "form": form}, **more)["code"])
        return {"instance_codes": codes}

    def _decide(self, body: dict[str, Any]) -> dict[str, Any]:
        made = [_STEPS[body["action"]](self, code, body) for code in body["instances"]]
        return {"instance_codes": [code for code in made if code]}

    def _expire(self, body: dict[str, Any]) -> None:
        if "seconds" in body:
            self._store.set("feishu_token_seconds", body["seconds"])
        self._identity.expire()

    def _moved(self, code: str, step: Callable[[Flow], Any]) -> None:
        flow = self._instances.flow(self._instances.get(code))
        step(flow)
        self._instances.keep(flow)
        self._instances.settle_revocation(flow)

    def _approve(self, code: str, body: Decision) -> None:
        """Approve one person's task, or without a name every task to the end."""

        def step(flow: Flow) -> None:
            user = body.get("user") or ""
            flow.approve(_open(flow, user), body.get("comment") or "")
            while not user and flow.open_tasks():
                flow.approve(_open(flow, ""), body.get("comment") or "")

        self._moved(code, step)

    def _task(self, code: str, body: Decision, name: str, **more: Any) -> None:
        def step(flow: Flow) -> None:
            task = _open(flow, body.get("user") or "")
            getattr(flow, name)(task, comment=body.get("comment") or "", **more)

        self._moved(code, step)

    def _revoke(self, code: str, body: Decision) -> str:
        return str(self._instances.revoke(code)["code"])


_STEPS: dict[str, Callable[[Control, str, Decision], Any]] = {
    "approve": Control._approve,
    "reject": lambda control, code, body: control._task(code, body, "reject"),
    "transfer": lambda control, code, body: control._task(code, body, "transfer", to_user=body["to_user"]),
    "return": lambda control, code, body: control._task(
        code, body, "roll_back", to_start=body.get("to_start", True)
    ),
    "resubmit": lambda control, code, body: control._moved(code, lambda flow: flow.resubmit()),
    "comment": lambda control, code, body: control._moved(
        code, lambda flow: flow.comment(body["user"], body["comment"])
    ),
    "withdraw": lambda control, code, body: control._moved(
        code, lambda flow: flow.cancel(flow.instance["user_id"], body.get("comment") or "")
    ),
    "delete": lambda control, code, body: control._moved(code, lambda flow: flow.delete()),
    "revoke": Control._revoke,
}


def _open(flow: Flow, user: str) -> dict[str, Any]:
    for task in flow.open_tasks():
        if user in ("", task["user_id"]):
            return task
    raise ApiError(NO_TASK)


def _serve(store: Any, post: Callable[[dict[str, Any]], Any] | None, get: Callable[[], Any] | None) -> Any:
    async def serve(request: Request) -> Response:
        body = await body_of(request) if request.method == "POST" else {}
        try:
            with store.write():
                answer = get() if request.method != "POST" and get else post(body) if post else None
        except ApiError as error:
            return reply({"error": error.code, "message": error.message}, 400)
        except (KeyError, TypeError) as error:
            return reply({"error": "bad request", "message": f"{type(error).__name__}: {error}"}, 400)
        return reply(answer or {})

    return serve
