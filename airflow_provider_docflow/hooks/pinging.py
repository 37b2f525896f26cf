"""Asks a system whether it answers at all: one read that is nobody's document, judged by the reply alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import WRITES
from airflow_provider_docflow.core.exchange import Exchange, SqlUnit
from airflow_provider_docflow.core.profile import Query
from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.gates import GatedStep
from airflow_provider_docflow.hooks.tokens import LedgerTokens

PING_SECONDS = 10.0
"""A system that takes longer to answer a small question counts as one that does not."""

NOBODY = "docflow-is-anybody-there"
"""A document number that leads to nothing."""

NOT_SERVING = frozenset({502, 503, 504})


def is_write(step: GatedStep) -> bool:
    """Tell whether a step changes something."""
    return step.writes if isinstance(step, SqlUnit) else bool(step.extensions.get(WRITES))


def judged(step: GatedStep, reply: httpx2.Response | None, error: Exception | None) -> bool | None:
    """Tell from the end of a step whether the system answers.

    Any reply proves that it does, a refusal too, except those by which what stands before it says that it
    does not.

    :returns: None where the step says nothing about it, because it never left.
    """
    if isinstance(step, SqlUnit):
        return _judged_unit(error)
    if reply is not None:
        return reply.status_code not in NOT_SERVING
    if isinstance(error, httpx2.PoolTimeout | httpx2.UnsupportedProtocol):
        return None
    if isinstance(error, httpx2.DecodingError):
        return True
    return False if isinstance(error, httpx2.RequestError) else None


def cause_of(reply: httpx2.Response | None, error: Exception | None) -> str:
    """Return in words, without secrets, how a step failed."""
    if reply is not None:
        return f"HTTP {reply.status_code} {reply.reason_phrase}".strip()
    return redact_text(f"{type(error).__name__}: {error}")[:500]


def _judged_unit(error: Exception | None) -> bool | None:
    if error is None:
        return True
    if isinstance(error, exc.Unreachable | exc.UnknownOutcome) or type(error) is exc.TransientError:
        return False
    answers = isinstance(error, exc.TransientError | exc.PermanentError)
    return True if answers else None


class _Witness:
    """A gate that sees how the first step ends and lets no more out after a failure."""

    def __init__(self) -> None:
        self.answers: bool | None = None

    def before(self, step: GatedStep) -> float:
        """Let steps out until one failed."""
        if self.answers is False:
            raise exc.SystemDown("it does not answer.")
        return 0.0

    def after(self, step: GatedStep, reply: httpx2.Response | None, error: Exception | None) -> None:
        """Judge the step."""
        found = judged(step, reply, error)
        self.answers = self.answers if found is None else found


def answers(ledger: Any, site: Site) -> bool | None:
    """Ask a system whether it answers.

    :returns: None when there is nothing that it could be asked.
    """
    from airflow_provider_docflow.hooks.doors import Door

    witness = _Witness()
    seconds = min(PING_SECONDS, float(site.setting("timeout_seconds", site.profile.timeout_seconds)))
    patient = replace(site, settings={**site.settings, "timeout_seconds": seconds})
    runner = None
    try:
        runner = _runner(site)
        with Door(patient, tokens=LedgerTokens(ledger), sql=runner, gates=[witness]) as door:
            for question in _questions(patient):
                _put(door, question)
                if witness.answers is not None:
                    return witness.answers
    except exc.LedgerError:
        raise
    except exc.DocflowError:
        return witness.answers
    finally:
        if runner is not None:
            runner.close()
    return witness.answers


def _put(door: Any, question: Callable[[], Exchange[Any]]) -> None:
    """Ask; what the answer says does not matter, nor whether the profile can make sense of it."""
    try:
        door.run(question())
    except exc.LedgerError:
        raise
    except Exception:
        return


def _questions(site: Site) -> Iterator[Callable[[], Exchange[Any]]]:
    """Yield what may be asked, the surest first: who it is, a listing of nothing, its address."""
    yield lambda: site.profile.instance(site)
    named = replace(site, instance=site.instance or "unknown")
    search = next((kind.search for kind in site.profile.documents.values() if kind.search), None)
    if search is not None:
        yield lambda: search(named, Query(numbers=(NOBODY,)), None)
    if site.base_url:
        yield lambda: _get(site)


def _get(site: Site) -> Exchange[Any]:
    return (yield site.request("GET", ""))


def _runner(site: Site) -> Any:
    sql_conn_id = site.settings.get("sql_conn_id")
    if not sql_conn_id:
        return None
    from airflow_provider_docflow.hooks.sql import sql_runner

    return sql_runner(str(sql_conn_id))
