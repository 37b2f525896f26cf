"""
What Kingdee says when it says no.

Its own refusals are an HTTP 200 with ``ResponseStatus``: ``IsSuccess`` false, ``Errors`` with the place in
the batch (``DIndex``) and one ``MsgCode`` for the whole answer. A query that fails wraps the same in the
two lists of a query that succeeds. Some failures are plain text that begins with ``response_error:``, and
IIS in front of it answers HTML. Only codes are read, never texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.core.site import Site

PLAIN = "response_error"
SESSION_LOST = "1"
WAIT_SECONDS = 60.0
EDIT_SECONDS = 30.0

ERRORS = (
    ErrorRule(
        raises=exc.Authentication,
        code=(SESSION_LOST,),
        remedy="Compare data centre, user, application id and secret with Kingdee's third-party login page.",
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("2", "15"),
        remedy="Grant the connection's user this right in Kingdee, or enter it in the application's list.",
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("3", "5", "8"),
        remedy="Compare the form and its fields with the tenant's, and correct the setting 'forms'.",
    ),
    ErrorRule(
        raises=exc.TransientError,
        code=("4", "6", PLAIN),
        unsure=True,
        remedy="Look into the log of the Kingdee server.",
    ),
    ErrorRule(raises=exc.Authentication, code=("7",), remedy="Renew or extend the Kingdee licence."),
    ErrorRule(raises=exc.NotFound, code=("10",), remedy="Look whether it was deleted in Kingdee."),
    ErrorRule(
        raises=exc.Rejected,
        code=("9", "11", "12"),
        remedy="Correct what the message names, in the source document or in Kingdee.",
    ),
    ErrorRule(
        raises=exc.Conflict,
        code=("13",),
        retry_after=EDIT_SECONDS,
        remedy="Nothing, or close the document where somebody edits it.",
    ),
    ErrorRule(
        raises=exc.RateLimited,
        code=("14",),
        retry_after=WAIT_SECONDS,
        remedy="Lower calls_per_minute of the connection to what the licence allows.",
    ),
    ErrorRule(
        raises=exc.Rejected,
        status=(200,),
        remedy="Correct what the message names, in the source document or in Kingdee.",
    ),
)
_WHOLE = frozenset({"1", "2", "3", "4", "5", "6", "7", "8", "13", "14", "15"})
"""Codes that speak of the call and not of one document in it."""


def status_of(body: Any) -> Mapping[str, Any] | None:
    """Return the ``ResponseStatus`` of an answer; None where it has none, as a query that succeeded."""
    for path in ("Result.ResponseStatus", "0.0.Result.ResponseStatus", "ResponseStatus"):
        found = dig(body, path)
        if isinstance(found, Mapping):
            return found
    return None


def code_of(status: Mapping[str, Any]) -> str:
    """Return the code of a failure: ``MsgCode`` where it says something, else ``ErrorCode``."""
    return next((str(status[name]) for name in ("MsgCode", "ErrorCode") if status.get(name)), "0")


def read_error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    """Read what went wrong with a call as a whole; what one document of a batch was refused for is not it."""
    if not reply.is_success:
        return RemoteError("", reply.reason_phrase or f"HTTP {reply.status_code}")
    if isinstance(body, str) and body.lstrip().startswith(f"{PLAIN}:"):
        return RemoteError(PLAIN, body.partition(":")[2].strip() or "an error without a text")
    status = status_of(body)
    if status is None or status.get("IsSuccess") or status.get("SuccessEntitys"):
        return None
    code, told = code_of(status), status.get("Errors") or ()
    if told and code not in _WHOLE:
        return None
    return _first(code, told)


def token_refused(reply: httpx2.Response, body: Any) -> bool:
    """Tell whether the session is lost: Kingdee says it in the body of a 200, a gateway by its status."""
    if reply.status_code == 401:
        return True
    status = status_of(body)
    return status is not None and not status.get("IsSuccess") and str(status.get("MsgCode")) == SESSION_LOST


def _first(code: str, told: Any) -> RemoteError:
    entry = told[0] if told else {}
    text = str(dig(entry, "Message") or "the call failed without a reason")
    return RemoteError(code, text, field=str(dig(entry, "FieldName") or ""))


def refusal(site: Site, status: Mapping[str, Any], told: Any, document: str) -> exc.DocflowError:
    """Return the error of one document of an answer.

    :param told: the entries of ``Errors`` that belong to it.
    """
    said = _first(code_of(status), told)
    rule = next((rule for rule in ERRORS if not rule.code or said.code in rule.code), ERRORS[-1])
    kind = exc.UnknownOutcome if rule.unsure else rule.raises
    return kind(
        redact_text(site.conceal(said.message))[:500],
        system=site.conn_id,
        code=said.code,
        http_status=200,
        document=document,
        field=said.field,
        remedy=rule.remedy,
        retry_after=rule.retry_after,
    )


def failed(site: Site, body: Any, document: str) -> exc.DocflowError | None:
    """Return the error of an answer about one document; None if it succeeded."""
    status = status_of(body)
    if status is None:
        return exc.UnknownOutcome(
            "the answer says neither success nor failure.",
            system=site.conn_id,
            document=document,
            remedy="Look at what stands between docflow and Kingdee.",
        )
    return None if status.get("IsSuccess") else refusal(site, status, status.get("Errors") or (), document)
