"""The demo as users start it, over sixty documents: killed in the middle, gone on with, done again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.system

CHECKOUT = Path(__file__).resolve().parents[2]
DOCUMENTS = 60
PLANTED = {
    "unknown_supplier": "seller_supplier_party.id",
    "zero_quantity": "lines[0].quantity",
    "number_twice": "lines[0].quantity",
    "changed_after_approval": "lines[0].quantity",
    "order_deleted": "lifecycle",
}


def _command(home: Path, *arguments: str) -> list[str]:
    return [sys.executable, str(CHECKOUT / "scripts" / "demo.py"), "--home", str(home), *arguments]


def _start(home: Path, *arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        _command(home, "--documents", str(DOCUMENTS), *arguments), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    report: dict[str, Any] = json.loads((home / "report.json").read_text())
    return report


def _orders_written(home: Path) -> int:
    query = "SELECT count(*) FROM docflow_intent WHERE target_type = 'purchase_order' AND purpose = 'create'"
    query += " AND status = 'done' AND actor LIKE 'requisitions_in_volume%'"
    with contextlib.suppress(sqlite3.Error), closing(sqlite3.connect(home / "ledger.sqlite")) as connection:
        return int(connection.execute(query).fetchone()[0])
    return 0


def running_from(home: Path) -> list[psutil.Process]:
    """Return every process that runs from a demo's folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            places = [process.cwd(), *process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(home) in place for place in places):
                found.append(process)
    return found


def _killed_while_ordering(home: Path) -> None:
    """Start the demo and end it and all its servers as a power cut would, in the middle of the orders."""
    log = home.with_suffix(".log")
    with log.open("wb") as out:
        demo = subprocess.Popen(
            _command(home, "--documents", str(DOCUMENTS)), stdout=out, stderr=out, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 900
        while not _orders_written(home):
            assert demo.poll() is None and time.monotonic() < deadline, log.read_text()[-4000:]
            time.sleep(0.05)
    finally:
        demo.kill()
        # Again and again, for what was born while a round went on.
        while alive := running_from(home):
            for process in alive:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.send_signal(signal.SIGKILL)
            psutil.wait_procs(alive, timeout=5)
        demo.wait()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("demo") / "home"
    path.mkdir()
    try:
        yield path
    finally:
        subprocess.run(_command(path, "--stop"), check=False, capture_output=True)


@pytest.fixture(scope="module")
def report(home: Path) -> dict[str, Any]:
    """What a demo ends with that was killed once."""
    _killed_while_ordering(home)
    return _start(home)


def test_a_demo_that_was_killed_ends_as_if_it_had_not_been(report: dict[str, Any]) -> None:
    assert (report["duplicates"], report["lost"], report["wrong"]) == (0, 0, [])
    assert report["totals"]["oa"] == report["totals"]["erp"] == report["totals"]["finance"]
    assert set(report["totals"]["oa"]) == {"CNY", "EUR", "USD"}
    assert sorted(one["field"] for one in report["incidents"]) == sorted(PLANTED.values())
    assert report["requisitions"] == {"approved": 55, "rejected": 2, "undecided": 2, "withdrawn": 1}
    assert report["orders"]["processing"] == report["invoices"]["validated"]
    stages = {stage["name"]: stage for stage in report["stages"]}
    assert stages["orders in Tryton"]["documents"] > DOCUMENTS
    assert all(stage["seconds"] >= 0 for stage in stages.values())


def test_looking_through_everything_again_creates_nothing(home: Path, report: dict[str, Any]) -> None:
    again = _start(home, "--everything")

    for kind in ("requisitions", "orders", "invoices", "payments", "totals", "messages", "written_back"):
        assert again[kind] == report[kind], kind
    assert _known(again) == _known(report)
    listed = next(s for s in again["stages"] if s["name"] == "second run: requisitions listed")
    assert listed["documents"] >= DOCUMENTS - 5


def _known(report: dict[str, Any]) -> list[tuple[str, str]]:
    return sorted((one["document"], one["field"]) for one in report["incidents"])


def test_stopping_leaves_no_process(home: Path, report: dict[str, Any]) -> None:
    assert running_from(home), "the pages stay up until somebody stops the demo"

    done = subprocess.run(_command(home, "--stop"), capture_output=True, text=True, check=True)

    assert "airflow" in done.stdout and "tryton" in done.stdout
    assert running_from(home) == []
