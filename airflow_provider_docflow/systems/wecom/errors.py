"""
What WeCom says when it says no: ``errcode`` in a reply of HTTP 200. Only codes are read, never texts.

``errmsg`` may carry a warning of its own beside ``errcode`` 0. Page: "Global error codes" (90313).
"""

from __future__ import annotations

from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError

TOO_OFTEN = "45009"
BLOCKED_SECONDS = 60.0
"""WeCom blocks for the length of the window that was exceeded (a minute, an hour, a day), and names none."""

PARAMETER = "301025"
TOKEN_CODES = ("40014", "42001", "41001")
_FINE = (None, "", 0, "0")

ERRORS = (
    ErrorRule(
        raises=exc.RateLimited,
        code=(TOO_OFTEN,),
        retry_after=BLOCKED_SECONDS,
        remedy="Nothing: WeCom lets calls in again after its window. Lower calls_per_minute.",
    ),
    ErrorRule(raises=exc.RateLimited, code=("45033",), remedy="Nothing: too many calls at the same moment."),
    ErrorRule(raises=exc.TransientError, code=("-1",), unsure=True),
    # "Internal failure of submitting": nobody says whether the form is there.
    ErrorRule(raises=exc.TransientError, code=("301057",), unsure=True),
    ErrorRule(raises=exc.Conflict, code=("6000",)),
    ErrorRule(
        raises=exc.Authentication,
        code=("40001", "40013", *TOKEN_CODES),
        remedy="Check corp id (login) and the application's secret (password) of the connection.",
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("60020",),
        remedy="Add this machine's address to the application's trusted IPs in WeCom's back office.",
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("301055",),
        remedy=(
            "List the application under Approval > API > applications that may call it, and put the person"
            " and the template into its visible range."
        ),
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("301026",),
        remedy="Check template_id in the forms of the connection, and that the template is switched on.",
    ),
    ErrorRule(
        raises=exc.Misconfigured, code=("301056",), remedy="Switch the application on in WeCom's back office."
    ),
    ErrorRule(
        raises=exc.Misconfigured, code=("301002",), remedy="Check agent_id of the connection: it is a number."
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("93000",),
        remedy="Check robot_key of the connection: it is the key in the robot's webhook address.",
    ),
    ErrorRule(
        raises=exc.Rejected,
        code=("60011", "60111", "81013"),
        remedy="Check the user ids: they are WeCom's, and within the application's visible range.",
    ),
    ErrorRule(
        raises=exc.Rejected,
        code=(PARAMETER,),
        remedy=(
            "Compare the form with its template: a required control is empty, an option is gone, or the flow"
            " of the template is not set up. The end of the message tells which."
        ),
    ),
    ErrorRule(
        raises=exc.Rejected,
        code=("301079",),
        remedy="Another form holds this time: change the source's dates.",
    ),
)
_PEOPLE = ("60011", "60111", "81013")


def error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    """Return what a reply says went wrong; None if nothing did."""
    if not isinstance(body, dict):
        return (
            None if reply.is_success else RemoteError("", reply.reason_phrase or f"HTTP {reply.status_code}")
        )
    if body.get("errcode") in _FINE:
        return None if reply.is_success else RemoteError("", reply.reason_phrase)
    code = str(body["errcode"])
    field = "users" if code in _PEOPLE else ""
    return RemoteError(code, str(body.get("errmsg") or "refused"), field=field)


def token_refused(reply: httpx2.Response, body: Any) -> bool:
    """Tell whether another token may help."""
    said = error(reply, body)
    return said is not None and said.code in TOKEN_CODES
