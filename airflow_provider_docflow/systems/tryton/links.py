"""Where a person opens a record."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote, urlsplit

from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.tryton.kinds import Kind


def web_link(kind: Kind) -> Callable[[Site, DocumentRef], str]:
    """Return the link of a type: into the web client if the connection names one, else the desktop client."""

    def link(site: Site, ref: DocumentRef) -> str:
        record = f"{quote(site.database)}/model/{kind.model}/{quote(ref.internal_id)}"
        web = str(site.setting("web_client_url", "")).rstrip("/")
        if web:
            return f"{web}/#{record}"
        return f"tryton://{urlsplit(site.base_url).netloc.rpartition('@')[2]}/{record}"

    return link
