"""
Ways to log in to a JSON API. Each is a :class:`Scheme`: what is fetched once, and how requests carry it.

Secrets come from the connection's login and password, or from one of its declared secret fields; they
are put on a copy of the request and on nothing else.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import body_of, check, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.site import Site

Sign = Callable[[httpx2.Request, str | None, Site], httpx2.Request]


def _refused(reply: httpx2.Response, body: Any) -> bool:
    return reply.status_code == 401


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """One way to log in; ``conn_fields`` are what the connection's form asks for because of it."""

    sign: Sign | None = None
    login: Callable[[Site], Exchange[Token]] | None = None
    token_refused: Callable[[httpx2.Response, Any], bool] = _refused
    conn_fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def _secret(site: Site, name: str) -> str:
    value = str(site.setting(name) or site.password)
    if not value:
        raise exc.Misconfigured(
            f"connection {site.conn_id} has no secret to log in with.",
            system=site.profile.name,
            field=name,
            remedy=f"Fill in {name} or the password of the connection {site.conn_id}.",
        )
    return value


def secret_field(label: str) -> dict[str, Any]:
    """Return the form field of a secret."""
    return {"label": label, "schema": {"type": ["string", "null"], "format": "password"}}


def no_login() -> Scheme:
    """Log in not at all."""
    return Scheme()


def basic() -> Scheme:
    """Send the connection's login and password with every request (RFC 7617)."""

    def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
        return with_headers(request, {"Authorization": basic_header(site.username, site.password)})

    return Scheme(sign=sign)


def basic_header(username: str, password: str) -> str:
    """Return the value of ``Authorization`` for a login and a password."""
    return f"Basic {base64.b64encode(f'{username}:{password}'.encode()).decode()}"


def bearer(name: str = "api_key") -> Scheme:
    """Send a fixed bearer key: the secret field ``name``, or the password."""
    return header_key("Authorization", name, prefix="Bearer ")


def header_key(header: str, name: str = "api_key", *, prefix: str = "") -> Scheme:
    """Send a fixed key in a header of the API's own."""

    def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
        return with_headers(request, {header: f"{prefix}{_secret(site, name)}"})

    return Scheme(sign=sign, conn_fields={name: secret_field("API key")})


def signed(sign: Sign, conn_fields: Mapping[str, Mapping[str, Any]] | None = None) -> Scheme:
    """Sign every request with a pure function of the request, such as an HMAC over its body."""
    return Scheme(sign=sign, conn_fields=conn_fields or {})


def oauth2_client_credentials(
    token_path: str, *, scope: str = "", in_body: bool = False, name: str = "client_secret"
) -> Scheme:
    """Fetch a token for the connection's login (client id) and secret, and renew it when refused (RFC 6749).

    :param token_path: path or URL of the token endpoint.
    :param in_body: send id and secret in the form instead of the ``Authorization`` header.
    :raises Authentication: at the login: the system gives no token.
    """

    def login(site: Site) -> Exchange[Token]:
        secret, form, headers = _secret(site, name), {"grant_type": "client_credentials"}, {}
        if scope:
            form["scope"] = scope
        if in_body:
            form.update(client_id=site.username, client_secret=secret)
        else:
            headers["Authorization"] = basic_header(site.username, secret)
        body = yield from _ask(site, site.request("POST", token_path, data=form, headers=headers))
        value, lasts = dig(body, "access_token"), dig(body, "expires_in")
        if not isinstance(value, str) or not value:
            raise exc.Authentication("the login gave no access_token.", system=site.conn_id)
        return Token(value, float(lasts) if lasts else 3600.0)

    def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
        return with_headers(request, {"Authorization": f"Bearer {token}"})

    return Scheme(login=login, sign=sign, conn_fields={name: secret_field("Client secret")})


def csrf(
    fetch_path: str,
    *,
    inner: Scheme | None = None,
    header: str = "X-CSRF-Token",
    refused: Callable[[httpx2.Response, Any], bool] | None = None,
) -> Scheme:
    """Fetch a token against forged requests together with its session, and send both with every write.

    :param inner: how the requests themselves are authorised; must need no login of its own.
    :param refused: tells that the token is used up; by default 403 with the header saying ``Required``.
    :raises Misconfigured: ``inner`` fetches a token of its own.
    :raises Authentication: at the login: the system gives no token.
    """
    under = inner or basic()
    if under.login is not None:
        raise exc.Misconfigured("a CSRF token cannot be combined with a login that fetches a token.")

    def login(site: Site) -> Exchange[Token]:
        request = with_headers(site.request("GET", fetch_path), {header: "Fetch"})
        request = under.sign(request, None, site) if under.sign else request
        reply = yield from _send(site, request)
        token = reply.headers.get(header, "")
        if not token:
            raise exc.Authentication(f"the login gave no {header}.", system=site.conn_id)
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in reply.cookies.jar)
        return Token(json.dumps([token, cookies]))

    def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
        request = under.sign(request, None, site) if under.sign else request
        value, cookies = json.loads(token) if token else ("", "")
        headers = {"Cookie": cookies} if cookies else {}
        if request.method not in ("GET", "HEAD"):
            headers[header] = value
        return with_headers(request, headers)

    def required(reply: httpx2.Response, body: Any) -> bool:
        return reply.status_code == 403 and reply.headers.get(header, "").lower() == "required"

    return Scheme(login=login, sign=sign, token_refused=refused or required, conn_fields=under.conn_fields)


def _ask(site: Site, request: httpx2.Request) -> Exchange[Any]:
    reply = yield from _send(site, request)
    return body_of(reply)


def _send(site: Site, request: httpx2.Request) -> Exchange[httpx2.Response]:
    """Send the login itself: its refusal is the connection's fault, not a stale token's."""
    try:
        reply: httpx2.Response = yield request
    except httpx2.TransportError as error:
        raise exc.Unreachable(
            f"no answer to the login: {redact_text(site.conceal(str(error))) or type(error).__name__}.",
            system=site.conn_id,
            remedy="Check that the system is up and that this machine may reach it.",
        ) from None
    if reply.status_code in (400, 401, 403):
        raise exc.Authentication(
            "the login was refused.",
            system=site.conn_id,
            http_status=reply.status_code,
            code=site.conceal(str(dig(body_of(reply), "error") or ""))[:60] if reply.content else "",
            remedy=f"Check login and secret of the connection {site.conn_id}.",
        )
    check(site, reply, body_of(reply), writes=False)
    return reply
