"""Tables of what processes must share: limits, quotas, tokens, health, windows, cursors, received events."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer

from airflow_provider_docflow.ledger.columns import BigId, BusinessDate, LongText
from airflow_provider_docflow.ledger.models.base import digest, instant, number_id, table, text

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

delivery = table(
    "delivery",
    digest("digest", primary_key=True),
    digest("content"),
    instant("received_at", index=True),
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
    text("outage", 40, server_default=""),
    Column("ramp_level", Integer, nullable=False, server_default="0"),
    instant("ramp_from", nullable=True),
)

window = table(
    "window",
    number_id(),
    text("conn_id"),
    text("instance_id", index=True),
    instant("starts_at"),
    instant("ends_at", index=True),
    text("reason", 500),
    text("actor"),
    instant("created_at"),
    instant("cancelled_at", nullable=True),
)

parked = table(
    "parked",
    digest("digest", primary_key=True),
    text("instance_id"),
    text("actor", 500),
    Column("due", BusinessDate(), nullable=False),
    instant("first_at"),
    instant("back_at"),
    Index(None, "instance_id", "due"),
)
