"""
Pytest fixtures for flows of your own: the sandbox, a ledger, faults, and time that stands still.

In a ``conftest.py``::

    pytest_plugins = ["airflow_provider_docflow.testing"]

``docflow_stand_in`` plays a system of your flow, ``docflow_run`` runs the flow; ``airflow docflow new flow``
writes a test that uses both. Every fixture is new for each test, keeps its state in the test's own folder and
ends with it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_docflow.sandbox import FaultRule, Sandbox
from airflow_provider_docflow.testing.flows import FlowRun, docflow_run, docflow_stand_in
from airflow_provider_docflow.testing.stand_ins import StandIn

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger import Ledger

TEST_KEY = "ZG9jZmxvdy10ZXN0aW5nLWtleS1ub3Qtc2VjcmV0ISE="

__all__ = [
    "FlowRun",
    "StandIn",
    "docflow_connection",
    "docflow_fault",
    "docflow_frozen",
    "docflow_ledger",
    "docflow_run",
    "docflow_sandbox",
    "docflow_stand_in",
]


@pytest.fixture
def docflow_sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    """The stand-ins, running."""
    with Sandbox(tmp_path / "docflow-sandbox") as sandbox:
        yield sandbox


@pytest.fixture
def docflow_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledger]:
    """A ledger of the test's own, which Airflow also finds under the connection ``docflow_ledger``."""
    from airflow_provider_docflow.ledger import Ledger

    path = tmp_path / "docflow-ledger.sqlite"
    connection = {"conn_type": "sqlite", "host": str(path), "extra": {"encryption_key": TEST_KEY}}
    monkeypatch.setenv("AIRFLOW_CONN_DOCFLOW_LEDGER", json.dumps(connection))
    ledger = Ledger.open(f"sqlite:///{path}", keys=[TEST_KEY])
    yield ledger
    ledger.close()


@pytest.fixture
def docflow_connection(
    docflow_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    """Make a DingTalk connection to the sandbox: ``docflow_connection("oa", forms={...})``.

    The keyword arguments are the connection's settings; ``forms`` may be a mapping.
    """

    def connect(conn_id: str, **settings: Any) -> dict[str, Any]:
        base = docflow_sandbox.base_url
        known = {
            "corp_id": "dingsandboxcorp",
            "api_url": f"{base}/dingtalk",
            "oapi_url": f"{base}/dingtalk-oapi",
            "acting_user_id": "docflow",
            "calls_per_second": 5_000,
        }
        given = {name: json.dumps(value) if name == "forms" else value for name, value in settings.items()}
        connection = {
            "conn_type": "docflow_dingtalk",
            "login": "dingsandbox",
            "password": "sandbox-secret",
            "extra": {**known, **given},
        }
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
        return connection

    return connect


@pytest.fixture
def docflow_fault(docflow_sandbox: Sandbox) -> Callable[..., int]:
    """Set a fault by rule: ``docflow_fault("reply_lost", method="POST", times=1)``."""

    def fault(name: str, **conditions: Any) -> int:
        return docflow_sandbox.fault(FaultRule(name, **conditions))  # type: ignore[arg-type]

    return fault


@pytest.fixture
def docflow_frozen(docflow_sandbox: Sandbox) -> Sandbox:
    """The sandbox with its time standing still; ``advance(seconds)`` moves it."""
    docflow_sandbox.freeze()
    return docflow_sandbox
