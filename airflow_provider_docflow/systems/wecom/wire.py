"""
How WeCom is spoken to: login, the token's place, the corporation's name, its instants.

Every call is answered HTTP 200 with ``errcode``. WeCom wants tokens, secrets and a robot's key in the query;
they are put into the request target alone, so that neither a log line nor an error can show them.
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
from airflow_provider_docflow.core.requests import with_hidden_query
from airflow_provider_docflow.core.site import Site

API_URL = "https://qyapi.weixin.qq.com"


def api_url(site: Site) -> str:
    """Return the address of the API; a host in the connection stands for it too."""
    return str(site.settings.get("api_url") or site.base_url or API_URL).rstrip("/")


def anonymous(site: Site) -> Site:
    """Return the site for calls that carry no login token."""
    return site.anonymous(api_url(site))


def corp_id(site: Site) -> str:
    """Return the corporation's id, which is the connection's login.

    :raises Misconfigured: there is none, or it is no id.
    """
    found = site.username
    if not found or found != found.strip():
        raise exc.Misconfigured(
            f"connection {site.conn_id} names no corporation.",
            system=site.conn_id,
            field="login",
            remedy="Fill in the corp id (login), as WeCom's back office shows it under My Company.",
        )
    return found


def login(site: Site) -> Exchange[Token]:
    """Ask for the token of the application (corp id = login, its secret = password); it lives two hours."""
    site = anonymous(site)
    secrets = {"corpid": corp_id(site), "corpsecret": site.password}
    answer = yield from call(site, with_hidden_query(site.request("GET", "/cgi-bin/gettoken"), secrets))
    token = dig(answer, "access_token")
    if not token:
        raise exc.Authentication(
            "the login brought no token.",
            system=site.conn_id,
            remedy="Check corp id (login) and the application's secret (password) of the connection.",
        )
    return Token(str(token), float(dig(answer, "expires_in") or 7200))


def instance(site: Site) -> Exchange[str]:
    """Return the corporation's id after WeCom has given the application a token for it.

    A token is given for one pair of corporation and secret, so a wrong corporation has none. Events carry the
    id too; they are compared again when they are opened.

    :raises Misconfigured: there is no corp id.
    :raises Authentication: WeCom refuses the pair.
    """
    yield from login(site)
    return corp_id(site)


def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    """Return the request with the token in the query of its target."""
    return request if token is None else with_hidden_query(request, {"access_token": token})


def api(site: Site, path: str, body: Any, *, writes: bool = False) -> Exchange[Any]:
    """Call the API and return the JSON body.

    :param path: below ``/cgi-bin/``.
    :raises UnknownOutcome: a write may have landed.
    """
    site = replace(site, base_url=api_url(site))
    return (yield from call(site, site.request("POST", f"/cgi-bin/{path}", json=body), writes=writes))


def seconds(instant: datetime) -> int:
    """Return an instant as WeCom's filters want it."""
    return int(instant.timestamp())


def moment(value: Any) -> datetime | None:
    """Read seconds since the epoch, a number or text of one; None where there is none (WeCom writes 0)."""
    text = str(value if value is not None else "")
    try:
        return (
            datetime.fromtimestamp(int(text), UTC)
            if text.isascii() and text.isdigit() and int(text)
            else None
        )
    except (OverflowError, ValueError, OSError):
        return None
