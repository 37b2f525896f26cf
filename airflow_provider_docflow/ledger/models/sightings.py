"""The table of the processes that have opened this ledger."""

from __future__ import annotations

from airflow_provider_docflow.ledger.models.base import digest, instant, table, text

sighting = table(
    "sighting",
    digest("digest", primary_key=True),
    text("role", 20),
    text("host"),
    text("ledger_id", 40),
    text("version", 40),
    instant("first_at"),
    instant("seen_at"),
)
