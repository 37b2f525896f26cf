"""
Gates: what a step passes before it leaves for a system, and what is learnt from its end.

A gate may have a step wait (a limit), or refuse it (a quota, an outage); then nothing is sent. The doors
take every request and every SQL unit through all gates, in order: logins, probes and polls too.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import httpx2

from airflow_provider_docflow.core.calls import CALL
from airflow_provider_docflow.core.exchange import SqlUnit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.exceptions import DocflowError

log = logging.getLogger(__name__)

GatedStep = httpx2.Request | SqlUnit
LOGIN = "docflow_login"
"""Extension of a request that asks for a login's token."""


class Gate(Protocol):
    """One condition under which steps may leave; used by several threads at once."""

    def before(self, step: GatedStep) -> float:
        """Return the seconds to wait before the step goes on to the next gate and out.

        Asked once for each step, and again only where a write was not sent in its time.

        :raises DocflowError: the step may not leave; nothing is sent.
        """

    def after(self, step: GatedStep, reply: httpx2.Response | None, error: Exception | None) -> None:
        """Learn how a step ended that had passed this gate.

        :param reply: of a request, whatever it says.
        :param error: why there is none; a ``DocflowError`` says that a request was never sent, be it that a
            later gate refused it. Of a SQL unit both are None when it went well.
        """


class QuickGate(Gate, Protocol):
    """A gate that often knows its answer without asking the ledger; an event loop then needs no thread."""

    def quick_before(self, step: GatedStep) -> float | None:
        """Do what ``before`` does if that asks nobody, else nothing: None."""

    def quick_after(self, step: GatedStep, reply: httpx2.Response) -> bool:
        """Do what ``after`` does if that asks nobody; return whether it is done."""


class Passage:
    """One step on its way through the gates."""

    def __init__(self, gates: Sequence[Gate], step: GatedStep) -> None:
        self._step, self._ahead, self._passed = step, list(gates), list[Gate]()

    def go(self) -> float:
        """Pass gates until one has the step wait; return the seconds, 0 behind the last gate.

        :raises DocflowError: a gate refuses; the gates already passed have been told.
        """
        while self._ahead:
            gate = self._ahead.pop(0)
            try:
                wait = gate.before(self._step)
            except Exception as error:
                self.end(None, error)
                raise
            self._passed.append(gate)
            if wait > 0:
                return wait
        return 0.0

    def go_quickly(self) -> float | None:
        """Pass gates as :meth:`go` does while they ask nobody; None when ``go`` has to go on."""
        while self._ahead:
            quick = getattr(self._ahead[0], "quick_before", None)
            wait = quick(self._step) if quick is not None else None
            if wait is None:
                return None
            self._passed.append(self._ahead.pop(0))
            if wait > 0:
                return float(wait)
        return 0.0

    def end_quickly(self, reply: httpx2.Response) -> bool:
        """Tell the gates of a reply while that asks nobody; False when :meth:`end` has to go on."""
        while self._passed:
            quick = getattr(self._passed[-1], "quick_after", None)
            if quick is None or not quick(self._step, reply):
                return False
            self._passed.pop()
        return True

    def end(self, reply: httpx2.Response | None, error: Exception | None) -> None:
        """Tell the gates that were passed how the step ended; never raises, for it may have landed."""
        for gate in self._passed:
            try:
                gate.after(self._step, reply, error)
            except Exception as problem:
                log.warning("A gate could not learn how a request ended: %s", problem)


def for_login(perform: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return ``perform`` for the steps of a login, whose requests gates can then tell from others."""

    def marked(step: Any) -> Any:
        if isinstance(step, httpx2.Request):
            step.extensions = {**step.extensions, LOGIN: True}
        return perform(step)

    return marked


class PartGate:
    """A gate that only some steps have to pass."""

    def __init__(self, inner: Gate, concerns: Callable[[GatedStep], bool]) -> None:
        self._inner, self._concerns = inner, concerns

    def before(self, step: GatedStep) -> float:
        """Have such a step wait as the inner gate does."""
        return self._inner.before(step) if self._concerns(step) else 0.0

    def quick_before(self, step: GatedStep) -> float | None:
        """Let everything else through."""
        return None if self._concerns(step) else 0.0

    def after(self, step: GatedStep, reply: httpx2.Response | None, error: Exception | None) -> None:
        """Tell the inner gate how such a step ended."""
        if self._concerns(step):
            self._inner.after(step, reply, error)

    def quick_after(self, step: GatedStep, reply: httpx2.Response) -> bool:
        """Tell whether there is nothing to learn."""
        return not self._concerns(step)

    def close(self) -> None:
        """Close the inner gate."""
        close_all((self._inner,))


class LoginGate(PartGate):
    """A gate that only logins have to pass."""

    def __init__(self, inner: Gate) -> None:
        super().__init__(inner, lambda step: bool(_extension(step, LOGIN)))


class CallGate(PartGate):
    """A gate that only calls of one kind have to pass."""

    def __init__(self, inner: Gate, kind: str) -> None:
        super().__init__(inner, lambda step: _extension(step, CALL) == kind)


def _extension(step: GatedStep, name: str) -> Any:
    return step.extensions.get(name) if isinstance(step, httpx2.Request) else None


def gates_for(ledger: Any, site: Site) -> tuple[Gate, ...]:
    """Return the gates of a site: its shared limits first; none without a ledger."""
    from airflow_provider_docflow.hooks.budgets import BudgetGate, address_of
    from airflow_provider_docflow.hooks.outages import HealthGate
    from airflow_provider_docflow.hooks.writes_failing import WriteGate

    if ledger is None:
        return ()
    if site.instance:
        ledger.budgets.join(address_of(site), site.instance)
    # The longer wait comes first: what is granted by the limits of all calls is then used at once.
    gates: list[Gate] = [
        CallGate(BudgetGate(ledger, site, limits=(limit,)), kind)
        for kind, limit in site.profile.call_limits.items()
    ]
    gates.append(BudgetGate(ledger, site))
    if site.profile.login_limits:
        gates.append(LoginGate(BudgetGate(ledger, site, limits=site.profile.login_limits)))
    whole = HealthGate(ledger, site)
    return (*gates, whole, WriteGate(whole))


def check_ready(gates: Sequence[Gate]) -> None:
    """Find out before any work is done whether steps may leave at all.

    :raises DocflowError: they may not.
    """
    for gate in gates:
        ready = getattr(gate, "ready", None)
        if ready is not None:
            ready()


def close_all(gates: Sequence[Gate]) -> None:
    """Close those gates that hold something for their process; what cannot be given back is lost."""
    for gate in gates:
        close = getattr(gate, "close", None)
        if close is None:
            continue
        try:
            close()
        except DocflowError as problem:
            log.warning("A gate could not be closed: %s", problem)
