"""Reading: many by their ids, page by page, and what has changed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Changes, Page, Query, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.tryton.kinds import Kind, reading_of, ref_of
from airflow_provider_docflow.systems.tryton.wire import Row, rows

PAGE_SIZE = 100
CHANGES_PAGE = 500
_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


def ids_of(refs: Sequence[DocumentRef]) -> list[int]:
    """Return the record ids of references; what is no number is no record."""
    return [int(ref.internal_id) for ref in refs if ref.internal_id.isascii() and ref.internal_id.isdigit()]


def by_id(site: Site, kind: Kind, refs: Sequence[DocumentRef]) -> Exchange[dict[str, Row]]:
    """Read records in one request; what does not exist, or may not be seen, is missing."""
    domain = [*kind.domain, ["id", "in", ids_of(refs)]]
    found = yield from rows(site, kind.model, domain, kind.wanted)
    return {str(row["id"]): row for row in found}


def not_found(site: Site, ref: DocumentRef) -> exc.NotFound:
    """Return the error of a reference that names nothing."""
    return exc.NotFound(
        f"Tryton has no {ref.document_type.value.replace('_', ' ')} with the id {ref.internal_id}.",
        system=site.conn_id,
        document=ref.number or ref.internal_id,
        remedy="Look whether it was deleted, or whether the user of the connection may see its company.",
    )


def reader(kind: Kind) -> Callable[[Site, Sequence[DocumentRef]], Exchange[list[Reading | exc.DocflowError]]]:
    """Return the read of many documents in one request."""

    def read(site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[Reading | exc.DocflowError]]:
        if not refs:
            return []
        found = yield from by_id(site, kind, refs)
        return [
            reading_of(site, kind, found[ref.internal_id])
            if ref.internal_id in found
            else not_found(site, ref)
            for ref in refs
        ]

    return read


def searcher(kind: Kind) -> Callable[[Site, Query, str | None], Exchange[Page]]:
    """Return the listing; a page continues after the last id, so inserts and edits shift nothing.

    ``Query.raw`` may hold more conditions as ``{"domain": [...]}`` in Tryton's own form.
    """

    def search(site: Site, query: Query, position: str | None) -> Exchange[Page]:
        domain: list[Any] = [*kind.domain, *(query.raw.get("domain") or ())]
        conditions = (
            ("number", "in", list(query.numbers)),
            (f"{kind.payee}.code", "=", query.party if kind.payee else ""),
            ("company.party.code", "=", query.company_code),
            ("last_modified_at", ">=", query.changed_since),
            (kind.issued, ">=", query.issued_from if kind.issued else None),
            (kind.issued, "<=", query.issued_to if kind.issued else None),
        )
        domain += [list(condition) for condition in conditions if condition[2]]
        domain += [["id", ">", int(position)]] if position else []
        found = yield from rows(site, kind.model, domain, kind.wanted, limit=PAGE_SIZE)
        following = str(found[-1]["id"]) if len(found) == PAGE_SIZE else None
        return Page(readings=tuple(reading_of(site, kind, row) for row in found), next=following)

    return search


def watcher(kind: Kind) -> Callable[[Site, str], Exchange[Changes]]:
    """Return the change feed, ordered by Tryton's own clock.

    A transaction stamps its records when it begins and shows them when it commits, so a record may
    appear behind the cursor. Therefore the feed looks back by ``overlap_seconds``, the longest
    transaction to be expected, until that time has passed since the newest stamp was first seen; then
    nothing behind it can still appear, and the feed repeats nothing any more. The empty cursor is the
    beginning. Lines that are changed without their document are watched as well.
    """

    def changes(site: Site, cursor: str) -> Exchange[Changes]:
        marks: dict[str, Any] = json.loads(cursor) if cursor else {}
        refs: dict[str, DocumentRef] = {}
        more = False
        sources = {"documents": (kind.model, ""), **({"lines": kind.line_model} if kind.line_model else {})}
        for name, (model, parent) in sources.items():
            mark = _Mark(site, marks.get(name) or {})
            page = yield from _changed(site, kind, model, parent, mark)
            for row in page:
                if owner := row[parent] if parent else row:
                    ref = ref_of(site, kind, owner)
                    refs[ref.internal_id] = ref
            more |= mark.advance(page)
            marks[name] = mark.to_json()
        return Changes(refs=tuple(refs.values()), cursor=json.dumps(marks), more=more)

    return changes


def _changed(site: Site, kind: Kind, model: str, parent: str, mark: _Mark) -> Exchange[list[Row]]:
    stamp = "last_modified_at"
    own = ("number", "company.party.code")
    fields = (stamp, *(f"{parent}.{field}" for field in own)) if parent else (stamp, *own)
    of_kind = [[f"{parent}.{clause[0]}", *clause[1:]] if parent else list(clause) for clause in kind.domain]
    later = ["OR", [[stamp, ">", mark.at]], [[stamp, "=", mark.at], ["id", ">", mark.id]]]
    order = ((stamp, "ASC"), ("id", "ASC"))
    return (yield from rows(site, model, [*of_kind, later], fields, order=order, limit=CHANGES_PAGE))


class _Mark:
    """How far one source was read: up to a stamp and an id, looking back until that is settled."""

    def __init__(self, site: Site, data: dict[str, Any]) -> None:
        self.overlap = timedelta(seconds=float(site.setting("overlap_seconds", 120)))
        self.at = datetime.fromisoformat(data["at"]) if data else _BEGINNING
        self.id = int(data.get("id", 0))
        self.newest = datetime.fromisoformat(data["newest"]) if data else _BEGINNING
        self.newest_id = int(data.get("newest_id", 0))
        self.seen = datetime.fromisoformat(data["seen"]) if data else _now()

    def advance(self, page: Sequence[Row]) -> bool:
        """Move past ``page``; return whether there is more to read now."""
        last = (page[-1]["last_modified_at"], page[-1]["id"]) if page else (self.at, self.id)
        if last > (self.newest, self.newest_id):
            (self.newest, self.newest_id), self.seen = last, _now()
        if len(page) == CHANGES_PAGE:
            self.at, self.id = last
            return True
        if _now() - self.seen >= self.overlap:
            self.at, self.id = self.newest, self.newest_id
        else:
            self.at, self.id = max(_BEGINNING, self.newest - self.overlap), 0
        return False

    def to_json(self) -> dict[str, Any]:
        return {
            "at": self.at.isoformat(),
            "id": self.id,
            "newest": self.newest.isoformat(),
            "newest_id": self.newest_id,
            "seen": self.seen.isoformat(),
        }


def _now() -> datetime:
    return datetime.now(UTC)
