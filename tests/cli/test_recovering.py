"""``ledger recover``: what a restored ledger finds, what it cannot know, and what stays blocked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from airflow_provider_docflow.hooks import recovering
from tests.cli.conftest import Shell
from tests.cli.test_commands import created
from tests.operators.test_create import run_chain
from tests.operators.world import ORDERS, World
from tests.rigs.runner import Runner


def restored(world: World, number: str) -> None:
    """Make of one order what a backup holds that was taken while it was under way, its lease long over."""
    chosen = "(SELECT id FROM docflow_intent WHERE source_number = :number)"
    with world.ledger.transaction() as tx:
        tx.execute(text(f"DELETE FROM docflow_receipt WHERE intent_id IN {chosen}"), {"number": number})
        tx.execute(
            text(
                "UPDATE docflow_intent SET status = 'sending', unaccounted = 1, lease_token = '',"
                " lease_until = NULL WHERE source_number = :number"
            ),
            {"number": number},
        )


def recover(shell: Shell) -> list[str]:
    said = shell("ledger", "recover", "--conns", "erp", "--reason", "restored")
    assert said.code == 0, said.err
    return said.out.splitlines()[1].split(maxsplit=1)[1].split()


def use_profile(world: World, monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    variable = "AIRFLOW_CONN_ERP"
    connection: dict[str, Any] = json.loads(world.environment()[variable])
    connection["extra"]["profile"] = f"tests.cli.profiles:{profile}"
    monkeypatch.setenv(variable, json.dumps(connection))


def test_every_page_of_what_was_under_way_is_read_back(
    world: World, runner: Runner, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = [f"PR-{n}" for n in range(5)]
    created(world, runner, *numbers)
    for number in numbers:
        restored(world, number)
    monkeypatch.setattr(recovering, "PAGE", 2)
    assert recover(shell) == ["5", "not", "known", "0", "open"]
    assert {row.status for row in world.ledger.intents.find(purpose="create")} == {"done"}
    assert run_chain(runner, numbers).state == "success"
    assert world.sends() == 5


def test_a_document_that_no_receipt_names_is_counted(world: World, runner: Runner, shell: Shell) -> None:
    order = created(world, runner, "PR-1", "PR-2")[0]
    restored(world, "PR-2")
    unknown = ("id", "number", "type", "status", "version", "created_at", "updated_at")
    typed = {name: value for name, value in order.items() if name not in unknown}
    world.post(ORDERS, typed | {"reference": "typed by hand"})
    assert recover(shell) == ["1", "1", "0", "open"]


def test_what_cannot_be_found_again_stays_undecided(world: World, runner: Runner, shell: Shell) -> None:
    (first,) = created(world, runner, "PR-1")
    world.sandbox.call("PUT", f"erp/purchase_order/{first['id']}", {"reference": "somebody cut the mark off"})
    restored(world, "PR-1")
    found, *_, undecided, writing = recover(shell)
    assert (found, undecided, writing) == ("0", "1", "open")


def test_a_system_that_cannot_be_asked_for_sure_stays_blocked(
    world: World, runner: Runner, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    created(world, runner, "PR-1")
    use_profile(world, monkeypatch, "PROFILE_BEST_EFFORT")
    assert recover(shell)[-1] == "blocked"
    world.enter("PR-2", ("SUP-1", "1", "7.00"))
    world.approve("PR-2")
    stopped = run_chain(runner, "PR-2")
    assert stopped.state == "failed"
    assert "unblock" in str(stopped.error)
    assert world.sends() == 1
