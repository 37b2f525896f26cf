"""``airflow docflow shadow``: what a run in shadow would have written."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.cli.cli_config import Arg

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.arguments import JSON, command, option
from airflow_provider_docflow.cli.common import ledger_from, show_json, show_table, told

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.shadows import ShadowRow

SHADOW = (
    command(
        "shadow",
        "what a run in shadow would have written",
        "shadows.show",
        Arg(("run_id",), help="run id"),
        option("dag", "only the run of this DAG"),
        Arg(("--fields",), help="every field, and what differs from what is there", action="store_true"),
        JSON,
    ),
)


@told
def show(args: Namespace) -> None:
    """Print the report of a run."""
    rows = ledger_from(args).shadows.of_run(args.run_id, dag_id=args.dag)
    if not rows:
        raise exc.NotFound(
            f"no shadow run {args.run_id} is known.",
            remedy="Check the run id, and that its tasks ran with mode='shadow'.",
        )
    verdicts = dict(sorted(Counter(row.verdict for row in rows).items()))
    documents = [_document(row) for row in rows]
    if args.json:
        show_json({"run_id": args.run_id, "verdicts": verdicts, "documents": documents})
        return
    _table(rows)
    if args.fields:
        for one in documents:
            _fields(one)
    print("\n" + ", ".join(f"{count} would {_would(verdict)}" for verdict, count in verdicts.items()))


def _document(row: ShadowRow) -> dict[str, Any]:
    place = {**vars(row.place), "action": row.action, "verdict": row.verdict}
    body = {name: value for name, value in row.body.items() if name != "document"}
    return {**place, "source_number": row.source_number, "fields": {}, "differences": [], **body}


def _table(rows: Sequence[ShadowRow]) -> None:
    show_table(
        ("task", "document", "part", "action", "type", "in", "it would", "why"),
        [
            (
                row.place.task_id,
                row.source_number,
                row.body.get("part", ""),
                row.action,
                row.body.get("document_type", ""),
                row.body.get("system", ""),
                _would(row.verdict),
                row.body.get("error", {}).get("message", ""),
            )
            for row in rows
        ],
    )


def _fields(one: dict[str, Any]) -> None:
    """Print the fields of a document, and beside them what they are now where they differ."""
    if not one["fields"]:
        return
    changed = {each["field"]: each["old"] for each in one["differences"]}
    print(f"\n{one['source_number']} {one.get('part', '')}: {one['action']} {one.get('document_type', '')}")
    names = list(dict.fromkeys([*one["fields"], *changed]))
    show_table(
        ("field", "would be", "is"),
        [(name, one["fields"].get(name, ""), changed.get(name, "")) for name in names],
    )


def _would(verdict: str) -> str:
    from airflow_provider_docflow.operators.shadow import WOULD

    return WOULD.get(verdict, verdict)
