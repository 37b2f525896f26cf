"""Retention: when payloads were removed; and the reports of shadow runs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from airflow_provider_docflow.ledger import columns

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_PURGED = ("docflow_intent", "docflow_snapshot", "docflow_batch")


def upgrade() -> None:
    """Bring the ledger from 0005 to 0006."""
    for name in _PURGED:
        op.add_column(name, sa.Column("purged_at", columns.Utc(), nullable=True))
    op.create_table(
        "docflow_shadow",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("dag_id", columns.Name(255), nullable=False),
        sa.Column("run_id", columns.Name(255), nullable=False),
        sa.Column("task_id", columns.Name(255), nullable=False),
        sa.Column("map_index", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("action", columns.Name(120), nullable=False),
        sa.Column("verdict", columns.Name(40), nullable=False),
        sa.Column("ref_key", sa.String(length=64), nullable=True),
        sa.Column("source_number", columns.Name(255), nullable=False),
        sa.Column("content", columns.Name(128), nullable=False),
        sa.Column("body", columns.LongText, nullable=False),
        sa.Column("at", columns.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_docflow_shadow")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_docflow_shadow_ref_key"), "docflow_shadow", ["ref_key"])
    op.create_index(op.f("ix_docflow_shadow_at"), "docflow_shadow", ["at"])
    op.create_index(op.f("ix_docflow_shadow_run_id_dag_id"), "docflow_shadow", ["run_id", "dag_id"])
