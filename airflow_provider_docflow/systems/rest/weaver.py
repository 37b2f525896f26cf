"""
Weaver e-cology 9 (泛微): a request of a workflow is read with its tables, its node and its opinions, and a
note is left on it. Experimental: after a public copy of the vendor's workflow services (``paService``) and
other people's clients; never run against the product.

*Login*: ``POST /api/ec/dev/auth/applytoken`` with the headers ``appid`` (the connection's login) and
``secret`` (its password, which the registration gave, encrypted with the server's public key ``spk``, RSA
PKCS#1 v1.5). Calls carry ``appid``, ``token`` and ``userid``, the latter encrypted likewise.

*State*: the type of the node (0 creating, 1 approving, 2 submitting, 3 archived). An archived request may
have been approved, refused or archived by force: only the tenant knows which exit means what, so
``archived`` maps the request's ``status`` to approved or rejected, and without it the approval is
``unknown``.

*Note*: ``saveRequestLog``, which moves nothing. The user must be one who has the request before him.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call, dig
from airflow_provider_docflow.core.conn_fields import text
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import ApprovalEntry, Token
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.rest import Scheme, rest_profile
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.rest.rsa import encrypted
from airflow_provider_docflow.systems.rest.templated import (
    TOLD,
    Form,
    Product,
    experimental,
    instance,
    meanings,
)

_SERVICE = "/api/workflow/paService"
DEFAULTS: Mapping[str, Any] = {
    "read": {"method": "GET", "path": f"{_SERVICE}/getWorkflowRequest", "params": {"requestId": "{id}"}},
    "state": {"method": "GET", "path": f"{_SERVICE}/getRequestStatus", "params": {"requestId": "{id}"}},
    "write_back": {
        "path": f"{_SERVICE}/saveRequestLog",
        "body": {"requestId": "{id}", "remark": "{text}"},
        "form": True,
    },
}
DECISIONS = {"批准": "approved", "退回": "returned"}
_LEGAL = frozenset({"approved", "rejected", "returned", "withdrawn", "revoked", "transferred", "commented"})


def _login(site: Site) -> Exchange[Token]:
    key, seconds = str(site.required("spk")), int(site.setting("login_seconds"))
    headers = {
        "appid": site.username,
        "secret": encrypted(key, site.password, padding="pkcs1"),
        "time": str(seconds),
    }
    bare = site.anonymous()
    remedy = "Check appid (login), the registered secret (password) and spk of the connection."
    try:
        body = yield from call(bare, bare.request("POST", str(site.setting("login_path")), headers=headers))
    except exc.Rejected as error:
        text = f"the login was refused: {error.message}"
        raise error.told_as(exc.Authentication, text, remedy=remedy) from error
    token = dig(body, "token")
    if not token:
        raise exc.Authentication("the login brought no token.", system=site.conn_id, remedy=remedy)
    # Encryption differs each time; done here, signing stays the same for the same request.
    user = encrypted(key, str(site.required("user_id")), padding="pkcs1")
    return Token(json.dumps([str(token), user]), float(seconds))


def _sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    value, user = json.loads(token) if token else ("", "")
    return with_headers(request, {"appid": site.username, "token": value, "userid": user})


def _refused(reply: httpx2.Response, body: Any) -> bool:
    # The workflow services answer with a code; status=false alone is what stands before them.
    return reply.status_code == 401 or (dig(body, "status") is False and dig(body, "code") is None)


def _error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    if not isinstance(body, Mapping):
        said = reply.reason_phrase or f"HTTP {reply.status_code}"
        return None if reply.is_success else RemoteError("", said)
    code = body.get("code")
    told = (
        str(dig(code, "name") or "") if isinstance(code, Mapping) else str(code if code is not None else "")
    )
    if reply.is_success and (told in ("SUCCESS", "0") or (not told and body.get("status") is not False)):
        return None
    said = body.get("errMsg") or body.get("msg") or reply.reason_phrase
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    return RemoteError(told or "status=false", text)


ERRORS = (
    ErrorRule(raises=exc.Authentication, code=("USER_EXCEPTION", "status=false")),
    ErrorRule(
        raises=exc.Rejected,
        code=("NO_PERMISSION",),
        remedy="Let a user act who may see the request, and has it before him where a note is left.",
    ),
    ErrorRule(raises=exc.TransientError, code=("SYSTEM_INNER_ERROR",), unsure=True),
)


def _flatten(form: Form, ref: DocumentRef, body: Any) -> dict[str, Any] | None:
    data = dig(body, "data")
    if not isinstance(data, Mapping) or not data.get("requestId"):
        return None
    records = dig(data, "workflowMainTableInfo.requestRecords") or [{}]
    tables = data.get("workflowDetailTableInfos") or []
    rows: Mapping[str, Any] = next(
        (one for one in tables if one.get("tableDBName") == form.names["lines"]), {}
    )
    logs = data.get("workflowRequestLogs") or []
    cells = _values(records[0])
    return {
        "id": str(data["requestId"]),
        "number": str(cells.get(form.names["number"]) or data.get("requestName") or ""),
        "fields": cells,
        "exit": data.get("status"),
        "lines": [_values(row) for row in rows.get("workflowRequestTableRecords") or []],
        "node": data.get("currentNodeName"),
        "logs": logs,
        TOLD: [log.get("remark") for log in logs],
    }


def _values(record: Mapping[str, Any]) -> dict[str, Any]:
    cells = record.get("workflowRequestTableFields") or []
    return {str(cell.get("fieldName")): cell.get("fieldValue") for cell in cells}


def _words(settings: Mapping[str, Any]) -> Mapping[str, Words]:
    ended = meanings(settings, "archived", {})
    going = {"0": "none", "1": "pending", "2": "pending"}
    return {
        "lifecycle": Words(
            at="state", words={"0": "draft", "1": "submitted", "2": "submitted", "3": "closed"}
        ),
        "approval": Words(
            at=lambda raw: raw.get("exit") if str(raw.get("state")) == "3" else raw.get("state"),
            words={**ended, **going},
        ),
    }


def _history(site: Site, raw: Mapping[str, Any]) -> tuple[ApprovalEntry, ...]:
    known = meanings(site.settings, "decisions", DECISIONS)
    entries = []
    for log in raw.get("logs") or ():
        decision = known.get(str(log.get("operateType")))
        if decision in _LEGAL:
            entries.append(_entry(site, log, decision))
    return tuple(entries)


def _entry(site: Site, log: Mapping[str, Any], decision: Any) -> ApprovalEntry:
    try:
        told = datetime.fromisoformat(f"{log.get('operateDate')} {log.get('operateTime')}")
        at = told.replace(tzinfo=site.time_zone).astimezone(UTC)
    except ValueError:
        at = None
    return ApprovalEntry(
        approver=str(log.get("operatorId") or ""),
        decision=decision,
        decided_at=at,
        comment=str(log.get("remark") or ""),
    )


PRODUCT = Product(
    defaults=DEFAULTS,
    flatten=_flatten,
    words=_words,
    state=lambda body: dig(body, "data.currentNodeType"),
    history=_history,
)


_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "spk": text("spk", "The server's public key, as the registration (regist) gave it."),
    "user_id": text("User id", "Id, not login name, of the user as whom calls are made."),
    "login_path": text("Token path", "Behind the host.", default="/api/ec/dev/auth/applytoken"),
    "login_seconds": {
        "label": "Token lifetime",
        "description": "Seconds that a token is asked for (header time); not confirmed.",
        "schema": {"type": "integer", "default": 1800},
    },
    "forms": text(
        "Forms",
        "JSON: document type → fields, lines (detail table), line_fields, number; read, state, write_back.",
        format="multiline",
    ),
    "archived": text(
        "Archived means", 'JSON: status of an archived request → approval, {"归档": "approved"}.'
    ),
    "decisions": text("Decisions", 'JSON: operateType of an opinion → decision, {"批准": "approved"}.'),
}
PROFILE = experimental(
    rest_profile(
        name="weaver",
        title="Weaver e-cology",
        docs_url="https://www.weaver.com.cn",
        checked_on=date(2026, 11, 22),
        documents={},
        instance=instance,
        login=Scheme(login=_login, sign=_sign, token_refused=_refused, conn_fields=_FIELDS),
        error=_error,
        errors=ERRORS,
    ),
    PRODUCT,
    login_by=("user_id",),
)

__all__ = ["PRODUCT", "PROFILE"]
