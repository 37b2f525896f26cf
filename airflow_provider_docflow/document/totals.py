"""The arithmetic of UBL 2.x: what a line and a document add up to."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow.document.money import EXACT, MINOR_UNITS, rounded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_docflow.document.model import AllowanceCharge, Document, Line

ZERO = Decimal(0)


def is_priced(document: Document) -> bool:
    """Say whether the document has a value at all; a goods receipt may have none."""
    amounts = (document.tax_amount, document.payable_rounding_amount, document.payable_amount)
    return bool(document.allowance_charge) or any(
        value is not None for value in (*amounts, *(v for line in document.lines for v in _values(line)))
    )


def _values(line: Line) -> tuple[Decimal | None, ...]:
    return line.price_amount, line.tax_amount, line.line_extension_amount


def says_tax(document: Document) -> bool:
    """Say whether any line, allowance or charge tells its tax; otherwise only the document as a whole may."""
    return any(line.tax_percent is not None or line.tax_amount is not None for line in document.lines) or any(
        item.tax_percent is not None for item in document.allowance_charge
    )


def signed(items: Iterable[AllowanceCharge]) -> Decimal:
    """Add charges and take off allowances."""
    with localcontext(EXACT):
        return sum((item.amount if item.charge else -item.amount for item in items), ZERO)


def line_total(line: Line, digits: int) -> Decimal | None:
    """Return quantity * price / base quantity with allowances and charges, tax as the price has it.

    :returns: ``None`` where that cannot be computed.
    """
    if line.price_amount is None or line.base_quantity <= 0:
        return None
    with localcontext(EXACT):
        value = rounded(line.quantity * line.price_amount / line.base_quantity, digits)
        return value + signed(line.allowance_charge)


def line_net(line: Line, digits: int) -> Decimal | None:
    """Return what ``line_extension_amount`` must be; ``None`` where that cannot be computed."""
    total = line_total(line, digits)
    if total is None or not line.price_includes_tax:
        return total
    with localcontext(EXACT):
        if line.tax_percent is not None:
            return rounded(total / (1 + line.tax_percent / 100), digits)
        return None if line.tax_amount is None else total - line.tax_amount


def line_tax(line: Line, digits: int) -> Decimal | None:
    """Return what the line's ``tax_amount`` must be, given its net; ``None`` if the line says no tax."""
    total = line_total(line, digits)
    net = line_net(line, digits) if line.line_extension_amount is None else line.line_extension_amount
    if total is None or net is None or line.tax_percent is None:
        return line.tax_amount
    with localcontext(EXACT):
        return total - net if line.price_includes_tax else rounded(net * line.tax_percent / 100, digits)


def document_net(document: Document) -> Decimal:
    """Return lines plus charges minus allowances, without tax, of a document whose lines are filled."""
    with localcontext(EXACT):
        lines = sum((line.line_extension_amount or ZERO for line in document.lines), ZERO)
        return lines + signed(document.allowance_charge)


def document_taxes(document: Document, digits: int) -> tuple[Decimal, ...]:
    """Return the tax of a document whose lines are filled: rounded per line, and rounded per rate.

    Both are in lawful use and differ by cents; the first is what is filled in, either is accepted. If only
    the document as a whole says its tax, that is the tax.
    """
    if not says_tax(document):
        return (document.tax_amount or ZERO,)
    with localcontext(EXACT):
        return _tax_by_line(document, digits), _tax_by_rate(document, digits)


def _tax_by_line(document: Document, digits: int) -> Decimal:
    lines = sum((line.tax_amount or ZERO for line in document.lines), ZERO)
    items = (
        rounded(signed([item]) * (item.tax_percent or ZERO) / 100, digits)
        for item in document.allowance_charge
    )
    return lines + sum(items, ZERO)


def _tax_by_rate(document: Document, digits: int) -> Decimal:
    tax = ZERO
    taxable: dict[Decimal, Decimal] = {}
    for line in document.lines:
        if line.tax_percent is None or line.price_includes_tax:
            tax += line.tax_amount or ZERO
        else:
            taxable[line.tax_percent] = taxable.get(line.tax_percent, ZERO) + (
                line.line_extension_amount or ZERO
            )
    for item in document.allowance_charge:
        if item.tax_percent is not None:
            taxable[item.tax_percent] = taxable.get(item.tax_percent, ZERO) + signed([item])
    return tax + sum((rounded(net * rate / 100, digits) for rate, net in taxable.items()), ZERO)


def filled(document: Document) -> Document:
    """Return the document with every missing total that can be computed; nothing is checked here."""
    digits = MINOR_UNITS.get(document.document_currency_code)
    if digits is None or not is_priced(document):
        return document
    lines = tuple(_filled_line(line, digits) for line in document.lines)
    document = document.model_copy(update={"lines": lines})
    if any(line.line_extension_amount is None for line in lines):
        return document
    return document.model_copy(update=_missing_totals(document, digits))


def _missing_totals(document: Document, digits: int) -> dict[str, Any]:
    with localcontext(EXACT):
        before_tax = document_net(document) + (document.payable_rounding_amount or ZERO)
        taxes, payable = document_taxes(document, digits), document.payable_amount
        tax = document.tax_amount
        if tax is None:
            tax = next((tax for tax in taxes if before_tax + tax == payable), taxes[0])
        found = {"tax_amount": tax, "payable_amount": before_tax + tax}
    return {name: rounded(value, digits) for name, value in found.items() if getattr(document, name) is None}


def _filled_line(line: Line, digits: int) -> Line:
    found = {"line_extension_amount": line_net(line, digits), "tax_amount": line_tax(line, digits)}
    missing = {
        name: rounded(value, digits)
        for name, value in found.items()
        if value is not None and getattr(line, name) is None
    }
    return line.model_copy(update=missing) if missing else line
