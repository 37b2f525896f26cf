from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.incidents import Category, NewIncident
from tests.ledger.samples import reserve, wanted

SOURCE = DocumentRef("oa-1", "C1", "purchase_requisition", "1", "PR-1")  # type: ignore[arg-type]


def held(ledger: Ledger, number: str = "PR-1", *, category: Category = "business rule") -> tuple[int, int]:
    """An intent that waits for a person, and its incident."""
    (one,) = reserve(ledger, wanted(number))
    new = NewIncident(category, "rule", "no", intent_id=one.intent_id, ref=SOURCE, document_number=number)
    incident = ledger.incidents.open(replace(new, group_key="erp-1|rule|"))
    ledger.intents.hold([(one.intent_id, one.lease_token, incident)])
    return one.intent_id, incident


def test_a_retried_incident_lets_its_write_continue_once(ledger: Ledger) -> None:
    intent, incident = held(ledger)
    ledger.desk.retry(incident, actor="alice", reason="corrected")
    assert ledger.intents.by_id(intent).status == "reserved"
    assert ledger.incidents.get(incident).status == "closed"
    told = [(one.event, one.actor, one.note) for one in ledger.incidents.history(incident)]
    assert told[1:] == [("retried", "alice", "corrected"), ("closed", "alice", "corrected")]
    (event,) = ledger.audit.events(f"incident:{incident}")
    assert (event.kind, event.payload["by"], event.payload["reason"]) == ("retried", "alice", "corrected")
    with pytest.raises(exc.Rejected, match="is closed"):
        ledger.desk.retry(incident, actor="bob", reason="me too")
    assert len(ledger.incidents.history(incident)) == 3


def test_two_people_at_once_decide_once(ledger: Ledger) -> None:
    intent, incident = held(ledger)
    ended: list[object] = []
    start = threading.Barrier(2)

    def decide(name: str) -> None:
        start.wait()
        try:
            ended.append(ledger.desk.retry(incident, actor=name, reason="now"))
        except exc.Rejected as error:
            ended.append(error)

    threads = [threading.Thread(target=decide, args=(name,)) for name in ("alice", "bob")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(isinstance(one, exc.Rejected) for one in ended) == [False, True], ended
    assert ledger.intents.by_id(intent).status == "reserved"
    assert [one.event for one in ledger.incidents.history(incident)] == ["opened", "retried", "closed"]


def test_a_group_continues_as_far_as_it_is_the_callers(ledger: Ledger) -> None:
    pairs = [held(ledger, f"PR-{number}") for number in range(5)]
    mine = {incident for _, incident in pairs[:3]}
    done = ledger.desk.retry_group("erp-1|rule|", actor="alice", reason="rule lifted", only=mine)
    assert {one.id for one in done.retried} == mine
    assert done.left == 2
    assert [ledger.intents.by_id(intent).status for intent, _ in pairs] == ["reserved"] * 3 + ["held"] * 2
    rest = ledger.desk.retry_group("erp-1|rule|", actor="alice", reason="rest", limit=1)
    assert (len(rest.retried), rest.left) == (1, 1)
    with pytest.raises(exc.NotFound):
        ledger.desk.retry_group("erp-1|rule|", actor="alice", reason="x", only=[])
    with pytest.raises(exc.NotFound):
        ledger.desk.retry_group("nothing", actor="alice", reason="x")


def test_an_incident_is_taken_on_and_given_back(ledger: Ledger) -> None:
    _, incident = held(ledger)
    desk = ledger.desk
    assert desk.assign(incident, assignee="bob", actor="alice", reason="knows it").assignee == "bob"
    assert desk.assign(incident, assignee="bob", actor="alice", reason="twice").assignee == "bob"
    assert [one.id for one in ledger.incidents.search(assignee="bob")] == [incident]
    assert desk.assign(incident, assignee="", actor="bob", reason="not mine").assignee == ""
    events = [(one.event, one.actor, one.note) for one in ledger.incidents.history(incident)]
    assert events[1:] == [("assigned", "alice", "bob: knows it"), ("assigned", "bob", "-: not mine")]
    desk.close(incident, actor="bob", reason="settled")
    with pytest.raises(exc.Rejected, match="is closed"):
        desk.assign(incident, assignee="bob", actor="alice", reason="late")


def test_a_closed_incident_whose_write_is_still_held_can_be_retried(ledger: Ledger) -> None:
    intent, incident = held(ledger)
    ledger.desk.close(incident, actor="bob", reason="not wanted any more")
    assert ledger.intents.by_id(intent).status == "held"
    with pytest.raises(exc.Rejected, match="is closed"):
        ledger.desk.close(incident, actor="bob", reason="again")
    ledger.desk.retry(incident, actor="alice", reason="wanted after all")
    assert ledger.intents.by_id(intent).status == "reserved"


def test_an_incident_of_control_is_not_closed_while_it_holds_a_write(ledger: Ledger) -> None:
    intent, incident = held(ledger, category="control")
    with pytest.raises(exc.Rejected, match="whose outcome a person has to settle"):
        ledger.desk.close(incident, actor="bob", reason="looks fine")
    assert ledger.incidents.get(incident).status == "open"
    ledger.desk.retry(incident, actor="bob", reason="looked at the target")
    assert ledger.intents.by_id(intent).status == "reserved"


def test_what_another_command_settles_is_not_closed(ledger: Ledger) -> None:
    blocked = ledger.instances.block("erp-1", actor="me", reason="looking")
    down = ledger.incidents.open(NewIncident("technical", "system_down", "no answer", instance_id="erp-1"))
    for incident in (blocked, down):
        for act in (ledger.desk.retry, ledger.desk.close):
            with pytest.raises(exc.Rejected, match="not settled by closing it"):
                act(incident, actor="me", reason="x")
    assert ledger.desk.assign(down, assignee="bob", actor="me", reason="on duty").assignee == "bob"
    ledger.instances.unblock("erp-1", actor="me", reason="looked")
    assert ledger.incidents.get(blocked).status == "closed"


@pytest.mark.parametrize(("actor", "reason"), [("", "why"), ("me", ""), ("me", " "), ("me", "x" * 2001)])
def test_nobody_acts_without_a_name_and_a_reason(sqlite_ledger: Ledger, actor: str, reason: str) -> None:
    ledger = sqlite_ledger
    _, incident = held(ledger)
    for act in (
        lambda: ledger.desk.retry(incident, actor=actor, reason=reason),
        lambda: ledger.desk.close(incident, actor=actor, reason=reason),
        lambda: ledger.desk.assign(incident, assignee="bob", actor=actor, reason=reason),
        lambda: ledger.desk.retry_group("erp-1|rule|", actor=actor, reason=reason),
    ):
        with pytest.raises(exc.InvalidDocument):
            act()
    assert [one.event for one in ledger.incidents.history(incident)] == ["opened"]


def test_the_task_that_met_the_incident_is_the_one_to_run_again(sqlite_ledger: Ledger) -> None:
    ledger = sqlite_ledger
    for dag_id, task_id, index in (("flow", "read", -1), ("flow", "orders", 3), ("other", "look", -1)):
        ledger.documents.touch([SOURCE], dag_id=dag_id, run_id="r1", task_id=task_id, map_index=index)
    met = NewIncident("data", "x", "why", ref=SOURCE, actor="flow.orders[3] in r1")
    one = ledger.incidents.get(ledger.incidents.open(met))
    touch = ledger.desk.last_touch(one)
    assert touch is not None
    assert (touch.dag_id, touch.task_id, touch.map_index) == ("flow", "orders", 3)
    unknown = ledger.incidents.get(ledger.incidents.open(NewIncident("data", "y", "why", ref=SOURCE)))
    assert ledger.desk.last_touch(unknown, dag_ids={"other"}).task_id == "look"  # type: ignore[union-attr]
    assert ledger.desk.last_touch(unknown, dag_ids=set()) is None
    assert ledger.desk.dag_ids(one.ref_key) == {"flow", "other"}


def test_the_lists_find_by_owner_assignee_and_group(ledger: Ledger) -> None:
    held(ledger, "PR-1")
    held(ledger, "PR-2", category="control")
    found = ledger.incidents.search(owner_role="controller")
    assert [one.document_number for one in found] == ["PR-2"]
    assert ledger.incidents.groups() == {"erp-1|rule|": 2}
