from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.rigs import airflow_home, order

pytest_plugins = ["tests.rigs.databases", "tests.rigs.ledgers", "tests.rigs.tryton"]

# How long an example takes says something of the machine alone; on CI Hypothesis does the same by itself.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# Test modules import Airflow while they are collected, before any fixture can run.
_HOME = airflow_home.settle()
_MASKERS = (
    "airflow._shared.secrets_masker.secrets_masker",
    "airflow.sdk._shared.secrets_masker.secrets_masker",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files = [item.nodeid.partition("::")[0] for item in items]
    place = {file: number for number, file in enumerate(order.longest_first(files))}
    items.sort(key=lambda item: place[item.nodeid.partition("::")[0]])


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


@pytest.fixture(autouse=True)
def secrets_of_this_test() -> Iterator[None]:
    """Let Airflow forget the secrets that this test named.

    For each new one it compiles all that it knows into one expression: thousands by the end of a run.
    """
    loaded = [sys.modules[name] for name in _MASKERS if name in sys.modules]
    known = [(masker, set(masker.patterns), masker.replacer) for masker in map(_masker_of, loaded)]
    yield
    for masker, patterns, replacer in known:
        masker.patterns, masker.replacer = patterns, replacer


def _masker_of(module: Any) -> Any:
    return module._secrets_masker()
