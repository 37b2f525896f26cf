"""Login tokens: kept encrypted for all processes, renewed by one of them at a time."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.shared import token


@dataclass(frozen=True)
class TokenLease:
    """What to do for a login: use ``token``; or, with ``refresh`` set, log in; or wait and ask again.

    :param token: a token that is still good, or None.
    :param refresh: the right to log in, to be given to :meth:`Tokens.put`; empty when somebody else has it.
    :param wait_seconds: when to ask again at the latest, while somebody else logs in.
    """

    token: str | None = None
    refresh: str = ""
    wait_seconds: float = 0.0


class Tokens(Store):
    """Tokens by key; the key names instance, account and scope, never the secret itself."""

    def get(self, key: str, *, margin_seconds: float = 0.0, tx: Connection | None = None) -> str | None:
        """Return a token that is still good for some seconds, or None.

        :raises LedgerUnavailable: no key of the ledger opens it.
        """
        row = self._db.read(lambda connection: _row(connection, key), tx)
        return self._good(row, margin_seconds) if row else None

    def _good(self, row: RowMapping, margin_seconds: float) -> str | None:
        until = row["expires_at"]
        if row["body"] is None or (until and until <= self._now() + timedelta(seconds=margin_seconds)):
            return None
        return str(self._cipher.open(row["body"]))

    def lease(
        self, key: str, seconds: float, *, margin_seconds: float = 0.0, tx: Connection | None = None
    ) -> TokenLease:
        """Return a good token, or the right to log in for so many seconds, or how long to wait.

        :param seconds: longer than a login takes; then another process may try.
        """

        def work(connection: Connection) -> TokenLease:
            first = {"digest": _key(key), "name": key[:500], "body": None, "expires_at": None}
            insert_missing(connection, token, [{**first, "lease_token": "", "lease_until": None}])
            row = _row(connection, key, locked=True)
            good = self._good(row, margin_seconds) if row else None
            if good is not None:
                return TokenLease(token=good)
            now = self._now()
            if row and row["lease_token"] and row["lease_until"] > now:
                return TokenLease(wait_seconds=(row["lease_until"] - now).total_seconds())
            mine = secrets.token_hex(16)
            _change(connection, key, lease_token=mine, lease_until=now + timedelta(seconds=seconds))
            return TokenLease(refresh=mine)

        found = self.get(key, margin_seconds=margin_seconds, tx=tx)
        return TokenLease(token=found) if found is not None else self._db.write(work, tx)

    def put(
        self,
        key: str,
        value: str,
        *,
        expires_at: datetime | None,
        refresh: str,
        tx: Connection | None = None,
    ) -> bool:
        """Keep a new token and give the right to log in back.

        :param expires_at: None when the system does not tell.
        :param refresh: from :class:`TokenLease`.
        :returns: False when the right had passed to somebody else; the token is not kept.
        """
        sealed = self._cipher.seal(value)

        def work(connection: Connection) -> bool:
            if not self._holds(connection, key, refresh):
                return False
            _change(connection, key, body=sealed, expires_at=expires_at, lease_token="", lease_until=None)
            return True

        return self._db.write(work, tx)

    def release(self, key: str, refresh: str, *, tx: Connection | None = None) -> None:
        """Give the right to log in back after a login that failed."""

        def work(connection: Connection) -> None:
            if self._holds(connection, key, refresh):
                _change(connection, key, lease_token="", lease_until=None)

        self._db.write(work, tx)

    def invalidate(self, key: str, value: str, *, tx: Connection | None = None) -> bool:
        """Forget a token that the system refused, unless another process has renewed it already.

        :param value: the token that was refused.
        :returns: whether it was forgotten.
        """

        def work(connection: Connection) -> bool:
            row = _row(connection, key, locked=True)
            if row is None or row["body"] is None:
                return False
            if not hmac.compare_digest(str(self._cipher.open(row["body"])).encode(), value.encode()):
                return False
            _change(connection, key, body=None, expires_at=None)
            return True

        return self._db.write(work, tx)

    def _holds(self, connection: Connection, key: str, refresh: str) -> bool:
        row = _row(connection, key, locked=True)
        return bool(row and refresh and row["lease_token"] == refresh)


def _key(key: str) -> str:
    return digest_of("docflow token 1", key)


def _row(connection: Connection, key: str, *, locked: bool = False) -> RowMapping | None:
    query = select(token).where(token.c.digest == _key(key))
    return connection.execute(query.with_for_update() if locked else query).mappings().first()


def _change(connection: Connection, key: str, **values: Any) -> None:
    connection.execute(update(token).where(token.c.digest == _key(key)).values(values))
