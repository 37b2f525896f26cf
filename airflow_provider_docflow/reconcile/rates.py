"""Amounts of several currencies in one, by a table of rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.reconcile.comparisons import Kind
from airflow_provider_docflow.reconcile.sources.base import Source

MOST_DECIMALS = 10


@dataclass
class Rates:
    """Gives each amount a second field, in one currency, for rules and comparisons to use.

    ``payable_amount`` becomes ``payable_amount_in_cny`` beside itself, rounded half up. A document whose
    currency has no rate on its day is refused, never compared as it is.

    :param source: rates, with columns ``currency``, ``rate`` (what one unit of it is worth in ``to``; at most
        eight decimals) and, if ``date`` is given, ``valid_from``: a rate holds until the next one.
    :param to: the currency to convert to, as the documents write it.
    :param fields: amounts to convert.
    :param currency: field of a document's currency.
    :param date: field of the business date whose rate counts; empty if the rates have no dates.
    :param decimals: to which a converted amount is rounded.
    """

    source: Source
    to: str
    fields: Sequence[str] = ("payable_amount",)
    currency: str = "currency"
    date: str = "issue_date"
    decimals: int = 2

    template_fields: ClassVar[Sequence[str]] = ("source", "to")

    def check(self) -> None:
        """Refuse what cannot be converted by.

        :raises Misconfigured: no currency, no field, or more decimals than amounts have.
        """
        if not self.to or not self.currency or not self.fields or not 0 <= self.decimals <= MOST_DECIMALS:
            raise Misconfigured(
                "rates need a currency to convert to, the field of the documents' currency, amounts to"
                f" convert, and 0 to {MOST_DECIMALS} decimals.",
                field="rates",
                remedy='Rates(source=..., to="CNY", fields=("payable_amount",)).',
            )

    def converted(self, field: str) -> str:
        """Return the name of an amount in the one currency."""
        return f"{field}_in_{self.to.lower()}"

    def names(self) -> dict[str, str]:
        """Return the converted fields and what each is made of."""
        return {self.converted(field): field for field in self.fields}

    def kinds(self) -> dict[str, Kind]:
        """Return how the fields are read, the converted ones among them."""
        kinds: dict[str, Kind] = dict.fromkeys((*self.fields, *self.names()), "amount")
        kinds[self.currency] = "text"
        return kinds | ({self.date: "date"} if self.date else {})

    @property
    def columns(self) -> Mapping[str, str]:
        """Return which column of the source holds what."""
        wanted = ("currency", "rate", *(("valid_from",) if self.date else ()))
        return {name: self.source.columns.get(name, name) for name in wanted}
