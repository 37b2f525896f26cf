"""Applications, tokens, people and call limits of the Feishu stand-in.

Vendor pages: "tenant_access_token_internal" (a token with 30 minutes or more to live is given again), "Query
tenant", "Frequency control" (99991400 with ``x-ogw-ratelimit-reset``).
"""

from __future__ import annotations

import hmac
import math
import secrets
from collections import deque
from fnmatch import fnmatchcase
from typing import Any

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.feishu import errors
from airflow_provider_docflow.sandbox.feishu.errors import ApiError
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS feishu_app (app_id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS feishu_token (
    token TEXT PRIMARY KEY, app_id TEXT NOT NULL, user TEXT NOT NULL, expires INTEGER NOT NULL);
"""
#: The application that a fresh sandbox knows.
APP_ID, APP_SECRET, TENANT_KEY = "cli_sandbox", "sandbox-secret", "sandboxtenant"
_REUSED_MS = 30 * 60_000
_SPANS = {"per_second": 1_000, "per_minute": 60_000}


def open_id(user: str) -> str:
    """Return the open_id of a person; an open_id is its own."""
    return user if user.startswith("ou_") else f"ou_{user}"


def user_id(person: str) -> str:
    """Return the user_id of a person."""
    return person.removeprefix("ou_")


class Identity:
    """Who may call what, and how often."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[tuple[str, str, str], deque[int]] = {}
        store.create(SCHEMA)
        if store.value("SELECT count(*) FROM feishu_app") == 0:
            self.register(APP_ID, APP_SECRET)

    def register(
        self,
        app_id: str,
        app_secret: str,
        tenant_key: str = TENANT_KEY,
        scopes: list[str] | None = None,
        bot: bool = True,
    ) -> None:
        """Enter or change an application; ``scopes=None`` grants all."""
        body = {
            "app_id": app_id,
            "app_secret": app_secret,
            "tenant_key": tenant_key,
            "scopes": scopes,
            "bot": bot,
        }
        self._store.execute("INSERT OR REPLACE INTO feishu_app VALUES (?, ?)", (app_id, dumps(body)))

    def tenant_token(self, body: dict[str, Any]) -> dict[str, Any]:
        """Give an application its token."""
        app = self._app(str(body.get("app_id")))
        if app is None:
            raise ApiError(errors.BAD_APP)
        given = str(body.get("app_secret"))
        if not hmac.compare_digest(str(app["app_secret"]).encode(), given.encode()):
            raise ApiError(errors.BAD_SECRET)
        now = self._clock.now()
        row = self._store.execute(
            "SELECT token, expires FROM feishu_token WHERE app_id = ? AND user = '' AND expires >= ?"
            " ORDER BY expires DESC",
            (app["app_id"], now + _REUSED_MS),
        ).fetchone()
        if row is not None:
            return {"tenant_access_token": row["token"], "expire": (row["expires"] - now) // 1000}
        lives = int(self._store.setting("feishu_token_seconds", 7200))
        return {"tenant_access_token": self._issue("t-", app["app_id"], "", lives), "expire": lives}

    def user_token(self, user: str) -> str:
        """Give a person a token, as an authorization in the browser would."""
        return self._issue("u-", APP_ID, user, 7200)

    def _issue(self, kind: str, app_id: str, user: str, lives: int) -> str:
        token = kind + secrets.token_hex(20)
        expires = self._clock.now() + lives * 1000
        self._store.execute("INSERT INTO feishu_token VALUES (?, ?, ?, ?)", (token, app_id, user, expires))
        return token

    def expire(self, token: str | None = None) -> None:
        """End one token, or all."""
        self._store.execute(
            "UPDATE feishu_token SET expires = ?1 WHERE ?2 IS NULL OR token = ?2", (self._clock.now(), token)
        )

    def admit(self, token: str, path: str, scope: str, *, person: bool) -> tuple[dict[str, Any], str]:
        """Return the calling application and person, after token, scope and limits were checked.

        :param person: whether the call wants a person's token instead of the tenant's.
        """
        if not token:
            raise ApiError(errors.NO_TOKEN)
        row = self._store.execute("SELECT * FROM feishu_token WHERE token = ?", (token,)).fetchone()
        if row is None or row["expires"] <= self._clock.now() or bool(row["user"]) != person:
            raise ApiError(errors.BAD_USER_TOKEN if person else errors.BAD_TOKEN)
        app = self._app(row["app_id"]) or {}
        if scope and app["scopes"] is not None and scope not in app["scopes"]:
            raise ApiError(errors.NO_SCOPE, f"[{scope}]")
        self.limit(app["app_id"], path)
        return app, row["user"]

    def limits(self, rules: list[dict[str, Any]]) -> None:
        """Set the call limits: ``[{"path": glob, "per_second"|"per_minute": n, "per_month": n}]``.

        A fresh sandbox has none, so that bulk tests are not slowed.
        """
        self._calls.clear()
        self._store.set("feishu_limits", rules)

    def limit(self, caller: str, path: str) -> None:
        """Count a call.

        :raises ApiError: there were too many.
        """
        now = self._clock.now()
        for rule in self._store.setting("feishu_limits", []):
            if not fnmatchcase(path, rule.get("path", "*")):
                continue
            if rule.get("per_month") == 0:
                raise ApiError(errors.QUOTA)
            for span in _SPANS.keys() & rule.keys():
                self._count(now, caller, path, span, int(rule[span]))

    def _count(self, now: int, caller: str, path: str, span: str, most: int) -> None:
        calls = self._calls.setdefault((caller, path, span), deque())
        while calls and calls[0] <= now - _SPANS[span]:
            calls.popleft()
        if len(calls) >= most:
            reset = math.ceil((calls[0] + _SPANS[span] - now) / 1000)
            headers = {"x-ogw-ratelimit-limit": str(most), "x-ogw-ratelimit-reset": str(max(1, reset))}
            raise ApiError(errors.TOO_FAST, headers=headers)
        calls.append(now)

    def tenant(self, app: dict[str, Any]) -> dict[str, Any]:
        """Name the application's tenant."""
        return {
            "tenant": {
                "name": "沙盒企业",
                "display_id": "F123456789",
                "tenant_tag": 0,
                "tenant_key": app["tenant_key"],
            }
        }

    def known(self, person: Any) -> str:
        """Return the user_id of a member of staff.

        :raises ApiError: there is none of that id.
        """
        staff = self._store.setting("feishu_users")
        found = user_id(str(person or ""))
        if not found or (staff is not None and found not in staff):
            raise ApiError(errors.NO_PERSON)
        return found

    def _app(self, app_id: str) -> dict[str, Any] | None:
        text = self._store.value("SELECT body FROM feishu_app WHERE app_id = ?", (app_id,))
        return None if text is None else loads(text)
