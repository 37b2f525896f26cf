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
from functools import partial
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.listing import Position
from airflow_provider_docflow.core.oa.writing import document_of, finding_of, originator_of, probe_start
from airflow_provider_docflow.core.profile import Finding, Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef
from airflow_provider_docflow.systems.wecom import filling, nodes, parsing, templates
from airflow_provider_docflow.systems.wecom.forms import form_of
from airflow_provider_docflow.systems.wecom.listing import begin, list_numbers
from airflow_provider_docflow.systems.wecom.reading import get, reading_of
from airflow_provider_docflow.systems.wecom.wire import api, moment, seconds

SUBMIT = "oa/applyevent"
SHOWN_TO = timedelta(seconds=1)
"""WeCom shows whole seconds."""

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
    document = document_of(site, item)
    with about(document.id or item.reference, site.conn_id):
        form = form_of(site, document.document_type)
        parts = yield from templates.read(site, form)
        body = _body(site, form, parts, item, document)
        answer = yield from api(site, SUBMIT, body, writes=True)
        sp_no = dig(answer, "sp_no")
        if not sp_no:
            raise exc.UnknownOutcome("WeCom answers a submission without its number.", system=site.conn_id)
    number = str(sp_no) if form.numbers_itself else document.id
    return Written(ref=DocumentRef(site.known_instance, "", document.document_type, str(sp_no), number))


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
        "creator_userid": originator_of(site, item, "creator_user_id", "submitted"),
        "template_id": form.code,
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
    form = form_of(site, document_of(site, items[0]).document_type)
    users = sorted({originator_of(site, item, "creator_user_id", "submitted") for item in items})
    start = probe_start(site, items)
    readings: dict[str, Reading] = {}
    for creator in users if len(users) <= MOST_LISTINGS else [""]:
        yield from _submitted_since(site, form, start, creator, readings)
    found = list(readings.values())
    return [finding_of(item, found, partial(_mark, form), _submitted_at, SHOWN_TO) for item in items]


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


def _mark(form: Form, reading: Reading) -> str:
    return parsing.mark_in(form, reading.raw)


def _submitted_at(reading: Reading) -> datetime | None:
    return moment(reading.raw.get("apply_time"))
