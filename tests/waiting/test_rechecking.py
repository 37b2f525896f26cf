"""Approvals that were taken back when nobody waited for them any more."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from airflow_provider_docflow.approvals.coverage import entry_of
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import DocumentRef, DocumentState
from airflow_provider_docflow.hooks.approving import Approver
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.hooks.handles import Handle, Outcome
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.keys import LineUse
from airflow_provider_docflow.ledger.revocations import UNAPPROVED
from airflow_provider_docflow.operators.rechecking import RecheckApprovalsOperator
from tests.rigs.runner import Attempt, Runner, dag
from tests.waiting.oa import INSTANCE, MOMENT, TYPE, Oa


def recheck(runner: Runner, **more: Any) -> Attempt:
    with dag():
        task = RecheckApprovalsOperator(task_id="recheck", docflow_conn_id="oa", document_type=TYPE, **more)
    return runner.run(task)


def approved(oa: Oa, ledger: Ledger, *ids: str) -> None:
    """Let documents be approved in the OA, observed, and be made orders of."""
    refs = oa.enter(*ids)
    for one in ids:
        oa.decide(one)
    hook = DocflowHook("oa")
    Approver(ledger, lambda conn_id: hook.system, actor="flow").observe(
        [Handle(conn_id="oa", ref=ref) for ref in refs]
    )
    hook.system.close()
    for ref in refs:
        made = DocumentRef("erp", "", "purchase_order", f"o-{ref.number}", f"PO-{ref.number}")  # type: ignore[arg-type]
        state = DocumentState(lifecycle="active", approval="none", read_at=MOMENT)
        ledger.documents.upsert([entry_of(Reading(ref=made, state=state))])
        ledger.links.add(made, [LineUse(ref, "1", Decimal(1), Decimal(100), "fulfils")])
    oa.forget()


def held(ledger: Ledger) -> list[str]:
    return sorted(one.document_number for one in ledger.incidents.search(code=UNAPPROVED))


def handed_on(ledger: Ledger, attempt: Attempt) -> list[str]:
    items = ledger.batches.items(attempt.result["batch"])
    return sorted(Outcome.from_json(item.outcome).source for item in items if item.outcome)


def event(ledger: Ledger, one: str, number: int, document_type: str = TYPE) -> None:
    payload = {"document_type": document_type, "internal_id": one}
    ledger.inbox.put(INSTANCE, f"e-{number}", "changed", payload)


def test_a_revocation_is_found_though_nobody_waits(oa: Oa, ledger: Ledger, runner: Runner) -> None:
    approved(oa, ledger, "PR-1", "PR-2")
    assert recheck(runner).state == "skipped"
    oa.decide("PR-2", "revoked", lifecycle="cancelled")
    found = recheck(runner)
    assert found.state == "success", found.everything()
    assert handed_on(ledger, found) == ["PR-2"]
    assert held(ledger) == ["PO-PR-2"]
    # Once nobody is held for it, what is revoked is not asked for again.
    (one,) = ledger.incidents.search(code=UNAPPROVED)
    ledger.incidents.close(one.id, actor="anna", reason="the order was cancelled")
    oa.forget()
    assert recheck(runner).state == "skipped"
    assert oa.reads_of("PR-2") == 0
    assert oa.reads_of("PR-1") == 1


def test_an_un_audit_is_followed_until_the_document_is_audited_again(
    oa: Oa, ledger: Ledger, runner: Runner
) -> None:
    approved(oa, ledger, "PR-1")
    for word in ("revoked", "pending"):
        oa.change("PR-1", approval=word)
        assert handed_on(ledger, recheck(runner)) == ["PR-1"]
        assert held(ledger) == ["PO-PR-1"]
    oa.change("PR-1", approval="approved")
    assert recheck(runner).state == "skipped"
    assert held(ledger) == []


def test_what_is_in_question_is_looked_at_until_it_is_settled(oa: Oa, ledger: Ledger, runner: Runner) -> None:
    approved(oa, ledger, "PR-1")
    oa.change("PR-1", approval="pending")
    assert handed_on(ledger, recheck(runner)) == ["PR-1"]
    assert held(ledger) == ["PO-PR-1"]
    oa.change("PR-1", approval="approved")
    assert recheck(runner).state == "skipped"
    assert held(ledger) == []


def test_a_document_that_nobody_has_decided_on_is_none_of_its_business(
    oa: Oa, ledger: Ledger, runner: Runner
) -> None:
    approved(oa, ledger, "PR-1")
    (waiting,) = oa.enter("PR-2")
    state = DocumentState(lifecycle="submitted", approval="pending", read_at=MOMENT)
    ledger.documents.upsert([entry_of(Reading(ref=waiting, state=state))])
    assert recheck(runner).state == "skipped"
    assert oa.reads_of("PR-2") == 0


def test_events_come_first_and_each_once(oa: Oa, ledger: Ledger, runner: Runner) -> None:
    numbers = [f"PR-{n}" for n in range(6)]
    approved(oa, ledger, *numbers)
    recheck(runner, limit=3)
    oa.decide("PR-4", "revoked")
    oa.forget()
    event(ledger, "PR-4", 1)
    event(ledger, "PR-4", 2)
    event(ledger, "PR-3", 3, "payment_request")
    found = recheck(runner, limit=3)
    assert handed_on(ledger, found) == ["PR-4"]
    oa.forget()
    recheck(runner, limit=3)
    assert oa.reads_of("PR-4") == 0


def test_a_run_reads_those_that_were_not_read_for_longest(oa: Oa, ledger: Ledger, runner: Runner) -> None:
    numbers = [f"PR-{n}" for n in range(4)]
    approved(oa, ledger, *numbers)
    for _ in range(2):
        recheck(runner, limit=2)
    assert [oa.reads_of(one) for one in numbers] == [1, 1, 1, 1]


def test_an_id_of_the_systems_own_is_read_too(oa: Oa, ledger: Ledger, runner: Runner) -> None:
    """A revocation may be told under another id than the document's."""
    approved(oa, ledger, "PR-1")
    recheck(runner)
    oa.enter("ATTACHED-1")
    event(ledger, "ATTACHED-1", 1)
    event(ledger, "GONE-1", 2)
    oa.forget()
    assert recheck(runner).state == "skipped"
    assert oa.reads_of("ATTACHED-1") == 1


def test_a_system_that_does_not_answer_leaves_the_events_for_later(
    oa: Oa, ledger: Ledger, runner: Runner
) -> None:
    approved(oa, ledger, "PR-1")
    recheck(runner)
    oa.decide("PR-1", "revoked")
    event(ledger, "PR-1", 1)
    before = ledger.cursors.get(f"recheck:{INSTANCE}:{TYPE}")
    oa.fails_with = 401
    assert recheck(runner).state == "failed"
    assert ledger.cursors.get(f"recheck:{INSTANCE}:{TYPE}") == before
    oa.fails_with = None
    assert handed_on(ledger, recheck(runner)) == ["PR-1"]
    assert ledger.cursors.get(f"recheck:{INSTANCE}:{TYPE}").version == before.version + 1
