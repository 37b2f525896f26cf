"""Divide what stands on a document as a whole among its parts, so that their sum is the document."""

from __future__ import annotations

from decimal import Decimal, localcontext

from airflow_provider_docflow.document import totals
from airflow_provider_docflow.document.check import label
from airflow_provider_docflow.document.model import Document
from airflow_provider_docflow.document.money import EXACT, Apportionment, apportion, plain
from airflow_provider_docflow.exceptions import InvalidDocument

ZERO = Decimal(0)


def divided(whole: Document, parts: dict[str, Document]) -> dict[str, Document]:
    """Give every part its share of the whole document's allowances, charges, rounding and tax.

    :param whole: a totalled document with a value.
    :param parts: at least two documents that hold its lines, by name; what remains goes to the largest, the
        first of them if several are.
    :raises InvalidDocument: there is an amount to divide and no part has a value.
    """
    division = _Division(whole, list(parts.values()))
    return dict(zip(parts, division.parts(), strict=True))


class _Division:
    """The shares of one document's parts, and the notes that name what could not be divided."""

    def __init__(self, whole: Document, parts: list[Document]) -> None:
        self._whole, self._parts = whole, parts
        self._notes: list[list[str]] = [[] for _ in parts]
        with localcontext(EXACT):
            self._weights = [_value(part) for part in parts]
        self._largest = self._weights.index(max(self._weights))

    def parts(self) -> list[Document]:
        """Return the parts with their totals and notes."""
        whole = self._whole
        items = [
            (item, self._shares(item.amount, f"allowance_charge[{index}]", item.tax_percent))
            for index, item in enumerate(whole.allowance_charge)
        ]
        rounding = self._shares(whole.payable_rounding_amount or ZERO, "payable_rounding_amount")
        tax = None if totals.says_tax(whole) else self._shares(whole.tax_amount or ZERO, "tax_amount")
        found = []
        for place, part in enumerate(self._parts):
            shares = ((item, amounts[place]) for item, amounts in items)
            update = {
                "allowance_charge": tuple(i.model_copy(update={"amount": a}) for i, a in shares if a),
                "payable_rounding_amount": rounding[place] or None,
                "tax_amount": tax[place] if tax else None,
                "payable_amount": None,
            }
            found.append(totals.filled(part.model_copy(update=update)))
        found[self._largest] = self._with_rest(found)
        return [
            part.model_copy(update={"notes": (*part.notes, *notes)})
            for part, notes in zip(found, self._notes, strict=True)
        ]

    def _shares(self, amount: Decimal, field: str, tax_percent: Decimal | None = None) -> Apportionment:
        """Divide by value; what is taxed at a rate goes with the lines of that rate, if there are any."""
        currency = self._whole.document_currency_code
        with localcontext(EXACT):
            weights = [_value(part, tax_percent) for part in self._parts]
        if amount and not any(self._weights):
            raise InvalidDocument(
                f"{plain(amount)} {currency} cannot be divided among parts that have no value",
                document=label(self._whole),
                field=field,
                remedy="Put it on the line that it belongs to.",
            )
        shares = apportion(amount, weights if any(weights) else self._weights, currency)
        if shares.remainder_index is not None:
            self._notes[shares.remainder_index].append(
                f"{plain(shares.remainder)} {currency} of {field} cannot be divided; it stands on this part."
            )
        return shares

    def _with_rest(self, parts: list[Document]) -> Document:
        """Name in the rounding amount what the parts' own rounding of the tax leaves over."""
        part = parts[self._largest]
        with localcontext(EXACT):
            rest = _payable(self._whole) - sum(map(_payable, parts), ZERO)
            rounding = (part.payable_rounding_amount or ZERO) + rest
            payable = _payable(part) + rest
        if not rest:
            return part
        self._notes[self._largest].append(
            f"{plain(rest)} {self._whole.document_currency_code} of tax is rounded differently in the whole"
            " document and stands in the rounding amount of this part."
        )
        return part.model_copy(update={"payable_rounding_amount": rounding, "payable_amount": payable})


def _value(part: Document, tax_percent: Decimal | None = None) -> Decimal:
    lines = [line for line in part.lines if tax_percent is None or line.tax_percent == tax_percent]
    return sum((line.line_extension_amount or ZERO for line in lines), ZERO)


def _payable(document: Document) -> Decimal:
    return document.payable_amount or ZERO
