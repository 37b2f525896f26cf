"""When Airflow tries a docflow task again: told by the type of the error alone, never by its text."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import RetryPolicy
from airflow.sdk.definitions.retry_policy import RetryDecision

from airflow_provider_docflow.exceptions import (
    HeldError,
    LedgerSchemaMismatch,
    PermanentError,
    TransientError,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

DEFAULT_RETRIES = 3
"""Airflow's own default is 0, under which no policy is ever asked."""


class DocflowRetryPolicy(RetryPolicy):
    """The default policy of every docflow operator.

    Transient errors are tried again, not before the time that the error names and not before the task's own
    delay. Permanent ones fail at once. Everything else is left to the task's ``retries`` and ``retry_delay``.
    Errors that park the work never get here: operators reschedule themselves for those.
    """

    def evaluate(
        self,
        exception: BaseException,
        try_number: int,
        max_tries: int,
        context: Context | None = None,
    ) -> RetryDecision:
        """Decide by the type of ``exception``."""
        reason = f"{type(exception).__name__}: {exception}"
        if isinstance(exception, PermanentError | LedgerSchemaMismatch):
            return RetryDecision.fail(reason)
        if isinstance(exception, TransientError | HeldError):
            return RetryDecision.retry(_later(exception.retry_after, try_number, context), reason)
        return RetryDecision.default()

    def serialize(self) -> dict[str, Any]:
        """Return the policy as JSON; it has no settings."""
        return {"__type": f"{type(self).__module__}.{type(self).__qualname__}"}

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> DocflowRetryPolicy:
        """Read what :meth:`serialize` wrote."""
        return cls()

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


def _later(asked: float | None, try_number: int, context: Context | None) -> timedelta | None:
    """Return the delay that the error asks for, or None where the task's own delay is no shorter."""
    if asked is None:
        return None
    wanted = timedelta(seconds=asked)
    return wanted if wanted > _own_delay(try_number, context) else None


def _own_delay(try_number: int, context: Context | None) -> timedelta:
    """Return what Airflow waits at least before this retry by the task's own settings."""
    task = context.get("task") if context else None
    if task is None:
        return timedelta(0)
    delay: timedelta = task.retry_delay
    factor = float(task.retry_exponential_backoff or 1)
    if factor > 1:
        try:
            delay *= factor ** (try_number - 1)
        except OverflowError:
            delay = timedelta.max
    longest = task.max_retry_delay
    if not longest:
        return delay
    return min(delay, longest if isinstance(longest, timedelta) else timedelta(seconds=longest))


POLICY = DocflowRetryPolicy()
