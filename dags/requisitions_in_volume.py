"""A thousand purchase requisitions in one run: every stage is one task over the whole batch.

Approval happens in the OA; orders and supplier invoices are written in the ERP, payment requests in the
finance database, the new numbers back onto the OA's forms, and one signed message goes out per decision. A
requisition that is undecided is carried to the next run and holds nobody up; one that goes wrong is an
incident and holds nobody up either. Suppliers in ``PREPAID`` are paid from the order, all others from their
invoice; with those in ``IN_PARTS`` two payments were agreed.

It needs the connections ``oa_volume``, ``erp``, ``finance`` and ``docflow_ledger``. The cursor remembers how
far the OA has been looked through; another name of a cursor (``{"cursor": "all"}``) looks through everything
once more and creates nothing that is there.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag

from airflow_provider_docflow.operators.action import WriteBackOperator
from airflow_provider_docflow.operators.approval import ApprovalOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.listing import AdvanceCursorOperator, ListDocumentsOperator
from airflow_provider_docflow.operators.notify import NotifyOperator

PREPAID = "source.seller_supplier_party.id in ('SUP-7', 'SUP-8')"
IN_PARTS = "source.seller_supplier_party.id in ('SUP-5', 'SUP-6', 'SUP-8')"
TERMS = {
    "payment_terms": f"[{{'days': 14, 'percent': 40}}, {{'days': 60, 'percent': 60}}] if {IN_PARTS} else []"
}


@dag(
    schedule=None,
    # A batch of a thousand does not queue behind forty runs of one document each.
    default_args={"retry_delay": timedelta(seconds=10), "priority_weight": 100},
    max_active_runs=1,
    tags=["docflow"],
    params={"cursor": Param("requisitions_in_volume", type="string", title="Cursor")},
    doc_md=__doc__,
)
def requisitions_in_volume() -> None:
    listed = ListDocumentsOperator(
        task_id="listed",
        docflow_conn_id="oa_volume",
        document_type="purchase_requisition",
        cursor="{{ params.cursor }}",
        fail_on="never",
    )
    approved = ApprovalOperator(
        task_id="approved",
        docflow_conn_id="oa_volume",
        document_type="purchase_requisition",
        source=listed.output,
        wait="carry",
        fail_on="never",
    )
    orders = CreateDocumentOperator(
        task_id="orders",
        docflow_conn_id="erp",
        document_type="purchase_order",
        source=approved.output,
        split_by="seller_supplier_party",
        until="confirmed",
        fail_on="never",
    )
    invoices = CreateDocumentOperator(
        task_id="invoices",
        docflow_conn_id="erp",
        document_type="supplier_invoice",
        source=orders.output,
        until="submitted",
        fail_on="never",
    )
    in_advance = CreateDocumentOperator(
        task_id="payments_in_advance",
        docflow_conn_id="finance",
        document_type="payment_request",
        source=orders.output,
        where=PREPAID,
        split_by="payment_terms",
        mapping=TERMS,
        fail_on="never",
    )
    payments = CreateDocumentOperator(
        task_id="payments",
        docflow_conn_id="finance",
        document_type="payment_request",
        source=invoices.output,
        where=f"not ({PREPAID})",
        split_by="payment_terms",
        mapping=TERMS,
        fail_on="never",
    )
    written_back = WriteBackOperator(
        task_id="written_back",
        document=approved.output,
        links=[orders.output, invoices.output, in_advance.output, payments.output],
        fail_on="never",
    )
    told = NotifyOperator(
        task_id="told", docflow_conn_id="oa_volume", source=approved.output, channels=["dingtalk_robot"]
    )
    # Last, so that a run which is given up leaves everything to the next one; nothing decided is no reason
    # to look through the same changes again.
    advanced = AdvanceCursorOperator(task_id="advanced", listed=listed.output, trigger_rule="none_failed")
    [in_advance, payments] >> written_back
    [written_back, told] >> advanced


requisitions_in_volume()
