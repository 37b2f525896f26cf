"""Reconciliations: which documents are known of a side that tells only what has changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from airflow_provider_docflow.ledger import columns

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the ledger from 0009 to 0010."""
    op.create_table(
        "docflow_reconciliation_known",
        sa.Column("id", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("name", columns.Name(255), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("shape", sa.String(length=64), nullable=False),
        sa.Column("body", columns.LongText, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docflow_reconciliation_known")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(
        op.f("ix_docflow_reconciliation_known_name"), "docflow_reconciliation_known", ["name"], unique=False
    )
