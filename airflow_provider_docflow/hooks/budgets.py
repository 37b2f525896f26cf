"""
The gate of an instance's limits and quotas, which all processes and workers share through the ledger.

A process takes a handful of calls at a time, each with the moment at which it may be made. A call that is
not made at its moment is given up and another one taken, so that late calls never pile up on later ones.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import body_of, check
from airflow_provider_docflow.core.exchange import SqlUnit
from airflow_provider_docflow.core.limits import buckets_of, limits_of, quotas_of, slack_of
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.ledger.buckets import Payer

LONGEST_WAIT = 120.0
"""Seconds that a read waits for a limit, twice as long as a write may; beyond it the task retries."""

LOOK_SECONDS = 1.0
"""How old knowledge may be that a system asked to be left alone, and a refusal that is repeated."""

MOST_AT_ONCE = 64
STAY_AWAY_SECONDS = 1.0
"""What a system gets that answers "too many calls" without saying for how long."""

QUOTA_LOOK_SECONDS = 3600.0
"""After so long a system is asked again that says its own quota is used up."""

_LARGEST_ERROR = 8_192
_LIMITS = (exc.RateLimited, exc.QuotaExhausted)
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, exc.DocflowError)


def address_of(site: Site) -> str:
    """Return what a system's calls are counted under until it has said who it is."""
    place = site.base_url or site.username or site.conn_id
    return "\x1f".join((site.profile.name, place, site.database))


class BudgetGate:
    """Lets steps through as fast as the limits of an instance permit; may be shared by threads.

    :param limits: those of the connection unless given.
    """

    def __init__(self, ledger: Any, site: Site, *, limits: Sequence[Limit] | None = None) -> None:
        self._ledger, self._site = ledger, site
        self.payer = Payer(site.instance, address_of(site))
        given = limits_of(site) if limits is None else limits
        self._buckets, self._quotas = buckets_of(given), quotas_of(given)
        self._zone = site.time_zone if self._quotas else UTC
        self._hold = min((slack_of(one.seconds) / 2 for one in self._buckets), default=LOOK_SECONDS)
        self._lock, self._counting = threading.Lock(), threading.Lock()
        self._moments: deque[float] = deque()
        self._queue, self._size, self._unused = 0, 1, 0
        self._drawn_at = self._quick_until = 0.0
        self._opens_at = self._looked_until = self._shut_until = 0.0
        self._refused: tuple[float, exc.DocflowError] | None = None
        self._trial = False

    def before(self, step: httpx2.Request | SqlUnit) -> float:
        """Take a call for the step; see :class:`~airflow_provider_docflow.hooks.gates.Gate`.

        :raises QuotaExhausted: a quota is used up; the work parks until the next period.
        :raises RateLimited: a read would have to wait too long.
        :raises LeaseLost: a write would have to wait beyond its deadline; it goes on in the next round.
        """
        try:
            moment = self._next(self._patience(step))
        except exc.RateLimited as error:
            error.system = self._site.conn_id
            if _not_after(step) is None:
                raise
            raise exc.LeaseLost(
                f"{error.message.rstrip('.')} for longer than this write may wait; nothing was sent.",
                system=self._site.conn_id,
                retry_after=error.retry_after,
                remedy="Nothing: the next round probes first.",
            ) from error
        return self._timed(step, moment)

    def quick_before(self, step: httpx2.Request | SqlUnit) -> float | None:
        """Take a call that this process holds already; None where the ledger has to be asked."""
        if not self._lock.acquire(blocking=False):
            return None
        try:
            now = time.monotonic()
            if not self._buckets and not self._quotas:
                known = now < self._looked_until and self._opens_at <= now
                return 0.0 if known else None
            fit = self._moments and self._moments[0] + self._hold >= now
            if not fit or self._moments[0] - now > self._patience(step):
                return None
            moment = self._moments.popleft()
        finally:
            self._lock.release()
        return self._timed(step, moment)

    def _timed(self, step: httpx2.Request | SqlUnit, moment: float) -> float:
        if isinstance(step, httpx2.Request) and self._buckets:
            timed = {"docflow_use_by": moment + self._hold, "docflow_renew": self._renew}
            step.extensions = {**step.extensions, **timed}
        return max(0.0, moment - time.monotonic())

    def _patience(self, step: httpx2.Request | SqlUnit) -> float:
        write_by = _not_after(step)
        return LONGEST_WAIT if write_by is None else max(0.0, write_by - time.monotonic())

    def _renew(self, request: httpx2.Request) -> float:
        """Take another call for a request whose moment has passed."""
        self._give_back(1)
        return self.before(request)

    def _next(self, patience: float) -> float:
        with self._queued(), self._lock:
            now = time.monotonic()
            if not self._buckets and not self._quotas:
                return self._unlimited(now, patience)
            while self._moments and self._moments[0] + self._hold < now:
                self._moments.popleft()
                self._size, self._unused = 1, self._unused + 1
            if not self._moments:
                self._draw(now, patience)
            if self._moments[0] - time.monotonic() > patience:
                raise _wait_too_long(self._moments[0] - time.monotonic())
            return self._moments.popleft()

    @contextmanager
    def _queued(self) -> Iterator[None]:
        """Count who waits here: one visit to the ledger serves them all."""
        with self._counting:
            self._queue += 1
        try:
            yield
        finally:
            with self._counting:
                self._queue -= 1

    def _draw(self, now: float, patience: float) -> None:
        self._repeat_refusal(now, patience)
        if self._drawn_at:
            self._size = min(2 * self._size, MOST_AT_ONCE) if now < self._quick_until else self._size
        try:
            grant = self._ledger.budgets.draw(
                self.payer,
                min(max(self._size, self._queue), MOST_AT_ONCE),
                buckets=self._buckets,
                quotas=self._quotas,
                zone=self._zone,
                returned=self._unused,
                max_wait=patience,
            )
        except _LIMITS as error:
            self._refused = (now, error)
            raise
        self._moments.extend(grant.moments)
        self._unused, self._trial = 0, self._trial or grant.trial
        self._drawn_at, self._quick_until = now, grant.moments[-1] + 2 * self._hold

    def _repeat_refusal(self, now: float, patience: float) -> None:
        """Many who are refused together ask the ledger once."""
        if self._refused is None:
            return
        at, error = self._refused
        left = (error.retry_after or 0.0) - (now - at)
        if now - at < LOOK_SECONDS and left > patience:
            raise type(error)(error.message, **{**error.attrs(), "retry_after": left})
        self._refused = None

    def _unlimited(self, now: float, patience: float) -> float:
        if now >= self._looked_until:
            wait, for_quota, trial = self._ledger.budgets.closed(self.payer)
            self._opens_at, self._looked_until = now + wait, now + LOOK_SECONDS
            self._trial = self._trial or trial
            if wait > patience and for_quota:
                self._looked_until = now
                raise _wait_too_long(wait, exc.QuotaExhausted)
        if self._opens_at - now > patience:
            raise _wait_too_long(self._opens_at - now)
        return max(now, self._opens_at)

    def after(self, step: httpx2.Request | SqlUnit, reply: httpx2.Response | None, error: Any) -> None:
        """Learn whether the system said "too many calls", and give back a call that was never made."""
        if not isinstance(step, httpx2.Request):
            return
        if isinstance(error, _NEVER_SENT):
            self._give_back(1)
        elif reply is not None:
            said = self._said(step, reply)
            if said is not None:
                self._shut(said)
            elif self._trial:
                self._trial = False
                self._ledger.budgets.reopened(self.payer)

    def quick_after(self, step: httpx2.Request | SqlUnit, reply: httpx2.Response) -> bool:
        """Tell whether there is nothing in a reply that others would have to know."""
        return not self._trial and isinstance(step, httpx2.Request) and self._said(step, reply) is None

    def _said(self, step: httpx2.Request, reply: httpx2.Response) -> exc.DocflowError | None:
        """Return the limit that a reply speaks of, if it concerns the whole instance."""
        if reply.is_success and (self._site.profile.error is None or len(reply.content) > _LARGEST_ERROR):
            return None
        try:
            check(self._site, reply, body_of(reply), writes=False)
        except _LIMITS as error:
            own = error.code in step.extensions.get("docflow_own_limit", ())
            return None if own else error
        except exc.DocflowError:
            return None
        return None

    def _shut(self, said: exc.DocflowError) -> None:
        for_quota = isinstance(said, exc.QuotaExhausted)
        default = QUOTA_LOOK_SECONDS if for_quota else STAY_AWAY_SECONDS
        seconds = default if said.retry_after is None else said.retry_after
        until = time.monotonic() + seconds
        with self._lock:
            if until < self._shut_until + LOOK_SECONDS / 2:
                return
            self._shut_until = until
            self._unused += len(self._moments)
            self._moments.clear()
            self._opens_at = max(self._opens_at, until)
        text = f"{said.message} (code {said.code})" if said.code else said.message
        self._ledger.budgets.shut(self.payer, seconds, for_quota=for_quota, reason=text)

    def _give_back(self, n: int) -> None:
        with self._lock:
            self._unused += n

    def close(self) -> None:
        """Give calls of a quota back that were taken and not made."""
        with self._lock:
            unused = self._unused + len(self._moments)
            self._moments.clear()
            self._unused = 0
        if unused and self._quotas:
            self._ledger.budgets.give_back(self.payer, unused, quotas=self._quotas, zone=self._zone)


def _not_after(step: httpx2.Request | SqlUnit) -> float | None:
    if isinstance(step, SqlUnit):
        return step.not_after
    found: float | None = step.extensions.get("docflow_not_after")
    return found


def _wait_too_long(seconds: float, kind: type[exc.DocflowError] = exc.RateLimited) -> exc.DocflowError:
    return kind(
        "the system takes no calls now.",
        retry_after=seconds,
        remedy="Nothing: the work goes on afterwards. `airflow docflow limits` shows all limits.",
    )
