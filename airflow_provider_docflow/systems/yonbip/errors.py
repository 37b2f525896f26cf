"""
What the open platform says when it says no: HTTP 200 with ``{code, message}``, the code a text or a number.

"200" is good, and "00000" at the login; a gateway answers some stale tokens with nothing but the words
``非法token`` as plain text. ``message`` may itself be a JSON list in a text; only codes are judged. 999 is
every business error of the applications behind the gateway. Pages: "返回码说明", "幂等性".
"""

from __future__ import annotations

import json
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError

FINE = frozenset({"200", "00000"})
REPEATED = frozenset({"10004", "100004"})
"""A save with a key that was used before; the page of codes and the page on idempotency differ."""

STALE_TOKEN, NO_TOKEN = "310036", "310001"
STALE_TOKEN_TEXT = "非法token"
_KEYS = "Check tenant_id, app key (login) and app secret (password) of the connection."
_MINUTE = 60.0

ERRORS = (
    ErrorRule(
        raises=exc.RateLimited,
        code=("310032", "310039", "310042", "310046"),
        retry_after=_MINUTE,
        remedy="Nothing: it comes back by itself. Lower calls_per_minute if it happens often.",
    ),
    ErrorRule(raises=exc.TransientError, code=("202",), unsure=True, retry_after=5.0),
    ErrorRule(raises=exc.TransientError, code=("310504", "310071", "315001"), unsure=True),
    ErrorRule(raises=exc.TransientError, code=("310043", "310072"), landed=False),
    ErrorRule(
        raises=exc.Authentication,
        code=(STALE_TOKEN, NO_TOKEN, "310003", "310005", "310006", "10018"),
        remedy=_KEYS,
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("310037",),
        remedy="Have the application authorised for this API in the open platform.",
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("310031", "310038", "310041", "310047"),
        remedy="Have this machine's address allowed in the open platform.",
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("310404", "310405"),
        remedy="The gateway knows no such call: compare the connection's paths with the platform's pages.",
    ),
    ErrorRule(raises=exc.NotFound, code=("1002",)),
)


def error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    """Return what a reply says went wrong; None if nothing did, or if a repeated save names its document."""
    if isinstance(body, str):
        return _of_text(reply, body)
    if not isinstance(body, dict):
        return RemoteError("", reply.reason_phrase) if body is None or not reply.is_success else None
    code = str(body.get("code", ""))
    if reply.is_success and (code in FINE or (code in REPEATED and id_in(body))):
        return None
    return RemoteError(code, _said(body) or reply.reason_phrase or "refused", request_id=_trace(body))


def _of_text(reply: httpx2.Response, text: str) -> RemoteError | None:
    if text.strip() == STALE_TOKEN_TEXT:
        return RemoteError(STALE_TOKEN, STALE_TOKEN_TEXT)
    return None if reply.is_success else RemoteError("", reply.reason_phrase or f"HTTP {reply.status_code}")


def id_in(body: Any) -> str:
    """Return the id of the document that a reply is about; empty if it names none."""
    data = body.get("data") if isinstance(body, dict) else None
    found = data.get("id") if isinstance(data, dict) else None
    return "" if found in (None, "") else str(found)


def readable(message: Any) -> str:
    """Return a message as people read it: it may be a list, a JSON list in a text, or an object."""
    if isinstance(message, str):
        try:
            inner = json.loads(message) if message.startswith(("[", "{")) else message
        except ValueError:
            inner = message
        return inner if isinstance(inner, str) else readable(inner)
    if isinstance(message, list):
        return "; ".join(filter(None, map(readable, message)))
    if isinstance(message, dict):
        return readable(message.get("message", ""))
    return "" if message is None else str(message)


def _said(body: dict[str, Any]) -> str:
    text, display = readable(body.get("message")), body.get("displayCode")
    return f"{text} ({display})" if display else text


def _trace(body: dict[str, Any]) -> str:
    return str(body.get("traceId") or body.get("ytsId") or "")


def token_refused(reply: httpx2.Response, body: Any) -> bool:
    """Tell whether another token may help."""
    said = error(reply, body)
    return reply.status_code == 401 or (said is not None and said.code in (STALE_TOKEN, NO_TOKEN))
