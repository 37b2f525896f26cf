"""What the ledger knows of the documents of a system: reconciled with the system, it shows what drifted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.sources.base import Reading, Source, load_rows

COLUMNS = (
    "number",
    "internal_id",
    "instance",
    "company_code",
    "supplier",
    "supplier_name",
    "payable_amount",
    "currency",
    "issue_date",
    "lifecycle",
    "approval",
    "fulfilment",
    "invoicing",
    "payment",
)
_CALLED = {"supplier": "party_id", "supplier_name": "party_name", "payable_amount": "amount"}


@dataclass
class LedgerSource(Source):
    """The ledger's index of documents.

    :param document_type: type of the documents.
    :param instance: of which system, as the ledger names it; all if empty.
    """

    document_type: str
    instance: str = ""

    template_fields: ClassVar[Sequence[str]] = (*Source.template_fields, "document_type", "instance")

    def title(self) -> str:
        """Return what people call it."""
        return self.name or "ledger"

    def dataset(self) -> tuple[str, str]:
        """Return namespace and name by which lineage knows it."""
        return "docflow://ledger", self.document_type

    def load(self, engine: Engine, table: str, reading: Reading) -> None:
        """Make a table of the engine out of the index."""
        from airflow_provider_docflow.hooks.ledger import ledger_of

        ledger = ledger_of(reading.ledger_conn_id)
        load_rows(engine, table, COLUMNS, self._rows(ledger), reading)

    def _rows(self, ledger: Any) -> Iterator[Sequence[Any]]:
        from airflow_provider_docflow.ledger.search import Search
        from airflow_provider_docflow.ledger.search_all import every_document

        wanted = Search(document_type=self.document_type, instance=self.instance)
        for row in every_document(ledger, wanted):
            yield [row[_CALLED.get(name, name)] for name in COLUMNS]
