"""What changed in a system since a cursor of the ledger stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc

if TYPE_CHECKING:
    from airflow_provider_docflow.document import DocumentRef
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.system import System


@dataclass(frozen=True)
class Changed:
    """Documents that changed, each once, and how far the feed was read.

    :param reached: ``name``, ``version`` and ``value`` of the cursor, for whoever moves it once they are
        handled; JSON primitives alone.
    """

    refs: list[DocumentRef]
    reached: dict[str, Any]


def changed(
    flow: Flow, system: System, document_type: str, *, cursor: str, limit: int, otherwise: str
) -> Changed:
    """Read a system's change feed from where a cursor stands; the cursor stays there.

    :param limit: after so many documents the rest is left to the next time; a page is never cut.
    :param otherwise: what to do where the system has no change feed.
    :raises Unsupported: it has none for this type.
    :raises Misconfigured: the cursor belongs to another instance.
    """
    standing = flow.cursor(cursor)
    position = _position(standing.value, system, cursor)
    feed = system.site.profile.of(document_type).changes
    if feed is None:
        raise exc.Unsupported(
            f"{system.site.profile.title} has no change feed for a {document_type}.",
            system=system.conn_id,
            remedy=otherwise,
        )
    found: dict[tuple[Any, ...], DocumentRef] = {}
    more = True
    while more and len(found) < limit:
        page = system.run(feed(system.site, position))
        found.update({ref.identity: ref for ref in page.refs})
        more = page.more and page.cursor != position
        position = page.cursor
    value = {"instance": system.site.instance, "position": position}
    return Changed(list(found.values()), {"name": cursor, "version": standing.version, "value": value})


def _position(value: Any, system: System, name: str) -> str:
    """Return where the cursor stands in this instance's feed; empty at the beginning."""
    if value is None:
        return ""
    if value["instance"] != system.site.instance:
        raise exc.Misconfigured(
            f"cursor {name} belongs to {value['instance']}.",
            system=system.conn_id,
            field="cursor",
            remedy="Use another cursor for another instance.",
        )
    return str(value["position"])
