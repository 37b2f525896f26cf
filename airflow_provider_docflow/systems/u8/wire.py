"""
How U8's OpenAPI is spoken to: the token, the accounts on every call, the answer of a voucher that is made
later.

Every call names caller, provider and application in its query; token and secret are put into the request
target alone, never into a URL that a log line or an error could show. ``errcode`` "0" is good. The pages
that are known list no codes for a stale token or a missing voucher; both are settings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call, dig
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.requests import with_hidden_query
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.u8.settings import API_URL

_MARGIN, _LIVES = 300.0, 7200.0

ERRORS = (
    ErrorRule(raises=exc.TransientError, code=("-1",), unsure=True),
    ErrorRule(
        raises=exc.Misconfigured,
        code=("30021",),
        remedy="Have the application released for this account in U8's open platform.",
    ),
)


def base_url(site: Site) -> str:
    """Return the address of the API."""
    return (site.base_url or API_URL).rstrip("/")


def anonymous(site: Site) -> Site:
    """Return the site for calls that carry no token."""
    return site.anonymous(base_url(site))


def error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    """Return what a reply says went wrong; an answer that names where its result will be says nothing yet."""
    if not isinstance(body, dict):
        said = reply.reason_phrase or f"HTTP {reply.status_code}"
        return None if reply.is_success else RemoteError("", said)
    code = str(body.get("errcode", ""))
    if reply.is_success and (code == "0" or (code == "" and body.get("url"))):
        return None
    return RemoteError(code, str(body.get("errmsg") or reply.reason_phrase or "refused"))


def token_refused(codes: tuple[str, ...]) -> Callable[[httpx2.Response, Any], bool]:
    """Return the test whether another token may help: by code, or by a refusal that speaks of tokens.

    No page lists the codes. What is refused was not done, so a mistaken second try costs a login and no more.
    """

    def refused(reply: httpx2.Response, body: Any) -> bool:
        if reply.status_code == 401 or not isinstance(body, dict):
            return reply.status_code == 401
        code = str(body.get("errcode", "0"))
        return code in codes or (code != "0" and "token" in str(body.get("errmsg")).lower())

    return refused


def login(site: Site) -> Exchange[Token]:
    """Ask for the application's token (app key = login, app secret = password); it lives two hours."""
    asked = anonymous(site)
    params = {"from_account": str(site.required("from_account")), "app_key": site.username}
    request = asked.request("GET", "/system/token", params=params)
    try:
        answer = yield from call(asked, with_hidden_query(request, {"app_secret": site.password}))
    except (exc.Rejected, exc.NotFound) as refused:
        raise refused.told_as(
            exc.Authentication,
            f"the login was refused: {refused.message}",
            remedy="Check from_account, app key (login) and app secret (password) of the connection.",
        ) from refused
    token = dig(answer, "token.id")
    if not token:
        raise exc.Authentication("the login brought no token.", system=site.conn_id)
    lives = float(dig(answer, "token.expiresIn") or _LIVES)
    return Token(str(token), max(lives - _MARGIN, lives / 2))


def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    """Return the request with its token in the target's query."""
    return request if token is None else with_hidden_query(request, {"token": token})


def api(
    site: Site,
    method: str,
    path: str,
    *,
    params: Mapping[str, str] | None = None,
    body: Any = None,
    writes: bool = False,
) -> Exchange[Any]:
    """Call U8 and return the JSON body.

    :raises UnknownOutcome: a write may have landed.
    """
    here = replace(site, base_url=base_url(site))
    named = {
        "from_account": str(site.required("from_account")),
        "to_account": str(site.required("to_account")),
        "app_key": site.username,
    }
    if source := site.setting("ds_sequence"):
        named["ds_sequence"] = str(source)
    request = here.request(method, path, json=body, params={**named, **(params or {})})
    return (yield from call(here, request, writes=writes))


def trade_id(site: Site) -> Exchange[str]:
    """Return a trade id, under which one write runs.

    :raises TransientError: U8 gives none.
    """
    answer = yield from api(site, "GET", "/system/tradeid")
    found = dig(answer, "trade.id")
    if not found:
        raise exc.TransientError("U8 gives no trade id.", system=site.conn_id)
    return str(found)


def instance(site: Site) -> Exchange[str]:
    """Return provider and data source after U8 has answered the application for them.

    :raises Misconfigured: there is no to_account.
    :raises DocflowError: U8 does not let the application read there.
    """
    provider = str(site.required("to_account")).strip()
    params = {"page_index": "1", "rows_per_page": "1"}
    yield from api(site, "GET", "/api/purchaseorderlist/batch_get", params=params)
    return f"{provider}/{site.setting('ds_sequence') or 1}"
