"""Creating one company's documents in one request, which Tryton takes whole or not at all; finding them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import WriteResult, all_or_nothing
from airflow_provider_docflow.core.profile import Finding, Probe, Reading, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.tryton import marks
from airflow_provider_docflow.systems.tryton.acting import acting_in
from airflow_provider_docflow.systems.tryton.kinds import Kind, at, ordered_lines, reading_of, ref_of
from airflow_provider_docflow.systems.tryton.lines import line_ids
from airflow_provider_docflow.systems.tryton.masters import COMPANY, find
from airflow_provider_docflow.systems.tryton.wire import Row, rows, rpc

CLOCK_SKEW = timedelta(minutes=5)
# A transaction that outlived its request may still commit; Tryton answers an ordinary batch in seconds.
SETTLE_SECONDS = 30.0
CREATE_BATCH = 50


@dataclass(frozen=True)
class Company:
    """The company that a batch belongs to: its record and the context to act in it."""

    row: Row
    context: Mapping[str, Any]

    @property
    def id(self) -> int:
        """Tryton's id of the company."""
        return int(self.row["id"])


Values = dict[str, Any]
Prepare = Callable[[Site, Company, Sequence[WriteItem]], Exchange[list[Values | exc.DocflowError]]]


def document_in(item: WriteItem) -> Document:
    """Return the document that is to be written."""
    assert item.document is not None
    return item.document


def each(build: Callable[[WriteItem], Values], items: Sequence[WriteItem]) -> list[Values | exc.DocflowError]:
    """Build the values of every item; what is wrong with one stops only that one."""
    built: list[Values | exc.DocflowError] = []
    for item in items:
        try:
            built.append(build(item))
        except exc.DocflowError as error:
            built.append(error)
    return built


def in_companies(
    prepare: Prepare,
    send: Callable[[Site, Company, list[tuple[WriteItem, Values]]], Exchange[list[WriteResult]]],
) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[WriteResult]]]:
    """Return a run that prepares and sends a batch company by company."""

    def run(site: Site, items: Sequence[WriteItem]) -> Exchange[list[WriteResult]]:
        codes = [document_in(item).company_code for item in items]
        companies = yield from find(site, COMPANY, codes)
        results: list[WriteResult | None] = [None] * len(items)
        for code in dict.fromkeys(codes):
            places = [n for n, its in enumerate(codes) if its == code]
            try:
                row = companies.one(code, document=document_in(items[places[0]]).id, field="company_code")
                company = Company(row, (yield from acting_in(site, row["id"])))
                prepared = yield from prepare(site, company, [items[n] for n in places])
                good = [
                    (n, values)
                    for n, values in zip(places, prepared, strict=True)
                    if isinstance(values, dict)
                ]
                sent = yield from send(site, company, [(items[n], values) for n, values in good])
            except exc.DocflowError as error:
                for n in places:
                    results[n] = _about(site, error, items[n])
                continue
            for n, outcome in zip((n for n, _ in good), sent, strict=True):
                results[n] = _about(site, outcome, items[n])
            for n, values in zip(places, prepared, strict=True):
                if isinstance(values, exc.DocflowError):
                    results[n] = _about(site, values, items[n])
        return [result for result in results if result is not None]

    return run


def _about(site: Site, outcome: WriteResult, item: WriteItem) -> WriteResult:
    """Name the document in an error that came for its whole batch, and the connection in one of ours."""
    if isinstance(outcome, Written):
        return outcome
    number = document_in(item).id or item.reference
    attrs = {"system": site.conn_id, **outcome.attrs(), "document": number}
    return type(outcome)(outcome.message, **attrs)


def creator(kind: Kind, prepare: Prepare) -> Write:
    """Return the create of a type."""

    def send(
        site: Site, company: Company, pairs: list[tuple[WriteItem, Values]]
    ) -> Exchange[list[WriteResult]]:
        values = {id(item): its for item, its in pairs}

        def write(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Written]]:
            if not items:
                return []
            batch = [values[id(item)] for item in items]
            method = f"model.{kind.model}.create"
            ids = yield from rpc(site, method, batch, context=company.context, writes=True)
            return (yield from _written(site, kind, items, ids))

        return (yield from all_or_nothing(write)(site, [item for item, _ in pairs]))

    return Write(
        run=in_companies(prepare, send),
        probe=Probe(quality="unique", settle_seconds=SETTLE_SECONDS),
        find=finder(kind),
        batch_size=CREATE_BATCH,
        mark_length=marks.MARK_LENGTH,
    )


def _written(site: Site, kind: Kind, items: Sequence[WriteItem], ids: list[int]) -> Exchange[list[Written]]:
    """Read the ids of the lines; what was created stays created when that fails."""
    try:
        found = yield from rows(site, kind.model, [["id", "in", ids]], kind.wanted)
    except exc.DocflowError as error:
        raise exc.UnknownOutcome(f"created, but not read: {error.message}", **error.attrs()) from error
    by_id = {row["id"]: row for row in found}
    return [
        Written(ref=ref_of(site, kind, by_id[new]), detail=_detail(item, by_id[new]))
        for item, new in zip(items, ids, strict=True)
    ]


def _detail(item: WriteItem, row: Row) -> dict[str, Any]:
    return {"lines": dict(line_ids(document_in(item), ordered_lines(row)))}


def finder(kind: Kind) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[Finding]]]:
    """Return the probe: one request for the marks of a batch, one more for what was sent before.

    A marked reading's ``raw["detail"]`` is what :class:`Written` would have said. Suspects are records
    of the same company, party and total, created since the earlier send, that carry no mark at all:
    somebody may have wiped it. They are read in full only if there are any.
    """

    def probe(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
        if not items:
            return []
        domain = [*kind.domain, marks.domain_of(items, kind.marks)]
        found = yield from rows(site, kind.model, domain, kind.wanted)
        suspects = yield from _suspects(site, kind, [item for item in items if item.sent_at])
        return [
            Finding(
                marked=tuple(
                    _reading(site, kind, row, item)
                    for row in found
                    if marks.carries(row, kind.marks, item.mark)
                ),
                suspects=suspects.get(id(item), ()),
            )
            for item in items
        ]

    return probe


def _reading(site: Site, kind: Kind, row: Row, item: WriteItem) -> Reading:
    reading = reading_of(site, kind, row)
    return replace(reading, raw={**reading.raw, "detail": _detail(item, row)}) if item.document else reading


def _since(kind: Kind, item: WriteItem) -> list[Any]:
    assert item.sent_at is not None
    document = document_in(item)
    party = document.seller_supplier_party
    clauses: list[Any] = [
        ["company.party.code", "=", document.company_code],
        ["create_date", ">=", item.sent_at - CLOCK_SKEW],
    ]
    return [*clauses, [f"{kind.payee}.code", "=", party.id]] if party and kind.payee else clauses


def _suspects(site: Site, kind: Kind, items: Sequence[WriteItem]) -> Exchange[dict[int, tuple[Reading, ...]]]:
    if not items:
        return {}
    domain = [*kind.domain, ["OR", *(_since(kind, item) for item in items)]]
    seen = (*kind.marks, "company.party.code", kind.total, "create_date")
    fields = (*seen, f"{kind.payee}.code") if kind.payee else seen
    others = yield from rows(site, kind.model, domain, fields)
    unmarked = [row for row in others if not marks.is_marked(row, kind.marks)]
    alike = {id(item): [row["id"] for row in unmarked if _is_alike(kind, row, item)] for item in items}
    wanted = sorted({number for ids in alike.values() for number in ids})
    if not wanted:
        return {}
    full = yield from rows(site, kind.model, [["id", "in", wanted]], kind.wanted)
    readings = {row["id"]: reading_of(site, kind, row) for row in full}
    return {
        name: tuple(readings[number] for number in ids if number in readings) for name, ids in alike.items()
    }


def _is_alike(kind: Kind, row: Row, item: WriteItem) -> bool:
    document = document_in(item)
    party, total = document.seller_supplier_party, document.payable_amount
    return (
        item.sent_at is not None
        and row["create_date"] >= item.sent_at - CLOCK_SKEW
        and at(row, "company.party.code") == document.company_code
        and (not kind.payee or party is None or at(row, f"{kind.payee}.code") == party.id)
        and (total is None or row[kind.total] == total)
    )
