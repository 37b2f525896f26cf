"""A run that is killed at any moment, and started again: as if nothing had happened."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.reconcile import Key
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.run import Reconciliation, Running
from tests.reconcile.cases import plan
from tests.reconcile.conftest import KEY
from tests.reconcile.rig import Document, doc
from tests.reconcile.test_runs import source

PLAN = plan(Key("id"), aged_from=("day",))
NOW = datetime(2026, 11, 22, 1, tzinfo=UTC)
YESTERDAY = (
    [doc("A"), doc("B"), doc("C"), doc("D"), doc("E")],
    [doc("A", "9.00"), doc("C"), doc("X", "7.00"), doc("Y", "7.00")],
)
TODAY = (
    [doc("A"), doc("B"), doc("C", "12.00"), doc("D", "11.00"), doc("F")],
    [doc("A"), doc("C"), doc("X", "8.00"), doc("Y", "7.00")],
)


class Moments:
    """Counts what a run does, and ends the process by ``kill -9`` at one moment of it."""

    def __init__(self, at: int = 0) -> None:
        self.at, self.seen = at, 0

    def hit(self, *_: Any, **__: Any) -> None:
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def night(
    path: Path, key: str, sides: tuple[list[Document], list[Document]], moments: Moments | None = None
) -> Mapping[str, Any]:
    """Run once; every statement and commit of the ledger and every step of the plan is a moment."""
    ledger = Ledger.open(f"sqlite:///{path}", keys=[KEY], clock=lambda: NOW)
    watch = moments or Moments()
    for event in ("before_cursor_execute", "commit"):
        sa.event.listen(ledger.database.engine, event, watch.hit)
    what = Reconciliation(
        name="orders",
        left=source(sides[0], "OA", "open or changed"),
        right=source(sides[1], "ERP"),
        plan=PLAN,
        carry_forward=True,
    )
    try:
        with Running(
            what, DuckEngine(threads=1), ledger=ledger, key=key, actor="nightly", progress=watch.hit
        ) as running:
            return running.run().to_json()
    finally:
        ledger.close()


def everything(path: Path) -> dict[str, list[Any]]:
    """Return all that the ledger holds of reconciliations, decrypted."""
    fernet = Fernet(KEY)
    engine = sa.create_engine(f"sqlite:///{path}")
    found = {}
    with engine.connect() as connection:
        for name in sa.inspect(engine).get_table_names():
            if name.startswith("docflow_reconciliation"):
                rows = connection.execute(sa.text(f"SELECT * FROM {name} ORDER BY id")).all()
                found[name] = [tuple(_plain(fernet, value) for value in row) for row in rows]
    engine.dispose()
    return found


def _plain(fernet: Fernet, value: Any) -> Any:
    encrypted = isinstance(value, str) and value.startswith("gAAAA")
    return fernet.decrypt(value.encode()).decode() if encrypted else value


@pytest.fixture
def prepared(tmp_path: Path) -> Path:
    """The ledger after yesterday's run, with a break explained and two documents matched by people."""
    path = tmp_path / "ledger.sqlite"
    night(path, "yesterday", YESTERDAY)
    ledger = Ledger.open(f"sqlite:///{path}", keys=[KEY], clock=lambda: NOW)
    breaks = {one.left_key or one.right_key: one for one in ledger.breaks.search("orders")}
    ledger.breaks.change(breaks["B"].id, actor="wang", note="on its way", status="explained")
    pair = breaks["E"].body["left"], breaks["Y"].body["right"]
    match = ledger.matchings.prepare("orders", "match", *pair, actor="wang", reason_code="R1")
    ledger.matchings.review(match.id, actor="li")
    ledger.close()
    return path


def killed(act: Callable[[], Any]) -> bool:
    """Tell whether a process of its own that does something was killed by itself."""
    child = os.fork()
    if child == 0:
        try:
            act()
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


def test_a_run_that_is_killed_at_any_moment_starts_again(prepared: Path, tmp_path: Path) -> None:
    calm = tmp_path / "calm.sqlite"
    shutil.copy(prepared, calm)
    counting = Moments()
    figures = night(calm, "today", TODAY, counting)
    wanted = everything(calm)
    assert counting.seen > 25
    assert {row[5] for row in wanted["docflow_reconciliation_break"]} >= {"open", "closed"}
    for moment in range(1, counting.seen + 1):
        path = tmp_path / f"killed-{moment}.sqlite"
        shutil.copy(prepared, path)
        assert killed(lambda path=path, at=moment: night(path, "today", TODAY, Moments(at))), moment
        assert night(path, "today", TODAY) == figures, moment
        assert everything(path) == wanted, moment
        path.unlink()
