from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.database import Database
from airflow_provider_docflow.ledger.models import metadata
from tests.ledger.samples import KEY, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
def ledger_url(request: pytest.FixtureRequest, prepared: Callable[[str], str], tmp_path: Path) -> str:
    """A ledger without rows on each of the three databases."""
    url = prepared(request.param)
    if request.param == "sqlite":
        copy = tmp_path / "ledger.db"
        shutil.copy(url.removeprefix("sqlite:///"), copy)
        return f"sqlite:///{copy}"
    database = Database(url)
    with database.transaction() as connection:
        for table in metadata.tables.values():
            ours = table.c.name == "ledger_id" if table.name == "docflow_meta" else None
            if connection.execute(select(table).limit(1)).first() is not None:
                connection.execute(delete(table) if ours is None else delete(table).where(~ours))
    database.close()
    return url


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    """An empty ledger on each of the three databases; its time stands still until a test moves it."""
    opened = Ledger.open(ledger_url, keys=[KEY], clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_ledger(sqlite_url: str, clock: Clock) -> Iterator[Ledger]:
    """An empty ledger on SQLite, for what no database could answer otherwise."""
    opened = Ledger.open(sqlite_url, keys=[KEY], clock=clock)
    yield opened
    opened.close()
