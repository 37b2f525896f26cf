"""The columns of a document type's tables as the database has them now, and the database's clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange, Statement
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.sql import steps
from airflow_provider_docflow.systems.sql.layout import Column, Layout
from airflow_provider_docflow.systems.sql.tables import header_columns, line_columns

_STANDARD = (
    "SELECT column_name AS name, data_type AS type, is_nullable AS nullable, column_default AS preset"
    " FROM information_schema.columns WHERE table_name = :name AND table_schema = {schema}"
    " ORDER BY ordinal_position"
)
_HERE = ("CURRENT_SCHEMA()", "DATABASE()")
_SQLITE = (
    'SELECT name, type, "notnull" AS required, dflt_value AS preset, pk FROM pragma_table_info(:name)'
    " ORDER BY cid"
)
_CLOCKS = ("SELECT UTC_TIMESTAMP(6) AS now", "SELECT CURRENT_TIMESTAMP AS now")


def describer(layout: Layout) -> Callable[[Site], Exchange[list[LiveField]]]:
    """Return the question for the columns of a layout's tables."""

    def describe(site: Site) -> Exchange[list[LiveField]]:
        own = {layout.mark, *layout.initial, *layout.state_columns}
        used = {*(name for name, _ in header_columns(layout))}
        found = yield from _columns(site, layout.header, "", layout.columns, used, own, layout.id.name)
        if layout.lines is not None:
            parents = set(layout.lines.parent)
            used = {name for name, _ in line_columns(layout)}
            key = layout.lines.id.name if layout.lines.id else ""
            found += yield from _columns(
                site, layout.lines.table, f"{layout.lines.table}.", layout.lines.columns, used, parents, key
            )
        return found

    return describe


def _columns(
    site: Site,
    table: str,
    prefix: str,
    mapped: tuple[Column, ...],
    used: set[str],
    own: set[str],
    key: str,
) -> Exchange[list[LiveField]]:
    rows = yield from _rows(site, table)
    if not rows:
        raise exc.Misconfigured(
            f"the database has no table {table} that this login may see.",
            system=site.conn_id,
            field="tables",
            remedy="Correct the tables setting of the connection, or create the table.",
        )
    path = {column.name: column.field for column in mapped}
    line = "lines[*]." if prefix else ""
    return [
        LiveField(
            name=f"{prefix}{row['name']}",
            label="filled in by docflow" if row["name"] in own else "",
            type=str(row["type"]).lower(),
            canonical=f"{line}{path[row['name']]}" if row["name"] in path else "",
            required=_required(row) and row["name"] not in {*own, key},
            custom=row["name"] not in used,
            written=row["name"] in path or row["name"] in own,
        )
        for row in rows
    ]


def _required(row: Mapping[str, Any]) -> bool:
    if row.get("preset") is not None:
        return False
    if "required" in row:
        return bool(row["required"]) and not row["pk"]
    return str(row["nullable"]).upper() == "NO"


def _rows(site: Site, table: str) -> Exchange[list[dict[str, Any]]]:
    """Ask the catalogue; SQLite has one of its own, and MySQL another word for the schema in use."""
    schema, _, name = table.rpartition(".")
    asked = {"name": name, **({"schema": schema} if schema else {})}
    places = (":schema",) if schema else _HERE
    sentences = [(_SQLITE, {"name": name})]
    sentences += [(_STANDARD.format(schema=place), asked) for place in places]
    refusal: exc.DocflowError | None = None
    for sentence, values in sentences:
        try:
            (rows,) = yield from steps.ask(site, Statement(sentence, values))
        except (exc.Misconfigured, exc.Rejected) as error:
            refusal = error
            continue
        return [{key.lower(): value for key, value in row.items()} for row in rows]
    raise exc.Unsupported(
        f"this database does not tell its columns: {refusal.message if refusal else ''}",
        system=site.conn_id,
        remedy="Look into its own catalogue.",
    )


def clock(site: Site) -> Exchange[datetime]:
    """Return the database's own time."""
    for last, sentence in ((False, _CLOCKS[0]), (True, _CLOCKS[1])):
        try:
            (rows,) = yield from steps.ask(site, Statement(sentence))
        except (exc.Misconfigured, exc.Rejected):
            if last:
                raise
            continue
        now = rows[0]["now"]
        moment = datetime.fromisoformat(now) if isinstance(now, str) else now
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    raise AssertionError("unreachable")
