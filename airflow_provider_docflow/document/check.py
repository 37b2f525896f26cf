"""Refuse a document that contradicts itself, in words that say which field and what to do."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING

from airflow_provider_docflow.document import totals
from airflow_provider_docflow.document.money import (
    EXACT,
    INTEGER_DIGITS,
    MINOR_UNITS,
    decimals_of,
    minor_units,
    plain,
)
from airflow_provider_docflow.exceptions import InvalidDocument

if TYPE_CHECKING:
    from airflow_provider_docflow.document.model import AllowanceCharge, Document, Line

_WITHOUT_VALUE = frozenset({"goods_receipt", "delivery"})
_MOVES_MONEY = frozenset({"payment_request", "payment"})
_GIVE_BACK = "A line that takes something back belongs into a credit_note, a discount into allowance_charge."
_CREDIT_NOTE = "Give positive numbers: the type credit_note itself says that the money flows back."


@dataclass(frozen=True)
class Problem:
    """One contradiction: where, what was expected and found, what to do."""

    field: str
    message: str
    remedy: str


def check(document: Document) -> None:
    """Raise what :func:`problems` finds.

    :raises InvalidDocument: the message names every problem; field and remedy are those of the first.
    """
    with localcontext(EXACT):
        found = list(problems(document))
    if not found:
        return
    others = "".join(f"; {problem.field}: {problem.message}" for problem in found[1:])
    raise InvalidDocument(
        found[0].message + others,
        document=label(document),
        field=found[0].field,
        remedy=found[0].remedy,
    )


def label(document: Document) -> str:
    """Name a document in an error even while it has no number."""
    return document.id or f"({document.document_type.value} without a number)"


def problems(document: Document) -> Iterator[Problem]:
    """Find every contradiction; totals are only looked at once the lines are right."""
    found = [*_structure(document), *_terms(document)]
    valued = totals.is_priced(document) or document.document_type not in _WITHOUT_VALUE
    digits = MINOR_UNITS.get(document.document_currency_code)
    if valued and digits is None:
        yield _currency(document)
    elif valued and digits is not None:
        document = totals.filled(document)
        found += [
            problem for i, line in enumerate(document.lines) for problem in _money(document, i, line, digits)
        ]
        found += _allowances(document.allowance_charge, "", document, digits)
        found = found or list(_totals(document, digits))
    yield from found


def _currency(document: Document) -> Problem:
    try:
        minor_units(document.document_currency_code)
    except InvalidDocument as error:
        return Problem(error.field, error.message, error.remedy)
    raise AssertionError("called only for a currency without minor units")


def _structure(document: Document) -> Iterator[Problem]:
    if not document.lines:
        yield Problem("lines", "there is no line", "A document needs at least one line.")
    sign = _CREDIT_NOTE if document.document_type == "credit_note" else _GIVE_BACK
    seen: dict[str, int] = {}
    for index, line in enumerate(document.lines):
        first = seen.setdefault(unicodedata.normalize("NFC", line.line_id), index)
        if first != index:
            message = f"the id {line.line_id} is already that of lines[{first}]"
            yield Problem(f"lines[{index}].line_id", message, "Give every line an id of its own.")
        for name in ("quantity", "base_quantity"):
            value = getattr(line, name)
            if value <= 0:
                message = f"expected more than 0, found {plain(value)} (line {line.line_id})"
                yield Problem(f"lines[{index}].{name}", message, sign)
        yield from _accounting(index, line)


def _accounting(index: int, line: Line) -> Iterator[Problem]:
    shares = [item.share for item in line.accounting]
    if shares and (min(shares) <= 0 or sum(shares) != 1):
        found = " + ".join(plain(share) for share in shares)
        yield Problem(
            f"lines[{index}].accounting",
            f"the shares must be above 0 and add up to 1, found {found} (line {line.line_id})",
            "Write shares as parts of 1, such as 0.3 and 0.7; let one of them take what cannot be divided.",
        )


def _terms(document: Document) -> Iterator[Problem]:
    percents = [term.percent for term in document.payment_terms]
    given = [percent for percent in percents if percent is not None]
    if (given or len(percents) > 1) and (len(given) < len(percents) or sum(given) != 100):
        found = ", ".join("none" if percent is None else plain(percent) for percent in percents)
        yield Problem(
            "payment_terms",
            f"the percentages must add up to 100, found {found}",
            "Give every payment term its percentage of the payable amount.",
        )
    if document.exchange_rate is not None and document.exchange_rate <= 0:
        message = f"expected more than 0, found {plain(document.exchange_rate)}"
        yield Problem("exchange_rate", message, "Give the rate of the document's date.")


def _money(document: Document, index: int, line: Line, digits: int) -> Iterator[Problem]:
    where = f"lines[{index}]"
    if line.price_amount is None:
        yield Problem(
            f"{where}.price_amount", f"is missing (line {line.line_id})", "Give the price; 0 if it is free."
        )
        return
    if line.price_amount < 0:
        message = f"expected 0 or more, found {plain(line.price_amount)} (line {line.line_id})"
        yield Problem(f"{where}.price_amount", message, _GIVE_BACK)
        return
    if line.price_includes_tax and line.tax_percent is None and line.tax_amount is None:
        message = f"is missing, but the price includes the tax (line {line.line_id})"
        yield Problem(
            f"{where}.tax_percent", message, "Give the rate, 0 if there is no tax, or the tax amount."
        )
        return
    found = list(_allowances(line.allowance_charge, f"{where}.", document, digits))
    if line.base_quantity <= 0 or found:
        yield from found
        return
    for name, expected in (
        ("line_extension_amount", totals.line_net(line, digits)),
        ("tax_amount", totals.line_tax(line, digits)),
    ):
        yield from _amount(document, f"{where}.{name}", getattr(line, name), expected, digits)


def _allowances(
    items: tuple[AllowanceCharge, ...], where: str, document: Document, digits: int
) -> Iterator[Problem]:
    for index, item in enumerate(items):
        field = f"{where}allowance_charge[{index}]"
        yield from _amount(document, f"{field}.amount", item.amount, item.amount, digits)
        if where and item.tax_percent is not None:
            yield Problem(
                f"{field}.tax_percent",
                "an allowance or charge of a line is taxed as its line",
                "Leave it out here, or move the allowance to the document.",
            )


def _amount(
    document: Document, field: str, found: Decimal | None, expected: Decimal | None, digits: int
) -> Iterator[Problem]:
    currency = document.document_currency_code
    if found is None:
        return
    if found < 0:
        remedy = _CREDIT_NOTE if document.document_type == "credit_note" else _GIVE_BACK
        yield Problem(field, f"expected 0 or more, found {plain(found)} {currency}", remedy)
    elif decimals_of(found) > digits:
        message = f"{plain(found)} has more decimals than {currency} has ({digits})"
        yield Problem(field, message, "Check the currency, or round where the amount comes from.")
    elif found.adjusted() >= INTEGER_DIGITS:
        message = f"{plain(found)} {currency} has more than {INTEGER_DIGITS} digits before the point"
        yield Problem(field, message, "Check quantity and price.")
    elif expected is not None and found != expected:
        yield Problem(
            field,
            f"expected {_text(expected, digits)} {currency}, found {_text(found, digits)} {currency}",
            ("Correct quantity, price, tax or allowances, or leave the amount out to have it computed."),
        )


def _text(amount: Decimal, digits: int) -> str:
    return f"{amount:.{digits}f}"


def _totals(document: Document, digits: int) -> Iterator[Problem]:
    currency = document.document_currency_code
    tax, payable = document.tax_amount, document.payable_amount
    rounding = document.payable_rounding_amount or totals.ZERO
    if tax is None or payable is None:
        return
    taxes = totals.document_taxes(document, digits)
    yield from _amount(document, "tax_amount", tax, tax if tax in taxes else taxes[0], digits)
    limit = rounding_limit(document, digits)
    if decimals_of(rounding) > digits or abs(rounding) > limit:
        yield Problem(
            "payable_rounding_amount",
            f"expected a rounding difference up to {plain(limit)} {currency}, found {plain(rounding)}",
            "A larger difference is an allowance or a charge: put it into allowance_charge with its reason.",
        )
    expected = totals.document_net(document) + tax + rounding
    for problem in _amount(document, "payable_amount", payable, expected, digits):
        near = 0 < abs(payable - expected) <= limit
        hint = (
            "If this is a rounding difference, name it in payable_rounding_amount."
            if near
            else problem.remedy
        )
        yield Problem(problem.field, problem.message, hint)
    if payable == 0 and document.document_type in _MOVES_MONEY:
        yield Problem(
            "payable_amount", "expected more than 0, found 0", "Nothing is to be paid: leave it out."
        )


def rounding_limit(document: Document, digits: int) -> Decimal:
    """Return the largest difference that still is rounding: a unit (ten without cents), or a cent a line."""
    items = len(document.lines) + len(document.allowance_charge)
    return max(Decimal(1 if digits else 10), items * Decimal(1).scaleb(-digits))
