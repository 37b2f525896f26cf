"""Looks every five minutes at what changed in the OA, and starts a ``requisition_to_payment`` for each.

It needs the connections ``oa`` and ``docflow_ledger``. Each changed requisition is emitted as a partition of
the asset ``docflow://oa/purchase_requisition``, at least once; the cursor moves only after the partitions are
out. The first run emits everything that the change feed still tells.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import dag

from airflow_provider_docflow.assets import document_asset
from airflow_provider_docflow.operators.intake import IntakeOperator
from airflow_provider_docflow.operators.listing import AdvanceCursorOperator


@dag(
    schedule=timedelta(minutes=5),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["docflow"],
    doc_md=__doc__,
)
def requisition_intake() -> None:
    changed = IntakeOperator(
        task_id="changed",
        docflow_conn_id="oa",
        document_type="purchase_requisition",
        cursor="requisition_intake",
        outlets=[document_asset("oa", "purchase_requisition")],
    )
    AdvanceCursorOperator(task_id="advanced", listed=changed.output)


requisition_intake()
