"""Who may call: the third-party application's tokens."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from airflow_provider_docflow.sandbox.cosmic.bills import CosmicError
from airflow_provider_docflow.sandbox.parts import Parts

DEFAULTS = {
    "client_id": "cosmic-app",
    "secret": "cosmic-sandbox-secret",
    "user": "docflow",
    "account_id": "1500000000000000001",
}
LIFE_MS = 2 * 3600 * 1000
PER_MINUTE = 30
WINDOW = timedelta(minutes=5)
CHINA = timezone(timedelta(hours=8))
SCHEMA = """
CREATE TABLE IF NOT EXISTS cosmic_token (token TEXT PRIMARY KEY, until INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS cosmic_nonce (nonce TEXT PRIMARY KEY, at INTEGER NOT NULL);
"""
_NEEDED = ("client_id", "client_secret", "username", "accountId", "nonce", "timestamp")


class Tokens:
    """Gives tokens and knows which are good."""

    def __init__(self, parts: Parts) -> None:
        self._store, self._clock = parts.store, parts.clock
        parts.store.create(SCHEMA)

    def _setting(self, name: str) -> Any:
        return self._store.setting(f"cosmic_{name}", DEFAULTS.get(name))

    def give(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return a new token.

        :raises CosmicError: 401 a wrong application, 603 a wrong parameter, 429 too many in a minute.
        """
        now = self._clock.now()
        for name in _NEEDED:
            if not body.get(name):
                raise CosmicError("603", f"{name}为空")
        _check_time(str(body["timestamp"]))
        if self._store.value("SELECT 1 FROM cosmic_nonce WHERE nonce = ?", (body["nonce"],)):
            raise CosmicError("603", f"本次参数nonce:{body['nonce']}已经调用过了，不需要重复调用。")
        count = self._store.value("SELECT count(*) FROM cosmic_nonce WHERE at > ?", (now - 60_000,))
        if count >= PER_MINUTE:
            raise CosmicError("429", "调用频率超过限制")
        self._store.execute("INSERT INTO cosmic_nonce VALUES (?, ?)", (body["nonce"], now))
        self._check_application(body)
        token = f"{body['accountId']}_{secrets.token_urlsafe(24)}"
        self._store.execute("INSERT INTO cosmic_token VALUES (?, ?)", (token, now + LIFE_MS))
        return {
            "access_token": token,
            "token_type": "Bearer",
            "refresh_token": secrets.token_urlsafe(24),
            "expires_in": LIFE_MS // 1000 if self._setting("in_seconds") else LIFE_MS,
            "id_token": "",
        }

    def _check_application(self, body: Mapping[str, Any]) -> None:
        if body["accountId"] != self._setting("account_id") or body["client_id"] != self._setting(
            "client_id"
        ):
            raise CosmicError("401", f"第三方应用client_id：{body['client_id']}在系统中不存在或未启用")
        if body["client_secret"] != self._setting("secret"):
            raise CosmicError("401", "第三方应用（client_id）或AccessToken密钥（client_secret）不正确")
        if body["username"] != self._setting("user"):
            raise CosmicError("603", "第三方应用（client_id）的代理用户为空或userName不在代理用户中。")

    def check_identity(self, headers: Mapping[str, str]) -> None:
        """Let nobody through the gateway without its identity, where it wants one.

        :raises CosmicError: 403.
        """
        wanted = self._setting("identity")
        if wanted and headers.get("x-acgw-identity") != wanted:
            raise CosmicError("403", "x-acgw-identity is missing or wrong")

    def check(self, headers: Mapping[str, str], *, ends: bool) -> None:
        """Let nobody in without a good token.

        :param ends: the token that is presented ends now.
        :raises CosmicError: 401.
        """
        token = headers.get("accesstoken") or headers.get("access_token") or ""
        if ends:
            self._store.execute("DELETE FROM cosmic_token WHERE token = ?", (token,))
        until = self._store.value("SELECT until FROM cosmic_token WHERE token = ?", (token,))
        if until is None or until <= self._clock.now():
            raise CosmicError("401", "未经授权的访问")

    def expire(self) -> None:
        """End every token."""
        self._store.execute("DELETE FROM cosmic_token")


def _check_time(given: str) -> None:
    """Hold a time against the real one: callers live in it, however far the sandbox's has been moved."""
    try:
        told = datetime.strptime(given, "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError:
        raise CosmicError("603", "timestamp格式不正确") from None
    if abs(datetime.now(UTC) - told) > WINDOW:
        raise CosmicError("603", "timestamp与服务器时间相差超过5分钟")
