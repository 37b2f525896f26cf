"""``airflow docflow map``: what a document would become in another system; nothing is sent."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import show_json, show_table, told
from airflow_provider_docflow.cli.comparing import Row, fields_missing, overridden, rows_of
from airflow_provider_docflow.cli.reaching import live_fields, looked_at, route_end
from airflow_provider_docflow.core.mapping import check_mapping
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.core.site import Site


@told
def preview(args: Namespace) -> None:
    """Read the source, and show source → canonical → target with values; exit code 1 if one is missing."""
    mapping = mapping_from(args.mapping)
    (source_conn, source_type), (target_conn, target_type) = route_end(args.source), route_end(args.target)
    with looked_at(source_conn) as source, looked_at(target_conn) as target:
        target.address.profile.of(target_type)
        reading = _read(source, source_type, args.number, args.company)
        there, here = _fields(source, source_type), _fields(target, target_type)
    counts = _as_it_counts(reading, args.ledger_conn_id)
    told: dict[str, Any] = {
        "source": f"{source_conn}:{source_type}",
        "target": f"{target_conn}:{target_type}",
        "number": reading.ref.number,
        "instance": reading.ref.instance,
        "parts": _parts(reading, counts, target_type, mapping, args.split_by, there, here, target.address),
    }
    if args.json:
        show_json(told)
    else:
        _show(told)
    if any(part["missing"] or part["problem"] for part in told["parts"]):
        raise SystemExit(1)


def mapping_from(text: str) -> dict[str, str]:
    """Read a mapping, given as JSON or as the path of a file that holds it.

    :raises Misconfigured: it is neither, or an expression in it is none.
    """
    if not text:
        return {}
    try:
        found = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise exc.Misconfigured(f"--mapping is no JSON: {error}.", field="mapping") from None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise exc.Misconfigured("--mapping is no object of field → expression.", field="mapping")
    check_mapping(found)
    return found


def _read(system: Any, document_type: str, number: str, company: str) -> Reading:
    found = system.resolve(document_type, [number], company)[0]
    if isinstance(found, exc.DocflowError):
        raise found
    reading: Reading = system.read_one(found.ref)
    return reading


def _as_it_counts(reading: Reading, ledger_conn_id: str) -> Reading:
    """Return the document as flows take it: with what people put in place of what the system shows."""
    from airflow_provider_docflow.hooks.ledger import ledger_of
    from airflow_provider_docflow.hooks.overriding import with_overrides

    try:
        found = with_overrides(ledger_of(ledger_conn_id), [reading], records=False)[0]
    except exc.LedgerError:
        # Without a ledger nobody has overridden anything.
        return reading
    return found if isinstance(found, Reading) else reading


def _fields(system: Any, document_type: str) -> list[Any]:
    try:
        return live_fields(system, document_type)
    except exc.Unsupported:
        return []


def _parts(
    shown: Reading,
    counts: Reading,
    document_type: str,
    mapping: Mapping[str, str],
    split_by: str,
    there: Sequence[Any],
    here: Sequence[Any],
    target: Site,
) -> list[dict[str, Any]]:
    """Return what the flow itself would plan; a document that cannot become one shows why."""
    from airflow_provider_docflow.hooks.plans import plans_for

    try:
        # Whose tenant fields are shown is all that the target's name is for here.
        instance = target.instance or target.conn_id
        plans = plans_for(
            counts, document_type, mapping=mapping, split_by=split_by or None, instance=instance
        )
    except exc.InvalidDocument as error:
        rows = rows_of(shown.document, None, mapping, there, here)
        problem = {"field": error.field, "why": error.message, "remedy": error.remedy}
        return [{"part": "", "fields": [asdict(row) for row in rows], "missing": [], "problem": problem}]
    people = overridden(shown.document, counts.document)
    return [
        {
            "part": plan.part,
            "fields": [
                asdict(row) for row in rows_of(shown.document, plan.document, mapping, there, here, people)
            ],
            "missing": [asdict(one) for one in fields_missing(plan.document, here)],
            "problem": None,
        }
        for plan in plans
    ]


def _show(told: Mapping[str, Any]) -> None:
    for part in told["parts"]:
        name = f", part {part['part']}" if part["part"] else ""
        print(f"\n{told['number']} of {told['source']} → {told['target']}{name}")
        rows = [Row(**row) for row in part["fields"]]
        show_table(
            ("source field", "value", "canonical", "target field", "value", "how"),
            [
                (
                    row.source_field,
                    row.source_value,
                    row.canonical,
                    row.target_field,
                    row.target_value,
                    row.how,
                )
                for row in rows
            ],
        )
        for one in part["missing"]:
            print(f"missing: {one['field']} ({one['canonical'] or 'no canonical field'}): {one['why']}")
        if part["problem"]:
            problem = part["problem"]
            print(f"cannot be mapped: {problem['field']}: {problem['why']} {problem['remedy']}")
    print("\nNothing was sent.")
