"""
The gate of writes: one kind of write that fails while the system answers everything else is left alone.

A proxy may answer questions and say 502 to every order. What fails is counted per kind of write, and the same
request failing again says nothing new: a single document that a system cannot digest is no outage.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from datetime import datetime
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import retry_after
from airflow_provider_docflow.core.exchange import SqlUnit
from airflow_provider_docflow.hooks.announcing import announce
from airflow_provider_docflow.hooks.gates import GatedStep
from airflow_provider_docflow.hooks.outages import LONGEST_RETRY_AFTER, LOOK_SECONDS, ONLY_COUNT, HealthGate
from airflow_provider_docflow.hooks.pinging import answers, cause_of, is_write, judged
from airflow_provider_docflow.ledger.health import WRITES_FAILING, Health

LONGEST_KIND = 200
TRANSACTION = "write transaction"
_VERSION = re.compile(r"v\d+(\.\d+)*", re.IGNORECASE)


class WriteGate:
    """Lets no more writes of a kind out while they fail; see :class:`~.gates.Gate`.

    The write itself is what tries whether it is over: nothing can be asked in its place.

    :param whole: the gate of the system as a whole, which comes before this one.
    """

    def __init__(self, whole: HealthGate) -> None:
        self._whole, self._ledger, self._site, self._pace = whole, whole.ledger, whole.site, whole.pace
        self._lock, self._opening = threading.Lock(), threading.Lock()
        self._seen: dict[str, tuple[Health | None, float]] = {}
        self._well_until = 0.0
        self._asked: dict[int, datetime] = {}
        self._failing: set[str] = set()
        self._tried: set[str] = set()
        self._counted: dict[str, set[str]] = {}

    def before(self, step: GatedStep) -> float:
        """Refuse a write of a kind that fails; have it wait its turn where it is taken again.

        :raises SystemDown: nothing was sent.
        :raises LeaseLost: a write would come too late for its lease; nothing was sent.
        """
        kind = kind_of_write(step)
        if not kind or not self._whole.instance:
            return 0.0
        known = self._look(kind)
        wait = 0.0
        if known is not None and known.state != "closed":
            self._try(kind)
        elif known is not None and known.ramp_from is not None:
            wait = self._whole.turn(step, known, f"ramp {kind}"[:120])
        self._asked[id(step)] = self._ledger.now()
        return wait

    def ready(self) -> None:
        """Find out before any work is done whether any kind of write fails; asked once for a whole batch."""
        instance = self._whole.instance
        parts = [one for one in self._ledger.health.all() if one.instance_id == instance and not one.whole]
        if all(one.plain for one in parts):
            with self._lock:
                self._well_until = time.monotonic() + LOOK_SECONDS

    def quick_before(self, step: GatedStep) -> float | None:
        """Let out what is no write, or of a kind that was well a moment ago."""
        kind = kind_of_write(step)
        if kind and not self._known_well(kind):
            return None
        if kind:
            self._asked[id(step)] = self._ledger.now()
        return 0.0

    def quick_after(self, step: GatedStep, reply: httpx2.Response) -> bool:
        """Tell whether a reply only says what is known: such writes are taken."""
        kind = kind_of_write(step)
        if kind and not (self._known_well(kind) and judged(step, reply, None)):
            return False
        self._asked.pop(id(step), None)
        return True

    def after(self, step: GatedStep, reply: httpx2.Response | None, error: Exception | None) -> None:
        """Learn from a write whether such writes are taken."""
        asked_at, kind = self._asked.pop(id(step), None), kind_of_write(step)
        verdict = judged(step, reply, error)
        if not kind or verdict is None or not self._whole.instance or self._whole.in_window()[0] is not None:
            return
        if not verdict:
            wait = retry_after(reply) if reply is not None else None
            self._failed(kind, _named(kind, step, cause_of(reply, error)), asked_at, wait or 0.0)
            return
        self._counted.pop(kind, None)
        known = self._look(kind)
        if known is not None and not (known.plain or self._whole.on_its_way(known)):
            self._keep(kind, self._answered(kind, asked_at))

    def confirm(self) -> exc.SystemDown | None:
        """Tell whether writes that failed here are an outage, under which the work parks."""
        for kind in sorted(self._failing):
            known = self._ledger.health.get(self._whole.instance, part=kind)
            if known is None or known.state == "closed":
                continue
            down = self._down(kind, known)
            if kind in self._tried:
                # Whose write just failed lets others try next: it may be the document that fails.
                down.retry_after = (down.retry_after or 0.0) + self._pace.probe_seconds
            return down
        return None

    def _look(self, kind: str) -> Health | None:
        with self._lock:
            known, until = self._seen.get(kind, (None, 0.0))
        if time.monotonic() < until:
            return known
        return self._keep(kind, self._ledger.health.get(self._whole.instance, part=kind))

    def _keep(self, kind: str, known: Health | None) -> Health | None:
        with self._lock:
            self._seen[kind] = (known, time.monotonic() + LOOK_SECONDS)
        return known

    def _known_well(self, kind: str) -> bool:
        with self._lock:
            known, until = self._seen.get(kind, (None, self._well_until))
        return time.monotonic() < until and (known is None or known.plain)

    def _try(self, kind: str) -> None:
        """Take the right to try, if it is our turn to.

        :raises SystemDown: it is somebody else's.
        """
        instance, seconds = self._whole.instance, self._pace.probe_seconds
        wait = self._ledger.health.allow(instance, part=kind, probe_seconds=seconds)
        known = self._keep(kind, self._ledger.health.get(instance, part=kind))
        if known is None or known.state == "closed":
            return
        if wait > 0:
            self._failing.add(kind)
            raise self._down(kind, known)
        self._tried.add(kind)

    def _answered(self, kind: str, asked_at: datetime | None) -> Health | None:
        found: Health | None = self._ledger.health.answered(
            self._whole.instance, part=kind, pace=self._pace, asked_at=asked_at
        )
        return found

    def _failed(self, kind: str, cause: str, asked_at: datetime | None, wait: float) -> None:
        self._failing.add(kind)
        before, counted = self._look(kind), self._counted.setdefault(kind, set())
        if cause in counted and (before is None or before.state == "closed"):
            return
        counted.add(cause)
        seconds = max(self._pace.probe_seconds, min(wait, LONGEST_RETRY_AFTER))
        told = {"part": kind, "probe_seconds": seconds, "asked_at": asked_at}
        known: Health = self._ledger.health.failed(self._whole.instance, cause, threshold=ONLY_COUNT, **told)
        self._keep(kind, known)
        if known.state == "closed" and known.failures >= self._pace.threshold:
            with self._opening:
                self._keep(kind, self._opened(kind, cause, told))

    def _opened(self, kind: str, cause: str, told: dict[str, Any]) -> Health | None:
        """Begin the outage, unless the whole system is down, which has a gate and an incident of its own."""
        known: Health | None = self._ledger.health.get(self._whole.instance, part=kind)
        if known is None or known.state != "closed" or known.failures < self._pace.threshold:
            return known
        whole: Health | None = self._ledger.health.get(self._whole.instance)
        if (whole is not None and whole.state != "closed") or answers(self._ledger, self._site) is False:
            self._counted.pop(kind, None)
            return self._answered(kind, None)
        known = self._ledger.health.failed(self._whole.instance, cause, threshold=1, **told)
        if known is not None and known.state == "open":
            announce(self._ledger, self._site, known)
        return known

    def _down(self, kind: str, known: Health) -> exc.SystemDown:
        until = known.probe_until
        left = (until - self._ledger.now()).total_seconds() if until is not None else 0.0
        return exc.SystemDown(
            f"it answers, but has failed every {kind} since {known.since:%Y-%m-%d %H:%M} UTC: "
            f"{known.cause.rpartition('): ')[2].rstrip('.')}.",
            system=self._site.conn_id,
            code=WRITES_FAILING,
            incident=known.incident,
            retry_after=max(0.0, left),
            remedy="Nothing here: the work goes on when such a write is taken again. To have it tried now: "
            f"airflow docflow health {self._site.conn_id} --now.",
        )


def kind_of_write(step: GatedStep) -> str:
    """Return the method and path of a write without what names a document; empty for everything else.

    All write transactions of a database are of one kind.
    """
    if not is_write(step):
        return ""
    if isinstance(step, SqlUnit):
        return TRANSACTION
    parts = step.url.path.split("/")
    return f"{step.method} {'/'.join(map(_general, parts))}"[:LONGEST_KIND]


def _general(part: str) -> str:
    named = any(sign.isdigit() for sign in part) and not _VERSION.fullmatch(part)
    return "*" if named else part


def _named(kind: str, step: GatedStep, cause: str) -> str:
    """Return the cause with a name of the request, by which the same one is known when it fails again."""
    digest = hashlib.sha256(_content(step)).hexdigest()[:8]
    return f"{kind} (request {digest}): {cause}"


def _content(step: GatedStep) -> bytes:
    if isinstance(step, SqlUnit):
        return repr([(str(one.sql), one.parameters) for one in step.statements]).encode()
    try:
        body = step.content
    except httpx2.RequestNotRead:
        body = b""
    return str(step.url).encode() + b"\n" + body
