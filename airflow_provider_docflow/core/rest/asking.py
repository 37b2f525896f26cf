"""Building requests from a declaration, and reading the parts of an answer that every listing has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, dig
from airflow_provider_docflow.core.profile import Query
from airflow_provider_docflow.core.rest.declare import Call, Search
from airflow_provider_docflow.core.rest.pages import with_params
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef


def request_of(
    site: Site,
    call: Call,
    *,
    ref: DocumentRef | None = None,
    mark: str = "",
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> httpx2.Request:
    """Build the request of a call."""
    parts: dict[str, Any] = {
        "mark": mark,
        "id": ref.internal_id if ref else "",
        "number": ref.number if ref else "",
        "company_code": ref.company_code if ref else "",
    }
    params = {name: text.format(**parts) for name, text in call.params.items()}
    return site.request(
        call.method,
        call.path,
        json=body,
        params=params or None,
        headers={**call.headers, **(headers or {})},
        **parts,
    )


def list_at(site: Site, answer: Answer, at: str) -> list[Any]:
    """Return the list in an answer.

    :raises Rejected: there is none, so that nothing can be said of what is there.
    """
    raws = dig(answer.body, at)
    if not isinstance(raws, list):
        raise exc.Rejected(
            f"the listing has no list at {at or 'its top'}.",
            system=site.conn_id,
            http_status=answer.status,
            field=at,
            remedy="Correct the call of the search in the profile.",
        )
    return raws


def with_query(site: Site, request: httpx2.Request, query: Query, search: Search) -> httpx2.Request:
    """Restrict a listing.

    :raises Unsupported: the profile has no parameter for a restriction.
    """
    params = {}
    for name, value in _restrictions(site, query):
        if name not in search.filters:
            raise exc.Unsupported(
                f"this system cannot list by {name}.",
                system=site.conn_id,
                field=name,
                remedy="Leave the restriction out, or give the profile a filter for it.",
            )
        params[search.filters[name]] = value
    return with_params(request, {**params, **{name: str(value) for name, value in query.raw.items()}})


def _restrictions(site: Site, query: Query) -> Iterator[tuple[str, str]]:
    if query.numbers:
        yield "numbers", query.numbers[0]
    if query.party:
        yield "party", query.party
    if query.company_code:
        yield "company_code", query.company_code
    if query.changed_since:
        yield "changed_since", query.changed_since.astimezone(site.time_zone).isoformat()
    if query.issued_from:
        yield "issued_from", query.issued_from.isoformat()
    if query.issued_to:
        yield "issued_to", query.issued_to.isoformat()


def their_time(answer: Answer) -> datetime:
    """Return the system's own time; ours only where it tells none."""
    try:
        told = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (TypeError, ValueError):
        return datetime.now(UTC)
    return told if told.tzinfo else told.replace(tzinfo=UTC)
