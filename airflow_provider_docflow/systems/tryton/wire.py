"""How one talks to Tryton: JSON-RPC under a session, and REST reads under a bearer key."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Token
from airflow_provider_docflow.core.requests import with_headers
from airflow_provider_docflow.core.site import Site

Row = dict[str, Any]

# Longer URLs are cut or refused by common proxies; such a question goes as JSON-RPC.
LONGEST_QUERY = 4000
# Tryton labels every longer answer as gzip, also when the client did not ask for it and the body is plain.
_GZIP = {"Accept-Encoding": "gzip"}
_SESSION_SECONDS = 12 * 3600.0
DEFECT = "Exception"

ERRORS = (
    ErrorRule(
        raises=exc.Conflict,
        code=("ConcurrencyException",),
        remedy="Nothing: the next try reads the record again.",
    ),
    ErrorRule(raises=exc.RateLimited, code=("RateLimitException",)),
    ErrorRule(
        raises=exc.Authentication,
        code=("LoginException",),
        remedy="Give docflow a user who signs in with a password alone.",
    ),
    ErrorRule(
        raises=exc.Rejected,
        code=("UserError",),
        remedy="Correct what the message names, in the source document or in Tryton.",
    ),
    ErrorRule(
        raises=exc.Rejected,
        code=("UserWarning",),
        remedy="A person answers this warning in Tryton, or corrects what it warns of.",
    ),
    ErrorRule(
        raises=exc.TransientError,
        code=("TimeOutException", DEFECT),
        unsure=True,
        remedy="Look into the log of the Tryton server.",
    ),
)
_NAMED = {code for rule in ERRORS for code in rule.code}


def encode(value: Any) -> Any:
    """Return ``value`` as Tryton writes it in JSON; a quantity goes through :func:`as_float` first."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": format(value, "f")}
    if isinstance(value, datetime):
        at = value.astimezone(UTC)
        clock = {"hour": at.hour, "minute": at.minute, "second": at.second, "microsecond": at.microsecond}
        return {"__class__": "datetime", "year": at.year, "month": at.month, "day": at.day, **clock}
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, Mapping):
        return {name: encode(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [encode(inner) for inner in value]
    return value


def decode(value: Any) -> Any:
    """Return Tryton's JSON as Decimal, date and aware datetime; ``party.`` becomes ``party``."""
    if isinstance(value, list):
        return [decode(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("__class__")
    if kind == "Decimal":
        return Decimal(value["decimal"])
    if kind == "date":
        return date(value["year"], value["month"], value["day"])
    if kind == "datetime":
        parts = ("year", "month", "day", "hour", "minute", "second", "microsecond")
        year, month, day, hour, minute, second, micro = (int(value[part]) for part in parts)
        return datetime(year, month, day, hour, minute, second, micro, tzinfo=UTC)
    own = {name: inner for name, inner in value.items() if name != "__name__"}
    plain = {name: decode(inner) for name, inner in own.items() if not name.endswith(".")}
    return plain | {name[:-1]: decode(inner) for name, inner in own.items() if name.endswith(".")}


def as_json(value: Any) -> Any:
    """Return a decoded value as JSON primitives: amounts and dates as text."""
    if isinstance(value, dict):
        return {name: as_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(inner) for inner in value]
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat() if isinstance(value, date) else value


def read_error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    """Read what went wrong; JSON-RPC says it in the body of a 200, REST in that of a 400."""
    if isinstance(body, dict) and body.get("error"):
        kind, said = (*body["error"], "")[:2]
        parts = [part for part in said if isinstance(part, str)] if isinstance(said, list) else [said]
        if kind == "UserWarning":
            return RemoteError(kind, " ".join(filter(None, parts[1:])))
        if kind in _NAMED:
            return RemoteError(kind, " ".join(filter(None, parts)) or kind)
        return RemoteError(DEFECT, f"the server failed: {kind}")
    if reply.is_success:
        return None
    # Any other status with a message of its own is a gateway's: Tryton says its refusals as a 400.
    if reply.status_code == 400 and isinstance(body, dict) and body.get("message"):
        text = " ".join(filter(None, (str(body["message"]), str(body.get("description") or ""))))
        return RemoteError("UserError", text)
    return RemoteError("", reply.reason_phrase or f"HTTP {reply.status_code}")


def sign(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    """Return the request under the session that ``token`` names."""
    return with_headers(request, {"Authorization": f"Session {token}"})


def _sign_bearer(request: httpx2.Request, token: str | None, site: Site) -> httpx2.Request:
    return with_headers(request, {"Authorization": f"Bearer {site.setting('api_key')}"})


def log_in(site: Site) -> Exchange[Token]:
    """Sign in with login and password.

    :raises Authentication: Tryton refuses them, or wants more than a password.
    :raises Misconfigured: there is no such database, or the connection lacks a field.
    """
    for name, value in (("schema", site.database), ("login", site.username), ("password", site.password)):
        if not value:
            raise exc.Misconfigured(
                f"connection {site.conn_id} lacks the field {name}.",
                system=site.conn_id,
                field=name,
                remedy="Tryton needs the database as schema, a login and a password.",
            )
    params = [site.username, {"password": site.password}, "en"]
    request = _post(site, "common.db.login", params)
    unsigned = site.anonymous()
    try:
        answer = yield from call(unsigned, request)
    except exc.NotFound as error:
        raise exc.Misconfigured(
            f"Tryton has no database {site.database!r}.",
            system=site.conn_id,
            http_status=error.http_status,
            field="schema",
            remedy="Name an existing database as schema of the connection.",
        ) from error
    user_id, token = answer["result"][:2]
    value = base64.b64encode(f"{site.username}:{user_id}:{token}".encode()).decode()
    return Token(value, good_for_seconds=_SESSION_SECONDS)


def _post(site: Site, method: str, params: Sequence[Any]) -> httpx2.Request:
    body = {"id": 0, "method": method, "params": encode(params)}
    return site.request("POST", "/{database}/rpc/", json=body, headers=_GZIP, database=site.database)


def rpc(
    site: Site, method: str, *params: Any, context: Mapping[str, Any] | None = None, writes: bool = False
) -> Exchange[Any]:
    """Call ``method`` by JSON-RPC and return its decoded result.

    :param context: Tryton's context, such as the company to act in.
    :raises UnknownOutcome: a write ended in a defect of the server or without an answer.
    """
    request = _post(site, method, [*params, dict(context or {})])
    answer = yield from call(site, request, writes=writes)
    return decode(answer["result"])


def rows(
    site: Site,
    model: str,
    domain: Sequence[Any],
    fields: Sequence[str],
    *,
    order: Sequence[tuple[str, str]] = (("id", "ASC"),),
    limit: int | None = None,
    context: Mapping[str, Any] | None = None,
) -> Exchange[list[Row]]:
    """Search and read in one request.

    With an ``api_key`` the question goes as REST under that key if it fits a URL, else as JSON-RPC.
    """
    if site.setting("api_key"):
        request = _rest_search(site, model, domain, fields, order, limit, context)
        if len(str(request.url)) <= LONGEST_QUERY:
            profile = replace(site.profile, login=None, sign=_sign_bearer)
            found = yield from call(replace(site, profile=profile), request)
            return list(decode(found))
    answer = yield from rpc(
        site,
        f"model.{model}.search_read",
        list(domain),
        0,
        limit,
        [list(pair) for pair in order],
        list(fields),
        context=context,
    )
    return list(answer)


def _rest_search(
    site: Site,
    model: str,
    domain: Sequence[Any],
    fields: Sequence[str],
    order: Sequence[tuple[str, str]],
    limit: int | None,
    context: Mapping[str, Any] | None,
) -> httpx2.Request:
    params: dict[str, Any] = {"d": _packed(list(domain)), "o": _packed(list(order)), "f": list(fields)}
    if limit is not None:
        params["s"] = limit
    headers = {**_GZIP, "X-Tryton-Context": _packed(context or {})}
    path = "/{database}/rest/model/{model}"
    return site.request("GET", path, params=params, headers=headers, database=site.database, model=model)


def _packed(value: Any) -> str:
    text = json.dumps(encode(value), separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode()


def as_float(number: Decimal, *, document: str, field: str) -> float:
    """Return a quantity in the only form that Tryton stores, a binary float that reads back the same.

    :raises InvalidDocument: it has more digits than such a number holds.
    """
    value = float(number)
    if Decimal(repr(value)) != number:
        raise exc.InvalidDocument(
            f"the quantity {number} has more digits than Tryton stores.",
            document=document,
            field=field,
            remedy="Round the quantity at the source.",
        )
    return value
