"""
How the open platform is spoken to: the tenant's data centre, the signed login, the token's place.

Every tenant lives in a data centre of its own. The login looks it up, asks there for a token, and keeps both
together, so that a request finds its gateway with its token; the paths of requests are the gateway's. Tokens
and signatures are put into the request target alone, never into a URL that a log line or an error could show.
Pages: "获取租户所在数据中心域名", "获取access_token".
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, call, dig, fetch
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.requests import with_hidden_query
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.yonyou_crypto import login_signature

LOOKUP_URL = "https://apigateway.yonyoucloud.com"
LOOKUP = "/open-auth/dataCenter/getGatewayAddress"
LOGIN_PATH = "/open-auth/selfAppAuth/base/v1/getAccessToken"
_LIVES = 7200.0


def _lookup_url(site: Site) -> str:
    return (site.base_url or LOOKUP_URL).rstrip("/")


def data_centre(site: Site) -> Exchange[tuple[str, str]]:
    """Return the addresses of the tenant's gateway and of its login.

    :raises Misconfigured: the platform knows no such tenant, or sends to an address in the clear.
    """
    asked = site.anonymous(_lookup_url(site))
    tenant = str(site.required("tenant_id")).strip()
    request = asked.request("GET", LOOKUP, params={"tenantId": tenant})
    try:
        answer = yield from call(asked, request)
    except (exc.Rejected, exc.NotFound) as error:
        raise error.told_as(
            exc.Misconfigured,
            f"the platform knows no data centre of tenant {tenant}: {error.message}",
            field="tenant_id",
            remedy="Compare tenant_id with the tenant's page in the open platform.",
        ) from error
    gateway, login = str(dig(answer, "data.gatewayUrl") or ""), str(dig(answer, "data.tokenUrl") or "")
    safe = ("https://",) if asked.base_url.startswith("https://") else ("https://", "http://")
    if not (gateway.startswith(safe) and login.startswith(safe)):
        raise exc.Misconfigured(
            f"the data centre of tenant {tenant} has no address that can be trusted.",
            system=site.conn_id,
            field="tenant_id",
            remedy="Compare tenant_id and host of the connection with the open platform.",
        )
    return gateway.rstrip("/"), login.rstrip("/")


def login(site: Site) -> Exchange[Token]:
    """Ask for the application's token (app key = login, app secret = password); it lives two hours."""
    gateway, address = yield from data_centre(site)
    asked = site.anonymous(address)
    params = {"appKey": site.username, "timestamp": str(int(time.time() * 1000))}
    signature = login_signature(params, site.password)
    request = asked.request("GET", str(site.setting("login_path", LOGIN_PATH)))
    try:
        answer = yield from call(asked, with_hidden_query(request, {**params, "signature": signature}))
    except exc.Rejected as error:
        raise error.told_as(
            exc.Authentication,
            f"the login was refused: {error.message}",
            remedy="Check app key (login) and app secret (password) of the connection.",
        ) from error
    token = dig(answer, "data.access_token")
    if not token:
        raise exc.Authentication("the login brought no token.", system=site.conn_id)
    value = json.dumps({"gateway": gateway, "token": str(token)})
    return Token(value, float(dig(answer, "data.expire") or _LIVES))


def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    """Return the request as it goes to the tenant's gateway, its token in the target's query."""
    if token is None:
        return request
    kept = json.loads(token)
    gateway = httpx2.URL(kept["gateway"])
    path = gateway.path.rstrip("/").encode() + request.url.raw_path
    moved = httpx2.Request(
        request.method,
        gateway.copy_with(raw_path=path),
        headers={name: value for name, value in request.headers.items() if name.lower() != "host"},
        content=request.content or None,
        extensions=request.extensions,
    )
    return with_hidden_query(moved, {"access_token": kept["token"]})


def api(
    site: Site,
    method: str,
    path: str,
    *,
    writes: bool = False,
    body: Any = None,
    params: Mapping[str, str] | None = None,
) -> Exchange[Any]:
    """Call the tenant's gateway and return the JSON body.

    :raises UnknownOutcome: a write may have landed.
    """
    answer = yield from ask(site, method, path, writes=writes, body=body, params=params)
    return answer.body


def ask(
    site: Site,
    method: str,
    path: str,
    *,
    writes: bool = False,
    body: Any = None,
    params: Mapping[str, str] | None = None,
) -> Exchange[Answer]:
    """Do what :func:`api` does and return the headers too."""
    # The token brings the gateway's address; until then the look-up's host holds its place.
    here = replace(site, base_url=str(httpx2.URL(_lookup_url(site)).copy_with(path="/")))
    request = here.request(method, path, json=body, params=params)
    return (yield from fetch(here, request, writes=writes))


def instance(site: Site) -> Exchange[str]:
    """Return the tenant's id after the platform has found its data centre and let the application in there.

    No call tells whose an application is. The id is therefore a setting (``tenant_id``); two tenants of one
    data centre cannot be told apart by it, but deliveries of events carry the id too.

    :raises Misconfigured: there is no tenant_id, or the platform does not know it.
    :raises Authentication: the application is not one of that data centre.
    """
    tenant = str(site.required("tenant_id")).strip()
    yield from login(site)
    return tenant
