from __future__ import annotations

from datetime import timedelta

import pytest

from airflow_provider_docflow.exceptions import Authentication, InvalidDocument
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.deliveries import REMEMBERED, NewEvent
from tests.ledger.samples import Clock

TWO = [NewEvent("e1", "changed", {"number": "PR-1"}), NewEvent("e2", "changed", {"number": "PR-2"})]


def kept(ledger: Ledger) -> list[tuple[str, str]]:
    return [(event.source, event.event_id) for event in ledger.inbox.take_unseen(0)]


def test_a_delivery_that_is_repeated_is_kept_once(ledger: Ledger) -> None:
    assert not ledger.deliveries.came_before("oa", "signature", b"body")
    assert ledger.deliveries.keep("oa", "corp-1", TWO, key="signature", content=b"body") == 2
    assert ledger.deliveries.keep("oa", "corp-1", TWO, key="signature", content=b"body") == 0
    assert ledger.deliveries.came_before("oa", "signature", b"body")
    assert kept(ledger) == [("corp-1", "e1"), ("corp-1", "e2")]


def test_an_event_in_two_deliveries_or_through_two_connections_is_kept_once(ledger: Ledger) -> None:
    assert ledger.deliveries.keep("oa", "corp-1", TWO[:1], key="first", content=b"1") == 1
    assert ledger.deliveries.keep("oa", "corp-1", TWO, key="second", content=b"2") == 1
    assert ledger.deliveries.keep("oa renamed", "corp-1", TWO, key="first", content=b"3") == 0
    assert ledger.deliveries.keep("oa", "corp-2", TWO[:1], key="third", content=b"1") == 1
    assert kept(ledger) == [("corp-1", "e1"), ("corp-1", "e2"), ("corp-2", "e1")]


def test_a_signature_with_another_content_is_refused_and_nothing_kept(ledger: Ledger) -> None:
    ledger.deliveries.keep("oa", "corp-1", TWO[:1], key="signature", content=b"body")
    with pytest.raises(Authentication, match="signature of another"):
        ledger.deliveries.keep("oa", "corp-1", TWO[1:], key="signature", content=b"other")
    with pytest.raises(Authentication, match="signature of another"):
        ledger.deliveries.came_before("oa", "signature", b"other")
    assert kept(ledger) == [("corp-1", "e1")]


def test_a_delivery_is_kept_whole_or_not_at_all(ledger: Ledger) -> None:
    broken = NewEvent("e3", "changed", {"at": object()})
    with pytest.raises(InvalidDocument):
        ledger.deliveries.keep("oa", "corp-1", [*TWO, broken], key="signature", content=b"body")
    assert kept(ledger) == [] and not ledger.deliveries.came_before("oa", "signature", b"body")
    assert ledger.deliveries.keep("oa", "corp-1", TWO, key="signature", content=b"body") == 2


def test_cleaning_leaves_what_may_still_be_sent_again(ledger: Ledger, clock: Clock) -> None:
    ledger.deliveries.keep("oa", "corp-1", TWO, key="old", content=b"1")
    clock.now += REMEMBERED
    ledger.deliveries.keep("oa", "corp-1", [], key="new", content=b"2")
    clock.now += timedelta(seconds=1)
    removed = ledger.retention.clean(clock.now, actor="admin")
    assert (removed["webhook deliveries"], removed["inbox events"]) == (1, 2)
    assert not ledger.deliveries.came_before("oa", "old", b"1")
    assert ledger.deliveries.came_before("oa", "new", b"2")


def test_the_newest_events_come_first(ledger: Ledger) -> None:
    ledger.deliveries.keep("oa", "corp-1", TWO)
    ledger.inbox.put("crm", "e9", "changed", None)
    assert [event.event_id for event in ledger.inbox.newest()] == ["e9", "e2", "e1"]
    assert [event.event_id for event in ledger.inbox.newest(source="corp-1", limit=1)] == ["e2"]
