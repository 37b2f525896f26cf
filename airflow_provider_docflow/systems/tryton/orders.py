"""Purchase orders, ``purchase.purchase``.

Orders are created with ``invoice_method`` manual: under the method "order" Tryton itself drafts an
invoice when it processes the order, and that would be a second writer of the invoice that docflow writes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import (
    WriteItem,
)
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.systems.tryton import kinds
from airflow_provider_docflow.systems.tryton.amends import amender
from airflow_provider_docflow.systems.tryton.buttons import button
from airflow_provider_docflow.systems.tryton.creates import (
    Company,
    Values,
    creator,
    document_in,
    each,
)
from airflow_provider_docflow.systems.tryton.lines import check_tax
from airflow_provider_docflow.systems.tryton.marks import marked
from airflow_provider_docflow.systems.tryton.order_lines import header, order_lines
from airflow_provider_docflow.systems.tryton.profiles import document_profile
from airflow_provider_docflow.systems.tryton.trade import trade_of
from airflow_provider_docflow.systems.tryton.wire import Row

# Tryton processes what is confirmed before it answers (stock moves); beyond 20 the time per order grows.
CONFIRM_BATCH = 20
PRESS_BATCH = 50


def _invoicing(row: Mapping[str, Any]) -> str:
    return f"{row['invoice_state']}, more to invoice" if row.get("to_invoice") else str(row["invoice_state"])


def _lines(site: Site, row: Row) -> list[dict[str, Any]]:
    lines = []
    for line in kinds.ordered_lines(row):
        more = {
            "delivery_date": line.get("delivery_date"),
            "extensions": kinds.origin_of(site, "purchase_line", line["id"]),
        }
        lines.append({**kinds.line_of(line), **more})
    return lines


KIND = kinds.Kind(
    document_type=DocumentType.PURCHASE_ORDER,
    model="purchase.purchase",
    line_model=("purchase.line", "purchase"),
    fields=(
        "party.code",
        "party.name",
        "currency.code",
        "purchase_date",
        "tax_amount",
        "total_amount",
        "comment",
        "invoice_state",
        "to_invoice",
        "shipment_state",
        *kinds.prefixed("lines", (*kinds.LINE_FIELDS, "delivery_date")),
    ),
    issued="purchase_date",
    marks=("reference", "description"),
    lines=_lines,
    axes={
        "lifecycle": Words(
            at="state",
            words={
                "draft": "draft",
                "quotation": "submitted",
                "confirmed": "active",
                "processing": "active",
                "done": "closed",
                "cancelled": "cancelled",
            },
        ),
        "approval": kinds.NOTHING,
        "fulfilment": Words(
            at="shipment_state",
            words={
                "none": "none",
                "waiting": "none",
                "partially shipped": "partial",
                "received": "complete",
            },
        ),
        "invoicing": Words(
            at=_invoicing,
            words={
                "none": "none",
                "none, more to invoice": "none",
                "pending": "none",
                "pending, more to invoice": "none",
                "awaiting payment": "complete",
                "awaiting payment, more to invoice": "partial",
                "partially paid": "complete",
                "partially paid, more to invoice": "partial",
                "paid": "complete",
                "paid, more to invoice": "partial",
            },
        ),
        "payment": Words(
            at="invoice_state",
            words={
                "none": "none",
                "pending": "none",
                "awaiting payment": "none",
                "partially paid": "partial",
                "paid": "complete",
            },
        ),
    },
)


def _prepare(
    site: Site, company: Company, items: Sequence[WriteItem]
) -> Exchange[list[Values | exc.DocflowError]]:
    trade = yield from trade_of(site, company, [document_in(item) for item in items])

    def build(item: WriteItem) -> Values:
        document = document_in(item).checked()
        check_tax(document)
        return {
            **header(trade, document),
            "company": company.id,
            "reference": marked(item.reference or document.id, item.mark),
            "description": marked("", item.mark),
            "invoice_method": "manual",
            "lines": [["create", order_lines(trade, document)]],
        }

    return each(build, items)


DOCUMENT = document_profile(
    KIND,
    create=creator(KIND, _prepare),
    amend=amender(KIND),
    actions={
        "submit": button(
            KIND,
            "quote",
            before=("draft",),
            after=("quotation", "confirmed", "processing", "done"),
            batch_size=PRESS_BATCH,
        ),
        "confirm": button(
            KIND,
            "confirm",
            before=("quotation",),
            after=("confirmed", "processing", "done"),
            batch_size=CONFIRM_BATCH,
        ),
        "cancel": button(
            KIND, "cancel", before=("draft", "quotation"), after=("cancelled",), batch_size=PRESS_BATCH
        ),
    },
    stages={"saved": (), "submitted": ("submit",), "confirmed": ("submit", "confirm")},
)
