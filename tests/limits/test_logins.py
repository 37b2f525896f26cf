"""Limits of the login alone, and which connections share one login."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.limits import rows_of
from airflow_provider_docflow.core.calls import call
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.gates import LoginGate
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens, login_key
from airflow_provider_docflow.ledger import Ledger
from tests.ledger.samples import KEY
from tests.limits.stand import Stand, profile
from tests.rigs.ledgers import new_ledger

ONE_AN_HOUR = Limit(name="logins", count=1, seconds=3600.0)


@pytest.fixture
def running_ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger whose clock runs."""
    opened = Ledger.open(new_ledger(tmp_path / "ledger.sqlite"), keys=[KEY])
    yield opened
    opened.close()


@pytest.fixture
def system(stand: Callable[..., Stand], running_ledger: Ledger) -> Iterator[System]:
    """A system that answers 401 to the old token after its third answer."""
    limited = replace(profile(), login_limits=(ONE_AN_HOUR,))
    server = stand(revoke_after=8)
    site = Site(profile=limited, conn_id="limited", base_url=server.url)
    made = System(site, ledger=running_ledger, tokens=LedgerTokens(running_ledger))
    made.server = server  # type: ignore[attr-defined]
    yield made
    made.close()


def _ask(system: System) -> None:
    system.run(call(system.site, system.site.request("GET", "/item"), writes=True))


def test_a_login_has_a_limit_of_its_own_that_other_calls_do_not_meet(
    system: System, running_ledger: Ledger
) -> None:
    assert any(isinstance(gate, LoginGate) for gate in system.gates)
    server: Stand = system.server  # type: ignore[attr-defined]
    while server.statuses("/item").count(200) < 5:
        _ask(system)
    with pytest.raises(exc.RateLimited) as caught:
        for _ in range(3):
            _ask(system)
    assert caught.value.retry_after and caught.value.retry_after > 60
    assert len(server.statuses("/token")) == 1, "the second login never left"
    assert server.statuses("/item")[-1] == 401
    (row,) = rows_of(running_ledger, system.site)
    assert (row["limit"], row["calls"], row["left"]) == ("logins", 1, 0)


def test_only_what_is_limited_gets_a_gate(stand: Callable[..., Stand], running_ledger: Ledger) -> None:
    site = Site(profile=profile(), conn_id="limited", base_url=stand().url)
    made = System(site, ledger=running_ledger, tokens=LedgerTokens(running_ledger))
    assert not any(isinstance(gate, LoginGate) for gate in made.gates)
    made.close()


def test_settings_that_name_a_login_keep_tokens_apart() -> None:
    named = replace(profile(), login_by=("user",), conn_fields={"user": {}})
    site = Site(profile=named, conn_id="a", base_url="http://x", username="app", settings={"user": "li"})
    other = replace(site, settings={"user": "wang"})
    assert login_key(site) != login_key(other)
    assert login_key(site) == login_key(replace(site, conn_id="b"))
    unnamed = replace(site, profile=profile())
    assert login_key(unnamed) == login_key(replace(unnamed, settings={"user": "wang"}))
