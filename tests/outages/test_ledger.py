"""What all processes know together of an outage, on each of the three databases."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import InvalidDocument, Misconfigured, NotFound
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.documents import DocumentEntry
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.parking import LONGEST_SPREAD
from airflow_provider_docflow.ledger.ramp import Pace
from airflow_provider_docflow.ledger.snapshots import NewSnapshot
from tests.ledger.samples import Clock

ERP = "erp-1"
PACE = Pace(threshold=2, probe_seconds=60, ramp_start=4, ramp_seconds=10, ramp_periods=3)


def goes_down(ledger: Ledger) -> str:
    for _ in range(PACE.threshold):
        found = ledger.health.failed(ERP, "refused", threshold=PACE.threshold)
    assert found.state == "open"
    return found.outage


def comes_back(ledger: Ledger, clock: Clock) -> None:
    clock.forward(60)
    assert ledger.health.allow(ERP) == 0
    ledger.health.answered(ERP, pace=PACE)


def level(ledger: Ledger) -> int | None:
    found = ledger.health.get(ERP)
    assert found is not None
    return found.ramp_level if found.ramp_from is not None else None


def test_the_pace_doubles_with_each_period_in_which_it_answers(ledger: Ledger, clock: Clock) -> None:
    goes_down(ledger)
    comes_back(ledger, clock)
    seen = [level(ledger)]
    for seconds in (9, 1, 10, 9, 1, 1):
        clock.forward(seconds)
        ledger.health.answered(ERP, pace=PACE)
        seen.append(level(ledger))
    assert seen == [0, 0, 1, 2, 2, None, None]
    found = ledger.health.get(ERP)
    assert found is not None and found.plain and found.word == "closed"


def test_time_alone_does_not_raise_the_pace(ledger: Ledger, clock: Clock) -> None:
    goes_down(ledger)
    comes_back(ledger, clock)
    clock.forward(3600)
    assert level(ledger) == 0
    ledger.health.answered(ERP, pace=PACE)
    assert level(ledger) == 1


def test_a_failure_on_the_way_up_halves_the_pace(ledger: Ledger, clock: Clock) -> None:
    goes_down(ledger)
    comes_back(ledger, clock)
    for _ in range(2):
        clock.forward(10)
        ledger.health.answered(ERP, pace=PACE)
    assert level(ledger) == 2
    ledger.health.failed(ERP, "timed out", threshold=PACE.threshold)
    assert level(ledger) == 1
    clock.forward(9)
    ledger.health.answered(ERP, pace=PACE)
    assert level(ledger) == 1, "the period begins anew with the failure"


def test_a_relapse_is_the_same_outage_and_a_later_one_is_another(ledger: Ledger, clock: Clock) -> None:
    first = goes_down(ledger)
    comes_back(ledger, clock)
    assert goes_down(ledger) == first
    comes_back(ledger, clock)
    for _ in range(3):
        clock.forward(10)
        ledger.health.answered(ERP, pace=PACE)
    assert level(ledger) is None
    assert goes_down(ledger) != first


def test_what_was_asked_before_says_nothing_about_now(ledger: Ledger, clock: Clock) -> None:
    long_ago = clock.now
    clock.forward(1)
    goes_down(ledger)
    clock.forward(1)
    found = ledger.health.answered(ERP, pace=PACE, asked_at=long_ago)
    assert found is not None and found.state == "open", "a late answer does not end the outage"
    comes_back(ledger, clock)
    for _ in range(10):
        found = ledger.health.failed(ERP, "timed out", threshold=PACE.threshold, asked_at=long_ago)
    assert found.state == "closed" and found.failures == 0, "late time-outs do not bring it back"


def test_the_first_failure_counts_whenever_it_was_asked(ledger: Ledger, clock: Clock) -> None:
    before = clock.now
    clock.forward(1)
    assert ledger.health.failed(ERP, "refused", asked_at=before).failures == 1


def test_a_person_may_have_it_asked_at_once(ledger: Ledger) -> None:
    goes_down(ledger)
    assert ledger.health.allow(ERP) == 60
    ledger.health.ask_now(ERP)
    assert ledger.health.allow(ERP) == 0
    with pytest.raises(NotFound):
        ledger.health.ask_now("another")


def test_numbers_that_lead_nowhere_are_refused() -> None:
    for wrong in ({"threshold": 0}, {"probe_seconds": 0}, {"ramp_start": 1}, {"ramp_periods": 99}):
        with pytest.raises(Misconfigured):
            Pace(**wrong)  # type: ignore[arg-type]


# ---- parked tasks


def test_the_oldest_due_date_comes_back_first_and_one_after_the_other(ledger: Ledger, clock: Clock) -> None:
    days = {"c": date(2026, 3, 3), "a": date(2026, 3, 1), "d": date(2026, 3, 4), "b": date(2026, 3, 2)}
    for _ in range(2):
        places = {
            task: ledger.parking.park(ERP, task, due=day, not_before=clock.now, per_second=2)
            for task, day in days.items()
        }
    assert sorted(places, key=lambda task: places[task].back_at) == ["a", "b", "c", "d"]
    assert [places[task].back_at - clock.now for task in "abcd"] == [
        timedelta(seconds=seconds) for seconds in (0, 0.5, 1, 1.5)
    ]
    assert ledger.parking.waiting() == {ERP: 4}


def test_of_the_same_day_whoever_waits_longest_is_first(ledger: Ledger, clock: Clock) -> None:
    day = date(2026, 3, 1)
    for task in ("first", "second"):
        ledger.parking.park(ERP, task, due=day, not_before=clock.now)
        clock.forward(1)
    again = [ledger.parking.park(ERP, task, due=day, not_before=clock.now) for task in ("second", "first")]
    assert [place.rank for place in again] == [1, 0]


def test_many_are_spread_over_a_quarter_of_an_hour_at_most(ledger: Ledger, clock: Clock) -> None:
    for n in range(30):
        place = ledger.parking.park(
            ERP, f"task {n}", due=date(2026, 3, 1), not_before=clock.now, per_second=0.01
        )
        clock.forward(0.001)
        assert place.rank == n
    assert place.back_at - clock.now <= timedelta(seconds=LONGEST_SPREAD)
    assert place.back_at - clock.now > timedelta(seconds=LONGEST_SPREAD - 1)


def test_who_never_came_back_is_no_longer_counted(ledger: Ledger, clock: Clock) -> None:
    ledger.parking.park(ERP, "ended by a person", due=date(2026, 1, 1), not_before=clock.now)
    clock.forward(2 * 3600)
    assert ledger.parking.waiting() == {}
    place = ledger.parking.park(ERP, "another", due=date(2026, 3, 1), not_before=clock.now)
    assert (place.rank, place.waiting) == (0, 1)


def test_the_end_of_an_outage_forgets_who_waited(ledger: Ledger, clock: Clock) -> None:
    goes_down(ledger)
    for instance in (ERP, "oa-1"):
        ledger.parking.park(instance, "task", due=None, not_before=clock.forward(60))
    assert ledger.health.allow(ERP) == 0
    ledger.health.answered(ERP)
    assert ledger.parking.waiting() == {"oa-1": 1}


def test_the_due_date_counts_and_else_the_date_of_issue(ledger: Ledger) -> None:
    refs = [DocumentRef("oa-1", "C1", "purchase_requisition", f"{n}", f"PR-{n}") for n in range(3)]
    assert ledger.parking.oldest_due(refs) is None
    assert ledger.parking.oldest_due([]) is None
    issued = [date(2026, 3, 10), date(2026, 3, 11), date(2026, 3, 12)]
    ledger.documents.upsert(
        [DocumentEntry(ref, issue_date=day) for ref, day in zip(refs, issued, strict=True)]
    )
    assert ledger.parking.oldest_due(refs) == date(2026, 3, 10)
    for revision, due in (("1", "2026-02-01"), ("2", "2026-03-20")):
        body = {"due_date": due}
        ledger.snapshots.put([NewSnapshot(refs[0], revision, f"m{revision}", f"c{revision}", body)])
    assert ledger.parking.oldest_due(refs) == date(2026, 3, 11), "the newest due date of the first is later"


# ---- maintenance windows that people enter


def test_a_window_holds_for_all_connections_of_the_instance(ledger: Ledger, clock: Clock) -> None:
    for conn_id in ("erp", "erp_read"):
        ledger.instances.bind(conn_id, ERP, "rest")
    end = clock.now + timedelta(hours=2)
    window = ledger.windows.enter(
        "erp", starts_at=clock.now + timedelta(hours=1), ends_at=end, reason="patch", actor="ops"
    )
    assert ledger.windows.now_in("erp", ERP) is None
    assert ledger.windows.coming() == [window]
    clock.forward(3600)
    assert ledger.windows.now_in("erp", ERP) == window
    assert ledger.windows.now_in("erp_read", ERP) == window
    assert ledger.windows.now_in("oa", "oa-1") is None
    clock.forward(3600)
    assert ledger.windows.now_in("erp", ERP) is None
    assert ledger.windows.coming() == []


def test_the_window_that_ends_last_counts_and_a_cancelled_one_does_not(ledger: Ledger, clock: Clock) -> None:
    ends = [clock.now + timedelta(hours=hours) for hours in (3, 1)]
    long, short = (
        ledger.windows.enter("erp", starts_at=clock.now, ends_at=end, reason="patch", actor="ops")
        for end in ends
    )
    assert ledger.windows.now_in("erp") == long
    ledger.windows.cancel(long.id, actor="ops", reason="done early")
    assert ledger.windows.now_in("erp") == short
    with pytest.raises(NotFound):
        ledger.windows.cancel(long.id, actor="ops", reason="again")
    events = ledger.audit.events(f"connection:{digest_of('docflow connection 1', 'erp')}")
    assert [event.kind for event in events] == ["maintenance", "maintenance", "maintenance cancelled"]


def test_a_window_that_cannot_be_is_refused(ledger: Ledger, clock: Clock) -> None:
    hour = timedelta(hours=1)
    times = [(clock.now, clock.now), (clock.now - 2 * hour, clock.now - hour)]
    for starts, ends in times:
        with pytest.raises(InvalidDocument):
            ledger.windows.enter("erp", starts_at=starts, ends_at=ends, reason="patch", actor="ops")
    with pytest.raises(InvalidDocument):
        ledger.windows.enter("erp", starts_at=clock.now, ends_at=clock.now + hour, reason=" ", actor="ops")
