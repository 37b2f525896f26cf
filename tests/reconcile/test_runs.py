"""Breaks from run to run: found, carried forward, matched by people, gone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.reconcile import FrameSource, InTransit, Key
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.outcome import Outcome
from airflow_provider_docflow.reconcile.run import Reconciliation, Running
from tests.reconcile.cases import plan
from tests.reconcile.rig import COLUMNS, Document, doc

PLAN = plan(Key("id"), aged_from=("day",))
CHANGES = "open or changed"


def source(documents: list[Document], name: str, population: str = "all", **more: Any) -> FrameSource:
    frame = pd.DataFrame([{key: one.get(key) for key in COLUMNS} for one in documents], columns=COLUMNS)
    more = {"may_be_empty": True, "date": "day", **more}
    return FrameSource(frame=frame, name=name, population=population, **more)


def reconcile(
    ledger: Ledger,
    left: list[Document],
    right: list[Document],
    key: str = "1",
    *,
    populations: tuple[str, str] = ("all", "all"),
    carry_forward: bool = False,
    what: Any = PLAN,
    **more: Any,
) -> Outcome:
    reconciliation = Reconciliation(
        name="orders",
        left=source(left, "OA", populations[0], **more),
        right=source(right, "ERP", populations[1], **more),
        plan=what,
        carry_forward=carry_forward,
    )
    with Running(reconciliation, DuckEngine(threads=1), ledger=ledger, key=key, actor="nightly") as running:
        return running.run()


def live(ledger: Ledger) -> list[tuple[str, str, str, str]]:
    return [(one.kind, one.left_key, one.right_key, one.status) for one in ledger.breaks.search("orders")]


def test_a_break_lives_until_a_run_no_longer_finds_it(ledger: Ledger) -> None:
    first = reconcile(ledger, [doc("A"), doc("B")], [doc("A", "9.00")])
    assert first.counts == {"breaks": 2, "missing_right": 1, "value_difference": 1}
    assert sorted(live(ledger)) == [
        ("missing_right", "B", "", "open"),
        ("value_difference", "A", "A", "open"),
    ]
    one = next(each for each in ledger.breaks.search("orders") if each.kind == "value_difference")
    assert (one.amount, one.currency, one.aged_from) == (Decimal("1"), "CNY", date(2026, 11, 2))
    assert one.body["differences"] == [{"field": "amount", "left": "10", "right": "9", "off": "1"}]
    ledger.breaks.change(one.id, actor="wang", note="the ERP has the old price", status="explained")

    second = reconcile(ledger, [doc("A"), doc("B")], [doc("A", "9.00"), doc("B")], "2")
    assert second.recorded is not None
    assert (second.recorded.new, second.recorded.still, second.recorded.gone) == (0, 1, 1)
    assert live(ledger) == [("value_difference", "A", "A", "explained")]

    third = reconcile(ledger, [doc("A"), doc("B")], [doc("A"), doc("B")], "3")
    assert third.counts == {"breaks": 0}
    assert live(ledger) == []
    assert [event.event for event in ledger.breaks.history(one.id)] == ["found", "explained", "gone"]

    fourth = reconcile(ledger, [doc("A"), doc("B")], [doc("A", "9.00"), doc("B")], "4")
    assert fourth.recorded is not None and fourth.recorded.again == 1
    again = ledger.breaks.get(one.id)
    assert (again.status, again.first_run) == ("open", one.first_run)


def test_the_same_run_tried_again_finds_the_same_breaks(ledger: Ledger) -> None:
    for _ in range(2):
        outcome = reconcile(ledger, [doc("A"), doc("B"), doc("B")], [doc("C")])
    assert outcome.recorded is not None
    assert (outcome.recorded.new, outcome.recorded.still, outcome.recorded.gone) == (0, 4, 0)
    assert len(ledger.reconciliations.runs("orders")) == 1
    assert len(live(ledger)) == 4


def test_documents_without_a_number_keep_their_notes(ledger: Ledger) -> None:
    left = [doc(None, "5"), doc(None, "7"), doc(None, "6")]
    reconcile(ledger, left, [])
    five = next(one for one in ledger.breaks.search("orders") if one.amount == 5)
    ledger.breaks.change(five.id, actor="wang", note="a deposit", assignee="wang")
    reconcile(ledger, [left[2], left[1], left[0]], [], "2")
    assert {one.amount: one.assignee for one in ledger.breaks.search("orders")} == {
        Decimal(5): "wang",
        Decimal(6): "",
        Decimal(7): "",
    }
    reconcile(ledger, left[1:], [], "3")
    assert {one.amount: one.assignee for one in ledger.breaks.search("orders")} == {
        Decimal(6): "",
        Decimal(7): "",
    }


def test_a_window_on_one_side_only_is_refused(ledger: Ledger) -> None:
    for populations in (("period", "all"), ("all", "period"), (CHANGES, CHANGES)):
        with pytest.raises(exc.Misconfigured, match="carry_forward"):
            reconcile(ledger, [doc("A")], [doc("A")], populations=populations)
    assert ledger.reconciliations.runs() == []


def test_open_items_of_both_sides_stay_candidates_until_cleared(ledger: Ledger) -> None:
    both = {"populations": (CHANGES, CHANGES), "carry_forward": True}
    first = reconcile(ledger, [doc("A", "10"), doc("B", "20")], [doc("C", "30")], "1", **both)
    assert first.counts["breaks"] == 3
    # Today only what changed since is told: the counterpart of A, and a new one.
    second = reconcile(ledger, [doc("D", "40")], [doc("A", "10")], "2", **both)
    assert second.carried == {"l": 2, "r": 1}
    assert sorted(one[1] or one[2] for one in live(ledger)) == ["B", "C", "D"]
    left = next(one for one in second.moved if one["side"] == "left")
    assert [left[name] for name in ("opening", "new", "cleared", "closing")] == [
        {"documents": 2, "amount": "30"},
        {"documents": 1, "amount": "40"},
        {"documents": 1, "amount": "10"},
        {"documents": 2, "amount": "60"},
    ]
    assert all(one["adds_up"] for one in second.moved)
    third = reconcile(ledger, [doc("C", "30")], [doc("B", "20"), doc("D", "40")], "3", **both)
    assert third.counts == {"breaks": 0}
    assert live(ledger) == []


def test_a_value_difference_is_carried_until_one_side_changes(ledger: Ledger) -> None:
    both = {"populations": (CHANGES, CHANGES), "carry_forward": True}
    reconcile(ledger, [doc("A", "10")], [doc("A", "11")], "1", **both)
    reconcile(ledger, [], [], "2", **both)
    assert live(ledger) == [("value_difference", "A", "A", "open")]
    reconcile(ledger, [], [doc("A", "10")], "3", **both)
    assert live(ledger) == []


def test_what_one_side_tells_whole_is_not_carried(ledger: Ledger) -> None:
    mixed = {"populations": (CHANGES, "all"), "carry_forward": True}
    reconcile(ledger, [doc("A", "10")], [doc("B", "5")], "1", **mixed)
    second = reconcile(ledger, [], [doc("A", "10")], "2", **mixed)
    assert second.carried == {"l": 1, "r": 0}
    assert second.counts == {"breaks": 0}


def test_a_timing_difference_is_no_break_and_becomes_one(ledger: Ledger) -> None:
    what = plan(Key("id"), in_transit=[InTransit(field="day", days=3, side="left")])
    told = [doc("A", day="2026-11-29")]
    first = reconcile(ledger, told, [], "1", what=what, cut_off="2026-11-30")
    assert first.counts == {"breaks": 0, "timing": 1}
    second = reconcile(ledger, told, [], "2", what=what, cut_off="2026-12-05")
    assert second.counts == {"breaks": 1, "missing_right": 1}
    (one,) = ledger.breaks.search("orders")
    assert one.standing == "break"


def test_what_is_under_way_counts_from_today_where_there_is_no_cut_off(ledger: Ledger) -> None:
    what = plan(Key("id"), in_transit=[InTransit(field="day", days=5, side="left")])
    today = datetime.now(UTC).date()
    told = [doc("A", day=str(today - timedelta(days=2))), doc("B", day=str(today - timedelta(days=9)))]
    assert reconcile(ledger, told, [], what=what).counts == {"breaks": 1, "missing_right": 1, "timing": 1}


def prepared(ledger: Ledger, kind: Any, left: list[Any], right: list[Any]) -> int:
    return ledger.matchings.prepare(
        "orders", kind, left, right, actor="li", reason_code="same delivery", note="two papers, one delivery"
    ).id


def test_a_match_by_people_holds_until_a_value_changes(ledger: Ledger) -> None:
    left, right = [doc("A", "30")], [doc("X", "10"), doc("Y", "20")]
    reconcile(ledger, left, right)
    rows = {one.kind + one.left_key + one.right_key: one.body for one in ledger.breaks.search("orders")}
    match = prepared(
        ledger,
        "match",
        rows["missing_rightA"]["left"],
        [*rows["missing_leftX"]["right"], *rows["missing_leftY"]["right"]],
    )
    assert reconcile(ledger, left, right, "2").counts["breaks"] == 3, "one pair of eyes is not enough"
    with pytest.raises(exc.NotApproved, match="li has prepared"):
        ledger.matchings.review(match, actor="li")
    ledger.matchings.review(match, actor="zhao")
    assert reconcile(ledger, left, right, "3").counts == {"breaks": 0, "matched": 1}
    assert live(ledger) == []

    right = [doc("X", "10"), doc("Y", "21")]
    assert reconcile(ledger, left, right, "4").counts["breaks"] == 3
    assert [one.status for one in ledger.matchings.search("orders")] == ["reopened"]


def test_a_match_by_people_holds_while_only_what_is_shown_changes(ledger: Ledger) -> None:
    what = plan(Key("id"), show=("text",), aged_from=("day",))
    reconcile(ledger, [doc("A")], [doc("X")], what=what)
    rows = {one.kind: one.body for one in ledger.breaks.search("orders")}
    match = prepared(ledger, "match", rows["missing_right"]["left"], rows["missing_left"]["right"])
    ledger.matchings.review(match, actor="zhao")
    told = [doc("A", text="paid", day="2026-12-01")]
    assert reconcile(ledger, told, [doc("X")], "2", what=what).counts == {"breaks": 0, "matched": 1}
    assert reconcile(ledger, told, [doc("X", currency="USD")], "3", what=what).counts["breaks"] == 2


def test_a_write_off_stays_off_and_shows_in_the_totals(ledger: Ledger) -> None:
    left = [doc("A", "0.02"), doc("B")]
    reconcile(ledger, left, [doc("B")])
    (one,) = ledger.breaks.search("orders")
    match = prepared(ledger, "write_off", list(one.body["left"]), [])
    ledger.matchings.review(match, actor="zhao")
    second = reconcile(ledger, left, [doc("B")], "2")
    assert second.counts == {"breaks": 0, "written_off": 1}
    (total,) = second.totals
    assert total.effects == {"written_off": Decimal("0.02")}
    ledger.matchings.undo(match, actor="li")
    assert reconcile(ledger, left, [doc("B")], "3").counts["breaks"] == 1


def test_a_signed_run_is_frozen(ledger: Ledger) -> None:
    outcome = reconcile(ledger, [doc("A")], [])
    assert outcome.run_id is not None
    ledger.reconciliations.sign_off(outcome.run_id, actor="zhao")
    with pytest.raises(exc.Conflict, match="signed off by zhao"):
        reconcile(ledger, [], [])
    with pytest.raises(exc.Conflict, match="frozen"):
        ledger.reconciliations.sign_off(outcome.run_id, actor="li")
    assert len(live(ledger)) == 1
    kept = ledger.reconciliations.last("orders")
    assert kept is not None and kept.summary["totals"] == outcome.to_json()["totals"]


def test_a_source_that_breaks_off_leaves_everything_as_it_was(ledger: Ledger) -> None:
    reconcile(ledger, [doc("A")], [])
    before = live(ledger)

    class Broken(FrameSource):
        def load(self, engine: Any, table: str, reading: Any) -> None:
            super().load(engine, table, reading)
            raise exc.TransientError("the connection broke after page 3", system="ERP")

    good = source([doc("A"), doc("B")], "OA")
    broken = Broken(frame=good.frame, name="ERP")
    what = Reconciliation(name="orders", left=good, right=broken, plan=PLAN)
    with (
        Running(what, DuckEngine(threads=1), ledger=ledger, key="2", actor="nightly") as running,
        pytest.raises(exc.TransientError),
    ):
        running.run()
    assert live(ledger) == before
    last = ledger.reconciliations.last("orders")
    assert last is not None and last.key == "1"
