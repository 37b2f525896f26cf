"""Tables of what processes must share: limits, quotas, tokens, health, cursors, received events."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer

from airflow_provider_docflow.ledger.columns import BigId, LongText
from airflow_provider_docflow.ledger.models.base import digest, instant, table, text

cursor = table(
    "cursor",
    text("name", primary_key=True),
    Column("value", LongText, nullable=False),
    Column("version", BigInteger, nullable=False),
    instant("updated_at"),
)

counter = table("counter", text("name", 60, primary_key=True), Column("value", BigInteger, nullable=False))

inbox = table(
    "inbox",
    Column("id", BigId, primary_key=True, autoincrement=False),
    digest("digest", unique=True),
    text("source"),
    text("event_id"),
    text("kind", 120),
    Column("payload", LongText, nullable=False),
    instant("received_at", index=True),
    Index(None, "source", "id"),
)

limit = table(
    "limit",
    digest("digest", primary_key=True),
    text("instance_id"),
    text("name", 120),
    Column("full_at_us", BigInteger, nullable=False),
)

quota = table(
    "quota",
    digest("digest", primary_key=True),
    text("instance_id"),
    text("name", 120),
    text("period", 10),
    Column("used", BigInteger, nullable=False),
    instant("updated_at", index=True),
)

token = table(
    "token",
    digest("digest", primary_key=True),
    text("name", 500),
    Column("body", LongText),
    instant("expires_at", nullable=True),
    text("lease_token", 40),
    instant("lease_until", nullable=True),
)

health = table(
    "health",
    digest("digest", primary_key=True),
    text("instance_id"),
    text("state", 12),
    Column("failures", Integer, nullable=False),
    text("cause", 500),
    instant("since"),
    instant("probe_until", nullable=True),
    Column("incident_id", BigId),
)
