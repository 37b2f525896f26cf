"""Letting a task run again after its incident was decided: Airflow's own clearing, once for every task."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from airflow_provider_docflow.exceptions import DocflowError

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.documents import Touch

State = Literal["cleared", "under way", "gone"]


@dataclass(frozen=True)
class Rerun:
    """What became of one task instance.

    :param state: ``cleared`` with what follows it, ``under way`` because it has not ended or somebody has
        cleared it already, or ``gone`` because its run or its task is no more.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: State

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON primitives."""
        return asdict(self)


def rerun(touches: Iterable[Touch], session: Any) -> list[Rerun]:
    """Clear task instances and what follows them, each once; needs Airflow's database.

    :param session: of Airflow's own database; the caller commits.
    """
    wanted = {(one.dag_id, one.run_id, one.task_id, one.map_index) for one in touches}
    return [Rerun(*one, state=_clear(*one, session)) for one in sorted(wanted)]


def _clear(dag_id: str, run_id: str, task_id: str, map_index: int, session: Any) -> State:
    from airflow.models.dagbag import DBDagBag
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance, clear_task_instances
    from airflow.utils.sqlalchemy import with_row_locks
    from airflow.utils.state import State as States
    from sqlalchemy import select

    run = session.scalar(select(DagRun).where(DagRun.dag_id == dag_id, DagRun.run_id == run_id))
    found = select(TaskInstance).where(TaskInstance.dag_id == dag_id, TaskInstance.run_id == run_id)
    found = found.where(TaskInstance.task_id == task_id, TaskInstance.map_index == map_index)
    # Two people at once: the second waits for the first, and then finds the task under way.
    one = session.scalar(with_row_locks(found, session, of=TaskInstance))
    dag = DBDagBag(load_op_links=False).get_dag_for_run(run, session=session) if run is not None else None
    if one is None or dag is None or not dag.has_task(task_id):
        return "gone"
    if one.state not in States.finished:
        return "under way"
    tasks = _with_followers(dag, run_id, task_id, map_index, session)
    chosen = dag.clear(dry_run=True, task_ids=tasks, run_id=run_id, session=session)
    clear_task_instances([each for each in chosen if each.state in States.finished], session)
    return "cleared"


def _with_followers(dag: Any, run_id: str, task_id: str, map_index: int, session: Any) -> list[Any]:
    """Return the task and all that waited for it in vain, or went on without its documents."""
    from airflow.models.taskinstance import find_relevant_relatives

    mapped = [(task_id, map_index)] if map_index >= 0 else []
    plain = [] if mapped else [task_id]
    followers = find_relevant_relatives(
        plain, mapped, direction="downstream", dag=dag, run_id=run_id, session=session
    )
    return [*plain, *mapped, *followers]


def command_for(touch: Touch, logical_date: Any = None) -> str:
    """Return the command of Airflow that lets a task run again.

    ``airflow tasks clear`` chooses runs by their logical date alone; a run that has none is chosen by its id,
    with what failed in it.
    """
    if logical_date is None:
        words = ["airflow", "dags", "clear", touch.dag_id, "--run-id", touch.run_id, "--only-failed", "--yes"]
    else:
        when, task = logical_date.isoformat(), f"^{re.escape(touch.task_id)}$"
        words = ["airflow", "tasks", "clear", touch.dag_id, "--task-regex", task, "--downstream"]
        words += ["--start-date", when, "--end-date", when, "--yes"]
    return shlex.join(words)


def logical_date_of(touch: Touch, session: Any) -> Any:
    """Return the logical date of a task's run; None where it has none or is gone."""
    from airflow.models.dagrun import DagRun
    from sqlalchemy import select

    which = (DagRun.dag_id == touch.dag_id) & (DagRun.run_id == touch.run_id)
    return session.scalar(select(DagRun.logical_date).where(which))


def in_own_session(touches: Iterable[Touch]) -> list[Rerun]:
    """Do :func:`rerun` in a session of its own, as a command of Airflow does.

    :raises DocflowError: Airflow's database cannot be reached from here.
    """
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with create_session() as session:
            return rerun(touches, session)
    except SQLAlchemyError as error:
        raise DocflowError(
            f"Airflow's database cannot be reached: {type(error).__name__}.",
            remedy="Run the command where Airflow's own commands work, or clear the task in Airflow.",
        ) from None
