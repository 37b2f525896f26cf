"""Waits for the decision on one requisition and orders it: what ``python -m benchmarks events`` measures."""

from __future__ import annotations

from airflow.sdk import Param, dag

from airflow_provider_docflow.operators.approval import ApprovalOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator


@dag(schedule=None, max_active_runs=200, params={"number": Param("", type="string")}, doc_md=__doc__)
def decided_to_ordered() -> None:
    approved = ApprovalOperator(
        task_id="approved",
        docflow_conn_id="oa",
        document_type="purchase_requisition",
        number="{{ params.number }}",
    )
    CreateDocumentOperator(
        task_id="orders", docflow_conn_id="erp", document_type="purchase_order", source=approved.output
    )


decided_to_ordered()
