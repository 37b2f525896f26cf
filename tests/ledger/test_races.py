from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.links import LineCapacity
from tests.ledger.racers import race
from tests.ledger.samples import KEY, OA, pairs, ref, reserve, use, wanted


@pytest.mark.parametrize("known", [0, 20], ids=["new", "known"])
def test_twenty_processes_reserve_the_same_keys_and_one_gets_each(
    ledger: Ledger, ledger_url: str, tmp_path: Path, known: int
) -> None:
    """A new row makes the others wait by itself, a known one must be locked."""
    before = reserve(ledger, *(wanted(f"PR-{number}") for number in range(known)))
    ledger.intents.release(pairs(*before))
    answers = race("reserve", ledger_url, tmp_path, processes=20, keys=20)
    for number in range(20):
        statuses = Counter(answer[f"PR-{number}"] for answer in answers)
        assert statuses == {"fresh": 1, "busy": 19}
    assert ledger.audit.verify_all() == []


def test_six_processes_write_the_same_documents_and_each_is_sent_once(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    answers = race("write", ledger_url, tmp_path, processes=6, keys=40)
    assert answers == [[]] * 6, "every process came to an end with every document done"
    sent = Counter((tmp_path / "sent").read_text().split())
    assert sent == {f"PR-{number}": 1 for number in range(40)}
    assert [row.status for row in ledger.intents.open_intents()] == []
    assert ledger.audit.verify_all() == []


def test_a_line_is_never_overdrawn_by_twelve_processes(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    contract = use(source="CONTRACT").source
    ledger.links.set_capacity(contract, [LineCapacity("1", Decimal(5))])
    answers = race("lines", ledger_url, tmp_path, processes=12)
    assert Counter(answers) == {"fresh": 5, "held": 7}
    assert ledger.links.consumed(contract) == {("1", "fulfils"): (Decimal(5), Decimal(0))}
    assert len(ledger.incidents.search()) == 7


def test_six_processes_append_to_one_chain_without_a_fork(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    race("audit", ledger_url, tmp_path, processes=6, appends=50)
    assert ledger.audit.verify_all() == []
    events = ledger.audit.events("shared")
    assert [event.sequence for event in events] == list(range(1, 301))
    assert Counter(event.payload["by"] for event in events) == dict.fromkeys(range(6), 50)
    for number in range(6):
        steps = [event.payload["step"] for event in events if event.payload["by"] == number]
        assert steps == list(range(50))
    assert sum(ledger.audit.verify(f"other-{n}").events for n in range(5)) == 6 * 50 * 3


def test_twenty_processes_log_in_once(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    old = ledger.tokens.lease("erp/user", 60)
    ledger.tokens.put("erp/user", "old", expires_at=datetime(2020, 1, 1, tzinfo=UTC), refresh=old.refresh)
    tokens = race("token", ledger_url, tmp_path, processes=20)
    logins = (tmp_path / "logins").read_text().split()
    assert len(logins) == 1
    assert tokens == [f"token-{logins[0]}"] * 20


def test_processes_together_keep_within_the_limit(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    answers = race("take", ledger_url, tmp_path, processes=8, takes=10, frozen=True)
    waits = sorted(wait for answer in answers for wait in answer)
    assert waits == [0.0] * 5 + [3.0 * n for n in range(1, 76)], "five at once, then one every three seconds"


def test_processes_together_keep_within_the_quota(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    answers = race("draw", ledger_url, tmp_path, processes=8, takes=10, quota=35, frozen=True)
    assert sum(answers) == 35


def test_an_event_comes_in_once_and_none_appears_behind_a_reader(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    answers = race("inbox", ledger_url, tmp_path, processes=8, events=20)
    assert sum(answer["new"] for answer in answers) == 20
    assert [event.id for event in ledger.inbox.take_unseen(0)] == list(range(1, 21))
    for answer in answers:
        assert answer["seen"] == list(range(1, len(answer["seen"]) + 1)), "no id was passed over"


def test_one_of_twenty_runs_wins_the_claim(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    answers = race("claim", ledger_url, tmp_path, processes=20)
    assert sum(won for won, _ in answers) == 1
    assert {winner for _, winner in answers} == {f"run-{[won for won, _ in answers].index(True)}"}


def test_an_outage_seen_by_twelve_processes_is_one_incident(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    race("health", ledger_url, tmp_path, processes=12)
    (incident,) = ledger.incidents.search()
    found = ledger.health.get("erp")
    assert found is not None and (found.failures, found.state, found.incident) == (36, "open", incident.id)


def test_a_decision_observed_by_twelve_processes_is_recorded_once(
    ledger: Ledger, ledger_url: str, tmp_path: Path
) -> None:
    answers = race("decide", ledger_url, tmp_path, processes=12)
    assert len(set(answers)) == 1
    assert len(ledger.decisions.of(ref())) == 1


def test_a_cursor_loses_no_step(ledger: Ledger, ledger_url: str, tmp_path: Path) -> None:
    race("cursor", ledger_url, tmp_path, processes=6)
    assert ledger.cursors.get("count").value == 60


@pytest.mark.parametrize("processes", [12])
def test_many_processes_create_the_ledger_at_once(database_url: str, tmp_path: Path, processes: int) -> None:
    ids = race("open", database_url, tmp_path, processes=processes)
    assert len(set(ids)) == 1
    opened = Ledger.open(database_url, keys=[KEY])
    assert opened.ledger_id == ids[0] and opened.instances.bound_to(OA) is None
    opened.close()
