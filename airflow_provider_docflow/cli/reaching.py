"""Connected systems for looking only: no ledger is bound, nothing is created, nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc

if TYPE_CHECKING:
    from airflow_provider_docflow.core.profile import DocumentProfile
    from airflow_provider_docflow.core.site import Site
    from airflow_provider_docflow.hooks.system import System

_MAKES_SOMETHING = {"ensure": False}
"""Settings by which a mere look would create something in the system."""


def site_named(conn_id: str) -> Site:
    """Return the site of a connection, as one that is only looked at.

    :raises Misconfigured: the connection is no document system, or its settings are wrong.
    """
    from airflow_provider_docflow.hooks.connections import site_at

    site = site_at(conn_id)
    settings = {name: _MAKES_SOMETHING.get(name, value) for name, value in site.settings.items()}
    return replace(site, settings=settings)


def creates_at_first_use(conn_id: str) -> bool:
    """Tell whether a connection allows what a mere look does not do: creating docflow's own tables."""
    from airflow.sdk import BaseHook

    return bool(BaseHook.get_connection(conn_id).extra_dejson.get("ensure"))


@contextmanager
def looked_at(conn_id: str) -> Iterator[System]:
    """Give the system of a connection without a ledger, so that nothing can be written through it.

    :raises Misconfigured: the connection is no document system, or its settings are wrong.
    """
    from airflow_provider_docflow.hooks.docflow import system_for

    system = system_for(site_named(conn_id), None)
    try:
        yield system
    finally:
        system.close()
        if close := getattr(system.sql, "close", None):
            close()


def kind_of(site: Site, document_type: str) -> DocumentProfile:
    """Return what a connection can do with a document type.

    :raises Unsupported: the connection has no such type.
    """
    return site.profile.of(document_type)


def live_fields(system: System, document_type: str) -> list[Any]:
    """Ask a system for the fields that a document type has there.

    :raises Unsupported: the product cannot tell them.
    """
    site = system.address
    describe = kind_of(site, document_type).describe
    if describe is None:
        raise exc.Unsupported(
            f"{site.profile.title} does not tell the fields of a {document_type}.",
            system=site.conn_id,
            remedy=f"See {site.profile.docs_url}.",
        )
    # Only the answer's fields are used; its references, which need an instance, are not.
    return list(system.run(describe(replace(site, instance=site.instance or "not asked"))))


def route_end(text: str) -> tuple[str, str]:
    """Read one end of a route, written ``CONN:TYPE``.

    :raises Misconfigured: it is written otherwise.
    """
    conn_id, colon, document_type = text.partition(":")
    if not (conn_id and colon and document_type):
        raise exc.Misconfigured(
            f"{text!r} names no connection and document type.",
            field="from" if not conn_id else "type",
            remedy="Write it as CONN:TYPE, such as oa:purchase_requisition.",
        )
    return conn_id, document_type
