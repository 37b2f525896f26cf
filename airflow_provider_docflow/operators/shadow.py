"""How a task runs and ends in shadow: with a report of what would have been written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.operators.settling import LOGGED_ONE_BY_ONE, failure_of

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_docflow.hooks.flow import Flow
    from airflow_provider_docflow.hooks.handles import Outcome
    from airflow_provider_docflow.hooks.system import System

WOULD: Mapping[str, str] = {
    "create": "create it",
    "existing": "leave what an earlier run wrote",
    "found": "take what is there already",
    "amend": "change what is there",
    "supersede": "cancel what is there and write anew",
    "incident": "stop for a person",
    "refuse": "refuse",
    "act": "act",
    "notify": "tell",
    "approved": "go on, it is approved",
    "wait": "wait",
    "reached": "go on",
    "unread": "have to look again",
}
"""Verdict to what a live run would do."""


def flow_of(
    operator: Any,
    context: Context,
    ledger: Any,
    system_of: Callable[[str], System],
    *,
    actor: str,
    shadow: bool,
) -> Flow:
    """Return the flow of a task, live or in shadow."""
    from airflow_provider_docflow.hooks.flow import Flow

    if not shadow:
        return Flow(ledger, system_of, actor=actor)
    from airflow_provider_docflow.hooks.shadow_flow import ShadowFlow
    from airflow_provider_docflow.ledger.shadows import Place

    ti = context["ti"]
    place = Place(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)
    operator.log.info("This task runs in shadow: nothing is written.")
    return ShadowFlow(ledger, system_of, actor=actor, place=place)


def settle(operator: Any, flow: Any, outcomes: Sequence[Outcome], *, single: bool) -> dict[str, Any]:
    """Keep the report and return what crosses XCom.

    What would be refused ends no task, so that the whole flow is shown; that a system does not answer does.

    :raises DocflowError: documents could not be looked at now; a retry may help.
    """
    from airflow_provider_docflow.hooks.handles import error_of

    counts = flow.keep_report(outcomes)
    for entry in flow.entries[:LOGGED_ONE_BY_ONE]:
        operator.log.info("shadow: %s", line_of(entry.action, entry.verdict, entry.source_number, entry.body))
    operator.log.info("shadow: %d lines: %s", len(flow.entries), counts)
    lost = [one for one in outcomes if one.status == "failed"]
    unread = [one for one in lost if not isinstance(error_of(one), exc.PermanentError)]
    if error := failure_of(unread, "any"):
        raise error
    packed: dict[str, Any] = flow.pack(outcomes, single=single)
    return {**packed, "shadow": counts}


def line_of(action: str, verdict: str, number: str, body: Mapping[str, Any]) -> str:
    """Return one line of a report for people."""
    what = f"{action} {body.get('document_type', '')}".strip()
    where = f" in {body['system']}" if body.get("system") else ""
    why = f" ({body['error'].get('message', '')})" if body.get("error") else ""
    return f"{number}: {what}{where}: would {WOULD.get(verdict, verdict)}{why}"
