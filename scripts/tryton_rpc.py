"""A small JSON-RPC client for Tryton: how the rig and the tests look at the ERP behind docflow's back."""

from __future__ import annotations

import base64
import datetime as dt
import gzip
import http.client
import itertools
import json
import time
import urllib.parse
from decimal import Decimal
from typing import Any

# The server closes connections that nobody has used for two minutes.
IDLE_SECONDS = 30


class TrytonError(RuntimeError):
    """Tryton answered with an error; ``args`` are its kind, its message and the rest."""


def _encode(value: object) -> dict[str, Any]:
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": str(value)}
    if isinstance(value, dt.datetime):
        return {
            "__class__": "datetime",
            **{part: getattr(value, part) for part in ("year", "month", "day", "hour", "minute", "second")},
            "microsecond": value.microsecond,
        }
    if isinstance(value, dt.date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    raise TypeError(f"no JSON for {value!r}")


def _decode(raw: dict[str, Any]) -> Any:
    kind = raw.get("__class__")
    if kind == "Decimal":
        return Decimal(raw["decimal"])
    if kind in {"date", "datetime"}:
        parts = {name: part for name, part in raw.items() if name != "__class__"}
        return dt.date(**parts) if kind == "date" else dt.datetime(**parts)
    return raw


class TrytonRpc:
    """One session with one database, over one connection that is kept open.

    :param base_url: such as ``http://127.0.0.1:8000``.
    :param db: name of the database.
    """

    def __init__(self, base_url: str, db: str, *, timeout: float = 300) -> None:
        self._netloc = urllib.parse.urlsplit(base_url).netloc
        self._path = f"/{db}/rpc/"
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._authorization = ""
        self._connection: http.client.HTTPConnection | None = None
        self._used = 0.0
        self.context: dict[str, Any] = {}

    def login(self, user: str, password: str) -> None:
        """Open the session and take over the user's company and employee as context.

        :raises TrytonError: the password is wrong.
        """
        answer = self._post("common.db.login", [user, {"password": password}, "en"])
        if not answer:
            raise TrytonError("LoginException", f"{user} may not log in")
        token = base64.b64encode(f"{user}:{answer[0]}:{answer[1]}".encode()).decode()
        self._authorization = f"Session {token}"
        self.context = dict(self("model.res.user.get_preferences", True))

    def __call__(self, method: str, *params: Any, **context: Any) -> Any:
        """Call a method, for example ``rpc("model.party.party.read", [1], ["name"], company=2)``.

        :param params: the positional arguments without the context.
        :param context: entries that replace those of the session's context.
        :raises TrytonError: Tryton refused; the first argument is the kind of the error.
        """
        return self._post(method, [*params, {**self.context, **context}])

    def create(self, model: str, *records: dict[str, Any], **context: Any) -> list[int]:
        """Create records and return their ids."""
        return list(self(f"model.{model}.create", list(records), **context))

    def find(self, model: str, domain: list[Any], fields: list[str], **context: Any) -> list[dict[str, Any]]:
        """Read all records that match a Tryton domain, in the order of their ids."""
        order = [["id", "ASC"]]
        return list(self(f"model.{model}.search_read", domain, 0, None, order, fields, **context))

    def close(self) -> None:
        """Close the connection; the session stays valid."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _post(self, method: str, params: list[Any]) -> Any:
        body = json.dumps({"id": next(self._ids), "method": method, "params": params}, default=_encode)
        # Tryton labels long answers as gzip whatever the client accepts, so the client must accept it.
        headers = {"Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if self._authorization:
            headers["Authorization"] = self._authorization
        if time.monotonic() - self._used > IDLE_SECONDS:
            self.close()
        self._used = time.monotonic()
        if self._connection is None:
            self._connection = http.client.HTTPConnection(self._netloc, timeout=self._timeout)
        try:
            self._connection.request("POST", self._path, body, headers)
            reply = self._connection.getresponse()
            content = reply.read()
        except (http.client.HTTPException, OSError):
            self.close()
            raise
        if reply.status != http.HTTPStatus.OK:
            raise TrytonError("HTTP", reply.status, content[:500].decode(errors="replace"))
        if reply.headers.get("Content-Encoding") == "gzip":
            content = gzip.decompress(content)
        answer = json.loads(content, object_hook=_decode)
        if "error" in answer:
            raise TrytonError(*answer["error"])
        return answer["result"]
