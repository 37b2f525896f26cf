"""Telling people what concerns no document, and how fast a channel may be used."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.hooks.messengers import Messenger
from airflow_provider_docflow.ledger.keys import digest_of

LEASE_SECONDS = 60.0
PATIENCE_SECONDS = 3.0
"""Longest wait for a limit inside the task; beyond it the task is parked."""


def tell_once(
    ledger: Any,
    channels: Sequence[Callable[[], Messenger]],
    said: str,
    *,
    title: str = "",
    occasion: Sequence[str],
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Tell what concerns no document, once per occasion, channel and person.

    :raises DocflowError: no channel has taken it.
    """
    errors: list[exc.DocflowError] = []
    for channel in channels:
        try:
            errors = _claimed_and_sent(ledger, channel(), said, title, occasion, sleep)
        except exc.LedgerError:
            raise
        except exc.DocflowError as error:
            errors = [error]
        if not errors:
            return
    raise errors[0]


def _claimed_and_sent(
    ledger: Any,
    messenger: Messenger,
    said: str,
    title: str,
    occasion: Sequence[str],
    sleep: Callable[[float], None],
) -> list[exc.DocflowError]:
    errors: list[exc.DocflowError] = []
    for receivers in chunks(messenger.receivers, at_once(messenger) or len(messenger.receivers)):
        sleep(granted(ledger, messenger, len(receivers)))
        messages = []
        for receiver in receivers:
            key = digest_of("docflow occasion 1", *occasion, receiver)
            claim = ledger.claims.claim(messenger.target, key, secrets.token_hex(16))
            if claim.won:
                messages.append(Message(receiver, said, title, key[:26].upper()))
        answers = messenger.send(messages, time.monotonic() + LEASE_SECONDS / 2) if messages else []
        errors += [answer for answer in answers if answer is not None]
    return errors


def at_once(messenger: Messenger) -> int:
    """Return how many messages a channel takes at once; 0 if it has no limit.

    Half the limit at once and half refilled within the period is never more than the limit.
    """
    return max(1, messenger.limit.count // 2) if messenger.limit else 0


def granted(ledger: Any, messenger: Messenger, count: int) -> float:
    """Return the seconds to wait for a channel's limit; ``count`` is no more than it takes at once.

    :raises RateLimited: that is too long to wait for.
    """
    limit = messenger.limit
    if limit is None:
        return 0.0
    wait: float = ledger.budgets.take(
        messenger.target,
        limit.name,
        count,
        calls=at_once(messenger),
        per_seconds=limit.seconds,
        max_wait=PATIENCE_SECONDS,
    )
    return wait
