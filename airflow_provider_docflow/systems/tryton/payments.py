"""Outgoing payments, ``account.payment`` of the kind "payable" (module account_payment).

Preparing and approving only: what sends money, processing a group of approved payments, stays with a person.
The journal is the company's only one in the payment's currency, or the one that
``extensions[instance]["payment_journal"]`` names. ``arguments["invoice"]`` or the tenant field ``invoice``
of the document is the id of the posted invoice that is paid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words
from airflow_provider_docflow.document import Document, DocumentType
from airflow_provider_docflow.systems.tryton import kinds, masters
from airflow_provider_docflow.systems.tryton.buttons import button
from airflow_provider_docflow.systems.tryton.creates import Company, Values, creator, document_in, each
from airflow_provider_docflow.systems.tryton.lines import refuse
from airflow_provider_docflow.systems.tryton.marks import marked
from airflow_provider_docflow.systems.tryton.profiles import document_profile
from airflow_provider_docflow.systems.tryton.wire import Row, rows

PRESS_BATCH = 50


def _lines(site: Site, row: Row) -> list[dict[str, Any]]:
    """A payment has no lines in Tryton; what it pays is its one line."""
    line = {
        "line_id": "1",
        "description": kinds.at(row, "line.rec_name") or "",
        "quantity": "1",
        "price_amount": row["amount"],
        "line_extension_amount": row["amount"],
    }
    return [line]


KIND = kinds.Kind(
    document_type=DocumentType.PAYMENT,
    model="account.payment",
    domain=(("kind", "=", "payable"),),
    fields=("party.code", "party.name", "journal.currency.code", "date", "amount", "line.rec_name"),
    issued="date",
    total="amount",
    currency="journal.currency",
    marks=("reference",),
    lines=_lines,
    axes={
        "lifecycle": Words(
            at="state",
            words={
                "draft": "draft",
                "submitted": "submitted",
                "approved": "active",
                "processing": "active",
                "succeeded": "closed",
                "failed": "cancelled",
            },
        ),
        "approval": Words(
            at="state",
            words={
                "draft": "none",
                "submitted": "pending",
                "approved": "approved",
                "processing": "approved",
                "succeeded": "approved",
                "failed": "approved",
            },
        ),
        "fulfilment": kinds.NOTHING,
        "invoicing": kinds.NOTHING,
        "payment": Words(
            at="state",
            words={
                "draft": "none",
                "submitted": "none",
                "approved": "none",
                "processing": "none",
                "succeeded": "complete",
                "failed": "none",
            },
        ),
    },
)


def _prepare(
    site: Site, company: Company, items: Sequence[WriteItem]
) -> Exchange[list[Values | exc.DocflowError]]:
    documents = [document_in(item) for item in items]
    suppliers = [d.seller_supplier_party.id for d in documents if d.seller_supplier_party]
    parties = yield from masters.find(site, masters.PARTY, suppliers, context=company.context)
    domain = [["company", "=", company.id]]
    journals = yield from rows(site, "account.payment.journal", domain, ("name", "currency.code"))
    paid = [number for item in items if (number := _invoice(site, item))]
    fields = ("company.party.code", "party.code", "currency.code", "state", "lines_to_pay")
    found = yield from rows(site, "account.invoice", [["id", "in", paid], ["type", "=", "in"]], fields)
    invoices = {row["id"]: row for row in found}

    def build(item: WriteItem) -> Values:
        document = document_in(item).checked()
        party = document.seller_supplier_party
        if party is None or document.payable_amount is None:
            raise refuse(
                document, "payable_amount", "the document names no payee or no amount.", "Fill them in."
            )
        number = _invoice(site, item)
        line = _line_to_pay(document, invoices.get(number)) if number else None
        return {
            "company": company.id,
            "journal": _journal(site, document, journals),
            "kind": "payable",
            "party": parties.one(party.id, document=document.id, field="seller_supplier_party.id")["id"],
            "date": document.due_date or document.issue_date,
            "amount": document.payable_amount,
            "line": line,
            "reference": marked(item.reference or document.id, item.mark),
        }

    return each(build, items)


def _invoice(site: Site, item: WriteItem) -> int | None:
    named = item.arguments.get("invoice") or document_in(item).extensions.get(site.instance, {}).get(
        "invoice"
    )
    return int(named) if named else None


def _line_to_pay(document: Document, invoice: Row | None) -> int:
    """Return the only open line of the invoice that is paid."""
    party = document.seller_supplier_party
    agrees = (
        invoice is not None
        and kinds.at(invoice, "company.party.code") == document.company_code
        and party is not None
        and kinds.at(invoice, "party.code") == party.id
        and kinds.at(invoice, "currency.code") == document.document_currency_code
        and invoice["state"] == "posted"
        and len(invoice["lines_to_pay"]) == 1
    )
    if invoice is None or not agrees:
        raise refuse(
            document,
            "invoice",
            "the invoice to pay is not posted, has several instalments, or belongs to another company,"
            " supplier or currency.",
            "Name a posted invoice of this supplier, or pay it in Tryton.",
        )
    return int(invoice["lines_to_pay"][0])


def _journal(site: Site, document: Document, journals: Sequence[Row]) -> int:
    named = document.extensions.get(site.instance, {}).get("payment_journal")
    currency = document.document_currency_code
    fitting = [
        journal
        for journal in journals
        if kinds.at(journal, "currency.code") == currency and named in (None, journal["name"])
    ]
    if len(fitting) != 1:
        raise refuse(
            document,
            "payment_journal",
            f"the company has {len(fitting) or 'no'} payment journals in {currency}"
            + (f" named {named!r}." if named else "."),
            f"Name one in extensions[{site.instance!r}]['payment_journal'].",
        )
    return int(fitting[0]["id"])


DOCUMENT = document_profile(
    KIND,
    create=creator(KIND, _prepare),
    actions={
        "submit": button(
            KIND,
            "submit",
            before=("draft",),
            after=("submitted", "approved", "processing", "succeeded"),
            batch_size=PRESS_BATCH,
        ),
        "approve": button(
            KIND,
            "approve",
            before=("submitted",),
            after=("approved", "processing", "succeeded"),
            batch_size=PRESS_BATCH,
        ),
    },
    stages={"saved": (), "submitted": ("submit",), "approved": ("submit", "approve")},
)
