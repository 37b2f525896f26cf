"""Reads documents by the numbers that people use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow.operators.base import DocflowOperator, Documents, handles_of, is_one, plain
from airflow_provider_docflow.operators.reading import keep, read_again

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome


class ReadDocumentOperator(DocflowOperator):
    """Reads documents and hands on what points to them; what was read stays in the ledger.

    :param docflow_conn_id: the system that is read.
    :param document_type: type of the documents.
    :param number: one number or a list; the output of another docflow operator reads those documents again.
    :param company_code: where a number is unique only within a company.
    """

    template_fields: Sequence[str] = (
        *DocflowOperator.template_fields,
        "document_type",
        "number",
        "company_code",
    )

    def __init__(
        self,
        *,
        docflow_conn_id: str,
        document_type: str,
        number: Documents,
        company_code: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.number = number
        self.company_code = company_code

    def carry_out(self, context: Context, flow: Flow) -> tuple[list[Outcome], bool]:
        """Read the documents."""
        wanted = plain(self.number, "number")
        single = is_one(wanted)
        items = [wanted] if isinstance(wanted, str | Mapping) else wanted
        numbers = [item for item in items if isinstance(item, str)]
        others = [item for item in items if not isinstance(item, str)]
        found = self._by_number(flow, numbers) if numbers else []
        if others:
            # Outputs of other operators tell what was read then, not what stands there now.
            found += read_again(flow, handles_of(self.find(context, flow, others, field="number")))
        return found, single

    def _by_number(self, flow: Flow, numbers: Sequence[str]) -> list[Outcome]:
        system = flow.system_of(self.docflow_conn_id)
        readings = system.resolve(self.document_type, numbers, self.company_code)
        return keep(flow, system, numbers, readings)
