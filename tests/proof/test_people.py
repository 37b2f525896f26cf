"""What people do at the target, at the source and to the connection while nobody looks."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import Any

import pytest

from airflow_provider_docflow.exceptions import InstanceChanged
from tests.proof.cases import failure_case
from tests.proof.child import Child
from tests.proof.conftest import Erp
from tests.proof.traps import KILL
from tests.proof.world import World, requisition

CREATE = "/erp/purchase_order {"


@failure_case(
    "A person cancels the order at the target",
    does="cancels the order behind docflow's back; the task is cleared and runs again, twice.",
    expected="an incident target.cancelled; no second order",
    shows="exactly once does not mean again",
)
def test_cancelled_there(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-cancelled"
    with world.open() as session:
        sources = session.enter(requisition(number))
        session.create(sources)
        erp.change(erp.of(number)[0], status="cancelled")
        again = [session.create(sources)[0] for _ in range(2)]
        incidents = session.incidents()

    assert [one.error["type"] for one in again] == ["IncidentOpen", "IncidentOpen"]
    assert len(erp.of(number)) == 1
    assert incidents == [("target.cancelled", number)]


@failure_case(
    "The worker dies, and a person cancels the order before the retry",
    does="kill -9 when the bytes of the create are out; the order is cancelled at the target; the "
    "flow runs again.",
    expected="an incident target.cancelled; the cancelled order is not taken for the wanted one, "
    "none is added",
    shows="a probe judges what it finds",
)
def test_killed_and_cancelled_there(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-killed-cancelled"
    with world.open() as session:
        sources = session.enter(requisition(number))
    Child(world, "create", sources, {"at": "sent", "match": CREATE, "do": KILL}).killed()
    erp.quiet()
    erp.change(erp.of(number)[0], status="cancelled")
    with world.open(ahead=400) as session:
        outcomes = [session.create(sources)[0] for _ in range(2)]
        incidents = session.incidents()

    assert [one.status for one in outcomes] == ["failed", "failed"]
    assert len(erp.of(number)) == 1
    assert incidents == [("target.cancelled", number)]


@failure_case(
    "A person lets a cancelled order be created again",
    does="cancels the order at the target, raises the generation with a reason, and runs the flow twice.",
    expected="exactly one more order; both runs report it",
    shows="a person may decide what the protocol may not",
)
def test_created_again_by_a_person(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-recreate"
    with world.open() as session:
        sources = session.enter(requisition(number))
        session.create(sources)
        erp.change(erp.of(number)[0], status="cancelled")
        assert not session.create(sources)[0].good
        key = session.ledger.intents.find(source_number=number, purpose="create")[0].key
        session.ledger.intents.void(
            session.ledger.intents.find(source_number=number)[0].intent_id, "cancelled", actor="li.si"
        )
        session.ledger.intents.raise_generation(key, actor="li.si", reason="ordered after all")
        outcomes = [session.create(sources)[0] for _ in range(2)]

    assert [one.status for one in outcomes] == ["written", "existing"]
    assert [one["status"] for one in erp.of(number)] == ["cancelled", "draft"]


@failure_case(
    "A person takes back what an action did",
    does="docflow submits the order; somebody sets it back to draft; the task is cleared and runs again.",
    expected="an incident target.undone; the order is not submitted again by itself",
    shows="every axis may go backwards, and a person decides",
)
def test_undone_there(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-undone"
    with world.open() as session:
        sources = session.enter(requisition(number))
        session.create(sources, until="submitted")
        erp.change(erp.of(number)[0], status="draft")
        again = [session.create(sources, until="submitted")[0] for _ in range(2)]
        incidents = session.incidents()

    assert [one.error["code"] for one in again] == ["target.undone", "target.undone"]
    assert [one["status"] for one in erp.of(number)] == ["draft"]
    assert incidents == [("target.undone", number)]


@failure_case(
    "Somebody copies the order in the ERP, mark included",
    does="the reply of the create is lost and the worker dies; a person copies the order; the flow "
    "runs again.",
    expected="an incident write.found_twice that names both; nothing is sent",
    shows="more than one found is a person's to judge",
)
@pytest.mark.parametrize("quality", ["by search"], indirect=True)
def test_copied_there(world: World, erp: Erp, quality: str) -> None:
    number = "PR-copied"
    with world.open() as session:
        sources = session.enter(requisition(number))
    Child(world, "create", sources, {"at": "sent", "match": CREATE, "do": KILL}).killed()
    erp.quiet()
    _copy_in(world, erp, erp.of(number)[0])
    writes = erp.writes()
    with world.open(ahead=400) as session:
        outcome = session.create(sources)[0]
        incidents = session.incidents()

    assert outcome.error["code"] == "write.found_twice"
    assert all(one["number"] in outcome.error["message"] for one in erp.of(number))
    assert (len(erp.of(number)), erp.writes()) == (2, writes)
    assert incidents == [("write.found_twice", number)]


def _copy_in(world: World, erp: Erp, order: dict[str, Any]) -> None:
    import httpx2

    own = {"id", "type", "number", "status", "version", "created_at", "updated_at"}
    body = {name: value for name, value in order.items() if name not in own}
    key = world.targets["erp"]["settings"]["api_key"]
    answer = httpx2.post(
        f"{erp.sandbox.base_url}/erp/purchase_order", json=body, headers={"Authorization": f"Bearer {key}"}
    )
    assert answer.status_code == 201, answer.text


@failure_case(
    "The content changes after the order was written",
    does="changes the quantity of the requisition and runs again with on_change incident, amend and "
    "supersede.",
    expected="incident: the order stays and an incident source.changed; amend: the same order with the new "
    "total; supersede: the old one cancelled and one new",
    shows="changed content is never a silent second order, and never silently ignored",
)
@pytest.mark.parametrize("on_change", ["incident", "amend", "supersede"])
def test_changed_content(world: World, erp: Erp, quality: str, on_change: str) -> None:
    number = f"PR-{quality}-{on_change}"
    with world.open() as session:
        sources = session.enter(requisition(number))
        session.create(sources, on_change=on_change)
        _change_quantity(world, number)
        outcomes = [session.create(sources, on_change=on_change)[0] for _ in range(3)]
        incidents = session.incidents()

    found = [(one["status"], str(one["totals"]["payable"])) for one in erp.of(number)]
    statuses = [one.status for one in outcomes]
    if on_change == "incident":
        assert (found, incidents) == ([("draft", "100.51")], [("source.changed", number)])
        assert statuses == ["failed"] * 3
    elif on_change == "amend":
        assert (found, incidents) == ([("draft", "150.76")], [])
        assert statuses == ["amended", "existing", "existing"]
    else:
        assert (found, incidents) == ([("cancelled", "100.51"), ("draft", "150.76")], [])
        assert statuses == ["superseded", "existing", "existing"]


def _change_quantity(world: World, number: str) -> None:
    with closing(sqlite3.connect(f"{world.home}/oa.sqlite")) as connection:
        (key,) = connection.execute(
            "SELECT id FROM purchase_requisition WHERE number = ?", (number,)
        ).fetchone()
        lines = "UPDATE purchase_requisition_line SET quantity = 3, amount = '150.75' WHERE line_no = 1"
        connection.execute(f"{lines} AND purchase_requisition_id = ?", (key,))
        connection.execute("UPDATE purchase_requisition SET amount = '150.76' WHERE id = ?", (key,))
        connection.commit()


@failure_case(
    "The same number in two companies",
    does="two requisitions with one number, of two companies, written twice.",
    expected="two orders, each in its own company",
    shows="the company is part of the identity",
)
def test_one_number_in_two_companies(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-company"
    with world.open() as session:
        sources = session.enter(*(requisition(number, company_code=code) for code in ("C1", "C2")))
        session.create(sources)
        again = session.create(sources)

    assert sorted(one["company"] for one in erp.of(number)) == ["C1", "C2"]
    assert [one.handle and one.handle.ref.company_code for one in again] == ["C1", "C2"]


@failure_case(
    "A connection is renamed",
    does="writes through one connection, then runs the same flow through another one to the same instance.",
    expected="one order, reported as existing",
    shows="the instance is what the system says it is, never the connection's name",
)
def test_a_renamed_connection(world: World, erp: Erp, quality: str) -> None:
    number = f"PR-{quality}-renamed"
    world = world.with_target("erp_new", **erp.fields(quality))
    with world.open() as session:
        sources = session.enter(requisition(number))
        first = session.create(sources)[0]
        second = session.create(sources, "erp_new")[0]

    assert (first.status, second.status) == ("written", "existing")
    assert len(erp.of(number)) == 1


@failure_case(
    "A connection leads to another instance than before",
    does="writes through a connection, points it to another instance and runs the flow with one more "
    "requisition.",
    expected="InstanceChanged and an incident; no request that writes",
    shows="another tenant is refused until a person accepts it",
)
def test_a_repointed_connection(world: World, erp: Erp, quality: str) -> None:
    numbers = [f"PR-{quality}-repointed-{n}" for n in (1, 2)]
    with world.open() as session:
        sources = session.enter(*(requisition(number) for number in numbers))
        session.create(sources[:1])
    writes = erp.writes()
    with world.with_target("erp", **erp.fields(quality, "erp-2")).open() as session:
        with pytest.raises(InstanceChanged):
            session.create(sources)
        incidents = session.incidents()

    assert erp.writes() == writes
    assert incidents == [("instance_changed", "erp")]


@failure_case(
    "One document of a batch is bad",
    does="writes three requisitions in one batch; the company of the second does not exist at the target.",
    expected="two orders and one incident with the ERP's own code; a second run adds nothing",
    shows="a refusal stops one document, not its neighbours",
)
def test_one_bad_document(world: World, erp: Erp, quality: str) -> None:
    numbers = [f"PR-{quality}-batch-{n}" for n in (1, 2, 3)]
    codes = ("C1", "NOWHERE", "C1")
    with world.open() as session:
        sources = session.enter(
            *(requisition(number, company_code=code) for number, code in zip(numbers, codes, strict=True))
        )
        first = session.create(sources)
        second = session.create(sources)
        incidents = session.incidents()

    assert [one.status for one in first] == ["written", "failed", "written"]
    assert [one.status for one in second] == ["existing", "failed", "existing"]
    assert first[1].error["code"] == "unknown_company"
    assert [len(erp.of(number)) for number in numbers] == [1, 0, 1]
    assert [number for _, number in incidents] == [numbers[1]]
