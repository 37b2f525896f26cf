"""Reading, listing and following tables, and asking the database for its own name."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange, Statement
from airflow_provider_docflow.core.profile import Changes, Page, Query, Reading
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.systems.sql import steps
from airflow_provider_docflow.systems.sql.layout import Layout
from airflow_provider_docflow.systems.sql.rows import reading_of, ref_of
from airflow_provider_docflow.systems.sql.tables import (
    INSTANCES,
    RECEIPTS,
    document_tables,
    header_of,
    instances,
    own_tables,
)

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, MetaData

PAGE = 200
Readings = list[Reading | exc.DocflowError]


def read(layout: Layout) -> Callable[[Site, Sequence[DocumentRef]], Exchange[Readings]]:
    """Return the reading of documents by their ids, a batch in two requests."""

    def run(site: Site, refs: Sequence[DocumentRef]) -> Exchange[Readings]:
        header = header_of(layout, site.time_zone)
        keys = [_key(layout, ref) for ref in refs]
        wanted = [key for key in dict.fromkeys(keys) if key is not None]
        found: dict[str, Reading | exc.DocflowError] = {}
        for start in range(0, len(wanted), PAGE):
            chosen = header.c[layout.id.name].in_(wanted[start : start + PAGE])
            (rows,) = yield from steps.ask(site, Statement(steps.headers_where(site, layout, chosen)))
            lines = yield from steps.lines_by_header(site, layout, rows)
            for row, own in zip(rows, lines, strict=True):
                found[str(row[layout.id.name])] = _read_one(site, layout, row, own)
        return [found.get(ref.internal_id) or _missing(site, ref) for ref in refs]

    return run


def _read_one(
    site: Site, layout: Layout, row: steps.Row, lines: list[steps.Row]
) -> Reading | exc.DocflowError:
    try:
        return reading_of(site, layout, row, lines, datetime.now(UTC))
    except exc.InvalidDocument as error:
        error.system, error.document = site.conn_id, error.document or str(ref_of(site, layout, row))
        return error


def _key(layout: Layout, ref: DocumentRef) -> Any:
    try:
        return steps.id_value(layout, ref.internal_id)
    except exc.NotFound:
        return None


def _missing(site: Site, ref: DocumentRef) -> exc.NotFound:
    return exc.NotFound(
        "it does not exist there.",
        system=site.conn_id,
        document=str(ref),
        remedy="Check whether somebody has deleted it.",
    )


def search(layout: Layout) -> Callable[[Site, Query, str | None], Exchange[Page]]:
    """Return the listing; a page continues after the last id, so that it neither repeats nor skips."""

    def run(site: Site, query: Query, position: str | None) -> Exchange[Page]:
        header = header_of(layout, site.time_zone)
        if query.company_code and layout.assume.get("company_code", query.company_code) != query.company_code:
            return Page(readings=())
        conditions = _conditions(layout, query, header)
        if position is not None:
            conditions.append(header.c[layout.id.name] > steps.id_value(layout, position))
        listing = steps.headers_where(site, layout, *conditions).limit(PAGE + 1)
        (rows,) = yield from steps.ask(site, Statement(listing))
        shown = rows[:PAGE]
        readings = yield from steps.with_lines(site, layout, shown)
        more = str(shown[-1][layout.id.name]) if len(rows) > PAGE else None
        return Page(readings=tuple(readings), next=more)

    return run


def _conditions(layout: Layout, query: Query, header: Any) -> list[ColumnElement[bool]]:
    conditions = []
    if query.numbers:
        conditions.append(header.c[layout.number].in_(list(query.numbers)))
    if query.party:
        conditions.append(_searched(layout, header, layout.party) == query.party)
    if query.company_code and "company_code" not in layout.assume:
        conditions.append(_searched(layout, header, "company_code") == query.company_code)
    if query.issued_from:
        conditions.append(_searched(layout, header, "issue_date") >= query.issued_from)
    if query.issued_to:
        conditions.append(_searched(layout, header, "issue_date") <= query.issued_to)
    if query.changed_since:
        conditions.append(_changed_column(layout, header) >= query.changed_since)
    conditions.extend(_raw(layout, header, name) == value for name, value in query.raw.items())
    return conditions


def _searched(layout: Layout, header: Any, path: str) -> Any:
    found = layout.column_of(path)
    if found is None:
        raise exc.Unsupported(
            f"the table {layout.header} cannot be searched by {path}.",
            field=path,
            remedy="Leave this restriction out, or map the field to a column.",
        )
    return header.c[found.name]


def _raw(layout: Layout, header: Any, name: str) -> Any:
    if name not in header.c:
        raise exc.Unsupported(
            f"the setting tables of {layout.header} names no column {name}.",
            field=name,
            remedy=f"Use one of: {', '.join(header.c.keys())}.",
        )
    return header.c[name]


def _changed_column(layout: Layout, header: Any) -> Any:
    if layout.changed is None or layout.changed.column.type == "integer":
        raise exc.Unsupported(
            f"the table {layout.header} keeps no time of change.", remedy="Give the setting changed a column."
        )
    return header.c[layout.changed.column.name]


def changes(layout: Layout) -> Callable[[Site, str], Exchange[Changes]]:
    """
    Return the change feed over a column that grows with every change.

    A transaction that began earlier may commit later, below what was read already. So each round reads up to
    the newest value at its beginning, and the next one goes back from there by the overlap: references
    repeat, and none is missed as long as no transaction stays open longer than that.
    """

    def run(site: Site, cursor: str) -> Exchange[Changes]:
        import sqlalchemy as sa

        assert layout.changed is not None
        header = header_of(layout, site.time_zone)
        at, key = header.c[layout.changed.column.name], header.c[layout.id.name]
        place = json.loads(cursor) if cursor else {}
        if "upto" not in place:
            (newest,) = yield from steps.ask(
                site, Statement(sa.select(sa.type_coerce(sa.func.max(at), at.type).label("newest")))
            )
            if newest[0]["newest"] is None:
                return Changes(refs=(), cursor=json.dumps(place))
            place = {**place, "upto": _text(newest[0]["newest"])}
        listing = steps.headers_where(site, layout, *_after(layout, header, place))
        (rows,) = yield from steps.ask(site, Statement(listing.order_by(None).order_by(at, key).limit(PAGE)))
        refs = tuple(ref_of(site, layout, row) for row in rows)
        if len(rows) == PAGE:
            last = {"at": _text(rows[-1][at.name]), "id": str(rows[-1][key.name])}
            return Changes(refs=refs, cursor=json.dumps({**place, **last}), more=True)
        return Changes(refs=refs, cursor=json.dumps({"from": place["upto"]}))

    return run


def _after(layout: Layout, header: Any, place: dict[str, str]) -> list[ColumnElement[bool]]:
    import sqlalchemy as sa

    assert layout.changed is not None
    column = layout.changed.column
    at, key = header.c[column.name], header.c[layout.id.name]
    read: Callable[[str], Any] = int if column.type == "integer" else datetime.fromisoformat
    bounds = [at <= read(place["upto"])]
    if "id" in place:
        moment, last = read(place["at"]), steps.id_value(layout, place["id"])
        bounds.append(sa.or_(at > moment, sa.and_(at == moment, key > last)))
    elif "from" in place:
        overlap: Any = layout.changed.overlap
        bounds.append(at >= read(place["from"]) - (overlap if read is int else timedelta(seconds=overlap)))
    return bounds


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def instance(site: Site) -> Exchange[str]:
    """Return the uuid that the database keeps of itself.

    :raises Misconfigured: it keeps none yet, and the connection does not allow docflow to give it one.
    """
    if site.setting("ensure", False):
        return (yield from ensure(site))
    import sqlalchemy as sa

    try:
        (rows,) = yield from steps.ask(site, Statement(sa.select(instances())))
    except exc.Misconfigured as error:
        if not error.code:
            raise
        raise _unprepared(site, error.code) from error
    if not rows:
        raise _unprepared(site, "")
    return str(rows[0]["uuid"])


def _unprepared(site: Site, code: str) -> exc.Misconfigured:
    return exc.Misconfigured(
        f"the database has no readable table {INSTANCES} with a row of its own.",
        system=site.conn_id,
        code=code,
        field="ensure",
        remedy=f"Create {INSTANCES} and {RECEIPTS} by the documented DDL, or switch on ensure in the "
        f"connection {site.conn_id}, if its user may create tables.",
    )


def ensure(site: Site, layouts: Sequence[Layout] = ()) -> Exchange[str]:
    """Create docflow's own two tables where they are missing, and name the database.

    :param layouts: create the tables of these document types too; existing tables are left as they are.
    :returns: the instance.
    """
    import sqlalchemy as sa

    made = document_tables(layouts) if layouts else own_tables()
    for statement in _ddl(made):
        yield from _made(site, statement)
    table = instances()
    while True:
        (rows,) = yield from steps.ask(site, Statement(sa.select(table)))
        if rows:
            return str(rows[0]["uuid"])
        row = {"id": 1, "uuid": str(uuid.uuid4()), "made_at": datetime.now(UTC)}
        try:
            yield from steps.ask(site, Statement(sa.insert(table), row), writes=True)
        except exc.Rejected as error:
            # Only a row that another process has just put there may refuse this one.
            (rows,) = yield from steps.ask(site, Statement(sa.select(table)))
            if not rows:
                raise error


def _made(site: Site, statement: Any) -> Exchange[None]:
    """Create a table; where two processes do so at once, PostgreSQL refuses one in spite of IF NOT EXISTS."""
    for last in (False, False, True):
        try:
            yield from steps.ask(site, Statement(statement), writes=True)
            return
        except (exc.Rejected, exc.Misconfigured, exc.Conflict):
            if last:
                raise


def _ddl(made: MetaData) -> list[Any]:
    from sqlalchemy.schema import CreateTable

    return [CreateTable(table, if_not_exists=True) for table in made.sorted_tables]
