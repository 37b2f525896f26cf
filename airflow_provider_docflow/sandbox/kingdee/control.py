"""Kingdee's part of the control plane, under ``/_sandbox/kingdee``: what people there do with a mouse.

==========================  =====================================================================
``GET bills/FORM``          all documents of a form, as they are kept
``POST bills``              ``{"form", "model", "status": "A"|"B"|"C"}``: enter one as a person would
``POST decide``             ``{"fid", "user", "type": 1|2|3, "opinion"}``: decide an open task
``POST act``                ``{"fid", "do": "submit"|"audit"|"unaudit"|"withdraw"|"delete"}``
``PUT settings``            how the tenant is set up, see below
``POST sessions/expire``    end every session
``GET seen``                how many sessions are held, and by which HTTP versions requests came
==========================  =====================================================================

Settings: ``approvers`` (form → users of its nodes), ``users`` (user → password), ``fields`` (form → the
tenant's text fields), ``disabled`` and ``unknown`` (numbers of master data), ``numbering`` (``manual`` or
``automatic``), ``unaudit_to``, ``edited`` (ids that somebody edits), ``silent`` (methods that answer and do
nothing), ``operation_method``, ``calls_per_minute``, ``query_limit``, ``piece`` (bytes of a file's piece).
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from airflow_provider_docflow.sandbox.kingdee.bills import Bill, Bills
from airflow_provider_docflow.sandbox.kingdee.files import Files
from airflow_provider_docflow.sandbox.kingdee.identity import Identity
from airflow_provider_docflow.sandbox.kingdee.wire import Refused
from airflow_provider_docflow.sandbox.kingdee.workflow import Workflow
from airflow_provider_docflow.sandbox.parts import Parts
from airflow_provider_docflow.sandbox.replies import body_of, reply

_SETTINGS = (
    *("approvers", "users", "fields", "disabled", "unknown", "numbering", "unaudit_to", "edited", "silent"),
    *("operation_method", "calls_per_minute", "query_limit", "piece"),
)
_CLERK = "clerk"


class Control:
    """Handlers of the control plane."""

    def __init__(
        self,
        parts: Parts,
        bills: Bills,
        workflow: Workflow,
        identity: Identity,
        files: Files,
        seen: Counter[str],
    ) -> None:
        self._parts, self._bills, self._workflow = parts, bills, workflow
        self._identity, self._files, self._seen = identity, files, seen

    async def listing(self, request: Request) -> Response:
        """Show the documents of a form."""
        return reply({"bills": self._bills.all(request.path_params["form"])})

    async def enter(self, request: Request) -> Response:
        """Enter a document, and take it to a state."""
        body = await body_of(request)

        def work() -> Bill:
            bill = self._bills.save(body["form"], {}, body["model"], _CLERK, kept=False)
            if body.get("status", "A") in "BC":
                self._workflow.submit(bill)
            if body.get("status") == "C":
                self._workflow.audit(bill, _CLERK, verify=False)
            return bill

        return self._guarded(work)

    async def decide(self, request: Request) -> Response:
        """Decide an open task."""
        body = await body_of(request)

        def work() -> Bill:
            bill = self._bill(body["fid"])
            self._workflow.decide(bill, body["user"], int(body.get("type", 1)), body.get("opinion", ""))
            return bill

        return self._guarded(work)

    async def act(self, request: Request) -> Response:
        """Press a button."""
        body = await body_of(request)
        buttons = {
            "submit": self._workflow.submit,
            "audit": lambda bill: self._workflow.audit(bill, _CLERK, verify=False),
            "unaudit": self._workflow.unaudit,
            "withdraw": self._workflow.withdraw,
            "delete": self._bills.delete,
        }

        def work() -> Bill:
            bill = self._bill(body["fid"])
            buttons[body["do"]](bill)
            return bill

        return self._guarded(work)

    async def settings(self, request: Request) -> Response:
        """Change how the tenant is set up."""
        body = await body_of(request)
        if unknown := sorted(set(body) - set(_SETTINGS)):
            return reply({"error": f"there is no setting {unknown[0]!r}"}, 400)

        def work() -> None:
            for name, value in body.items():
                self._parts.store.set(f"kingdee_{name}", value)

        return self._guarded(work)

    async def expire(self, request: Request) -> Response:
        """End every session."""
        return self._guarded(self._identity.expire)

    async def seen(self, request: Request) -> Response:
        """Show what the server holds and saw."""
        return reply({"sessions": self._identity.sessions(), "http_versions": dict(self._seen)})

    def _bill(self, fid: Any) -> Bill:
        found = self._bills.get(fid)
        if found is None:
            raise Refused(10, f"there is no document {fid}")
        return found

    def _guarded(self, work: Any) -> Response:
        try:
            with self._parts.store.write():
                answer = work()
        except Refused as error:
            return reply({"error": str(error), "code": error.code}, 400)
        except (KeyError, TypeError, ValueError) as error:
            return reply({"error": f"{type(error).__name__}: {error}"}, 400)
        return reply(answer or {})


def control_routes(
    parts: Parts,
    bills: Bills,
    workflow: Workflow,
    identity: Identity,
    files: Files,
    seen: Counter[str],
) -> list[Route]:
    """Return the routes of the control plane."""
    control = Control(parts, bills, workflow, identity, files, seen)
    return [
        Route("/bills", control.enter, methods=["POST"]),
        Route("/bills/{form}", control.listing),
        Route("/decide", control.decide, methods=["POST"]),
        Route("/act", control.act, methods=["POST"]),
        Route("/settings", control.settings, methods=["PUT"]),
        Route("/sessions/expire", control.expire, methods=["POST"]),
        Route("/seen", control.seen),
    ]
