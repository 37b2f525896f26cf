"""
How a listing goes on: each style turns a position into parameters, and an answer into the next position.

A position is text. Every style ends: an empty page, a page that continues as itself and a link to another
host are all refused or taken as the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, dig
from airflow_provider_docflow.core.site import Site


class Paging(Protocol):
    """One style of paging."""

    def ask(self, site: Site, request: httpx2.Request, position: str | None) -> httpx2.Request:
        """Return ``request`` for the page at ``position``, None being the first."""

    def next(self, site: Site, request: httpx2.Request, answer: Answer, count: int) -> str | None:
        """Return the position after a page of ``count`` documents, None at the end."""


def with_params(request: httpx2.Request, params: Mapping[str, Any]) -> httpx2.Request:
    """Return a copy of ``request`` with these query parameters set."""
    return httpx2.Request(
        request.method,
        request.url.copy_merge_params({name: str(value) for name, value in params.items()}),
        headers=request.headers,
        content=request.content,
        extensions=dict(request.extensions),
    )


def same_origin(site: Site, request: httpx2.Request, link: str) -> httpx2.URL:
    """Return the URL of a link in an answer.

    :raises Rejected: it leads to another host, which must not be given this connection's login.
    """
    there, home = request.url.join(link), httpx2.URL(site.base_url)
    if _origin(there) != _origin(home):
        raise exc.Rejected(
            f"the listing goes on at another host, {there.host}.",
            system=site.conn_id,
            field="host",
            remedy="Correct the API's own address, or the host of the connection.",
        )
    return there


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


@dataclass(frozen=True, kw_only=True)
class OnePage:
    """The API gives everything at once."""

    size: int = 10_000

    def ask(self, site: Site, request: httpx2.Request, position: str | None) -> httpx2.Request:
        """Return the request as it is."""
        return request

    def next(self, site: Site, request: httpx2.Request, answer: Answer, count: int) -> str | None:
        """Return None."""
        return None


@dataclass(frozen=True, kw_only=True)
class PageNumber:
    """``?page=2&per_page=100``: ends with the first page that is not full, or where ``total_pages`` says so.

    :param total_pages: path of the number of pages in the body, if the API tells it.
    """

    param: str = "page"
    size_param: str = "per_page"
    size: int = 100
    first: int = 1
    total_pages: str = ""

    def ask(self, site: Site, request: httpx2.Request, position: str | None) -> httpx2.Request:
        """Add the page's number."""
        return with_params(request, {self.param: position or self.first, self.size_param: self.size})

    def next(self, site: Site, request: httpx2.Request, answer: Answer, count: int) -> str | None:
        """Return the number after this page's."""
        here = int(request.url.params[self.param])
        total = dig(answer.body, self.total_pages) if self.total_pages else None
        if total is not None:
            return str(here + 1) if here - self.first + 1 < int(total) else None
        return str(here + 1) if count >= self.size else None


@dataclass(frozen=True, kw_only=True)
class Offset:
    """``?offset=100&limit=100``: ends with the first page that is not full, or at ``total``."""

    param: str = "offset"
    size_param: str = "limit"
    size: int = 100
    total: str = ""

    def ask(self, site: Site, request: httpx2.Request, position: str | None) -> httpx2.Request:
        """Add the offset."""
        return with_params(request, {self.param: position or 0, self.size_param: self.size})

    def next(self, site: Site, request: httpx2.Request, answer: Answer, count: int) -> str | None:
        """Return the offset after this page."""
        after = int(request.url.params[self.param]) + count
        total = dig(answer.body, self.total) if self.total else None
        if count == 0:
            return None
        if total is not None:
            return str(after) if after < int(total) else None
        return str(after) if count >= self.size else None


@dataclass(frozen=True, kw_only=True)
class NextToken:
    """A token or cursor in the body names the next page; empty or absent at the end."""

    at: str
    param: str = "cursor"
    size_param: str = "limit"
    size: int = 100

    def ask(self, site: Site, request: httpx2.Request, position: str | None) -> httpx2.Request:
        """Add the token."""
        token = {self.param: position} if position is not None else {}
        return with_params(request, {self.size_param: self.size, **token} if self.size_param else token)

    def next(self, site: Site, request: httpx2.Request, answer: Answer, count: int) -> str | None:
        """Return the token."""
        token = dig(answer.body, self.at)
        return None if token in (None, "", False) else str(token)


@dataclass(frozen=True, kw_only=True)
class NextLink:
    """A link names the next page: at a path of the body, or in the ``Link`` header (RFC 8288) by default."""

    at: str = ""
    size_param: str = ""
    size: int = 100

    def ask(self, site: Site, request: httpx2.Request, position: str | None) -> httpx2.Request:
        """Go to the link; it must lead to this site."""
        if position is None:
            return with_params(request, {self.size_param: self.size}) if self.size_param else request
        return httpx2.Request(
            request.method,
            same_origin(site, request, position),
            headers=request.headers,
            content=request.content,
            extensions=dict(request.extensions),
        )

    def next(self, site: Site, request: httpx2.Request, answer: Answer, count: int) -> str | None:
        """Return the link, checked before it is ever followed."""
        link = dig(answer.body, self.at) if self.at else _link_header(answer.headers.get("Link", ""))
        return str(same_origin(site, request, str(link))) if link else None


_LINK = re.compile(r"<([^>]*)>((?:\s*;\s*[\w*-]+\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]+))*)")


def _link_header(header: str) -> str | None:
    for link, parameters in _LINK.findall(header):
        relations = re.search(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,]+))", parameters, re.IGNORECASE)
        words = (relations[1] or relations[2] or "").lower().split() if relations else []
        if "next" in words:
            return str(link)
    return None
