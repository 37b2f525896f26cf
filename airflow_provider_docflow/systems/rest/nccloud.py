"""
Yonyou NC Cloud (NCC): whatever of its OpenAPI a tenant names is read, and a note written back.
Experimental: after other people's texts and clients alone; never run against the product.

*Login*: ``POST /nccloud/opm/accesstoken``, all in the query: ``client_id``, ``client_secret`` encrypted
with the application's public key (RSA with OAEP-SHA256 from version 2005 on, PKCS#1 v1.5 before), and
``signature``, the SHA-256 of client_id + client_secret + public key, from 2005 on with a salt. They travel
in the request's target alone, so that no URL, log line or error shows them.

*Calls* carry ``access_token``, ``client_id``, ``ucg_flag: y`` and ``signature``, the SHA-256 of client_id +
body + public key. Only the plain level (L0) is spoken.

*The salt* is derived from the public key as Java's ``SHA1PRNG`` would (``salt`` = ``sha1prng``); nobody has
confirmed it, so it can be left out (``none``).

There are no default paths: NC Cloud publishes hundreds, and each tenant its own.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal
from urllib.parse import quote

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call, dig
from airflow_provider_docflow.core.conn_fields import text
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
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


def salt_of(public_key: str) -> str:
    """Return the first 16 bytes of Java's SHA1PRNG seeded with the key's text, in base64."""
    state = hashlib.sha1(public_key.encode()).digest()
    return base64.b64encode(hashlib.sha1(state).digest()[:16]).decode()


def token_signature(client_id: str, secret: str, public_key: str, *, salted: bool) -> str:
    """Return the signature of a login."""
    salt = salt_of(public_key) if salted else ""
    return hashlib.sha256(f"{client_id}{secret}{public_key}{salt}".encode()).hexdigest()


def call_signature(client_id: str, body: bytes, public_key: str) -> str:
    """Return the signature of a call; it covers the bytes that are sent."""
    return hashlib.sha256(client_id.encode() + body + public_key.encode()).hexdigest()


def _login(site: Site) -> Exchange[Token]:
    key = str(site.required("public_key"))
    padding: Literal["oaep", "pkcs1"] = "pkcs1" if site.setting("padding") == "pkcs1" else "oaep"
    salted = site.setting("salt") != "none"
    given = {
        "grant_type": "client_credentials",
        "client_id": site.username,
        "client_secret": encrypted(key, site.password, padding=padding),
        "biz_center": str(site.required("biz_center")),
        "dsname": str(site.setting("dsname") or ""),
        "usercode": str(site.setting("user_code") or ""),
        "signature": token_signature(site.username, site.password, key, salted=salted),
    }
    query = "&".join(f"{name}={quote(value, safe='=')}" for name, value in given.items() if value)
    bare = site.anonymous()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    request = bare.request("POST", str(site.setting("login_path")), headers=headers)
    target = request.url.raw_path + b"?" + query.encode()
    request.extensions = {**request.extensions, "target": target}
    remedy = "Check client_id (login), client_secret (password), public_key, padding and salt."
    try:
        answer = yield from call(bare, request)
    except exc.Rejected as error:
        text = f"the login was refused: {error.message}"
        raise error.told_as(exc.Authentication, text, remedy=remedy) from error
    token, lasts = dig(answer, "data.access_token"), dig(answer, "data.expires_in")
    if not isinstance(token, str) or not token:
        raise exc.Authentication("the login brought no token.", system=site.conn_id, remedy=remedy)
    return Token(token, _seconds(site, lasts))


def _seconds(site: Site, lasts: Any) -> float:
    """Return how long a token is used: in which unit ``expires_in`` is told, nobody has confirmed."""
    most = float(site.setting("login_seconds"))
    try:
        return min(most, float(lasts))
    except (TypeError, ValueError):
        return most


def _sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    key = str(site.required("public_key"))
    headers = {
        "access_token": token or "",
        "client_id": site.username,
        "signature": call_signature(site.username, request.content, key),
        "ucg_flag": "y",
        "content-type": "application/json;charset=utf-8",
    }
    return with_headers(request, headers)


def _error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    if not isinstance(body, Mapping):
        said = reply.reason_phrase or f"HTTP {reply.status_code}"
        return None if reply.is_success else RemoteError("", said)
    code = str(body.get("code") if body.get("code") is not None else "")
    if reply.is_success and body.get("success") is True:
        return None
    return RemoteError(code or "success=false", str(body.get("message") or reply.reason_phrase or "refused"))


def _flatten(form: Form, ref: DocumentRef, body: Any) -> dict[str, Any] | None:
    names = form.names
    data = dig(body, names["at"] or "data")
    found = data[0] if isinstance(data, list) and data else data
    head = dig(found, names["head"])
    if not isinstance(head, Mapping) or not head:
        return None
    rows = dig(found, names["lines"]) if names["lines"] else None
    return {
        "id": str(head.get(names["id"]) or "") if names["id"] else ref.internal_id,
        "number": str(head.get(names["number"]) or ""),
        "fields": dict(head),
        "lines": [row for row in rows or () if isinstance(row, Mapping)],
        "state": head.get(names["status"]),
        TOLD: [value for value in head.values() if isinstance(value, str)],
    }


def _words(settings: Mapping[str, Any]) -> Mapping[str, Words]:
    return {
        "lifecycle": Words(at="state", words=meanings(settings, "lifecycle", {})),
        "approval": Words(at="state", words=meanings(settings, "approval", {})),
    }


PRODUCT = Product(defaults={}, flatten=_flatten, words=_words)


_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "public_key": text("Public key", "Of the application, in base64; it seeds the signatures, so keep it."),
    "biz_center": text("Account set", "Code of the account set (biz_center)."),
    "dsname": text("Data source", "Name of the data source (dsname), where the version wants it."),
    "user_code": text("User code", "Of the user as whom calls are made (usercode)."),
    "padding": {
        "label": "Padding",
        "description": "oaep from version 2005 on, pkcs1 before.",
        "schema": {"type": "string", "enum": ["oaep", "pkcs1"], "default": "oaep"},
    },
    "salt": {
        "label": "Salt",
        "description": "sha1prng from version 2005 on (not confirmed), none before.",
        "schema": {"type": "string", "enum": ["sha1prng", "none"], "default": "sha1prng"},
    },
    "login_path": text("Token path", "Behind the host.", default="/nccloud/opm/accesstoken"),
    "login_seconds": {
        "label": "Token lifetime",
        "description": "Most seconds that a token is used; the unit of expires_in is not confirmed.",
        "schema": {"type": "number", "default": 1800},
    },
    "forms": text(
        "Forms",
        "JSON: document type → read, fields, head, lines, line_fields, id, number, status, write_back.",
        format="multiline",
    ),
    "lifecycle": text("Lifecycle", 'JSON: word of the status field → lifecycle, {"1": "active"}.'),
    "approval": text("Approval", 'JSON: word of the status field → approval, {"1": "approved"}.'),
}
PROFILE = experimental(
    rest_profile(
        name="nccloud",
        title="Yonyou NC Cloud",
        docs_url="https://nccdev.yonyou.com/openapi/",
        checked_on=date(2026, 11, 22),
        documents={},
        instance=instance,
        login=Scheme(
            login=_login,
            sign=_sign,
            conn_fields=_FIELDS,
        ),
        error=_error,
        errors=(ErrorRule(raises=exc.Rejected, code=("success=false",)),),
    ),
    PRODUCT,
    login_by=("biz_center", "dsname", "user_code"),
)

__all__ = ["PRODUCT", "PROFILE", "call_signature", "salt_of", "token_signature"]
