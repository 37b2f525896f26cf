"""The documents of a system, page by page, never all in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, ClassVar

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Query
from airflow_provider_docflow.core.profile import Reading as Read
from airflow_provider_docflow.document import document_to_json
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.sources.base import Reading, Source, load_rows

#: What authors call a field, and where it stands in a document.
PATHS = {
    "number": "id",
    "supplier": "seller_supplier_party.id",
    "supplier_name": "seller_supplier_party.name",
    "customer": "buyer_customer_party.id",
    "customer_name": "buyer_customer_party.name",
    "currency": "document_currency_code",
    "status": "lifecycle",
}
_AXES = ("lifecycle", "approval", "fulfilment", "invoicing", "payment")


@dataclass
class SystemSource(Source):
    """The documents of one type of one system.

    Fields are those of a document: ``payable_amount``, ``seller_supplier_party.id``; ``number``,
    ``order_id`` (for an order), ``supplier``, ``customer``, ``currency`` and ``status`` are short for them;
    the axes of the state are fields too, and ``raw.`` leads to what the system itself calls a field.

    :param conn_id: a docflow connection.
    :param document_type: type of the documents.
    :param issued_from: first day of a ``period``, an ISO date; its last day is the cut-off.
    :param company_code: only this company's.
    :param query: what else the system is asked, in its own words.
    """

    conn_id: str
    document_type: str
    issued_from: str = ""
    company_code: str = ""
    query: Mapping[str, Any] = field(default_factory=dict)

    template_fields: ClassVar[Sequence[str]] = (
        *Source.template_fields,
        "conn_id",
        "document_type",
        "issued_from",
        "company_code",
    )

    def title(self) -> str:
        """Return what people call it."""
        return self.name or self.conn_id

    def dataset(self) -> tuple[str, str]:
        """Return namespace and name by which lineage knows it."""
        return f"docflow://{self.conn_id}", self.document_type

    def load(self, engine: Engine, table: str, reading: Reading) -> None:
        """Make a table of the engine out of the system's documents.

        :raises Unsupported: the system cannot list them.
        """
        from airflow_provider_docflow.hooks.docflow import DocflowHook

        hook = DocflowHook(self.conn_id, ledger_conn_id=reading.ledger_conn_id)
        system = hook.system
        try:
            load_rows(engine, table, list(reading.fields), self._rows(system, reading), reading)
        finally:
            system.close()

    def _rows(self, system: Any, reading: Reading) -> Iterator[Sequence[Any]]:
        paths = [self._path(name) for name in reading.fields]
        for found in self._pages(system, self._query(reading)):
            for read in found:
                flat = self._flat(read)
                yield [value_at(flat, path) for path in paths]

    def documents(self, system: Any, numbers: Sequence[str] = ()) -> Iterator[Read]:
        """Yield the documents of this side as they stand now, all that are open of a changing one.

        :param numbers: only those of these numbers, where any are given.
        :raises Unsupported: the system cannot list them.
        """
        query = replace(self._query(Reading(())), numbers=tuple(numbers))
        for found in self._pages(system, query):
            yield from found

    def path(self, field: str) -> str:
        """Return where a field of the reconciliation stands in a document of this side."""
        return self._path(self.columns.get(field, field))

    def row(self, read: Read, fields: Sequence[str]) -> dict[str, Any]:
        """Return what a document says in the fields of the reconciliation.

        Of what its system shows too little of to be a whole document, it is what there is.

        :raises InvalidDocument: it cannot be read as a document.
        """
        flat = self._parts(read) if read.document is None and read.problem is None else self._flat(read)
        return {field: value_at(flat, self.path(field)) for field in fields}

    def _pages(self, system: Any, query: Query) -> Iterator[Sequence[Read]]:
        kind = system.site.profile.of(self.document_type)
        if kind.search is None:
            raise exc.Unsupported(
                f"{system.site.profile.title} cannot list a {self.document_type}.",
                system=self.conn_id,
                remedy="Reconcile from its database or an export.",
            )
        at = None
        while True:
            page = system.run(kind.search(system.site, query, at))
            yield page.readings
            at = page.next
            if at is None:
                return

    def _query(self, reading: Reading) -> Query:
        period = self.population == "period"
        return Query(
            company_code=self.company_code,
            changed_since=reading.since if self.population == "open or changed" else None,
            issued_from=self.first_day(),
            issued_to=self.last_day() if period else None,
            raw=dict(self.query),
        )

    def first_day(self) -> date | None:
        """Return the first day of the period."""
        known = self.population == "period" and self.issued_from
        return date.fromisoformat(self.issued_from) if known else None

    def _path(self, name: str) -> str:
        own = f"{self.document_type.rpartition('_')[2]}_id"
        return "id" if name in (own, f"{self.document_type}_id") else PATHS.get(name, name)

    def _parts(self, read: Read) -> dict[str, Any]:
        told: dict[str, Any] = {"id": read.ref.number, "company_code": read.company_code}
        told |= {"payable_amount": read.total, "document_currency_code": read.currency}
        return {**told, "seller_supplier_party": {"id": read.party}, **self._beside(read)}

    def _beside(self, read: Read) -> dict[str, Any]:
        state = {axis: str(getattr(read.state, axis)) for axis in _AXES}
        return {**state, "internal_id": read.ref.internal_id, "raw": dict(read.raw)}

    def _flat(self, read: Read) -> dict[str, Any]:
        if read.document is None:
            raise read.problem or exc.InvalidDocument(
                "it cannot be read as a document.", system=self.conn_id, document=str(read.ref)
            )
        return {**document_to_json(read.document), **self._beside(read)}


def value_at(data: Any, path: str) -> Any:
    """Return the value at a dotted path, None where it leads nowhere."""
    for step in path.split("."):
        if isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(data, list) and step.isdigit():
            data = data[int(step)] if int(step) < len(data) else None
        else:
            return None
    return data
