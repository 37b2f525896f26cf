"""How Feishu is spoken to: login, the token's place, the tenant's name, its instants, people's ids."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import CALL, call, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.site import Site

API_URL = "https://open.feishu.cn"
LARK_URL = "https://open.larksuite.com"
TOKEN = "/open-apis/auth/v3/tenant_access_token/internal"
TENANT = "/open-apis/tenant/v2/tenant/query"
ID_TYPES = ("open_id", "user_id")


def api_url(site: Site) -> str:
    """Return the address of the API; a host in the connection stands for it too."""
    return str(site.settings.get("api_url") or site.base_url or API_URL).rstrip("/")


def anonymous(site: Site) -> Site:
    """Return the site for calls that carry no token of the application."""
    return site.anonymous(api_url(site))


def login(site: Site) -> Exchange[Token]:
    """Ask for the tenant's token (app id = login, app secret = password); it lives two hours at most.

    A token that lives for less than 30 minutes is answered with a second one; both are good.
    """
    site = anonymous(site)
    body = {"app_id": site.username, "app_secret": site.password}
    remedy = "Check app id (login) and app secret (password) of the connection."
    try:
        answer = yield from call(site, site.request("POST", TOKEN, json=body))
    except exc.Rejected as error:
        raise error.told_as(exc.Authentication, error.message, remedy=remedy) from error
    token = dig(answer, "tenant_access_token")
    if not token:
        raise exc.Authentication("the login brought no token.", system=site.conn_id, remedy=remedy)
    return Token(str(token), float(dig(answer, "expire") or 7200))


def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    """Return the request with the token in its header."""
    return request if token is None else with_headers(request, {"Authorization": f"Bearer {token}"})


def api(
    site: Site, method: str, path: str, *, writes: bool = False, kind: str = "", **more: Any
) -> Exchange[Any]:
    """Call the API and return ``data`` of the JSON body, an empty object where there is none.

    :param kind: of the call, where such calls have a limit of their own.
    :raises UnknownOutcome: a write may have landed.
    """
    site = replace(site, base_url=api_url(site))
    request = site.request(method, path, **more)
    if kind:
        request.extensions = {**request.extensions, CALL: kind}
    answer = yield from call(site, request, writes=writes)
    return dig(answer, "data") or {}


def instance(site: Site) -> Exchange[str]:
    """Return the tenant's key, which Feishu tells and every event carries.

    :raises Misconfigured: the connection's ``tenant_key`` is another one.
    """
    data = yield from api(site, "GET", TENANT)
    key = str(dig(data, "tenant.tenant_key") or "")
    wanted = str(site.setting("tenant_key", "")).strip()
    if not key:
        raise exc.TransientError("Feishu does not name the tenant.", system=site.conn_id)
    if wanted and wanted != key:
        raise exc.Misconfigured(
            f"the application belongs to the tenant {key}, not to {wanted}.",
            system=site.conn_id,
            field="tenant_key",
            remedy="Compare tenant_key, app id (login) and app secret (password) with the developer console.",
        )
    return key


def id_type(site: Site) -> str:
    """Return which of Feishu's ids of people the connection uses.

    :raises Misconfigured: an instance cannot be started under such ids.
    """
    found = str(site.setting("user_id_type", ID_TYPES[0]))
    if found not in ID_TYPES:
        raise exc.Misconfigured(
            f"{found!r} is no kind of user id that approvals take.",
            system=site.conn_id,
            field="user_id_type",
            remedy=f"Use one of: {', '.join(ID_TYPES)}.",
        )
    return found


def person(item: Mapping[str, Any], kind: str) -> str:
    """Return the person of a task, a comment or a move; empty where Feishu did it itself."""
    return str(item.get(kind) or "")


def moment(milliseconds: Any) -> datetime | None:
    """Read an instant, given as text or number; ``0`` is none."""
    text = str(milliseconds or "")
    return datetime.fromtimestamp(int(text) / 1000, UTC) if text.isdigit() and int(text) else None
