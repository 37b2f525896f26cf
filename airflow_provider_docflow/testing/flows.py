"""Fixtures that run a flow of your own: its tasks are real, its systems are the sandbox's stand-ins."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.testing.stand_ins import STAND_INS, Product, StandIn

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger import Ledger
    from airflow_provider_docflow.sandbox import Sandbox
    from airflow_provider_docflow.testing.runner import Attempt, Runner

_STATES = {"up_for_reschedule": "parked"}
_MOST_TRIES = 5


@dataclass
class FlowRun:
    """How one run of a flow went.

    :param state: ``success``, ``failed``, ``deferred`` (it waits for a decision) or ``parked``.
    :param tasks: the last try of each task that ran.
    """

    state: str = "success"
    tasks: dict[str, Attempt] = field(default_factory=dict)

    @property
    def error(self) -> BaseException | None:
        """Why it failed."""
        return next((one.error for one in self.tasks.values() if one.error is not None), None)

    def __str__(self) -> str:
        told = [f"{name}: {one.state}" for name, one in self.tasks.items()]
        return "\n".join([f"run: {self.state}", *told, *([f"error: {self.error}"] if self.error else [])])


@pytest.fixture
def docflow_stand_in(
    docflow_sandbox: Sandbox, docflow_ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., StandIn]:
    """Make a connection that leads to a stand-in.

    ``docflow_stand_in("oa", "purchase_requisition", "dingtalk")`` gives a :class:`StandIn`. The products are
    ``dingtalk``, ``wecom``, ``sql`` and ``rest``; ``rest`` plays every other one.
    """

    def make(conn_id: str, document_type: str, product: Product = "rest") -> StandIn:
        def connect(name: str, connection: Mapping[str, Any]) -> None:
            monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))

        return STAND_INS[product](conn_id, document_type, docflow_sandbox, connect)

    return make


@pytest.fixture
def docflow_run(docflow_ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., FlowRun]]:
    """Run the DAG of a file: ``docflow_run(path, numbers=["PR-1"])``; keyword arguments are the run's conf.

    Every task runs in Airflow's own task runner, in the order of the DAG, each try after the other; a task
    whose upstream did not succeed does not run. Airflow's database is not used.
    """
    from airflow_provider_docflow.testing.runner import Runner

    runner, runs, before = Runner(monkeypatch), count(1), signal.getsignal(signal.SIGTERM)

    def run(file: Path | str, **conf: Any) -> FlowRun:
        return _run(runner, dag_in(Path(file)), f"manual__{next(runs)}", conf)

    yield run
    signal.signal(signal.SIGTERM, before)


def dag_in(file: Path) -> Any:
    """Return the DAG that a file holds.

    :raises Misconfigured: the file cannot be parsed, or holds no DAG or several.
    """
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(dag_folder=str(file))
    if bag.import_errors or len(bag.dags) != 1:
        why = "; ".join(bag.import_errors.values()) or f"it holds {len(bag.dags)} DAGs"
        raise Misconfigured(f"{file} cannot be run: {why}.", field="file", remedy="Correct the file.")
    (found,) = bag.dags.values()
    return found


def _run(runner: Runner, dag: Any, run_id: str, conf: dict[str, Any]) -> FlowRun:
    done = FlowRun()
    for task in dag.topological_sort():
        above = [done.tasks[name].state for name in task.upstream_task_ids if name in done.tasks]
        if len(above) < len(task.upstream_task_ids) or any(state != "success" for state in above):
            continue
        attempt = _tried(runner, task, run_id, conf)
        done.tasks[task.task_id] = attempt
        if attempt.state != "success" and done.state == "success":
            done.state = _STATES.get(attempt.state, attempt.state)
    return done


def _tried(runner: Runner, task: Any, run_id: str, conf: dict[str, Any]) -> Attempt:
    for number in range(1, _MOST_TRIES):
        attempt = runner.run(task, run_id=run_id, try_number=number, conf=conf)
        if attempt.state != "up_for_retry":
            break
    return attempt
