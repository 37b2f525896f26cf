"""
The figures of an order's lines as the applications want them: with and without tax, in both currencies.

They recompute them only in part and refuse what does not agree, so every figure is derived here from what the
document says exactly; only a second unit price (with tax where the document's is without, or the reverse) and
the amounts in the company's own currency are rounded. What an order there cannot say is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.fields import NUMBER
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line, minor_units
from airflow_provider_docflow.document.money import EXACT, rounded

DECIMALS = 8
_ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One line: amounts and unit prices, without and with tax, and the same in the company's own currency."""

    quantity: Decimal
    percent: Decimal
    net: Decimal
    tax: Decimal
    net_price: Decimal
    gross_price: Decimal
    home_net: Decimal
    home_tax: Decimal
    home_net_price: Decimal
    home_gross_price: Decimal

    @property
    def gross(self) -> Decimal:
        """Return the amount with tax."""
        return self.net + self.tax

    @property
    def home_gross(self) -> Decimal:
        """Return the amount with tax in the company's own currency."""
        return self.home_net + self.home_tax


def home_currency(site: Site) -> str:
    """Return the currency in which the company keeps its books."""
    return str(site.setting("home_currency", "CNY"))


def rate_of(site: Site, document: Document) -> Decimal:
    """Return the exchange rate of an order.

    :raises InvalidDocument: there is none, or there is one and no other currency.
    """
    rate = document.exchange_rate
    if document.document_currency_code == home_currency(site):
        if rate not in (None, Decimal(1)):
            raise _wrong("exchange_rate", f"is {rate} although the currency is the company's own.")
        return Decimal(1)
    if rate is None or rate <= 0:
        raise _wrong(
            "exchange_rate",
            f"is missing: the order is in {document.document_currency_code}, "
            f"the books are in {home_currency(site)}.",
        )
    return rate


def figures_of(site: Site, document: Document) -> list[Figures]:
    """Return the figures of every line.

    :raises InvalidDocument: an order there cannot say what the document says.
    """
    if document.allowance_charge:
        raise _wrong("allowance_charge", "belongs to the whole order, which there has no place for it.")
    if document.payable_rounding_amount:
        raise _wrong("payable_rounding_amount", "has no place in an order there.")
    rate = rate_of(site, document)
    found = [
        _line(site, document, line, rate, f"lines[{place}]") for place, line in enumerate(document.lines)
    ]
    with localcontext(EXACT):
        total = sum((each.gross for each in found), _ZERO)
    if total != document.payable_amount:
        raise _wrong("payable_amount", f"is {document.payable_amount}, and the lines add up to {total}.")
    return found


def _line(site: Site, document: Document, line: Line, rate: Decimal, at: str) -> Figures:
    if line.allowance_charge:
        raise _wrong(f"{at}.allowance_charge", "has no place of its own there; put it into the price.")
    if line.price_amount is None or line.line_extension_amount is None:
        raise _wrong(f"{at}.price_amount", "is missing.")
    tax = line.tax_amount or _ZERO
    if tax and line.tax_percent is None:
        raise _wrong(f"{at}.tax_percent", "is missing although the line has tax.")
    net = line.line_extension_amount
    with localcontext(EXACT):
        price = line.price_amount / line.base_quantity
        if rounded(price, DECIMALS) != price:
            raise _wrong(f"{at}.price_amount", f"has more than {DECIMALS} decimals per unit.")
        other = _per_unit(net if line.price_includes_tax else net + tax, line.quantity, price)
        net_price, gross_price = (other, price) if line.price_includes_tax else (price, other)
        digits = minor_units(home_currency(site))
        return Figures(
            quantity=line.quantity,
            percent=line.tax_percent or _ZERO,
            net=net,
            tax=tax,
            net_price=net_price,
            gross_price=gross_price,
            home_net=rounded(net * rate, digits),
            home_tax=rounded(tax * rate, digits),
            home_net_price=rounded(net_price * rate, DECIMALS),
            home_gross_price=rounded(gross_price * rate, DECIMALS),
        )


def _per_unit(amount: Decimal, quantity: Decimal, price: Decimal) -> Decimal:
    return rounded(amount / quantity, DECIMALS) if quantity else price


def _wrong(field: str, why: str) -> exc.InvalidDocument:
    return exc.InvalidDocument(why, field=field, remedy="Correct the document, or map this field.")


def number(value: Decimal, field: str = "") -> Any:
    """Return a JSON number that shows every digit.

    :raises InvalidDocument: no JSON number keeps them all.
    """
    try:
        return NUMBER.write(value)
    except ValueError as error:
        raise exc.InvalidDocument(f"cannot be sent: {error}.", field=field) from None


def numbers(**values: Decimal) -> dict[str, Any]:
    """Return JSON numbers by name."""
    return {name: number(value, name) for name, value in values.items()}


def line_ids(document: Document) -> Iterator[int]:
    """Yield a row number per line: the line's own id where every line's is a number, else 10, 20, …"""
    own = [line.line_id for line in document.lines]
    if all(name.isascii() and name.isdigit() and name == str(int(name)) for name in own):
        yield from map(int, own)
    else:
        yield from range(10, 10 * len(own) + 1, 10)
