"""What retention leaves of the breaks of reconciliations."""

from __future__ import annotations

from datetime import timedelta

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.breaks import Break, Found
from tests.ledger.samples import Clock

NOTHING = {"left": [], "right": [], "differences": [], "rule": None}


def run(ledger: Ledger, key: str, *numbers: str) -> None:
    found = [
        Found(
            identity=[[[number]], []],
            standing="break",
            kind="missing_right",
            left_key=number,
            body={"left": [{"id": number, "supplier": "张三"}], "right": [], "differences": [], "rule": None},
        )
        for number in numbers
    ]
    row = ledger.reconciliations.begin("orders", key, actor="nightly")
    ledger.reconciliations.record(row.id, found, {"counts": {}}, actor="nightly")


def one(ledger: Ledger, number: str) -> Break:
    (found,) = (
        each
        for each in ledger.breaks.search("orders", status=("open", "explained", "closed"))
        if each.left_key == number
    )
    return found


def clean(ledger: Ledger, clock: Clock) -> int:
    before = clock.now - timedelta(days=30)
    counted = ledger.retention.clean(before, actor="boss", dry_run=True)["breaks"]
    assert ledger.retention.clean(before, actor="boss", portion=1)["breaks"] == counted
    return counted


def test_closed_breaks_are_emptied_and_open_ones_are_not(ledger: Ledger, clock: Clock) -> None:
    run(ledger, "1", "A", "B", "C")
    ledger.breaks.change(one(ledger, "A").id, actor="wang", note="张三 knows why", status="explained")
    run(ledger, "2", "C")
    clock.now += timedelta(days=20)
    run(ledger, "3", "C", "D")
    run(ledger, "4", "C")
    clock.now += timedelta(days=20)

    assert clean(ledger, clock) == 2
    gone = one(ledger, "A")
    assert (gone.status, gone.kind, gone.body) == ("closed", "missing_right", NOTHING)
    history = ledger.breaks.history(gone.id)
    assert [(event.event, event.note) for event in history] == [
        *[("found", ""), ("explained", ""), ("gone", "")],
        ("cleaned", ""),
    ]
    assert one(ledger, "C").body["left"][0]["supplier"] == "张三"
    assert one(ledger, "D").body["left"][0]["supplier"] == "张三"
    assert clean(ledger, clock) == 0


def test_what_came_up_again_is_whole_and_is_emptied_again(ledger: Ledger, clock: Clock) -> None:
    run(ledger, "1", "A")
    run(ledger, "2")
    clock.now += timedelta(days=40)
    assert clean(ledger, clock) == 1
    run(ledger, "3", "A")
    again = one(ledger, "A")
    assert (again.status, again.body["left"][0]["id"]) == ("open", "A")
    run(ledger, "4")
    clock.now += timedelta(days=40)
    assert clean(ledger, clock) == 1
    assert one(ledger, "A").body == NOTHING
