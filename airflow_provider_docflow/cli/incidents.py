"""``airflow docflow incidents``, ``retry`` and ``recreate``."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import ledger_from, person, show_json, show_table, told


@told
def list_incidents(args: Namespace) -> None:
    """Print incidents, the oldest first."""
    status = "" if args.status == "all" else args.status
    found = ledger_from(args).incidents.search(
        status=status, category=args.category, group_key=args.group, text=args.text, limit=10_000
    )
    rows = [
        {
            "id": one.id,
            "status": one.status,
            "category": one.category,
            "document": one.document_number,
            "field": one.field,
            "code": one.code,
            "since": one.opened_at.isoformat(timespec="seconds"),
            "reason": one.reason,
        }
        for one in found
    ]
    if args.json:
        show_json(rows)
    elif rows:
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print("no incidents")


@told
def retry(args: Namespace) -> None:
    """Let held documents continue; the next run of their task takes them up where they stopped."""
    ledger = ledger_from(args)
    if (args.incident is None) == (not args.group):
        raise exc.Misconfigured("name one incident or one --group.", field="incident")
    if args.group:
        found = ledger.incidents.search(group_key=args.group, limit=10_000)
    else:
        found = [ledger.incidents.get(args.incident)]
    for one in found:
        _reopen(ledger, one, args.reason)
        print(f"incident {one.id}: {one.document_number or one.code} may continue")
        for line in _tasks(ledger, one):
            print(f"  {line}")
    if not found:
        print("no open incident in this group")


def _reopen(ledger: Any, one: Any, reason: str) -> None:
    if one.status != "open":
        raise exc.Rejected(f"incident {one.id} is closed.", remedy="Nothing: it does not hold anything.")
    row = ledger.intents.by_id(one.intent_id) if one.intent_id is not None else None
    if row is not None and row.status == "held":
        ledger.intents.reopen(one.intent_id, person(), reason)
    else:
        ledger.incidents.close(one.id, actor=person(), reason=reason)


def _tasks(ledger: Any, one: Any) -> list[str]:
    """Name the tasks that had the document in hand, with the command that runs them again."""
    refs = [entry.ref for entry in ledger.documents.find(one.document_number)] if one.document_number else []
    touches = {
        (touch.dag_id, touch.run_id, touch.task_id) for ref in refs for touch in ledger.documents.touches(ref)
    }
    return [
        f"clear task {task_id} of run {run_id} in DAG {dag_id} (or wait for its next run)"
        for dag_id, run_id, task_id in sorted(touches)
    ]


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
