"""Applications, tokens, trusted addresses and call limits of the WeCom stand-in.

Vendor pages: "获取access_token" (91039), "访问频率限制" (90454): 45009 beyond a limit, and the call stays
shut for as long as the window is long.
"""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.store import Store, dumps, loads
from airflow_provider_docflow.sandbox.wecom.wire import WecomError

SCHEMA = """
CREATE TABLE IF NOT EXISTS wecom_app (secret TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS wecom_token (
    token TEXT PRIMARY KEY, secret TEXT NOT NULL, expires INTEGER NOT NULL);
"""
#: The corporation and the application that a fresh sandbox knows.
CORP_ID, SECRET, AGENT_ID = "wwsandboxcorp", "sandbox-secret", 1000002
_WINDOW_MS = {"per_minute": 60_000, "per_hour": 3_600_000}


class Identity:
    """Who may call what, and how often."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[tuple[str, str, str], deque[int]] = {}
        self._shut: dict[tuple[str, str, str], int] = {}
        store.create(SCHEMA)
        if store.value("SELECT count(*) FROM wecom_app") == 0:
            self.register(SECRET, AGENT_ID)

    def register(self, secret: str, agent_id: int, **more: Any) -> None:
        """Enter or change an application: ``templates`` (None: all), ``approvals``, ``trusted``."""
        body = {
            "secret": secret,
            "agent_id": agent_id,
            "templates": more.get("templates"),
            "approvals": more.get("approvals", True),
            "trusted": more.get("trusted", True),
        }
        self._store.execute("INSERT OR REPLACE INTO wecom_app VALUES (?, ?)", (secret, dumps(body)))

    def token(self, corp_id: str, secret: str) -> tuple[str, int]:
        """Return an application's token and the seconds it still lives; the same one while it lives.

        :raises WecomError: 40013 or 40001.
        """
        if corp_id != CORP_ID:
            raise WecomError(40013)
        app = self._app(secret)
        if app is None or not hmac.compare_digest(app["secret"].encode(), secret.encode()):
            raise WecomError(40001)
        now = self._clock.now()
        row = self._store.execute(
            "SELECT token, expires FROM wecom_token WHERE secret = ? AND expires > ?", (secret, now)
        ).fetchone()
        if row is not None:
            return row["token"], (row["expires"] - now) // 1000
        lives = int(self._store.setting("wecom_token_seconds", 7200))
        fresh = secrets.token_urlsafe(96)
        self._store.execute("INSERT INTO wecom_token VALUES (?, ?, ?)", (fresh, secret, now + lives * 1000))
        return fresh, lives

    def expire(self, token: str | None = None) -> None:
        """End one token, or all."""
        self._store.execute(
            "UPDATE wecom_token SET expires = ?1 WHERE ?2 IS NULL OR token = ?2", (self._clock.now(), token)
        )

    def admit(self, token: str, path: str) -> dict[str, Any]:
        """Return the calling application after its token, address and limits were checked.

        :raises WecomError: 41001, 40014, 42001, 60020 or 45009.
        """
        if not token:
            raise WecomError(41001)
        row = self._store.execute(
            "SELECT secret, expires FROM wecom_token WHERE token = ?", (token,)
        ).fetchone()
        if row is None:
            raise WecomError(40014)
        if row["expires"] <= self._clock.now():
            raise WecomError(42001)
        app = self._app(row["secret"]) or {}
        if not app.get("trusted"):
            raise WecomError(60020)
        self._count(row["secret"], path)
        return app

    def limit(self, rules: list[dict[str, Any]]) -> None:
        """Set call limits: ``[{"path": glob, "per_minute"|"per_hour": n}]``; a fresh sandbox has none."""
        self._calls.clear()
        self._shut.clear()
        self._store.set("wecom_limits", rules)

    def _count(self, secret: str, path: str) -> None:
        now = self._clock.now()
        for rule in self._store.setting("wecom_limits", []):
            if not fnmatchcase(path, rule.get("path", "*")):
                continue
            for name in _WINDOW_MS.keys() & rule.keys():
                key = (secret, path, name)
                calls = self._calls.setdefault(key, deque())
                while calls and calls[0] <= now - _WINDOW_MS[name]:
                    calls.popleft()
                if now < self._shut.get(key, 0):
                    raise WecomError(45009)
                if len(calls) >= rule[name]:
                    self._shut[key] = now + _WINDOW_MS[name]
                    raise WecomError(45009)
                calls.append(now)

    def _app(self, secret: str) -> dict[str, Any] | None:
        text = self._store.value("SELECT body FROM wecom_app WHERE secret = ?", (secret,))
        return None if text is None else loads(text)
