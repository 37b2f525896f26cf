"""
Listing approval instances.

Both lists go by the moment of *creation*. ``instances/query`` takes windows of 30 days, says the status and
may lag; it serves listings. ``instances`` is up to date and takes windows of ten hours; it serves the feed
of new instances. What is decided later shows when the instance itself is read, or through an event. Pages:
"Query the instance list", "Batch get approval instance ids".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.instants import milliseconds, now
from airflow_provider_docflow.core.oa.listing import (
    Position,
    created_span,
    page_of,
    ref_of,
    refuse_changed_since,
)
from airflow_provider_docflow.core.profile import Changes, Page, Query
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.feishu.forms import form_of
from airflow_provider_docflow.systems.feishu.reading import INSTANCES, each
from airflow_provider_docflow.systems.feishu.wire import api, id_type

QUERY_PAGE, LIST_PAGE = 200, 100
QUERY_WINDOW = timedelta(days=30) - timedelta(milliseconds=1)
LIST_WINDOW = timedelta(hours=10)
OVERLAP = timedelta(minutes=10)
"""The feed looks back this far again: Feishu's clock may be behind ours."""

AHEAD = timedelta(hours=8)
"""How far ahead of our clock the last window ends: Feishu's may be, and both lists want an end."""


def _token(data: Mapping[str, Any]) -> str:
    return str(data.get("page_token") or "") if data.get("has_more") else ""


def search(site: Site, document_type: str, query: Query, position: str | None) -> Exchange[Page]:
    """List documents by the moment of their creation, then read each.

    ``issued_from`` and ``issued_to`` are compared with the form's own date; the span of creation is theirs,
    widened by ``listing_margin_days``. Without any bound it is the last 30 days. ``raw`` takes
    ``created_from`` and ``created_to`` (ISO instants), ``user_id`` and ``status`` as Feishu has them.

    :raises Unsupported: ``changed_since``, which Feishu cannot be asked for.
    """
    form = form_of(site, document_type)
    refuse_changed_since(site, query)
    at = Position.read(position) if position else Position.over(*_span(site, query), QUERY_WINDOW)
    codes, following = yield from _query(site, form, query, at)
    return page_of((yield from each(site, form, codes)), query, following)


def _query(site: Site, form: Form, query: Query, at: Position) -> Exchange[tuple[list[str], Position | None]]:
    body = {
        "approval_code": form.code,
        "instance_start_time_from": str(at.start),
        "instance_start_time_to": str(at.end),
        "instance_status": str(query.raw.get("status") or "ALL"),
        "with_revoked_instance": True,
    }
    if user := query.raw.get("user_id"):
        body["user_id"] = str(user)
    params: dict[str, Any] = {"page_size": QUERY_PAGE, "user_id_type": id_type(site)}
    if at.token:
        params["page_token"] = at.token
    data = yield from api(site, "POST", f"{INSTANCES}/query", json=body, params=params)
    listed = data.get("instance_list") or []
    codes = [str(one["instance"]["code"]) for one in listed if isinstance(one.get("instance"), Mapping)]
    return codes, at.after(_token(data), QUERY_WINDOW)


def _span(site: Site, query: Query) -> tuple[datetime, datetime]:
    start, until = created_span(site, query)
    end = min(until or now() + AHEAD, now() + AHEAD)
    return min(start or end - QUERY_WINDOW, end), end


def changes(site: Site, document_type: str, cursor: str) -> Exchange[Changes]:
    """Return instances created since a cursor, without reading them: new documents, and those by which
    approved ones are revoked (reading such a code gives the document that it revokes).

    Decisions do not show here: Feishu lists by creation. An empty cursor begins ``feed_days`` back.
    References may repeat; their numbers are empty until they are read.
    """
    form = form_of(site, document_type)
    end = now() + AHEAD
    at = Position.read(cursor) if cursor else Position.over(_first(site), end, LIST_WINDOW)
    if cursor and not at.token and at.start == at.end:
        start = datetime.fromtimestamp(at.start / 1000, UTC)
        at = Position.over(start, max(end, start), LIST_WINDOW)
    codes, following = yield from _list(site, form, at)
    refs = tuple(ref_of(site, form.document_type, code) for code in codes)
    more = following is not None
    if following is None:
        again = min(at.last, milliseconds(now() - OVERLAP))
        following = Position(again, again, again)
    return Changes(refs=refs, cursor=following.text(), more=more)


def _first(site: Site) -> datetime:
    return now() - timedelta(days=float(site.setting("feed_days", 7)))


def _list(site: Site, form: Form, at: Position) -> Exchange[tuple[Sequence[str], Position | None]]:
    params: dict[str, Any] = {
        "approval_code": form.code,
        "start_time": str(at.start),
        "end_time": str(at.end),
        "page_size": LIST_PAGE,
    }
    if at.token:
        params["page_token"] = at.token
    data = yield from api(site, "GET", INSTANCES, params=params, kind="list")
    codes = data.get("instance_code_list")
    # A window without instances may have no list at all.
    if codes is not None and not isinstance(codes, list):
        raise exc.TransientError("Feishu answers a listing without a list.", system=site.conn_id)
    return [str(code) for code in codes or ()], at.after(_token(data), LIST_WINDOW)
