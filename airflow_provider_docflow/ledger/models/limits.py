"""Tables of what the limits need beside their buckets: addresses of instances, and notices about quotas."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer

from airflow_provider_docflow.ledger.columns import BigId
from airflow_provider_docflow.ledger.models.base import digest, instant, table, text

limit_address = table(
    "limit_address",
    digest("digest", primary_key=True),
    text("address", 500),
    text("instance_id"),
)

quota_notice = table(
    "quota_notice",
    digest("digest", primary_key=True),
    text("instance_id"),
    text("name", 120),
    text("period", 10),
    Column("stage", Integer, nullable=False),
    Column("incident_id", BigId),
    instant("updated_at"),
    Index(None, "instance_id", "name"),
)
