"""Outages and maintenance windows."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from airflow_provider_docflow.ledger import columns

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Bring the ledger from 0004 to 0005."""
    _add_ramp()
    op.create_table(
        "docflow_window",
        sa.Column("id", columns.BigId, autoincrement=True, nullable=False),
        sa.Column("conn_id", columns.Name(255), nullable=False),
        sa.Column("instance_id", columns.Name(255), nullable=False),
        sa.Column("starts_at", columns.Utc(), nullable=False),
        sa.Column("ends_at", columns.Utc(), nullable=False),
        sa.Column("reason", columns.Name(500), nullable=False),
        sa.Column("actor", columns.Name(255), nullable=False),
        sa.Column("created_at", columns.Utc(), nullable=False),
        sa.Column("cancelled_at", columns.Utc(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_docflow_window")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_docflow_window_ends_at"), "docflow_window", ["ends_at"])
    op.create_index(op.f("ix_docflow_window_instance_id"), "docflow_window", ["instance_id"])
    op.create_table(
        "docflow_parked",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("instance_id", columns.Name(255), nullable=False),
        sa.Column("actor", columns.Name(500), nullable=False),
        sa.Column("due", columns.BusinessDate(), nullable=False),
        sa.Column("first_at", columns.Utc(), nullable=False),
        sa.Column("back_at", columns.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_docflow_parked")),
        **_OPTIONS,
    )
    op.create_index(op.f("ix_docflow_parked_instance_id_due"), "docflow_parked", ["instance_id", "due"])


def _add_ramp() -> None:
    added: tuple[sa.Column[Any], ...] = (
        sa.Column("outage", columns.Name(40), nullable=False, server_default=""),
        sa.Column("ramp_level", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("ramp_from", columns.Utc(), nullable=True),
    )
    for column in added:
        op.add_column("docflow_health", column)
