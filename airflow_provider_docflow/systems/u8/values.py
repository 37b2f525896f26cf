"""Values of vouchers: texts in and out, figures exact, tables of names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, localcontext
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.fields import day, exact
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.document.money import EXACT

Raw = Mapping[str, Any]
_ZERO = Decimal(0)


def text(raw: Raw, *names: str) -> str:
    """Return the first of these texts that is there."""
    found = (dig(raw, name) for name in names if name)
    return next((str(each).strip() for each in found if each not in (None, "")), "")


def figure(raw: Raw, *names: str) -> Decimal | None:
    """Return the first of these figures that is there, read exactly."""
    found = next((dig(raw, name) for name in names if dig(raw, name) not in (None, "")), None)
    return None if found is None else exact(found)


def business_date(value: Any) -> str | None:
    """Read a business date, written with a time of day or without."""
    told = str(value or "").strip()
    return day(told[:10].replace("/", "-")).isoformat() if told else None


def plain(value: Decimal) -> str:
    """Return a figure as U8 takes it: a text with every digit."""
    return format(value, "f")


def plainly(**values: Decimal | None) -> dict[str, str]:
    """Return the figures that there are as texts, by name."""
    return {name: plain(value) for name, value in values.items() if value is not None}


def refuse_odds(document: Document) -> None:
    """Refuse what a voucher cannot say.

    :raises InvalidDocument: names the field.
    """
    odd = [
        ("allowance_charge", bool(document.allowance_charge)),
        ("payable_rounding_amount", bool(document.payable_rounding_amount)),
        *(
            (f"lines[{place}].{name}", wrong)
            for place, line in enumerate(document.lines)
            for name, wrong in (
                ("allowance_charge", bool(line.allowance_charge)),
                ("base_quantity", line.base_quantity != 1),
                ("tax_percent", bool(line.tax_amount) and line.tax_percent is None),
            )
        ),
    ]
    for field, wrong in odd:
        if wrong:
            raise exc.InvalidDocument(
                "a voucher of U8 cannot say this.", field=field, remedy="Correct or map this field."
            )
    totals_agree(document)


def totals_agree(document: Document) -> None:
    """Refuse a document whose total is not that of its lines: a voucher has no total of its own.

    :raises InvalidDocument: they differ.
    """
    with localcontext(EXACT):
        total = sum((gross(line) for line in document.lines), _ZERO)
    if document.payable_amount not in (None, total):
        raise exc.InvalidDocument(
            f"is {document.payable_amount}, and the lines add up to {total}.", field="payable_amount"
        )


def gross(line: Line) -> Decimal:
    """Return a line's amount with tax."""
    return (line.line_extension_amount or _ZERO) + (line.tax_amount or _ZERO)


def in_home_currency(site: Site, document: Document) -> None:
    """Refuse a document in a currency that this kind of voucher cannot name.

    :raises InvalidDocument: it is not in the books' currency.
    """
    home = str(site.setting("home_currency"))
    if document.document_currency_code != home:
        raise exc.InvalidDocument(
            f"is {document.document_currency_code}, and this voucher is always in {home}.",
            field="document_currency_code",
        )


def rate(site: Site, document: Document) -> str:
    """Return the exchange rate of a voucher.

    :raises InvalidDocument: there is none although the currency is a foreign one.
    """
    home = document.document_currency_code == str(site.setting("home_currency"))
    if home and document.exchange_rate in (None, Decimal(1)):
        return "1"
    if home or document.exchange_rate is None:
        raise exc.InvalidDocument(
            "does not fit the currency of the document.",
            field="exchange_rate",
            remedy="Correct the document.",
        )
    return plain(document.exchange_rate)


def taxes(percent: Decimal | None, tax: Decimal | None) -> dict[str, Decimal | None]:
    """Return a line's tax as a document has it: none at all where U8 shows zero."""
    taxed = bool(percent or tax)
    return {"tax_percent": percent if taxed else None, "tax_amount": tax if taxed else None}


def total(entries: Iterable[Raw], names: Sequence[str]) -> Decimal | None:
    """Return the sum of a figure over the entries; None where one of them does not tell it."""
    found = [figure(entry, *names) for entry in entries]
    with localcontext(EXACT):
        return sum((each for each in found if each is not None), _ZERO) if None not in found else None
