"""Twenty processes, one login, and no call beyond the limit, as the system itself counted them."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.migrate import upgrade
from airflow_provider_docflow.ledger.models.shared import token
from tests.ledger.samples import KEY
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


def test_a_token_that_ends_in_the_middle_is_renewed_once(
    stand: Callable[..., Stand], sqlite_url: str, tmp_path: Path
) -> None:
    upgrade(sqlite_url)
    system = stand(revoke_after=20)
    running = start(tmp_path, processes=6, calls=8, url=sqlite_url, stand=system.url)
    assert ended(running, tmp_path, 6) == 6 * 8
    journal = system.journal()
    assert [one["path"] for one in journal].count("/token") == 2
    assert 1 <= [one["status"] for one in journal].count(401) <= 6 * 4, "whoever had the old one asks anew"


def test_a_refresher_that_is_killed_is_replaced(
    stand: Callable[..., Stand], sqlite_url: str, tmp_path: Path
) -> None:
    upgrade(sqlite_url)
    system = stand(hang=True)
    folders = [tmp_path / "killed", tmp_path / "others"]
    for folder in folders:
        folder.mkdir()
    first = start(folders[0], processes=1, calls=2, url=sqlite_url, stand=system.url, login_seconds=600.0)
    _until(lambda: system.statuses("/token") == [0])
    others = start(folders[1], processes=3, calls=2, url=sqlite_url, stand=system.url, login_seconds=600.0)
    (pid,) = json.loads((folders[0] / "pids").read_text())
    os.kill(pid, signal.SIGKILL)
    first.communicate(timeout=240)
    _until(lambda: (folders[1] / "pids").exists())
    assert system.statuses("/token") == [0], "nobody takes over while the right lasts"
    _let_rights_run_out(sqlite_url)
    assert ended(others, folders[1], 3) == 3 * 2
    assert system.statuses("/token") == [0, 200], "one took over"


def _let_rights_run_out(url: str) -> None:
    """Let those who may log in have had their time, however long a login takes on this machine."""
    ledger = Ledger.open(url, keys=[KEY])
    with ledger.database.transaction() as connection:
        connection.execute(update(token).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))
    ledger.close()


def _until(seen: Callable[[], bool]) -> None:
    end = time.monotonic() + 240
    while not seen():
        assert time.monotonic() < end
        time.sleep(0.05)
