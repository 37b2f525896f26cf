"""Ledgers with all their tables, on the three databases; each is made once and emptied for every test."""

from __future__ import annotations

import functools
import os
import shutil
import sqlite3
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from airflow_provider_docflow.ledger.migrate import upgrade


@functools.cache
def _template(home: str) -> Path:
    path = Path(home) / "docflow-template.sqlite"
    upgrade(f"sqlite:///{path}")
    return path


def new_ledger(path: Path) -> str:
    """Put an empty ledger with all its tables, and an id of its own, where a test wants one.

    Creating the tables step by step takes longer than most tests; tests of just that do it themselves.

    :returns: its URL.
    """
    shutil.copy(_template(os.environ["AIRFLOW_HOME"]), path)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("UPDATE docflow_meta SET value = ? WHERE name = 'ledger_id'", (str(uuid.uuid4()),))
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], str]]:
    """Databases with all tables, each made once: making them takes longer than most tests."""
    made: dict[str, str] = {}

    def prepare(kind: str) -> str:
        if kind not in made:
            if kind == "sqlite":
                made[kind] = f"sqlite:///{tmp_path_factory.mktemp('ledger') / 'template.db'}"
            else:
                server = request.getfixturevalue(
                    {"postgresql": "postgres_server", "mysql": "mysql_server"}[kind]
                )
                made[kind] = server.create("docflow_ledger")
            upgrade(made[kind])
        return made[kind]

    yield prepare
