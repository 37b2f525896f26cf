"""Incidents as work: who has one, its overrides."""

from __future__ import annotations

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Bring the ledger from 0001 to 0002."""
