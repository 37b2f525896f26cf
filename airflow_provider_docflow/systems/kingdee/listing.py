"""Listings and changes: pages go by the id of the record, so that edits and new documents shift nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Changes, Page, Query
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.systems.kingdee import reading, values
from airflow_provider_docflow.systems.kingdee.catalogue import form_of
from airflow_provider_docflow.systems.kingdee.forms import Form
from airflow_provider_docflow.systems.kingdee.wire import ask, number_of, one_of, query, text

PAGE_SIZE = 50
CHANGES_PAGE = 500


def searcher(document_type: str) -> Callable[[Site, Query, str | None], Exchange[Page]]:
    """Return the listing; ``Query.raw`` may hold one more condition as ``{"filter": "..."}``."""

    def search(site: Site, asked: Query, position: str | None) -> Exchange[Page]:
        form = form_of(site, document_type)
        where = _condition(site, form, asked, position)
        rows = yield from query(site, form.form_id, ("FID",), where, limit=PAGE_SIZE)
        ids = list(dict.fromkeys(number_of(row[0]) for row in rows))
        found = yield from reading.by_ids(site, form, ids)
        readings = yield from reading.readings_of(site, form, list(found.values()))
        return Page(readings=tuple(readings), next=ids[-1] if len(rows) == PAGE_SIZE else None)

    return search


def _condition(site: Site, form: Form, asked: Query, position: str | None) -> str:
    company = form.key_of("company_code")
    parts = [
        one_of(form.number_field, asked.numbers) if asked.numbers else "",
        f"{_known(form, form.party, 'party')}={text(asked.party)}" if asked.party else "",
        f"{_known(form, company, 'company_code')}={text(asked.company_code)}" if asked.company_code else "",
        changed_since(site, form, asked.changed_since) if asked.changed_since else "",
        f"{form.issued}>={text(asked.issued_from.isoformat())}" if asked.issued_from else "",
        f"{form.issued}<{text((asked.issued_to + timedelta(days=1)).isoformat())}" if asked.issued_to else "",
        f"({asked.raw['filter']})" if asked.raw.get("filter") else "",
        f"FID>{int(position)}" if position else "",
    ]
    return " and ".join(part for part in parts if part)


def _known(form: Form, key: str, asked: str) -> str:
    if not key:
        raise Misconfigured(
            f"{form.form_id} has no field for {asked}.",
            system="kingdee",
            field=asked,
            remedy="Map it in the forms of the connection.",
        )
    return key


def changed_since(site: Site, form: Form, since: datetime) -> str:
    """Return the condition that a document was changed or audited since a moment, by the tenant's clock."""
    at = text(values.clock(site, since))
    keys = [key for key in (form.modified_field, form.approved_field) if key]
    return f"({' or '.join(f'{key}>={at}' for key in keys)})"


def watcher(document_type: str) -> Callable[[Site, str], Exchange[Changes]]:
    """Return the change feed.

    A round asks from the beginning of the last one on, by the server's own clock, less ``overlap_seconds``,
    and goes by ids: what changes while it runs belongs to the next. Documents within the overlap come
    twice. Kingdee tells changes by its time of change and of audit; a step that moves neither shows when
    the document is read.
    """

    def changes(site: Site, cursor: str) -> Exchange[Changes]:
        form = form_of(site, document_type)
        place: dict[str, Any] = json.loads(cursor) if cursor else {}
        parts = [f"FID>{int(place['after'])}"] if place.get("after") else []
        if place.get("from"):
            overlap = timedelta(seconds=float(site.setting("overlap_seconds", 120)))
            parts.append(changed_since(site, form, datetime.fromisoformat(place["from"]) - overlap))
        began = place.get("began") or (yield from _their_time(site, form))
        company = form.key_of("company_code")
        keys = ["FID", form.number_field, *((company,) if company else ())]
        rows = yield from query(site, form.form_id, keys, " and ".join(parts), limit=CHANGES_PAGE)
        refs = tuple(dict.fromkeys(_ref(site, form, row) for row in rows))
        if len(rows) < CHANGES_PAGE:
            return Changes(refs=refs, cursor=json.dumps({"from": began}))
        going = {"from": place.get("from"), "began": began, "after": refs[-1].internal_id}
        return Changes(refs=refs, cursor=json.dumps(going), more=True)

    return changes


def _ref(site: Site, form: Form, row: list[Any]) -> DocumentRef:
    company = str(row[2] or "") if len(row) > 2 else ""
    kind = DocumentType(form.document_type)
    return DocumentRef(site.known_instance, company, kind, number_of(row[0]), str(row[1] or "").strip())


def _their_time(site: Site, form: Form) -> Exchange[str]:
    """Return the server's time, from the head of its shortest answer; ours only where it tells none."""
    data = {"FormId": form.form_id, "FieldKeys": "FID", "FilterString": "1=0", "OrderString": "", "Limit": 1}
    answer = yield from ask(site, "ExecuteBillQuery", {"data": data})
    try:
        told = parsedate_to_datetime(answer.headers.get("Date", ""))
    except (TypeError, ValueError):
        told = datetime.now(UTC)
    return (told if told.tzinfo else told.replace(tzinfo=UTC)).isoformat()
