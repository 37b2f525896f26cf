from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_docflow import systems
from airflow_provider_docflow.hooks.ledger import ledger_of
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.sandbox import Sandbox
from tests.rigs.ledgers import new_ledger
from tests.rigs.own_ledgers import own_ledgers
from tests.rigs.runner import runner
from tests.waiting import oa as oas
from tests.waiting.oa import Oa
from tests.waiting.world import World, erp_connection

__all__ = ["ledger", "oa", "runner", "use_profile", "world"]


@pytest.fixture
def oa(monkeypatch: pytest.MonkeyPatch, use_profile: Callable[..., None]) -> Iterator[Oa]:
    """The OA, with the connection ``oa`` to it."""
    use_profile()
    server = Oa()
    monkeypatch.setenv("AIRFLOW_CONN_OA", server.connection())
    server.start()
    yield server
    server.stop()


@pytest.fixture
def use_profile(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let docflow know the OA by another profile."""

    def use(**values: Any) -> None:
        monkeypatch.setitem(systems._registered, "waiting_oa", oas.profile(**values))

    return use


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """The ledger behind the connection ``docflow_ledger``."""
    where = {"conn_type": "sqlite", "host": str(tmp_path / "ledger.sqlite")}
    monkeypatch.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", json.dumps(where))
    new_ledger(tmp_path / "ledger.sqlite")
    with own_ledgers():
        yield ledger_of()


@pytest.fixture
def world(oa: Oa, ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The OA, a plain ERP and the ledger."""
    with Sandbox(tmp_path / "sandbox") as sandbox:
        monkeypatch.setenv("AIRFLOW_CONN_ERP", erp_connection(sandbox))
        yield World(oa, sandbox, ledger)
