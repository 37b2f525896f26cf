"""What the pages read about incidents: lists, one with its history, root causes, systems that are down."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from fastapi import APIRouter

from airflow_provider_docflow.plugin import shapes
from airflow_provider_docflow.plugin.access import (
    OpenLedger,
    Permissions,
    Reader,
    may_act,
    may_act_without_document,
)
from airflow_provider_docflow.plugin.addresses import Addresses
from airflow_provider_docflow.plugin.filters import Limit, Offset, Text, touched_by
from airflow_provider_docflow.plugin.shapes import Json

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.search_incidents import Seen, Sight

router = APIRouter()

LARGEST_ID = 2**31 - 1


@router.get("/incidents")
def incidents(
    reader: Reader,
    ledger: OpenLedger,
    status: Literal["open", "closed", "all"] = "open",
    category: Text = "",
    owner_role: Text = "",
    assignee: Text = "",
    group: Text = "",
    text: Text = "",
    dag_id: Text = "",
    run_id: Text = "",
    task_id: Text = "",
    map_index: int | None = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Json:
    """Return a page of the incidents that the user may see, the latest first."""
    from airflow_provider_docflow.ledger.search_incidents import SeenIncidents

    named = {"category": category, "owner_role": owner_role, "assignee": assignee, "group_key": group}
    named["status"] = "" if status == "all" else status
    with ledger.database.transaction(reading=True) as tx:
        found, total = SeenIncidents(ledger).page(
            sight_of(reader),
            text=text,
            touched_by=touched_by(dag_id, run_id, task_id, map_index),
            offset=offset,
            limit=limit,
            tx=tx,
            **named,
        )
        dags = _dags_of(ledger, found, reader, tx=tx)
    return {
        "items": [shapes.incident_of(one, may_act=_acting(reader, one, dags)) for one in found],
        "total": total,
        "next_offset": offset + limit if offset + limit < total else None,
    }


@router.get("/incidents/{incident_id}")
def incident(incident_id: int, reader: Reader, ledger: OpenLedger) -> Json:
    """Return one incident with its history."""
    from airflow_provider_docflow.ledger.search_chain import Chains
    from airflow_provider_docflow.ledger.search_incidents import SeenIncidents

    with ledger.database.transaction(reading=True) as tx:
        found = SeenIncidents(ledger).get(min(incident_id, LARGEST_ID), sight_of(reader), tx=tx)
        dags = _dags_of(ledger, [found], reader, tx=tx)
        history = ledger.incidents.history(incident_id, tx=tx)
        keys = [found.document_key] if found.document_key else []
        touches = Chains(ledger).touches(keys, reader.dag_ids, tx=tx)
    actors = shapes.ActorNames([touch for each in touches.values() for touch in each])
    told = shapes.incident_of(found, may_act=_acting(reader, found, dags))
    return {**told, "history": shapes.history_of(history, actors)}


@router.get("/incident-groups")
def groups(reader: Reader, ledger: OpenLedger) -> list[Json]:
    """Return the root causes of what is open, the most frequent first."""
    from airflow_provider_docflow.ledger.search_incidents import SeenIncidents

    return [
        {
            "group_key": row["group_key"],
            "size": row["size"],
            "category": row["category"],
            "code": row["code"],
            "instance": row["instance_id"],
            "since": shapes.instant(row["since"]),
        }
        for row in SeenIncidents(ledger).groups(sight_of(reader))
    ]


@router.get("/health")
def health(reader: Reader, ledger: OpenLedger) -> list[Json]:
    """Return how the systems are whose documents the user sees, and when they are left alone."""
    from airflow_provider_docflow.ledger.search_health import SeenHealth

    with ledger.database.transaction(reading=True) as tx:
        found = SeenHealth(ledger).all(sight_of(reader), tx=tx)
        addresses = Addresses.of(ledger, [one.instance for one in found], tx=tx)
    return [{**shapes.health_of(one), "system": addresses.system(one.instance)} for one in found]


def sight_of(reader: Permissions) -> Sight:
    """Return what the user may see of incidents."""
    from airflow_provider_docflow.ledger.search_incidents import Sight

    return Sight(reader.dag_ids, systems=reader.reads_connections)


def _dags_of(ledger: Any, found: Sequence[Seen], reader: Permissions, *, tx: Any) -> dict[str, set[str]]:
    from airflow_provider_docflow.ledger.search_chain import Chains

    keys = {one.document_key for one in found if one.document_key is not None}
    dags: dict[str, set[str]] = Chains(ledger).dags_of(sorted(keys), reader.dag_ids, tx=tx)
    return dags


def _acting(reader: Permissions, one: Seen, dags: Mapping[str, set[str]]) -> bool:
    """Tell whether the user may act on an incident; asks the auth manager, so not inside a transaction."""
    if one.document_key is None:
        return may_act_without_document(reader)
    return may_act(reader, dags[one.document_key])
