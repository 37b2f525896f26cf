"""The two sides of a reconciliation: which columns mean what, and what a population is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.reconcile.comparisons import Kind


@dataclass(frozen=True, kw_only=True)
class Layout:
    """What the fields of a reconciliation are, the same for both sides.

    :param kinds: field to how its values are read.
    :param identity: fields by which a document is known from one run to the next.
    :param amount: field that is totalled; empty where documents have no amount.
    :param currency: field of its currency; empty where all are in one.
    :param converted: fields that no source has: amounts in another currency.
    :param beside: fields by which nothing is matched or compared: a match by people outlives their change.
    :param sensitive: fields whose values are told nobody outside the ledger.
    """

    kinds: Mapping[str, Kind]
    identity: tuple[str, ...]
    amount: str = ""
    currency: str = ""
    converted: frozenset[str] = frozenset()
    sensitive: frozenset[str] = frozenset()
    beside: frozenset[str] = frozenset()

    @property
    def fields(self) -> tuple[str, ...]:
        """Return the fields in the order of their columns."""
        return tuple(sorted(self.kinds))

    @property
    def read(self) -> tuple[str, ...]:
        """Return the fields that the sources have, in the same order."""
        return tuple(name for name in self.fields if name not in self.converted)

    def column(self, name: str) -> str:
        """Return the column of a field in the prepared tables."""
        return f"f{self.fields.index(name)}"


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side.

    :param name: what people call it, such as the system's connection.
    :param columns: field to column of the source; a field that is not here has a column of its own name.
    :param population: what the source holds, in words: ``all``, ``open or changed``, a period.
    :param cut_off: documents after this day do not belong to the reconciliation; None for no limit.
    :param first_day: of the window, where the source tells all from then on; None where nobody knows.
    :param date: field that the cut-off looks at.
    :param zone: time zone in which an instant becomes a business date.
    :param may_be_empty: an empty side is refused unless this is said.
    """

    name: str
    columns: Mapping[str, str] = field(default_factory=dict)
    population: str = "all"
    cut_off: date | None = None
    first_day: date | None = None
    date: str = ""
    zone: str = "UTC"
    may_be_empty: bool = False

    def column(self, name: str) -> str:
        """Return the source's column of a field."""
        return self.columns.get(name, name)


def merge_kinds(*given: Mapping[str, Kind]) -> dict[str, Kind]:
    """Return how each field is read; text gives way to what says more.

    :raises Misconfigured: a field is to be an amount and a date.
    """
    merged: dict[str, Kind] = {}
    for kinds in given:
        for name, kind in kinds.items():
            known = merged.get(name, "text")
            if "text" not in (known, kind) and known != kind:
                raise Misconfigured(
                    f"field {name} is compared as {known} and as {kind}.", field=name, remedy="Use one."
                )
            merged[name] = kind if known == "text" else known
    return merged
