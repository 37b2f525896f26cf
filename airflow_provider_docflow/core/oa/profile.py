"""The slots that the profiles of approvals (OA) have in common, and what a connection changes about them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from airflow_provider_docflow.core.conn_fields import call_limits
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.profile import (
    Changes,
    DocumentProfile,
    Page,
    Query,
    Reading,
    SystemProfile,
    Write,
)
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.exceptions import DocflowError


def document_profiles(
    *,
    read: Callable[[Site, Sequence[DocumentRef]], Exchange[list[Reading | DocflowError]]],
    search: Callable[[Site, str, Query, str | None], Exchange[Page]],
    changes: Callable[[Site, str, str], Exchange[Changes]],
    describer: Callable[[str], Callable[[Site], Exchange[list[LiveField]]]],
    create: Write,
    **more: Any,
) -> dict[str, DocumentProfile]:
    """Return what a product can do with each type of document: all of them, since its forms hold any.

    A form is submitted by creating it, and an approval is decided in the product itself.

    :param search: takes the document type behind the site, as ``changes`` does.
    :param describer: gives a type its question for the controls of the form.
    :param more: further slots of :class:`DocumentProfile`, the same for all types.
    """

    def of(document_type: str) -> DocumentProfile:
        return DocumentProfile(
            read=read,
            search=lambda site, query, position: search(site, document_type, query, position),
            changes=lambda site, cursor: changes(site, document_type, cursor),
            describe=describer(document_type),
            create=create,
            stages={"saved": (), "submitted": ()},
            page_size=1,
            approves=True,
            **more,
        )

    return {kind.value: of(kind.value) for kind in DocumentType}


def ui_field_behaviour(login: str, password: str) -> Mapping[str, Any]:
    """Return how Airflow's form of a connection shows what every connection has.

    :param login: what the product calls the login, ``password`` the password.
    """
    return {
        "hidden_fields": ["schema", "port", "host"],
        "relabeling": {"login": login, "password": password},
    }


def with_forms(
    profile: SystemProfile, forms: Collection[str], settings: Mapping[str, Any], **more: Any
) -> SystemProfile:
    """Return a profile as a connection has it: with the types that it has forms for, and its call limits.

    A connection for a robot alone has no types.

    :param more: further slots of the profile that follow from the settings.
    """
    documents = {name: profile.documents[name] for name in forms}
    return replace(profile, documents=documents, limits=call_limits(settings, profile.conn_fields), **more)
