"""Twenty processes, one login, and no call beyond the limit, as the system itself counted them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.ledger.migrate import upgrade
from tests.limits.callers import ended, start
from tests.limits.stand import Stand, most_in_a_window

PROCESSES, CALLS = 20, 8
LIMIT = Limit(name="calls", count=120, seconds=8.0)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    name = {"sqlite": "sqlite_url", "postgresql": "postgres_url"}[request.param]
    found = str(request.getfixturevalue(name))
    upgrade(found)
    return found


def test_twenty_processes_log_in_once_and_stay_within_the_limit(
    stand: Callable[..., Stand], url: str, tmp_path: Path
) -> None:
    system = stand(count=LIMIT.count, seconds=LIMIT.seconds)
    running = start(tmp_path, processes=PROCESSES, calls=CALLS, url=url, stand=system.url, limits=(LIMIT,))
    assert ended(running, tmp_path, PROCESSES) == PROCESSES * CALLS
    journal = system.journal()
    assert {one["status"] for one in journal} == {200}, "not one call was refused"
    assert [one["path"] for one in journal].count("/token") == 1
    assert len(journal) == 1 + PROCESSES * (1 + CALLS), "nothing is asked twice"
    assert len(journal) > LIMIT.count, "all at once they would have broken it"
    assert most_in_a_window([one["at"] for one in journal], LIMIT.seconds) <= LIMIT.count
