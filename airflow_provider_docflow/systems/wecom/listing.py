"""
Listing approvals.

A list gives numbers alone, at most 100 at a time, and filters by the moment of *submission*, in windows of at
most 31 days. A page may be shorter than asked for, because what the application may not see is left out: a
listing ends where the cursor is empty and nowhere else. What is decided or revoked later shows only when the
approval itself is read, or through an event. Page 91816 (``oa/getapprovalinfo``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Changes, Page, Query, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.systems.wecom.forms import Form, form_of
from airflow_provider_docflow.systems.wecom.reading import get, reading_of
from airflow_provider_docflow.systems.wecom.wire import about, api, moment, now, seconds

LIST = "oa/getapprovalinfo"
PAGE = 100
SPAN_DAYS = 31
EDGE = 1
"""Seconds by which a window reaches over its ends: WeCom does not say whether its own ends belong to it."""

OVERLAP = timedelta(minutes=10)
"""A change feed looks back this far again: WeCom's clock may be behind ours, its list behind its clock."""

_FOR_EVER = 1 << 40


@dataclass(frozen=True)
class Position:
    """Where a listing stands, in epoch seconds: the window, the end of all, the cursor in the window.

    The window is ``start <= submitted < end``. An open listing ends in the future: what is submitted while it
    runs, or by a clock ahead of ours, belongs to it.
    """

    start: int
    end: int
    last: int
    token: str = ""

    @classmethod
    def over(cls, site: Site, start: int, last: int = _FOR_EVER) -> Position:
        """Begin a listing; a span longer than WeCom's window is walked in several."""
        end = min(last, start + window(site))
        if not site.setting("listing_ahead", True):
            end = min(end, max(seconds(now()) - EDGE, start + 1))
        return cls(start, end, last)

    def after(self, site: Site, token: str) -> Position | None:
        """Return the next page, or the next window, or None at the end."""
        if token:
            return replace(self, token=token)
        if self.end >= min(self.last, seconds(now()) - EDGE):
            return None
        return Position.over(site, self.end, self.last)

    def text(self) -> str:
        """Return the position as text, for pages and cursors."""
        return json.dumps([self.start, self.end, self.last, self.token])

    @classmethod
    def read(cls, text: str) -> Position:
        """Read what :meth:`text` wrote."""
        return cls(*json.loads(text))


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
        "filters": [
            {"key": key, "value": value} for key, value in (("template_id", form.template_id), *filters)
        ],
    }
    answer = yield from api(site, LIST, body)
    numbers = answer.get("sp_no_list") if isinstance(answer, dict) else None
    following = str(answer.get("new_next_cursor") or "") if isinstance(answer, dict) else ""
    if not isinstance(numbers, list):
        raise exc.TransientError("WeCom answers a listing without a list.", system=site.conn_id)
    if following and following == at.token:
        raise exc.TransientError("WeCom's listing continues as itself.", system=site.conn_id)
    return [str(number) for number in numbers], at.after(site, following)


def search(site: Site, document_type: str, query: Query, position: str | None) -> Exchange[Page]:
    """List documents by the moment of their submission, then read each.

    ``issued_from`` and ``issued_to`` are compared with the form's own date; the span of submission is theirs,
    widened by ``listing_margin_days``. Without any bound it is the last 30 days. ``raw`` takes
    ``created_from`` and ``created_to`` (ISO instants), ``creator``, ``sp_status``, ``record_type`` and
    ``departments`` (a list) as WeCom has them.

    :raises Unsupported: ``changed_since``, which WeCom cannot be asked for.
    """
    form = form_of(site, document_type)
    if query.changed_since is not None:
        raise exc.Unsupported(
            "WeCom lists approvals by their submission only.",
            system=site.conn_id,
            field="changed_since",
            remedy="Read the approvals that are awaited, or have WeCom's events sent.",
        )
    at = Position.read(position) if position else Position.over(site, *_span(site, query))
    numbers, following = yield from list_numbers(site, form, at, _filters(query))
    found = yield from _submitted(site, form, at, numbers)
    wanted = tuple(reading for reading in found if _matches(reading, query))
    return Page(readings=wanted, next=None if following is None else following.text())


def _filters(query: Query) -> list[tuple[str, str]]:
    single = ("creator", "sp_status", "record_type")
    found = [(key, str(query.raw[key])) for key in single if query.raw.get(key)]
    return found + [("department", str(one)) for one in query.raw.get("departments") or ()]


def _submitted(site: Site, form: Form, at: Position, numbers: Sequence[str]) -> Exchange[list[Reading]]:
    """Read what was submitted within the window; what lies at its edge is the next one's."""
    found = []
    for number in dict.fromkeys(numbers):
        with about(site, number):
            info = yield from get(site, number)
            applied = moment(info.get("apply_time"))
            if applied is None or at.start <= seconds(applied) < at.end:
                found.append(reading_of(site, form, info))
    return found


def _span(site: Site, query: Query) -> tuple[int, int]:
    start, end = _instant(site, query, "created_from"), _instant(site, query, "created_to")
    margin = timedelta(days=int(site.setting("listing_margin_days", SPAN_DAYS)))
    if start is None and end is None:
        if query.issued_from:
            start = datetime.combine(query.issued_from, time.min, site.time_zone).astimezone(UTC) - margin
        if query.issued_to:
            end = datetime.combine(query.issued_to, time.max, site.time_zone).astimezone(UTC) + margin
    if start is None:
        start = min(end or now(), now()) - timedelta(seconds=_lately(site))
    return seconds(start), seconds(end) if end else _FOR_EVER


def _instant(site: Site, query: Query, name: str) -> datetime | None:
    given = query.raw.get(name)
    found = datetime.fromisoformat(given) if isinstance(given, str) else given
    if found is not None and (not isinstance(found, datetime) or found.tzinfo is None):
        raise exc.Misconfigured(
            f"{given!r} is no instant with a time zone.", system=site.conn_id, field=f"raw.{name}"
        )
    return found


def _matches(reading: Reading, query: Query) -> bool:
    document = reading.document
    day = document.issue_date if document else None
    return (
        (not query.numbers or reading.ref.number in query.numbers)
        and (not query.company_code or reading.company_code == query.company_code)
        and (not query.party or query.party in _parties(reading))
        and (query.issued_from is None or (day is not None and day >= query.issued_from))
        and (query.issued_to is None or (day is not None and day <= query.issued_to))
    )


def _parties(reading: Reading) -> set[str]:
    lines = reading.document.lines if reading.document else ()
    return {reading.party} | {line.seller_supplier_party.id for line in lines if line.seller_supplier_party}


def changes(site: Site, document_type: str, cursor: str) -> Exchange[Changes]:
    """Return approvals submitted since a cursor, without reading them.

    Decisions on older ones do not show here: WeCom lists by submission. An empty cursor begins 30 days back.
    References may repeat; their numbers are empty until they are read.
    """
    form = form_of(site, document_type)
    began = seconds(now())
    at = Position.read(cursor) if cursor else Position.over(site, began - _lately(site))
    numbers, following = yield from list_numbers(site, form, at)
    refs = tuple(
        DocumentRef(site.known_instance, "", DocumentType(form.document_type), number)
        for number in dict.fromkeys(numbers)
    )
    more = following is not None
    if following is None:
        again = max(at.start, began - int(OVERLAP.total_seconds()))
        following = Position.over(site, again)
    return Changes(refs=refs, cursor=following.text(), more=more)
