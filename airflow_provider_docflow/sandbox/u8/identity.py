"""Accounts, tokens and trade ids of the U8 stand-in.

The vendor's stored pages name "0" for good and 30021 for an application that is not released; the other codes
here are the stand-in's own.
"""

from __future__ import annotations

import hmac
import secrets
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS u8_token (token TEXT PRIMARY KEY, expires INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS u8_trade (id TEXT PRIMARY KEY, used INTEGER NOT NULL DEFAULT 0);
"""
FROM_ACCOUNT, TO_ACCOUNT = "openapi_dev", "openapi_ent"
APP_KEY, APP_SECRET = "opa-sandbox-app", "u8-sandbox-secret-71c4"
BAD_LOGIN, STALE_TOKEN, NOT_RELEASED, BAD_TRADE = "20001", "20002", "30021", "20010"
_LIVES_S = 7200


class Refused(Exception):
    """A refusal: ``errcode`` and ``errmsg`` under HTTP 200."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.body = {"errcode": code, "errmsg": message}


class Identity:
    """Who may call."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        store.create(SCHEMA)

    def token(self, query: dict[str, str]) -> dict[str, Any]:
        """Return a token for the application's secret."""
        secret = str(self._store.setting("u8_secret", APP_SECRET))
        known = query.get("from_account") == FROM_ACCOUNT and query.get("app_key") == APP_KEY
        if not known or not hmac.compare_digest(secret.encode(), query.get("app_secret", "").encode()):
            raise Refused(BAD_LOGIN, "app_key 或 app_secret 错误")
        fresh = secrets.token_hex(16)
        expires = self._clock.now() + _LIVES_S * 1000
        self._store.execute("INSERT INTO u8_token VALUES (?, ?)", (fresh, expires))
        return {
            "errcode": "0",
            "errmsg": "",
            "token": {"appKey": APP_KEY, "expiresIn": _LIVES_S, "id": fresh},
        }

    def check(self, query: dict[str, str]) -> None:
        """Let nobody in without a token that lives, nor into another account."""
        token = query.get("token", "")
        expires = self._store.value("SELECT expires FROM u8_token WHERE token = ?", (token,))
        if expires is None or expires <= self._clock.now():
            raise Refused(STALE_TOKEN, "token 已失效")
        if query.get("from_account") != FROM_ACCOUNT or query.get("app_key") != APP_KEY:
            raise Refused(BAD_LOGIN, "from_account 或 app_key 错误")

    def enter(self, query: dict[str, str]) -> None:
        """Check a call of a business object: it also names whose."""
        self.check(query)
        if query.get("to_account") != TO_ACCOUNT or query.get("ds_sequence", "1") != "1":
            raise Refused(NOT_RELEASED, "此应用未上架或未被该企业订购")

    def expire(self, token: str = "") -> None:
        """End one token, or all."""
        self._store.execute("DELETE FROM u8_token WHERE ?1 = '' OR token = ?1", (token,))

    def new_trade(self) -> dict[str, Any]:
        """Return a fresh trade id."""
        fresh = secrets.token_hex(16)
        self._store.execute("INSERT INTO u8_trade (id) VALUES (?)", (fresh,))
        return {"errcode": "0", "errmsg": "", "trade": {"id": fresh}}

    def use_trade(self, trade: str) -> None:
        """Use a trade id, which serves once."""
        cursor = self._store.execute("UPDATE u8_trade SET used = 1 WHERE id = ? AND used = 0", (trade,))
        if cursor.rowcount == 0:
            raise Refused(BAD_TRADE, "tradeid 无效或已使用")
