from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.hooks.doors import AsyncDoor, Door
from tests.contract import stand_tryton, stands
from tests.contract.stands import Stand
from tests.rigs.tryton import TrytonRig

Run = Callable[..., list[Any]]
_PARAMS = [pytest.param((name, factory), id=name, marks=marks) for name, factory, marks in stands.known()]


@pytest.fixture(scope="session")
def contract_tryton() -> Iterator[TrytonRig]:
    """The ERP of the contract: furnished for its documents, and no other test's."""
    rig = stand_tryton.started()
    yield rig
    rig.stop()


@pytest.fixture(scope="module", params=_PARAMS)
def running(request: pytest.FixtureRequest) -> Iterator[Stand]:
    name, factory = request.param
    if factory is None:
        pytest.fail(
            f"no stand for the product {name!r}: write tests/contract/stand_{name}.py with STANDS, as "
            "tests/contract/stands.py describes",
            pytrace=False,
        )
    with factory(request) as stand:
        yield stand


@pytest.fixture
def stand(running: Stand) -> Iterator[Stand]:
    """A running system in good order."""
    running.calm()
    running.forget()
    yield running
    running.calm()


def _sync(stand: Stand, exchanges: Sequence[Exchange[Any]], site: Any) -> list[Any]:
    results: list[Any] = []
    with Door(site, sql=stand.sql, tokens=stand.tokens_for(site)) as door:
        for exchange in exchanges:
            try:
                results.append(door.run(exchange))
            except Exception as error:
                results.append(error)
    return results


def _one_after_the_other(stand: Stand, exchanges: Sequence[Exchange[Any]], site: Any) -> list[Any]:
    async def run() -> list[Any]:
        results: list[Any] = []
        async with AsyncDoor(site, sql=stand.sql, tokens=stand.tokens_for(site)) as door:
            for exchange in exchanges:
                try:
                    results.append(await door.run(exchange))
                except Exception as error:
                    results.append(error)
        return results

    return asyncio.run(run())


def _side_by_side(stand: Stand, exchanges: Sequence[Exchange[Any]], site: Any) -> list[Any]:
    async def run() -> list[Any]:
        async with AsyncDoor(site, sql=stand.sql, tokens=stand.tokens_for(site)) as door:
            return list(await door.run_all(exchanges))

    return asyncio.run(run())


DOORS: dict[str, Run] = {"sync": _sync, "async": _one_after_the_other, "bulk": _side_by_side}


@pytest.fixture(params=DOORS)
def run(request: pytest.FixtureRequest, stand: Stand) -> Run:
    """Run exchanges through one of the doors: each one's value, or the error that ended it."""
    chosen = DOORS[request.param]

    def through(exchanges: Sequence[Exchange[Any]], site: Any = None) -> list[Any]:
        return chosen(stand, exchanges, site or stand.site)

    return through
