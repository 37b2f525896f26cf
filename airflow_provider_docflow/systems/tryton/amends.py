"""Amending an order that is still a draft: new contents under the same id, and lines that keep theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.paging import WriteResult, all_or_nothing
from airflow_provider_docflow.core.profile import Probe, Reading, Write, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.tryton import feeds, kinds
from airflow_provider_docflow.systems.tryton.buttons import ref_in, stamps
from airflow_provider_docflow.systems.tryton.creates import (
    CREATE_BATCH,
    SETTLE_SECONDS,
    Company,
    Values,
    document_in,
    each,
    in_companies,
)
from airflow_provider_docflow.systems.tryton.lines import check_tax, line_ids
from airflow_provider_docflow.systems.tryton.order_lines import header, order_lines
from airflow_provider_docflow.systems.tryton.trade import trade_of
from airflow_provider_docflow.systems.tryton.wire import Row, rpc


def amender(kind: kinds.Kind) -> Write:
    """Return the amend of orders.

    ``arguments["lines"]`` is our line id → Tryton's, as the create answered it; a line id of Tryton's own
    stands for itself. Such lines are rewritten, other lines of the order go, other lines of the document
    are added. A draft that somebody changes meanwhile is a :class:`Conflict`.
    """
    amend = _Amend(kind)
    return Write(
        run=in_companies(amend.prepare, amend.send),
        probe=Probe(quality="unique", settle_seconds=SETTLE_SECONDS),
        landed=reads_as,
        batch_size=CREATE_BATCH,
    )


class _Amend:
    def __init__(self, kind: kinds.Kind) -> None:
        self.kind = kind

    def prepare(
        self, site: Site, company: Company, items: Sequence[WriteItem]
    ) -> Exchange[list[Values | exc.DocflowError]]:
        trade = yield from trade_of(site, company, [document_in(item) for item in items])
        found = yield from feeds.by_id(site, self.kind, [ref_in(item) for item in items])

        def build(item: WriteItem) -> Values:
            row = self._draft(site, company, item, found)
            document = document_in(item).checked()
            check_tax(document)
            lines = _commands(item, row, order_lines(trade, document))
            return {"row": row, "values": {**header(trade, document), "lines": lines}}

        return each(build, items)

    def _draft(self, site: Site, company: Company, item: WriteItem, found: Mapping[str, Row]) -> Row:
        """Return the order; a quotation is out of docflow's hands already."""
        row = found.get(ref_in(item).internal_id)
        if row is None:
            raise feeds.not_found(site, ref_in(item))
        if row["state"] != "draft" or row["company"]["id"] != company.id:
            raise exc.Rejected(
                f"only a draft of the same company is amended; the order is in {row['state']}.",
                system=site.conn_id,
                code="state",
                document=row["number"] or str(row["id"]),
                field="state",
                remedy="Reset the order to draft in Tryton, or supersede it.",
            )
        return row

    def send(
        self, site: Site, company: Company, pairs: list[tuple[WriteItem, Values]]
    ) -> Exchange[list[WriteResult]]:
        prepared = {id(item): its for item, its in pairs}

        def write(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Written]]:
            if not items:
                return []
            chosen = [prepared[id(item)] for item in items]
            arguments = [part for its in chosen for part in ([its["row"]["id"]], its["values"])]
            stamped = {**company.context, "_timestamp": stamps(self.kind, [its["row"] for its in chosen])}
            method = f"model.{self.kind.model}.write"
            yield from rpc(site, method, *arguments, context=stamped, writes=True)
            return (yield from self._written(site, items))

        return (yield from all_or_nothing(write)(site, [item for item, _ in pairs]))

    def _written(self, site: Site, items: Sequence[WriteItem]) -> Exchange[list[Written]]:
        try:
            now = yield from feeds.by_id(site, self.kind, [ref_in(item) for item in items])
            rows = [now[ref_in(item).internal_id] for item in items]
        except (exc.DocflowError, KeyError) as error:
            raise exc.UnknownOutcome(f"amended, but not read: {error}", system=site.conn_id) from error
        return [
            Written(
                ref=kinds.ref_of(site, self.kind, row),
                detail={"lines": dict(line_ids(document_in(item), kinds.ordered_lines(row)))},
            )
            for item, row in zip(items, rows, strict=True)
        ]


def _commands(item: WriteItem, row: Row, lines: list[Values]) -> list[Any]:
    """Return what turns the order's lines into ``lines``."""
    present = {line["id"]: line for line in row.get("lines") or []}
    known: Mapping[str, Any] = item.arguments.get("lines") or {}
    names = [line.line_id for line in document_in(item).lines]
    commands: list[Any] = []
    kept: set[int] = set()
    for position, values in enumerate(lines):
        name = names[position] if position < len(names) else ""
        target = int(known.get(name) or (name if name.isascii() and name.isdigit() else 0))
        if target in present and target not in kept:
            kept.add(target)
            old = [tax["id"] for tax in present[target].get("taxes") or []]
            commands.append(["write", [target], {**values, "taxes": [["remove", old], *values["taxes"]]}])
        else:
            commands.append(["create", [values]])
    gone = sorted(present.keys() - kept)
    return [*commands, *([["delete", gone]] if gone else [])]


def reads_as(reading: Reading, item: WriteItem) -> bool:
    """Tell whether an order reads as the document that was to be written."""
    wanted, found = item.document, reading.document
    if wanted is None or found is None or reading.total != wanted.payable_amount:
        return False
    theirs = [(line.item_id, line.quantity, line.price_amount) for line in found.lines]
    ours = [
        (line.item_id, line.quantity, line.price_amount and line.price_amount / line.base_quantity)
        for line in wanted.lines
    ]
    party = wanted.seller_supplier_party
    return theirs[: len(ours)] == ours and (party is None or reading.party == party.id)
