"""Tables of what is written and how: instances, intents, receipts, line uses, incidents, audit."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Float, Index, Integer, UniqueConstraint

from airflow_provider_docflow.ledger.columns import BigId, Exact, LongText, Name
from airflow_provider_docflow.ledger.models.base import digest, instant, number_id, table, text

meta = table("meta", text("name", 60, primary_key=True), Column("value", LongText, nullable=False))

instance = table(
    "instance",
    digest("digest", primary_key=True),
    text("instance_id"),
    text("system", 60),
    Column("blocked", Boolean, nullable=False),
    text("blocked_reason", 500),
    text("blocked_by"),
    Column("incident_id", BigId),
    instant("first_seen"),
)

connection = table(
    "connection",
    digest("digest", primary_key=True),
    text("conn_id"),
    text("instance_id"),
    text("system", 60),
    text("accepted_by"),
    instant("since"),
)

intent = table(
    "intent",
    number_id(),
    digest("digest", unique=True),
    digest("business_digest", index=True),
    text("target_instance"),
    text("target_type", 120),
    text("source_instance"),
    text("source_type", 120),
    text("source_number", index=True),
    text("company_code"),
    text("part"),
    text("purpose", 120),
    Column("generation", Integer, nullable=False),
    Column("status", Name(12), nullable=False),
    text("content_hash", 128),
    text("material_hash", 128),
    Column("payload", LongText, nullable=False),
    text("actor", 500),
    text("owner", 500),
    text("lease_token", 40),
    instant("lease_until", nullable=True),
    Column("lease_seconds", Float, nullable=False),
    Column("unaccounted", Boolean, nullable=False),
    Column("doubtful", Boolean, nullable=False),
    instant("send_not_before", nullable=True),
    instant("sent_at", nullable=True),
    Column("attempt", Integer, nullable=False),
    Column("absent_count", Integer, nullable=False),
    instant("first_absent_at", nullable=True),
    text("hold", 12),
    Column("incident_id", BigId),
    instant("voided_at", nullable=True),
    instant("created_at"),
    instant("updated_at"),
    instant("purged_at", nullable=True),
    Index(None, "status", "target_instance"),
)

receipt = table(
    "receipt",
    Column("intent_id", BigId, primary_key=True, autoincrement=False),
    digest("ref_key", index=True),
    text("content_hash", 128),
    Column("body", LongText, nullable=False),
    instant("at"),
)

generation = table(
    "generation",
    digest("business_digest", primary_key=True),
    Column("generation", Integer, nullable=False),
    text("actor"),
    instant("raised_at"),
)

capacity = table(
    "capacity",
    digest("ref_key", primary_key=True),
    text("line_id", primary_key=True),
    Column("quantity", Exact()),
    Column("amount", Exact()),
    Column("tolerance", Exact(), nullable=False),
    instant("set_at"),
)

line_use = table(
    "line_use",
    number_id(),
    Column("intent_id", BigId, index=True),
    digest("source_key"),
    text("source_line"),
    digest("target_key", nullable=True, index=True),
    text("target_line"),
    text("kind", 12),
    Column("quantity", Exact(), nullable=False),
    Column("amount", Exact(), nullable=False),
    text("status", 12),
    instant("created_at"),
    Index(None, "source_key", "source_line"),
)

incident = table(
    "incident",
    number_id(),
    text("category", 20),
    text("code", 120),
    text("status", 12),
    digest("dedupe"),
    digest("open_dedupe", nullable=True, unique=True),
    Column("intent_id", BigId, index=True),
    digest("ref_key", nullable=True, index=True),
    text("instance_id"),
    text("document_number", index=True),
    text("field"),
    text("group_key"),
    text("owner_role", 120),
    Column("reason", LongText, nullable=False),
    instant("due", nullable=True),
    instant("opened_at"),
    instant("closed_at", nullable=True),
    text("assignee"),
    Index(None, "status", "group_key"),
    Index(None, "status", "owner_role"),
    Index(None, "status", "assignee"),
    Index(None, "status", "due"),
)

incident_event = table(
    "incident_event",
    number_id(),
    Column("incident_id", BigId, nullable=False, index=True),
    text("event", 20),
    text("actor"),
    Column("note", LongText, nullable=False),
    instant("at"),
)

override = table(
    "override",
    number_id(),
    digest("active_digest", nullable=True, unique=True),
    digest("ref_key", index=True),
    text("field"),
    text("status", 12),
    text("actor"),
    Column("body", LongText, nullable=False),
    instant("at"),
    text("ended_by"),
    instant("ended_at", nullable=True),
)

audit_chain = table(
    "audit_chain",
    text("chain", 120, primary_key=True),
    Column("length", Integer, nullable=False),
    digest("head"),
)

audit_event = table(
    "audit_event",
    number_id(),
    text("chain", 120),
    Column("sequence", Integer, nullable=False),
    text("kind", 40),
    instant("at", index=True),
    digest("payload_digest"),
    digest("previous"),
    digest("hash"),
    Column("payload", LongText),
    instant("purged_at", nullable=True),
    UniqueConstraint("chain", "sequence"),
)
