"""The write-once protocol with a ledger, against DingTalk's own ways of leaving a write in doubt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_docflow.document import content_hash
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.tokens import LedgerTokens
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.writer import Writer
from airflow_provider_docflow.sandbox.faults import Fault, FaultRule
from tests.rigs.ledgers import new_ledger
from tests.systems.dingtalk.conftest import CORP, TYPE, Desk, values
from tests.systems.oa import requisition

CREATE = "/dingtalk/v1.0/workflow/processInstances"


class Clerk:
    def __init__(self, desk: Desk, home: Path) -> None:
        self.desk, self.now = desk, datetime.now(UTC)
        url = new_ledger(home / "ledger.sqlite")
        self.ledger = Ledger.open(url, keys=[Fernet.generate_key()], clock=lambda: self.now)
        self.system = System(
            replace(desk.site, instance=""), ledger=self.ledger, tokens=LedgerTokens(self.ledger)
        )

    def write(self, *requests: WriteRequest) -> list[WriteOutcome]:
        site = self.system.site
        run = self.system.run_many
        writer = Writer(self.ledger, site, run, owner="test", sleep=self.wait, clock=lambda: self.now)
        return writer.write(requests)

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def create(self, *numbers: str) -> list[WriteOutcome]:
        return self.write(*(self.request(number) for number in numbers))

    def request(self, number: str) -> WriteRequest:
        document = requisition(number)
        key = self.key("create", number)
        return WriteRequest(key=key, content_hash=content_hash(document), document=document, reference=number)

    def act(self, purpose: str, ref: Any, **arguments: Any) -> WriteOutcome:
        key = self.key(purpose, ref.internal_id)
        (outcome,) = self.write(
            WriteRequest(key=key, content_hash="c", ref=ref, arguments=arguments, reference=ref.number)
        )
        return outcome

    @staticmethod
    def key(purpose: str, number: str) -> IntentKey:
        return IntentKey(
            target_instance=CORP,
            target_type=TYPE,
            source_instance="erp",
            source_type=TYPE,
            source_number=number,
            purpose=purpose,
        )


@pytest.fixture
def clerk(sandbox: Any, code: str, tmp_path: Path) -> Iterator[Clerk]:
    clerk = Clerk(Desk(sandbox, "sync", code), tmp_path)
    yield clerk
    clerk.system.close()


def test_a_batch_is_started_once_whatever_runs_again(clerk: Clerk) -> None:
    numbers = [f"PR-{n}" for n in range(40)]
    first, again = clerk.create(*numbers), clerk.create(*numbers)
    assert {outcome.status for outcome in first} == {"written"}
    assert {outcome.status for outcome in again} == {"existing"}
    assert len(clerk.desk.sandbox.instances()) == 40
    assert clerk.desk.sandbox.count("*oauth2/accessToken") == 1


@pytest.mark.parametrize("fault", ["reply_lost", "error_after", "malformed"])
def test_a_start_in_doubt_is_found_by_the_next_run(clerk: Clerk, fault: Fault) -> None:
    clerk.desk.sandbox.fault(FaultRule(fault, method="POST", path=CREATE))
    (first,) = clerk.create("PR-1")
    assert first.error is not None
    assert first.error.landed == "unknown"
    (second,) = clerk.create("PR-1")
    assert second.status == "found"
    assert second.reading is not None
    assert second.reading.ref.number == "PR-1"
    assert [outcome.status for outcome in clerk.create("PR-1")] == ["existing"]
    assert clerk.desk.sandbox.count(CREATE, method="POST") == 1


def test_a_start_that_cannot_be_found_goes_to_a_person_and_is_never_sent_again(clerk: Clerk) -> None:
    clerk.desk.sandbox.fault(FaultRule("cut", method="POST", path=CREATE))
    incidents = []
    for _ in range(4):
        (outcome,) = clerk.create("PR-1")
        assert outcome.status == "failed"
        assert outcome.error is not None
        incidents.append(outcome.error.incident)
        clerk.wait(61)
    # DingTalk's search may lag: it is given its time before a person is asked.
    assert incidents[0] is None
    assert incidents[-1] is not None
    assert clerk.desk.sandbox.count(CREATE, method="POST") == 1


def test_a_start_that_was_turned_away_is_sent_by_the_next_run(clerk: Clerk) -> None:
    clerk.desk.sandbox.fault(FaultRule("rate_limited", method="POST", path=CREATE))
    (first,) = clerk.create("PR-1")
    assert first.error is not None
    assert first.error.landed == "no"
    assert [outcome.status for outcome in clerk.create("PR-1")] == ["written"]
    assert len(clerk.desk.sandbox.instances()) == 1


@pytest.mark.parametrize("fault", ["reply_lost", "error_after", "malformed"])
def test_a_comment_in_doubt_is_said_once(clerk: Clerk, fault: Fault) -> None:
    (ref,) = clerk.desk.submit(values())
    clerk.desk.sandbox.fault(FaultRule(fault, path="*/comments"))
    assert clerk.act("comment", ref, text="x").status == "found"
    assert clerk.act("comment", ref, text="x").status == "existing"
    records = clerk.desk.sandbox.instance(ref.internal_id)["records"]
    assert len([record for record in records if record["type"] == "ADD_REMARK"]) == 1


def test_a_withdrawal_is_final_and_repeats_as_done(clerk: Clerk) -> None:
    (ref,) = clerk.desk.submit(values())
    clerk.desk.sandbox.advance(16)
    assert clerk.act("withdraw", ref).status == "written"
    assert clerk.act("withdraw", ref).status == "existing"


def test_a_document_that_was_withdrawn_in_the_oa_is_not_started_again(clerk: Clerk) -> None:
    (first,) = clerk.create("PR-1")
    assert first.receipt is not None
    clerk.desk.sandbox.decide(first.receipt.ref.internal_id, "terminate")
    (second,) = clerk.create("PR-1")
    assert second.error is not None
    assert second.error.incident is not None
    assert len(clerk.desk.sandbox.instances()) == 1
