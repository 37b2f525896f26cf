"""What the pages' API answers, as JSON primitives: amounts as text, instants in ISO form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow.document.money import written_amount

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

    from airflow_provider_docflow.ledger.decisions import Decision
    from airflow_provider_docflow.ledger.documents import Found, Touch
    from airflow_provider_docflow.ledger.incidents import IncidentEvent
    from airflow_provider_docflow.ledger.search_events import PastEvent
    from airflow_provider_docflow.ledger.search_health import SeenSystem
    from airflow_provider_docflow.ledger.search_incidents import Seen

Json = dict[str, Any]
_STATE_NOTES = ("raw", "read_at")


def row_of(found: Found, *, system: str, url: str | None, open_incidents: int) -> Json:
    """Return a document as lists and chains show it."""
    entry, ref = found.entry, found.entry.ref
    return {
        "key": found.key,
        "instance": ref.instance,
        "system": system,
        "company_code": ref.company_code,
        "document_type": str(ref.document_type),
        "number": ref.number,
        "internal_id": ref.internal_id,
        "party_id": entry.party_id,
        "party_name": entry.party_name,
        "amount": amount_of(entry.amount, entry.currency),
        "currency": entry.currency,
        "issue_date": _day(entry.issue_date),
        "state": {axis: word for axis, word in entry.state.items() if axis not in _STATE_NOTES},
        "raw": entry.state.get("raw") or {},
        "read_at": entry.state.get("read_at"),
        "updated_at": instant(found.updated_at),
        "open_incidents": open_incidents,
        "url": url,
    }


def amount_of(amount: Decimal | None, currency: str) -> str | None:
    """Return an amount as it is written, or None where there is none."""
    return None if amount is None else written_amount(amount, currency)


def link_of(row: Mapping[str, Any] | RowMapping) -> Json:
    """Return how much of one line went into another."""
    same = ("source_key", "source_line", "target_key", "target_line", "kind", "status")
    numbers = {name: format(row[name], "f") for name in ("quantity", "amount")}
    return {**{name: row[name] for name in same}, **numbers}


def touch_of(key: str, touch: Touch) -> Json:
    """Return which task instance had a document in hand."""
    names = ("dag_id", "run_id", "task_id", "map_index", "try_number")
    return {"key": key, **{name: getattr(touch, name) for name in names}, "at": instant(touch.at)}


def decision_of(key: str, decision: Decision) -> Json:
    """Return a decision; of what changed since only the fields are named, not what stood in them."""
    same = ("decision", "final", "approver", "on_behalf_of", "comment", "revision", "approval_system")
    changed = [str(one["field"]) for one in decision.differences if isinstance(one, dict) and "field" in one]
    return {
        "key": key,
        "id": decision.id,
        **{name: getattr(decision, name) for name in same},
        "changed_fields": changed,
        "decided_at": instant(decision.decided_at),
        "recorded_at": instant(decision.recorded_at),
    }


def incident_of(seen: Seen, *, may_act: bool) -> Json:
    """Return an incident as lists show it."""
    row = seen.row
    same = ("id", "category", "code", "status", "field", "document_number", "group_key")
    return {
        **{name: row[name] for name in same},
        "reason": seen.reason,
        "document_key": seen.document_key,
        "instance": row["instance_id"],
        "group_size": seen.group_size,
        "owner_role": row["owner_role"],
        "assignee": row["assignee"],
        **{name: instant(row[name]) for name in ("due", "opened_at", "closed_at")},
        "may_act": may_act,
    }


def history_of(events: Sequence[IncidentEvent], actors: ActorNames) -> list[Json]:
    """Return what happened to an incident."""
    return [
        {"event": one.event, "actor": actors(one.actor), "note": one.note, "at": instant(one.at)}
        for one in events
    ]


def event_of(event: PastEvent, actors: ActorNames) -> Json:
    """Return something that happened to a document."""
    told = {"kind": event.kind, "code": event.code, "params": dict(event.params)}
    return {"at": instant(event.at), "key": event.key, **told, "actor": actors(event.actor)}


def health_of(seen: SeenSystem) -> Json:
    """Return how a system is."""
    window = seen.window
    return {
        "instance": seen.instance,
        "state": seen.state,
        "since": instant(seen.since),
        "cause": seen.cause,
        "incident": seen.incident,
        "whole": seen.whole,
        "window": None
        if window is None
        else {
            "starts_at": instant(window.starts_at),
            "ends_at": instant(window.ends_at),
            "reason": window.reason,
        },
    }


class ActorNames:
    """Who did something, without naming the tasks of DAGs that the user may not read.

    :param touches: the task instances that the user may know of.
    """

    def __init__(self, touches: Sequence[Touch]) -> None:
        self._tasks = {_task(one) for one in touches}

    def __call__(self, actor: str) -> str:
        """Return the name, or nothing for a task that is not among those known."""
        return actor if " in " not in actor or actor in self._tasks else ""


def _task(touch: Touch) -> str:
    mapped = f"[{touch.map_index}]" if touch.map_index >= 0 else ""
    return f"{touch.dag_id}.{touch.task_id}{mapped} in {touch.run_id}"


def instant(value: datetime | None) -> str | None:
    """Return an instant in ISO form."""
    return None if value is None else value.isoformat()


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
