"""Ledgers with all their tables, on the three databases; each is made once and emptied for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from airflow_provider_docflow.ledger.migrate import upgrade


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
