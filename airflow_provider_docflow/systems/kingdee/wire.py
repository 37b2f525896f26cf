"""How Kingdee is spoken to: one POST per call, signed headers or a session, queries, its own name."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, dig, fetch
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.kingdee.errors import refusal, status_of
from airflow_provider_docflow.systems.kingdee.signing import Caller, login_sign, signed_headers

SERVICES = "Kingdee.BOS.WebApi.ServicesStub"
SESSION = "kdservice-sessionid"
_SESSION_SECONDS = 8 * 3600.0
"""A session slides by 20 minutes with every call; that it is over, Kingdee says itself."""

_USABLE = (1, -5)
_KEPT_COOKIES = (SESSION, "ASP.NET_SessionId")
Row = list[Any]


def path_of(method: str, service: str = "DynamicFormService") -> str:
    """Return the path of a call, below the server's ``/k3cloud``."""
    return f"{SERVICES}.{service}.{method}.common.kdsvc"


def is_signed(settings: Mapping[str, Any]) -> bool:
    """Tell whether requests are signed one by one; otherwise there is a login."""
    chosen = settings.get("auth")
    if chosen:
        return str(chosen) == "signed"
    return bool(settings.get("app_id") and settings.get("app_secret"))


def caller_of(site: Site) -> Caller:
    """Return as whom the connection acts."""
    return Caller(
        account=str(site.required("acct_id")).strip(),
        user=site.username,
        app_id=str(site.required("app_id")),
        app_secret=str(site.required("app_secret")),
        language=str(site.setting("lcid", 2052)),
        organisation=str(site.setting("org_num", "0")),
    )


def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    """Return the request with the session's cookie, or signed by itself, or both."""
    headers: dict[str, str] = {}
    if is_signed(site.settings):
        now = str(int(time.time()))
        headers |= signed_headers(caller_of(site), request.url.path, now, now)
    if token is not None:
        headers["Cookie"] = token
    return with_headers(request, headers)


def login(site: Site) -> Exchange[Token]:
    """Log in as the setting ``auth`` says; Kingdee answers a wrong password with HTTP 200.

    :raises Authentication: it lets nobody in, or into another data centre.
    """
    method, parameters = _credentials(site)
    unsigned = site.anonymous()
    request = unsigned.request("POST", path_of(method, "AuthService"), json={"parameters": parameters})
    answer = yield from fetch(unsigned, request)
    kind = dig(answer.body, "LoginResultType")
    session = dig(answer.body, "KDSVCSessionId") or dig(answer.body, "Context.SessionId")
    if kind not in _USABLE or not session:
        raise exc.Authentication(
            site.conceal(str(dig(answer.body, "Message") or "the login brought no session."))[:500],
            system=site.conn_id,
            code=str(dig(answer.body, "MessageCode") or kind),
            http_status=answer.status,
            remedy="Check data centre, login, password and the application's list of users.",
        )
    where = dig(answer.body, "Context.DBid")
    if where and str(where) != str(site.required("acct_id")).strip():
        raise exc.Authentication(
            f"the login leads into the data centre {where}.",
            system=site.conn_id,
            field="acct_id",
            remedy="Enter the id of the data centre that is meant.",
        )
    cookies = {**_cookies(answer), SESSION: str(session)}
    return Token(_cookie_header(cookies), good_for_seconds=_SESSION_SECONDS)


def open_session(site: Site) -> Exchange[Token]:
    """Let a signed call begin a session, which the following ones go on with, as the vendor's client does.

    :raises Authentication: the server begins none.
    """
    unkept = replace(site, profile=replace(site.profile, login=None))
    data = {"FormId": _probe_form(site), "FieldKeys": "FNumber", "FilterString": "", "Limit": 1}
    answer = yield from ask(unkept, "ExecuteBillQuery", {"data": data})
    cookies = _cookies(answer)
    if SESSION not in cookies:
        raise exc.Authentication(
            "the server begins no session for a signed call.",
            system=site.conn_id,
            http_status=answer.status,
            field="keep_session",
            remedy="Switch keep_session off.",
        )
    return Token(_cookie_header(cookies), good_for_seconds=_SESSION_SECONDS)


def _cookie_header(cookies: Mapping[str, str]) -> str:
    return "; ".join(f"{name}={cookies[name]}" for name in _KEPT_COOKIES if name in cookies)


def _probe_form(site: Site) -> str:
    return str(site.setting("probe_form", "BD_Currency"))


def _credentials(site: Site) -> tuple[str, list[Any]]:
    account, lcid = str(site.required("acct_id")).strip(), int(site.setting("lcid", 2052))
    if site.setting("auth", "password") == "password":
        return "ValidateUser", [account, site.username, site.password, lcid]
    caller = caller_of(site)
    if site.setting("auth") == "app_secret":
        return "LoginByAppSecret", [account, caller.user, caller.app_id, caller.app_secret, lcid]
    now = str(int(time.time()))
    sign = login_sign(account, caller.user, caller.app_id, caller.app_secret, now)
    return "LoginBySign", [account, caller.user, caller.app_id, now, sign, lcid]


def _cookies(answer: Answer) -> dict[str, str]:
    """Return the cookies that carry a session; several headers arrive as one, joined by commas."""
    found: dict[str, str] = {}
    for part in answer.headers.get("Set-Cookie", "").replace(",", ";").split(";"):
        name, _, value = part.strip().partition("=")
        if name in _KEPT_COOKIES and value:
            found[name] = value
    return found


def post(site: Site, method: str, body: Mapping[str, Any], *, writes: bool = False) -> Exchange[Any]:
    """Call a method of the document service and return the JSON body.

    :raises UnknownOutcome: a write may have landed.
    """
    return (yield from ask(site, method, body, writes=writes)).body


def ask(site: Site, method: str, body: Mapping[str, Any], *, writes: bool = False) -> Exchange[Answer]:
    """Do what :func:`post` does and return the headers too."""
    return (yield from fetch(site, site.request("POST", path_of(method), json=body), writes=writes))


def query(
    site: Site,
    form_id: str,
    keys: Sequence[str],
    where: str,
    *,
    order: str = "FID ASC",
    limit: int | None = None,
) -> Exchange[list[Row]]:
    """Return every row of a query, or the first ``limit``.

    Kingdee pages by rows after it has joined the entries and tells no total; the answer of a page is a bare
    list of lists, so that the names of its columns are those that were asked for.
    """
    page = int(site.setting("query_limit", 2000))
    rows: list[Row] = []
    while True:
        size = page if limit is None else min(page, limit - len(rows))
        data = {
            "FormId": form_id,
            "FieldKeys": ",".join(keys),
            "FilterString": where,
            "OrderString": order,
            "TopRowCount": 0,
            "StartRow": len(rows),
            "Limit": size,
        }
        found = yield from post(site, "ExecuteBillQuery", {"data": data})
        _check_rows(site, form_id, found, keys)
        rows += found
        if len(found) < size or (limit is not None and len(rows) >= limit):
            return rows


def _check_rows(site: Site, form_id: str, found: Any, keys: Sequence[str]) -> None:
    """Refuse an answer that is no table of the asked width: an empty listing must never be a guess."""
    status = status_of(found)
    if status is not None:
        raise refusal(site, status, status.get("Errors") or (), form_id)
    if isinstance(found, list) and all(isinstance(row, list) and len(row) == len(keys) for row in found):
        return
    raise exc.TransientError(
        "a query was answered with something else than rows.",
        system=site.conn_id,
        remedy="Look at what stands between docflow and Kingdee.",
    )


def text(value: Any) -> str:
    """Write a value of a condition: Kingdee's filters are SQL text, whose quote is doubled."""
    return "'" + str(value).replace("'", "''") + "'"


def one_of(key: str, values: Sequence[str]) -> str:
    """Return the condition that a field is one of these texts."""
    return f"{key} in ({','.join(text(value) for value in values)})"


def number_of(value: Any) -> str:
    """Return an id as text; some answers show whole numbers with a fraction of zero."""
    shown = str(value if value is not None else "").strip()
    whole, point, rest = shown.partition(".")
    return whole if point and not rest.strip("0") else shown


def instance(site: Site) -> Exchange[str]:
    """Return the data centre's id once a call has shown that Kingdee lets the connection into it.

    No call of the document service tells its name, and every request (or login) carries it.

    :raises Misconfigured: there is no acct_id, or no Kingdee at the address.
    """
    account = str(site.required("acct_id")).strip()
    try:
        yield from query(site, _probe_form(site), ("FNumber",), "", order="", limit=1)
    except exc.NotFound as error:
        raise exc.Misconfigured(
            f"there is no Kingdee at {site.base_url}: {error.message}",
            system=site.conn_id,
            http_status=error.http_status,
            field="host",
            remedy="Enter the server's address as host, with /k3cloud at its end.",
        ) from error
    return account
