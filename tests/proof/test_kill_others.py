"""The same kills in a database that keeps the receipt itself, and where numbers are written back."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow.hooks.handles import Handle
from airflow_provider_docflow.sandbox import Sandbox
from tests.flow.conftest import COMPONENTS, CORP, form
from tests.proof.cases import failure_case
from tests.proof.child import Child
from tests.proof.traps import KILL
from tests.proof.world import ORDER, World, requisition

LATER = 400.0
MOMENTS = ("before", "sent", "after", "receipt")
STEPS = {
    "create": ("WRITE INSERT INTO purchase_order", 1, 1),
    "submit": ("WRITE UPDATE purchase_order", 1, 2),
    "confirm": ("WRITE UPDATE purchase_order", 2, 3),
}


def _orders(world: World, number: str) -> list[str]:
    with closing(sqlite3.connect(f"{world.home}/finance.sqlite")) as connection:
        found = connection.execute("SELECT state FROM purchase_order WHERE source_number = ?", (number,))
        return [state for (state,) in found]


@failure_case(
    "SQL: the worker is killed in the middle of a chain",
    does="kill -9 before each transaction of create, submit and confirm, when all statements are "
    "done and the "
    "commit is next, after the commit, and before the ledger's receipt; another process runs the same flow.",
    expected="one confirmed row; no incident",
    shows="document and receipt are one transaction in the target itself",
)
@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("step", STEPS)
def test_killed_in_a_database(home: World, step: str, moment: str) -> None:
    world = home.with_target("erp", kind="sql", file="finance")
    number, (match, nth, receipt) = f"PR-{step}-{moment}", STEPS[step]
    with world.open() as session:
        sources = session.enter(requisition(number))
        session.system_of("erp")
    trap: dict[str, Any] = {"at": moment, "do": KILL}
    trap |= {"nth": receipt} if moment == "receipt" else {"match": match, "nth": nth}

    Child(world, "create", sources, trap, until="confirmed").killed()
    with world.open(ahead=LATER) as session:
        outcome = session.create(sources, until="confirmed")[0]
        incidents = session.incidents()

    assert outcome.good, outcome
    assert (_orders(world, number), incidents) == (["confirmed"], [])


@pytest.fixture
def oa(home: World, tmp_path: Path) -> Any:
    with Sandbox(tmp_path / "oa") as sandbox:
        code = sandbox.template(
            "采购申请", COMPONENTS, approvers=[{"actionType": "NONE", "userIds": ["boss"]}]
        )
        forms = {"purchase_requisition": {"process_code": code, "mark_control": "docflow"}}
        settings = {
            "corp_id": CORP,
            "api_url": f"{sandbox.base_url}/dingtalk",
            "oapi_url": f"{sandbox.base_url}/dingtalk-oapi",
            "forms": json.dumps(forms),
            "acting_user_id": "docflow",
        }
        login = {"username": "dingsandbox", "password": "sandbox-secret"}
        world = home.with_target("oa", kind="dingtalk", settings=settings, **login)
        yield world.with_target("erp", kind="sql", file="finance"), sandbox, code


@failure_case(
    "DingTalk: the worker is killed while it writes the numbers back",
    does="kill -9 at the comment that carries the order's number, at the four moments; another "
    "process writes "
    "back again.",
    expected="one comment on the form; no incident",
    shows="a write-back has its own intent and its own receipt",
)
@pytest.mark.parametrize("moment", MOMENTS)
def test_killed_in_a_write_back(oa: Any, moment: str) -> None:
    world, sandbox, code = oa
    entered = {"processCode": code, "originatorUserId": "zhang.san", "deptId": -1}
    (instance,) = sandbox.submit([{**entered, "formComponentValues": form("PR-1")}])
    sandbox.decide([instance], "agree", userId="boss")
    with world.open() as session:
        found = session.flow.sources("PR-1", conn_id="oa", document_type="purchase_requisition")
        sources = [one.handle for one in found if one.handle]
        orders = session.create(sources, document_type=ORDER, split_by="seller_supplier_party")
        links: list[Handle] = [one.handle for one in orders if one.handle]
    assert links, orders
    trap: dict[str, Any] = {"at": moment, "do": KILL}
    trap |= {} if moment == "receipt" else {"match": "/comments"}

    Child(world, "write back", sources, trap, links=[one.to_json() for one in links]).killed()
    while any(one["status"] is None and not one["fault"] for one in sandbox.requests()):
        pass
    with world.open(ahead=LATER) as session:
        outcome = session.flow.write_back(sources, links)[0]
        again = session.flow.write_back(sources, links)[0]
        incidents = session.incidents()

    comments = [one for one in sandbox.instance(instance)["records"] if one["type"] == "ADD_REMARK"]
    assert outcome.good and again.status == "existing", (outcome, again)
    assert (len(comments), incidents) == (1, [])
