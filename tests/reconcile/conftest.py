from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_docflow.ledger import Ledger
from tests.operators.conftest import runner, world
from tests.rigs.ledgers import new_ledger

__all__ = ["ledger", "runner", "world"]
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    made = Ledger.open(new_ledger(tmp_path / "breaks.sqlite"), keys=[KEY])
    yield made
    made.close()
