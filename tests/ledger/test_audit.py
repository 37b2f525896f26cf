from __future__ import annotations

import re

import pytest
from sqlalchemy import delete, select, update

from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.audit import Event
from airflow_provider_docflow.ledger.models.writes import audit_chain, audit_event
from tests.ledger.samples import Clock


def filled(ledger: Ledger, clock: Clock) -> None:
    for number in range(4):
        clock.forward(1)
        ledger.audit.append("c", "kind", {"n": number, "name": "Émilie"})
    ledger.audit.append("other", "kind", None)


def row(ledger: Ledger, sequence: int) -> dict[str, object]:
    query = select(audit_event).where(audit_event.c.chain == "c", audit_event.c.sequence == sequence)
    with ledger.transaction() as tx:
        return dict(tx.execute(query).mappings().one())


def tamper(ledger: Ledger, event: int, /, **values: object) -> None:
    which = (audit_event.c.chain == "c") & (audit_event.c.sequence == event)
    with ledger.transaction() as tx:
        assert tx.execute(update(audit_event).where(which).values(**values)).rowcount == 1


def test_a_chain_tells_what_happened_in_order(ledger: Ledger, clock: Clock) -> None:
    filled(ledger, clock)
    events = ledger.audit.events("c")
    assert [(event.sequence, event.kind, event.payload["n"]) for event in events] == [
        (n + 1, "kind", n) for n in range(4)
    ]
    assert [event.at for event in events] == sorted(event.at for event in events) and events[
        -1
    ].at == clock.now
    assert ledger.audit.verify("c").ok and ledger.audit.verify("c").events == 4
    assert ledger.audit.verify_all() == [] and ledger.audit.verify("nothing").ok


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"kind": "other"}, "event 2 .* was changed"),
        ({"payload_digest": "0" * 64}, "event 2 .* was changed"),
        ({"sequence": 9}, "stands where event 2"),
        ({"payload": None}, "lost its payload without a tombstone"),
    ],
)
def test_a_changed_event_is_found(
    ledger: Ledger, clock: Clock, values: dict[str, object], problem: str
) -> None:
    filled(ledger, clock)
    tamper(ledger, 2, **values)
    checked = ledger.audit.verify("c")
    assert not checked.ok and any(re.search(problem, one) for one in checked.problems)
    assert [one.chain for one in ledger.audit.verify_all()] == ["c"]


def test_a_moved_moment_is_found(ledger: Ledger, clock: Clock) -> None:
    filled(ledger, clock)
    tamper(ledger, 2, at=clock.forward(100))
    assert not ledger.audit.verify("c").ok


def test_an_exchanged_payload_is_found(ledger: Ledger, clock: Clock) -> None:
    filled(ledger, clock)
    tamper(ledger, 2, payload=row(ledger, 3)["payload"])
    assert "another payload" in ledger.audit.verify("c").problems[0]


def test_a_payload_encrypted_by_a_stranger_is_found(ledger: Ledger, clock: Clock) -> None:
    filled(ledger, clock)
    tamper(ledger, 2, payload="gAAAAAB")
    assert "no key opens" in ledger.audit.verify("c").problems[0]


@pytest.mark.parametrize("sequence", [1, 2, 4])
def test_a_missing_event_is_found_at_the_end_too(ledger: Ledger, clock: Clock, sequence: int) -> None:
    filled(ledger, clock)
    which = (audit_event.c.chain == "c") & (audit_event.c.sequence == sequence)
    with ledger.transaction() as tx:
        tx.execute(delete(audit_event).where(which))
    assert not ledger.audit.verify("c").ok


def test_a_missing_chain_is_found_on_either_side(ledger: Ledger, clock: Clock) -> None:
    filled(ledger, clock)
    with ledger.transaction() as tx:
        tx.execute(delete(audit_event).where(audit_event.c.chain == "c"))
        tx.execute(delete(audit_chain).where(audit_chain.c.chain == "other"))
    assert [one.chain for one in ledger.audit.verify_all()] == ["c", "other"]


def test_a_rewritten_chain_is_found_by_its_head(ledger: Ledger, clock: Clock) -> None:
    filled(ledger, clock)
    with ledger.transaction() as tx:
        tx.execute(update(audit_chain).where(audit_chain.c.chain == "c").values(head="f" * 64))
    assert "not where its head says" in ledger.audit.verify("c").problems[0]


def test_a_purged_chain_still_holds(ledger: Ledger, clock: Clock) -> None:
    filled(ledger, clock)
    assert ledger.audit.purge("c", before=clock.now, actor="eve") == 3
    events = ledger.audit.events("c")
    assert [event.payload and event.payload.get("n") for event in events][:4] == [None, None, None, 3]
    assert events[0].purged_at == clock.now
    assert (events[-1].kind, events[-1].payload["by"]) == ("purged", "eve")
    assert ledger.audit.verify("c").ok and ledger.audit.verify_all() == []
    assert row(ledger, 1)["payload"] is None
    tamper(ledger, 1, kind="other")
    assert not ledger.audit.verify("c").ok, "a tombstone proves as much as the event did"


def test_purging_what_is_not_there_says_nothing(ledger: Ledger, clock: Clock) -> None:
    filled(ledger, clock)
    assert ledger.audit.purge("c", before=clock.now.replace(year=2000), actor="eve") == 0
    assert ledger.audit.verify("c").events == 4


def test_an_event_goes_with_what_it_tells(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(RuntimeError), ledger.transaction() as tx:
        ledger.audit.append("c", "kind", {}, tx=tx)
        raise RuntimeError
    assert ledger.audit.events("c") == []


def test_equal_payloads_have_different_digests(ledger: Ledger, clock: Clock) -> None:
    ledger.audit.append_many([Event("c", "kind", "the same"), Event("c", "kind", "the same")])
    assert row(ledger, 1)["payload_digest"] != row(ledger, 2)["payload_digest"]


@pytest.mark.parametrize(
    ("chain", "payload"), [("", {}), ("x" * 121, {}), ("c", object()), ("c", {"a": float("nan")})]
)
def test_what_cannot_be_recorded_is_refused(ledger: Ledger, chain: str, payload: object) -> None:
    with pytest.raises(InvalidDocument):
        ledger.audit.append(chain, "kind", payload)
