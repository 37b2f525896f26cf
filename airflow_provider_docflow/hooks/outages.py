"""
The gate of outages: a system that is down, or in maintenance, is left alone by all processes together.

After so many failures in a row nothing is sent any more, and one incident is open. From time to time one
caller asks whether the system answers; when it does, it is asked slowly at first and then faster.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import retry_after
from airflow_provider_docflow.core.maintenance import maintained_until
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.announcing import announce
from airflow_provider_docflow.hooks.gates import GatedStep
from airflow_provider_docflow.hooks.pace import configured_pace
from airflow_provider_docflow.hooks.pinging import answers, cause_of, is_write, judged
from airflow_provider_docflow.hooks.ramping import turn_of
from airflow_provider_docflow.ledger.health import SYSTEM_DOWN, Health
from airflow_provider_docflow.ledger.ramp import Pace

MAINTENANCE = "maintenance"
LOOK_SECONDS = 1.0
"""So long a process goes by what it has last seen of the health; an outage is noticed that much later."""

WINDOW_LOOK_SECONDS = 5.0
LONGEST_RETRY_AFTER = 900.0
ONLY_COUNT = sys.maxsize
"""A threshold at which a failure begins no outage by itself."""


class HealthGate:
    """Lets nothing out to a system that is down or in maintenance; see :class:`~.gates.Gate`.

    :param pace: the settings of ``[docflow]`` unless given.
    """

    def __init__(self, ledger: Any, site: Site, *, pace: Pace | None = None) -> None:
        self.ledger, self.site, self.pace = ledger, site, pace or configured_pace()
        self._lock, self._trial = threading.Lock(), threading.Lock()
        self._bound = site.instance
        self._seen: Health | None = None
        self._seen_until = 0.0
        self._window: tuple[datetime | None, str] = (None, "")
        self._window_until = 0.0
        self._asked: dict[int, datetime] = {}

    @property
    def instance(self) -> str:
        """The instance behind the connection; empty when it has never answered."""
        if not self._bound:
            self._bound = self.ledger.instances.bound_to(self.site.conn_id) or ""
        return self._bound

    def before(self, step: GatedStep) -> float:
        """Refuse a step to a system that is down; have it wait its turn where the system recovers.

        :raises SystemDown: nothing was sent.
        :raises LeaseLost: a write would come too late for its lease; nothing was sent.
        """
        known = self.ready()
        self._asked[id(step)] = self.ledger.now()
        recovering = known is not None and known.state == "closed" and known.ramp_from is not None
        return self.turn(step, known) if known is not None and recovering else 0.0

    def turn(self, step: GatedStep, known: Health, limit: str = "ramp") -> float:
        """Take one of the few requests that a recovering system is asked; return the seconds to wait.

        :raises SystemDown: there is none soon; nothing was sent.
        :raises LeaseLost: there is none in the time of a write; nothing was sent.
        """
        return turn_of(
            self.ledger, self.site, self.instance, step, self.pace.granted(known.ramp_level), limit
        )

    def ready(self) -> Health | None:
        """Find out whether the system may be asked at all, and how it is.

        :raises SystemDown: it may not.
        """
        self._refuse_in_window()
        known = self._look() if self.instance else None
        if known is None or known.state == "closed":
            return known
        # Those who came with the one that tries go by what it learns, and are not refused meanwhile.
        with self._trial:
            return self._try(self._look())

    def quick_before(self, step: GatedStep) -> float | None:
        """Let a step out to a system that was well a moment ago; None where the ledger has to be asked."""
        if not self._known_well():
            return None
        self._asked[id(step)] = self.ledger.now()
        return 0.0

    def quick_after(self, step: GatedStep, reply: httpx2.Response) -> bool:
        """Tell whether a reply only says what is known: the system is well."""
        if not self._known_well() or not judged(step, reply, None):
            return False
        self._asked.pop(id(step), None)
        return True

    def _known_well(self) -> bool:
        """Whether what was last seen is fresh, and there was neither a failure nor a window."""
        now = time.monotonic()
        fresh = now < self._seen_until and now < self._window_until
        return fresh and self._window[0] is None and (self._seen is None or self._seen.plain)

    def after(self, step: GatedStep, reply: httpx2.Response | None, error: Exception | None) -> None:
        """Learn from a step whether the system answers."""
        asked_at = self._asked.pop(id(step), None)
        verdict = judged(step, reply, error)
        if verdict is None or not self.instance or self.in_window()[0] is not None:
            return
        if verdict:
            self._answered(asked_at)
        else:
            wait = (retry_after(reply) if reply is not None else None) or 0.0
            fail = self._write_failed if is_write(step) else self._failed
            fail(cause_of(reply, error), asked_at, wait)

    def _write_failed(self, cause: str, asked_at: datetime | None, wait: float) -> None:
        """Count a write that failed; it begins an outage only where a question is not answered either."""
        self._failed(cause, asked_at, wait, threshold=ONLY_COUNT)
        with self._trial:
            known = self.ledger.health.get(self.instance)
            if known is None or known.state != "closed" or known.failures < self.pace.threshold:
                return
            if answers(self.ledger, self.site):
                self._answered(None)
            else:
                self._failed(cause, asked_at, wait)

    def confirm(self) -> exc.SystemDown | None:
        """Tell whether failures just seen are an outage: ask until the system answers, or counts as down.

        :returns: the error under which the work parks; None where it may simply be tried again.
        """
        if not self.instance:
            return None
        known = self.ledger.health.get(self.instance)
        while known is not None and known.state == "closed" and known.failures:
            found = answers(self.ledger, self.site)
            if found is None:
                return None
            known = self._answered(None) if found else self._failed(known.cause, None)
        if known is None or known.state == "closed":
            return None
        return self._down(known)

    def ask(self) -> Health | None:
        """Ask the system now whether it answers, whoever's turn it is.

        :returns: how it is then; None when it answers and never failed.
        :raises Unsupported: there is nothing that it could be asked.
        """
        found = answers(self.ledger, self.site)
        if found is None:
            raise exc.Unsupported(
                "this system cannot be asked without asking for something.",
                system=self.site.conn_id,
                remedy=f"Log in once: airflow docflow check {self.site.conn_id}.",
            )
        known: Health | None = self.ledger.health.get(self.instance)
        cause = known.cause if known and known.cause else "no answer when asked by a person"
        return self._answered(None) if found else self._failed(cause, None)

    def _look(self) -> Health | None:
        with self._lock:
            if time.monotonic() < self._seen_until:
                return self._seen
        return self._keep(self.ledger.health.get(self.instance))

    def _keep(self, known: Health | None) -> Health | None:
        with self._lock:
            self._seen, self._seen_until = known, time.monotonic() + LOOK_SECONDS
        return known

    def _try(self, known: Health | None) -> Health | None:
        """Ask the system whether it answers, if it is our turn to.

        :raises SystemDown: it does not, or it is somebody else's turn.
        """
        if known is None or known.state == "closed":
            return known
        if known.probe_until is not None and known.probe_until > self.ledger.now():
            raise self._down(known)
        wait = self.ledger.health.allow(self.instance, probe_seconds=self.pace.probe_seconds)
        now = self._keep(self.ledger.health.get(self.instance))
        if now is None or now.state == "closed":
            return now
        if wait > 0:
            raise self._down(now)
        found = answers(self.ledger, self.site)
        if found is None:
            # Nothing can be asked without asking for something: then this step is the trial.
            return now
        if found:
            return self._answered(None)
        raise self._down(self._failed(now.cause, None))

    def _answered(self, asked_at: datetime | None) -> Health | None:
        seen = self._look()
        if seen is None or seen.plain or self.on_its_way(seen):
            return seen
        return self._keep(self.ledger.health.answered(self.instance, pace=self.pace, asked_at=asked_at))

    def on_its_way(self, seen: Health) -> bool:
        """Whether a success changes nothing yet: the period of the ramp is not over."""
        if seen.state != "closed" or seen.failures or seen.ramp_from is None:
            return False
        return bool(self.ledger.now() < seen.ramp_from + timedelta(seconds=self.pace.ramp_seconds))

    def _failed(
        self, cause: str, asked_at: datetime | None, wait: float = 0.0, *, threshold: int = 0
    ) -> Health:
        before = self._seen
        known: Health = self.ledger.health.failed(
            self.instance,
            cause,
            threshold=threshold or self.pace.threshold,
            probe_seconds=max(self.pace.probe_seconds, min(wait, LONGEST_RETRY_AFTER)),
            asked_at=asked_at,
        )
        self._keep(known)
        if known.state == "open" and (before is None or before.state == "closed"):
            announce(self.ledger, self.site, known)
        return known

    def _down(self, known: Health) -> exc.SystemDown:
        until = known.probe_until
        left = (until - self.ledger.now()).total_seconds() if until is not None else 0.0
        return exc.SystemDown(
            f"it has not answered since {known.since:%Y-%m-%d %H:%M} UTC: {known.cause.rstrip('.')}.",
            system=self.site.conn_id,
            code=SYSTEM_DOWN,
            incident=known.incident,
            retry_after=max(0.0, left),
            remedy="Nothing here: the work goes on when it answers again. To have it asked at once: "
            f"airflow docflow health {self.site.conn_id} --now.",
        )

    def _refuse_in_window(self) -> None:
        end, reason = self.in_window()
        if end is not None:
            raise exc.SystemDown(
                f"it is in maintenance until {end:%Y-%m-%d %H:%M} UTC{reason}.",
                system=self.site.conn_id,
                code=MAINTENANCE,
                retry_after=max(0.0, (end - self.ledger.now()).total_seconds()),
                remedy="Nothing: the work goes on afterwards.",
            )

    def in_window(self) -> tuple[datetime | None, str]:
        """Return the end of the maintenance window that the system is in, and why; None for no end."""
        with self._lock:
            if time.monotonic() >= self._window_until:
                self._window = self._window_now()
                self._window_until = time.monotonic() + WINDOW_LOOK_SECONDS
            end, reason = self._window
        return (end, reason) if end is not None and end > self.ledger.now() else (None, "")

    def _window_now(self) -> tuple[datetime | None, str]:
        repeated = maintained_until(self.site, self.ledger.now())
        entered = self.ledger.windows.now_in(self.site.conn_id, self._bound)
        if entered is None or (repeated is not None and repeated > entered.ends_at):
            return repeated, ""
        return entered.ends_at, f" ({entered.reason})"


def outage_behind(gates: Iterable[Any], error: exc.TransientError) -> exc.SystemDown | None:
    """Return the outage that is behind a failure, so that the work parks and uses up no retry.

    :param gates: of the systems that were asked.
    """
    if isinstance(error, exc.RateLimited | exc.Conflict):
        return None
    for gate in gates:
        confirm = getattr(gate, "confirm", None)
        down: exc.SystemDown | None = confirm() if confirm is not None else None
        if down is not None:
            return down
    return None
