"""Limits of some calls alone: what a vendor allows less often than the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.limits import rows_of
from airflow_provider_docflow.core.calls import CALL, call
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.gates import CallGate
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from tests.ledger.samples import KEY
from tests.limits.stand import Stand, profile
from tests.rigs.ledgers import new_ledger

TWO_AN_HOUR = Limit(name="creates_per_hour", count=2, seconds=3600.0)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger whose clock runs."""
    opened = Ledger.open(new_ledger(tmp_path / "ledger.sqlite"), keys=[KEY])
    yield opened
    opened.close()


@pytest.fixture
def connected(stand: Callable[..., Stand], ledger: Ledger) -> Iterator[Callable[[], tuple[System, Stand]]]:
    server, made = stand(), list[System]()
    limited = replace(profile(), call_limits={"create": TWO_AN_HOUR})

    def connect() -> tuple[System, Stand]:
        site = Site(profile=limited, conn_id="limited", base_url=server.url)
        made.append(System(site, ledger=ledger, tokens=LedgerTokens(ledger)))
        return made[-1], server

    yield connect
    for system in made:
        system.close()


def ask(system: System, kind: str = "") -> Any:
    request = system.site.request("GET", "/item")
    if kind:
        request.extensions = {**request.extensions, CALL: kind}
    return system.run(call(system.site, request, writes=True))


def test_calls_of_a_kind_have_a_limit_that_others_do_not_meet(
    connected: Callable[[], tuple[System, Stand]],
) -> None:
    system, server = connected()
    ask(system, "create")
    with pytest.raises(exc.RateLimited) as caught:
        for _ in range(2):
            ask(system, "create")
    assert caught.value.retry_after and caught.value.retry_after > 60
    made = len(server.statuses("/item"))
    assert made <= TWO_AN_HOUR.count
    for kind in ("", "list", "", "list"):
        ask(system, kind)
    assert len(server.statuses("/item")) == made + 4


def test_another_process_counts_the_same_calls(connected: Callable[[], tuple[System, Stand]]) -> None:
    first, server = connected()
    second, _ = connected()
    with pytest.raises(exc.RateLimited):
        for system in (first, second, first):
            ask(system, "create")
    assert len(server.statuses("/item")) <= TWO_AN_HOUR.count


def test_people_see_the_limit_and_what_is_used_of_it(connected: Callable[[], tuple[System, Stand]]) -> None:
    system, _ = connected()
    ask(system, "create")
    found = {row["limit"]: row for row in rows_of(system.ledger, system.site)}
    assert (found["creates_per_hour"]["calls"], found["creates_per_hour"]["used"]) == (2, 1)


def test_only_kinds_that_are_limited_get_a_gate(connected: Callable[[], tuple[System, Stand]]) -> None:
    system, _ = connected()
    assert [type(gate) for gate in system.gates].count(CallGate) == 1
