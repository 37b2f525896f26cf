"""Who may call: signed headers, sessions that slide by twenty minutes, an application with its users."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from airflow_provider_docflow.sandbox.clock import Clock
from airflow_provider_docflow.sandbox.kingdee.wire import Refused
from airflow_provider_docflow.sandbox.store import Store

ACCOUNT = "67bd0000000001"
APP_ID = "220001_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
APP_SECRET = "sandbox-app-secret-0123456789abcd"
USER, PASSWORD = "demo", "sandbox-password"
SESSION_MS = 20 * 60_000
LOST = "会话信息已丢失，请重新登录"
_MASK = b"0054f397c6234378b09ca7d3e5debce7"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS kingdee_session (id TEXT PRIMARY KEY, user TEXT NOT NULL, until INTEGER NOT NULL);
"""


class Identity:
    """The data centre's users, its one application, and the sessions."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock
        store.create(_SCHEMA)

    def users(self) -> dict[str, str]:
        """Return user → password."""
        return dict(self._store.setting("kingdee_users", {USER: PASSWORD}))

    def login(self, method: str, given: list[Any]) -> tuple[dict[str, Any], str]:
        """Answer a login and return the session; a refused one is a 200 like any other."""
        user = self._user(method, given)
        if user is None:
            return {
                "LoginResultType": 0,
                "Message": "用户名或密码错误",
                "KDSVCSessionId": None,
                "Context": None,
            }, ""
        session = self._begin(user)
        answer = {
            "Message": None,
            "MessageCode": "CheckPasswordPolicy",
            "LoginResultType": 1,
            "Context": {"SessionId": session, "UserName": user, "UserId": 100001, "DBid": ACCOUNT},
            "KDSVCSessionId": session,
            "IsSuccessByAPI": True,
        }
        return answer, session

    def _begin(self, user: str) -> str:
        session = secrets.token_hex(16)
        self._store.execute(
            "INSERT INTO kingdee_session VALUES (?, ?, ?)", (session, user, self._clock.now() + SESSION_MS)
        )
        return session

    def _user(self, method: str, given: list[Any]) -> str | None:
        account, user, *rest = [str(one) for one in given] if len(given) > 3 else ["", ""]
        if account != ACCOUNT or user not in self.users():
            return None
        if method == "ValidateUser":
            return user if rest[0] == self.users()[user] else None
        if method == "LoginByAppSecret":
            return user if rest[:2] == [APP_ID, APP_SECRET] else None
        if method == "LoginBySign":
            parts = sorted((account, user, rest[0], APP_SECRET, rest[1]))
            wanted = hashlib.sha256("".join(parts).encode()).hexdigest()
            return user if rest[0] == APP_ID and rest[2] == wanted else None
        return None

    def admit(self, path: str, headers: Mapping[str, str], *, expire: bool) -> tuple[str, str]:
        """Return the user of a call and the session that its answer sets.

        :raises Refused: nobody knows the caller, or the session is over.
        """
        session = headers.get("kdservice-sessionid") or _cookie(headers.get("cookie", ""))
        if "x-kd-signature" in headers:
            user = self._signed(path, headers)
            if not session:
                return user, self._begin(user)
        if expire:
            self._store.execute("DELETE FROM kingdee_session WHERE id = ?", (session,))
        now = self._clock.now()
        sql = "SELECT user FROM kingdee_session WHERE id = ? AND until > ?"
        known = self._store.value(sql, (session, now))
        if known is None:
            raise Refused(1, LOST)
        self._store.execute("UPDATE kingdee_session SET until = ? WHERE id = ?", (now + SESSION_MS, session))
        return str(known), session

    def _signed(self, path: str, headers: Mapping[str, str]) -> str:
        data = base64.b64decode(headers.get("x-kd-appdata", "")).decode()
        account, user, *_ = [*data.split(","), "", ""]
        timestamp, nonce = headers.get("x-api-timestamp", ""), headers.get("x-api-nonce", "")
        client_id, _, encoded = APP_ID.partition("_")
        masked = bytes(a ^ b for a, b in zip(base64.b64decode(encoded), _MASK, strict=False))
        quoted = quote(path).replace("/", "%2F")
        message = f"POST\n{quoted}\n\nx-api-nonce:{nonce}\nx-api-timestamp:{timestamp}\n"
        good = (
            headers.get("x-kd-appkey") == APP_ID
            and headers.get("x-api-clientid") == client_id
            and account == ACCOUNT
            and timestamp.isdigit()
            and _same(headers.get("x-api-signature", ""), _mac(message, base64.b64encode(masked)))
            and _same(headers["x-kd-signature"], _mac(APP_ID + data, APP_SECRET.encode()))
        )
        if not good:
            raise Refused(1, LOST)
        if user not in self.users():
            raise Refused(2, f"第三方应用：{client_id} 不允许用户{user} 登录")
        return user

    def expire(self) -> None:
        """End every session."""
        self._store.execute("DELETE FROM kingdee_session")

    def sessions(self) -> int:
        """Return how many sessions the server holds, those that nobody uses any more included."""
        return int(self._store.value("SELECT count(*) FROM kingdee_session"))


def _mac(message: str, key: bytes) -> str:
    return base64.b64encode(hmac.new(key, message.encode(), hashlib.sha256).hexdigest().encode()).decode()


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode(), wanted.encode())


def _cookie(header: str) -> str:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return next((value for name, _, value in pairs if name == "kdservice-sessionid"), "")
