"""Where a person opens a document: the profile's link with the settings of a connection to the system."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.connections import site_of

if TYPE_CHECKING:
    from airflow_provider_docflow.document import DocumentRef

log = logging.getLogger(__name__)


class Addresses:
    """Links into the systems and their names; made for one request, and calls no system.

    :param connections: the connections known to lead to each instance.
    :param systems: the product of each instance.
    """

    def __init__(self, connections: dict[str, Sequence[str]], systems: dict[str, str]) -> None:
        self._connections, self._systems = connections, systems
        self._sites: dict[str, Site | None] = {}

    @classmethod
    def of(cls, ledger: Any, instances: Sequence[str], *, tx: Any = None) -> Addresses:
        """Prepare for the instances of a page."""
        return cls(*ledger.instances.reached_by(sorted(set(instances)), tx=tx))

    def system(self, instance: str) -> str:
        """Return the product behind an instance, empty where it is not known."""
        return self._systems.get(instance, "")

    def url(self, ref: DocumentRef) -> str | None:
        """Return the page of a document that a browser may open, or None."""
        if ref.instance not in self._sites:
            self._sites[ref.instance] = self._site(ref.instance)
        site = self._sites[ref.instance]
        if site is None:
            return None
        kind = site.profile.documents.get(str(ref.document_type))
        if kind is None or kind.link is None:
            return None
        try:
            found = kind.link(site, ref)
        except exc.DocflowError as error:
            log.warning("No link to %s: %s", ref, site.conceal(str(error)))
            return None
        return found if found.startswith(("https://", "http://")) else None

    def _site(self, instance: str) -> Site | None:
        for conn_id in self._connections.get(instance, ()):
            site = _site_of(conn_id)
            if site is not None:
                return replace(site, instance=instance)
        return None


def _site_of(conn_id: str) -> Site | None:
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    try:
        return site_of(BaseHook.get_connection(conn_id))
    except AirflowNotFoundException:
        return None
    except exc.DocflowError as error:
        log.warning("Connection %s gives no links: %s", conn_id, error)
        return None
