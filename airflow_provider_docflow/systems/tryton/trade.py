"""Whom one buys from and on which terms: the master data of a batch of orders or invoices."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.tryton import masters
from airflow_provider_docflow.systems.tryton.creates import Company
from airflow_provider_docflow.systems.tryton.lines import Goods, refuse
from airflow_provider_docflow.systems.tryton.masters import Found
from airflow_provider_docflow.systems.tryton.wire import Row, rows, rpc

_TERM_FIELDS = (
    "name",
    "lines.type",
    *(f"lines.relativedeltas.{part}" for part in ("days", "weeks", "months", "day", "month")),
)


@dataclass(frozen=True)
class Trade:
    """The records that the documents of one company name.

    :param terms: payment terms, read only when a document says some.
    """

    instance: str
    parties: Found
    currencies: Found
    goods: Goods
    terms: tuple[Row, ...]

    def party(self, document: Document) -> Row:
        """Return the supplier."""
        party = document.seller_supplier_party
        field = "seller_supplier_party"
        if party is None:
            raise refuse(document, field, "the document names no supplier.", "Name one at the source.")
        return self.parties.one(party.id, document=document.id, field=f"{field}.id")

    def address(self, document: Document, supplier: Row) -> int:
        """Return the address that the supplier's invoices come from: the one marked so, else the first."""
        addresses: list[Row] = supplier.get("addresses") or []
        if not addresses:
            raise refuse(
                document,
                "seller_supplier_party",
                "the supplier has no address in Tryton, which cannot invoice without.",
                "Add an address to the party in Tryton.",
            )
        return int(next((a for a in addresses if a.get("invoice")), addresses[0])["id"])

    def currency(self, document: Document) -> Row:
        """Return the currency."""
        return self.currencies.one(
            document.document_currency_code, document=document.id, field="document_currency_code"
        )

    def payment_term(self, document: Document, supplier: Row) -> int | None:
        """Return the term named for this instance, the one of that many days, or the supplier's own.

        :raises InvalidDocument: Tryton has no such term, or the document says what no term can hold.
        """
        named = document.extensions.get(self.instance, {}).get("payment_term")
        if named:
            return self._only(
                document, [term for term in self.terms if term["name"] == named], f"named {named!r}"
            )
        said = document.payment_terms
        if not said:
            usual = supplier.get("supplier_payment_term")
            return int(usual) if usual else None
        if len(said) > 1 or said[0].days is None or said[0].prepayment or said[0].percent not in (None, 100):
            raise refuse(
                document,
                "payment_terms",
                "instalments, prepayments and fixed days are payment terms that Tryton knows by name only.",
                f"Name Tryton's term in extensions[{self.instance!r}]['payment_term'].",
            )
        fitting = [term for term in self.terms if _days(term) == said[0].days]
        usual = [term for term in fitting if term["id"] == supplier.get("supplier_payment_term")]
        return self._only(document, usual or fitting, f"of {said[0].days} days")

    def _only(self, document: Document, terms: list[Row], which: str) -> int:
        if len(terms) != 1:
            raise refuse(
                document,
                "payment_terms",
                f"Tryton has {len(terms) or 'no'} payment terms {which}.",
                f"Name one in extensions[{self.instance!r}]['payment_term'], or add it in Tryton.",
            )
        return int(terms[0]["id"])


def _days(term: Row) -> int | None:
    """Return the days of a term that asks for everything so many days after the invoice date."""
    lines = term.get("lines") or []
    if len(lines) != 1 or lines[0]["type"] != "remainder":
        return None
    deltas = lines[0].get("relativedeltas") or []
    if any(delta.get(part) for delta in deltas for part in ("months", "day", "month")):
        return None
    return sum((delta.get("days") or 0) + 7 * (delta.get("weeks") or 0) for delta in deltas)


def trade_of(site: Site, company: Company, documents: Sequence[Document]) -> Exchange[Trade]:
    """Ask for the master data of a batch, one request per kind."""
    context: dict[str, Any] = dict(company.context)
    suppliers = [d.seller_supplier_party.id for d in documents if d.seller_supplier_party]
    parties = yield from masters.find(site, masters.PARTY, suppliers, context=context)
    currencies = yield from masters.find(
        site, masters.CURRENCY, [d.document_currency_code for d in documents], context=context
    )
    goods = yield from goods_of(site, company, documents)
    terms: list[Row] = []
    if any(d.payment_terms or d.extensions.get(site.instance, {}).get("payment_term") for d in documents):
        terms = yield from rows(site, "account.invoice.payment_term", [], _TERM_FIELDS, context=context)
    return Trade(site.instance, parties, currencies, goods, tuple(terms))


def goods_of(site: Site, company: Company, documents: Sequence[Document]) -> Exchange[Goods]:
    """Ask for products, units and, where a line is taxed, the company's percentage taxes."""
    context, lines = company.context, [line for d in documents for line in d.lines]
    products = yield from masters.find(
        site, masters.PRODUCT, [line.item_id for line in lines], context=context
    )
    units = yield from masters.find(site, masters.UNIT, [line.unit_code for line in lines], context=context)
    taxes: list[Row] = []
    if any(line.tax_percent for line in lines) or any(
        i.tax_percent for d in documents for i in d.allowance_charge
    ):
        kinds = ["OR", ["group", "=", None], ["group.kind", "in", ["purchase", "both"]]]
        domain = [["parent", "=", None], ["company", "=", company.id], ["type", "=", "percentage"], kinds]
        taxes = yield from rows(site, "account.tax", domain, ("name", "rate"), context=context)
    digits = yield from price_digits(site)
    return Goods(products, units, tuple(taxes), digits)


def price_digits(site: Site) -> Exchange[int]:
    """Return how many decimals of a price this Tryton keeps, as its own field says."""
    field = yield from rpc(site, "model.purchase.line.fields_get", ["unit_price"])
    digits = field["unit_price"]["digits"]
    return int(digits[1] if isinstance(digits, list) else json.loads(digits)[1])
