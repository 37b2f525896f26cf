"""The tenant, its application, its tokens and its call limits of the YonBIP stand-in.

Vendor pages: "获取租户所在数据中心域名", "获取access_token", "返回码说明" (310001 no token, 310036 not
valid, 310046 too many calls of one API, 10018 no such application).
"""

from __future__ import annotations

import hmac
import secrets
from collections import deque
from typing import Any

from airflow_provider_docflow.core.yonyou_crypto import login_signature
from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.store import Store

SCHEMA = """
CREATE TABLE IF NOT EXISTS yonbip_token (token TEXT PRIMARY KEY, expires INTEGER NOT NULL);
"""
TENANT, APP_KEY = "sandboxtenant", "yonbip-sandbox-app"
APP_SECRET = "8a0f1b7c-2d3e-4f50-9a6b-1c2d3e4f5a6b"
_LIVES_S, _MINUTE_MS = 7200, 60_000


class Refused(Exception):
    """A refusal in the platform's form: code and message, nearly always under HTTP 200."""

    def __init__(self, code: str, message: str, status: int = 200, data: Any = None) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"code": code, "message": message, **({} if data is None else {"data": data})}


class Identity:
    """Who may call, and how often."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._calls: dict[str, deque[int]] = {}
        store.create(SCHEMA)

    @property
    def tenant(self) -> str:
        """The one tenant of this data centre."""
        return str(self._store.setting("yonbip_tenant", TENANT))

    @property
    def secret(self) -> str:
        """The application's secret."""
        return str(self._store.setting("yonbip_secret", APP_SECRET))

    def gateway(self, tenant: str, base: str) -> dict[str, Any]:
        """Return the addresses of a tenant's data centre."""
        if tenant != self.tenant:
            raise Refused("500", "根据租户id获取网关地址出现异常")
        data = {"gatewayUrl": f"{base}/iuap-api-gateway", "tokenUrl": f"{base}/iuap-api-auth"}
        return {"code": "00000", "message": "成功！", "data": data}

    def token(self, query: dict[str, str]) -> dict[str, Any]:
        """Return a token for a signed request."""
        if query.get("appKey") != APP_KEY:
            raise Refused("10018", "应用不存在或appKey已停用")
        given = {name: query.get(name, "") for name in ("appKey", "timestamp")}
        expected = login_signature(given, self.secret)
        signed = hmac.compare_digest(expected.encode(), query.get("signature", "").encode())
        if not signed or not given["timestamp"].isdigit():
            raise Refused("310003", "获取token失败")
        lives = int(self._store.setting("yonbip_token_seconds", _LIVES_S))
        fresh = f"{secrets.token_hex(16)}+/="
        self._store.execute(
            "INSERT INTO yonbip_token VALUES (?, ?)", (fresh, self._clock.now() + lives * 1000)
        )
        return {"code": "00000", "message": "成功！", "data": {"access_token": fresh, "expire": lives}}

    def check(self, token: str) -> None:
        """Let nobody in without a token that lives."""
        if not token:
            raise Refused("310001", "access_token不能为空。")
        expires = self._store.value("SELECT expires FROM yonbip_token WHERE token = ?", (token,))
        if expires is None or expires <= self._clock.now():
            raise Refused("310036", "非法token")

    def expire(self, token: str = "") -> None:
        """End one token, or all."""
        self._store.execute("DELETE FROM yonbip_token WHERE ?1 = '' OR token = ?1", (token,))

    def count(self, path: str) -> None:
        """Count a call of an API; too many in a minute are refused."""
        most = self._store.setting("yonbip_per_minute")
        if most is None:
            return
        calls, now = self._calls.setdefault(path, deque()), self._clock.now()
        while calls and calls[0] <= now - _MINUTE_MS:
            calls.popleft()
        if len(calls) >= int(most):
            raise Refused("310046", "触发了API级限流，请稍后再试")
        calls.append(now)
