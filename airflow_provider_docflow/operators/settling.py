"""From the outcomes of many documents to the end of one task: what is logged, and which error ends it."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.handles import Outcome, error_of, summary

if TYPE_CHECKING:
    from airflow_provider_docflow.document import DocumentRef
    from airflow_provider_docflow.hooks.flow import Flow

FailOn = Literal["any", "all", "never"]

LOGGED_ONE_BY_ONE = 20
NAMED_IN_ERROR = 5
_FAILURES = frozenset({"failed", "refused"})


def check_fail_on(fail_on: str) -> None:
    """Refuse a word that would otherwise mean "never".

    :raises Misconfigured: it is none of the three.
    """
    if fail_on not in get_args(FailOn):
        raise exc.Misconfigured(
            f"{fail_on!r} is no answer to when the task fails.",
            field="fail_on",
            remedy=f"Use one of: {', '.join(get_args(FailOn))}.",
        )


def report(log: logging.Logger | Any, outcomes: Sequence[Outcome]) -> None:
    """Log each document of a short list, the failures of a long one, and always the counts."""
    short = len(outcomes) <= LOGGED_ONE_BY_ONE
    shown = outcomes if short else [outcome for outcome in outcomes if not outcome.good][:LOGGED_ONE_BY_ONE]
    for outcome in shown:
        log.log(logging.INFO if outcome.good else logging.ERROR, "%s", _line(outcome))
    counts = ", ".join(f"{count} {status}" for status, count in summary(outcomes).items())
    log.info("%d documents: %s", len(outcomes), counts or "nothing to do")


def _line(outcome: Outcome) -> str:
    name = f"{outcome.source} part {outcome.part}" if outcome.part else outcome.source
    if not outcome.good:
        return f"{name}: {outcome.status}: {error_of(outcome)}"
    what = f": {outcome.handle.ref}" if outcome.handle else ""
    return f"{name}: {outcome.status}{what}"


def failure_of(outcomes: Sequence[Outcome], fail_on: str) -> exc.DocflowError | None:
    """Return the error that ends the task, or None.

    A transient one if a retry may help any document; a held one if all that failed only has to wait;
    else a permanent one.
    """
    failures = [outcome for outcome in outcomes if outcome.status in _FAILURES]
    if not failures or fail_on == "never" or (fail_on == "all" and len(failures) < len(outcomes)):
        return None
    errors = _errors(failures)
    if len(outcomes) == 1:
        return errors[0]
    if transient := transient_of(outcomes):
        return transient
    if all(isinstance(error, exc.HeldError) for error in errors):
        return _joined(errors, errors, exc.HeldError, len(outcomes))
    # Of the rest those count that no time heals; what was only held goes on when the task is cleared.
    lasting = [error for error in errors if not isinstance(error, exc.HeldError)]
    return _joined(lasting, errors, exc.PermanentError, len(outcomes))


def outage_of(outcomes: Sequence[Outcome]) -> exc.HeldError | None:
    """Return the error of a system that can do nothing now, under which the whole task parks.

    It is down, or its quota is used up. ``fail_on`` has no say: a task that went on would leave these
    documents behind, with nobody to come back for them.
    """
    kinds = (exc.SystemDown.__name__, exc.QuotaExhausted.__name__)
    waiting = [outcome for outcome in outcomes if not outcome.good and outcome.error.get("type") in kinds]
    if not waiting:
        return None
    errors = _errors([outcome for outcome in outcomes if outcome.status in _FAILURES])
    held = [error for error in errors if isinstance(error, exc.SystemDown | exc.QuotaExhausted)]
    first = held[0]
    if len(outcomes) == 1:
        return first
    joined = _joined(held, errors, type(first), len(outcomes))
    wait = max((error.retry_after for error in held if error.retry_after is not None), default=None)
    attrs = {**joined.attrs(), "system": first.system, "code": first.code, "incident": first.incident}
    return type(first)(joined.message, **{**attrs, "retry_after": wait, "remedy": first.remedy})


def transient_of(outcomes: Sequence[Outcome]) -> exc.DocflowError | None:
    """Return the error of those documents which another try may help, or None."""
    errors = _errors([outcome for outcome in outcomes if outcome.status in _FAILURES])
    # An error of the ledger says that nothing was sent, so that a retry may help there too. A lease ends by
    # itself: of a worker that died nobody else knows what it was about to write.
    passing = exc.TransientError | exc.LedgerError | exc.LeaseBusy
    transient = [error for error in errors if isinstance(error, passing)]
    return _joined(transient, errors, exc.TransientError, len(outcomes)) if transient else None


def _errors(failures: Sequence[Outcome]) -> list[exc.DocflowError]:
    errors = [error_of(outcome) for outcome in failures]
    for outcome, error in zip(failures, errors, strict=True):
        error.document = error.document or outcome.source
    return errors


def _joined(
    chosen: Sequence[exc.DocflowError],
    errors: Sequence[exc.DocflowError],
    common: type[exc.DocflowError],
    asked: int,
) -> exc.DocflowError:
    """Return one error for several documents, of their common type, that waits for the slowest."""
    kinds = {type(error) for error in chosen}
    kind = kinds.pop() if len(kinds) == 1 else common
    others = [error for error in errors if not any(error is each for each in chosen)]
    named = "; ".join(_short(error) for error in [*chosen, *others][:NAMED_IN_ERROR])
    rest = len(errors) - NAMED_IN_ERROR
    more = f"; and {rest} more" if rest > 0 else ""
    waits = [error.retry_after for error in errors if error.retry_after is not None]
    remedy = f"For {chosen[0].document}: {chosen[0].remedy} " if chosen[0].remedy else ""
    return kind(
        f"{len(errors)} of {asked} documents failed: {named}{more}.",
        retry_after=max(waits) if waits else None,
        remedy=f"{remedy}The batch in this task's XCom names every document; clear the task afterwards.",
    )


def _short(error: exc.DocflowError) -> str:
    incident = f" (incident {error.incident})" if error.incident else ""
    return f"{error.document}: {type(error).__name__}: {error.message.rstrip('.')}{incident}"


def account_for_held(flow: Flow, outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Open an incident for each document that only has to wait while its task goes on without it.

    Nothing else would bring anybody back to it; writing it later closes the incident.
    """
    known = {name: ref for ref in flow.in_hand for name in (ref.number, ref.internal_id) if name}
    return [_accounted(flow, outcome, known) for outcome in outcomes]


def _accounted(flow: Flow, outcome: Outcome, known: Mapping[str, DocumentRef]) -> Outcome:
    if outcome.status not in _FAILURES or outcome.error.get("incident"):
        return outcome
    error = error_of(outcome)
    ref = outcome.handle.ref if outcome.handle else known.get(outcome.source)
    if not isinstance(error, exc.HeldError) or ref is None:
        return outcome
    return replace(outcome, error={**outcome.error, "incident": flow.left_behind(ref, error)})
