"""After the nightly reconciliation: small breaks between orders and payment requests are put right.

It needs the connections ``erp`` and ``finance`` (docflow systems; ``finance`` is the database that the
reconciliation reads through ``finance_db``) and ``docflow_ledger``. An order up to the limit that nobody has
asked finance to pay becomes a payment request; above the limit only if it is approved. What is left is
refused with a reason and stays a break: ``airflow docflow reconcile show``.

It runs by the clock, not after the task of the reconciliation: that one fails where there are breaks. Start
it with ``dry_run`` to see every change before there is one.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import Param, dag

from airflow_provider_docflow.operators.repair import RepairBreaksOperator
from airflow_provider_docflow.reconcile import SystemSource


@dag(
    schedule="0 4 * * *",
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["docflow"],
    params={
        "dry_run": Param(False, type="boolean", title="Only show what would change"),
        "limit": Param("1000.00", type="string", title="Amount in CNY above which an order is approved"),
    },
    doc_md=__doc__,
)
def repair_small_breaks() -> None:
    RepairBreaksOperator(
        task_id="repaired",
        name="orders_against_payments",
        kinds=["missing_right"],
        left=SystemSource(conn_id="erp", document_type="purchase_order"),
        right=SystemSource(
            conn_id="finance",
            document_type="payment_request",
            columns={"order_id": "raw.source_document"},
        ),
        truth={"existence": "left"},
        limit={"CNY": "{{ params.limit }}"},
        most=50,
        dry_run="{{ params.dry_run }}",
        # What could not be repaired is still a break, and the reconciliation says so.
        fail_on="never",
    )


repair_small_breaks()
