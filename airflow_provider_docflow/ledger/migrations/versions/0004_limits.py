"""Limits: the addresses of instances that are not known yet, and notices about quotas."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from airflow_provider_docflow.ledger import columns
from airflow_provider_docflow.ledger.models.base import MYSQL_OPTIONS

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the ledger from 0003 to 0004."""
    op.create_table(
        "docflow_limit_address",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("address", columns.Name(500), nullable=False),
        sa.Column("instance_id", columns.Name(255), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_docflow_limit_address")),
        **MYSQL_OPTIONS,
    )
    op.create_table(
        "docflow_quota_notice",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("instance_id", columns.Name(255), nullable=False),
        sa.Column("name", columns.Name(120), nullable=False),
        sa.Column("period", columns.Name(10), nullable=False),
        sa.Column("stage", sa.Integer(), nullable=False),
        sa.Column("incident_id", columns.BigId, nullable=True),
        sa.Column("updated_at", columns.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_docflow_quota_notice")),
        **MYSQL_OPTIONS,
    )
    op.create_index(
        op.f("ix_docflow_quota_notice_instance_id_name"), "docflow_quota_notice", ["instance_id", "name"]
    )
