"""The ledger: restored from yesterday, or not to be reached."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from airflow_provider_docflow.exceptions import LedgerUnavailable
from tests.proof.cases import failure_case
from tests.proof.conftest import Erp
from tests.proof.world import World, requisition


def _copy(path: Path, to: Path) -> None:
    with closing(sqlite3.connect(path)) as here, closing(sqlite3.connect(to)) as there:
        here.backup(there)


@failure_case(
    "The ledger is restored from yesterday's backup",
    does="backs the ledger up, writes two orders and confirms them, puts the backup back and runs "
    "the same flow.",
    expected="the same two orders; their receipts are found again by the probe; no incident",
    shows="a receipt that was lost is found, not written anew",
)
def test_a_ledger_of_yesterday(world: World, erp: Erp, quality: str, tmp_path: Path) -> None:
    numbers = [f"PR-{quality}-restore-{n}" for n in (1, 2)]
    backup = tmp_path / "yesterday.sqlite"
    with world.open() as session:
        sources = session.enter(*(requisition(number) for number in numbers))
    _copy(world.ledger_path, backup)
    with world.open() as session:
        before = session.create(sources, until="confirmed")
    for leftover in world.ledger_path.parent.glob("ledger.sqlite*"):
        leftover.unlink()
    shutil.copy(backup, world.ledger_path)

    with world.open() as session:
        after = session.create(sources, until="confirmed")
        again = session.create(sources, until="confirmed")
        incidents = session.incidents()

    assert {number: len(erp.of(number)) for number in numbers} == dict.fromkeys(numbers, 1)
    assert [one.handle and one.handle.ref for one in after] == [
        one.handle and one.handle.ref for one in before
    ]
    assert [one.status for one in again] == ["existing", "existing"]
    assert incidents == []


@failure_case(
    "The ledger cannot be reached",
    does="makes the ledger's file unreadable as a database before the flow runs, and in the middle "
    "of it, after "
    "the probe and before the send.",
    expected="LedgerUnavailable; no request that writes reaches the ERP; once it is back, one order",
    shows="it fails closed",
)
def test_no_ledger_no_write(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-no-ledger"
    with world.open() as session:
        sources = session.enter(requisition(number))
    for moment in ("at once", "before the send"):
        writes = erp.writes()
        with world.open() as session:
            if moment == "at once":
                _break(world)
            else:
                begin = session.ledger.intents.begin_sending

                def then_break(*given: object, begin: object = begin, **more: object) -> object:
                    _break(world)
                    return begin(*given, **more)  # type: ignore[operator]

                session.ledger.intents.begin_sending = then_break  # type: ignore[method-assign]
            try:
                session.create(sources)
            except LedgerUnavailable as refused:
                assert "remedy" in refused.attrs()
            else:
                raise AssertionError("it wrote without a ledger")
            finally:
                _mend(world)
        assert (erp.writes(), erp.of(number)) == (writes, [])

    with world.open(ahead=400) as session:
        assert session.create(sources)[0].status == "written"
    assert len(erp.of(number)) == 1


def _break(world: World) -> None:
    """Take the tables away, as a database that was lost or swapped would."""
    with closing(sqlite3.connect(world.ledger_path)) as connection:
        connection.execute("ALTER TABLE docflow_intent RENAME TO intent_gone")
        connection.commit()


def _mend(world: World) -> None:
    with closing(sqlite3.connect(world.ledger_path)) as connection:
        connection.execute("ALTER TABLE intent_gone RENAME TO docflow_intent")
        connection.commit()
