"""Tables of what is known about documents: index, snapshots, decisions, batches, who touched what."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String

from airflow_provider_docflow.ledger.columns import BigId, BusinessDate, Exact, Json, LongText
from airflow_provider_docflow.ledger.models.base import digest, instant, number_id, table, text

#: Names a set of DAGs; the same set has the same name in every process.
Audience = String(32)

document = table(
    "document",
    digest("ref_key", primary_key=True),
    text("instance"),
    text("company_code"),
    text("document_type", 40),
    text("internal_id"),
    text("number", index=True),
    Column("fiscal_year", Integer),
    text("party_id", index=True),
    text("party_name", index=True),
    Column("amount", Exact(), index=True),
    text("currency", 3),
    Column("issue_date", BusinessDate(), index=True),
    text("lifecycle", 12),
    text("approval", 12),
    text("fulfilment", 12),
    text("invoicing", 12),
    text("payment", 12),
    Column("raw", Json, nullable=False),
    instant("read_at", nullable=True),
    instant("created_at"),
    instant("updated_at"),
    Column("audience", Audience),
    Column("search_text", LongText),
    Index(None, "instance", "document_type"),
    Index(None, "updated_at", "ref_key", "audience"),
)

audience = table(
    "audience",
    Column("audience", Audience, primary_key=True),
    text("dag_id", primary_key=True, index=True),
)

touch = table(
    "touch",
    digest("digest", primary_key=True),
    digest("ref_key", index=True),
    text("dag_id"),
    text("run_id"),
    text("task_id"),
    Column("map_index", Integer, nullable=False),
    Column("try_number", Integer, nullable=False),
    instant("at"),
    Index(None, "dag_id", "run_id"),
)

snapshot = table(
    "snapshot",
    number_id(),
    digest("digest", unique=True),
    digest("ref_key", index=True),
    text("revision", 120),
    text("material_hash", 128),
    text("content_hash", 128),
    Column("body", LongText, nullable=False),
    instant("taken_at"),
    instant("purged_at", nullable=True),
)

decision = table(
    "decision",
    number_id(),
    digest("digest", unique=True),
    digest("ref_key", index=True),
    text("revision", 120),
    text("material_hash", 128),
    text("material_version", 40),
    text("decision", 12),
    Column("final", Boolean, nullable=False),
    Column("body", LongText, nullable=False),
    instant("decided_at"),
    text("approval_system"),
    text("approval_instance_id"),
    Column("snapshot_id", BigId),
    instant("recorded_at"),
)

claim = table(
    "claim",
    digest("digest", primary_key=True),
    text("flow"),
    text("business_key", 500),
    text("revision", 120),
    text("content", 128),
    text("run_id"),
    instant("at", index=True),
)

batch = table(
    "batch",
    text("id", 40, primary_key=True),
    Column("size", Integer, nullable=False),
    text("actor", 500),
    instant("created_at", index=True),
    instant("purged_at", nullable=True),
)

batch_item = table(
    "batch_item",
    text("batch_id", 40, primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("ref", Json, nullable=False),
    text("status", 40),
    Column("outcome", LongText),
    instant("updated_at"),
)
