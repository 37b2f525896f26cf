from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rigs import airflow_home

pytest_plugins = ["tests.rigs.databases", "tests.rigs.ledgers", "tests.rigs.tryton"]

# Test modules import Airflow while they are collected, before any fixture can run.
_HOME = airflow_home.settle()


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(scope="session")
def airflow_home_folder() -> Path:
    """The AIRFLOW_HOME of this test process."""
    return Path(os.environ["AIRFLOW_HOME"])


@pytest.fixture
def airflow_db() -> Iterator[None]:
    """A migrated, empty Airflow metadata database, new for this test."""
    airflow_home.install_database()
    yield
    airflow_home.close_database()
