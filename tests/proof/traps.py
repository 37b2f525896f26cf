"""Where a process is to be stopped: before the bytes go out, when they are out, after the reply, anywhere."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import sqlalchemy as sa

from airflow_provider_docflow.core.exchange import SqlUnit
from airflow_provider_docflow.hooks.trust import trust
from airflow_provider_docflow.ledger import Ledger

KILL, STOP = int(signal.SIGKILL), int(signal.SIGSTOP)


class SimulatedDeath(BaseException):
    """Ends everything at once, as the death of a process would, but lets the test go on."""


@dataclass
class Trap:
    """Acts at one moment of what a process does.

    Moments: ``before`` a request or SQL unit, ``sent`` (its bytes are out, or all statements are done and
    the commit is next), ``after`` its answer, ``receipt`` (about to be written into the ledger), ``ledger``
    and ``kept`` (before and after any transaction of the ledger).

    :param at: the moment; empty for every moment.
    :param match: text in the request line or body, or in the SQL.
    :param nth: which of the matching moments, counted from 1.
    :param do: the signal, or ``die`` for :class:`SimulatedDeath`, ``note`` for nothing, or what to call.
    """

    at: str = ""
    match: str = ""
    nth: int = 1
    do: int | str | Callable[[], Any] = "note"
    seen: int = 0
    log: list[str] = field(default_factory=list)

    def hit(self, moment: str, line: str = "") -> None:
        """Tell that a moment has come."""
        self.log.append(f"{moment} {line[:300]}")
        if (self.at and moment != self.at) or self.match not in line:
            return
        self.seen += 1
        if self.seen != self.nth:
            return
        if self.do == "die":
            raise SimulatedDeath(f"{moment} {line[:80]}")
        if isinstance(self.do, int):
            os.kill(os.getpid(), self.do)
        elif callable(self.do):
            self.do()


class Wire(httpx2.HTTPTransport):
    """A transport that tells the trap what goes over the wire."""

    def __init__(self, trap: Trap) -> None:
        super().__init__(retries=0, verify=trust(True))
        self.trap = trap

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        line = f"{request.method} {request.url.path} {request.content.decode('utf-8', 'replace')}"
        self.trap.hit("before", line)
        watch = request.extensions.get("trace")

        def trace(event: str, info: Any) -> None:
            if watch is not None:
                watch(event, info)
            if event.endswith("send_request_body.complete"):
                self.trap.hit("sent", line)

        request.extensions = {**request.extensions, "trace": trace}
        response = super().handle_request(request)
        response.read()
        self.trap.hit("after", line)
        return response


class SqlWire:
    """A runner of SQL units that tells the trap what is about to be kept."""

    def __init__(self, runner: Any, trap: Trap) -> None:
        self.runner, self.trap = runner, trap
        self._line = ""
        sa.event.listen(runner.engine, "commit", lambda connection: self.trap.hit("sent", self._line))

    def __call__(self, unit: SqlUnit) -> list[list[dict[str, Any]]]:
        self._line = f"{'WRITE' if unit.writes else 'READ'} {unit.statements[0].sql}"
        self.trap.hit("before", self._line)
        rows: list[list[dict[str, Any]]] = self.runner(unit)
        self.trap.hit("after", self._line)
        return rows

    def close(self) -> None:
        self.runner.close()


def watch_ledger(ledger: Ledger, trap: Trap) -> None:
    """Let the trap see every transaction of the ledger, and the moment before a receipt is kept."""
    write = ledger.database.write
    receive = ledger.intents.set_receipts

    def writing(work: Callable[..., Any], tx: Any = None) -> Any:
        if tx is not None:
            return write(work, tx)
        trap.hit("ledger")
        kept = write(work, tx)
        trap.hit("kept")
        return kept

    def receiving(written: Any, **more: Any) -> Any:
        trap.hit("receipt")
        return receive(written, **more)

    ledger.database.write = writing  # type: ignore[method-assign]
    ledger.intents.set_receipts = receiving  # type: ignore[method-assign]
