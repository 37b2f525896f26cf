"""
The tables as SQLAlchemy Core sees them, and the two that docflow keeps in the target database itself.

``docflow_receipt`` is written in the transaction of the document that it proves; ``docflow_instance`` is the
database's own name of itself, which survives a rename of the connection and moves with a restore.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.systems.sql.layout import Column, Layout

if TYPE_CHECKING:
    from sqlalchemy import MetaData, Table, TableClause
    from sqlalchemy.types import TypeEngine

RECEIPTS, INSTANCES = "docflow_receipt", "docflow_instance"
UTC = UTC


def to_database(kind: str, value: Any, zone: tzinfo, dialect: str) -> Any:
    """Return ``value`` as the driver takes it; SQLite has text for all that it would make binary."""
    if value is None:
        return None
    if kind == "iso":
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, datetime):
        value = value.astimezone(zone)
        value = value if kind == "timestamptz" else value.replace(tzinfo=None)
        return value.isoformat(sep=" ", timespec="microseconds") if dialect == "sqlite" else value
    if dialect != "sqlite" or kind == "flag":
        return value
    return (
        format(value, "f") if isinstance(value, Decimal) else value.isoformat() if kind == "date" else value
    )


def from_database(kind: str, value: Any, zone: tzinfo, column: str) -> Any:
    """Return a driver's value as docflow means it.

    :raises Misconfigured: the column cannot hold such values, as one of floats cannot hold money.
    """
    if value is None:
        return None
    try:
        return _READ[kind](value) if kind in _READ else _moment(value, zone)
    except ValueError as error:
        raise exc.Misconfigured(
            f"the column {column} gave a value that is no {kind}: {error}.",
            field=column,
            remedy="Declare it as DECIMAL or NUMERIC (TEXT on SQLite), DATE or TIMESTAMP; see the docs.",
        ) from None


_READ: dict[str, Callable[[Any], Any]] = {
    "text": str,
    "integer": fields.whole,
    "decimal": fields.exact,
    "date": fields.day,
    "flag": fields.FLAG.read,
}


def _moment(value: Any, zone: tzinfo) -> datetime:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise ValueError(f"{value!r} is no moment")
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


@cache
def _column_type() -> type[TypeEngine[Any]]:
    import sqlalchemy as sa

    class ColumnType(sa.types.UserDefinedType[Any]):
        """Hands values to the driver and back without SQLAlchemy's own conversions, which use floats."""

        cache_ok = True

        def __init__(self, kind: str, zone: tzinfo, column: str) -> None:
            self.kind, self.zone, self.column = kind, zone, column

        def bind_processor(self, dialect: Any) -> Callable[[Any], Any]:
            return lambda value: to_database(self.kind, value, self.zone, dialect.name)

        def result_processor(self, dialect: Any, coltype: Any) -> Callable[[Any], Any]:
            return lambda value: from_database(self.kind, value, self.zone, self.column)

    return ColumnType


@lru_cache(maxsize=256)
def table(name: str, columns: tuple[tuple[str, str], ...], zone: tzinfo = UTC) -> TableClause:
    """Return the table of ``(column, type)`` pairs, always the same one; a column's first type counts."""
    import sqlalchemy as sa

    schema, _, bare = name.rpartition(".")
    kinds: dict[str, str] = {}
    for column, kind in columns:
        kinds.setdefault(column, kind)
    build: Any = _column_type()
    return sa.table(
        bare,
        *(sa.column(column, build(kind, zone, f"{name}.{column}")) for column, kind in kinds.items()),
        schema=schema or None,
    )


def header_of(layout: Layout, zone: tzinfo) -> TableClause:
    """Return the header table of a layout."""
    return table(layout.header, tuple(header_columns(layout)), zone)


def header_columns(layout: Layout) -> list[tuple[str, str]]:
    """Name every column of the header that docflow reads or writes, with its type."""
    moves = layout.actions.values()
    changed = [layout.changed.column] if layout.changed else []
    typed = [layout.id, *layout.columns, *changed, *(c for move in moves for c in move.arguments.values())]
    words = [layout.mark, layout.number, *layout.initial, *layout.state_columns, *layout.amend]
    words += [name for move in moves for name in (*move.source, *move.target)]
    return [*((column.name, column.type) for column in typed), *((name, "text") for name in words)]


def lines_of(layout: Layout, zone: tzinfo) -> TableClause:
    """Return the line table of a layout that has one."""
    assert layout.lines is not None
    return table(layout.lines.table, tuple(line_columns(layout)), zone)


def line_columns(layout: Layout) -> list[tuple[str, str]]:
    """Name every column of the line table that docflow reads or writes, with its type."""
    assert layout.lines is not None
    own = [layout.lines.id] if layout.lines.id else []
    of_header = dict(reversed(header_columns(layout)))
    parents = [(child, of_header.get(column, "text")) for child, column in layout.lines.parent.items()]
    return [*((column.name, column.type) for column in (*own, *layout.lines.columns)), *parents]


def receipts() -> TableClause:
    """Return the table of receipts."""
    return table(
        RECEIPTS,
        (
            ("mark", "text"),
            ("content_hash", "text"),
            ("document_type", "text"),
            ("document_key", "text"),
            ("written_at", "timestamp"),
        ),
    )


def instances() -> TableClause:
    """Return the table of the database's own name."""
    return table(INSTANCES, (("id", "integer"), ("uuid", "text"), ("made_at", "timestamp")))


def own_tables() -> MetaData:
    """Return docflow's two tables as they are created."""
    import sqlalchemy as sa

    made, moment = sa.MetaData(), _sql_type("timestamp")
    sa.Table(
        RECEIPTS,
        made,
        sa.Column("mark", sa.String(64), primary_key=True),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("document_type", sa.String(40), nullable=False),
        sa.Column("document_key", sa.String(120), nullable=False),
        sa.Column("written_at", moment, nullable=False),
        mysql_engine="InnoDB",
    )
    sa.Table(
        INSTANCES,
        made,
        sa.Column("id", sa.Integer, sa.CheckConstraint("id = 1"), primary_key=True, autoincrement=False),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("made_at", moment, nullable=False),
        mysql_engine="InnoDB",
    )
    return made


def document_tables(layouts: Iterable[Layout]) -> MetaData:
    """Return header and line tables as docflow would create them where none exist yet."""
    made = own_tables()
    for layout in layouts:
        header = _header_table(made, layout)
        if layout.lines is not None:
            _line_table(made, layout, header)
    return made


def _sql_type(kind: str, column: Column | None = None) -> Any:
    import sqlalchemy as sa
    from sqlalchemy.dialects.mysql import DATETIME

    fine = column is not None and column.field in ("price_amount", "quantity", "base_quantity")
    decimals = 10 if fine else 4
    return {
        "text": sa.String(255),
        "integer": sa.Integer(),
        "decimal": sa.Numeric(18 + decimals, decimals).with_variant(sa.Text(), "sqlite"),
        "date": sa.Date(),
        "flag": sa.Boolean(),
        "timestamp": sa.DateTime().with_variant(DATETIME(fsp=6), "mysql", "mariadb"),
        "timestamptz": sa.DateTime(timezone=True),
        "iso": sa.String(30),
    }[kind]


def _header_table(made: MetaData, layout: Layout) -> Table:
    import sqlalchemy as sa

    typed = {column.name: column for column in layout.columns}
    kinds = dict(reversed(header_columns(layout)))
    required = {*layout.key, layout.mark, *layout.initial}
    columns = [
        sa.Column(
            name,
            sa.String(64) if name == layout.mark else _sql_type(kind, typed.get(name)),
            primary_key=name == layout.id.name,
            nullable=name not in required | {layout.id.name},
            unique=name == layout.mark,
        )
        for name, kind in kinds.items()
    ]
    schema, _, bare = layout.header.rpartition(".")
    return sa.Table(bare, made, *columns, schema=schema or None, mysql_engine="InnoDB")


def _line_table(made: MetaData, layout: Layout, header: Table) -> None:
    import sqlalchemy as sa

    assert layout.lines is not None
    typed = {column.name: column for column in layout.lines.columns}
    kinds = dict(reversed(line_columns(layout)))
    number = next(column.name for column in layout.lines.columns if column.field == "line_id")
    primary = {layout.lines.id.name} if layout.lines.id else {*layout.lines.parent, number}
    columns = [
        sa.Column(name, _sql_type(kind, typed.get(name)), primary_key=name in primary)
        for name, kind in kinds.items()
    ]
    parent = sa.ForeignKeyConstraint(
        list(layout.lines.parent), [header.c[column] for column in layout.lines.parent.values()]
    )
    schema, _, bare = layout.lines.table.rpartition(".")
    sa.Table(bare, made, *columns, parent, schema=schema or None, mysql_engine="InnoDB")
