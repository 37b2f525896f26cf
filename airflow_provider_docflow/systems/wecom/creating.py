"""
Submitting an approval, once.

WeCom has no key for a submission: the same body twice makes two approvals, and none of them can be taken
back by API. docflow's mark goes into the Text control that the template has for it (``mark_control``);
whether an earlier send has landed is then seen by listing what was submitted since and reading each. The
guarantee is *at most once and otherwise an incident* (``best_effort``): WeCom does not say how soon its list
shows a new approval, and a template need not have a control for the mark. An approval without a mark that
has the same number, or the same company, supplier and total, is a suspect and left to a person. Page 91853.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.instants import now
from airflow_provider_docflow.core.oa.listing import Position
from airflow_provider_docflow.core.profile import Finding, Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.systems.wecom import filling, nodes, parsing, templates
from airflow_provider_docflow.systems.wecom.forms import Form, form_of
from airflow_provider_docflow.systems.wecom.listing import begin, list_numbers
from airflow_provider_docflow.systems.wecom.reading import get, reading_of
from airflow_provider_docflow.systems.wecom.wire import about, api, moment, seconds

SUBMIT = "oa/applyevent"
CLOCK_SKEW = timedelta(minutes=10)
MOST_SUMMARY_LINES, LONGEST_SUMMARY = 3, 20
MOST_LISTINGS = 10


def create(site: Site, item: WriteItem) -> Exchange[Written]:
    """Submit one approval. The template is read just before, because the ids of its controls change.

    ``arguments``: ``originator`` (user id; else the document's requester, else ``creator_user_id``),
    ``department`` (the requester's department id), ``approvers`` (nodes as ``{"users": [...], "rule": "all" |
    "any" | "sequence", "kind": "approve" | "handle"}``; without them the template's own flow holds),
    ``copy_to`` and, for the older request, ``copy_at``, ``summary`` (one to three lines).

    :raises InvalidDocument: the template cannot hold the document; nothing was sent.
    :raises UnknownOutcome: it may have been submitted.
    """
    document = _document(site, item)
    with about(site, document.id or item.reference):
        form = form_of(site, document.document_type)
        parts = yield from templates.read(site, form)
        body = _body(site, form, parts, item, document)
        answer = yield from api(site, SUBMIT, body, writes=True)
        sp_no = dig(answer, "sp_no")
        if not sp_no:
            raise exc.UnknownOutcome("WeCom answers a submission without its number.", system=site.conn_id)
    number = str(sp_no) if form.numbers_itself else document.id
    return Written(ref=DocumentRef(site.known_instance, "", document.document_type, str(sp_no), number))


def _document(site: Site, item: WriteItem) -> Document:
    if item.document is None:
        raise exc.Misconfigured("an approval needs a document.", system=site.conn_id, field="document")
    return item.document


def originator(site: Site, item: WriteItem) -> str:
    """Return in whose name the approval is submitted.

    :raises Misconfigured: nobody is named.
    """
    requester = item.document.requester.id if item.document and item.document.requester else ""
    found = item.arguments.get("originator") or requester or site.setting("creator_user_id")
    if not found:
        raise exc.Misconfigured(
            "nobody is named in whose name the approval is submitted.",
            system=site.conn_id,
            field="creator_user_id",
            remedy="Give the document a requester, or the connection a creator_user_id.",
        )
    return str(found)


def _body(
    site: Site, form: Form, parts: Sequence[templates.Part], item: WriteItem, document: Document
) -> dict[str, Any]:
    given = item.arguments
    contents = filling.to_contents(form, parts, document, item.mark, site.known_instance, site.time_zone)
    flow = nodes.sent(
        str(site.setting("node_style", "process")),
        given.get("approvers") or (),
        given.get("copy_to") or (),
        str(given.get("copy_at") or "FINISH"),
    )
    body: dict[str, Any] = {
        "creator_userid": originator(site, item),
        "template_id": form.template_id,
        **flow,
        "apply_data": {"contents": contents},
        "summary_list": summary(document, given.get("summary") or ()),
    }
    if department := given.get("department"):
        body["choose_department"] = int(department)
    return body


def summary(document: Document, lines: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return the one to three lines that people see in the list of approvals.

    A number that does not fit is cut visibly; an amount that does not fit is left out, never cut.

    :raises Misconfigured: lines were given, and there are too many or one is too long.
    """
    if len(lines) > MOST_SUMMARY_LINES or any(not line or len(line) > LONGEST_SUMMARY for line in lines):
        raise exc.Misconfigured(
            f"a summary has 1 to {MOST_SUMMARY_LINES} lines of at most {LONGEST_SUMMARY} characters.",
            document=document.id,
            field="summary",
        )
    party = document.seller_supplier_party or document.buyer_customer_party
    amount = (
        ""
        if document.payable_amount is None
        else f"{document.payable_amount:f} {document.document_currency_code}"
    )
    own = [_cut(document.id or str(document.document_type)), _cut(party.name or party.id) if party else ""]
    told = list(lines) or [*own, amount if len(amount) <= LONGEST_SUMMARY else ""]
    return [{"summary_info": [{"text": line, "lang": "zh_CN"}]} for line in told if line]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_SUMMARY else f"{text[: LONGEST_SUMMARY - 1]}…"


def find(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
    """Look for approvals that carry the items' marks, and for suspects of those that went out before.

    What the batch's requesters submitted since the earliest send (for what never went out, since
    ``probe_hours`` ago) is listed and read. WeCom filters by one requester at a time: a few are asked for one
    after the other, of many everything is listed.

    :raises InvalidDocument: an approval carries a mark, and its form makes no document any more.
    """
    if not items:
        return []
    form = form_of(site, _document(site, items[0]).document_type)
    users = sorted({originator(site, item) for item in items})
    before = now() - timedelta(hours=float(site.setting("probe_hours", 24)))
    start = min((item.sent_at or before) - CLOCK_SKEW for item in items)
    readings: dict[str, Reading] = {}
    for creator in users if len(users) <= MOST_LISTINGS else [""]:
        yield from _submitted_since(site, form, start, creator, readings)
    return [_finding(form, item, list(readings.values())) for item in items]


def _submitted_since(
    site: Site, form: Form, start: datetime, creator: str, found: dict[str, Reading]
) -> Exchange[None]:
    """Read into ``found`` what somebody, or everybody, submitted since ``start``."""
    at: Position | None = begin(site, seconds(start))
    filters = [("creator", creator)] if creator else []
    while at is not None:
        numbers, at = yield from list_numbers(site, form, at, filters)
        for number in numbers:
            if number not in found:
                found[number] = reading_of(site, form, (yield from get(site, number)))


def _finding(form: Form, item: WriteItem, readings: Sequence[Reading]) -> Finding:
    marks = [parsing.mark_in(form, reading.raw) for reading in readings]
    marked = tuple(
        reading for reading, mark in zip(readings, marks, strict=True) if item.mark and item.mark in mark
    )
    for reading in marked:
        if reading.problem:
            raise reading.problem
    if item.sent_at is None:
        return Finding(marked=marked)
    since = item.sent_at - CLOCK_SKEW
    suspects = tuple(
        reading
        for reading, mark in zip(readings, marks, strict=True)
        if not mark and _submitted_after(reading, since) and _alike(reading, item)
    )
    return Finding(marked=marked, suspects=suspects)


def _submitted_after(reading: Reading, since: datetime) -> bool:
    applied = moment(reading.raw.get("apply_time"))
    # WeCom shows whole seconds.
    return applied is None or applied + timedelta(seconds=1) > since


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
