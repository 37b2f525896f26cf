"""
How Cosmic is spoken to: the token, where it travels, and what replies say.

Every reply is ``{data, errorCode, message, status}`` under HTTP 200; success is ``status`` true with
``errorCode`` "0". A write's ``data.result`` has one entry per document and is judged entry by entry, because
``status`` says nothing of them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, call, dig, fetch
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange, TokenWanted
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.site import Site

TOKEN_HEADER = "accesstoken"
"""Without an underscore: some gateways drop headers that have one."""

IDENTITY_HEADER = "x-acgw-identity"

ERRORS = (
    ErrorRule(
        raises=exc.Authentication,
        code=("401",),
        remedy="Check client_id (login), client_secret (password), the data centre (schema) and the user.",
    ),
    ErrorRule(
        raises=exc.Authentication,
        code=("403",),
        remedy="Permit the third-party application to call this API, in the OpenAPI's back office.",
    ),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("404",),
        remedy="Compare app, entity and operations of the connection's forms with the published APIs.",
    ),
    ErrorRule(raises=exc.RateLimited, code=("429",), retry_after=60.0),
    ErrorRule(raises=exc.TransientError, code=tuple(map(str, range(500, 600))), unsure=True),
)


def anonymous(site: Site) -> Site:
    """Return the site for calls that carry no token."""
    return replace(site, profile=replace(site.profile, login=None, sign=_identified))


def login(site: Site) -> Exchange[Token]:
    """Ask for a token; one lives two hours, and no more than 30 may be asked for in a minute."""
    now = datetime.now(UTC).astimezone(site.time_zone)
    body = {
        "client_id": site.username,
        "client_secret": site.password,
        "username": str(site.required("user")),
        "accountId": account_id(site),
        "language": str(site.setting("language")),
        # Cosmic takes none twice.
        "nonce": secrets.token_hex(16),
        "timestamp": now.strftime("%Y-%m-%d %H:%M:%S"),
    }
    site = anonymous(site)
    try:
        answer = yield from call(site, site.request("POST", str(site.setting("login_path")), json=body))
    except exc.Rejected as error:
        raise error.told_as(
            exc.Authentication,
            f"the login was refused: {error.message}",
            remedy=ERRORS[0].remedy,
        ) from error
    token, lasts = dig(answer, "data.access_token"), dig(answer, "data.expires_in")
    if not isinstance(token, str) or not token:
        raise exc.Authentication("the login brought no token.", system=site.conn_id, remedy=ERRORS[0].remedy)
    return Token(token, _seconds(site, lasts))


def _seconds(site: Site, lasts: Any) -> float:
    try:
        given = float(lasts)
    except (TypeError, ValueError):
        return 3600.0
    return given if site.setting("expires_in_unit") == "s" else given / 1000


def account_id(site: Site) -> str:
    """Return the id of the data centre: the connection's schema.

    :raises Misconfigured: it is empty.
    """
    if not site.database.strip():
        raise exc.Misconfigured(
            f"connection {site.conn_id} names no data centre.",
            system=site.profile.name,
            field="schema",
            remedy="Fill in the accountId of the data centre as the connection's schema.",
        )
    return site.database.strip()


def instance(site: Site) -> Exchange[str]:
    """Return the data centre's id after Cosmic has given a token for it.

    Cosmic keeps applications data centre by data centre and refuses a token where the pair is wrong.
    """
    name = account_id(site)
    yield TokenWanted()
    return name


def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    """Return the request with the token, and the gateway's identity where the tenant has one."""
    signed = _identified(request, token, site)
    return with_headers(signed, {TOKEN_HEADER: token}) if token else signed


def _identified(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    identity = str(site.setting("identity_token") or "")
    return with_headers(request, {IDENTITY_HEADER: identity}) if identity else request


def results(body: Any) -> list[Mapping[str, Any]] | None:
    """Return the entries of a write's reply; None where it has none."""
    found = dig(body, "data.result")
    if not isinstance(found, list) or not found or not all(isinstance(one, Mapping) for one in found):
        return None
    return found


def error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    """Return what a reply says went wrong as a whole; None if nothing did."""
    if not isinstance(body, Mapping):
        said = reply.reason_phrase or f"HTTP {reply.status_code}"
        return None if reply.is_success else RemoteError("", said)
    if reply.is_success and results(body) is not None:
        return None
    code = str(body.get("errorCode") or "")
    if reply.is_success and body.get("status") is True and code in ("", "0"):
        return None
    said = str(body.get("message") or reply.reason_phrase or "refused")
    return RemoteError(code if code != "0" else "status=false", said)


def token_refused(reply: httpx2.Response, body: Any) -> bool:
    """Tell whether another token may help."""
    return reply.status_code == 401 or str(dig(body, "errorCode")) == "401"


def api(site: Site, path: str, body: Any, *, writes: bool = False) -> Exchange[Answer]:
    """Call an operation.

    :raises UnknownOutcome: a write may have landed.
    """
    root = str(site.setting("api_path")).rstrip("/")
    return (yield from fetch(site, site.request("POST", f"{root}/{path}", json=body), writes=writes))
