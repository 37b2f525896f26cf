"""The SQL units that reading and writing are made of."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.calls import READ_ATTEMPTS, pause_before_retry
from airflow_provider_docflow.core.exchange import Exchange, Pause, SqlUnit, Statement
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.sql.layout import Layout
from airflow_provider_docflow.systems.sql.rows import Rows, listed
from airflow_provider_docflow.systems.sql.tables import header_of, lines_of, receipts

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select, TableClause

Row = dict[str, Any]


def ask(site: Site, *statements: Statement, writes: bool = False) -> Exchange[list[list[Row]]]:
    """Run statements as one transaction; a unit that only reads is tried up to three times."""
    unit = SqlUnit(statements, writes=writes)
    for attempt in range(1, READ_ATTEMPTS + 1):
        try:
            answer: list[list[Row]] = yield unit
            return answer
        except exc.TransientError as error:
            error.system = site.conn_id
            if writes or attempt == READ_ATTEMPTS:
                raise
            wait = pause_before_retry(error, attempt)
        except exc.DocflowError as error:
            error.system = site.conn_id
            raise
        yield Pause(wait)
    raise AssertionError("unreachable")


def headers_where(site: Site, layout: Layout, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Select whole header rows in the order of their ids."""
    import sqlalchemy as sa

    header = header_of(layout, site.time_zone)
    return sa.select(header).where(*conditions).order_by(header.c[layout.id.name])


def id_value(layout: Layout, internal_id: str) -> Any:
    """Return an internal id as its column has it.

    :raises NotFound: no row can have that id.
    """
    if layout.id.type != "integer":
        return internal_id
    if not internal_id.lstrip("-").isdecimal():
        raise exc.NotFound(f"{internal_id!r} is no id of this table.", field="internal_id")
    return int(internal_id)


def with_lines(site: Site, layout: Layout, headers: Sequence[Row]) -> Exchange[list[Reading]]:
    """Return the readings of header rows, their lines read in one more request."""
    lines = yield from lines_by_header(site, layout, headers)
    now = datetime.now(UTC)
    return [listed(site, layout, header, own, now) for header, own in zip(headers, lines, strict=True)]


def lines_by_header(site: Site, layout: Layout, headers: Sequence[Row]) -> Exchange[list[list[Row]]]:
    """Return the line rows of each header row, in their order."""
    if layout.lines is None or not headers:
        return [[] for _ in headers]
    parent = dict(layout.lines.parent)
    (rows,) = yield from ask(site, Statement(_lines_of_all(site, layout, headers)))
    by_parent: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=_place(layout)):
        by_parent[tuple(str(row[child]) for child in parent)].append(row)
    return [by_parent[tuple(str(header[column]) for column in parent.values())] for header in headers]


def _place(layout: Layout) -> Callable[[Row], tuple[int, str]]:
    """Return the order of lines as people count them: 2 before 10."""
    assert layout.lines is not None
    number = layout.lines.id or next(c for c in layout.lines.columns if c.field == "line_id")

    def place(row: Row) -> tuple[int, str]:
        text = str(row[number.name])
        return (int(text) if text.isdecimal() else -1, text)

    return place


def _lines_of_all(site: Site, layout: Layout, headers: Sequence[Row]) -> Select[Any]:
    import sqlalchemy as sa

    assert layout.lines is not None
    lines = lines_of(layout, site.time_zone)
    if len(layout.lines.parent) == 1:
        ((child, column),) = layout.lines.parent.items()
        return sa.select(lines).where(lines.c[child].in_([row[column] for row in headers]))
    children = sa.tuple_(*(lines.c[child] for child in layout.lines.parent))
    keys = [tuple(row[column] for column in layout.lines.parent.values()) for row in headers]
    return sa.select(lines).where(children.in_(keys))


def receipts_of(marks: Sequence[str]) -> Statement:
    """Select the receipts of marks."""
    import sqlalchemy as sa

    kept = receipts()
    return Statement(sa.select(kept).where(kept.c.mark.in_(list(marks))))


def insert_headers(site: Site, layout: Layout, rows: Sequence[Rows], now: datetime) -> Statement:
    """Insert the headers, all in their first state."""
    import sqlalchemy as sa

    header = header_of(layout, site.time_zone)
    fixed: dict[str, Any] = {**layout.initial, **touched(layout, now)}
    values = [{**row.header, **fixed} for row in rows]
    return Statement(sa.insert(header), values, expect=len(values))


def touched(layout: Layout, now: datetime) -> dict[str, Any]:
    """Return the time of change, where the database keeps one as a time."""
    if layout.changed is None or layout.changed.column.type == "integer":
        return {}
    return {layout.changed.column.name: now}


def insert_lines(site: Site, layout: Layout, rows: Sequence[Rows]) -> Iterator[Statement]:
    """Insert the lines; each finds its header by the mark, so that a generated id need not be known."""
    if layout.lines is None or not any(row.lines for row in rows):
        return
    header = header_of(layout, site.time_zone)
    by_mark = [(row.item.mark, line) for row in rows for line in row.lines]
    yield _insert_by(site, layout, header, layout.mark, by_mark)


def insert_lines_of(site: Site, layout: Layout, row: Rows, key: Any) -> Iterator[Statement]:
    """Insert the lines of an existing header."""
    if layout.lines is None or not row.lines:
        return
    header = header_of(layout, site.time_zone)
    yield _insert_by(site, layout, header, layout.id.name, [(key, line) for line in row.lines])


def _insert_by(
    site: Site, layout: Layout, header: TableClause, by: str, found: Sequence[tuple[Any, Mapping[str, Any]]]
) -> Statement:
    import sqlalchemy as sa

    assert layout.lines is not None
    target = lines_of(layout, site.time_zone)
    names = [column.name for column in layout.lines.columns]
    values = [sa.bindparam(f"v_{name}", type_=target.c[name].type) for name in names]
    parents = [header.c[column] for column in layout.lines.parent.values()]
    source = sa.select(*parents, *values).where(header.c[by] == sa.bindparam("by_", type_=header.c[by].type))
    statement = sa.insert(target).from_select([*layout.lines.parent, *names], source)
    rows = [{"by_": key, **{f"v_{name}": line[name] for name in names}} for key, line in found]
    return Statement(statement, rows, expect=len(rows))


def insert_receipts(
    site: Site, layout: Layout, by: str, found: Sequence[tuple[Any, str, str]], now: datetime
) -> Statement:
    """Write receipts ``(value of column by, mark, content)`` for headers of the same transaction."""
    import sqlalchemy as sa

    header, kept = header_of(layout, site.time_zone), receipts()
    source = sa.select(
        sa.bindparam("mark_", type_=kept.c.mark.type),
        sa.bindparam("content_", type_=kept.c.content_hash.type),
        sa.literal_column(f"'{layout.document_type}'"),
        sa.cast(header.c[layout.id.name], sa.String(120)),
        sa.bindparam("at_", type_=kept.c.written_at.type),
    ).where(header.c[by] == sa.bindparam("by_", type_=header.c[by].type))
    names = ["mark", "content_hash", "document_type", "document_key", "written_at"]
    rows = [{"by_": value, "mark_": mark, "content_": content, "at_": now} for value, mark, content in found]
    return Statement(sa.insert(kept).from_select(names, source), rows, expect=len(rows))
