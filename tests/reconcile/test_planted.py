"""All planted awkwardness is found as what it is, and nothing is invented."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.reconcile.engines.base import Engine
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.engines.postgres import PostgresEngine
from tests.reconcile.cases import CUT_OFF
from tests.reconcile.planted import KINDS, PLAN, UNREADABLE, Told, population
from tests.reconcile.rig import doc, reconcile
from tests.reconcile.test_properties import MIRROR

CLEAN = 1_000
SEED = 20261122


@pytest.fixture(scope="module")
def database(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue("postgres_server").create("planted"))


@pytest.fixture(params=("duckdb", "postgresql"))
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    made: Engine
    if request.param == "duckdb":
        made = DuckEngine(threads=1)
    else:
        made = PostgresEngine(request.getfixturevalue("database"))
    yield made
    made.close()


def test_there_are_two_hundred_kinds() -> None:
    assert len(KINDS) + len(UNREADABLE) >= 200
    assert len({kind.name for kind in KINDS}) == len(KINDS)


def by_kind(told: list[Told]) -> dict[str, list[Told]]:
    """Return what is told, by the prefix of the numbers concerned."""
    found: dict[str, list[Told]] = {}
    for one in told:
        prefix = str((one[2] or one[3])[0])[:4]
        found.setdefault(prefix, []).append(one)
    return {prefix: sorted(some) for prefix, some in found.items()}


def _named(told: dict[str, list[Told]]) -> dict[str, list[Told]]:
    return {KINDS[int(key[1:])].name if key[1:].isdigit() else key: some for key, some in told.items()}


@pytest.mark.parametrize("seed", [SEED, SEED + 1])
def test_every_planted_kind_is_found_and_none_invented(engine: Engine, seed: int) -> None:
    left, right, told = population(CLEAN, seed)
    result = reconcile(engine, PLAN, left, right, cut_off=CUT_OFF, date="day")
    assert _named(by_kind(result.told())) == _named(by_kind(told))
    assert all(total.adds_up for total in result.totals)


def test_the_other_way_round_it_is_the_mirror(engine: Engine) -> None:
    left, right, told = population(CLEAN, SEED)
    result = reconcile(engine, PLAN, right, left, cut_off=CUT_OFF, date="day")
    mirrored: list[Told] = [(word, MIRROR.get(kind, kind), theirs, mine) for word, kind, mine, theirs in told]
    assert _named(by_kind(result.told())) == _named(by_kind(mirrored))


@pytest.mark.parametrize(("field", "text"), UNREADABLE)
@pytest.mark.parametrize("side", ["OA", "ERP"])
def test_what_cannot_be_read_stops_the_run(engine: Engine, side: str, field: str, text: str) -> None:
    bad, good = [doc("A"), doc("B", **{field: text})], [doc("A"), doc("B")]
    with pytest.raises(exc.InvalidDocument) as raised:
        reconcile(engine, PLAN, *((bad, good) if side == "OA" else (good, bad)))
    assert (raised.value.system, raised.value.field) == (side, field)
    assert "row 2" in str(raised.value) and text in str(raised.value)
