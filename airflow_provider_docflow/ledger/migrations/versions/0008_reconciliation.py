"""Reconciliations: runs, breaks and what people matched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from airflow_provider_docflow.ledger import columns

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the ledger from 0007 to 0008."""
    op.create_table(
        "docflow_reconciliation_break",
        sa.Column("id", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", columns.Name(255), nullable=False),
        sa.Column("standing", columns.Name(12), nullable=False),
        sa.Column("kind", columns.Name(120), nullable=False),
        sa.Column("status", columns.Name(12), nullable=False),
        sa.Column("left_key", columns.Name(255), nullable=False),
        sa.Column("right_key", columns.Name(255), nullable=False),
        sa.Column("amount", columns.Exact(), nullable=True),
        sa.Column("currency", columns.Name(3), nullable=False),
        sa.Column("aged_from", columns.BusinessDate(), nullable=True),
        sa.Column("first_run", sa.BigInteger(), nullable=False),
        sa.Column("last_run", sa.BigInteger(), nullable=False),
        sa.Column("first_seen", columns.Utc(), nullable=False),
        sa.Column("last_seen", columns.Utc(), nullable=False),
        sa.Column("closed_at", columns.Utc(), nullable=True),
        sa.Column("assignee", columns.Name(255), nullable=False),
        sa.Column("reason_code", columns.Name(60), nullable=False),
        sa.Column("body", columns.LongText, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docflow_reconciliation_break")),
        sa.UniqueConstraint("digest", name=op.f("uq_docflow_reconciliation_break_digest")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_docflow_reconciliation_break_name_status"),
        "docflow_reconciliation_break",
        ["name", "status"],
        unique=False,
    )
    op.create_index(
        op.f("ix_docflow_reconciliation_break_status_assignee"),
        "docflow_reconciliation_break",
        ["status", "assignee"],
        unique=False,
    )
    op.create_table(
        "docflow_reconciliation_event",
        sa.Column("id", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("break_id", sa.BigInteger(), nullable=False),
        sa.Column("event", columns.Name(20), nullable=False),
        sa.Column("actor", columns.Name(255), nullable=False),
        sa.Column("note", columns.LongText, nullable=False),
        sa.Column("at", columns.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docflow_reconciliation_event")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_docflow_reconciliation_event_break_id"),
        "docflow_reconciliation_event",
        ["break_id"],
        unique=False,
    )
    op.create_table(
        "docflow_reconciliation_match",
        sa.Column("id", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", columns.Name(255), nullable=False),
        sa.Column("kind", columns.Name(12), nullable=False),
        sa.Column("status", columns.Name(12), nullable=False),
        sa.Column("reason_code", columns.Name(60), nullable=False),
        sa.Column("prepared_by", columns.Name(255), nullable=False),
        sa.Column("reviewed_by", columns.Name(255), nullable=False),
        sa.Column("body", columns.LongText, nullable=False),
        sa.Column("prepared_at", columns.Utc(), nullable=False),
        sa.Column("reviewed_at", columns.Utc(), nullable=True),
        sa.Column("ended_at", columns.Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docflow_reconciliation_match")),
        sa.UniqueConstraint("digest", name=op.f("uq_docflow_reconciliation_match_digest")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_docflow_reconciliation_match_name"), "docflow_reconciliation_match", ["name"], unique=False
    )
    op.create_table(
        "docflow_reconciliation_run",
        sa.Column("id", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("name", columns.Name(255), nullable=False),
        sa.Column("run_key", columns.Name(500), nullable=False),
        sa.Column("status", columns.Name(12), nullable=False),
        sa.Column("actor", columns.Name(500), nullable=False),
        sa.Column("as_of", columns.Utc(), nullable=False),
        sa.Column("started_at", columns.Utc(), nullable=False),
        sa.Column("ended_at", columns.Utc(), nullable=True),
        sa.Column("summary", columns.LongText, nullable=True),
        sa.Column("signed_by", columns.Name(255), nullable=False),
        sa.Column("signed_at", columns.Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docflow_reconciliation_run")),
        sa.UniqueConstraint("digest", name=op.f("uq_docflow_reconciliation_run_digest")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_docflow_reconciliation_run_name_status"),
        "docflow_reconciliation_run",
        ["name", "status"],
        unique=False,
    )
