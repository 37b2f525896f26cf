"""Tables of reconciliations: runs, what they found, what people matched, and which documents are known."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index

from airflow_provider_docflow.ledger.columns import BusinessDate, Exact, LongText
from airflow_provider_docflow.ledger.models.base import digest, instant, number_id, table, text

run = table(
    "reconciliation_run",
    number_id(),
    digest("digest", unique=True),
    text("name"),
    text("run_key", 500),
    text("status", 12),
    text("actor", 500),
    instant("as_of"),
    instant("started_at"),
    instant("ended_at", nullable=True),
    Column("summary", LongText),
    text("signed_by"),
    instant("signed_at", nullable=True),
    Index(None, "name", "status"),
)

finding = table(
    "reconciliation_break",
    number_id(),
    digest("digest", unique=True),
    text("name"),
    text("standing", 12),
    text("kind", 120),
    text("status", 12),
    text("left_key"),
    text("right_key"),
    Column("amount", Exact()),
    text("currency", 3),
    Column("aged_from", BusinessDate()),
    Column("first_run", BigInteger, nullable=False),
    Column("last_run", BigInteger, nullable=False),
    instant("first_seen"),
    instant("last_seen"),
    instant("closed_at", nullable=True),
    text("assignee"),
    text("reason_code", 60),
    Column("body", LongText, nullable=False),
    Index(None, "name", "status"),
    Index(None, "status", "assignee"),
)

finding_event = table(
    "reconciliation_event",
    number_id(),
    Column("break_id", BigInteger, nullable=False, index=True),
    text("event", 20),
    text("actor"),
    Column("note", LongText, nullable=False),
    instant("at"),
)

matching = table(
    "reconciliation_match",
    number_id(),
    digest("digest", unique=True),
    text("name", index=True),
    text("kind", 12),
    text("status", 12),
    text("reason_code", 60),
    text("prepared_by"),
    text("reviewed_by"),
    Column("body", LongText, nullable=False),
    instant("prepared_at"),
    instant("reviewed_at", nullable=True),
    instant("ended_at", nullable=True),
)

known = table(
    "reconciliation_known",
    number_id(),
    text("name", index=True),
    Column("generation", BigInteger, nullable=False),
    digest("shape"),
    Column("body", LongText, nullable=False),
)
