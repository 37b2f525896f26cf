"""One logical call: signed, its reply judged by the profile's words, a safe retry where a retry is safe."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.error_rules import DEFAULT_ERRORS, ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange, Pause, TokenWanted
from airflow_provider_docflow.core.redact import redact_text, redact_url
from airflow_provider_docflow.core.site import Site

READ_ATTEMPTS = 3
WRITES = "docflow_writes"
"""Extension of a request that changes something."""
CALL = "docflow_call"
"""Extension of a request that names its kind, where the profile limits such calls (``call_limits``)."""
LONGEST_PAUSE = 20.0
_NEVER_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


@contextmanager
def about(document: str, system: str = "") -> Iterator[None]:
    """Put the document's number on errors that pass through, and the connection where it is given."""
    try:
        yield
    except exc.DocflowError as error:
        error.document, error.system = error.document or document, system or error.system
        raise


def retry_after(reply: httpx2.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, given as seconds or as a date."""
    raw = reply.headers.get("Retry-After", "").strip()
    if raw.isdigit():
        return float(raw)
    try:
        asked = parsedate_to_datetime(raw) if raw else None
    except (TypeError, ValueError):
        return None
    if asked is None or asked.tzinfo is None:
        return None
    return max(0.0, (asked - datetime.now(UTC)).total_seconds())


def body_of(reply: httpx2.Response) -> Any:
    """Return the JSON body with numbers as Decimal, the text where it is no JSON, None where it is empty."""
    if not reply.content:
        return None
    try:
        return json.loads(reply.content, parse_float=Decimal)
    except ValueError:
        return reply.text


def dig(data: Any, path: str) -> Any:
    """Follow ``a.b.0.c`` through dicts and lists; None where a step is missing."""
    for part in path.split(".") if path else ():
        try:
            data = data[int(part)] if isinstance(data, list) else data[part]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return data


def body_error(
    code: str, message: str, ok: Callable[[Any], bool] = lambda body: True
) -> Callable[[httpx2.Response, Any], RemoteError | None]:
    """Read a :class:`RemoteError` from paths in the JSON body; ``ok`` judges the body of a 2xx."""

    def read(reply: httpx2.Response, body: Any) -> RemoteError | None:
        if reply.is_success and ok(body):
            return None
        return RemoteError(str(dig(body, code) or ""), str(dig(body, message) or reply.reason_phrase))

    return read


def _default_error(reply: httpx2.Response, body: Any) -> RemoteError | None:
    return None if reply.is_success else RemoteError("", reply.reason_phrase or f"HTTP {reply.status_code}")


def check(site: Site, reply: httpx2.Response, body: Any, *, writes: bool) -> None:
    """Raise the error that the profile names for ``reply``, if it is one."""
    profile = site.profile
    said = (profile.error or _default_error)(reply, body)
    if said is None:
        return
    rule = _rule_for(profile.errors, said, reply.status_code)
    kind = rule.raises
    unsure = rule.unsure or reply.status_code >= 500
    if writes and unsure and issubclass(kind, exc.TransientError) and rule.landed is not False:
        kind = exc.UnknownOutcome
    asked = retry_after(reply) if said.retry_after is None else said.retry_after
    raise kind(
        redact_text(site.conceal(said.message))[:500],
        system=site.conn_id,
        code=said.code,
        http_status=reply.status_code,
        request_id=said.request_id or reply.headers.get("x-request-id", ""),
        field=said.field,
        remedy=rule.remedy,
        retry_after=rule.retry_after if asked is None else asked,
    )


def _rule_for(rules: tuple[ErrorRule, ...], said: RemoteError, status: int) -> ErrorRule:
    for rule in (*rules, *DEFAULT_ERRORS):
        if status in rule.status and (not rule.code or said.code in rule.code):
            return rule
    return ErrorRule(raises=exc.Rejected)


def _transport_failure(site: Site, error: httpx2.RequestError, *, writes: bool) -> exc.TransientError:
    kind: type[exc.TransientError]
    if isinstance(error, _NEVER_SENT):
        kind = exc.Unreachable
    else:
        kind = exc.UnknownOutcome if writes else exc.TransientError
    text = redact_text(site.conceal(str(error))) or type(error).__name__
    where = redact_url(str(site.base_url))
    return kind(
        f"no answer from {where}: {text}.",
        system=site.conn_id,
        remedy="Check that the system is up and that this machine may reach it.",
    )


def _malformed(site: Site, reply: httpx2.Response, *, writes: bool) -> exc.TransientError:
    kind = exc.UnknownOutcome if writes else exc.TransientError
    return kind(
        "the answer is no JSON.",
        system=site.conn_id,
        http_status=reply.status_code,
        remedy="Look at what stands between docflow and the system: a proxy, a login page, a cut answer.",
    )


@dataclass(frozen=True)
class Answer:
    """A good reply: its parsed body, and its headers where the API says something in them."""

    body: Any
    headers: Mapping[str, str]
    status: int


def _once(site: Site, request: httpx2.Request, *, writes: bool, want_json: bool) -> Exchange[Answer]:
    profile = site.profile
    token: str | None = (yield TokenWanted()) if profile.login else None
    for last in (False, True):
        signed = profile.sign(request, token, site) if profile.sign else request
        if writes:
            signed.extensions = {**signed.extensions, WRITES: True}
        try:
            reply: httpx2.Response = yield signed
        except (httpx2.TransportError, httpx2.DecodingError) as error:
            # What cannot be sent is quoted by the client, keys in headers too.
            cause = None if isinstance(error, httpx2.LocalProtocolError) else error
            raise _transport_failure(site, error, writes=writes) from cause
        body = body_of(reply)
        if last or not profile.login or not profile.token_refused(reply, body):
            break
        token = yield TokenWanted(stale=token)
    check(site, reply, body, writes=writes)
    if want_json and isinstance(body, str):
        raise _malformed(site, reply, writes=writes)
    return Answer(body, reply.headers, reply.status_code)


def call(
    site: Site, request: httpx2.Request, *, writes: bool = False, want_json: bool = True
) -> Exchange[Any]:
    """Send ``request`` and return the parsed body.

    A read is tried up to three times. A write goes out once: Airflow retries it, after a probe.

    :param writes: the request changes something, so a lost reply is an unknown outcome.
    :raises UnknownOutcome: a write may have landed.
    :raises DocflowError: what the profile names for the reply.
    """
    answer = yield from fetch(site, request, writes=writes, want_json=want_json)
    return answer.body


def fetch(
    site: Site, request: httpx2.Request, *, writes: bool = False, want_json: bool = True
) -> Exchange[Answer]:
    """Do what :func:`call` does and return the headers too."""
    attempts = 1 if writes else READ_ATTEMPTS
    for attempt in range(1, attempts + 1):
        try:
            return (yield from _once(site, request, writes=writes, want_json=want_json))
        except exc.TransientError as error:
            wait = pause_before_retry(error, attempt)
            if attempt == attempts or wait > LONGEST_PAUSE:
                raise
        yield Pause(wait)
    raise AssertionError("unreachable")


def pause_before_retry(error: exc.TransientError, attempt: int) -> float:
    """Return the seconds to wait before try ``attempt + 1`` of a read."""
    if error.retry_after is not None:
        return error.retry_after
    seconds: float = min(0.25 * 2 ** (attempt - 1), LONGEST_PAUSE) * random.uniform(0.5, 1.0)
    return seconds
