"""The main job on CeleryExecutor with Redis and PostgreSQL, one of two workers killed while it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.demo_home import Home
from scripts.distributed_servers import ALL_PORTS, PARTS, WORKERS
from tests.system.test_demo import CHECKOUT, PLANTED, running_from

pytestmark = pytest.mark.system

DOCUMENTS = 40


def _command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(CHECKOUT / "scripts" / "distributed.py"), "--home", str(home), *arguments]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("distributed") / "home"
    try:
        yield path
    finally:
        subprocess.run(_command(path, "--stop"), check=False, capture_output=True)


@pytest.fixture(scope="module")
def report(home: Path) -> dict[str, Any]:
    """What the script has read back from the systems."""
    done = subprocess.run(
        _command(home, "--documents", str(DOCUMENTS)), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found: dict[str, Any] = json.loads((home / "report.json").read_text())
    return found


def test_a_worker_that_dies_doubles_nothing_and_loses_nothing(report: dict[str, Any]) -> None:
    assert (report["duplicates"], report["lost"], report["wrong"]) == (0, 0, [])
    assert sorted(one["field"] for one in report["incidents"]) == sorted(PLANTED.values())
    assert report["totals"]["oa"] == report["totals"]["erp"] == report["totals"]["finance"]
    assert set(report["totals"]["oa"]) == {"CNY", "EUR", "USD"}
    assert sum(report["requisitions"].values()) == DOCUMENTS
    assert report["orders"]["processing"] == report["invoices"]["validated"] > DOCUMENTS // 2


def test_the_worker_died_while_it_wrote_and_another_went_on(report: dict[str, Any]) -> None:
    killed = report["killed"]
    assert killed["worker"] in WORKERS
    assert "requisitions_in_volume.orders" in killed["tasks"]
    # The worker's own process, its pool, its log server, and the task that it ran.
    assert killed["processes"] >= 4
    assert 0 < killed["writes"]["done"] < report["writes"]["done"], "in the middle of it"
    assert set(report["writes"]) <= {"done", "held"}
    assert "requisitions_in_volume.orders" in report["retried"]
    assert all(report["tasks"][worker] for worker in WORKERS)
    other = next(worker for worker in WORKERS if worker != killed["worker"])
    assert report["tasks"][other] > report["tasks"][killed["worker"]]


def test_everything_ran_as_a_process_of_its_own_and_is_gone(home: Path, report: dict[str, Any]) -> None:
    logs = {log.stem for log in home.glob("*.log")}
    assert logs >= {*PARTS, "postgres", "redis", "sandbox"}
    assert running_from(home) == []
    known = Home(home, ALL_PORTS).remembered
    assert len(set(known["ports"].values())) == len(ALL_PORTS)
    assert not Path(known["postgres_folder"]).exists() or Path(known["postgres_folder"]).parent == home
