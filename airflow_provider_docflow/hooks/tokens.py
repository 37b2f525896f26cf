"""Logins' tokens: of this process, or in the ledger, encrypted; one refresh at a time over all who share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Protocol

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.site import Site

LOGIN_SECONDS = 60.0
"""So long one process has the right to log in; it asks in the first half of it."""

PATIENCE_SECONDS = 120.0


class Tokens(Protocol):
    """Keeps logins' tokens; one refresh at a time, over all who share it."""

    def get(self, key: str, stale: str | None, login: Callable[[], Token]) -> str:
        """Return a token that is not ``stale``, calling ``login`` only if nobody else has."""


class LocalTokens:
    """Tokens of this process alone, for use without a ledger."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._held: dict[str, tuple[str, float]] = {}

    def get(self, key: str, stale: str | None, login: Callable[[], Token]) -> str:
        """Return a token that is not ``stale``, calling ``login`` only if nobody else has."""
        with self._lock:
            value, good_until = self._held.get(key, ("", 0.0))
            if value and value != stale and self._clock() < good_until:
                return value
            token = login()
            margin = min(60.0, token.good_for_seconds / 10)
            self._held[key] = (token.value, self._clock() + token.good_for_seconds - margin)
            return token.value


def login_key(site: Site) -> str:
    """Name of a login: the same for every connection that signs in as the same user of the same system."""
    named = (str(site.setting(name, "") or "") for name in site.profile.login_by)
    return "\x1f".join((site.profile.name, site.base_url, site.database, site.username, *named))


class LedgerTokens:
    """Shares tokens through the ledger; see :class:`Tokens`."""

    def __init__(
        self,
        ledger: Any,
        sleep: Callable[[float], None] = time.sleep,
        *,
        login_seconds: float = LOGIN_SECONDS,
    ) -> None:
        self.ledger, self.sleep, self.login_seconds = ledger, sleep, login_seconds

    def get(self, key: str, stale: str | None, login: Callable[[], Token]) -> str:
        """Return a token that is not ``stale``, logging in only if no other process has.

        :raises Authentication: the login is refused.
        :raises TransientError: another process has been logging in for too long.
        """
        if stale is not None:
            self.ledger.tokens.invalidate(key, stale)
        waited = 0.0
        while waited <= PATIENCE_SECONDS:
            lease = self.ledger.tokens.lease(key, self.login_seconds)
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
        except exc.LeaseLost as error:
            self.ledger.tokens.release(key, refresh)
            raise exc.RateLimited(
                "the login had to wait too long for the limits of the system.",
                retry_after=error.retry_after,
                remedy="Nothing: the next try logs in.",
            ) from error
        except BaseException:
            self.ledger.tokens.release(key, refresh)
            raise
        margin = min(60.0, token.good_for_seconds / 10)
        expires_at = self.ledger.now() + timedelta(seconds=token.good_for_seconds - margin)
        if not self.ledger.tokens.put(key, token.value, expires_at=expires_at, refresh=refresh):
            # Another process has logged in since; some systems take back the older token.
            return self.ledger.tokens.get(key) or token.value
        return token.value
