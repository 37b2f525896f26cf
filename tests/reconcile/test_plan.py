from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.engines.postgres import PostgresEngine
from tests.reconcile.cases import CASES, CUT_OFF, Case
from tests.reconcile.rig import reconcile

ENGINES = ("duckdb", "postgresql")


@pytest.fixture(scope="module", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made: Engine
    if request.param == "duckdb":
        made = DuckEngine(threads=1)
    else:
        server = request.getfixturevalue("postgres_server")
        made = PostgresEngine(server.create("reconcile"))
    yield made
    made.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(engine: Engine, case: Case) -> None:
    result = reconcile(engine, case.plan, case.left, case.right, cut_off=CUT_OFF)
    assert result.told() == sorted(case.told)
    assert all(total.adds_up for total in result.totals), result.totals


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_order_of_the_rows_changes_nothing(engine: Engine, case: Case) -> None:
    result = reconcile(engine, case.plan, case.left[::-1], case.right[::-1], cut_off=CUT_OFF)
    assert result.told() == sorted(case.told)
