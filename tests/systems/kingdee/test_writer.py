"""The write-once protocol with a ledger, against Kingdee's own ways of leaving a write in doubt."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.coverage import entry_of
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, content_hash
from airflow_provider_docflow.hooks.plans import plans_for
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import IntentKey
from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest
from airflow_provider_docflow.ledger.revocations import UNAPPROVED
from airflow_provider_docflow.ledger.writer import Writer
from airflow_provider_docflow.sandbox.faults import Fault, FaultRule
from tests.rigs.ledgers import new_ledger
from tests.systems.kingdee.conftest import MODEL, ORDER, Kingdee, line, order

_SERIAL = itertools.count(1)
A_LEASE = 300.0


class Clerk:
    """Writes through a ledger; its time passes only when somebody waits."""

    def __init__(self, kingdee: Kingdee, home: Path) -> None:
        self.kingdee, self.now, self.home = kingdee, datetime.now(UTC), home
        url = new_ledger(home / "ledger.sqlite")
        self.ledger = Ledger.open(url, keys=[Fernet.generate_key()], clock=lambda: self.now)
        site = kingdee.site()
        self.ledger.instances.bind(site.conn_id, site.instance, site.profile.name)

    def write(self, site: Site, *requests: WriteRequest) -> list[WriteOutcome]:
        system = System(site, ledger=self.ledger)
        writer = Writer(
            self.ledger,
            site,
            system.run_many,
            owner="test",
            sleep=self.wait,
            clock=lambda: self.now,
        )
        try:
            return writer.write(requests)
        finally:
            system.close()

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def request(self, document: Document, number: str = "") -> WriteRequest:
        number = number or f"PR-{next(_SERIAL)}"
        digest = content_hash(document)
        return WriteRequest(
            key=_key("create", number), content_hash=digest, document=document, reference=number
        )

    def until_done(self, site: Site, request: WriteRequest) -> WriteOutcome:
        """Write as a task and its retries do."""
        for _ in range(5):
            (outcome,) = self.write(site, request)
            if outcome.error is None:
                return outcome
            assert isinstance(outcome.error, exc.TransientError), outcome.error
            self.wait(A_LEASE)
        raise AssertionError("five tries and no end")

    def act(self, purpose: str, ref: DocumentRef, **arguments: Any) -> WriteRequest:
        key = _key(purpose, ref.internal_id)
        return WriteRequest(key=key, content_hash="c", ref=ref, arguments=arguments, reference=ref.number)


def _key(purpose: str, number: str) -> IntentKey:
    return IntentKey(
        target_instance="67bd0000000001",
        target_type=ORDER,
        source_instance="oa",
        source_type="purchase_requisition",
        source_number=number,
        purpose=purpose,
    )


@pytest.fixture
def clerk(kingdee: Kingdee, tmp_path: Path) -> Iterator[Clerk]:
    made = Clerk(kingdee, tmp_path)
    yield made
    made.ledger.close()


@pytest.mark.parametrize("fault", ["reply_lost", "error_after", "malformed", "error_before"])
def test_every_step_of_a_chain_converges_and_happens_once(clerk: Clerk, fault: Fault) -> None:
    site = clerk.kingdee.site()
    for method in ("Save", "Submit", "Audit"):
        clerk.kingdee.sandbox.fault(FaultRule(fault, path=f"*.{method}.common.kdsvc"))
    request = clerk.request(order())
    made = clerk.until_done(site, request)
    assert made.receipt is not None
    for purpose in ("submit", "audit"):
        clerk.until_done(site, clerk.act(purpose, made.receipt.ref))
    bill = clerk.kingdee.bill(made.receipt.ref)

    assert bill["status"] == "C"
    assert [one["number"] for one in clerk.kingdee.bills()].count(bill["number"]) == 1
    sent = {
        name: clerk.kingdee.sandbox.count(f"*.{name}.common.kdsvc") for name in ("Save", "Submit", "Audit")
    }
    assert set(sent.values()) == {2 if fault == "error_before" else 1}


@pytest.mark.parametrize("fault", ["reply_lost", "error_after", "malformed"])
def test_a_batch_in_doubt_is_found_document_by_document(clerk: Clerk, fault: Fault) -> None:
    clerk.kingdee.set(disabled=["P-GONE"])
    site = clerk.kingdee.site()
    clerk.kingdee.sandbox.fault(FaultRule(fault, path="*.BatchSave.*"))
    bad = order(line(1, item_id="P-GONE"))
    requests = [clerk.request(document) for document in (order(), bad, order(), order())]
    before = len(clerk.kingdee.bills())
    first = clerk.write(site, *requests)
    assert all(isinstance(one.error, exc.UnknownOutcome) for one in first)
    for _ in range(3):
        clerk.wait(A_LEASE)
        outcomes = clerk.write(site, *requests)

    assert [outcome.error is None for outcome in outcomes] == [True, False, True, True]
    assert isinstance(outcomes[1].error, exc.PermanentError)
    assert len(clerk.kingdee.bills()) - before == 3


def test_an_audit_that_somebody_took_back_is_not_repeated(clerk: Clerk) -> None:
    site = clerk.kingdee.site()
    made = clerk.until_done(site, clerk.request(order()))
    assert made.receipt is not None
    ref = made.receipt.ref
    for purpose in ("submit", "audit"):
        clerk.until_done(site, clerk.act(purpose, ref))
    clerk.kingdee.press(ref, "unaudit")
    (again,) = clerk.write(site, clerk.act("audit", ref))

    assert again.error is not None and again.error.incident
    assert clerk.kingdee.bill(ref)["status"] == "D"
    assert clerk.kingdee.sandbox.count("*.Audit.*") == 1


@pytest.mark.parametrize("back_to", ["D", "B"])
def test_an_unaudit_reaches_what_was_made_of_the_order(clerk: Clerk, back_to: str) -> None:
    kingdee, site = clerk.kingdee, clerk.kingdee.site()
    kingdee.set(unaudit_to=back_to)
    ref = kingdee.enter(MODEL, status="C")
    audited = kingdee.read(site, ref)
    assert audited.document is not None
    clerk.ledger.documents.upsert([entry_of(audited)])
    (plan,) = plans_for(audited, "supplier_invoice")
    invoice = clerk.until_done(site, plan.request(site.instance))
    assert invoice.receipt is not None
    kingdee.press(ref, "unaudit")
    clerk.ledger.documents.upsert([entry_of(kingdee.read(site, ref))])

    (held,) = clerk.ledger.incidents.search(code=UNAPPROVED)
    assert held.document_number == invoice.receipt.ref.number
    assert audited.ref.number in held.reason


def test_an_action_that_changed_nothing_is_an_incident(clerk: Clerk) -> None:
    site = clerk.kingdee.site()
    made = clerk.until_done(site, clerk.request(order()))
    assert made.receipt is not None
    clerk.kingdee.set(silent=["Submit"])
    (outcome,) = clerk.write(site, clerk.act("submit", made.receipt.ref))
    assert outcome.error is not None and outcome.error.incident


def test_a_total_that_kingdee_computes_otherwise_is_an_incident(clerk: Clerk) -> None:
    """The tenant's form adds a tax that the document does not have."""
    site = clerk.kingdee.site(forms={ORDER: {"line_fixed": {"FEntryTaxRate": 13}}})
    (outcome,) = clerk.write(site, clerk.request(order().totalled()))
    assert outcome.error is not None and outcome.error.incident
    assert "227.14" in outcome.error.message and "201" in outcome.error.message


def test_a_deleted_document_is_not_written_again(clerk: Clerk) -> None:
    site = clerk.kingdee.site()
    request = clerk.request(order())
    made = clerk.until_done(site, request)
    assert made.receipt is not None
    clerk.kingdee.press(made.receipt.ref, "delete")
    (again,) = clerk.write(site, request)
    assert again.error is not None and again.error.incident
    assert clerk.kingdee.sandbox.count("*.Save.*") == 1


@pytest.mark.parametrize("fault", ["reply_lost", "error_before"])
def test_a_lost_deletion_is_done_once_it_is_not_found(clerk: Clerk, fault: Fault) -> None:
    site = clerk.kingdee.site()
    made = clerk.until_done(site, clerk.request(order()))
    assert made.receipt is not None
    clerk.kingdee.sandbox.fault(FaultRule(fault, path="*.Delete.*"))
    clerk.until_done(site, clerk.act("delete", made.receipt.ref))
    again = clerk.until_done(site, clerk.act("delete", made.receipt.ref))

    assert again.status == "existing"
    assert made.receipt.ref.number not in [one["number"] for one in clerk.kingdee.bills()]
    assert clerk.kingdee.sandbox.count("*.Delete.*") == (1 if fault == "reply_lost" else 2)


@pytest.mark.parametrize("fault", ["reply_lost", "error_before"])
def test_a_lost_push_is_not_sent_a_second_time_on_a_guess(clerk: Clerk, fault: Fault) -> None:
    site = clerk.kingdee.site(forms={ORDER: {"joined_field": "FBaseJoinQty"}})
    made = clerk.until_done(site, clerk.request(order()))
    assert made.receipt is not None
    ref = made.receipt.ref
    for press in ("submit", "audit"):
        clerk.kingdee.press(ref, press)
    clerk.kingdee.sandbox.fault(FaultRule(fault, path="*.Push.*"))
    before = len(clerk.kingdee.bills("STK_InStock"))
    request = clerk.act("push", ref, rule_id="PUR_PurchaseOrder-STK_InStock")
    outcomes = []
    for _ in range(4):
        outcomes += clerk.write(site, request)
        clerk.wait(A_LEASE)

    assert clerk.kingdee.sandbox.count("*.Push.*") == 1
    landed = fault == "reply_lost"
    assert len(clerk.kingdee.bills("STK_InStock")) - before == int(landed)
    last = outcomes[-1].error
    assert last is None if landed else last is not None and last.incident
