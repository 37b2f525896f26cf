"""Copies of requests as a login changes them: with headers, or with parameters that no log shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import httpx2


def with_headers(request: httpx2.Request, headers: Mapping[str, str]) -> httpx2.Request:
    """Return a copy of ``request`` with these headers set."""
    merged = httpx2.Headers(request.headers)
    merged.update(headers)
    return _copy(request, headers=merged)


def with_hidden_query(request: httpx2.Request, secrets: Mapping[str, str]) -> httpx2.Request:
    """Return a copy of ``request`` with parameters that reach the wire but never its URL.

    They stand in the request target alone, so that no log line and no error can show them.
    """
    path = request.url.raw_path
    target = path + (b"&" if b"?" in path else b"?") + urlencode(secrets).encode()
    return _copy(request, extensions={**request.extensions, "target": target})


def _copy(request: httpx2.Request, **changes: Any) -> httpx2.Request:
    same = {
        "headers": request.headers,
        "content": request.content or None,
        "extensions": dict(request.extensions),
    }
    return httpx2.Request(request.method, request.url, **{**same, **changes})
