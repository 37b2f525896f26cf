"""The ledger's tables. Every change here needs a migration; a test compares the two."""

from __future__ import annotations

from airflow_provider_docflow.ledger.models import (
    limits,
    memory,
    reconciling,
    shadows,
    shared,
    sightings,
    writes,
)
from airflow_provider_docflow.ledger.models.base import metadata

__all__ = [
    "limits",
    "memory",
    "metadata",
    "reconciling",
    "shadows",
    "shared",
    "sightings",
    "writes",
]
