"""Whole tasks in shadow: what they report, what they leave alone, and what a live run makes afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.operators.action import DocumentActionOperator, WriteBackOperator
from airflow_provider_docflow.operators.create import CreateDocumentOperator
from airflow_provider_docflow.operators.intake import ClaimOperator
from airflow_provider_docflow.operators.listing import AdvanceCursorOperator, ListDocumentsOperator
from airflow_provider_docflow.operators.read import ReadDocumentOperator
from airflow_provider_docflow.sensors.document import DocumentStateSensor
from tests.cli.conftest import Shell
from tests.operators.world import World
from tests.rigs.runner import Attempt, Runner, dag
from tests.shadow.conftest import standing

DOUBLED = {"lines[*].quantity": "line.quantity * 2"}
REQUISITIONS: dict[str, Any] = {"docflow_conn_id": "oa", "document_type": "purchase_requisition"}
ORDERS: dict[str, Any] = {"docflow_conn_id": "erp", "document_type": "purchase_order"}


def flow(number: Any, *, for_all: dict[str, Any] | None = None, **given: Any) -> list[Any]:
    """Requisitions become orders, and orders become the requisitions of a second round."""
    with dag() as made:
        made.default_args.update(for_all or {})
        mode = {name: value for name, value in given.items() if name == "mode"}
        read = ReadDocumentOperator(task_id="read", number=number, **REQUISITIONS, **mode)
        orders = CreateDocumentOperator(task_id="orders", source=read.output, **ORDERS, **given)
        again = CreateDocumentOperator(
            task_id="again", source=orders.output, mapping=DOUBLED, **REQUISITIONS, **mode
        )
    return [read, orders, again]


def run(runner: Runner, *tasks: Any, **more: Any) -> list[Attempt]:
    attempts = [runner.run(task, **more) for task in tasks]
    for attempt in attempts:
        assert attempt.state == "success", attempt.everything()
    return attempts


def prepare(world: World) -> None:
    """Let the database of the requisitions get its name, as the first live run does."""
    system = DocflowHook("oa").system
    assert system.site.instance
    system.close()


def report(world: World, run_id: str = "manual__1") -> dict[tuple[str, str], Any]:
    return {(row.place.task_id, row.source_number): row for row in world.ledger.shadows.of_run(run_id)}


def test_a_whole_flow_reports_every_field_and_writes_nothing(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    before = standing(world.ledger)
    _, orders, again = run(runner, *flow("PR-1", mode="shadow"))

    assert world.sends() == 0 and world.orders() == []
    assert standing(world.ledger) == before
    assert (orders.result["status"], orders.result["verdict"]) == ("shadow", "create")
    assert orders.result["shadow"] == {"create": 1}
    assert orders.result["ref"]["internal_id"].startswith("shadow:")
    rows = report(world)
    first, second = rows["orders", "PR-1"].body, rows["again", "shadow:PR-1"].body
    assert first["fields"]["payable_amount"] == "21.00"
    assert first["fields"]["lines[0].price_amount"] == "10.50"
    assert (first["docflow_conn_id"], first["instance"]) == ("erp", "plain-erp-1")
    assert (second["fields"]["lines[0].quantity"], second["fields"]["payable_amount"]) == ("4", "42.00")
    assert again.result["verdict"] == "create"
    assert "PR-1: create purchase_order" in orders.log


def test_switching_to_live_creates_everything_once(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"), ("SUP-2", "1", "3"))
    world.approve("PR-1")
    split = {"split_by": "seller_supplier_party"}
    _, shadow = run(runner, *flow("PR-1", mode="shadow", **split)[:2])
    assert shadow.result["shadow"] == {"create": 2} and world.orders() == []

    for _ in range(2):
        run(runner, *flow("PR-1", **split)[:2])
    assert len(world.orders()) == 2 and world.sends() == 2

    _, shadow = run(runner, *flow("PR-1", mode="shadow", **split)[:2])
    assert shadow.result["shadow"] == {"existing": 2} and world.sends() == 2


def test_a_live_task_refuses_what_a_shadow_run_hands_on(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7"))
    world.enter("PR-2", ("SUP-1", "1", "7"))
    world.approve("PR-1", "PR-2")
    for number in ("PR-1", ["PR-1", "PR-2"]):
        run(runner, *flow(number, mode="shadow")[:2])
        live = flow(number)[2]
        handed = runner.supervisor.xcoms["orders", "manual__1", -1, "return_value"]
        act = DocumentActionOperator(task_id="act", action="submit", source=handed, dag=live.dag)
        for task in (live, act):
            ended = runner.run(task)
            assert ended.state == "failed", ended.everything()
            assert isinstance(ended.error, exc.ShadowReference)
    assert world.sends() == 0


def test_what_nobody_approved_would_be_refused_and_the_rest_is_shown(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "1", "7"))
    world.enter("PR-2", ("SUP-1", "1", "8"))
    world.approve("PR-2")
    before = standing(world.ledger)
    _, orders, again = run(runner, *flow(["PR-1", "PR-2"], mode="shadow"))

    assert orders.result["shadow"] == again.result["shadow"] == {"create": 1, "refuse": 1}
    refused = report(world)["orders", "PR-1"]
    assert (refused.verdict, refused.body["error"]["code"]) == ("refuse", "approval.missing")
    assert refused.body["fields"]["payable_amount"] == "7"
    assert report(world)["again", "shadow:PR-1"].body["error"]["code"] == "approval.inherited"
    assert standing(world.ledger) == before


def test_a_change_is_shown_field_by_field_and_voids_no_approval(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10"))
    world.approve("PR-1")
    run(runner, *flow("PR-1")[:2])
    world.change_price("PR-1", "11")
    before = standing(world.ledger)
    run(runner, *flow("PR-1", mode="shadow")[:2])
    row = report(world)["orders", "PR-1"]
    assert (row.verdict, row.body["error"]["code"]) == ("refuse", "approval.void")
    told = {one["field"]: (one["old"], one["new"]) for one in row.body["differences"]}
    assert told["lines[0].price_amount"] == ("10", "11") and told["payable_amount"] == ("20", "22")
    assert standing(world.ledger) == before

    world.approve("PR-1")
    verdicts = {}
    for on_change in ("incident", "amend", "supersede"):
        ended = run(runner, *flow("PR-1", mode="shadow", on_change=on_change)[:2])[1]
        verdicts[on_change] = ended.result["shadow"]
    assert verdicts == {"incident": {"incident": 1}, "amend": {"amend": 1}, "supersede": {"supersede": 1}}
    assert world.sends() == 1


def test_a_line_that_would_be_used_beyond_what_is_approved(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10"))
    world.approve("PR-1")
    read, doubled = flow("PR-1", mode="shadow", mapping=DOUBLED)[:2]
    _, ended = run(runner, read, doubled)
    assert ended.result["shadow"] == {"refuse": 1}
    assert report(world)["orders", "PR-1"].body["error"]["code"] == "line_overdrawn"


def test_actions_and_write_backs_are_reported_with_their_arguments(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10"))
    world.approve("PR-1")
    read, orders, _ = flow("PR-1", mode="shadow")
    more: dict[str, Any] = {"mode": "shadow", "dag": read.dag}
    cancel = DocumentActionOperator(task_id="cancel", action="cancel", source=read.output, **more)
    submit = DocumentActionOperator(task_id="submit", action="submit", source=orders.output, **more)
    unknown = DocumentActionOperator(task_id="unknown", action="teleport", source=read.output, **more)
    back = WriteBackOperator(task_id="back", document=read.output, links=[orders.output], **more)
    ended = run(runner, read, orders, cancel, submit, unknown, back)[2:]
    # The database of the requisitions has no such action as a write-back; its numbers show all the same.
    assert [one.result["shadow"] for one in ended] == [{"act": 1}, {"act": 1}, {"refuse": 1}, {"refuse": 1}]
    assert report(world)["back", "PR-1"].body["fields"]["links[0].number"] == "shadow:PR-1"
    assert world.state("PR-1") == "confirmed" and world.sends() == 0


@pytest.mark.parametrize("switch", ["default_args", "deployment", "conf"])
def test_one_switch_puts_a_whole_flow_in_shadow(
    switch: str, world: World, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10"))
    world.approve("PR-1")
    for_all = {"mode": "shadow"} if switch == "default_args" else {}
    if switch == "deployment":
        monkeypatch.setenv("AIRFLOW__DOCFLOW__MODE", "shadow")
    conf = {"docflow_mode": "shadow"} if switch == "conf" else None
    before = standing(world.ledger)
    tasks = flow("PR-1", for_all=for_all)
    with tasks[0].dag:
        claimed = ClaimOperator(task_id="claimed", number="PR-1", **REQUISITIONS)
    ended = run(runner, claimed, *tasks, conf=conf)
    assert [one.result.get("shadow") for one in ended] == [{}, {}, {"create": 1}, {"create": 1}]
    assert world.sends() == 0 and standing(world.ledger) == before


def test_default_args_reach_sensors_although_they_have_a_mode_of_their_own(
    world: World, runner: Runner
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10"))
    prepare(world)
    with dag() as made:
        made.default_args["mode"] = "shadow"
        more: dict[str, Any] = {"number": "PR-1", **REQUISITIONS}
        waits = DocumentStateSensor(
            task_id="waits", until={"lifecycle": "cancelled"}, mode="reschedule", **more
        )
        there = DocumentStateSensor(task_id="there", until={"lifecycle": "active"}, deferrable=True, **more)
    ended = run(runner, waits, there)
    assert (waits.mode, there.mode) == ("reschedule", "poke")
    assert [one.result["shadow"] for one in ended] == [{"wait": 1}, {"reached": 1}]


@pytest.mark.parametrize("word", ["Shadow", "dry-run"])
def test_a_mode_that_nobody_knows_is_not_live(
    word: Any, world: World, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10"))
    world.approve("PR-1")
    for given in ({"mode": word}, {}):
        ended = runner.run(flow("PR-1", **given)[0])
        assert ended.state == "failed" and isinstance(ended.error, exc.Misconfigured), ended.everything()
        monkeypatch.setenv("AIRFLOW__DOCFLOW__MODE", word)
    assert world.sends() == 0


def test_a_shadow_run_follows_a_cursor_of_its_own(world: World, runner: Runner) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10"))
    world.age("PR-1", 3600)
    prepare(world)
    with dag():
        shadow = ListDocumentsOperator(task_id="listed", cursor="intake", mode="shadow", **REQUISITIONS)
        moved = AdvanceCursorOperator(task_id="moved", listed=shadow.output, mode="shadow")
    first, _, again = run(runner, shadow, moved, shadow)
    assert first.result["count"] == 1
    assert (first.result["cursor"]["version"], again.result["cursor"]["version"]) == (0, 1)
    assert world.ledger.cursors.get("intake").version == 0
    with dag("live"):
        live = ListDocumentsOperator(task_id="listed", cursor="intake", **REQUISITIONS)
    assert run(runner, live)[0].result["count"] == 1


def test_the_command_prints_what_a_run_would_have_written(world: World, runner: Runner, shell: Shell) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.enter("PR-2", ("SUP-2", "1", "3"))
    world.approve("PR-1")
    run(runner, *flow(["PR-1", "PR-2"], mode="shadow"), run_id="manual__7")
    told = shell("shadow", "manual__7", "--json").data
    assert told["verdicts"] == {"create": 2, "refuse": 2}
    by_task = {(one["task_id"], one["source_number"]): one for one in told["documents"]}
    assert by_task["orders", "PR-1"]["fields"]["payable_amount"] == "21.00"
    assert by_task["orders", "PR-2"]["error"]["code"] == "approval.missing"
    said = shell("shadow", "manual__7", "--fields")
    assert said.code == 0, said.err
    for words in ("create it", "would refuse", "payable_amount", "nobody has approved it"):
        assert words in said.out
    missing = shell("shadow", "manual__8")
    assert missing.code == 1 and "manual__8" in missing.err
