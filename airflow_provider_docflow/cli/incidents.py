"""``airflow docflow incidents``, ``retry``, ``assign``, ``close`` and ``recreate``."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import (
    Connections,
    ledger_from,
    person,
    show_json,
    show_table,
    told,
)

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger import Ledger
    from airflow_provider_docflow.ledger.incidents import Incident

_SHOWN = (
    "id",
    "status",
    "category",
    "system",
    "type",
    "document",
    "field",
    "code",
    "owner",
    "assignee",
    "due",
)


@told
def list_incidents(args: Namespace) -> None:
    """Print incidents, the oldest first."""
    ledger = ledger_from(args)
    sizes = ledger.incidents.groups()
    if args.groups:
        _show([{"group": group, "open": size} for group, size in sizes.items()], args, "no open incidents")
        return
    found = ledger.incidents.search(
        status="" if args.status == "all" else args.status,
        category=args.category,
        owner_role=args.owner,
        assignee=args.assignee,
        group_key=args.group,
        text=args.text,
        limit=10_000,
    )
    rows = _rows(ledger, found, sizes)
    shown = rows if args.json else [_for_people(row, (*_SHOWN, "reason")) for row in rows]
    _show(shown, args, "no incidents")


def _show(rows: Sequence[dict[str, Any]], args: Namespace, nothing: str) -> None:
    if args.json:
        show_json(rows)
    elif rows:
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print(nothing)


def _rows(ledger: Ledger, found: Sequence[Incident], sizes: dict[str, int]) -> list[dict[str, Any]]:
    connections = Connections(ledger, [one.instance_id for one in found if one.instance_id])
    refs = ledger.documents.refs([one.ref_key for one in found if one.ref_key])
    types = {key: str(ref.document_type) for key, ref in refs.items()}
    return [_row(one, sizes, connections[one.instance_id], types.get(one.ref_key or "", "")) for one in found]


def _for_people(row: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return a row with its system by the name of a connection, as people know it."""
    named = {**row, "system": row["connection"] or row["system"], "type": row["document_type"]}
    return {name: named[name] for name in names}


def _row(one: Incident, sizes: dict[str, int], connection: str, document_type: str) -> dict[str, Any]:
    return {
        "id": one.id,
        "status": one.status,
        "category": one.category,
        "system": one.instance_id,
        "connection": connection,
        "document_type": document_type,
        "document": one.document_number,
        "field": one.field,
        "code": one.code,
        "owner": one.owner_role,
        "assignee": one.assignee,
        "due": one.due.isoformat(timespec="minutes") if one.due else "",
        "since": one.opened_at.isoformat(timespec="seconds"),
        "group": one.group_key,
        "group_size": sizes.get(one.group_key, 0),
        "reason": one.reason,
    }


@told
def show_incident(args: Namespace) -> None:
    """Print one incident with its history."""
    ledger = ledger_from(args)
    one = ledger.incidents.get(args.incident)
    history = [
        {
            "at": event.at.isoformat(timespec="seconds"),
            "event": event.event,
            "by": event.actor,
            "note": event.note,
        }
        for event in ledger.incidents.history(one.id)
    ]
    (row,) = _rows(ledger, [one], ledger.incidents.groups())
    if args.json:
        show_json({**row, "history": history})
        return
    told_of = _for_people(row, (*_SHOWN[1:], "since", "group", "group_size", "reason"))
    show_table(("incident", str(one.id)), list(told_of.items()))
    print()
    show_table(list(history[0]), [list(event.values()) for event in history])


@told
def retry(args: Namespace) -> None:
    """Let held documents continue; the next run of their task takes them up where they stopped."""
    ledger = ledger_from(args)
    if (args.incident is None) == (not args.group):
        raise exc.Misconfigured("name one incident or one --group.", field="incident")
    retried, left = _retried(ledger, args)
    touches = {}
    for one in retried:
        touch = ledger.desk.last_touch(one)
        if touch is not None:
            touches[touch.dag_id, touch.run_id, touch.task_id, touch.map_index] = touch
        if not args.json:
            print(f"incident {one.id}: {one.document_number or one.code} may continue")
    runs = _rerun(list(touches.values()), args)
    if args.json:
        show_json({"retried": [one.id for one in retried], "left": left, "tasks": runs})
    elif not retried:
        print("no open incident in this group")
    elif left:
        print(f"{left} incidents of this group are still open")


def _retried(ledger: Any, args: Namespace) -> tuple[list[Any], int]:
    if args.incident is not None:
        return [ledger.desk.retry(args.incident, actor=person(), reason=args.reason)], 0
    try:
        done = ledger.desk.retry_group(args.group, actor=person(), reason=args.reason)
    except exc.NotFound:
        return [], 0
    return done.retried, done.left


def _rerun(touches: list[Any], args: Namespace) -> list[dict[str, Any]]:
    """Clear the tasks that met the incidents, or say how to."""
    from airflow_provider_docflow.hooks.rerunning import in_own_session

    if args.rerun:
        done = [one.to_json() for one in in_own_session(touches)]
        for one in [] if args.json else done:
            print(f"  task {one['task_id']} of run {one['run_id']} in DAG {one['dag_id']}: {one['state']}")
        return done
    told_of = []
    for touch in touches:
        command = _command(touch)
        told_of.append({"dag_id": touch.dag_id, "run_id": touch.run_id, "task_id": touch.task_id})
        told_of[-1] |= {"map_index": touch.map_index, "command": command}
        if not args.json:
            where = f"task {touch.task_id} of run {touch.run_id} in DAG {touch.dag_id}"
            print(f"  clear {where} (or wait for its next run, or add --rerun):\n    {command}")
    return told_of


def _command(touch: Any) -> str:
    from airflow.utils.session import create_session
    from sqlalchemy.exc import SQLAlchemyError

    from airflow_provider_docflow.hooks.rerunning import command_for, logical_date_of

    try:
        with create_session() as session:
            return command_for(touch, logical_date_of(touch, session))
    except SQLAlchemyError:
        return command_for(touch)


@told
def assign(args: Namespace) -> None:
    """Say who has taken an incident on."""
    ledger = ledger_from(args)
    one = ledger.desk.assign(args.incident, assignee=args.assignee, actor=person(), reason=args.reason)
    print(f"incident {one.id}: {one.assignee or 'nobody'} has it")


@told
def close(args: Namespace) -> None:
    """Close an incident because a person says that it is settled."""
    one = ledger_from(args).desk.close(args.incident, actor=person(), reason=args.reason)
    print(f"incident {one.id}: closed")


@told
def recreate(args: Namespace) -> None:
    """Raise the generation of a document that a person wants created once more."""
    ledger = ledger_from(args)
    rows = [
        row
        for row in ledger.intents.find(
            source_number=args.number, target_type=args.target_type, purpose="create"
        )
        if row.key.part == args.part or not args.part
    ]
    keys = {row.key.business_digest: row.key for row in rows}
    if len(keys) != 1:
        parts = ", ".join(sorted({f"{row.key.company_code}/{row.key.part or '-'}" for row in rows})) or "none"
        raise exc.NotFound(
            f"{len(keys)} writes of a {args.target_type} from {args.number} are recorded: {parts}.",
            document=args.number,
            remedy="Name the part with --part.",
        )
    latest = max(rows, key=lambda row: row.key.generation)
    if latest.status == "done":
        ledger.intents.void(latest.intent_id, args.reason, actor=person())
    key = ledger.intents.raise_generation(latest.key, person(), args.reason)
    print(f"{args.number}: generation {key.generation} is created when its flow runs next")
