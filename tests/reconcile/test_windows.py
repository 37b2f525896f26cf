"""Sides that tell only a part of their documents: what they do not tell again is neither lost nor missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.known import ROWS
from airflow_provider_docflow.reconcile import FrameSource, Group, Key, SqlSource
from airflow_provider_docflow.reconcile.engines.duck import DuckEngine
from airflow_provider_docflow.reconcile.engines.postgres import PostgresEngine
from airflow_provider_docflow.reconcile.known import MOST_GENERATIONS
from airflow_provider_docflow.reconcile.outcome import Outcome
from airflow_provider_docflow.reconcile.run import Reconciliation, Running
from tests.reconcile import test_rates as rates
from tests.reconcile.cases import plan
from tests.reconcile.rig import Document, doc, values
from tests.reconcile.test_runs import CHANGES, PLAN, live, reconcile, source

BOTH: dict[str, Any] = {"populations": (CHANGES, CHANGES), "carry_forward": True}
MIXED: dict[str, Any] = {"populations": (CHANGES, "all"), "carry_forward": True}
PERIODS: dict[str, Any] = {"populations": ("period", "period"), "carry_forward": True}


def nights(
    ledger: Ledger, how: Mapping[str, Any], *told: tuple[Sequence[Document], Sequence[Document]]
) -> Outcome:
    """Run once for each night's changes."""
    for number, (left, right) in enumerate(told, 1):
        outcome = reconcile(ledger, list(left), list(right), str(number), **how)
    return outcome


@pytest.mark.parametrize("how", [BOTH, PERIODS], ids=["changes", "periods"])
def test_a_matched_document_that_is_told_again_meets_its_counterpart(
    ledger: Ledger, how: Mapping[str, Any]
) -> None:
    last = nights(ledger, how, ([doc("A"), doc("B")], [doc("A"), doc("B")]), ([doc("A")], []))
    assert (last.counts, last.carried) == ({"breaks": 0}, {"l": 0, "r": 1})


def test_a_correction_that_comes_late_opens_the_match_and_another_closes_it(ledger: Ledger) -> None:
    nights(ledger, BOTH, ([doc("A")], [doc("A")]), ([], []), ([doc("A", "12")], []))
    assert live(ledger) == [("value_difference", "A", "A", "open")]
    nights(ledger, BOTH, *[([], [])] * 3, ([], [doc("A", "12")]))
    assert live(ledger) == []
    nights(ledger, BOTH, *[([], [])] * 4, ([], [doc("A", "12")]))
    assert live(ledger) == []


def test_what_one_side_tells_whole_meets_what_the_other_told_once(ledger: Ledger) -> None:
    whole = [doc("A"), doc("B"), doc("C", "5")]
    last = nights(ledger, MIXED, ([doc("A"), doc("B")], whole[:2]), ([], whole), ([doc("C", "5")], whole))
    assert last.counts == {"breaks": 0}
    assert last.carried == {"l": 2, "r": 0}
    assert nights(ledger, MIXED, *[([], whole)] * 3, ([], whole[1:])).counts == {
        "breaks": 1,
        "missing_right": 1,
    }
    assert nights(ledger, MIXED, *[([], whole)] * 4, ([], whole)).counts == {"breaks": 0}


@pytest.mark.parametrize("how", [BOTH, MIXED], ids=["both", "one"])
def test_a_run_that_is_repeated_comes_to_the_same(ledger: Ledger, how: Mapping[str, Any]) -> None:
    told = ([doc("A"), doc("B")], []), ([], [doc("A")])
    first = nights(ledger, how, *told)
    again = reconcile(ledger, *map(list, told[-1]), "2", **how)
    assert (again.counts, live(ledger)) == (first.counts, [("missing_right", "B", "", "open")])


def test_a_group_comes_back_whole_when_one_of_it_is_told_again(ledger: Ledger) -> None:
    how = {**BOTH, "what": plan(Key("id"), Group("supplier", "currency", total="amount"))}
    parts = [doc("X", "4"), doc("Y", "6")]
    assert nights(ledger, how, ([doc("A")], parts), ([doc("A")], [])).counts == {"breaks": 0, "matched": 1}
    assert nights(ledger, how, *[([], [])] * 2, ([], [doc("Y", "7")])).counts == {
        "breaks": 3,
        "missing_left": 2,
        "missing_right": 1,
    }


class Period(FrameSource):
    """A frame of all documents from a first day on."""

    first: date

    def first_day(self) -> date:
        return self.first


def test_what_has_left_its_period_is_gone_and_what_lies_before_it_is_not(ledger: Ledger) -> None:
    def night(key: str, first: date, left: list[Document], right: list[Document]) -> None:
        sides = []
        for told in (left, right):
            given = source(told, "OA")
            side = Period(frame=given.frame, population="period", date="day", may_be_empty=True)
            side.first = first
            sides.append(side)
        what = Reconciliation(name="orders", left=sides[0], right=sides[1], plan=PLAN, carry_forward=True)
        with Running(what, DuckEngine(threads=1), ledger=ledger, key=key, actor="nightly") as running:
            running.run()

    october, november = date(2026, 10, 1), date(2026, 11, 1)
    old = [doc("O", day="2026-10-05"), doc("P", day="2026-10-05")]
    night("1", october, [doc("A"), doc("B"), doc("C"), *old], [doc("A"), doc("C"), old[1]])
    night("2", november, [doc("C")], [doc("A"), doc("C"), old[1]])
    assert sorted(live(ledger)) == [("missing_left", "", "A", "open"), ("missing_right", "O", "", "open")]
    night("3", date(2026, 12, 1), [], [old[0], doc("A"), doc("C")])
    assert live(ledger) == [("missing_left", "", "A", "open")]


@pytest.mark.parametrize("what", [plan(Key("id")), rates.in_yuan()], ids=["plain", "converted"])
def test_what_is_later_than_the_cut_off_takes_part_when_its_day_has_come(ledger: Ledger, what: Any) -> None:
    early = {**BOTH, "what": what, "cut_off": "2026-11-02"}
    first = reconcile(ledger, [doc("A", day="2026-11-03"), doc("B")], [doc("B")], "1", **early)
    assert (first.counts, first.after_cut_off) == ({"breaks": 0}, {"l": 1, "r": 0})
    assert reconcile(ledger, [doc("B", day="2026-11-09")], [], "2", **early).counts["breaks"] == 1
    late = {**early, "cut_off": "2026-11-03"}
    assert reconcile(ledger, [], [doc("A", day="2026-11-03")], "3", **late).counts["breaks"] == 1
    assert reconcile(ledger, [], [], "4", **{**early, "cut_off": "2026-11-30"}).counts == {"breaks": 0}


def test_two_of_one_number_do_not_vanish_when_one_is_told(ledger: Ledger) -> None:
    nights(ledger, BOTH, ([doc("A"), doc("A"), doc("A")], [doc("A")]), ([doc("A")], []))
    assert live(ledger) == [("duplicate_left", "A", "", "open")] * 2


def test_documents_without_a_number_are_not_taken_for_each_other(ledger: Ledger) -> None:
    nights(ledger, BOTH, ([doc(None, "5")], []), ([doc(None, "7")], []), ([doc(None, "7")], []))
    assert sorted(str(one.amount) for one in ledger.breaks.search("orders")) == ["5", "7"]


def test_a_match_by_people_holds_when_one_of_it_is_told_again(ledger: Ledger) -> None:
    nights(ledger, BOTH, ([doc("A", "30")], [doc("X", "30")]))
    rows = {one.kind: one.body for one in ledger.breaks.search("orders")}
    match = ledger.matchings.prepare(
        "orders",
        "match",
        rows["missing_right"]["left"],
        rows["missing_left"]["right"],
        actor="li",
        reason_code="R1",
    )
    ledger.matchings.review(match.id, actor="zhao")
    told = ([], []), ([], []), ([doc("A", "30")], [])
    assert nights(ledger, BOTH, *told).counts == {"breaks": 0, "matched": 1}
    assert nights(ledger, BOTH, *told, ([], [doc("X", "31")])).counts["breaks"] == 2
    assert [one.status for one in ledger.matchings.search("orders")] == ["reopened"]


def test_what_was_remembered_of_other_fields_is_read_anew(ledger: Ledger) -> None:
    """A plan that compares more fields cannot go on with what the ledger has kept of fewer."""
    asked = []

    class Asked(type(source([], "OA"))):  # type: ignore[misc]
        def load(self, engine: Any, table: str, reading: Any) -> None:
            asked.append(reading.since)
            super().load(engine, table, reading)

    def night(key: str, what: Any) -> None:
        left = Asked(frame=source([doc("A")], "OA").frame, name="OA", population=CHANGES, date="day")
        reconciled = Reconciliation(
            name="orders", left=left, right=source([doc("A")], "ERP"), plan=what, carry_forward=True
        )
        with Running(reconciled, DuckEngine(threads=1), ledger=ledger, key=key, actor="nightly") as running:
            assert running.run().counts == {"breaks": 0}

    night("1", plan(Key("id")))
    night("2", plan(Key("id")))
    night("3", plan(Key("id"), show=("supplier",)))
    assert [one is None for one in asked] == [True, False, True]
    first = ledger.reconciliations.runs("orders")[-1]
    assert asked[1] is not None and asked[1] < first.as_of, "what was written meanwhile is asked for again"


def test_what_is_remembered_is_written_anew_before_it_grows(ledger: Ledger) -> None:
    whole = [doc(f"A{n}") for n in range(ROWS + 3)]
    nights(ledger, MIXED, (whole, whole))
    changed = [{**doc("A1"), "text": str(n)} for n in range(MOST_GENERATIONS + 2)]
    for number, one in enumerate(changed, 2):
        assert reconcile(ledger, [one], whole, str(number), **MIXED).counts == {"breaks": 0}
    assert len(set(ledger.known.generations("orders"))) <= MOST_GENERATIONS
    assert reconcile(ledger, [], whole, "last", **MIXED).counts == {"breaks": 0}


def test_in_the_database_it_is_the_same(ledger: Ledger, postgres_server: Any) -> None:
    url = postgres_server.create("windows")

    def night(key: str, left: Sequence[Document], right: Sequence[Document]) -> Mapping[str, int]:
        sides = [
            SqlSource(conn_id=url, sql=values(one), name=name, population=CHANGES, date="day")
            for name, one in (("OA", left), ("ERP", right))
        ]
        what = Reconciliation(
            name="orders", left=sides[0], right=sides[1], plan=plan(Key("id")), carry_forward=True
        )
        engine = PostgresEngine(url)
        with Running(what, engine, ledger=ledger, key=key, actor="nightly") as running:
            return running.run().counts

    assert night("1", [doc("A"), doc("B"), doc(None, "5")], [doc("A"), doc("C")])["breaks"] == 3
    assert night("2", [doc("A"), doc(None, "6")], [doc("B")])["breaks"] == 3
    assert night("3", [], [doc("A", "11"), doc("B")]) == {
        "breaks": 4,
        "missing_left": 1,
        "missing_right": 2,
        "value_difference": 1,
    }


state = st.dictionaries(st.sampled_from("ABCDE"), st.sampled_from(["10", "11", "20"]), max_size=5)
changes = st.lists(st.tuples(state, state, st.sets(st.sampled_from("ABCDE"))), min_size=1, max_size=4)


@settings(max_examples=12, deadline=None)
@given(changes=changes, how=st.sampled_from([BOTH, MIXED]))
def test_changes_told_night_by_night_come_to_what_the_whole_comes_to(
    tmp_path_factory: pytest.TempPathFactory, changes: Any, how: Mapping[str, Any]
) -> None:
    """Whatever is changed, in whatever order, and told twice or not: as if both sides had told all."""
    from tests.reconcile.conftest import KEY
    from tests.rigs.ledgers import new_ledger

    ledger = Ledger.open(new_ledger(tmp_path_factory.mktemp("nights") / "a.sqlite"), keys=[KEY])
    try:
        sides: tuple[dict[str, str], dict[str, str]] = ({}, {})
        for number, (left, right, again) in enumerate(changes, 1):
            told: list[list[Document]] = []
            for side, change in zip(sides, (left, right), strict=True):
                side |= change
                names = {*change, *(again & side.keys())}
                told.append([doc(one, side[one]) for one in sorted(names)])
            whole = [[doc(one, amount) for one, amount in side.items()] for side in sides]
            given_right = whole[1] if how["populations"][1] == "all" else told[1]
            outcome = reconcile(ledger, told[0], list(given_right), str(number), **how)
            wanted = _by_hand(sides)
            assert sorted(live(ledger)) == wanted, (number, changes)
            assert outcome.counts["breaks"] == len(wanted)
    finally:
        ledger.close()


def _by_hand(sides: tuple[dict[str, str], dict[str, str]]) -> list[tuple[str, str, str, str]]:
    left, right = sides
    found = [("missing_right", one, "", "open") for one in left.keys() - right.keys()]
    found += [("missing_left", "", one, "open") for one in right.keys() - left.keys()]
    both = left.keys() & right.keys()
    found += [("value_difference", one, one, "open") for one in both if left[one] != right[one]]
    return sorted(found)
