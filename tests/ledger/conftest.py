from __future__ import annotations

import functools
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, text

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.database import Database
from airflow_provider_docflow.ledger.models import metadata
from tests.ledger.samples import KEY, Clock
from tests.rigs.ledgers import new_ledger


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
    empty(url)
    return url


def empty(url: str) -> None:
    """Delete all rows; only the ledger stays who it is."""
    database = Database(url)
    tables = list(metadata.tables.values())
    with database.transaction() as connection:
        filled = connection.execute(text(_filled(database.dialect))).one()
        for table, count in zip(tables, filled, strict=True):
            kept = table.c.name == "ledger_id" if table.name == "docflow_meta" else None
            if count:
                connection.execute(delete(table) if kept is None else delete(table).where(~kept))
    database.close()


@functools.cache
def _filled(dialect: str) -> str:
    """Which tables have rows, in one question: there are dozens of tables, and nearly all are empty."""
    quote = "`" if dialect == "mysql" else '"'
    asked = (f"EXISTS (SELECT 1 FROM {quote}{name}{quote})" for name in metadata.tables)
    return f"SELECT {', '.join(asked)}"


@pytest.fixture
def ledger(ledger_url: str, clock: Clock) -> Iterator[Ledger]:
    """An empty ledger on each of the three databases; its time stands still until a test moves it."""
    opened = Ledger.open(ledger_url, keys=[KEY], clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_ledger(tmp_path: Path, clock: Clock) -> Iterator[Ledger]:
    """An empty ledger on SQLite, for what no database could answer otherwise."""
    opened = Ledger.open(new_ledger(tmp_path / "sqlite-ledger.db"), keys=[KEY], clock=clock)
    yield opened
    opened.close()
