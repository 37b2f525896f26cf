"""Starting approvals, acting on them, and telling by their marks and contents whether a start has landed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.oa.instants import now
from airflow_provider_docflow.core.profile import Finding, Reading, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef

T = TypeVar("T")
CLOCK_SKEW = timedelta(minutes=10)
"""How far the product's clock may be behind ours."""


def document_of(site: Site, item: WriteItem) -> Document:
    """Return the document that an approval is started for.

    :raises Misconfigured: there is none.
    """
    if item.document is None:
        raise exc.Misconfigured("an approval needs a document.", system=site.conn_id, field="document")
    return item.document


def target_of(item: WriteItem) -> DocumentRef:
    """Return the approval that is acted on.

    :raises Misconfigured: there is none.
    """
    if item.ref is None:
        raise exc.Misconfigured("an action needs a document that is there.", field="ref")
    return item.ref


def person_of(site: Site, item: WriteItem, name: str, setting: str = "") -> str:
    """Return the person whom an argument names, or else a setting of the connection.

    :raises Misconfigured: nobody is named.
    """
    found = item.arguments.get(name) or (site.setting(setting) if setting else None)
    if not found:
        raise exc.Misconfigured(
            f"nobody is named as {name}.",
            system=site.conn_id,
            field=name,
            remedy=f"Give the argument {name}" + (f", or the connection {setting}." if setting else "."),
        )
    return str(found)


def only_task(site: Site, user: str, open_tasks: Mapping[str, T]) -> T:
    """Return what waits for a user, of which there may be one.

    :param open_tasks: by their ids, narrowed to the one that an argument names.
    :raises Rejected: nothing waits for them, or several tasks do and none is named.
    """
    if len(open_tasks) != 1:
        ids = ", ".join(open_tasks)
        raise exc.Rejected(
            f"{user} has {len(open_tasks)} open tasks ({ids})." if ids else f"{user} has no open task here.",
            system=site.conn_id,
            field="task_id",
            remedy="Name the task by task_id." if ids else "Read the approval: somebody was quicker.",
        )
    (found,) = open_tasks.values()
    return found


def originator_of(site: Site, item: WriteItem, setting: str, done: str = "started") -> str:
    """Return in whose name an approval is started: an argument, the document's requester, or a setting.

    :param done: the product's word for starting.
    :raises Misconfigured: nobody is named.
    """
    requester = item.document.requester.id if item.document and item.document.requester else ""
    found = item.arguments.get("originator") or requester or site.setting(setting)
    if not found:
        article = "an" if setting[0] in "aeiou" else "a"
        raise exc.Misconfigured(
            f"nobody is named in whose name the approval is {done}.",
            system=site.conn_id,
            field=setting,
            remedy=f"Give the document a requester, or the connection {article} {setting}.",
        )
    return str(found)


def remark(item: WriteItem, text: str = "") -> str:
    """Return what people read, with the mark by which it is found again."""
    said = text or str(item.arguments.get("remark") or "")
    return f"{said} [{item.mark}]".strip()


def numbers_text(item: WriteItem) -> str:
    """Return the numbers of what became of a document (argument ``links``) as people read them."""
    links: Sequence[Mapping[str, Any]] = item.arguments.get("links") or ()
    told: dict[str, list[str]] = {}
    for link in links:
        where = f" ({link['system']})" if link.get("system") else ""
        kind = str(link.get("document_type") or "").replace("_", " ")
        told.setdefault(f"{kind}{where}", []).append(str(link.get("number") or link.get("internal_id") or ""))
    return "; ".join(f"{kind}: {', '.join(numbers)}" for kind, numbers in told.items())


def probe_start(site: Site, items: Sequence[WriteItem]) -> datetime:
    """Return since when approvals are looked through for the marks of ``items``.

    That is the earliest send; for what never went out, ``probe_hours`` ago.
    """
    before = now() - timedelta(hours=float(site.setting("probe_hours", 24)))
    return min((item.sent_at or before) - CLOCK_SKEW for item in items)


def finding_of(
    item: WriteItem,
    readings: Sequence[Reading],
    mark_in: Callable[[Reading], str],
    created_at: Callable[[Reading], datetime | None],
    shown_to: timedelta,
) -> Finding:
    """Return which approvals carry the item's mark, and which are suspects of its earlier send.

    An approval without a mark that was created since the send and has the same number, or the same company,
    party and total, is a suspect.

    :param mark_in: what stands in the control for docflow's mark.
    :param shown_to: the unit to which the product shows the moment of creation.
    :raises InvalidDocument: an approval carries the mark, and its form makes no document any more.
    """
    marks = [mark_in(reading) for reading in readings]
    marked = tuple(
        reading for reading, mark in zip(readings, marks, strict=True) if item.mark and item.mark in mark
    )
    for reading in marked:
        if reading.problem:
            raise reading.problem
    if item.sent_at is None:
        return Finding(marked=marked)
    since = item.sent_at - CLOCK_SKEW - shown_to
    suspects = tuple(
        reading
        for reading, mark in zip(readings, marks, strict=True)
        if not mark and _created_since(created_at(reading), since) and _alike(reading, item)
    )
    return Finding(marked=marked, suspects=suspects)


def _created_since(created: datetime | None, since: datetime) -> bool:
    return created is None or created > since


def _alike(reading: Reading, item: WriteItem) -> bool:
    document = item.document
    assert document is not None
    if document.id and reading.ref.number == document.id:
        return True
    if reading.document is None:
        return False
    party = document.seller_supplier_party or document.buyer_customer_party
    same_party = reading.party == (party.id if party else "")
    same_company = reading.company_code == document.company_code
    return same_party and same_company and reading.total == document.payable_amount
