"""``airflow docflow breaks`` and ``reconcile``: what people do with what a run has found."""

from __future__ import annotations

import getpass
from typing import Any

import pytest

from airflow_provider_docflow.hooks.ledger import ledger_of
from tests.cli.conftest import Shell, shell
from tests.operators.world import World
from tests.reconcile.rig import doc
from tests.reconcile.test_runs import reconcile

__all__ = ["shell"]


@pytest.fixture
def found(world: World) -> Any:
    """A ledger with three breaks of one run."""
    ledger = ledger_of("docflow_ledger")
    reconcile(ledger, [doc("A", "30.00"), doc("C", "1.5")], [doc("X", "30"), doc("C", "2")])
    return ledger


def by_kind(shell: Shell) -> dict[str, dict[str, Any]]:
    return {one["kind"]: one for one in shell("breaks", "--json").data}


def test_breaks_are_listed_and_shown(found: Any, shell: Shell) -> None:
    listed = by_kind(shell)
    assert {kind: (one["left_key"], one["right_key"], one["amount"]) for kind, one in listed.items()} == {
        "missing_right": ("A", "", "30"),
        "missing_left": ("", "X", "-30"),
        "value_difference": ("C", "C", "-0.5"),
    }
    table = shell("breaks", "--kind", "missing_right").out.splitlines()
    assert len(table) == 2 and "30 CNY" in table[1]
    shown = shell("reconcile", "show", listed["value_difference"]["id"]).out
    assert "amount: 1.5 against 2" in shown
    assert "found" in shown
    assert shell("reconcile", "show", "999").code == 1
    assert "no status" in shell("breaks", "--status", "lost").err
    assert shell("breaks", "--kind", "no such kind").out == "no breaks\n"


def test_a_break_is_explained_and_given_to_somebody(found: Any, shell: Shell) -> None:
    number = by_kind(shell)["value_difference"]["id"]
    said = shell(
        "reconcile", "note", number, "--status", "explained", "--assignee", "wang", "--reason", "old price"
    )
    assert said.out.strip() == f"break {number} is explained, wang"
    told = shell("reconcile", "show", number, "--json").data
    assert (told["status"], told["assignee"], told["history"][-1]["note"]) == (
        "explained",
        "wang",
        "old price",
    )
    assert shell("breaks", "--assignee", "wang", "--json").data[0]["id"] == number
    refused = shell("reconcile", "note", number, "--status", "closed", "--reason", "gone")
    assert refused.code == 1 and "a break is changed" in refused.err


def test_two_people_match_what_no_rule_has(found: Any, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [by_kind(shell)[kind]["id"] for kind in ("missing_right", "missing_left")]
    said = shell("reconcile", "match", *ids, "--reason-code", "R1", "--reason", "the same order")
    assert said.code == 0, said.err
    match = said.out.split("match ")[1].split(";")[0]
    own = shell("reconcile", "review", match)
    assert own.code == 1 and "may not review it" in own.err
    monkeypatch.setattr(getpass, "getuser", lambda: "somebody else")
    assert shell("reconcile", "review", match).code == 0
    again = reconcile(found, [doc("A", "30.00"), doc("C", "1.5")], [doc("X", "30"), doc("C", "2")], "2")
    assert again.counts == {"breaks": 1, "value_difference": 1, "matched": 1}
    assert "confirmed" in shell("reconcile", "matches").out
    assert shell("reconcile", "undo", match).code == 0


def test_a_run_is_signed_off(found: Any, shell: Shell) -> None:
    (run,) = shell("reconcile", "runs", "--json").data
    assert run["summary"]["counts"]["breaks"] == 3
    assert "signed off" in shell("reconcile", "sign-off", run["id"]).out
    assert "frozen" in shell("reconcile", "sign-off", run["id"]).err
    assert "signed" in shell("reconcile", "runs").out
