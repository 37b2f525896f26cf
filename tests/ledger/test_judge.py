from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from airflow_provider_docflow.core.profile import Finding, Probe, Reading, WriteItem
from airflow_provider_docflow.document import DocumentRef, DocumentState, document_from_json
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger import judge
from airflow_provider_docflow.ledger.keys import Receipt

NOW = datetime(2026, 3, 31, tzinfo=UTC)
ORDER = document_from_json(
    {
        "document_type": "purchase_order",
        "id": "PR-1",
        "issue_date": "2026-03-31",
        "company_code": "1000",
        "document_currency_code": "EUR",
        "seller_supplier_party": {"id": "SUP-1"},
        "lines": [{"line_id": "1", "quantity": "2", "price_amount": "50.25"}],
    }
).totalled()
ITEM = WriteItem(mark="M", document=ORDER)
UNIQUE = Probe(quality="unique", settle_seconds=5)


def seen(number: str = "7", **more: Any) -> Reading:
    facts = {"company_code": "1000", "party": "SUP-1", "currency": "EUR", "total": Decimal("100.50"), **more}
    ref = DocumentRef("erp", "1000", "purchase_order", number, number)  # type: ignore[arg-type]
    state = DocumentState(lifecycle=facts.pop("lifecycle", "draft"), read_at=NOW)
    return Reading(ref=ref, state=state, **facts)


def again(finding: Finding, probe: Probe = UNIQUE, *, absences: int = 0, may_send: bool = False) -> str:
    return judge.judge_again(finding, ITEM, probe, absences=absences, may_send=may_send).action


def test_nothing_found_the_first_time_is_sent() -> None:
    assert judge.judge_first(Finding(), ITEM).action == "send"


def test_what_carries_the_mark_and_agrees_is_found() -> None:
    assert judge.judge_first(Finding(marked=(seen(),)), ITEM).action == "found"
    assert again(Finding(marked=(seen(),))) == "found"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("company_code", "2000"),
        ("party", "SUP-2"),
        ("currency", "USD"),
        ("total", Decimal("100.49")),
    ],
)
def test_what_carries_the_mark_and_differs_is_an_incident_that_names_the_field(
    field: str, value: Any
) -> None:
    verdict = judge.judge_first(Finding(marked=(seen(**{field: value}),)), ITEM)

    assert (verdict.action, verdict.code) == ("incident", "write.found_different")
    assert verdict.field and str(value) in verdict.reason


def test_two_that_carry_the_mark_are_an_incident() -> None:
    verdict = judge.judge_first(Finding(marked=(seen("7"), seen("8"))), ITEM)

    assert (verdict.action, verdict.code) == ("incident", "write.found_twice")


def test_an_unknown_outcome_is_sent_again_only_when_absent_twice_after_the_settle_time() -> None:
    assert again(Finding(), absences=2, may_send=False) == "wait"
    assert again(Finding(), absences=1, may_send=True) == "wait"
    assert again(Finding(), absences=2, may_send=True) == "send"


def test_a_document_that_looks_the_same_without_the_mark_stops_the_second_send() -> None:
    assert again(Finding(suspects=(seen(),)), absences=9, may_send=True) == "incident"


@pytest.mark.parametrize("quality", ["best_effort", "none"])
def test_a_system_that_cannot_say_surely_gets_no_second_send(quality: Any) -> None:
    assert again(Finding(), Probe(quality=quality), absences=9, may_send=True) == "incident"


def test_a_best_effort_search_is_given_its_time_before_a_person_is_asked() -> None:
    assert again(Finding(), Probe(quality="best_effort"), absences=1, may_send=True) == "wait"


def test_what_carries_the_mark_and_cannot_be_read_is_an_incident() -> None:
    broken = seen(problem=InvalidDocument("the form has no lines", field="lines"))

    assert judge.judge_first(Finding(marked=(broken,)), ITEM).field == "lines"


def test_a_system_that_refuses_a_second_itself_is_simply_sent_again() -> None:
    assert again(Finding(), Probe(quality="native")) == "send"


@pytest.mark.parametrize(
    ("word", "alive"),
    [
        ("draft", "alive"),
        ("closed", "alive"),
        ("cancelled", "dead"),
        ("reversed", "dead"),
        ("unknown", "unknown"),
    ],
)
def test_an_unknown_lifecycle_is_neither_alive_nor_dead(word: str, alive: str) -> None:
    assert judge.liveness(seen(lifecycle=word)) == alive


def test_the_wait_reaches_to_the_moment_at_which_a_probe_counts() -> None:
    assert judge.wait_seconds(NOW + timedelta(seconds=30), NOW, 5) == 30
    assert judge.wait_seconds(None, NOW, 5) == 1
    assert judge.wait_seconds(NOW - timedelta(seconds=30), NOW, 0) > 0


@pytest.mark.parametrize("word", ["cancelled", "reversed"])
def test_what_was_cancelled_after_it_was_sent_is_for_a_person(word: str) -> None:
    found = Finding(marked=(seen(lifecycle=word),))

    for verdict in (
        judge.judge_first(found, ITEM),
        judge.judge_again(found, ITEM, UNIQUE, absences=0, may_send=False),
        judge.judge_written(found.marked[0], ITEM),
    ):
        assert (verdict.action, verdict.code) == ("incident", f"target.{word}")


def test_an_action_that_ends_a_document_finds_it_ended() -> None:
    cancel = WriteItem(mark="M", ref=seen().ref)

    assert judge.judge_first(Finding(marked=(seen(lifecycle="cancelled"),)), cancel).action == "found"


@pytest.mark.parametrize(
    ("before", "now", "undone"),
    [
        ("submitted", "draft", True),
        ("submitted", "submitted", True),
        ("submitted", "active", False),
        ("active", "unknown", True),
    ],
)
def test_an_action_is_undone_unless_the_document_went_on(before: str, now: str, undone: bool) -> None:
    reading = seen(lifecycle=before)
    receipt = Receipt(reading.ref, reading.state.to_json(), "hash", NOW)

    assert judge.undone(receipt, seen(lifecycle=now)) is undone
