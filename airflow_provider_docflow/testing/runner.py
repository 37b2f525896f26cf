"""Runs tasks in Airflow's own task runner; only the supervisor at the other end of its pipe is ours.

What the runner sends crosses as JSON, as it does in a worker, so that what JSON cannot carry does not arrive.
"""

from __future__ import annotations

import io
import json
import logging
import traceback
import uuid
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog
from airflow.sdk.api.datamodels._generated import (
    DagRun,
    DagRunState,
    DagRunType,
    TIRunContext,
)
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import comms, task_runner

RETURN = "return_value"
STARTED = datetime(2026, 3, 31, 8, 0, tzinfo=UTC)

Key = tuple[str, str, int, str]
"""Task, run, map index, XCom key."""


@dataclass
class Attempt:
    """How one try of a task went.

    :param log: everything that was logged, unmasked, with tracebacks.
    :param task: the task as it ran, rendered; what listeners are shown.
    """

    state: str
    error: BaseException | None
    xcoms: dict[str, Any]
    rendered: dict[str, Any]
    sent: list[Any]
    log: str
    retry_delay: float | None = None
    reschedule_date: datetime | None = None
    task: Any = None

    @property
    def result(self) -> Any:
        """What the task left for the next ones."""
        return self.xcoms.get(RETURN)

    def everything(self) -> str:
        """All that leaves the task, as text to search in."""
        told = "".join(traceback.format_exception(self.error)) if self.error else ""
        return "\n".join(
            [self.log, told, repr(self.error), json.dumps([self.xcoms, self.rendered], default=str)]
        )


@dataclass
class Supervisor:
    """The API that a task talks to: keeps XComs, knows no connections, remembers what was said.

    :param xcoms: by task, run, map index and key.
    :param sent: every message, in order.
    """

    xcoms: dict[Key, Any] = field(default_factory=dict)
    sent: list[Any] = field(default_factory=list)

    def send(self, msg: Any) -> Any:
        """Answer one message of the task runner."""
        text = msg.model_dump_json()
        self.sent.append(msg)
        answer = getattr(self, f"_{type(msg).__name__}", None)
        return answer(type(msg).model_validate_json(text)) if answer else None

    async def asend(self, msg: Any) -> Any:
        """Answer one message of asynchronous code."""
        return self.send(msg)

    def _SetXCom(self, msg: Any) -> None:
        self.xcoms[msg.task_id, msg.run_id, -1 if msg.map_index is None else msg.map_index, msg.key] = (
            msg.value
        )

    def _DeleteXCom(self, msg: Any) -> None:
        index = -1 if msg.map_index is None else msg.map_index
        self.xcoms.pop((msg.task_id, msg.run_id, index, msg.key), None)

    def _GetXCom(self, msg: Any) -> Any:
        index = -1 if msg.map_index is None else msg.map_index
        return comms.XComResult(key=msg.key, value=self.xcoms.get((msg.task_id, msg.run_id, index, msg.key)))

    def _GetXComSequenceSlice(self, msg: Any) -> Any:
        return comms.XComSequenceSliceResult(root=self._mapped(msg)[msg.start : msg.stop : msg.step])

    def _GetXComSequenceItem(self, msg: Any) -> Any:
        found = self._mapped(msg)
        if msg.offset >= len(found):
            return comms.ErrorResponse(error=ErrorType.XCOM_NOT_FOUND)
        return comms.XComSequenceIndexResult(root=found[msg.offset])

    def _GetXComCount(self, msg: Any) -> Any:
        return comms.XComCountResponse(len=len(self._mapped(msg)))

    def _mapped(self, msg: Any) -> list[Any]:
        wanted = (msg.task_id, msg.run_id, msg.key)
        found = {key[2]: value for key, value in self.xcoms.items() if (key[0], key[1], key[3]) == wanted}
        return [found[index] for index in sorted(found)]

    def _GetConnection(self, msg: Any) -> Any:
        return comms.ErrorResponse(error=ErrorType.CONNECTION_NOT_FOUND, detail={"conn_id": msg.conn_id})

    def _ValidateInletsAndOutlets(self, msg: Any) -> Any:
        return comms.InactiveAssetsResult(inactive_assets=[])


class Runner:
    """Runs tasks of DAGs, try by try, and keeps what one hands to the next.

    :param monkeypatch: takes the supervisor away again when the test is over.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.supervisor = Supervisor()
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", self.supervisor, raising=False)

    def run(
        self,
        task: Any,
        *,
        run_id: str = "manual__1",
        try_number: int = 1,
        map_index: int = -1,
        conf: dict[str, Any] | None = None,
        partition_key: str | None = None,
        next_method: str | None = None,
        next_kwargs: dict[str, Any] | None = None,
        reschedules: int = 0,
    ) -> Attempt:
        """Run one try of ``task`` to its end, as a worker does."""
        context = TIRunContext(
            dag_run=_dag_run(task.dag_id, run_id, conf, partition_key),
            task_reschedule_count=reschedules,
            max_tries=task.retries,
            should_retry=try_number <= task.retries,
            next_method=next_method,
            next_kwargs=next_kwargs,
            xcom_keys_to_clear=[] if next_method else sorted(self._of(task.task_id, run_id, map_index)),
        )
        return self._attempt(_task_instance(task, context, try_number, map_index))

    def _attempt(self, ti: Any) -> Attempt:
        first = len(self.supervisor.sent)
        with _logged() as text:
            log = structlog.get_logger("task")
            template = ti.get_template_context()
            state, message, error = task_runner.run(ti, template, log)
            task_runner.finalize(ti, state, template, log, error)
        sent = self.supervisor.sent[first:]
        return Attempt(
            state=str(state.value),
            error=error,
            xcoms=self._of(ti.task_id, ti.run_id, ti.map_index),
            rendered=next((m.rendered_fields for m in sent if isinstance(m, comms.SetRenderedFields)), {}),
            sent=sent,
            log=text.getvalue(),
            retry_delay=getattr(message, "retry_delay_seconds", None),
            reschedule_date=getattr(message, "reschedule_date", None),
            task=ti.task,
        )

    def until_done(self, task: Any, **more: Any) -> list[Attempt]:
        """Run ``task`` try after try until it neither asks for a retry nor is parked."""
        tries: list[Attempt] = []
        number = 1
        while not tries or tries[-1].state in ("up_for_retry", "up_for_reschedule"):
            assert len(tries) < 10, "the task does not end"
            tries.append(self.run(task, try_number=number, **more))
            number += tries[-1].state == "up_for_retry"
        return tries

    def _of(self, task_id: str, run_id: str, map_index: int) -> dict[str, Any]:
        return {
            key[3]: value
            for key, value in self.supervisor.xcoms.items()
            if key[:3] == (task_id, run_id, map_index)
        }


def _task_instance(task: Any, context: TIRunContext, try_number: int, map_index: int) -> Any:
    return task_runner.RuntimeTaskInstance.model_construct(
        id=uuid.uuid4(),
        dag_version_id=uuid.uuid4(),
        dag_id=task.dag_id,
        task_id=task.task_id,
        run_id=context.dag_run.run_id,
        try_number=try_number,
        map_index=map_index,
        context_carrier={},
        task=task,
        bundle_instance=None,
        start_date=STARTED,
        max_tries=task.retries,
        sentry_integration="",
        _ti_context_from_server=context,
    )


def _dag_run(dag_id: str, run_id: str, conf: dict[str, Any] | None, partition_key: str | None) -> DagRun:
    return DagRun(
        dag_id=dag_id,
        run_id=run_id,
        logical_date=STARTED,
        data_interval_start=STARTED,
        data_interval_end=STARTED,
        run_after=STARTED,
        start_date=STARTED,
        end_date=None,
        run_type=DagRunType.MANUAL,
        state=DagRunState.RUNNING,
        conf=conf,
        consumed_asset_events=[],
        partition_key=partition_key,
    )


@contextmanager
def _logged() -> Iterator[io.StringIO]:
    """Collect what stdlib loggers and structlog say, without Airflow's masking."""
    text = io.StringIO()
    handler = logging.StreamHandler(text)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    root, level = logging.getLogger(), logging.getLogger().level
    airflow = logging.getLogger("airflow.task")
    before = structlog.get_config()

    def keep(_: Any, method: str, event: MutableMapping[str, Any]) -> Any:
        told = traceback.format_exc() if event.get("exc_info") or method == "exception" else ""
        text.write(f"{method} {event}\n{told}\n")
        raise structlog.DropEvent

    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    propagates, airflow.propagate = airflow.propagate, True
    structlog.configure(processors=[keep], cache_logger_on_first_use=False)
    try:
        yield text
    finally:
        structlog.configure(**before)
        airflow.propagate = propagates
        root.setLevel(level)
        root.removeHandler(handler)
