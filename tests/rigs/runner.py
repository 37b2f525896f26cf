"""The task runner of :mod:`airflow_provider_docflow.testing.runner`, as these tests need it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk import DAG
from airflow.sdk.types import TaskInstanceKey

from airflow_provider_docflow.testing.runner import RETURN, STARTED, Attempt, Key, Runner, Supervisor

__all__ = ["RETURN", "STARTED", "Attempt", "Key", "Runner", "Supervisor", "dag", "key_of", "runner"]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> Iterator[Runner]:
    """The task runner, with the process as it was afterwards."""
    before = signal.getsignal(signal.SIGTERM)
    yield Runner(monkeypatch)
    signal.signal(signal.SIGTERM, before)


def dag(dag_id: str = "flow") -> DAG:
    """Return a DAG to put tasks into; it is never scheduled."""
    return DAG(dag_id, schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC))


def key_of(task: Any, run_id: str = "manual__1") -> TaskInstanceKey:
    """Return the key under which a link looks for a task's XCom."""
    return TaskInstanceKey(
        dag_id=task.dag_id, task_id=task.task_id, run_id=run_id, try_number=1, map_index=-1
    )
