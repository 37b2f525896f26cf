from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from airflow_provider_docflow.ledger.models import metadata
from tests.cli.conftest import shell
from tests.flow.conftest import house
from tests.operators.conftest import runner, world

__all__ = ["house", "runner", "shell", "standing", "world"]

LIVE = ("intent", "receipt", "claim", "capacity", "line_use", "decision", "incident", "generation", "cursor")


def standing(ledger: Any) -> dict[str, int]:
    """Return how many rows of live work the ledger has; a shadow run changes none of it."""
    tables = {name: metadata.tables[f"docflow_{name}"] for name in LIVE}
    with ledger.transaction() as tx:
        counts = {name: select(func.count()).select_from(one) for name, one in tables.items()}
        return {name: tx.execute(query).scalar_one() for name, query in counts.items()}
