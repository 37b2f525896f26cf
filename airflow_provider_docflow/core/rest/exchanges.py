"""The exchanges that follow from a declaration: read, list, follow, create, amend, act, find."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, dig, fetch
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import (
    Changes,
    Finding,
    Page,
    Query,
    Reading,
    WriteItem,
    Written,
)
from airflow_provider_docflow.core.rest.asking import list_at, request_of, their_time, with_query
from airflow_provider_docflow.core.rest.declare import Action, ReadMany, RestDocument, Search
from airflow_provider_docflow.core.rest.pages import with_params
from airflow_provider_docflow.core.rest.values import listed, native_body, needed, reading_of, ref_of, says
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef


class RestType:
    """One document type of one API, ready to run."""

    def __init__(self, document_type: str, kind: RestDocument) -> None:
        self.document_type, self.kind = document_type, kind

    def read(self, site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[Reading | exc.DocflowError]]:
        """Read documents, several with one request where the API can; an error is its document's entry."""
        many = self.kind.read_many
        shown = (yield from self._shown(site, many, refs)) if many and len(refs) > 1 else {}
        readings: list[Reading | exc.DocflowError] = []
        for ref in refs:
            try:
                if ref.internal_id in shown:
                    readings.append(self._reading(site, ref, shown[ref.internal_id]))
                else:
                    readings.append((yield from self.read_one(site, ref)))
            except exc.DocflowError as error:
                error.document = error.document or str(ref)
                readings.append(error)
        return readings

    def _shown(self, site: Site, many: ReadMany, refs: Sequence[DocumentRef]) -> Exchange[dict[str, Any]]:
        """Return what one listing shows of documents, by their ids; nothing where it refuses them."""
        ids = dict.fromkeys(ref.internal_id for ref in refs if many.joined not in ref.internal_id)
        request = with_params(request_of(site, many.call), {many.param: many.joined.join(ids)})
        try:
            answer = yield from fetch(site, request)
            raws = list_at(site, answer, many.call.at)
        except exc.Authentication:
            raise
        except exc.PermanentError:
            # One id that the API takes for wrong must not hide the others.
            return {}
        return {str(dig(raw, self.kind.id_at)): raw for raw in raws if isinstance(raw, Mapping)}

    def read_one(self, site: Site, ref: DocumentRef) -> Exchange[Reading]:
        """Read one document.

        :raises NotFound: the reply holds none.
        :raises Rejected: it holds another one.
        """
        answer = yield from fetch(site, request_of(site, self.kind.read, ref=ref))
        raw = dig(answer.body, self.kind.read.at)
        if not isinstance(raw, Mapping):
            raise exc.NotFound("the system answered with no document.", system=site.conn_id)
        return self._reading(site, ref, raw)

    def _reading(self, site: Site, ref: DocumentRef, raw: Mapping[str, Any]) -> Reading:
        reading = reading_of(site, self.kind, self.document_type, raw)
        if reading.ref.internal_id != ref.internal_id:
            raise exc.Rejected(
                f"the system answered with another document, {reading.ref.internal_id}.",
                system=site.conn_id,
                field=self.kind.id_at,
            )
        return reading

    def search(self, site: Site, query: Query, position: str | None) -> Exchange[Page]:
        """Read one page of a listing; with several numbers and no way to join them, number by number."""
        search = self._search()
        numbers: Sequence[str] = query.numbers
        if len(numbers) > 1 and search.joined:
            numbers = [search.joined.join(numbers)]
        turn, inner = json.loads(position) if position else (0, None)
        chosen = replace(query, numbers=tuple(numbers[turn : turn + 1]))
        request = with_query(site, request_of(site, search.call), chosen, search)
        readings, following, _ = yield from self._page(site, request, search, inner)
        if following is not None:
            return Page(readings=readings, next=json.dumps([turn, following]))
        more = turn + 1 < len(numbers)
        return Page(readings=readings, next=json.dumps([turn + 1, None]) if more else None)

    def _search(self) -> Search:
        if self.kind.search is None:
            raise exc.Unsupported("documents of this type cannot be listed.")
        return self.kind.search

    def _page(
        self, site: Site, request: httpx2.Request, search: Search, position: str | None
    ) -> Exchange[tuple[tuple[Reading, ...], str | None, Answer]]:
        asked = search.paging.ask(site, request, position)
        answer = yield from fetch(site, asked)
        raws = list_at(site, answer, search.call.at)
        readings = tuple(listed(site, self.kind, self.document_type, raw) for raw in raws)
        following = search.paging.next(site, asked, answer, len(raws))
        if following is not None and following == position:
            raise exc.Rejected(
                "the listing goes on with the page that it has just given.",
                system=site.conn_id,
                remedy="Correct the paging of the profile.",
            )
        return readings, following, answer

    def changes(self, site: Site, cursor: str) -> Exchange[Changes]:
        """Follow changes by the listing's filter on the time of change.

        A round asks from the beginning of the last one on, by the system's own clock, less the overlap: what
        changes while a round is read belongs to the next.
        """
        search = self._search()
        place = json.loads(cursor) if cursor else {}
        since = datetime.fromisoformat(place["from"]) if place.get("from") else None
        if since is not None:
            since -= timedelta(seconds=self.kind.overlap_seconds)
        request = request_of(site, search.call)
        if since is not None:
            request = with_query(site, request, Query(changed_since=since), search)
        readings, following, answer = yield from self._page(site, request, search, place.get("page"))
        refs = tuple(reading.ref for reading in readings)
        began = place.get("began") or their_time(answer).isoformat()
        if following is None:
            return Changes(refs=refs, cursor=json.dumps({"from": began}))
        going = {"from": place.get("from"), "began": began, "page": following}
        return Changes(refs=refs, cursor=json.dumps(going), more=True)

    def create(self, site: Site, item: WriteItem) -> Exchange[Written]:
        """Create one document."""
        assert self.kind.create is not None
        body = (self.kind.body or self._body)(site, item)
        key = self.kind.idempotency
        request = request_of(
            site,
            self.kind.create,
            mark=item.mark,
            body=body,
            headers={key.header: item.mark} if key else None,
        )
        answer = yield from _named(fetch(site, request, writes=True), item)
        if self.kind.written is not None:
            return self.kind.written(site, item, answer)
        return Written(ref=self._ref(site, dig(answer.body, self.kind.create.at), item))

    def _body(self, site: Site, item: WriteItem) -> Any:
        return native_body(site, self.kind, item)

    def _ref(self, site: Site, raw: Any, item: WriteItem) -> DocumentRef:
        try:
            return ref_of(site, self.kind, self.document_type, raw)
        except exc.Rejected as error:
            # The request was taken; only what it led to is not known.
            raise exc.UnknownOutcome(
                error.message, system=site.conn_id, document=item.reference, remedy=error.remedy
            ) from error

    def amend(self, site: Site, item: WriteItem) -> Exchange[Written]:
        """Replace what one document says."""
        assert self.kind.amend is not None
        build = self.kind.body or (lambda site, item: native_body(site, self.kind, item, mark=False))
        ref = _existing(item)
        request = request_of(site, self.kind.amend, ref=ref, mark=item.mark, body=build(site, item))
        yield from _named(fetch(site, request, writes=True, want_json=False), item)
        return Written(ref=ref)

    def amended(self, site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
        """Tell which amendments are there: the document says what was to be written."""
        findings = []
        for item in items:
            reading = yield from self.read_one(site, _existing(item))
            there = says(site, self.kind, reading.raw, needed(item))
            findings.append(Finding(marked=(reading,) if there else ()))
        return findings

    def act(self, action: Action) -> Callable[[Site, WriteItem], Exchange[Written]]:
        """Return the write that carries out an action."""

        def write(site: Site, item: WriteItem) -> Exchange[Written]:
            ref = _existing(item)
            body = action.body(site, item) if action.body else dict(item.arguments) or None
            key = self.kind.idempotency
            request = request_of(
                site,
                action.call,
                ref=ref,
                mark=item.mark,
                body=body,
                headers={key.header: item.mark} if key else None,
            )
            yield from _named(fetch(site, request, writes=True, want_json=False), item)
            return Written(ref=ref)

        return write

    def find(self, site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
        """Find documents by their marks."""
        findings = []
        for item in items:
            findings.append((yield from self._find_one(site, item)))
        return findings

    def _find_one(self, site: Site, item: WriteItem) -> Exchange[Finding]:
        find, mark = self.kind.find, self.kind.mark
        assert find is not None and mark is not None
        search = Search(call=find.call, paging=find.paging)
        request = request_of(site, find.call, mark=item.mark)
        request = with_params(request, {find.param: mark.value(item)})
        found: dict[str, Reading] = {}
        seen: set[str | None] = set()
        position: str | None = None
        while position not in seen:
            seen.add(position)
            readings, following, _ = yield from self._page(site, request, search, position)
            # A lenient search also gives documents that merely look alike.
            found.update(
                (r.ref.internal_id, r) for r in readings if item.mark in str(dig(r.raw, mark.native))
            )
            if following is None:
                return Finding(marked=tuple(found.values()))
            position = following
        raise exc.Rejected("the search for a mark does not end.", system=site.conn_id)


def _existing(item: WriteItem) -> DocumentRef:
    if item.ref is None:
        raise exc.InvalidDocument("there is no document to change.", remedy="Give the write its reference.")
    return item.ref


def _named(exchange: Exchange[Answer], item: WriteItem) -> Exchange[Answer]:
    try:
        return (yield from exchange)
    except exc.DocflowError as error:
        error.document = error.document or item.reference or (str(item.ref) if item.ref else item.mark)
        raise
