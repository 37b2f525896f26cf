from __future__ import annotations

from datetime import UTC, datetime

import pytest

from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import DocumentRef, material_hash
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.hooks.overriding import with_overrides
from airflow_provider_docflow.ledger.decisions import NewDecision
from tests.cli.conftest import shell
from tests.ledger.conftest import clock, ledger, ledger_url, sqlite_ledger
from tests.operators.conftest import runner, world
from tests.operators.world import World
from tests.rigs.databases import sqlite_url

__all__ = [
    "approve",
    "clock",
    "ledger",
    "ledger_url",
    "runner",
    "shell",
    "sqlite_ledger",
    "sqlite_url",
    "world",
]

OA = "oa-tenant"


def reading_of(world: World, number: str) -> Reading:
    """What the flow takes a requisition for: as its system shows it, with what people put in its place."""
    hook = DocflowHook("oa")
    try:
        shown = hook.system.resolve("purchase_requisition", [number])
        found = with_overrides(hook.ledger, shown)[0]
    finally:
        hook.system.close()
    assert isinstance(found, Reading), found
    return found


def ref_of(world: World, number: str) -> DocumentRef:
    return reading_of(world, number).ref


def approve(world: World, number: str, approver: str, *, on_behalf_of: str = "", case: str = "1") -> None:
    """Let somebody approve what counts of a requisition now, in an approval system."""
    reading = reading_of(world, number)
    assert reading.document is not None, reading.problem
    world.ledger.decisions.append(
        NewDecision(
            reading.ref,
            "approved",
            material_hash(reading.document),
            datetime.now(UTC),
            approver=approver,
            on_behalf_of=on_behalf_of,
            approval_system=OA,
            approval_instance_id=case,
        )
    )


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> None:
    """Alice is known in Airflow and in the approval system; so is whoever runs these tests."""
    import json
    import os
    import pwd

    me = pwd.getpwuid(os.getuid()).pw_name
    told = {
        "alice": {"airflow": ["alice"], "command line": [me], OA: ["a.lice", "alice.deputy"]},
        "bob": {"airflow": ["bob"]},
    }
    monkeypatch.setenv("AIRFLOW__DOCFLOW__PEOPLE", json.dumps(told))
