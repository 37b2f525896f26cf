"""Submitting, auditing, un-auditing and deleting; approval by people; states."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.core.states import state_of
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.writer import Writer
from airflow_provider_docflow.sandbox import FaultRule
from airflow_provider_docflow.sandbox.faults import Fault
from airflow_provider_docflow.sandbox.yonbip.identity import TENANT
from airflow_provider_docflow.systems.yonbip import purchase as purchases
from airflow_provider_docflow.systems.yonbip import sales
from airflow_provider_docflow.systems.yonbip.acting import deleter, outcomes
from tests.rigs.ledgers import new_ledger
from tests.systems.yonbip.conftest import KINDS, MARK, PURCHASE, Desk, purchase, sale

DELETE = "*/purchaseorder/delete"
NOW = datetime(2026, 4, 1, tzinfo=UTC)


def words(desk: Desk, ref: DocumentRef) -> tuple[str, str]:
    state = desk.read(ref).state
    return str(state.lifecycle), str(state.approval)


def decide(desk: Desk, ref: DocumentRef, decision: str) -> None:
    path = f"yonbip/{KINDS[str(ref.document_type)]}/{ref.internal_id}/decide"
    desk.sandbox.call("POST", path, {"decision": decision})


@pytest.mark.parametrize("document", [purchase(), sale()])
def test_an_order_goes_its_way_and_back(desk: Desk, document: Any) -> None:
    ref = desk.create(document)
    assert words(desk, ref) == ("draft", "none")
    for purpose, expected in (
        ("submit", ("submitted", "pending")),
        ("audit", ("active", "approved")),
        ("unaudit", ("draft", "none")),
    ):
        (written,) = desk.act(purpose, ref)
        assert written.ref == ref
        assert words(desk, ref) == expected


@pytest.mark.parametrize("document", [purchase(), sale()])
@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        ("approve", ("active", "approved")),
        ("reject", ("draft", "rejected")),
        ("return", ("draft", "returned")),
    ],
)
def test_where_people_approve_their_word_is_read(
    desk: Desk, document: Any, decision: str, expected: tuple[str, str]
) -> None:
    desk.put(workflow=True)
    ref = desk.create(document)
    desk.act("submit", ref)
    assert words(desk, ref) == ("submitted", "pending")
    decide(desk, ref, decision)
    assert words(desk, ref) == expected


def test_a_batch_tells_each_orders_outcome(desk: Desk) -> None:
    good, bad, fine = (desk.create(purchase(f"PO-{n}"), mark=f"M{n}") for n in range(3))
    desk.act("audit", bad)
    first, second, third = desk.act("submit", good, bad, fine)
    assert (first.ref, third.ref) == (good, fine)
    assert isinstance(second, exc.Rejected)
    assert (second.code, second.landed, second.document) == ("failCount", "no", bad.number)
    assert "当前状态不允许此操作" in second.message
    assert desk.sandbox.count("*/batchsubmit") == 1


def test_a_batch_that_fails_as_a_whole_is_refused_as_a_whole(desk: Desk) -> None:
    refs = [desk.create(purchase(f"PO-{n}"), mark=f"M{n}") for n in range(2)]
    results = desk.act("unaudit", *refs)
    assert [type(result) for result in results] == [exc.Rejected, exc.Rejected]


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"count": 2, "sucessCount": 1, "failCount": 1, "messages": ["x"], "infos": []},
        {"count": 2, "sucessCount": 1, "failCount": 1, "messages": ["x"], "infos": [{"id": 1}, {"id": 2}]},
    ],
)
def test_a_batch_that_does_not_say_which_is_in_doubt(desk: Desk, data: dict[str, Any]) -> None:
    refs = [desk.ref("1"), desk.ref("2")]
    assert [type(found) for found in outcomes(desk.site, refs, data)] == [exc.UnknownOutcome] * 2


def test_the_published_answer_of_a_batch_is_understood(desk: Desk) -> None:
    data = {
        "count": 2,
        "sucessCount": 1,
        "failCount": 1,
        "messages": ["单据CG2已提交"],
        "infos": [{"id": 1998455756270600260}],
    }
    good, bad = outcomes(desk.site, [desk.ref("1998455756270600260"), desk.ref("1998455756270600324")], data)
    assert good.ref.internal_id == "1998455756270600260"
    assert isinstance(bad, exc.Rejected)


@pytest.mark.parametrize("document", [purchase(), sale()])
def test_deleting_an_order(desk: Desk, document: Any) -> None:
    ref = desk.create(document)
    (written,) = desk.act("delete", ref)
    assert written.ref == ref
    assert desk.kept(str(document.document_type)) == []
    with pytest.raises(exc.NotFound):
        desk.read(ref)


def test_a_deletion_carries_the_time_stamp_of_that_moment(desk: Desk) -> None:
    ref = desk.create()
    desk.sandbox.advance(5)
    desk.sandbox.call("PUT", f"yonbip/purchase/{ref.internal_id}", {"memo": "改"})
    (kept,) = desk.kept()
    desk.act("delete", ref)
    assert desk.sent(DELETE) == [{"data": [{"id": int(ref.internal_id), "pubts": kept["pubts"]}]}]


def test_a_deletion_may_go_to_the_other_path(desk: Desk) -> None:
    desk.site = desk.connect(purchase_delete_path="/yonbip/scm/purchaseorder/batchdelete")
    desk.act("delete", desk.create())
    assert desk.sandbox.count("*/purchaseorder/batchdelete") == 1
    assert desk.kept() == []


def test_an_order_that_is_approved_is_not_deleted(desk: Desk) -> None:
    ref = desk.create()
    desk.act("audit", ref)
    (refused,) = desk.act("delete", ref)
    assert isinstance(refused, exc.Rejected)
    assert "删除失败" in refused.message


def test_an_order_that_somebody_changes_meanwhile_is_a_conflict(desk: Desk) -> None:
    ref = desk.create()
    exchange = deleter(purchases.KIND)(desk.site, WriteItem(mark=MARK, ref=ref))

    def meanwhile() -> Any:
        """Change the order after it was read, before the deletion is sent."""
        step = next(exchange)
        turn = 0
        while True:
            answer = yield step
            turn += step.__class__.__name__ == "Request"
            if turn == 1:
                desk.sandbox.advance(5)
                desk.sandbox.call("PUT", f"yonbip/purchase/{ref.internal_id}", {"memo": "改"})
            try:
                step = exchange.send(answer)
            except StopIteration as done:
                return done.value

    with pytest.raises(exc.Conflict) as told:
        desk.run(meanwhile())
    assert told.value.landed == "no"
    assert len(desk.kept()) == 1


@pytest.mark.parametrize(
    ("kind", "raw", "lifecycle", "approval"),
    [
        (purchases.KIND, {"status": "7"}, "unknown", "unknown"),
        (purchases.KIND, {"status": "0", "verifystate": "9"}, "draft", "unknown"),
        (purchases.KIND, {"status": 2}, "closed", "approved"),
        (sales.KIND, {"nextStatus": "NEUES", "status": 1}, "unknown", "approved"),
        (sales.KIND, {"nextStatus": "OPPOSE", "status": 0}, "cancelled", "none"),
        (sales.KIND, {"nextStatus": "ENDORDER", "status": 1, "verifystate": 2}, "closed", "approved"),
    ],
)
def test_words_of_states(kind: Any, raw: dict[str, Any], lifecycle: str, approval: str) -> None:
    state = state_of(raw, kind.axes, NOW)
    assert (str(state.lifecycle), str(state.approval)) == (lifecycle, approval)


@pytest.mark.parametrize(
    ("lines", "fulfilment"),
    [
        ([{"inWHStatus": "2"}, {"inWHStatus": "2"}], "none"),
        ([{"inWHStatus": "2"}, {"inWHStatus": "1"}], "partial"),
        ([{"inWHStatus": "1"}, {"inWHStatus": "4"}], "complete"),
        ([{"inWHStatus": "3"}], "partial"),
        ([{"inWHStatus": "8"}], "unknown"),
    ],
)
def test_what_has_arrived_is_told_by_the_lines(lines: list[Any], fulfilment: str) -> None:
    raw = {"status": "1", "purchaseOrders": lines}
    assert str(state_of(raw, purchases.KIND.axes, NOW).fulfilment) == fulfilment


class Clerk:
    """A desk with a ledger."""

    def __init__(self, desk: Desk, home: Path) -> None:
        self.desk, self.now = desk, datetime.now(UTC)
        url = new_ledger(home / "ledger.sqlite")
        self.ledger = Ledger.open(url, keys=[Fernet.generate_key()], clock=lambda: self.now)
        self.system = System(
            replace(desk.site, instance=""), ledger=self.ledger, tokens=LedgerTokens(self.ledger)
        )

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def act(self, purpose: str, ref: DocumentRef) -> WriteOutcome:
        key = IntentKey(
            target_instance=TENANT,
            target_type=PURCHASE,
            source_instance="erp",
            source_type=PURCHASE,
            source_number=ref.internal_id,
            purpose=purpose,
        )
        writer = Writer(
            self.ledger,
            self.system.site,
            self.system.run_many,
            owner="test",
            sleep=self.wait,
            clock=lambda: self.now,
        )
        (outcome,) = writer.write([WriteRequest(key=key, content_hash="c", ref=ref, reference=ref.number)])
        return outcome


@pytest.fixture
def clerk(desk: Desk, tmp_path: Path) -> Iterator[Clerk]:
    clerk = Clerk(desk, tmp_path)
    yield clerk
    clerk.system.close()


def test_a_deletion_is_done_once_and_stays_done(clerk: Clerk) -> None:
    ref = clerk.desk.create()
    first, again = clerk.act("delete", ref), clerk.act("delete", ref)
    assert (first.status, again.status) == ("written", "existing")
    assert first.reading is not None
    assert str(first.reading.state.lifecycle) == "cancelled"
    assert clerk.desk.sandbox.count(DELETE) == 1


@pytest.mark.parametrize("fault", ["reply_lost", "error_after", "malformed"])
def test_a_deletion_in_doubt_is_found_by_the_next_run(clerk: Clerk, fault: Fault) -> None:
    ref = clerk.desk.create()
    clerk.desk.sandbox.fault(FaultRule(fault, path=DELETE))
    first = clerk.act("delete", ref)
    assert first.status == "found" or (first.error is not None and first.error.landed == "unknown")
    clerk.wait(30)
    assert clerk.act("delete", ref).status in ("found", "existing")
    assert clerk.desk.sandbox.count(DELETE) == 1
