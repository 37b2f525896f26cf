"""What an approval's form holds, as a document; where it stands is known even if the form makes none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, material_hash


def with_document(site: Site, told: Reading, parse: Callable[[], Document]) -> Reading:
    """Return a reading with the document that its form holds.

    A form whose values make no document still has a state: ``document`` is None, ``problem`` says why.

    :param told: the reading without its document.
    :param parse: makes the document, or raises InvalidDocument.
    """
    try:
        document = _totalled(parse())
    except exc.InvalidDocument as error:
        error.document = error.document or told.ref.number or told.ref.internal_id
        error.system = site.conn_id
        return replace(told, problem=error)
    party = document.seller_supplier_party or document.buyer_customer_party
    return replace(
        told,
        document=document,
        company_code=document.company_code,
        party=party.id if party else "",
        currency=document.document_currency_code,
        total=document.payable_amount,
    )


def _totalled(document: Document) -> Document:
    """Fill in totals. A contradiction is refused where the document is used: its state must stay readable.

    :raises InvalidDocument: nobody could even say what its content is.
    """
    try:
        return document.totalled()
    except exc.InvalidDocument:
        material_hash(document)
        return document
