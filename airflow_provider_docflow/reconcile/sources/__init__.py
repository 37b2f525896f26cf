"""Where the documents of a side come from."""

from __future__ import annotations

from airflow_provider_docflow.reconcile.sources.base import Source
from airflow_provider_docflow.reconcile.sources.files import FileSource
from airflow_provider_docflow.reconcile.sources.frames import FrameSource
from airflow_provider_docflow.reconcile.sources.ledger import LedgerSource
from airflow_provider_docflow.reconcile.sources.sql import SqlSource
from airflow_provider_docflow.reconcile.sources.system import SystemSource

__all__ = ["FileSource", "FrameSource", "LedgerSource", "Source", "SqlSource", "SystemSource"]
