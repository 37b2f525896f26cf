"""
How DingTalk is spoken to: login, the token's place, the corporation's name, its instants.

A token never stands in a request's URL: where DingTalk wants it in the query (oapi.dingtalk.com), it is
put into the request target alone, so that neither a log line nor an error can show it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.requests import with_headers, with_hidden_query
from airflow_provider_docflow.core.site import Site

TOKEN_HEADER = "x-acs-dingtalk-access-token"
API_URL = "https://api.dingtalk.com"
OAPI_URL = "https://oapi.dingtalk.com"


def api_url(site: Site) -> str:
    """Return the address of the new API; a host in the connection stands for it too."""
    return str(site.settings.get("api_url") or site.base_url or API_URL).rstrip("/")


def oapi_url(site: Site) -> str:
    """Return the address of the old API, which robots and work notifications still use."""
    return str(site.setting("oapi_url", OAPI_URL)).rstrip("/")


def anonymous(site: Site) -> Site:
    """Return the site for calls that carry no login token."""
    return site.anonymous(api_url(site))


def login(site: Site) -> Exchange[Token]:
    """Ask for the token of the application (app key = login, app secret = password); it lives two hours."""
    site = anonymous(site)
    body = {"appKey": site.username, "appSecret": site.password}
    answer = yield from call(site, site.request("POST", "/v1.0/oauth2/accessToken", json=body))
    token = dig(answer, "accessToken")
    if not token:
        raise exc.Authentication(
            "the login brought no token.",
            system=site.conn_id,
            remedy="Check app key (login) and app secret (password) of the connection.",
        )
    return Token(str(token), float(dig(answer, "expireIn") or 7200))


def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    """Return the request with the token: a header, or the query of the request target at the old API."""
    if token is None:
        return request
    if str(request.url).startswith(f"{oapi_url(site)}/"):
        return with_hidden_query(request, {"access_token": token})
    return with_headers(request, {TOKEN_HEADER: token})


def api(site: Site, method: str, path: str, *, writes: bool = False, **more: Any) -> Exchange[Any]:
    """Call api.dingtalk.com and return the JSON body.

    :raises UnknownOutcome: a write may have landed.
    """
    site = replace(site, base_url=api_url(site))
    return (yield from call(site, site.request(method, path, **more), writes=writes))


def oapi(site: Site, path: str, body: Any, *, writes: bool = False) -> Exchange[Any]:
    """Call oapi.dingtalk.com and return the JSON body."""
    site = replace(site, base_url=oapi_url(site))
    return (yield from call(site, site.request("POST", path, json=body), writes=writes))


def instance(site: Site) -> Exchange[str]:
    """Return the corporation's id after DingTalk has given the application a token for it.

    No call of the approval API tells whose it is. The id is therefore a setting (``corp_id``), held against
    ``POST /v1.0/oauth2/{corpId}/token``, which names the corporation in its path and refuses one that the
    application is not installed in. Events carry the id too; whoever receives them compares again.

    :raises Misconfigured: there is no corp_id, or DingTalk refuses it.
    """
    corp_id = str(site.required("corp_id")).strip()
    asked = anonymous(site)
    body = {
        "client_id": site.username,
        "client_secret": site.password,
        "grant_type": "client_credentials",
    }
    request = asked.request("POST", "/v1.0/oauth2/{corp_id}/token", json=body, corp_id=corp_id)
    try:
        answer = yield from call(asked, request)
    except (exc.Rejected, exc.Authentication, exc.NotFound) as error:
        raise error.told_as(
            exc.Misconfigured,
            f"DingTalk gives this application no token for corporation {corp_id}: {error.message}",
            field="corp_id",
            remedy="Compare corp_id, app key (login) and app secret (password) with the developer console.",
        ) from error
    if not dig(answer, "access_token"):
        raise exc.Misconfigured(
            f"DingTalk gives this application no token for corporation {corp_id}.",
            system=site.conn_id,
            field="corp_id",
            remedy="Compare corp_id with the developer console.",
        )
    return corp_id


def moment(text: Any) -> datetime | None:
    """Read ``yyyy-MM-ddTHH:mmZ``; None where there is none, or where it is something else."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None
