"""Table of what shadow runs would have written."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer

from airflow_provider_docflow.ledger.columns import LongText
from airflow_provider_docflow.ledger.models.base import digest, instant, table, text

shadow = table(
    "shadow",
    digest("digest", primary_key=True),
    text("dag_id"),
    text("run_id"),
    text("task_id"),
    Column("map_index", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    text("action", 120),
    text("verdict", 40),
    digest("ref_key", nullable=True, index=True),
    text("source_number"),
    text("content", 128),
    Column("body", LongText, nullable=False),
    instant("at", index=True),
    Index(None, "run_id", "dag_id"),
)
