"""What an order is made of: header and lines, for a new order and for one that is amended."""

from __future__ import annotations

from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.tryton.creates import Values
from airflow_provider_docflow.systems.tryton.lines import extra_lines, line_values, numbered
from airflow_provider_docflow.systems.tryton.trade import Trade


def header(trade: Trade, document: Document) -> Values:
    """Return the header's values."""
    supplier = trade.party(document)
    return {
        "party": supplier["id"],
        "invoice_address": trade.address(document, supplier),
        "currency": trade.currency(document)["id"],
        "payment_term": trade.payment_term(document, supplier),
        "purchase_date": document.issue_date,
        "delivery_date": document.delivery.delivery_date if document.delivery else None,
        "comment": "\n".join(document.notes) or None,
    }


def order_lines(trade: Trade, document: Document) -> list[Values]:
    """Return the values of the lines in order, allowances, charges and rounding last."""
    lines = []
    for position, line in enumerate(document.lines):
        values = line_values(document, position, trade.goods)
        if line.delivery_date:
            values.update(delivery_date_edit=True, delivery_date_store=line.delivery_date)
        lines.append(values)
    return numbered([*lines, *extra_lines(document, trade.goods)])
