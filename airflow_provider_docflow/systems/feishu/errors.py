"""
What Feishu says when it says no: ``{code, msg}`` with HTTP 4xx, and with HTTP 200 at robots.

Only codes are read, never texts. Pages: "Generic error codes", "Frequency control", the tables of
"approval-v4" and "im-v1", "Custom bot usage guide".
"""

from __future__ import annotations

from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError

TOO_FAST = "99991400"
SAME_UUID = "60012"
SUBSCRIBED = "1390007"
MESSAGES_TOO_FAST = ("230020", "11232")
_TOKENS = ("99991661", "99991663", "99991664", "99991665", "99991668", "99991671", "99991677")
_RECEIVERS = ("230013", "230002", "99992351", "99992352", "99992353", "99992355", "99992356")
_FINE = (None, 0, "0")

ERRORS = (
    ErrorRule(raises=exc.RateLimited, code=(TOO_FAST, *MESSAGES_TOO_FAST)),
    ErrorRule(
        raises=exc.QuotaExhausted,
        code=("99991403",),
        remedy="Wait for the next month, or have the tenant's edition raised.",
    ),
    ErrorRule(raises=exc.TransientError, code=("1395001",), unsure=True),
    ErrorRule(
        raises=exc.Authentication,
        code=(*_TOKENS, "10005", "10012", "10013", "10014", "99991543"),
        remedy="Check app id (login) and app secret (password) of the connection.",
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("99991672", "99991676", "99991679", "1390009", "1184001", "230006", "230027"),
        remedy="Grant the application the scope in the developer console and publish a version of it.",
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("99991401",),
        remedy="Put this machine's address on the application's list of addresses.",
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("99991662", "99991673"),
        remedy="Switch the application on in the tenant's back office.",
    ),
    ErrorRule(raises=exc.NotFound, code=("1390003",)),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("1390002", "1390013", "1390015", "1390016"),
        remedy="Check approval_code in the forms of the connection, and that the definition is active.",
    ),
    ErrorRule(raises=exc.Duplicate, code=(SAME_UUID,)),
    ErrorRule(
        raises=exc.Unsupported,
        code=("1390018",),
        remedy="The node wants a signature by hand, which only the Feishu client can give.",
    ),
    ErrorRule(
        raises=exc.Rejected, code=("1390010",), remedy="Read the approval again: somebody was quicker."
    ),
    ErrorRule(
        raises=exc.Rejected,
        code=_RECEIVERS,
        remedy="Check the id and receive_id_type, and that the application's bot may write to them.",
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("19001", "19021", "19022", "19024"),
        remedy=(
            "Compare with the robot's security settings: robot_token is the end of its webhook address,"
            " robot_secret its secret, a keyword must stand in the text, this machine's clock must be right"
            " and its address on the list."
        ),
    ),
)


def error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    """Return what a reply says went wrong; None if nothing did."""
    said = reply.reason_phrase or f"HTTP {reply.status_code}"
    request_id = reply.headers.get("x-tt-logid", "")
    code = body.get("code", body.get("StatusCode")) if isinstance(body, dict) else None
    if code in _FINE:
        return None if reply.is_success else RemoteError("", said, request_id=request_id)
    text = str(dig(body, "msg") or dig(body, "message") or said)
    return RemoteError(
        str(code),
        text,
        field="users" if str(code) in _RECEIVERS else "",
        request_id=str(dig(body, "error.log_id") or request_id),
        retry_after=_reset(reply),
    )


def _reset(reply: httpx2.Response) -> float | None:
    """Return the seconds until a limit is open again."""
    raw = reply.headers.get("x-ogw-ratelimit-reset", "").strip()
    return float(raw) if raw.isdigit() else None


def token_refused(reply: httpx2.Response, body: Any) -> bool:
    """Tell whether another token may help."""
    return reply.status_code == 401 or (isinstance(body, dict) and str(body.get("code")) in _TOKENS)
