"""Reports of a reconciliation: a workbook, a page for managers, a file for machines, a DataFrame."""

from __future__ import annotations

from airflow_provider_docflow.reconcile.report.files import write_report
from airflow_provider_docflow.reconcile.report.tables import frame

__all__ = ["frame", "write_report"]
