"""From a task that finds nothing decided to its trigger, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.triggers.words import Wanted

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.handles import Handle

POLL_SECONDS = 30.0

FIRST_CHECK_SECONDS = 10.0
"""Airflow 3.3.2 fails tasks that are resumed while their executor still reports their last run."""


def defer_until(
    operator: Any,
    handles: Sequence[Handle],
    *,
    until: Wanted,
    fail_on: Wanted | None = None,
    ledger_id: str,
    method_name: str,
    timeout: timedelta | None = None,
    poll_interval: float | None = None,
) -> NoReturn:
    """Defer a task until documents are worth another look.

    Documents of one connection and type are waited for at a time: those of the first one. Whoever is resumed
    looks at all of them again, and waits for the next.

    :raises TaskDeferred: always.
    """
    from airflow.sdk import conf

    from airflow_provider_docflow.triggers.document import DocumentTrigger

    first = handles[0]
    chosen = [handle.ref for handle in handles if _kind(handle) == _kind(first)]
    trigger = DocumentTrigger(
        docflow_conn_id=first.conn_id,
        document_type=str(first.ref.document_type),
        documents=[ref.to_json() for ref in chosen],
        until=until,
        fail_on=fail_on,
        ledger_id=ledger_id,
        ledger_conn_id=operator.ledger_conn_id,
        poll_interval=poll_interval or conf.getfloat("docflow", "poll_interval", fallback=POLL_SECONDS),
        first_check_seconds=conf.getfloat("docflow", "first_check_seconds", fallback=FIRST_CHECK_SECONDS),
    )
    operator.defer(trigger=trigger, method_name=method_name, timeout=timeout)
    raise AssertionError("unreachable")


def _kind(handle: Handle) -> tuple[str, str]:
    return handle.conn_id, str(handle.ref.document_type)


def delivered_by(context: Context) -> Callable[[Sequence[str]], set[str]]:
    """Return what tells which earlier runs of this task have succeeded, and so handed on what they took.

    Where nobody can tell, none has: a document is handed on twice rather than never.
    """
    ti: Any = context["ti"]

    def delivered(run_ids: Sequence[str]) -> set[str]:
        try:
            states = ti.get_task_states(dag_id=ti.dag_id, task_ids=[ti.task_id], run_ids=list(run_ids))
        except Exception as error:
            context["task"].log.warning("The states of earlier runs are not known: %s", error)
            return set()
        return {
            run_id for run_id in run_ids if states.get(run_id) and set(states[run_id].values()) == {"success"}
        }

    return delivered


def check_word(field: str, value: str, known: Sequence[str]) -> None:
    """Refuse a word of an author that would otherwise be taken for some other.

    :raises Misconfigured: it is none of those known.
    """
    if value not in known:
        raise exc.Misconfigured(
            f"{value!r} is none of {', '.join(known)}.", field=field, remedy="Correct the DAG."
        )


def text_of(value: Mapping[str, Any] | None) -> str:
    """Return what is no template as the serialised DAG shows it, where a change makes a new version."""
    return json.dumps(dict(value or {}), sort_keys=True, ensure_ascii=False)
