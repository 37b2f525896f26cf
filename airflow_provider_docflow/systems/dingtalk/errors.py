"""
What DingTalk says when it says no.

api.dingtalk.com answers HTTP 4xx or 5xx with ``{code, message, requestid}``; oapi.dingtalk.com answers HTTP
200 with ``{errcode, errmsg}`` (88: the code stands in ``sub_code``); an address that called too often is
answered ``{"status": 1111, "punish": "deny"}``, as JSON or inside a page. Only codes are read, never texts.
Pages: "Global error codes", "Call frequency limits", "create-an-approval-instance".
"""

from __future__ import annotations

import re
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError

ADDRESS_BANNED = "1111"
BAN_SECONDS = 300.0
ROBOT_TOO_FAST = "130101"
_BANNED = re.compile(r"""["']?\bstatus\b["']?\s*[:=]\s*["']?1111\b""")
_FINE = (None, "", 0, "0", "ok", "OK")

ERRORS = (
    ErrorRule(
        raises=exc.RateLimited,
        code=(ADDRESS_BANNED,),
        retry_after=BAN_SECONDS,
        remedy="Nothing: DingTalk shuts this address out for five minutes. Lower calls_per_second.",
    ),
    ErrorRule(
        raises=exc.RateLimited,
        code=(
            *("90002", "90006", "90014", "90018", "90019", ROBOT_TOO_FAST),
            *("autoflowLikeTriggerRateLimited", "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"),
            "todo.taskCreate.flowControlError",
        ),
    ),
    ErrorRule(
        raises=exc.QuotaExhausted,
        code=("90020", "90030", "Forbidden.AccessDenied.ApiCountLimitForOrg"),
        remedy="Wait for the next month, or buy calls in DingTalk's back office.",
    ),
    ErrorRule(
        raises=exc.TransientError,
        code=("-1", "systemError", "sysErrror", "internalError"),
        unsure=True,
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("InvalidAuthentication", "40014", "42001", "40089", "invalidClientIdOrSecret"),
        remedy="Check app key (login) and app secret (password) of the connection.",
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("needAuth", "Forbidden.AccessDenied.AccessTokenPermissionDenied"),
        remedy="Grant the application the permission in the developer console, or the person the right.",
    ),
    ErrorRule(
        raises=exc.Unsupported,
        code=("benefitStatusInvalid",),
        remedy="This call belongs to the paid edition of DingTalk's approvals.",
    ),
    ErrorRule(
        raises=exc.NotFound,
        code=("processInstanceNotExist", "aflowProcessInstNotExist", "processInstanceIdError"),
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=(
            "processCodeError",
            "processGetFailed",
            "invalidProcessCode",
            "aflowProcessCodeIsError",
            "formNotExist",
        ),
        remedy="Check process_code in the forms of the connection, and that the form is switched on.",
    ),
    ErrorRule(
        raises=exc.Rejected,
        code=("targetSelectApproverMissing", "targetSelectApproverScopeError"),
        remedy='The form lets its requester choose: arguments={"choices": {KEY: [user ids]}} on the task.',
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("invalidAgentId", "40056"),
        remedy="Check agent_id of the connection.",
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("300005",),
        remedy="Check robot_token of the connection: it is the access_token in the robot's webhook address.",
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("310000",),
        remedy=(
            "Compare with the robot's security settings: its keyword must stand in the text, robot_secret"
            " must be its secret, this machine's clock must be right, its address must be on its list."
        ),
    ),
)


def error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    """Return what a reply says went wrong, in any of the shapes; None if nothing did."""
    text = body if isinstance(body, str) else ""
    if _BANNED.search(text) or str(dig(body, "status")) == ADDRESS_BANNED:
        return RemoteError(ADDRESS_BANNED, "too many calls from this address.")
    if not isinstance(body, dict):
        said = reply.reason_phrase or f"HTTP {reply.status_code}"
        return None if reply.is_success else RemoteError("", said)
    request_id = str(
        body.get("requestid") or body.get("request_id") or reply.headers.get("x-acs-request-id", "")
    )
    if body.get("errcode") not in _FINE:
        code = str(body.get("sub_code") or body["errcode"])
        said = str(body.get("sub_msg") or body.get("errmsg") or reply.reason_phrase)
    elif body.get("code") not in _FINE or not reply.is_success or body.get("success") in (False, "false"):
        code = str(body.get("code") or "")
        said = str(body.get("message") or reply.reason_phrase or "refused")
    else:
        return None
    return RemoteError(code, said, request_id=request_id)


def token_refused(reply: httpx2.Response, body: Any) -> bool:
    """Tell whether another token may help."""
    said = error(reply, body)
    return reply.status_code == 401 or (
        said is not None and said.code in ("40014", "42001", "InvalidAuthentication")
    )
