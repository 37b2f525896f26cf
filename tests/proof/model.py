"""A remote system in memory: one list of orders behind a transport that loses, delays and spoils."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from tests.proof.traps import SimulatedDeath, Trap

FAULTS = ("none", "error_before", "error_after", "reply_lost", "unreachable", "limited", "late", "lag")
_AFTER = {"submit": "submitted", "approve": "approved"}


@dataclass
class Order:
    """An order as the system keeps it."""

    body: dict[str, Any]
    number: int
    at: datetime
    status: str = "draft"
    by_docflow: bool = True

    def shown(self) -> dict[str, Any]:
        own = {"id": f"po-{self.number}", "type": "purchase_order", "number": f"PO-{self.number:06d}"}
        stamp = self.at.isoformat()
        return {
            **self.body,
            **own,
            "status": self.status,
            "version": 1,
            "created_at": stamp,
            "updated_at": stamp,
        }


@dataclass
class Remote:
    """The system.

    :param clock: its time, the same as the processes'.
    :param by_key: whether it refuses a second create under the same ``Idempotency-Key``.
    :param faults: what happens to the next requests, first come first served: fault and seconds.
    """

    clock: Callable[[], datetime]
    by_key: bool
    faults: list[tuple[str, float]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    keys: dict[str, int] = field(default_factory=dict)
    _due: list[tuple[datetime, httpx2.Request]] = field(default_factory=list)

    def transport(self, trap: Trap) -> httpx2.BaseTransport:
        """Return a way to it for one process."""
        return httpx2.MockTransport(lambda request: self.serve(request, trap))

    def serve(self, request: httpx2.Request, trap: Trap) -> httpx2.Response:
        """Answer one request of a process that may die at it."""
        self.catch_up()
        line = f"{request.method} {request.url.path}"
        trap.hit("before", line)
        fault, seconds = self.faults.pop(0) if self.faults else ("none", 0.0)
        if fault == "unreachable":
            raise httpx2.ConnectError("no route", request=request)
        try:
            trap.hit("sent", line)
        except SimulatedDeath:
            # Nobody waits for the answer any more; the work is done all the same, sooner or later.
            self._due.append((self.clock() + timedelta(seconds=seconds * 20), request))
            raise
        response = self._answer(request, fault, seconds)
        trap.hit("after", line)
        return response

    def catch_up(self) -> None:
        """Do what is due by now."""
        now, due = self.clock(), self._due
        self._due = [(at, request) for at, request in due if at > now]
        for _, request in [entry for entry in due if entry[0] <= now]:
            self._work(request)

    def _answer(self, request: httpx2.Request, fault: str, seconds: float) -> httpx2.Response:
        if fault == "limited":
            return httpx2.Response(429, json={"error": {"code": "busy", "message": "busy"}})
        if fault == "error_before":
            return httpx2.Response(500, json={})
        if fault == "late" and request.method == "POST":
            self._due.append((self.clock() + timedelta(seconds=seconds), request))
            return httpx2.Response(504, json={})
        response = self._work(request, lag=seconds if fault == "lag" else 0.0)
        if fault == "error_after":
            return httpx2.Response(500, json={})
        if fault == "reply_lost":
            raise httpx2.ReadError("cut", request=request)
        return response

    def _work(self, request: httpx2.Request, lag: float = 0.0) -> httpx2.Response:
        parts = request.url.path.strip("/").split("/")
        if request.method == "GET" and len(parts) == 2:
            wanted = request.url.params.get("reference")
            seen = [order for order in self.orders if order.at <= self.clock() - timedelta(seconds=lag)]
            found = [order.shown() for order in seen if order.body.get("reference") == wanted]
            return httpx2.Response(200, json={"items": found, "next_cursor": None})
        if len(parts) == 2:
            return self._create(request)
        order = next(order for order in self.orders if f"po-{order.number}" == parts[2])
        if request.method == "POST":
            if order.status not in ("draft", _AFTER[parts[4]]):
                return httpx2.Response(409, json={"error": {"code": "invalid_status", "message": "no"}})
            order.status = _AFTER[parts[4]]
        return httpx2.Response(200, json=order.shown())

    def _create(self, request: httpx2.Request) -> httpx2.Response:
        key = request.headers.get("idempotency-key", "")
        if self.by_key and key in self.keys:
            return httpx2.Response(200, json=self.orders[self.keys[key]].shown())
        order = Order(json.loads(request.content), len(self.orders) + 1, self.clock().astimezone(UTC))
        self.keys[key] = len(self.orders)
        self.orders.append(order)
        return httpx2.Response(201, json=order.shown())

    def copy(self) -> None:
        """A person copies the first order, mark included."""
        self.orders.append(Order(self.orders[0].body, len(self.orders) + 1, self.clock(), by_docflow=False))
