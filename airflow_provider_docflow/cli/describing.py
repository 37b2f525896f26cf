"""``airflow docflow describe``: the fields of a document type as the system has them now."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from airflow_provider_docflow.cli.common import show_json, show_table, told
from airflow_provider_docflow.cli.reaching import live_fields, looked_at


@told
def describe(args: Namespace) -> None:
    """Print the live fields of a document type; nothing is written."""
    with looked_at(args.conn_id) as system:
        fields = live_fields(system, args.document_type)
    if args.json:
        show_json([asdict(field) for field in fields])
        return
    show_table(
        ("field", "docflow's field", "required", "custom", "type", "label"),
        [
            (
                field.name,
                _canonical(field),
                "required" if field.required else "",
                "custom" if field.custom else "",
                field.type,
                field.label,
            )
            for field in fields
        ],
    )
    if any(field.required and not field.canonical for field in fields):
        print("\nRequired fields without a field of docflow's are filled in by nobody yet: give them to")
        print("the connection's settings, or as extensions by the mapping of the flow.")


def _canonical(field: Any) -> str:
    if not field.canonical:
        return "-"
    return str(field.canonical) if field.written else f"{field.canonical} (read only)"
