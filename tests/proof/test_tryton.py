"""The same failures in front of a real Tryton: orders to confirmed, supplier invoices to posted."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from airflow_provider_docflow.document import Document
from airflow_provider_docflow.hooks.handles import Handle
from airflow_provider_docflow.sandbox.client import SandboxClient
from airflow_provider_docflow.sandbox.faults import FaultRule
from tests.proof.cases import failure_case
from tests.proof.child import Child
from tests.proof.gateway import gateway
from tests.proof.traps import KILL
from tests.proof.world import World, requisition
from tests.rigs.tryton import TrytonRig

pytestmark = pytest.mark.system

ORDERS, INVOICES = "purchase.purchase", "account.invoice"
INVOICE = {"document_type": "supplier_invoice", "until": "posted"}
LATER = 900.0


@dataclass
class Truth:
    """Tryton as its own people see it, and the gateway in front of it."""

    rig: TrytonRig
    gate: SandboxClient

    @property
    def companies(self) -> list[str]:
        return [one["party."]["code"] for one in self.rig.find("company.company", [], ["party.code"])]

    def of(self, number: str, model: str = ORDERS) -> list[dict[str, Any]]:
        domain = ["OR", ["reference", "like", f"{number} [%"], ["description", "like", f"{number} [%"]]
        return self.rig.find(model, [domain], ["state", "reference", "description", "number"])

    def states(self, number: str, model: str = ORDERS) -> list[str]:
        return [one["state"] for one in self.of(number, model)]

    def press(self, model: str, button: str, one: dict[str, Any]) -> None:
        self.rig.rpc(f"model.{model}.{button}", [one["id"]])

    def fault(self, fault: str, method: str, **more: Any) -> None:
        self.gate.fault(FaultRule(fault, body=f'"model.{method}"', **more))  # type: ignore[arg-type]

    def quiet(self) -> None:
        while any(one["status"] is None and not one["fault"] for one in self.gate.requests()):
            time.sleep(0.02)

    def sends(self, method: str) -> int:
        return self.gate.count(body=f'"model.{method}"')

    def requisition(self, number: str, **more: Any) -> Document:
        made = requisition(number, issue_date=dt.date.today(), **{"company_code": self.companies[0], **more})
        lines = tuple(line.model_copy(update={"unit_code": "Unit"}) for line in made.lines)
        return made.model_copy(update={"lines": lines})


@pytest.fixture(scope="session")
def _gate(tryton: TrytonRig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxClient]:
    with gateway(tmp_path_factory.mktemp("gateway"), tryton.base_url) as client:
        yield client


@pytest.fixture
def truth(tryton: TrytonRig, _gate: SandboxClient) -> Iterator[Truth]:
    _gate.clear_faults()
    _gate.forget_requests()
    yield Truth(tryton, _gate)
    _gate.clear_faults()


@pytest.fixture
def world(home: World, truth: Truth) -> World:
    fields = {
        "kind": "tryton",
        "base_url": truth.gate.base_url,
        "username": "admin",
        "password": truth.rig.users["admin"]["password"],
        "database": truth.rig.db,
    }
    return home.with_target("erp", **fields)


Entered = Callable[..., list[Handle]]


@pytest.fixture
def enter(world: World, truth: Truth) -> Entered:
    def enter(*numbers: str) -> list[Handle]:
        with world.open() as session:
            return session.enter(*(truth.requisition(number) for number in numbers))

    return enter


STEPS = {
    "create": (f'"model.{ORDERS}.create"', 1),
    "submit": (f'"model.{ORDERS}.quote"', 2),
    "confirm": (f'"model.{ORDERS}.confirm"', 3),
}


@failure_case(
    "Tryton: the worker is killed in the middle of create, quote, confirm",
    does="kill -9 at each step of the chain, before the bytes, after the bytes, after the reply and "
    "before the "
    "receipt; another process runs the same flow.",
    expected="one confirmed purchase order in Tryton; no incident",
    shows="exactly once on a real ERP",
)
@pytest.mark.parametrize("moment", ["before", "sent", "after", "receipt"])
@pytest.mark.parametrize("step", STEPS)
def test_killed_in_an_order(world: World, truth: Truth, enter: Entered, step: str, moment: str) -> None:
    number, (match, receipt) = f"PR-T-{step}-{moment}", STEPS[step]
    sources = enter(number)
    trap = {"at": moment, "do": KILL} | ({"nth": receipt} if moment == "receipt" else {"match": match})

    Child(world, "create", sources, trap, until="confirmed").killed()
    truth.quiet()
    with world.open(ahead=LATER) as session:
        outcomes = session.create(sources, until="confirmed")
        incidents = session.incidents()

    assert outcomes[0].good, outcomes
    assert len(truth.of(number)) == 1
    assert truth.states(number)[0] in ("confirmed", "processing")
    assert incidents == []


@failure_case(
    "Tryton: the worker is killed in the middle of an invoice",
    does="from a confirmed order: kill -9 at the create and at the posting of the supplier invoice, "
    "at the same "
    "four moments; another process runs the same flow.",
    expected="one posted supplier invoice; no incident",
    shows="the accounting entry is made once",
)
@pytest.mark.parametrize("moment", ["before", "sent", "after", "receipt"])
@pytest.mark.parametrize("step", ["create", "post"])
def test_killed_in_an_invoice(world: World, truth: Truth, enter: Entered, step: str, moment: str) -> None:
    with world.open() as session:
        order = session.create(enter(f"PR-I-{step}-{moment}"), until="confirmed")[0]
    assert order.handle is not None, order
    name = order.handle.ref.number
    trap: dict[str, Any] = {"at": moment, "do": KILL}
    if moment == "receipt":
        trap["nth"] = 1 if step == "create" else 2
    else:
        trap["match"] = f'"model.{INVOICES}.{step}"'

    Child(world, "create", [order.handle], trap, **INVOICE).killed()
    truth.quiet()
    with world.open(ahead=LATER) as session:
        outcomes = session.create([order.handle], **INVOICE)
        incidents = session.incidents()

    assert outcomes[0].good, outcomes
    assert truth.states(name, INVOICES) == ["posted"]
    assert incidents == []


@failure_case(
    "Tryton: replies are lost, spoilt or late",
    does="the gateway in front of Tryton cuts the connection after the commit, answers 500 before "
    "and after it, "
    "spoils the reply, or commits 0.6 s after a 504; once at the create and once at the confirm.",
    expected="one confirmed purchase order; no incident",
    shows="the outcome is decided by what Tryton shows",
)
@pytest.mark.parametrize("fault", ["reply_lost", "error_before", "error_after", "malformed", "late_commit"])
def test_spoilt_replies(world: World, truth: Truth, enter: Entered, fault: str) -> None:
    number = f"PR-T-{fault}"
    sources = enter(number)
    for method in (f"{ORDERS}.create", f"{ORDERS}.confirm"):
        truth.fault(fault, method, seconds=0.6 if fault == "late_commit" else 0.0)
    for step in range(8):
        with world.open(ahead=LATER * step, real=True) as session:
            outcome = session.create(sources, until="confirmed")[0]
        if outcome.good:
            break
        assert outcome.error["type"] in ("UnknownOutcome", "TransientError"), outcome
        # The next try believes the settle time to be over: what comes late has to be there by then.
        truth.gate.advance(1)
    with world.open() as session:
        incidents = session.incidents()

    assert outcome.good, outcome
    assert len(truth.of(number)) == 1
    assert truth.states(number)[0] in ("confirmed", "processing")
    assert incidents == []


def _lost_create(world: World, truth: Truth, enter: Entered, number: str) -> list[Handle]:
    """An order that Tryton has, and of which the worker died without knowing."""
    sources = enter(number)
    trap = {"at": "sent", "match": STEPS["create"][0], "do": KILL}
    Child(world, "create", sources, trap).killed()
    truth.quiet()
    assert len(truth.of(number)) == 1
    return sources


def _again(world: World, sources: list[Handle], **options: Any) -> tuple[Any, list[tuple[str, str]]]:
    with world.open(ahead=LATER) as session:
        return session.create(sources, **options)[0], session.incidents()


@failure_case(
    "Tryton: somebody overwrites the reference with the mark",
    does="the worker dies after the create was sent; a person writes another reference into the order.",
    expected="the order is found by the mark in its description",
    shows="the mark stands in two places",
)
def test_an_edited_reference(world: World, truth: Truth, enter: Entered) -> None:
    number = "PR-T-edited"
    sources = _lost_create(world, truth, enter, number)
    (order,) = truth.of(number)
    truth.rig.rpc(f"model.{ORDERS}.write", [order["id"]], {"reference": "our own words"})

    outcome, incidents = _again(world, sources)

    assert (outcome.status, incidents) == ("found", [])
    assert outcome.handle.ref.internal_id == str(order["id"])


@failure_case(
    "Tryton: somebody wipes the mark in both places",
    does="the worker dies after the create was sent; a person empties reference and description.",
    expected="an incident write.suspect that names the order; nothing is sent",
    shows="what looks the same without the mark is a person's to judge",
)
def test_a_wiped_mark(world: World, truth: Truth, enter: Entered) -> None:
    number = "PR-T-wiped"
    sources = _lost_create(world, truth, enter, number)
    (order,) = truth.of(number)
    truth.rig.rpc(f"model.{ORDERS}.write", [order["id"]], {"reference": "", "description": ""})
    before = truth.sends(f"{ORDERS}.create")

    outcome, incidents = _again(world, sources)

    assert (outcome.error["code"], incidents) == ("write.suspect", [("write.suspect", number)])
    assert truth.sends(f"{ORDERS}.create") == before


@failure_case(
    "Tryton: somebody copies the order",
    does="the worker dies after the create was sent; a person presses Copy; the flow runs again.",
    expected="an incident write.found_twice; nothing is sent",
    shows="Tryton's copy keeps the mark, and two marked orders stop the flow",
)
def test_a_copy(world: World, truth: Truth, enter: Entered) -> None:
    number = "PR-T-copied"
    sources = _lost_create(world, truth, enter, number)
    truth.rig.rpc(f"model.{ORDERS}.copy", [truth.of(number)[0]["id"]], {})
    before = truth.sends(f"{ORDERS}.create")

    outcome, incidents = _again(world, sources)

    assert (outcome.error["code"], incidents) == ("write.found_twice", [("write.found_twice", number)])
    assert truth.sends(f"{ORDERS}.create") == before


@failure_case(
    "Tryton: somebody deletes the order",
    does="docflow writes the order; a person cancels and deletes it in Tryton; the task is cleared "
    "and runs twice.",
    expected="an incident target.deleted; no second order",
    shows="a deleted document is not created again by itself",
)
def test_deleted(world: World, truth: Truth, enter: Entered) -> None:
    number = "PR-T-deleted"
    sources = enter(number)
    with world.open() as session:
        assert session.create(sources)[0].status == "written"
        (order,) = truth.of(number)
        truth.press(ORDERS, "cancel", order)
        truth.rig.rpc(f"model.{ORDERS}.delete", [order["id"]])
        again = [session.create(sources)[0] for _ in range(2)]
        incidents = session.incidents()

    assert [one.error["code"] for one in again] == ["target.deleted"] * 2
    assert (truth.of(number), incidents) == ([], [("target.deleted", number)])


@failure_case(
    "Tryton: somebody sets a submitted order back to draft",
    does="docflow submits the order; a person presses Draft; the task is cleared and runs again.",
    expected="an incident target.undone; the order stays a draft",
    shows="a step that was taken back is not taken again by itself",
)
def test_back_to_draft(world: World, truth: Truth, enter: Entered) -> None:
    number = "PR-T-draft"
    sources = enter(number)
    with world.open() as session:
        assert session.create(sources, until="submitted")[0].status == "written"
        truth.press(ORDERS, "draft", truth.of(number)[0])
        again = session.create(sources, until="submitted")[0]
        incidents = session.incidents()

    assert (again.error["code"], incidents) == ("target.undone", [("target.undone", number)])
    assert truth.states(number) == ["draft"]


@failure_case(
    "Tryton: the same number in two companies",
    does="two requisitions with one number, of Tryton's two companies, written in one batch, twice.",
    expected="two orders, each in its own company",
    shows="the right company each",
)
def test_two_companies(world: World, truth: Truth) -> None:
    number = "PR-T-companies"
    with world.open() as session:
        documents = (truth.requisition(number, company_code=code) for code in truth.companies[:2])
        sources = session.enter(*documents)
        first, second = session.create(sources), session.create(sources)

    found = truth.rig.find(ORDERS, [["reference", "like", f"{number} [%"]], ["company.party.code"])
    assert sorted(one["company."]["party."]["code"] for one in found) == sorted(truth.companies[:2])
    assert [one.status for one in (*first, *second)] == ["written", "written", "existing", "existing"]


@failure_case(
    "Tryton: the reading after a refused press fails",
    does="Tryton confirms the order and reports an error of the work after it; the reading that "
    "would show it "
    "fails too; then the flow runs again.",
    expected="an unknown outcome, never “not landed”; the second run finds the order confirmed",
    shows="what was read in vain proves nothing",
)
def test_a_press_whose_reading_fails(world: World, truth: Truth, enter: Entered) -> None:
    number = "PR-T-blind"
    sources = enter(number)
    with world.open() as session:
        session.create(sources, until="submitted")
    refusal = {"id": 0, "error": ["UserError", ["the worker failed", ""]]}
    truth.fault("error_in_200", f"{ORDERS}.confirm", commit=True, reply=refusal)
    (order,) = truth.of(number)
    # The third search after here is the one that follows the press: read, read of the button's state, look.
    with world.open(real=True) as session:
        session.trap.at, session.trap.match = "sent", STEPS["confirm"][0]
        session.trap.do = lambda: truth.gate.fault(
            FaultRule("error_before", body=f'"model.{ORDERS}.search_read"', times=3)
        )
        first = session.create(sources, until="confirmed")[0]
    truth.gate.clear_faults()
    last, incidents = _again(world, sources, until="confirmed")

    assert first.error["type"] == "UnknownOutcome", first
    assert last.status == "existing", last
    assert truth.states(number)[0] in ("confirmed", "processing")
    assert (len(truth.of(number)), incidents) == (1, [])
    assert order["state"] == "quotation"
