"""
Listing approvals.

A list gives numbers alone, at most 100 at a time, and filters by the moment of *submission*, in windows of at
most 31 days. A page may be shorter than asked for, because what the application may not see is left out: a
listing ends where the cursor is empty and nowhere else. What is decided or revoked later shows only when the
approval itself is read, or through an event. Page 91816 (``oa/getapprovalinfo``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import about
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.oa.forms import Form
from airflow_provider_docflow.core.oa.instants import now
from airflow_provider_docflow.core.oa.listing import (
    Position,
    created_span,
    page_of,
    ref_of,
    refuse_changed_since,
)
from airflow_provider_docflow.core.profile import Changes, Page, Query, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.wecom.forms import form_of
from airflow_provider_docflow.systems.wecom.reading import get, reading_of
from airflow_provider_docflow.systems.wecom.wire import api, moment, seconds

LIST = "oa/getapprovalinfo"
PAGE = 100
SPAN_DAYS = 31
EDGE = 1
"""Seconds by which a window reaches over its ends: WeCom does not say whether its own ends belong to it."""

OVERLAP = timedelta(minutes=10)
"""A change feed looks back this far again: WeCom's clock may be behind ours, its list behind its clock."""

_FOR_EVER = 1 << 40


def begin(site: Site, start: int, last: int = _FOR_EVER) -> Position:
    """Begin a listing, in epoch seconds; a span longer than WeCom's window is walked in several.

    The window is ``start <= submitted < end``. An open listing ends in the future: what is submitted while it
    runs, or by a clock ahead of ours, belongs to it.
    """
    end = min(last, start + window(site))
    if not site.setting("listing_ahead", True):
        end = min(end, max(seconds(now()) - EDGE, start + 1))
    return Position(start, end, last)


def _after(site: Site, at: Position, token: str) -> Position | None:
    """Return the next page, or the next window, or None at the end."""
    if token:
        return replace(at, token=token)
    if at.end >= min(at.last, seconds(now()) - EDGE):
        return None
    return begin(site, at.end, at.last)


def window(site: Site) -> int:
    """Return the seconds of a window, its edges left out."""
    return int(float(site.setting("listing_span_days", SPAN_DAYS)) * 86_400) - 2 * EDGE


def _lately(site: Site) -> int:
    """Return the seconds that a listing without bounds looks back; the rest of its window lies ahead."""
    return window(site) * (SPAN_DAYS - 1) // SPAN_DAYS


def list_numbers(
    site: Site, form: Form, at: Position, filters: Sequence[tuple[str, str]] = ()
) -> Exchange[tuple[list[str], Position | None]]:
    """Return one page of numbers and where the next one begins.

    A number may lie a second outside of the window.
    """
    body = {
        "starttime": str(at.start - EDGE),
        "endtime": str(at.end + EDGE),
        "new_cursor": at.token,
        "size": PAGE,
        "filters": [{"key": key, "value": value} for key, value in (("template_id", form.code), *filters)],
    }
    answer = yield from api(site, LIST, body)
    numbers = answer.get("sp_no_list") if isinstance(answer, dict) else None
    following = str(answer.get("new_next_cursor") or "") if isinstance(answer, dict) else ""
    if not isinstance(numbers, list):
        raise exc.TransientError("WeCom answers a listing without a list.", system=site.conn_id)
    if following and following == at.token:
        raise exc.TransientError("WeCom's listing continues as itself.", system=site.conn_id)
    return [str(number) for number in numbers], _after(site, at, following)


def search(site: Site, document_type: str, query: Query, position: str | None) -> Exchange[Page]:
    """List documents by the moment of their submission, then read each.

    ``issued_from`` and ``issued_to`` are compared with the form's own date; the span of submission is theirs,
    widened by ``listing_margin_days``. Without any bound it is the last 30 days. ``raw`` takes
    ``created_from`` and ``created_to`` (ISO instants), ``creator``, ``sp_status``, ``record_type`` and
    ``departments`` (a list) as WeCom has them.

    :raises Unsupported: ``changed_since``, which WeCom cannot be asked for.
    """
    form = form_of(site, document_type)
    refuse_changed_since(site, query, "submission")
    at = Position.read(position) if position else begin(site, *_span(site, query))
    numbers, following = yield from list_numbers(site, form, at, _filters(query))
    return page_of((yield from _submitted(site, form, at, numbers)), query, following)


def _filters(query: Query) -> list[tuple[str, str]]:
    single = ("creator", "sp_status", "record_type")
    found = [(key, str(query.raw[key])) for key in single if query.raw.get(key)]
    return found + [("department", str(one)) for one in query.raw.get("departments") or ()]


def _submitted(site: Site, form: Form, at: Position, numbers: Sequence[str]) -> Exchange[list[Reading]]:
    """Read what was submitted within the window; what lies at its edge is the next one's."""
    found = []
    for number in dict.fromkeys(numbers):
        with about(number, site.conn_id):
            info = yield from get(site, number)
            applied = moment(info.get("apply_time"))
            if applied is None or at.start <= seconds(applied) < at.end:
                found.append(reading_of(site, form, info))
    return found


def _span(site: Site, query: Query) -> tuple[int, int]:
    start, end = created_span(site, query)
    if start is None:
        start = min(end or now(), now()) - timedelta(seconds=_lately(site))
    return seconds(start), seconds(end) if end else _FOR_EVER


def changes(site: Site, document_type: str, cursor: str) -> Exchange[Changes]:
    """Return approvals submitted since a cursor, without reading them.

    Decisions on older ones do not show here: WeCom lists by submission. An empty cursor begins 30 days back.
    References may repeat; their numbers are empty until they are read.
    """
    form = form_of(site, document_type)
    began = seconds(now())
    at = Position.read(cursor) if cursor else begin(site, began - _lately(site))
    numbers, following = yield from list_numbers(site, form, at)
    refs = tuple(ref_of(site, form.document_type, number) for number in dict.fromkeys(numbers))
    more = following is not None
    if following is None:
        again = max(at.start, began - int(OVERLAP.total_seconds()))
        following = begin(site, again)
    return Changes(refs=refs, cursor=following.text(), more=more)
