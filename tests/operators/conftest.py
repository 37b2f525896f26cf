from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from airflow_provider_docflow.sandbox import Sandbox
from tests.operators.world import World
from tests.rigs.ledgers import new_ledger
from tests.rigs.own_ledgers import own_ledgers
from tests.rigs.runner import runner

__all__ = ["runner", "world"]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Requisitions in a database, a plain ERP over the wire, a ledger in SQLite."""
    new_ledger(tmp_path / "ledger.sqlite")
    with own_ledgers(), Sandbox(tmp_path / "sandbox") as sandbox:
        made = World(tmp_path, sandbox)
        made.create_source()
        for name, value in made.environment().items():
            monkeypatch.setenv(name, value)
        yield made
