"""Which document, in which system: the name under which every other part of the package knows it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StrictInt, TypeAdapter
from pydantic.dataclasses import dataclass

from airflow_provider_docflow.document.model import DocumentType
from airflow_provider_docflow.document.reading import validated
from airflow_provider_docflow.document.values import Identifier, RequiredIdentifier

SHADOW = "shadow:"
"""How the internal id of a document begins that only a shadow run knows."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class DocumentRef:
    """One document in one instance.

    :param instance: the tenant as the system names itself; never the connection's name.
    :param company_code: empty where the system knows no companies.
    :param document_type: one of the twelve types.
    :param internal_id: the system's own key of the record.
    :param number: the number people use; may be empty while the document is a draft.
    :param fiscal_year: where the number is unique only within a year.
    """

    instance: RequiredIdentifier
    company_code: Identifier
    document_type: DocumentType
    internal_id: RequiredIdentifier
    number: Identifier = ""
    fiscal_year: Annotated[StrictInt, Field(ge=1900, le=9999)] | None = None

    @property
    def identity(self) -> tuple[str, str, str, str, int | None]:
        """What stays the same from draft to archive: everything but the number."""
        return self.instance, self.company_code, self.document_type.value, self.internal_id, self.fiscal_year

    @property
    def is_shadow(self) -> bool:
        """Whether the document was never written: only a shadow run knows it."""
        return self.internal_id.startswith(SHADOW)

    def to_json(self) -> dict[str, Any]:
        """Return the reference as JSON primitives."""
        data: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return data

    @classmethod
    def from_json(cls, data: Any) -> DocumentRef:
        """Read what :meth:`to_json` wrote.

        :raises InvalidDocument: a field is missing, unknown or wrong; every one is named.
        """
        return validated(cls, data)

    def __str__(self) -> str:
        where = [f"company {self.company_code}"] if self.company_code else []
        where += [f"fiscal year {self.fiscal_year}"] if self.fiscal_year is not None else []
        name = self.number or f"with id {self.internal_id}"
        inside = f" ({', '.join(where)})" if where else ""
        return f"{self.document_type.value.replace('_', ' ')} {name}{inside} in {self.instance}"


_ADAPTER = TypeAdapter(DocumentRef)
