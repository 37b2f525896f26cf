from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import event

from airflow_provider_docflow import __version__
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.sightings import Sighting
from tests.ledger.samples import KEY, Clock


def seen(ledger: Ledger) -> dict[tuple[str, str], Sighting]:
    return {(one.role, one.host): one for one in ledger.sightings.all()}


def opened(url: str, clock: Clock) -> Ledger:
    return Ledger.open(url, keys=[KEY], clock=clock)


def test_every_kind_of_process_on_every_machine_is_known(ledger_url: str, clock: Clock) -> None:
    worker, triggerer = opened(ledger_url, clock), opened(ledger_url, clock)
    worker.sightings.seen("worker", "one")
    triggerer.sightings.seen("triggerer", "one")
    triggerer.sightings.seen("worker", "zwei-Ä")

    found = seen(worker)

    assert set(found) == {("worker", "one"), ("triggerer", "one"), ("worker", "zwei-Ä")}
    assert {one.ledger_id for one in found.values()} == {worker.ledger_id}
    assert {one.version for one in found.values()} == {__version__}
    assert {one.seen_at for one in found.values()} == {clock()}
    worker.close()
    triggerer.close()


def test_a_later_process_moves_the_sighting_and_many_at_once_do_not(ledger_url: str, clock: Clock) -> None:
    first = opened(ledger_url, clock)
    first.sightings.seen("worker", "one")
    began = clock()
    for seconds, moves in ((30, False), (61, True)):
        clock.now = began + timedelta(seconds=seconds)
        later = opened(ledger_url, clock)
        later.sightings.seen("worker", "one")
        (row,) = later.sightings.all()
        assert (row.first_at, row.seen_at) == (began, clock() if moves else began)
        later.close()
    first.close()


def test_an_upgraded_process_is_told_at_once(
    sqlite_url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened(sqlite_url, clock)
    first.sightings.seen("worker", "one")
    monkeypatch.setattr("airflow_provider_docflow.ledger.sightings.__version__", "9.9")
    second = opened(sqlite_url, clock)
    second.sightings.seen("worker", "one")
    assert [one.version for one in second.sightings.all()] == ["9.9"]
    first.close()
    second.close()


def test_one_process_asks_the_database_at_most_once_a_minute(sqlite_url: str, clock: Clock) -> None:
    ledger = opened(sqlite_url, clock)
    asked: list[str] = []
    event.listen(ledger.database.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    ledger.sightings.seen("worker", "one")
    first = len(asked)
    ledger.sightings.seen("worker", "one")
    assert first > 0 and len(asked) == first
    ledger.close()
