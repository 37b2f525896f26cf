"""Turns the approved purchase requisitions named in the run's conf into purchase orders.

Trigger it with ``{"numbers": ["PR-1", "PR-2"]}``. It needs three connections: ``oa`` (where requisitions are
typed and approved), ``erp`` (where orders are placed) and ``docflow_ledger``. Run it as often as you like:
what was ordered once is found again. A requisition that nobody has approved, or that was changed since, is
refused by name, and the others go on.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, task

from airflow_provider_docflow.operators.action import WriteBackOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.read import ReadDocumentOperator


@dag(
    schedule=None,
    tags=["docflow"],
    params={"numbers": Param([], type="array", items={"type": "string"}, title="Requisitions")},
    doc_md=__doc__,
)
def purchase_requisition_to_order() -> None:
    @task
    def numbers(params: dict[str, list[str]]) -> list[str]:
        return params["numbers"]

    requisitions = ReadDocumentOperator(
        task_id="requisitions",
        docflow_conn_id="oa",
        document_type="purchase_requisition",
        number=numbers(),
        fail_on="all",
    )
    orders = CreateDocumentOperator(
        task_id="orders",
        docflow_conn_id="erp",
        document_type="purchase_order",
        source=requisitions.output,
        split_by="seller_supplier_party",
        fail_on="all",
    )
    written_back = WriteBackOperator(
        task_id="written_back", document=requisitions.output, links=[orders.output]
    )
    orders >> written_back


purchase_requisition_to_order()
