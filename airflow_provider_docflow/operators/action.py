"""Acts on documents that exist: submit, confirm, cancel, comment, and write new numbers back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow.operators.base import (
    DocflowOperator,
    Documents,
    failures_of,
    handles_of,
    is_one,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome


class DocumentActionOperator(DocflowOperator):
    """Carries out one action on every document, once for the document and its arguments.

    :param action: word of the system's profile, such as ``submit``, ``confirm`` or ``cancel``.
    :param source: output of a docflow operator, document numbers, or a list of these.
    :param docflow_conn_id: where document numbers are looked up; outputs carry their own.
    :param document_type: type of the documents that numbers name.
    :param company_code: company of the documents that numbers name.
    :param arguments: what the action takes, such as a reason or a posting date.
    :param requires_approval: whether a decision in the ledger has to cover the document.
    """

    template_fields: Sequence[str] = (
        *DocflowOperator.template_fields,
        "action",
        "source",
        "document_type",
        "company_code",
        "arguments",
    )
    ui_color = "#f6ecd5"

    def __init__(
        self,
        *,
        action: str,
        source: Documents,
        document_type: str = "",
        company_code: str = "",
        arguments: Mapping[str, Any] | None = None,
        requires_approval: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.action = action
        self.source = source
        self.document_type = document_type
        self.company_code = company_code
        self.arguments = arguments
        self.requires_approval = requires_approval

    def carry_out(self, context: Context, flow: Flow) -> tuple[list[Outcome], bool]:
        """Find the documents and act on them."""
        found = self.find(
            context,
            flow,
            self.source,
            conn_id=self.docflow_conn_id,
            document_type=self.document_type,
            company_code=self.company_code,
        )
        done = flow.act(
            handles_of(found),
            action=self.action,
            arguments=self.arguments or {},
            requires_approval=self.requires_approval,
        )
        return [*failures_of(found), *done], is_one(self.source)


class WriteBackOperator(DocflowOperator):
    """Writes onto documents the numbers of what was created from them.

    Each document gets those numbers that descend from it, once; what has no descendants is left alone.

    :param document: outputs of docflow operators: the documents that are written onto.
    :param links: outputs of docflow operators: what was created.
    """

    template_fields: Sequence[str] = (*DocflowOperator.template_fields, "document", "links")
    ui_color = "#e8e2f4"

    def __init__(self, *, document: Documents, links: Documents, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.document = document
        self.links = links

    def carry_out(self, context: Context, flow: Flow) -> tuple[list[Outcome], bool]:
        """Find both ends and write the numbers back."""
        documents = self.find(context, flow, self.document, field="document")
        links = self.find(context, flow, self.links, field="links")
        written = flow.write_back(handles_of(documents), handles_of(links))
        return [*failures_of(documents), *failures_of(links), *written], is_one(self.document)
