"""The same promise through the writer and a ledger: whatever goes wrong, retries end with one document."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import WriteItem
from airflow_provider_docflow.document import content_hash
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.writer import Writer
from tests.contract.stands import Stand
from tests.rigs.ledgers import new_ledger

_SERIAL = itertools.count(1)
LANDED = ("written", "found", "existing")
NEVER_LANDED = ("cut", "error_before")
A_LEASE = 300.0


class Clerk:
    """Writes through a ledger; its time and the system's pass together, and only when somebody waits."""

    def __init__(self, stand: Stand, home: Path) -> None:
        self.stand, self.now = stand, datetime.now(UTC)
        url = new_ledger(home / "ledger.sqlite")
        self.ledger = Ledger.open(url, keys=[Fernet.generate_key()], clock=self.clock)
        self.ledger.instances.bind(stand.site.conn_id, stand.site.instance, stand.site.profile.name)

    def clock(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.stand.wait(seconds)

    def write(self, requests: list[WriteRequest]) -> list[WriteOutcome]:
        """Write as one try of a task does: a process of its own."""
        system = System(self.stand.site, ledger=self.ledger, sql=self.stand.sql, tokens=self.stand.tokens)
        writer = Writer(
            self.ledger, self.stand.site, system.run_many, owner="contract", sleep=self.wait, clock=self.clock
        )
        try:
            return writer.write(requests)
        finally:
            system.close()

    def request(self) -> WriteRequest:
        number = f"订单-W-{next(_SERIAL):05d}"
        document = self.stand.document(number)
        key = IntentKey(
            target_instance=self.stand.site.instance,
            target_type=self.stand.document_type,
            source_instance="oa:contract",
            source_type="purchase_requisition",
            source_number=number,
        )
        return WriteRequest(key=key, content_hash=content_hash(document), document=document, reference=number)

    def count(self, request: WriteRequest) -> int:
        write = self.stand.site.profile.write(self.stand.document_type, "create")
        return self.stand.count(WriteItem(mark=request.key.token(write.mark_length)))


@pytest.fixture
def clerk(stand: Stand, tmp_path: Path) -> Iterator[Clerk]:
    made = Clerk(stand, tmp_path)
    yield made
    made.ledger.close()


def test_retries_end_with_one_document(clerk: Clerk, subtests: pytest.Subtests) -> None:
    for fault, put_in_force in clerk.stand.faults.items():
        with subtests.test(fault=fault):
            clerk.stand.calm()
            request = clerk.request()
            put_in_force()
            outcome = _until_landed(clerk, request, fault)
            clerk.stand.settle()
            if outcome is None:
                (held,) = clerk.write([request])
                assert held.error is not None and held.error.incident
                assert clerk.count(request) == 0
                continue
            assert clerk.count(request) == 1
            (again,) = clerk.write([request])
            assert again.status == "existing" and again.receipt == outcome.receipt
            assert clerk.count(request) == 1


def _until_landed(clerk: Clerk, request: WriteRequest, fault: str) -> WriteOutcome | None:
    """Write as a task and its retries do; None where a person has to decide and nothing was sent again."""
    create = clerk.stand.site.profile.write(clerk.stand.document_type, "create")
    at_most_once = create.probe.guarantee == "guarantee.at_most_once_or_incident"
    in_doubt = False
    for _ in range(6):
        (outcome,) = clerk.write([request])
        if outcome.status in LANDED:
            assert not (at_most_once and in_doubt and outcome.status == "written"), "a second send on a guess"
            return outcome
        assert outcome.error is not None
        in_doubt |= outcome.error.landed == "unknown"
        if outcome.error.incident:
            assert at_most_once and fault in NEVER_LANDED, outcome.error
            return None
        assert isinstance(outcome.error, exc.TransientError), outcome.error
        clerk.wait(A_LEASE)
    raise AssertionError(f"six tries and no document: {outcome.error}")


def test_a_batch_with_a_bad_document(clerk: Clerk) -> None:
    requests = [clerk.request() for _ in range(5)]
    bad = clerk.stand.bad()
    assert bad.document is not None
    spoiled = WriteRequest(
        key=requests[2].key,
        content_hash=content_hash(bad.document),
        document=bad.document,
        reference=bad.reference,
    )
    requests[2] = spoiled
    outcomes = clerk.write(requests)
    assert [outcome.status for outcome in outcomes] == ["written", "written", "failed", "written", "written"]
    refused = outcomes[2].error
    assert isinstance(refused, exc.PermanentError) and refused.document and refused.incident
    assert [clerk.count(request) for request in requests] == [1, 1, 0, 1, 1]


def test_the_same_batch_again_in_another_order(clerk: Clerk) -> None:
    requests = [clerk.request() for _ in range(10)]
    first, second = clerk.write(requests), clerk.write(list(reversed(requests)))
    assert {outcome.status for outcome in first} == {"written"}
    assert {outcome.status for outcome in second} == {"existing"}
    assert [clerk.count(request) for request in requests] == [1] * 10
