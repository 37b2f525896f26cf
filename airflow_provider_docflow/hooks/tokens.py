"""Logins' tokens in the ledger: encrypted, one refresh at a time over all processes."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Token

LOGIN_SECONDS = 60.0
PATIENCE_SECONDS = 120.0


class LedgerTokens:
    """Shares tokens through the ledger; see :class:`~airflow_provider_docflow.hooks.doors.Tokens`."""

    def __init__(self, ledger: Any, sleep: Callable[[float], None] = time.sleep) -> None:
        self.ledger, self.sleep = ledger, sleep

    def get(self, key: str, stale: str | None, login: Callable[[], Token]) -> str:
        """Return a token that is not ``stale``, logging in only if no other process has.

        :raises Authentication: the login is refused.
        :raises TransientError: another process has been logging in for too long.
        """
        if stale is not None:
            self.ledger.tokens.invalidate(key, stale)
        waited = 0.0
        while waited <= PATIENCE_SECONDS:
            lease = self.ledger.tokens.lease(key, LOGIN_SECONDS)
            if lease.token is not None:
                return str(lease.token)
            if lease.refresh:
                return self._log_in(key, lease.refresh, login)
            pause = min(max(lease.wait_seconds, 0.05), 0.2)
            self.sleep(pause)
            waited += pause
        raise exc.TransientError(
            "another process has been logging in for too long.",
            remedy="Nothing: the next try logs in itself.",
        )

    def _log_in(self, key: str, refresh: str, login: Callable[[], Token]) -> str:
        try:
            token = login()
        except BaseException:
            self.ledger.tokens.release(key, refresh)
            raise
        margin = min(60.0, token.good_for_seconds / 10)
        expires_at = self.ledger.now() + timedelta(seconds=token.good_for_seconds - margin)
        self.ledger.tokens.put(key, token.value, expires_at=expires_at, refresh=refresh)
        return token.value
