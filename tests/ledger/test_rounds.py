from __future__ import annotations

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.rounds import Rounds

REQUEST = WriteRequest(
    key=IntentKey("erp", "purchase_order", "oa", "purchase_requisition", "PR-1"), content_hash="c"
)


def unknown(request: WriteRequest) -> WriteOutcome:
    return WriteOutcome(request=request, status="failed", error=exc.UnknownOutcome("no answer"))


def test_a_system_that_keeps_failing_is_asked_ever_more_seldom() -> None:
    asked: list[int] = []
    slept: list[float] = []

    def wave(requests: object) -> list[WriteOutcome]:
        asked.append(1)
        return [unknown(REQUEST)]

    Rounds(slept.append, patience=15.0).settled([REQUEST], wave([REQUEST]), wave)

    assert sum(slept) <= 15.0
    assert slept == sorted(slept) and len(asked) <= 8


def test_what_settles_is_asked_for_once_more() -> None:
    found = WriteOutcome(request=REQUEST, status="found")
    rounds = Rounds(lambda seconds: None, patience=15.0)

    outcomes = rounds.settled([REQUEST], [unknown(REQUEST)], lambda requests: [found])

    assert [outcome.status for outcome in outcomes] == ["found"]
