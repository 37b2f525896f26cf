from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Shell
from tests.operators.test_create import run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Runner

ROUTE = (
    *("--source-conn", "oa", "--source-type", "purchase_requisition"),
    *("--target-conn", "erp", "--target-type", "purchase_order"),
)


def entered(world: World, runner: Runner, shell: Shell, *numbers: str) -> list[dict[str, Any]]:
    """Orders that exist in the ERP while the ledger knows nothing of them: it is a new one."""
    for number in numbers:
        world.enter(number, ("SUP-1", "1", f"{7 + len(world.orders())}.00"))
        world.approve(number)
        done = run_chain(runner, number)
        assert done.state == "success", done.everything()
    found = world.orders()
    from airflow_provider_docflow.hooks import ledger as ledgers

    for known in ledgers._opened.values():
        known.close()
    ledgers._opened.clear()
    for path in world.folder.glob("ledger.sqlite*"):
        path.unlink()
    return found


def pairs(world: World, *rows: tuple[str, ...]) -> Path:
    path = world.folder / "pairs.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["source_number", "target_number", "company_code"])
        writer.writerows(rows)
    return path


def adopt(shell: Shell, *words: object) -> Any:
    return shell("adopt", *ROUTE, *words)


def test_named_pairs_are_shown_then_registered_and_never_sent(
    world: World, runner: Runner, shell: Shell
) -> None:
    orders = entered(world, runner, shell, "PR-1", "PR-2")
    sends = world.sends()
    path = pairs(world, ("PR-1", orders[0]["number"], "C1"), ("PR-2", orders[1]["number"], ""))
    shown = adopt(shell, "--csv", path)
    assert shown.code == 0, shown.err
    assert "nothing was registered" in shown.out
    assert world.ledger.intents.find() == []
    done = adopt(shell, "--csv", path, "--yes", "--json")
    assert [row["state"] for row in done.data] == ["adopted", "adopted"]
    again = adopt(shell, "--csv", path, "--yes", "--json")
    assert [row["state"] for row in again.data] == ["adopted", "adopted"]
    world.approve("PR-1", "PR-2")
    flow = run_chain(runner, ["PR-1", "PR-2"])
    assert flow.state == "success", flow.everything()
    assert flow.result["statuses"] == {"existing": 2}
    assert world.sends() == sends
    told = shell("show", "PR-1", "--json").data
    assert {row["number"] for row in told["documents"]} == {"PR-1", orders[0]["number"]}
    assert "command line" in told["history"][-1]["by"]


def test_a_pair_that_differs_is_refused_and_the_field_is_named(
    world: World, runner: Runner, shell: Shell
) -> None:
    orders = entered(world, runner, shell, "PR-1", "PR-2")
    crossed = pairs(world, ("PR-1", orders[1]["number"], ""), ("PR-2", "PO-404", ""), ("PR-404", "x", ""))
    said = adopt(shell, "--csv", crossed, "--yes", "--json")
    assert said.code == 1
    rows = json.loads(said.out)
    assert [row["state"] for row in rows] == ["refused"] * 3
    assert "does not stand for it" in rows[0]["why"]
    assert "there is no purchase order PO-404" in rows[1]["why"]
    assert "there is no purchase requisition PR-404" in rows[2]["why"]
    assert world.ledger.intents.find() == []


def test_one_order_cannot_stand_for_two_requisitions(world: World, runner: Runner, shell: Shell) -> None:
    orders = entered(world, runner, shell, "PR-1")
    world.enter("PR-2", ("SUP-1", "1", "7.00"))
    number = orders[0]["number"]
    said = adopt(shell, "--csv", pairs(world, ("PR-1", number, ""), ("PR-2", number, "")), "--yes", "--json")
    assert said.code == 1
    assert [row["state"] for row in json.loads(said.out)] == ["refused", "refused"]
    assert world.ledger.intents.find() == []


def test_what_is_cancelled_is_not_adopted(world: World, runner: Runner, shell: Shell) -> None:
    orders = entered(world, runner, shell, "PR-1", "PR-2")
    world.sandbox.call("PUT", f"erp/purchase_order/{orders[0]['id']}", {"status": "cancelled"})
    world.set_state("PR-2", "cancelled")
    path = pairs(world, ("PR-1", orders[0]["number"], ""), ("PR-2", orders[1]["number"], ""))
    said = adopt(shell, "--csv", path, "--yes", "--json")
    rows = json.loads(said.out)
    assert [row["state"] for row in rows] == ["refused", "refused"]
    assert all("it is cancelled" in row["why"] for row in rows)


def test_pairs_are_found_where_only_one_agrees(world: World, runner: Runner, shell: Shell) -> None:
    orders = entered(world, runner, shell, "PR-1", "PR-2")
    found = adopt(shell, "--sources", "PR-1,PR-2", "--yes", "--json")
    assert [(row["source"], row["target"], row["state"]) for row in found.data] == [
        ("PR-1", orders[0]["number"], "adopted"),
        ("PR-2", orders[1]["number"], "adopted"),
    ]
    # Its order is taken: a third requisition of the same content finds nothing.
    world.enter("PR-3", ("SUP-1", "1", "7.00"))
    said = adopt(shell, "--sources", "PR-3,PR-404", "--yes", "--json")
    assert said.code == 1
    rows = {row["source"]: row["why"] for row in json.loads(said.out)}
    assert rows["PR-3"] == "nothing there agrees with it."
    assert "there is no purchase requisition PR-404" in rows["PR-404"]


def test_where_several_agree_a_person_names_the_pair(world: World, runner: Runner, shell: Shell) -> None:
    orders = entered(world, runner, shell, "PR-1")
    own = {"id", "number", "type", "status", "version", "created_at", "updated_at"}
    twin = {name: value for name, value in orders[0].items() if name not in own}
    world.post(ORDERS, {**twin, "reference": "typed by hand"})
    said = adopt(shell, "--sources", "PR-1", "--yes", "--json")
    assert said.code == 1, said.out
    (row,) = json.loads(said.out)
    assert "all agree with it; name the pair" in row["why"]


def test_what_is_missing_is_named(world: World, shell: Shell) -> None:
    assert "give --csv or --sources" in adopt(shell).err
    assert "cannot be read" in adopt(shell, "--csv", world.folder / "none.csv").err
    empty = pairs(world, ("PR-1", "", ""))
    assert "line 2 of pairs.csv lacks" in adopt(shell, "--csv", empty).err
    assert "--mapping is no JSON" in adopt(shell, "--csv", empty, "--mapping", "{").err
    assert world.sandbox.count(ORDERS, method="POST") == 0
