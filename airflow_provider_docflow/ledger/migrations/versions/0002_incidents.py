"""Incidents as work: who has one, its overrides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from airflow_provider_docflow.ledger import columns

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_LISTS = ("owner_role", "assignee", "due")


def upgrade() -> None:
    """Bring the ledger from 0001 to 0002."""
    op.add_column(
        "docflow_incident", sa.Column("assignee", columns.Name(255), nullable=False, server_default="")
    )
    for name in _LISTS:
        op.create_index(op.f(f"ix_docflow_incident_status_{name}"), "docflow_incident", ["status", name])
    op.create_table(
        "docflow_override",
        sa.Column("id", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("active_digest", sa.String(length=64), nullable=True),
        sa.Column("ref_key", sa.String(length=64), nullable=False),
        sa.Column("field", columns.Name(255), nullable=False),
        sa.Column("status", columns.Name(12), nullable=False),
        sa.Column("actor", columns.Name(255), nullable=False),
        sa.Column("body", columns.LongText, nullable=False),
        sa.Column("at", columns.Utc(), nullable=False),
        sa.Column("ended_by", columns.Name(255), nullable=False),
        sa.Column("ended_at", columns.Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docflow_override")),
        sa.UniqueConstraint("active_digest", name=op.f("uq_docflow_override_active_digest")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_docflow_override_ref_key"), "docflow_override", ["ref_key"])
