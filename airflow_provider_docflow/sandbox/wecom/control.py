"""The control plane of the WeCom stand-in, under ``/_sandbox/wecom``.

==========================  =====================================================================
``POST templates``          a template with its flow; with ``template_id`` it is edited; also ``GET``
``POST approvals``          ``{"approvals": [submission, ...]}``: forms filled in by people, at once
``GET approvals``           all approvals, filter ``?template_id=&creator=``
``GET approvals/NO``        one approval with everything that is kept of it
``POST decisions``          ``{"approvals": [sp_no], "action": ..., "user", "speech", "to_user"}``: agree,
                            reject, transfer, return, add, agree_add, handle, hand_on, comment, remind,
                            withdraw, revoke, delete, pay
``PUT engine``              an approval of the flow engine, as ``getopenapprovaldata`` shows it
``POST apps``               an application; ``POST users`` a staff list; ``POST robots`` keys of robots
``PUT settings``            ``page`` (numbers per page), ``process_list`` (whether details show it)
``POST callback``           a server for events, checked by ``echostr``; ``DELETE`` takes it away
``GET events``              every event with its fate
``POST limits``             call limits, see :meth:`.identity.Identity.limit`
``POST tokens/expire``      ends all tokens; ``{"seconds": n}`` sets how long new ones live
``GET messages``            what applications and robots have sent; ``GET media`` the uploaded files
==========================  =====================================================================
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.parts import Parts
from airflow_provider_docflow.sandbox.replies import body_of, reply
from airflow_provider_docflow.sandbox.wecom.approvals import Approvals
from airflow_provider_docflow.sandbox.wecom.events import Events
from airflow_provider_docflow.sandbox.wecom.identity import AGENT_ID, SECRET, Identity
from airflow_provider_docflow.sandbox.wecom.messages import Messages
from airflow_provider_docflow.sandbox.wecom.templates import Templates
from airflow_provider_docflow.sandbox.wecom.wire import WecomError

_SETTINGS = ("page", "process_list")


class Control:
    """Handlers of the control plane."""

    def __init__(
        self,
        parts: Parts,
        identity: Identity,
        templates: Templates,
        approvals: Approvals,
        messages: Messages,
        events: Events,
    ) -> None:
        self._parts, self._identity, self._templates = parts, identity, templates
        self._approvals, self._messages, self._events = approvals, messages, events

    async def templates(self, request: Request) -> Response:
        """Create or edit a template, or list them."""
        if request.method == "GET":
            return reply({"templates": self._templates.all()})
        body = await body_of(request)
        return self._guarded(lambda: {"template_id": self._templates.save(body)})

    async def approvals(self, request: Request) -> Response:
        """Enter many approvals in one transaction, or list them."""
        if request.method == "GET":
            wanted = dict(request.query_params)
            found = [
                one
                for one in self._approvals.all()
                if wanted.get("template_id") in (None, one["template_id"])
                and wanted.get("creator") in (None, one["applyer"]["userid"])
            ]
            return reply({"approvals": found})
        body = await body_of(request)

        def enter() -> dict[str, Any]:
            given = [{"use_template_approver": 1, **one} for one in body["approvals"]]
            return {
                "sp_nos": [
                    self._approvals.enter(one, applied=one.get("apply_time"))["sp_no"] for one in given
                ]
            }

        return self._guarded(enter)

    async def approval(self, request: Request) -> Response:
        """Show one approval."""
        return self._guarded(lambda: self._approvals.get(request.path_params["number"]))

    async def decisions(self, request: Request) -> Response:
        """Let somebody act on approvals."""
        body = await body_of(request)

        def act() -> dict[str, Any]:
            more = {name: str(body.get(name) or "") for name in ("user", "speech", "to_user")}
            for number in body["approvals"]:
                self._approvals.act(number, body["action"], **more)
            return {}

        return self._guarded(act)

    async def engine(self, request: Request) -> Response:
        """Enter what the flow engine says of a number."""
        body = await body_of(request)

        def keep() -> dict[str, Any]:
            self._parts.store.set(f"wecom_engine_{body['ThirdNo']}", body)
            self._events.engine_changed(body)
            return {}

        return self._guarded(keep)

    async def keep(self, request: Request) -> Response:
        """Enter applications, staff, robots, settings, limits or the life of tokens."""
        body, what = await body_of(request), request.url.path.rsplit("/", 1)[-1]

        def enter() -> dict[str, Any]:
            store = self._parts.store
            if what == "apps":
                agent_id = int(body.get("agent_id", AGENT_ID))
                given = {name: value for name, value in body.items() if name not in ("secret", "agent_id")}
                self._identity.register(body.get("secret", SECRET), agent_id, **given)
            elif what == "limits":
                self._identity.limit(body["limits"])
            elif what == "settings":
                for name in _SETTINGS:
                    if name in body:
                        store.set(f"wecom_{name}", body[name])
            else:
                store.set(f"wecom_{what}", body[what])
            return {}

        return self._guarded(enter)

    async def expire(self, request: Request) -> Response:
        """End all tokens."""
        body = await body_of(request)
        if "seconds" in body:
            self._parts.store.set("wecom_token_seconds", int(body["seconds"]))
        self._identity.expire()
        return reply({})

    async def callback(self, request: Request) -> Response:
        """Register a server for events, or take it away."""
        if request.method == "DELETE":
            self._events.forget()
            return reply({})
        body = await body_of(request)
        good = await self._events.register(body)
        return reply({} if good else {"error": "the server did not return the echostr"}, 200 if good else 400)

    async def told(self, request: Request) -> Response:
        """Show events, messages or files."""
        what = request.url.path.rsplit("/", 1)[-1]
        listings: dict[str, Callable[[], Any]] = {
            "events": self._events.listing,
            "messages": self._messages.listing,
            "media": self._messages.media,
        }
        return reply({what: listings[what]()})

    def _guarded(self, do: Callable[[], Any]) -> Response:
        try:
            with self._parts.store.write():
                return reply(do())
        except WecomError as error:
            return reply({"error": error.body["errmsg"], "code": error.body["errcode"]}, 400)


def control_routes(control: Control) -> list[Route]:
    """Return the routes of the control plane."""
    both = ["GET", "POST"]
    return [
        Route("/templates", control.templates, methods=both),
        Route("/approvals", control.approvals, methods=both),
        Route("/approvals/{number}", control.approval),
        Route("/decisions", control.decisions, methods=["POST"]),
        Route("/engine", control.engine, methods=["PUT"]),
        *(
            Route(f"/{name}", control.keep, methods=["POST"])
            for name in ("apps", "users", "robots", "limits")
        ),
        Route("/settings", control.keep, methods=["PUT"]),
        Route("/callback", control.callback, methods=["POST", "DELETE"]),
        Route("/tokens/expire", control.expire, methods=["POST"]),
        *(Route(f"/{name}", control.told) for name in ("events", "messages", "media")),
    ]
