from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_docflow.ledger import Ledger
from tests.ledger.samples import KEY, Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(database_url: str, clock: Clock) -> Iterator[Ledger]:
    """An empty ledger on each of the three databases; its time stands still until a test moves it."""
    opened = Ledger.open(database_url, keys=[KEY], clock=clock, create=True)
    yield opened
    opened.close()


@pytest.fixture
def sqlite_ledger(sqlite_url: str, clock: Clock) -> Iterator[Ledger]:
    """An empty ledger on SQLite, for what no database could answer otherwise."""
    opened = Ledger.open(sqlite_url, keys=[KEY], clock=clock)
    yield opened
    opened.close()
