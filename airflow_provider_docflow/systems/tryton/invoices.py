"""Supplier invoices, ``account.invoice`` of the type "in".

An invoice is created by itself and its lines name the order's lines as their origin, so that Tryton counts
them as invoiced; the order's own button would invoice everything that is open and could carry no mark.
A line names its order's line by ``arguments["order_lines"]`` (our line id → Tryton's, as the create of the
order answered it) or by the tenant field ``purchase_line`` that a reading of the order carries. Tryton does
not say by code why it refuses to post; a refusal is looked into, and a closed period is told as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.systems.tryton import kinds
from airflow_provider_docflow.systems.tryton.buttons import button
from airflow_provider_docflow.systems.tryton.creates import creator
from airflow_provider_docflow.systems.tryton.invoicing import prepare
from airflow_provider_docflow.systems.tryton.profiles import document_profile
from airflow_provider_docflow.systems.tryton.wire import Row, rows

POST_BATCH = 20
PRESS_BATCH = 50


def _lifecycle(row: Mapping[str, Any]) -> str:
    return (
        "cancelled by a move" if row["state"] == "cancelled" and row.get("cancel_move") else str(row["state"])
    )


def _payment(row: Mapping[str, Any]) -> str:
    if row["state"] != "posted":
        return str(row["state"])
    return "posted" if row["amount_to_pay"] == row["total_amount"] else "posted, part paid"


def _lines(site: Site, row: Row) -> list[dict[str, Any]]:
    lines = []
    for line in kinds.ordered_lines(row):
        model, _, number = str(line.get("origin") or "").partition(",")
        origin = kinds.origin_of(site, "purchase_line", int(number)) if model == "purchase.line" else {}
        lines.append({**kinds.line_of(line), "extensions": origin})
    return lines


KIND = kinds.Kind(
    document_type=DocumentType.SUPPLIER_INVOICE,
    model="account.invoice",
    line_model=("account.invoice.line", "invoice"),
    domain=(("type", "=", "in"),),
    fields=(
        "party.code",
        "party.name",
        "currency.code",
        "invoice_date",
        "accounting_date",
        "tax_amount",
        "total_amount",
        "amount_to_pay",
        "cancel_move",
        "comment",
        *kinds.prefixed("lines", (*kinds.LINE_FIELDS, "origin")),
    ),
    issued="invoice_date",
    marks=("reference", "description"),
    lines=_lines,
    axes={
        "lifecycle": Words(
            at=_lifecycle,
            words={
                "draft": "draft",
                "validated": "submitted",
                "posted": "active",
                "paid": "closed",
                "cancelled": "cancelled",
                "cancelled by a move": "reversed",
            },
        ),
        "approval": kinds.NOTHING,
        "fulfilment": kinds.NOTHING,
        "invoicing": kinds.NOTHING,
        "payment": Words(
            at=_payment,
            words={
                "draft": "none",
                "validated": "none",
                "posted": "none",
                "posted, part paid": "partial",
                "paid": "complete",
                "cancelled": "none",
            },
        ),
    },
)


def _explain(site: Site, chosen: Sequence[Row], error: exc.DocflowError) -> Exchange[exc.DocflowError]:
    """Tell a closed period from other refusals by looking at the period itself."""
    row = chosen[0]
    day = row.get("accounting_date") or row.get("invoice_date")
    if day is None:
        return error
    domain = [
        ["company", "=", row["company"]["id"]],
        ["type", "=", "standard"],
        ["start_date", "<=", day],
        ["end_date", ">=", day],
    ]
    periods = yield from rows(site, "account.period", domain, ("name", "state"))
    if any(period["state"] == "open" for period in periods):
        return error
    states = ", ".join(f"{period['name']} is {period['state']}" for period in periods) or "there is none"
    return exc.PeriodClosed(
        f"no open period holds {day}: {states}.",
        **{
            **error.attrs(),
            "field": "posting_date",
            "remedy": "Open the period in Tryton, or give the invoice a posting date in an open one.",
            "document": row.get("number") or str(row["id"]),
        },
    )


DOCUMENT = document_profile(
    KIND,
    create=creator(KIND, prepare),
    actions={
        "submit": button(
            KIND,
            "validate_invoice",
            before=("draft",),
            after=("validated", "posted", "paid"),
            batch_size=PRESS_BATCH,
            explain=_explain,
        ),
        "post": button(
            KIND,
            "post",
            before=("draft", "validated"),
            after=("posted", "paid"),
            batch_size=POST_BATCH,
            explain=_explain,
        ),
        "cancel": button(
            KIND,
            "cancel",
            before=("draft", "validated", "posted"),
            after=("cancelled",),
            batch_size=PRESS_BATCH,
            explain=_explain,
        ),
    },
    stages={"saved": (), "submitted": ("submit",), "posted": ("post",)},
)
