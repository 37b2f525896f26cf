"""What retention removes, what it keeps, and that everything that protects still holds afterwards."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.ledger.models import metadata
from airflow_provider_docflow.ledger.snapshots import NewSnapshot
from tests.cli.conftest import Shell
from tests.ledger.samples import KEY, Clock, ref, reserve, use, wanted
from tests.operators.test_create import run_chain
from tests.operators.world import World
from tests.retention.filling import YEAR, fill, source
from tests.rigs.runner import Runner

CHECKOUT = Path(__file__).parents[2]
COUNT = 6
PORTIONS = 5
"""Into the audit's payloads, the second of what is cleaned."""


def rows(ledger: Ledger, table: str, *columns: str) -> list[Any]:
    found = metadata.tables[f"docflow_{table}"]
    with ledger.transaction() as tx:
        return list(tx.execute(select(*(found.c[name] for name in columns))))


def clean(ledger: Ledger, clock: Clock, **more: Any) -> dict[str, int]:
    return ledger.retention.clean(clock.now - timedelta(days=30), actor="boss", **{"portion": 5, **more})


on_one = pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
"""For what no database could answer otherwise."""


@pytest.fixture
def filled(ledger: Ledger, clock: Clock) -> dict[str, Any]:
    made = fill(ledger, clock, COUNT)
    clock.now += YEAR
    return made


def test_what_is_over_goes_and_every_chain_still_holds(
    ledger: Ledger, clock: Clock, filled: dict[str, Any]
) -> None:
    counted = clean(ledger, clock, dry_run=True)
    assert not any(row.purged_at for row in rows(ledger, "intent", "purged_at"))
    assert ledger.audit.verify_all() == []
    removed = clean(ledger, clock)

    assert removed == counted
    assert (removed["payloads"], removed["snapshots"], removed["batch items"]) == (COUNT, COUNT, COUNT)
    assert (removed["inbox events"], removed["touches"], removed["incident texts"]) == (COUNT, 2 * COUNT, 1)
    assert removed["shadow reports"] == 1 and removed["audit payloads"] >= 4 * COUNT
    assert ledger.audit.verify_all() == []
    assert clean(ledger, clock) == dict.fromkeys(removed, 0)
    assert len(ledger.audit.events("retention")) > 1


@on_one
def test_a_payload_that_was_removed_without_a_tombstone_is_still_found_out(
    ledger: Ledger, clock: Clock, filled: dict[str, Any]
) -> None:
    clean(ledger, clock)
    with ledger.transaction() as tx:
        tx.execute(
            text("UPDATE docflow_audit_event SET purged_at = NULL WHERE payload IS NULL AND sequence = 1")
        )
    assert ledger.audit.verify_all() != []


def test_write_once_holds_for_what_was_cleaned(ledger: Ledger, clock: Clock, filled: dict[str, Any]) -> None:
    clean(ledger, clock)
    same, changed = reserve(ledger, wanted("PR-1", uses=(use(source="PR-1"),)), wanted("PR-2", "c2"))
    assert (same.status, changed.status) == ("done", "changed")
    assert same.receipt is not None and same.receipt.ref == ref("PO-1")
    assert same.receipt.content_hash == "c1"
    assert ledger.intents.payload(same.intent_id) == {}
    assert ledger.links.consumed(source("PR-1")) != {}
    assert ledger.decisions.valid_for(source("PR-1"), "m-PR-1") is not None


@on_one
def test_what_is_not_over_keeps_everything(ledger: Ledger, clock: Clock, filled: dict[str, Any]) -> None:
    clean(ledger, clock)
    for name in ("undone", "held"):
        assert ledger.intents.payload(filled[name].intent_id)["document"]
        events = ledger.intents.history(filled[name].key)
        assert all(event.payload is not None for event in events)
    for number in ("OPEN-1", "WAIT-1", "CASE-1"):
        (kept,) = ledger.snapshots.of(source(number))
        assert kept.body["id"] == number, number
        assert all(event.payload for event in ledger.audit.events(_chain(number))), number
    assert ledger.incidents.get(filled["case"]).reason == "open still"
    (gone,) = ledger.snapshots.of(source("PR-1"))
    assert gone.body == {} and gone.material_hash == "m-PR-1"


def _chain(number: str) -> str:
    from airflow_provider_docflow.ledger.decisions import chain_of

    return chain_of(source(number))


@on_one
def test_no_name_of_a_person_is_left_in_a_closed_incident(
    ledger: Ledger, clock: Clock, filled: dict[str, Any]
) -> None:
    clean(ledger, clock)
    assert ledger.incidents.get(filled["over"]).reason == ""
    history = ledger.incidents.history(filled["over"])
    assert {one.note for one in history} == {""} and history[-1].event == "cleaned"


@on_one
def test_a_document_that_stands_again_as_it_did_is_kept_again(
    ledger: Ledger, clock: Clock, filled: dict[str, Any]
) -> None:
    clean(ledger, clock)
    again = NewSnapshot(source("PR-1"), "r1", "m-PR-1", "c-PR-1", {"id": "PR-1"})
    assert ledger.snapshots.put([again]) == [filled["snapshots"]["PR-1"]]
    assert ledger.snapshots.of(source("PR-1"))[0].body == {"id": "PR-1"}
    assert clean(ledger, clock)["snapshots"] == 0


def test_the_batches_of_a_run_that_is_not_over_stay(
    ledger: Ledger, clock: Clock, filled: dict[str, Any]
) -> None:
    assert clean(ledger, clock, runs_since=clock.now - 2 * YEAR)["batch items"] == 0
    assert len(ledger.batches.items(filled["batch"])) == COUNT
    assert clean(ledger, clock)["batch items"] == COUNT
    with pytest.raises(exc.NotFound, match="removed for their age"):
        ledger.batches.items(filled["batch"])
    assert ledger.batches.get(filled["batch"]).size == COUNT


@on_one
def test_a_moment_to_come_is_refused(ledger: Ledger, clock: Clock) -> None:
    for moment in (clock.now + timedelta(days=1), clock.now.replace(tzinfo=None)):
        with pytest.raises(exc.InvalidDocument):
            ledger.retention.clean(moment, actor="boss")


def test_killed_in_the_middle_it_goes_on_where_it_was(
    ledger: Ledger, ledger_url: str, clock: Clock, filled: dict[str, Any]
) -> None:
    before = clock.now - timedelta(days=30)
    child = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.retention.killed",
            ledger_url,
            KEY,
            clock.now.isoformat(),
            before.isoformat(),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=CHECKOUT,
    )
    assert child.stdin is not None and child.stdout is not None
    for _ in range(PORTIONS):
        assert child.stdout.readline()
        child.stdin.write("\n")
        child.stdin.flush()
    child.kill()
    child.wait()
    child.stdout.close()
    child.stdin.close()

    assert ledger.audit.verify_all() == []
    clean(ledger, clock)
    assert clean(ledger, clock) == dict.fromkeys(clean(ledger, clock), 0)
    assert ledger.audit.verify_all() == []
    (again,) = reserve(ledger, wanted("PR-1", uses=(use(source="PR-1"),)))
    assert again.status == "done"
    assert ledger.intents.payload(filled["undone"].intent_id)["document"]


def test_an_old_document_is_found_and_not_written_again_after_cleaning(
    world: World, runner: Runner, shell: Shell, airflow_db: None
) -> None:
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    world.approve("PR-1")
    assert run_chain(runner, "PR-1").state == "success"
    later = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    refused = shell("db", "clean", "--before", later)
    assert refused.code == 1 and "lies in the future" in refused.err and "What to do" in refused.err

    now = datetime.now(UTC).isoformat()
    counted = shell("db", "clean", "--before", now, "--json").data
    assert counted["dry_run"] and counted["removed"]["payloads"] == 1
    said = shell("db", "clean", "--before", now)
    assert said.code == 0 and "Add --yes" in said.out
    removed = shell("db", "clean", "--before", now, "--yes", "--json").data
    assert removed["removed"]["payloads"] == 1 and removed["removed"]["audit payloads"] > 0
    assert shell("ledger", "verify").out.strip() == "every chain holds"

    done = run_chain(runner, "PR-1")
    assert done.state == "success" and done.result["status"] == "existing", done.everything()
    assert world.sends() == 1
