"""Batch reconciliation: what two systems disagree about, why, and since when."""

from __future__ import annotations

from airflow_provider_docflow.reconcile.comparisons import days, same, tolerance, within
from airflow_provider_docflow.reconcile.rates import Rates
from airflow_provider_docflow.reconcile.rules import (
    Group,
    InTransit,
    Key,
    Partial,
    References,
    SubsetSum,
    TextKey,
    expected,
)
from airflow_provider_docflow.reconcile.sources import (
    FileSource,
    FrameSource,
    LedgerSource,
    SqlSource,
    SystemSource,
)

__all__ = [
    "FileSource",
    "FrameSource",
    "Group",
    "InTransit",
    "Key",
    "LedgerSource",
    "Partial",
    "Rates",
    "References",
    "SqlSource",
    "SubsetSum",
    "SystemSource",
    "TextKey",
    "days",
    "expected",
    "same",
    "tolerance",
    "within",
]
