"""
Reading orders by id, listing them, following their changes, and finding them by docflow's mark.

A list gives heads without lines (``isSum``); an order itself is read one by one. Conditions on other records
(organisation, vendor, customer) take ids alone. The change feed asks for the time stamp ``pubts``, which the
applications set with every change; that lists take it as a condition is unverified. What was deleted shows in
no list.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import Answer, about, dig
from airflow_provider_docflow.core.conn_fields import mapping_in
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import Changes, Finding, Page, Query, Reading, WriteItem
from airflow_provider_docflow.core.rest.asking import their_time
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.yonbip.kinds import Kind, Raw, moment, reading_of, ref_of, text_in
from airflow_provider_docflow.systems.yonbip.masters import vendor_ids
from airflow_provider_docflow.systems.yonbip.wire import api, ask

STAMP = "%Y-%m-%d %H:%M:%S"
ODD_ROWS = 20
_END = "9999-12-31 23:59:59"
Condition = dict[str, Any]


def detail(site: Site, kind: Kind, internal_id: str) -> Exchange[Raw]:
    """Return an order as the system shows it.

    :raises NotFound: there is none of that id.
    """
    answer = yield from api(site, "GET", kind.at("detail"), params={"id": internal_id})
    raw = dig(answer, "data")
    if not isinstance(raw, dict) or text_in(raw, "id") == "":
        raise exc.NotFound("the system shows no order of this id.", system=site.conn_id)
    if text_in(raw, "id") != internal_id:
        raise exc.Rejected(
            f"the system answered with another order, {text_in(raw, 'id')}.",
            system=site.conn_id,
            field="id",
        )
    return raw


def reader(kind: Kind) -> Callable[..., Exchange[list[Reading | exc.DocflowError]]]:
    """Return the read of a type: one request per order, and a failure is its order's entry."""

    def read(site: Site, refs: Sequence[DocumentRef]) -> Exchange[list[Reading | exc.DocflowError]]:
        found: list[Reading | exc.DocflowError] = []
        for ref in refs:
            try:
                with about(ref.number or ref.internal_id):
                    found.append(reading_of(site, kind, (yield from detail(site, kind, ref.internal_id))))
            except exc.DocflowError as error:
                found.append(error)
        return found

    return read


def rows(
    site: Site, kind: Kind, conditions: Sequence[Condition], page: int
) -> Exchange[tuple[list[Raw], bool, Answer]]:
    """Return one page of a list, whether there are more, and the answer itself."""
    size = int(site.setting("page_size"))
    body = {
        "pageIndex": page,
        "pageSize": size,
        "isSum": True,
        "simpleVOs": list(conditions),
        "queryOrders": [{"field": "id", "order": "asc"}],
    }
    answer = yield from ask(site, "POST", kind.at("list"), body=body)
    found = dig(answer.body, "data.recordList")
    count = dig(answer.body, "data.recordCount")
    if not isinstance(found, list):
        raise exc.TransientError("the system answers a list without rows.", system=site.conn_id)
    more = page * size < int(count) if count not in (None, "") else len(found) == size
    return found, more and bool(found), answer


def searcher(kind: Kind) -> Callable[[Site, Query, str | None], Exchange[Page]]:
    """Return the listing of a type; several numbers are asked for one after the other."""

    def search(site: Site, query: Query, position: str | None) -> Exchange[Page]:
        turn, page = json.loads(position) if position else (0, 1)
        conditions = yield from _conditions(site, kind, query, turn)
        found, more, _ = yield from rows(site, kind, conditions, page)
        readings = tuple(reading_of(site, kind, row, content=False) for row in _once(found))
        if more:
            return Page(readings=readings, next=json.dumps([turn, page + 1]))
        others = turn + 1 < len(query.numbers)
        return Page(readings=readings, next=json.dumps([turn + 1, 1]) if others else None)

    return search


def _once(found: Sequence[Raw]) -> list[Raw]:
    """Leave out further rows of one order: a list may give one per line all the same."""
    return list({text_in(row, "id"): row for row in reversed(found)}.values())[::-1]


def _conditions(site: Site, kind: Kind, query: Query, turn: int) -> Exchange[list[Condition]]:
    found: list[Condition] = []
    if query.numbers:
        found.append(equal("code", query.numbers[turn]))
    if query.company_code:
        found.append(equal(kind.references["company_code"], _organisation(site, query.company_code)))
    if query.party:
        found.append(equal(kind.references["party"], (yield from _party(site, kind, query.party))))
    if query.issued_from or query.issued_to:
        first = moment(query.issued_from) if query.issued_from else "1900-01-01 00:00:00"
        last = f"{query.issued_to.isoformat()} 23:59:59" if query.issued_to else _END
        found.append(between("vouchdate", first, last))
    if query.changed_since:
        found.append(between("pubts", stamp(site, query.changed_since), _END))
    found += [equal(name, value) for name, value in query.raw.items()]
    return found


def _organisation(site: Site, code: str) -> str:
    known = mapping_in(site, "organisations")
    if code not in known:
        raise exc.Unsupported(
            f"orders cannot be listed by the company {code}: its organisation's id is not known.",
            system=site.conn_id,
            field="company_code",
            remedy="Add the company to organisations of the connection.",
        )
    return known[code]


def _party(site: Site, kind: Kind, party: str) -> Exchange[str]:
    if kind.references["party"] != "vendor":
        return party
    found = yield from vendor_ids(site, [party])
    if party not in found:
        raise exc.NotFound(f"there is no vendor {party}.", system=site.conn_id, field="party")
    return str(found[party])


def equal(field: str, value: Any) -> Condition:
    """Return the condition that a field has a value."""
    return {"field": field, "op": "eq", "value1": value}


def between(field: str, first: str, last: str) -> Condition:
    """Return the condition that a field lies in a span, its ends included."""
    return {"field": field, "op": "between", "value1": first, "value2": last}


def stamp(site: Site, instant: datetime) -> str:
    """Return an instant as the system writes it, in its own zone."""
    return instant.astimezone(site.time_zone).strftime(STAMP)


def follower(kind: Kind) -> Callable[[Site, str], Exchange[Changes]]:
    """Return the change feed of a type; references may repeat, and an empty cursor begins with all orders."""

    def changes(site: Site, cursor: str) -> Exchange[Changes]:
        place = json.loads(cursor) if cursor else {}
        conditions = [between("pubts", place["from"], _END)] if place.get("from") else []
        page = int(place.get("page", 1))
        found, more, answer = yield from rows(site, kind, conditions, page)
        began = place.get("began") or _cursor(site, answer)
        refs = tuple(ref_of(site, kind, row) for row in _once(found))
        if more:
            going = {"from": place.get("from"), "began": began, "page": page + 1}
            return Changes(refs=refs, cursor=json.dumps(going), more=True)
        return Changes(refs=refs, cursor=json.dumps({"from": began}))

    return changes


def _cursor(site: Site, answer: Answer) -> str:
    """Return from when the next round asks: the system's own time of this one, less the overlap."""
    told = text_in(dig(answer.body, "data") or {}, "pubts")
    try:
        now = datetime.strptime(told, STAMP).replace(tzinfo=site.time_zone)
    except ValueError:
        now = their_time(answer)
    overlap = timedelta(seconds=int(site.setting("overlap_seconds")))
    return stamp(site, now.astimezone(UTC) - overlap)


def finder(kind: Kind) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[Finding]]]:
    """Return the probe: one list for the marks of a batch, then each order that it shows."""

    def find(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
        if not items:
            return []
        field = str(site.setting("mark_field"))
        marks = [equal(field, item.mark) for item in items]
        conditions = marks if len(marks) == 1 else [{"logicOp": "or", "conditions": marks}]
        found: dict[str, Raw] = {}
        page, more = 1, True
        while more:
            heads, more, _ = yield from rows(site, kind, conditions, page)
            _heeded(site, field, [*found, *heads], items)
            for head in _once(heads):
                name = text_in(head, "id")
                if name not in found:
                    found[name] = yield from detail(site, kind, name)
            page += 1
        return [_finding(site, kind, item, list(found.values()), field) for item in items]

    return find


def _heeded(site: Site, field: str, seen: Sequence[Any], items: Sequence[WriteItem]) -> None:
    """Refuse a list that shows far more than was asked for: it does not know the condition.

    :raises Misconfigured: nothing can be said of what is there.
    """
    if len(seen) > ODD_ROWS + 2 * len(items):
        raise exc.Misconfigured(
            f"the list does not heed the condition on {field}.",
            system=site.conn_id,
            field="mark_field",
            remedy="Name a text field of the order's head that the list can be asked for.",
        )


def _finding(site: Site, kind: Kind, item: WriteItem, orders: Sequence[Raw], field: str) -> Finding:
    # What counts is the mark in the order itself, not that the list gave it.
    marked = [raw for raw in orders if text_in(raw, field) == item.mark]
    return Finding(marked=tuple(reading_of(site, kind, raw) for raw in marked))
