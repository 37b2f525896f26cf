"""``airflow docflow adopt``: register pairs of documents that exist already."""

from __future__ import annotations

import csv
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import connected, ledger_from, person, show_json, show_table, told
from airflow_provider_docflow.core.mapping import check_mapping
from airflow_provider_docflow.core.profile import Query, Reading
from airflow_provider_docflow.hooks.adopting import Adopter, Adoption, Pair, Route


@told
def adopt(args: Namespace) -> None:
    """Show what pairs come to, and register them with ``--yes``; a pair that differs is refused and named."""
    ledger = ledger_from(args)
    with connected(args) as system_of:
        adopter = Adopter(ledger, system_of, _route(args), actor=person())
        adoptions = _adoptions(adopter, args)
        if args.yes:
            adoptions = adopter.register(adoptions)
    rows = [_row(one, registered=args.yes) for one in adoptions]
    if args.json:
        show_json(rows)
    elif rows:
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    if not args.yes:
        print("nothing was registered; add --yes to do it")
    if any(one.problem for one in adoptions):
        raise SystemExit(1)


def _route(args: Namespace) -> Route:
    try:
        mapping = json.loads(args.mapping) if args.mapping else {}
    except ValueError as error:
        raise exc.Misconfigured(f"--mapping is no JSON: {error}.", field="mapping") from None
    check_mapping(mapping)
    return Route(
        source_conn_id=args.source_conn,
        source_type=args.source_type,
        target_conn_id=args.target_conn,
        target_type=args.target_type,
        mapping=mapping,
        split_by=args.split_by or None,
    )


def _adoptions(adopter: Adopter, args: Namespace) -> list[Adoption]:
    if bool(args.csv) == bool(args.sources):
        raise exc.Misconfigured("give --csv or --sources.", field="csv")
    if args.csv:
        return adopter.named(pairs_from(Path(args.csv)))
    numbers = [number.strip() for number in args.sources.split(",") if number.strip()]
    found = adopter.source.resolve(args.source_type, numbers)
    readings = [reading for reading in found if isinstance(reading, Reading)]
    missing = [
        Adoption(source=number, target="", problem=str(reading))
        for number, reading in zip(numbers, found, strict=True)
        if isinstance(reading, exc.DocflowError)
    ]
    return [*missing, *adopter.matched(readings, Query())]


def pairs_from(path: Path) -> list[Pair]:
    """Read pairs from a csv file.

    :raises Misconfigured: the file is missing, or a column or a value in it is.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError as error:
        raise exc.Misconfigured(f"{path} cannot be read: {error.strerror}.", field="csv") from None
    pairs = []
    for number, row in enumerate(rows, 2):
        source, target = (row.get("source_number") or "").strip(), (row.get("target_number") or "").strip()
        if not source or not target:
            raise exc.Misconfigured(
                f"line {number} of {path.name} lacks source_number or target_number.", field="csv"
            )
        pairs.append(Pair(source, target, (row.get("company_code") or "").strip()))
    return pairs


def _row(one: Adoption, *, registered: bool) -> dict[str, Any]:
    state = "refused" if one.problem else "adopted" if registered else "fits"
    part = one.plan.part if one.plan else ""
    return {"source": one.source, "part": part, "target": one.target, "state": state, "why": one.problem}
