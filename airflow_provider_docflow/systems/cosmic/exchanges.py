"""The exchanges with one business object: query, save, submit, audit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, dig
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.paging import chunks
from airflow_provider_docflow.core.profile import (
    Changes,
    Finding,
    Page,
    Query,
    Reading,
    WriteItem,
    Written,
)
from airflow_provider_docflow.core.rest.asking import their_time
from airflow_provider_docflow.core.rest.values import listed, native_body, reading_of
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.cosmic.forms import Form
from airflow_provider_docflow.systems.cosmic.outcomes import outcomes
from airflow_provider_docflow.systems.cosmic.wire import api

Row = Mapping[str, Any]
_MOST_PAGES = 100
"""Of a query for as many bills as one page holds; numbers may repeat, but not so often."""


class Bills:
    """The documents of one business object."""

    def __init__(self, form: Form) -> None:
        self.form = form

    def _page(
        self, site: Site, data: Mapping[str, Any], number: int, size: int
    ) -> Exchange[tuple[list[Row], bool, Answer]]:
        """Return the rows of a page, and whether another one follows."""
        body = {"data": dict(data), "pageNo": number, "pageSize": size}
        answer = yield from api(site, self.form.url("query"), body)
        rows = dig(answer.body, "data.rows")
        if not isinstance(rows, list):
            raise exc.Rejected(
                "the query answered without rows.", system=site.conn_id, http_status=answer.status
            )
        last = dig(answer.body, "data.lastPage")
        return rows, len(rows) > 0 and (last is False or (last is None and len(rows) >= size)), answer

    def _only(self, site: Site, parameter: str, field: str, values: Sequence[str]) -> Exchange[list[Row]]:
        """Return all rows whose ``field`` is one of ``values``.

        :raises Misconfigured: others came too: the published query does not know the parameter, and what it
            leaves out would say nothing.
        """
        found: list[Row] = []
        size = _size(site)
        for part in chunks(list(dict.fromkeys(values)), size):
            number, more = 1, True
            while more:
                rows, more, _ = yield from self._page(site, {parameter: list(part)}, number, size)
                if any(str(row.get(field)) not in part for row in rows):
                    raise exc.Misconfigured(
                        f"the query of {self.form.path} does not restrict by {parameter}.",
                        system=site.conn_id,
                        field=f"forms.{self.form.document_type}",
                        remedy="Publish the query with this parameter, or name the one it has in forms.",
                    )
                if number > _MOST_PAGES:
                    raise exc.Rejected(
                        f"the query of {self.form.path} does not end.", system=site.conn_id, field=parameter
                    )
                found += rows
                number += 1
        return found

    def read(self, site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[Reading | exc.DocflowError]]:
        """Read documents, as many with one request as a page holds."""
        if self.form.ids:
            rows = yield from self._only(site, self.form.ids, "id", [ref.internal_id for ref in refs])
        else:
            numbers = [ref.number for ref in refs if ref.number]
            rows = yield from self._only(site, self.form.filters["numbers"], "billno", numbers)
        shown = {str(row.get("id")): row for row in rows}
        return [self._entry(site, ref, shown.get(ref.internal_id)) for ref in refs]

    def _entry(self, site: Site, ref: DocumentRef, row: Row | None) -> Reading | exc.DocflowError:
        if row is None and not self.form.ids and not ref.number:
            return exc.Misconfigured(
                f"{self.form.path} is read by number, and this reference has none.",
                system=site.conn_id,
                document=str(ref),
                field=f"forms.{self.form.document_type}.ids",
                remedy="Publish the query with a parameter that takes ids, and name it as ids in forms.",
            )
        if row is None:
            return exc.NotFound(
                f"there is no {self.form.path} {ref.internal_id}.",
                system=site.conn_id,
                document=str(ref),
                code="no row",
                http_status=200,
            )
        try:
            return reading_of(site, self.form.kind, self.form.document_type, row)
        except exc.DocflowError as error:
            error.document = error.document or str(ref)
            return error

    def search(self, site: Site, query: Query, position: str | None) -> Exchange[Page]:
        """Read one page of a listing."""
        number = int(position or 1)
        rows, more, _ = yield from self._page(site, self._restricted(site, query), number, _size(site))
        readings = tuple(listed(site, self.form.kind, self.form.document_type, row) for row in rows)
        return Page(readings=readings, next=str(number + 1) if more else None)

    def _restricted(self, site: Site, query: Query) -> dict[str, Any]:
        given: dict[str, Any] = {
            "numbers": list(query.numbers),
            "party": [query.party] if query.party else None,
            "company_code": [query.company_code] if query.company_code else None,
            "changed_since": query.changed_since and _clock(site, query.changed_since),
            "issued_from": query.issued_from and query.issued_from.isoformat(),
            "issued_to": query.issued_to and query.issued_to.isoformat(),
        }
        data = dict(query.raw)
        for name, value in given.items():
            if not value:
                continue
            if name not in self.form.filters:
                raise exc.Unsupported(
                    f"the query of {self.form.path} cannot restrict by {name}.",
                    system=site.conn_id,
                    field=name,
                    remedy="Leave the restriction out, or name its parameter under filters in forms.",
                )
            data[self.form.filters[name]] = value
        return data

    def changes(self, site: Site, cursor: str) -> Exchange[Changes]:
        """Follow changes by the time of the last modification, from where the last round began."""
        place = json.loads(cursor) if cursor else {}
        since = datetime.fromisoformat(place["from"]) if place.get("from") else None
        if since is not None:
            since -= timedelta(seconds=float(site.setting("overlap_seconds")))
        data = self._restricted(site, Query(changed_since=since))
        number = int(place.get("page", 1))
        rows, more, answer = yield from self._page(site, data, number, _size(site))
        kind, name = self.form.kind, self.form.document_type
        refs = tuple(listed(site, kind, name, row).ref for row in rows)
        began = place.get("began") or their_time(answer).isoformat()
        if not more:
            return Changes(refs=refs, cursor=json.dumps({"from": began}))
        going = {"from": place.get("from"), "began": began, "page": number + 1}
        return Changes(refs=refs, cursor=json.dumps(going), more=True)

    def create(self, site: Site, items: Sequence[WriteItem]) -> Exchange[list[Written | exc.DocflowError]]:
        """Save documents with one request; each is taken or refused by itself."""
        bodies: dict[int, dict[str, Any]] = {}
        refused: dict[int, exc.DocflowError] = {}
        for place, item in enumerate(items):
            try:
                bodies[place] = self._body(site, item)
            except exc.DocflowError as error:
                error.document, error.system = error.document or item.reference, site.conn_id
                refused[place] = error
        if not bodies:
            return [refused[place] for place in range(len(items))]
        sent = [items[place] for place in bodies]
        done = yield from self._send(site, "save", list(bodies.values()), sent)
        landed = dict(zip(bodies, done, strict=True))
        return [landed.get(place) or refused[place] for place in range(len(items))]

    def _body(self, site: Site, item: WriteItem) -> dict[str, Any]:
        body = native_body(site, self.form.kind, item)
        if self.form.reference_field:
            body[self.form.reference_field] = item.reference
        return body

    def _send(
        self, site: Site, operation: str, data: Any, items: Sequence[WriteItem]
    ) -> Exchange[list[Written | exc.DocflowError]]:
        try:
            answer = yield from api(site, self.form.url(operation), {"data": data}, writes=True)
        except exc.DocflowError as error:
            if len(items) == 1:
                error.document = error.document or _name(items[0])
            return [error] * len(items)
        return outcomes(site, self.form, answer, items)

    def act(
        self, operation: str
    ) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[Written | exc.DocflowError]]]:
        """Return the write that carries out an operation on existing documents."""

        def run(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Written | exc.DocflowError]]:
            ids = [_existing(item).internal_id for item in items]
            rows = site.setting("action_body") == "rows"
            data: Any = [{"id": one} for one in ids] if rows else {"id": ids}
            return (yield from self._send(site, operation, data, items))

        return run

    def find(self, site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
        """Find documents by their numbers, which are their marks."""
        mark = self.form.kind.mark
        assert mark is not None
        numbers = [mark.value(item) for item in items]
        rows = yield from self._only(site, self.form.filters["numbers"], "billno", numbers)
        found: dict[str, list[Reading]] = {}
        for row in rows:
            reading = listed(site, self.form.kind, self.form.document_type, row)
            found.setdefault(str(row.get("billno")), []).append(reading)
        return [Finding(marked=tuple(found.get(number, ()))) for number in numbers]

    def describe(self, site: Site) -> Exchange[list[LiveField]]:
        """Tell the fields that the connection's forms name; the OpenAPI has no catalogue of them."""
        yield from ()
        kind = self.form.kind
        heads = [("", "", field) for field in kind.fields]
        cells = [(f"{kind.lines_at}.", "lines[*].", field) for field in kind.line_fields]
        return [
            LiveField(
                name=f"{at}{field.native}",
                canonical=f"{path}{field.canonical}",
                custom=field.canonical.startswith("extensions."),
                written=field.write,
            )
            for at, path, field in (*heads, *cells)
        ]


def _size(site: Site) -> int:
    return int(site.setting("page_size"))


def _clock(site: Site, instant: datetime) -> str:
    return instant.astimezone(site.time_zone).strftime("%Y-%m-%d %H:%M:%S")


def _existing(item: WriteItem) -> DocumentRef:
    if item.ref is None:
        raise exc.InvalidDocument("there is no document to change.", remedy="Give the write its reference.")
    return item.ref


def _name(item: WriteItem) -> str:
    return item.reference or (str(item.ref) if item.ref else item.mark)
