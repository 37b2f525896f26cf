from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import airflow_provider_docflow
from airflow_provider_docflow.cli.definition import COMMANDS
from airflow_provider_docflow.hooks import ledger as ledgers
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.systems import names
from tests.cli.conftest import Shell
from tests.operators.test_create import run_chain
from tests.operators.world import World
from tests.rigs.runner import Runner

PACKAGE = Path(airflow_provider_docflow.__file__).parent


def created(world: World, runner: Runner, *numbers: str) -> list[dict[str, Any]]:
    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    world.approve(*numbers)
    done = run_chain(runner, list(numbers))
    assert done.state == "success", done.everything()
    return world.orders()


def refused(world: World, runner: Runner, *numbers: str) -> None:
    """Nobody has approved these: each opens an incident."""
    for number in numbers:
        world.enter(number, ("SUP-1", "1", "7.00"))
    assert run_chain(runner, list(numbers)).state == "failed"


def test_show_tells_all_of_a_document_by_any_of_its_numbers(
    world: World, runner: Runner, shell: Shell
) -> None:
    (order,) = created(world, runner, "PR-1")
    told = shell("show", "PR-1", "--json").data
    assert {(row["document"], row["number"]) for row in told["documents"]} == {
        ("purchase_requisition", "PR-1"),
        ("purchase_order", order["number"]),
    }
    (link,) = told["links"]
    assert (link["from"], link["kind"], link["status"]) == ("PR-1 line 1", "fulfils", "linked")
    assert (link["quantity"], link["amount"]) == ("1", "7")
    assert [(row["decision"], row["by"]) for row in told["decisions"]] == [("approved", "boss")]
    assert [row["event"] for row in told["history"]][0::2] != []
    assert told["history"][-1]["event"] == "receipt"
    assert "flow.orders in manual__1" in told["history"][-1]["by"]
    by_order = shell("show", order["number"], "--json").data
    assert {row["number"] for row in by_order["documents"]} == {"PR-1", order["number"]}
    table = shell("show", "PR-1").out
    assert order["number"] in table and "fulfils" in table


def test_an_unknown_number_is_one_clear_line(world: World, shell: Shell) -> None:
    said = shell("show", "PR-404")
    assert (said.code, said.out) == (1, "")
    assert said.err.startswith("airflow docflow: document PR-404: the ledger knows no document PR-404.")
    assert said.err.count("\n") == 1


def test_incidents_are_listed_and_found(world: World, runner: Runner, shell: Shell) -> None:
    assert shell("incidents").out == "no incidents\n"
    refused(world, runner, "PR-1", "PR-2")
    rows = shell("incidents", "--json").data
    assert [(row["document"], row["code"], row["category"]) for row in rows] == [
        ("PR-1", "approval.missing", "control"),
        ("PR-2", "approval.missing", "control"),
    ]
    assert [row["document"] for row in shell("incidents", "--text", "PR-2", "--json").data] == ["PR-2"]
    assert shell("incidents", "--category", "data", "--json").data == []
    assert "approval.missing" in shell("incidents").out


def test_an_incident_names_its_system_as_people_know_it(world: World, runner: Runner, shell: Shell) -> None:
    refused(world, runner, "PR-1")
    (row,) = shell("incidents", "--json").data
    assert (row["connection"], row["document_type"]) == ("oa", "purchase_requisition")
    assert row["system"] == world.ledger.instances.bound_to("oa")
    head, line = shell("incidents").out.splitlines()
    assert line[head.index("system") :].startswith("oa ")
    assert line[head.index("type") :].startswith("purchase_requisition ")
    one = dict(line.split(maxsplit=1) for line in shell("incident", row["id"]).out.splitlines()[:8])
    assert (one["system"], one["type"], one["document"]) == ("oa", "purchase_requisition", "PR-1")


def test_an_incident_of_a_system_names_it_where_no_connection_leads_to_it(world: World, shell: Shell) -> None:
    world.ledger.incidents.open(NewIncident("technical", "system_down", "gone", instance_id="erp-old"))
    (row,) = shell("incidents", "--json").data
    assert (row["connection"], row["system"], row["document_type"]) == ("", "erp-old", "")
    head, line = shell("incidents").out.splitlines()
    assert line[head.index("system") :].startswith("erp-old ")


def test_show_names_systems_as_people_know_them(world: World, runner: Runner, shell: Shell) -> None:
    created(world, runner, "PR-1")
    documents = shell("show", "PR-1", "--json").data["documents"]
    assert {(row["document"], row["connection"]) for row in documents} == {
        ("purchase_requisition", "oa"),
        ("purchase_order", "erp"),
    }
    assert {row["amount"] for row in documents} == {"7.00 CNY"}
    assert world.ledger.instances.bound_to("oa") not in shell("show", "PR-1").out


def test_a_connection_that_is_not_there_is_one_line_that_says_what_to_do(shell: Shell) -> None:
    for words in (("check", "nix"), ("describe", "nix", "purchase_order"), ("limits", "nix")):
        said = shell(*words)
        assert (said.code, said.out) == (1, "")
        assert said.err.startswith("airflow docflow: docflow_conn_id: there is no connection 'nix'.")
        assert "What to do: Create it" in said.err


def test_a_retried_incident_closes_and_names_the_task_to_clear(
    world: World, runner: Runner, shell: Shell
) -> None:
    refused(world, runner, "PR-1")
    (row,) = shell("incidents", "--json").data
    assert shell("retry", row["id"]).code == 2
    said = shell("retry", row["id"], "--reason", "it is approved on paper")
    assert said.code == 0, said.err
    assert "PR-1 may continue" in said.out
    assert "task orders of run manual__1 in DAG flow" in said.out
    assert shell("incidents").out == "no incidents\n"
    (closed,) = shell("incidents", "--status", "closed", "--json").data
    assert closed["id"] == row["id"]
    again = shell("retry", row["id"], "--reason", "again")
    assert (again.code, "is closed" in again.err) == (1, True)
    unknown = shell("retry", 4711, "--reason", "x").err
    assert "incident 4711 does not exist" in unknown and "airflow docflow incidents --status all" in unknown
    assert "name one incident" in shell("retry", "--reason", "x").err


def test_a_group_is_retried_at_once(world: World, runner: Runner, shell: Shell) -> None:
    refused(world, runner, "PR-1", "PR-2")
    group = world.ledger.incidents.search()[0].group_key
    said = shell("retry", "--group", group, "--reason", "approved now")
    assert said.code == 0, said.err
    assert shell("incidents").out == "no incidents\n"
    assert "no open incident" in shell("retry", "--group", group, "--reason", "x").out


def test_a_cancelled_order_is_created_again_only_when_a_person_says_so(
    world: World, runner: Runner, shell: Shell
) -> None:
    (order,) = created(world, runner, "PR-1")
    world.sandbox.call("PUT", f"erp/purchase_order/{order['id']}", {"status": "cancelled"})
    stopped = run_chain(runner, "PR-1")
    assert stopped.state == "failed"
    command = re.search(r"airflow docflow (recreate .*) TEXT", str(stopped.error))
    assert command is not None, stopped.error
    said = shell(*command[1].split(), "cancelled by mistake")
    assert said.code == 0, said.err
    assert "generation 1" in said.out
    done = run_chain(runner, "PR-1")
    assert done.state == "success", done.everything()
    assert [one["status"] for one in world.orders()] == ["cancelled", "draft"]
    nothing = shell("recreate", "PR-9", "--target-type", "purchase_order", "--reason", "x")
    assert (nothing.code, "0 writes" in nothing.err) == (1, True)


def test_check_and_accept_another_instance(
    world: World, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = shell("check", "erp")
    assert said.code == 0, said.err
    assert "answers as plain-erp-1" in said.out
    connection = json.loads(world.environment()["AIRFLOW_CONN_ERP"])
    connection["extra"]["instance"] = "plain-erp-2"
    monkeypatch.setenv("AIRFLOW_CONN_ERP", json.dumps(connection))
    changed = shell("check", "erp")
    assert changed.code == 1
    command = re.search(r"airflow docflow (accept-instance .*) TEXT", changed.err)
    assert command is not None, changed.err
    accepted = shell(*command[1].split(), "moved to a new tenant")
    assert accepted.code == 0, accepted.err
    assert "knows it as plain-erp-2" in shell("check", "erp").out


def test_a_connection_that_is_missing_or_refuses_is_one_clear_line(
    world: World, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = shell("check", "nowhere")
    assert (missing.code, missing.err.count("\n")) == (1, 1)
    assert "nowhere" in missing.err
    other = shell("check", "docflow_ledger")
    assert (other.code, "is no document system" in other.err) == (1, True)


def test_the_capabilities_are_the_profiles(shell: Shell) -> None:
    rows = shell("systems", "--json").data
    assert {row["system"].partition(":")[0] for row in rows} == set(names())
    ding = next(row for row in rows if row["system"] == "dingtalk")
    assert (ding["guarantee"], ding["idempotency"]) == ("guarantee.at_most_once_or_incident", "best_effort")
    sql = next(row for row in rows if row["system"] == "sql")
    assert sql["bulk"] == 200 and sql["attachments"] == [] and not sql["webhook"]
    assert sql["idempotency"] == "native" and sql["status"] == ["lifecycle", "payment"]
    (rest,) = (row for row in rows if row["system"] == "rest")
    assert rest["document_type"] == "" and rest["read"] is False
    shown = shell("systems").out
    assert shown.startswith("system")
    assert "exactly once (the system refuses a second)" in shown


def test_the_ledger_is_created_checked_and_verified(world: World, runner: Runner, shell: Shell) -> None:
    up = shell("db", "upgrade")
    assert up.code == 0, up.err
    assert shell("db", "check").out == up.out
    assert re.fullmatch(r"ledger \S+, schema \S+\n", up.out)
    created(world, runner, "PR-1")
    assert shell("ledger", "verify").out == "every chain holds\n"
    _forge(world.ledger)
    said = shell("ledger", "verify")
    assert said.code == 1
    assert "1 chains of the audit do not hold" in said.err


def _forge(ledger: Ledger) -> None:
    from sqlalchemy import text

    with ledger.transaction() as tx:
        tx.execute(
            text(
                "UPDATE docflow_audit_event SET kind = 'forged'"
                " WHERE id = (SELECT max(id) FROM docflow_audit_event)"
            )
        )


def test_a_blocked_instance_is_unblocked_by_a_person(world: World, runner: Runner, shell: Shell) -> None:
    created(world, runner, "PR-1")
    world.ledger.instances.block("plain-erp-1", actor="me", reason="looking")
    world.enter("PR-2", ("SUP-1", "1", "7.00"))
    world.approve("PR-2")
    stopped = run_chain(runner, "PR-2")
    assert stopped.state == "failed"
    command = re.search(r"airflow docflow (unblock .*) TEXT", str(stopped.error))
    assert command is not None, stopped.error
    assert shell(*command[1].split(), "looked at").code == 0
    assert run_chain(runner, "PR-2").state == "success"
    assert shell("unblock", "nobody", "--reason", "x").code == 1


def test_a_recovered_ledger_finds_again_what_had_landed(
    world: World, runner: Runner, shell: Shell, tmp_path: Path
) -> None:
    created(world, runner, "PR-1")
    _back_to_sending(world.ledger)
    said = shell("ledger", "recover", "--conns", "erp", "--reason", "restored")
    assert said.code == 0, said.err
    assert said.out.splitlines()[1].split() == ["plain-erp-1", "1", "not", "known", "0", "open"]
    (row,) = world.ledger.intents.find(purpose="create")
    assert row.status == "done"
    done = run_chain(runner, "PR-1")
    assert done.state == "success"
    assert done.result["status"] == "existing"
    assert world.sends() == 1


def _back_to_sending(ledger: Ledger) -> None:
    """What a backup holds that was taken while the order was under way, its lease long over."""
    from sqlalchemy import text

    with ledger.transaction() as tx:
        tx.execute(text("DELETE FROM docflow_receipt"))
        tx.execute(
            text(
                "UPDATE docflow_intent"
                " SET status = 'sending', unaccounted = 1, lease_token = '', lease_until = NULL"
            )
        )


def test_every_command_that_a_message_names_exists() -> None:
    known = {tuple(words) for words in _paths(COMMANDS, [])}
    told = re.compile(r"airflow docflow ([a-z][a-z-]*(?: [a-z][a-z-]*)?)")
    for path in [*PACKAGE.rglob("*.py")]:
        source = re.sub(r'"\s*\n\s*f?"', "", path.read_text(encoding="utf-8"))
        for found in told.finditer(source):
            words = tuple(found[1].split())
            groups = {path[:1] for path in known if len(path) > 1}
            assert words in known | groups or words[:1] in known, (path.name, found[0])


def _paths(commands: Any, above: list[str]) -> Any:
    for command in commands:
        path = [*above, command.name]
        if hasattr(command, "subcommands"):
            yield from _paths(command.subcommands, path)
        else:
            yield path


@pytest.mark.parametrize("words", [tuple(path) for path in _paths(COMMANDS, [])])
def test_every_command_explains_itself_and_has_code(words: tuple[str, ...], shell: Shell) -> None:
    said = shell(*words, "--help")
    assert said.code == 0, said.err
    assert "--ledger-conn-id" in said.out


def test_the_command_runs_by_itself_and_knows_connections_of_the_database(
    world: World, airflow_db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.models import Connection
    from airflow.utils.session import create_session

    body = world.environment()["AIRFLOW_CONN_ERP"]
    monkeypatch.delenv("AIRFLOW_CONN_ERP")
    with create_session() as session:
        session.add(Connection.from_json(body, conn_id="erp"))
    said = _airflow("docflow", "check", "erp")
    assert said.returncode == 0, said.stderr
    assert "answers as plain-erp-1" in said.stdout
    wrong = _airflow("docflow", "show", "PR-404")
    assert wrong.returncode == 1
    assert "Traceback" not in wrong.stderr
    assert "the ledger knows no document PR-404" in wrong.stderr


def _airflow(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "airflow", *words]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=600)


def test_without_a_key_or_database_the_ledger_is_named(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", '{"conn_type": "http", "host": "x"}')
    said = shell("db", "check")
    assert (said.code, "is no database for the ledger" in said.err) == (1, True)
    assert ledgers.DEFAULT_CONN_ID in said.err
