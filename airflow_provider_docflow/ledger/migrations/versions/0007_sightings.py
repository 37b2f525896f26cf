"""Which processes have opened this ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from airflow_provider_docflow.ledger import columns

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the ledger from 0006 to 0007."""
    op.create_table(
        "docflow_sighting",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("role", columns.Name(20), nullable=False),
        sa.Column("host", columns.Name(255), nullable=False),
        sa.Column("ledger_id", columns.Name(40), nullable=False),
        sa.Column("version", columns.Name(40), nullable=False),
        sa.Column("first_at", columns.Utc(), nullable=False),
        sa.Column("seen_at", columns.Utc(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_docflow_sighting")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
