"""One run per purchase requisition: from its approval in the OA to orders and payment requests.

``requisition_intake`` starts it by a partition whose key names the document. It needs the connections ``oa``,
``erp``, ``finance`` and ``docflow_ledger``. Of two runs for the same content of a document one goes on. An
undecided document occupies a run, so the DAG allows many of them; each also takes one of the triggerer's
``[triggerer] capacity``.
"""

from __future__ import annotations

from airflow.sdk import PartitionedAssetTimetable, dag

from airflow_provider_docflow.assets import document_asset
from airflow_provider_docflow.operators.action import WriteBackOperator
from airflow_provider_docflow.operators.approval import ApprovalOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.intake import ClaimOperator


@dag(
    schedule=PartitionedAssetTimetable(assets=document_asset("oa", "purchase_requisition")),
    max_active_runs=1_000,
    tags=["docflow"],
    doc_md=__doc__,
)
def requisition_to_payment() -> None:
    claimed = ClaimOperator(
        task_id="claimed",
        docflow_conn_id="oa",
        document_type="purchase_requisition",
        number="{{ dag_run.partition_key }}",
    )
    approved = ApprovalOperator(
        task_id="approved",
        docflow_conn_id="oa",
        document_type="purchase_requisition",
        source=claimed.output,
        on_refused="skip",
    )
    orders = CreateDocumentOperator(
        task_id="orders",
        docflow_conn_id="erp",
        document_type="purchase_order",
        source=approved.output,
        split_by="seller_supplier_party",
        until="submitted",  # an order gets its number then, which the payment request names
    )
    payments = CreateDocumentOperator(
        task_id="payments", docflow_conn_id="finance", document_type="payment_request", source=orders.output
    )
    written_back = WriteBackOperator(
        task_id="written_back", document=approved.output, links=[orders.output, payments.output]
    )
    approved >> orders >> payments >> written_back


requisition_to_payment()
