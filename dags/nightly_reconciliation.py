"""Every night: what the ERP has ordered against what finance has been asked to pay.

It needs the connections ``erp`` (any docflow system with purchase orders), ``finance_db`` (a database with
the table ``payment_request``) and ``docflow_ledger``. Orders are found by their number; where a supplier is
paid for several orders at once, by supplier, currency and total. What was ordered in the last five days may
still be on its way. Breaks live in the ledger until a later night no longer finds them:
``airflow docflow breaks --name orders_against_payments``.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import Param, dag

from airflow_provider_docflow.operators.reconcile import ReconcileOperator
from airflow_provider_docflow.reconcile import (
    Group,
    InTransit,
    Key,
    SqlSource,
    SystemSource,
    same,
    tolerance,
)

PAYMENTS = """
SELECT source_document AS order_id, supplier, currency,
       sum(amount) AS payable_amount, min(due_date) AS issue_date
FROM payment_request WHERE status IN ('open', 'paid') GROUP BY source_document, supplier, currency
"""


@dag(
    schedule="0 2 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["docflow"],
    params={"report": Param("", type="string", title="Folder of the report")},
    doc_md=__doc__,
)
def nightly_reconciliation() -> None:
    ReconcileOperator(
        task_id="orders_against_payments",
        name="orders_against_payments",
        left=SystemSource(conn_id="erp", document_type="purchase_order"),
        right=SqlSource(conn_id="finance_db", sql=PAYMENTS),
        match=[Key("order_id"), Group("supplier", "currency", total="payable_amount")],
        compare={"payable_amount": tolerance("0.01"), "supplier": same(), "currency": same()},
        in_transit=[InTransit(field="issue_date", days=5, side="left")],
        aged_from=["issue_date"],
        report="{{ params.report }}",
        fail_when="breaks > 0.1%",
    )


nightly_reconciliation()
