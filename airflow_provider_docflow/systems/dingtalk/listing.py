"""
Listing approval instances.

DingTalk gives one instance per request; a list gives ids alone, 20 at a time, and filters by the moment of
*creation*: windows of at most 120 days that begin at most 365 days ago, 10 000 ids each. What is decided,
changed or withdrawn later therefore shows only when the instance itself is read, or through an event.
Page: "obtain-an-approval-list-of-instance-ids".
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.instants import now, span_milliseconds
from airflow_provider_docflow.core.oa.listing import (
    Position,
    created_span,
    page_of,
    ref_of,
    refuse_changed_since,
)
from airflow_provider_docflow.core.profile import Changes, Page, Query, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.dingtalk.forms import form_of
from airflow_provider_docflow.systems.dingtalk.reading import attached_to, get, reading_of
from airflow_provider_docflow.systems.dingtalk.wire import api

LIST = "/v1.0/workflow/processes/instanceIds/query"
PAGE = 20
WINDOW = timedelta(days=119)
"""A day less than DingTalk takes: an end that is left to its clock may lie later than ours."""

REACH = timedelta(days=365)
MOST_IDS = 10_000
OVERLAP = timedelta(minutes=10)
"""A change feed looks back this far again: an instance may show in the list later than it was created,
and DingTalk's clock may be behind ours."""


def list_ids(
    site: Site,
    form: Form,
    at: Position,
    *,
    users: Sequence[str] = (),
    statuses: Sequence[str] = (),
    open_end: bool = False,
) -> Exchange[tuple[list[str], Position | None]]:
    """Return one page of instance ids and where the next one begins.

    :param open_end: leave the end of the last window to DingTalk's own clock.
    :raises Rejected: a window holds more than DingTalk lists, so that some would be missing.
    """
    body: dict[str, Any] = {
        "processCode": form.code,
        "startTime": at.start,
        "nextToken": int(at.token or 0),
        "maxResults": PAGE,
    }
    if not (open_end and at.end == at.last):
        body["endTime"] = at.end
    if users:
        body["userIds"] = list(users)
    if statuses:
        body["statuses"] = list(statuses)
    answer = yield from api(site, "POST", LIST, json=body)
    ids = dig(answer, "result.list")
    if not isinstance(ids, list):
        raise exc.TransientError("DingTalk answers a listing without a list.", system=site.conn_id)
    if int(at.token or 0) + len(ids) >= MOST_IDS:
        raise exc.Rejected(
            f"a window of the listing holds {MOST_IDS} approvals or more, of which DingTalk shows no others.",
            system=site.conn_id,
            remedy="Ask for a shorter span of creation (raw={'created_from': …, 'created_to': …}).",
        )
    token = dig(answer, "result.nextToken")
    return [str(found) for found in ids], at.after("" if token is None else str(token), WINDOW)


def search(site: Site, document_type: str, query: Query, position: str | None) -> Exchange[Page]:
    """List documents by the moment of their creation, then read each.

    ``issued_from`` and ``issued_to`` are compared with the form's own date; the span of creation is theirs,
    widened by ``listing_margin_days``. Without any bound it is the last 119 days. ``raw`` takes
    ``created_from`` and ``created_to`` (ISO instants), ``user_ids`` and ``statuses`` as DingTalk has them.

    :raises Unsupported: ``changed_since``, which DingTalk cannot be asked for.
    """
    form = form_of(site, document_type)
    refuse_changed_since(site, query)
    at = Position.read(position) if position else Position.over(*_span(site, query), WINDOW)
    users = [str(user) for user in query.raw.get("user_ids") or ()]
    statuses = list(query.raw.get("statuses") or ())
    until = created_span(site, query)[1]
    open_end = until is None or until >= now()
    ids, following = yield from list_ids(site, form, at, users=users, statuses=statuses, open_end=open_end)
    readings = yield from _created(site, form, ids)
    return page_of(readings, query, following)


def _created(site: Site, form: Form, ids: Sequence[str]) -> Exchange[list[Reading]]:
    """Read the documents among listed instances; one that changes another document is none of its own."""
    found = []
    for instance_id in ids:
        with about(instance_id):
            raw = yield from get(site, instance_id)
            if not raw.get("mainProcessInstanceId"):
                found.append(reading_of(site, form, (yield from attached_to(site, instance_id, raw))))
    return found


def _span(site: Site, query: Query) -> tuple[datetime, datetime]:
    start, until = created_span(site, query)
    end = min(until or now(), now())
    return reachable(site, min(start or end - WINDOW, end)), end


def reachable(site: Site, start: datetime) -> datetime:
    """Refuse a span that begins before what DingTalk lists."""
    if start < now() - REACH:
        raise exc.Unsupported(
            f"DingTalk lists approvals of the last {REACH.days} days only.",
            system=site.conn_id,
            remedy="Ask for a later start, or read older approvals by their ids.",
        )
    return start


def changes(site: Site, document_type: str, cursor: str) -> Exchange[Changes]:
    """Return instances created since a cursor, without reading them: new documents, and the instances by
    which approved ones are modified or revoked (reading such an id gives the document it belongs to).

    Decisions on older instances do not show here: DingTalk lists by creation. An empty cursor begins 119 days
    back. References may repeat; their numbers are empty until they are read.
    """
    form = form_of(site, document_type)
    end = now()
    at = Position.read(cursor) if cursor else Position.over(end - WINDOW, end, WINDOW)
    if cursor and not at.token and at.end == at.last:
        start = reachable(site, datetime.fromtimestamp(at.start / 1000, UTC))
        at = Position.over(start, max(end, start), WINDOW)
    ids, following = yield from list_ids(site, form, at, open_end=True)
    refs = tuple(ref_of(site, form.document_type, instance_id) for instance_id in ids)
    more = following is not None
    if following is None:
        again = max(at.start, at.last - span_milliseconds(OVERLAP))
        following = Position(again, again, again)
    return Changes(refs=refs, cursor=following.text(), more=more)
