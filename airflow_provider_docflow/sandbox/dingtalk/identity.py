"""Applications, tokens, permissions and call limits of the DingTalk stand-in.

Vendor pages: "获取企业内部应用的accessToken" (obtain-the-access_token-of-an-internal-app), "调用频率限制"
(call-frequency-limit: 90018 / QpsLimitForAppkeyAndApi per second, 90006 per minute, 90020 per month).
"""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.dingtalk.errors import PERMISSION, QPS, QUOTA, ApiError, OapiError
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS dingtalk_app (app_key TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS dingtalk_token (
    token TEXT PRIMARY KEY, app_key TEXT NOT NULL, expires INTEGER NOT NULL);
"""
#: The application that a fresh sandbox knows.
APP_KEY, APP_SECRET, CORP_ID, AGENT_ID = "dingsandbox", "sandbox-secret", "dingsandboxcorp", 1000001
_SPAN = {"per_second": 1_000, "per_minute": 60_000, "per_month": 30 * 86_400_000}


class Identity:
    """Who may call what, and how often."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[tuple[str, str, str], deque[int]] = {}
        store.create(SCHEMA)
        if store.value("SELECT count(*) FROM dingtalk_app") == 0:
            self.register(APP_KEY, APP_SECRET, CORP_ID, AGENT_ID)

    def register(
        self,
        app_key: str,
        app_secret: str,
        corp_id: str = CORP_ID,
        agent_id: int = AGENT_ID,
        permissions: list[str] | None = None,
    ) -> None:
        """Enter or change an application; ``permissions=None`` grants all permission points."""
        body = {
            "app_key": app_key,
            "app_secret": app_secret,
            "corp_id": corp_id,
            "agent_id": agent_id,
            "permissions": permissions,
        }
        self._store.execute("INSERT OR REPLACE INTO dingtalk_app VALUES (?, ?)", (app_key, dumps(body)))

    def token(self, app_key: Any, app_secret: Any) -> tuple[str, int] | None:
        """Return the application's token and the seconds it still lives, or None for wrong credentials.

        Asking again while it lives returns the same token.
        """
        app = self._app(str(app_key))
        if app is None or not hmac.compare_digest(str(app["app_secret"]).encode(), str(app_secret).encode()):
            return None
        now = self._clock.now()
        row = self._store.execute(
            "SELECT token, expires FROM dingtalk_token WHERE app_key = ? AND expires > ?", (app_key, now)
        ).fetchone()
        if row is not None:
            return row["token"], (row["expires"] - now) // 1000
        lives = int(self._store.setting("dingtalk_token_seconds", 7200))
        fresh = secrets.token_hex(16)
        self._store.execute(
            "INSERT INTO dingtalk_token VALUES (?, ?, ?)", (fresh, app_key, now + lives * 1000)
        )
        return fresh, lives

    def app_of(self, token: str) -> dict[str, Any]:
        """Return the application that a token belongs to.

        :raises KeyError: ``unknown`` or ``expired``.
        """
        row = self._store.execute(
            "SELECT app_key, expires FROM dingtalk_token WHERE token = ?", (token,)
        ).fetchone()
        if row is None:
            raise KeyError("unknown")
        if row["expires"] <= self._clock.now():
            raise KeyError("expired")
        return self._app(row["app_key"]) or {}

    def expire(self, token: str | None = None) -> None:
        """End one token, or all."""
        self._store.execute(
            "UPDATE dingtalk_token SET expires = ?1 WHERE ?2 IS NULL OR token = ?2",
            (self._clock.now(), token),
        )

    def admit(self, token: str, path: str, permission: str) -> dict[str, Any]:
        """Return the calling application of api.dingtalk.com, after permission and limits were checked.

        :raises ApiError: as the vendor does.
        """
        try:
            app = self.app_of(token)
        except KeyError:
            raise ApiError("InvalidAuthentication") from None
        granted = app["permissions"]
        if permission and granted is not None and permission not in granted:
            raise ApiError(PERMISSION, f"应用尚未开通所需的权限：[{permission}]")
        limit = self._exceeded(app["app_key"], path)
        if limit is not None:
            raise ApiError(QUOTA if limit["span"] == "per_month" else QPS, status=limit.get("status"))
        return app

    def admit_oapi(self, token: str, path: str) -> dict[str, Any]:
        """Return the calling application of oapi.dingtalk.com.

        :raises OapiError: 40014, 42001, 90018, 90006 or 90020.
        """
        try:
            app = self.app_of(token)
        except KeyError as error:
            if error.args[0] == "expired":
                raise OapiError(42001, "access_token超时") from None
            raise OapiError(40014, "不合法的access_token") from None
        if limit := self._exceeded(app["app_key"], path):
            code = {"per_second": 90018, "per_minute": 90006, "per_month": 90020}[limit["span"]]
            raise OapiError(code, "您的服务器调用钉钉开放平台当前接口的所有请求都被暂时禁用了")
        return app

    def limit(self, rules: list[dict[str, Any]]) -> None:
        """Set the call limits: ``[{"path": glob, "per_second"|"per_minute"|"per_month": n, "status": 429}]``.

        ``status`` replaces the vendor's 403. A fresh sandbox has none, so that bulk tests are not slowed.
        """
        self._calls.clear()
        self._store.set("dingtalk_limits", rules)

    def _exceeded(self, app_key: str, path: str) -> dict[str, Any] | None:
        now = self._clock.now()
        for rule in self._store.setting("dingtalk_limits", []):
            if not fnmatchcase(path, rule.get("path", "*")):
                continue
            for span in _SPAN.keys() & rule.keys():
                calls = self._calls.setdefault((app_key, path, span), deque())
                while calls and calls[0] <= now - _SPAN[span]:
                    calls.popleft()
                if len(calls) >= rule[span]:
                    return {**rule, "span": span}
                calls.append(now)
        return None

    def _app(self, app_key: str) -> dict[str, Any] | None:
        text = self._store.value("SELECT body FROM dingtalk_app WHERE app_key = ?", (app_key,))
        return None if text is None else loads(text)
