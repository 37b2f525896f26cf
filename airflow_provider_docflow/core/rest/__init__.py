"""
Any JSON API by declaration: what is data is declared, and any slot may be a function instead.

.. code-block:: python

    PROFILE = rest_profile(
        name="acme",
        title="Acme ERP",
        login=bearer(),
        documents={
            "purchase_order": RestDocument(read=Call(method="GET", path="/orders/{id}"), fields=(...)),
        },
    )

Guarantee: what the profile can show. ``IdempotencyKey(for_good=True)`` or a unique search for the mark give
exactly once; without either it is at most once and otherwise an incident.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import httpx2

from airflow_provider_docflow.core.calls import dig, fetch
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import one_by_one
from airflow_provider_docflow.core.profile import (
    DocumentProfile,
    Limit,
    Probe,
    Reading,
    SystemProfile,
    Write,
    WriteItem,
)
from airflow_provider_docflow.core.rest.asking import request_of
from airflow_provider_docflow.core.rest.declare import (
    Action,
    Call,
    Field,
    Find,
    IdempotencyKey,
    MarkAt,
    ReadMany,
    RestDocument,
    Search,
)
from airflow_provider_docflow.core.rest.describing import describer
from airflow_provider_docflow.core.rest.exchanges import RestType
from airflow_provider_docflow.core.rest.logins import (
    Scheme,
    basic,
    bearer,
    csrf,
    header_key,
    no_login,
    oauth2_client_credentials,
    signed,
)
from airflow_provider_docflow.core.rest.pages import NextLink, NextToken, Offset, OnePage, PageNumber
from airflow_provider_docflow.core.site import Site

__all__ = [
    "COMMON_FIELDS",
    "Action",
    "Call",
    "Field",
    "Find",
    "IdempotencyKey",
    "MarkAt",
    "NextLink",
    "NextToken",
    "Offset",
    "OnePage",
    "PageNumber",
    "ReadMany",
    "RestDocument",
    "Scheme",
    "Search",
    "basic",
    "bearer",
    "csrf",
    "header_key",
    "no_login",
    "oauth2_client_credentials",
    "rest_profile",
    "signed",
]

COMMON_FIELDS = {
    "instance": {
        "label": "Instance",
        "description": "A lasting name of the tenant behind the API, where the API itself tells none.",
        "schema": {"type": ["string", "null"], "maxLength": 120},
    },
    "time_zone": {
        "label": "Time zone",
        "description": "Zone in which the API wants its times.",
        "schema": {"type": "string", "default": "UTC"},
    },
    "verify_tls": {"label": "Verify TLS", "schema": {"type": "boolean", "default": True}},
}


def rest_profile(
    *,
    name: str,
    title: str,
    documents: Mapping[str, RestDocument],
    login: Scheme | None = None,
    instance: Call | Callable[[Site], Exchange[str]] | None = None,
    error: Callable[[httpx2.Response, Any], RemoteError | None] | None = None,
    errors: tuple[ErrorRule, ...] = (),
    conn_fields: Mapping[str, Mapping[str, Any]] | None = None,
    limits: tuple[Limit, ...] = (),
    docs_url: str = "",
    checked_on: date = date.min,
    max_connections: int = 8,
    timeout_seconds: float = 30.0,
) -> SystemProfile:
    """Return the profile of a JSON API.

    :param instance: a call whose ``at`` leads to the tenant's own name, or a function. Without one, the
        connection's field ``instance`` serves, and without that the API's address.
    """
    scheme = login or no_login()
    return SystemProfile(
        name=name,
        title=title,
        docs_url=docs_url,
        checked_on=checked_on,
        documents={key: document_profile(key, kind) for key, kind in documents.items()},
        instance=_instance_by(instance) if isinstance(instance, Call) else instance or declared_instance,
        login=scheme.login,
        sign=scheme.sign,
        token_refused=scheme.token_refused,
        error=error,
        errors=errors,
        conn_fields={**COMMON_FIELDS, **scheme.conn_fields, **(conn_fields or {})},
        limits=limits,
        max_connections=max_connections,
        timeout_seconds=timeout_seconds,
    )


def _instance_by(call: Call) -> Callable[[Site], Exchange[str]]:
    def instance(site: Site) -> Exchange[str]:
        answer = yield from fetch(site, request_of(site, call))
        found = dig(answer.body, call.at)
        return str(found) if found else (yield from declared_instance(site))

    return instance


def declared_instance(site: Site) -> Exchange[str]:
    """Return the name that the connection gives the tenant, or the address of the API."""
    yield from ()
    address = httpx2.URL(site.base_url)
    return str(
        site.setting("instance")
        or f"{address.host}:{address.port or address.scheme}{address.path.rstrip('/')}"
    )


def document_profile(document_type: str, kind: RestDocument) -> DocumentProfile:
    """Return what can be done with the documents of a declaration."""
    runs = RestType(document_type, kind)
    follows = kind.search is not None and "changed_since" in kind.search.filters
    return DocumentProfile(
        read=runs.read,
        search=runs.search if kind.search else None,
        changes=runs.changes if follows else None,
        create=_create(runs, kind) if kind.create else None,
        amend=_amend(runs) if kind.amend else None,
        actions={name: _action(runs, action) for name, action in kind.actions.items()},
        stages=kind.stages,
        link=_link(kind.link) if kind.link else None,
        describe=describer(runs, kind),
        page_size=kind.read_many.size if kind.read_many else 10,
        approves=kind.approves,
        axes=tuple(kind.states) or ("lifecycle",),
    )


def _create(runs: RestType, kind: RestDocument) -> Write:
    return Write(run=one_by_one(runs.create), probe=kind.probe, find=runs.find if kind.find else None)


def _amend(runs: RestType) -> Write:
    return Write(run=one_by_one(runs.amend), probe=Probe(quality="unique"), find=runs.amended)


def _action(runs: RestType, action: Action) -> Write:
    done = action.done

    def landed(reading: Reading, item: WriteItem) -> bool:
        if callable(done):
            return done(reading, item)
        return all(str(getattr(reading.state, axis)) in words for axis, words in done.items())

    return Write(run=one_by_one(runs.act(action)), probe=action.probe, landed=landed)


def _link(pattern: str) -> Callable[[Site, Any], str]:
    def link(site: Site, ref: Any) -> str:
        return str(site.url(pattern, id=ref.internal_id, number=ref.number, company_code=ref.company_code))

    return link
