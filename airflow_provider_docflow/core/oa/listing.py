"""
Listings of approvals by the moment of their creation, in windows that the product limits.

A form has a date of its own, which people fill in; a list knows when the approval was created. A query by
date is therefore answered from a wider span of creation, and its bounds are compared with the forms.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.oa.instants import milliseconds, span_milliseconds
from airflow_provider_docflow.core.profile import Page, Query, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef, DocumentType

MARGIN_DAYS = 31
"""Days by which a form's date may lie before or after the approval's creation, unless the connection says."""


@dataclass(frozen=True)
class Position:
    """Where a listing stands: its window and the end of all, as epoch numbers, and the cursor inside."""

    start: int
    end: int
    last: int
    token: int | str = ""

    @classmethod
    def over(cls, start: datetime, end: datetime, window: timedelta) -> Position:
        """Begin a listing in milliseconds; a longer span than the window is walked in several."""
        return cls(milliseconds(start), milliseconds(min(end, start + window)), milliseconds(end))

    def after(self, token: str, window: timedelta) -> Position | None:
        """Return the next page, or the next window (its ends belong to it), or None at the end."""
        if token:
            return replace(self, token=token)
        if self.end >= self.last:
            return None
        following = self.end + 1
        return Position(following, min(self.last, following + span_milliseconds(window)), self.last)

    def text(self) -> str:
        """Return the position as text, for pages and cursors."""
        return json.dumps([self.start, self.end, self.last, self.token])

    @classmethod
    def read(cls, text: str) -> Position:
        """Read what :meth:`text` wrote."""
        return cls(*json.loads(text))


def refuse_changed_since(site: Site, query: Query, moment: str = "creation") -> None:
    """Refuse a query by the last change, which no list of approvals can be asked for.

    :param moment: what the product lists by.
    :raises Unsupported: the query says ``changed_since``.
    """
    if query.changed_since is not None:
        title = site.profile.title
        raise exc.Unsupported(
            f"{title} lists approvals by their {moment} only.",
            system=site.conn_id,
            field="changed_since",
            remedy=f"Read the approvals that are awaited, or have {title}'s events sent.",
        )


def created_span(site: Site, query: Query) -> tuple[datetime | None, datetime | None]:
    """Return the span of creation that a query asks for; None where it has no bound.

    ``raw`` takes ``created_from`` and ``created_to``; without them the bounds of the form's date hold,
    widened by ``listing_margin_days``.

    :raises Misconfigured: a bound is no instant with a time zone.
    """
    start, end = _instant(site, query, "created_from"), _instant(site, query, "created_to")
    if start is not None or end is not None:
        return start, end
    margin = timedelta(days=int(site.setting("listing_margin_days", MARGIN_DAYS)))
    if query.issued_from:
        start = datetime.combine(query.issued_from, time.min, site.time_zone).astimezone(UTC) - margin
    if query.issued_to:
        end = datetime.combine(query.issued_to, time.max, site.time_zone).astimezone(UTC) + margin
    return start, end


def _instant(site: Site, query: Query, name: str) -> datetime | None:
    given = query.raw.get(name)
    found = datetime.fromisoformat(given) if isinstance(given, str) else given
    if found is not None and (not isinstance(found, datetime) or found.tzinfo is None):
        raise exc.Misconfigured(
            f"{given!r} is no instant with a time zone.", system=site.conn_id, field=f"raw.{name}"
        )
    return found


def page_of(readings: Iterable[Reading], query: Query, following: Position | None) -> Page:
    """Return a page of what a query asks for among the documents of listed approvals."""
    wanted = tuple(reading for reading in readings if _matches(reading, query))
    return Page(readings=wanted, next=None if following is None else following.text())


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


def ref_of(site: Site, document_type: str, internal_id: str, number: str = "") -> DocumentRef:
    """Return the reference of an approval. Its company is a value of the form, may change, and is no part."""
    return DocumentRef(
        instance=site.known_instance,
        company_code="",
        document_type=DocumentType(document_type),
        internal_id=internal_id,
        number=number,
    )
