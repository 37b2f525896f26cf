"""What every kind of Tryton's documents can do in the same way."""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow.core.profile import DocumentProfile
from airflow_provider_docflow.systems.tryton import describing, feeds
from airflow_provider_docflow.systems.tryton.kinds import Kind
from airflow_provider_docflow.systems.tryton.links import web_link


def document_profile(kind: Kind, **more: Any) -> DocumentProfile:
    """Return what Tryton can do with a kind: it reads and lists all of them alike.

    :param more: the writes of this kind, with whatever else only it has.
    """
    return DocumentProfile(
        read=feeds.reader(kind),
        search=feeds.searcher(kind),
        changes=feeds.watcher(kind),
        link=web_link(kind),
        describe=describing.describer(kind),
        permissions=describing.permissions(kind),
        page_size=feeds.PAGE_SIZE,
        axes=kind.told,
        **more,
    )
