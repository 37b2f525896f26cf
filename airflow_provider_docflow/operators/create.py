"""Creates documents in one system from approved documents of another, each exactly once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_docflow.operators.base import (
    DocflowOperator,
    Documents,
    failures_of,
    handles_of,
    is_one,
)
from airflow_provider_docflow.operators.waiting import text_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.creating import OnChange
    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome


class CreateDocumentOperator(DocflowOperator):
    """Creates what the source documents become in the target system.

    A source is read again just before it is used, and only what a decision in the ledger covers is written.
    Run again, by a retry, a cleared task, another run or a backfill, it finds what it wrote.

    :param docflow_conn_id: the system that is written to.
    :param document_type: what is created.
    :param source: output of a docflow operator, document numbers, or a list of these.
    :param source_conn_id: where document numbers are looked up; outputs carry their own.
    :param source_document_type: type of the documents that numbers name.
    :param company_code: company of the documents that numbers name, where a number is unique only within one.
    :param mapping: field of the new document to a Jinja expression without braces, such as
        ``{"payable_amount": "source.payable_amount * 100"}``; no template field.
    :param arguments: what the system takes beside the document, such as the approvers of a form.
    :param split_by: field of the lines, or ``payment_terms``; each of its values becomes a document.
    :param where: Jinja expression without braces, such as ``source.payable_amount > 1000``; documents for
        which it does not hold are left out; no template field.
    :param until: stage to which the documents are taken: ``saved``, ``submitted``, ``approved`` or
        ``confirmed``.
    :param on_change: when a source reads otherwise than what was written from it: open an ``incident``,
        ``amend`` the document or ``supersede`` it.
    :param requires_approval: False writes without a decision, and has to be written out.
    """

    template_fields: Sequence[str] = (
        *DocflowOperator.template_fields,
        "document_type",
        "source",
        "source_conn_id",
        "source_document_type",
        "company_code",
        "arguments",
        "split_by",
        "until",
        "on_change",
    )
    serialized_beside: ClassVar[frozenset[str]] = frozenset({"mapping_text", "where", "requires_approval"})
    ui_color = "#dcefe0"

    def __init__(
        self,
        *,
        docflow_conn_id: str,
        document_type: str,
        source: Documents,
        source_conn_id: str = "",
        source_document_type: str = "",
        company_code: str = "",
        mapping: Mapping[str, str] | None = None,
        arguments: Mapping[str, Any] | None = None,
        split_by: str | None = None,
        where: str = "",
        until: str = "saved",
        on_change: OnChange = "incident",
        requires_approval: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(docflow_conn_id=docflow_conn_id, **kwargs)
        self.document_type = document_type
        self.source = source
        self.source_conn_id = source_conn_id
        self.source_document_type = source_document_type
        self.company_code = company_code
        self.mapping = mapping
        self.arguments = arguments
        self.split_by = split_by
        self.where = where
        self.until = until
        self.on_change = on_change
        self.requires_approval = requires_approval

    mapping_text = property(lambda self: text_of(self.mapping))

    def carry_out(self, context: Context, flow: Flow) -> tuple[list[Outcome], bool]:
        """Find the sources and create what they become."""
        found = self.find(
            context,
            flow,
            self.source,
            conn_id=self.source_conn_id,
            document_type=self.source_document_type,
            company_code=self.company_code,
        )
        created = flow.create(
            handles_of(found),
            target_conn_id=self.docflow_conn_id,
            document_type=self.document_type,
            mapping=self.mapping,
            arguments=self.arguments,
            split_by=self.split_by or None,
            where=self.where,
            until=self.until,
            on_change=self.on_change,
            requires_approval=self.requires_approval,
        )
        return [*failures_of(found), *created], is_one(self.source)
