"""Writes the reports of one run, side by side, wherever an ObjectStoragePath leads."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from airflow_provider_docflow.reconcile.dialect import AMOUNT, literal, quoted
from airflow_provider_docflow.reconcile.items import Value
from airflow_provider_docflow.reconcile.outcome import Outcome
from airflow_provider_docflow.reconcile.plan.manual import text_of
from airflow_provider_docflow.reconcile.report.page import Page
from airflow_provider_docflow.reconcile.report.tables import Table, table_of
from airflow_provider_docflow.reconcile.report.workbook import Workbook
from airflow_provider_docflow.reconcile.run import Running

PART = 5_000


def write_report(
    running: Running,
    outcome: Outcome,
    folder: str,
    *,
    conn_id: str = "",
    sensitive: Sequence[str] = (),
    language: str = "en",
) -> dict[str, str]:
    """Write ``.xlsx``, ``.html`` and ``.parquet``.

    :param folder: as :class:`airflow.sdk.ObjectStoragePath` takes it, or a local folder.
    :param conn_id: connection of the object storage, where it needs one.
    :param sensitive: fields whose values nobody sees.
    :returns: format to path.
    """
    table = table_of(running, sensitive)
    name = re.sub(r"[^\w.-]+", "_", f"{outcome.name}-{table.day.isoformat()}")
    with tempfile.TemporaryDirectory(prefix="docflow-report-") as scratch:
        paths = {kind: Path(scratch, f"{name}.{kind}") for kind in ("xlsx", "html", "parquet")}
        workbook, page = Workbook(table.columns, language), Page(table.columns, language)
        told = outcome.to_json(table.hides)
        workbook.summarise(outcome, told)
        rows = _passing(table, running, workbook, page)
        _write_parquet(running, table, rows, paths["parquet"])
        workbook.save(paths["xlsx"])
        page.save(paths["html"], told)
        return {kind: _put(path, folder, conn_id) for kind, path in paths.items()}


def _passing(table: Table, running: Running, workbook: Workbook, page: Page) -> Iterator[Sequence[Value]]:
    """Yield every row once, after the other two have seen it."""
    for row in table.rows(running.items()):
        workbook.add([row])
        page.add(row)
        yield row


def _write_parquet(running: Running, table: Table, rows: Iterator[Sequence[Value]], path: Path) -> None:
    """Write the rows for machines: amounts as decimals, dates as dates."""
    from airflow_provider_docflow.reconcile.engines.duck import DuckEngine

    kinds = running.computed.ground.layout.kinds
    engine = DuckEngine()
    try:
        engine.load("report", table.columns, _texts(rows))
        types = {"amount": AMOUNT, "date": "DATE", "text": "VARCHAR"}
        own = {"rule": "INTEGER", "amount_off": AMOUNT, "age_days": "INTEGER"}
        shown = ", ".join(
            f"cast({quoted(column)} AS {_type(column, table, kinds, types, own)}) AS {quoted(column)}"
            for column in table.columns
        )
        engine.connection.execute(
            f"COPY (SELECT {shown} FROM report) TO {literal(str(path))} (FORMAT parquet)"
        )
    finally:
        engine.close()


def _type(column: str, table: Table, kinds: Any, types: Any, own: Any) -> str:
    _, dot, name = column.partition(".")
    if not dot:
        hidden = column == "amount_off" and table.plan.amount in table.sensitive
        return "VARCHAR" if hidden else str(own.get(column, "VARCHAR"))
    return "VARCHAR" if name in table.sensitive else str(types[kinds[name]])


def _texts(rows: Iterator[Sequence[Value]]) -> Iterator[list[tuple[str | None, ...]]]:
    some: list[tuple[str | None, ...]] = []
    for row in rows:
        some.append(tuple(format(one, "f") if isinstance(one, Decimal) else text_of(one) for one in row))
        if len(some) == PART:
            yield some
            some = []
    if some:
        yield some


def _put(path: Path, folder: str, conn_id: str) -> str:
    if "://" not in folder or folder.startswith("file://"):
        target = Path(folder.removeprefix("file://"))
        target.mkdir(parents=True, exist_ok=True)
        # Moved whole: nobody opens half a report.
        scratch = target / f".{path.name}"
        shutil.copyfile(path, scratch)
        scratch.replace(target / path.name)
        return str(target / path.name)
    from airflow.sdk import ObjectStoragePath

    remote = ObjectStoragePath(folder, conn_id=conn_id or None) / path.name
    with path.open("rb") as source, remote.open("wb") as sink:  # type: ignore[no-untyped-call]
        shutil.copyfileobj(source, sink)
    return str(remote)
