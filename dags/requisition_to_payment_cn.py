"""Approved in DingTalk, ordered and invoiced in Kingdee, paid in Yonyou U8, told in WeCom.

Trigger it with ``{"numbers": ["PR-1", "PR-2"]}``. It needs the connections ``oa`` (DingTalk), ``erp``
(Kingdee K/3 Cloud), ``finance`` (Yonyou U8), ``wecom`` and ``docflow_ledger``; ``wecom_users`` names who is
told. Run it as often as you like: what was ordered, invoiced, paid or told once is so only once.
``make demo-cn`` runs it against stand-ins.
"""

from __future__ import annotations

from airflow.sdk import Param, dag, task

from airflow_provider_docflow.operators.approval import ApprovalOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.notify import NotifyOperator


@dag(
    schedule=None,
    tags=["docflow"],
    params={
        "numbers": Param([], type="array", items={"type": "string"}, title="Requisitions"),
        "wecom_users": Param("", type="string", title="WeCom user ids, with commas"),
    },
    doc_md=__doc__,
)
def requisition_to_payment_cn() -> None:
    @task
    def numbers(params: dict[str, list[str]]) -> list[str]:
        return params["numbers"]

    approved = ApprovalOperator(
        task_id="approved",
        docflow_conn_id="oa",
        document_type="purchase_requisition",
        number=numbers(),
        on_refused="skip",
    )
    orders = CreateDocumentOperator(
        task_id="orders",
        docflow_conn_id="erp",
        document_type="purchase_order",
        source=approved.output,
        split_by="seller_supplier_party",
        until="submitted",
    )
    invoices = CreateDocumentOperator(
        task_id="invoices", docflow_conn_id="erp", document_type="supplier_invoice", source=orders.output
    )
    payments = CreateDocumentOperator(
        task_id="payments", docflow_conn_id="finance", document_type="payment", source=invoices.output
    )
    told = NotifyOperator(
        task_id="told",
        source=payments.output,
        channels=["wecom_notice"],
        docflow_conn_id="wecom",
        users="{{ params.wecom_users }}",
        language="zh",
    )
    approved >> orders >> invoices >> payments >> told


requisition_to_payment_cn()
