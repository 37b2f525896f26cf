"""Changes of what is there already: amendments and changes of state, compared and set in one statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.exchange import Exchange, Statement
from airflow_provider_docflow.core.paging import WriteResult, one_by_one
from airflow_provider_docflow.core.profile import Finding, Reading, WriteItem, Written
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.systems.sql import steps
from airflow_provider_docflow.systems.sql.layout import Layout, Move
from airflow_provider_docflow.systems.sql.rows import fingerprint, named, ref_of, rows_of
from airflow_provider_docflow.systems.sql.tables import header_of, lines_of, receipts

Run = Callable[[Site, Sequence[WriteItem]], Exchange[list[WriteResult]]]
Words = Mapping[str, tuple[str, ...]]


def action(layout: Layout, name: str) -> Run:
    """Return the write that moves documents to another state."""
    move = layout.actions[name]

    def write(site: Site, item: WriteItem) -> Exchange[Written]:
        values = {**move.target, **_arguments(move, item, name)}
        return (
            yield from _once(
                site, layout, item, move, name, lambda key: [_update(site, layout, key, move.source, values)]
            )
        )

    return _each(write)


def amend(layout: Layout) -> Run:
    """Return the write that replaces a document's rows while its state allows it."""
    move = Move(source=layout.amend, target={}, arguments={})

    def write(site: Site, item: WriteItem) -> Exchange[Written]:
        row = rows_of(site, layout, item)
        header = {column: value for column, value in row.header.items() if column != layout.mark}

        def statements(key: Any) -> list[Statement]:
            return [
                _update(site, layout, key, layout.amend, header),
                *_without_lines(site, layout, key),
                *steps.insert_lines_of(site, layout, row, key),
            ]

        return (yield from _once(site, layout, item, move, "amend", statements))

    return _each(write)


def _each(write: Callable[[Site, WriteItem], Exchange[Written]]) -> Run:
    def with_name(site: Site, item: WriteItem) -> Exchange[Written]:
        try:
            return (yield from write(site, item))
        except exc.DocflowError as error:
            raise named(site, error, item) from error

    return one_by_one(with_name)


def _arguments(move: Move, item: WriteItem, name: str) -> dict[str, Any]:
    if unknown := sorted(set(item.arguments) - set(move.arguments)):
        raise exc.InvalidDocument(
            f"the action {name} takes no {', '.join(unknown)}.",
            field=unknown[0],
            remedy=f"Give only: {', '.join(move.arguments) or 'nothing'}.",
        )
    readers: dict[str, Callable[[Any], Any]] = {
        "decimal": fields.exact, "date": fields.day, "integer": fields.whole, "flag": fields.FLAG.read
    }  # fmt: skip
    values = {}
    for argument, given in item.arguments.items():
        column = move.arguments[argument]
        try:
            values[column.name] = readers.get(column.type, str)(given)
        except ValueError as error:
            raise exc.InvalidDocument(f"{error}.", field=argument) from None
    return values


def _once(
    site: Site,
    layout: Layout,
    item: WriteItem,
    move: Move,
    name: str,
    statements: Callable[[Any], list[Statement]],
) -> Exchange[Written]:
    """Make one change with its receipt, unless the receipt is there already."""
    if item.ref is None:
        raise exc.InvalidDocument("there is no document to change.", remedy="Give the write its reference.")
    key, content = steps.id_value(layout, item.ref.internal_id), fingerprint(site, item)
    row, receipt = yield from _look(site, layout, item, key)
    if receipt is not None and receipt["content_hash"] != content:
        raise exc.Duplicate(
            f"this {name} was done before with other values.",
            code="other_content",
            remedy="Compare both; have a person decide.",
        )
    if receipt is not None or (move.target and _is(row, move.target)):
        return Written(ref=ref_of(site, layout, row), detail={"already": True})
    proof = steps.insert_receipts(
        site, layout, layout.id.name, [(key, item.mark, content)], datetime.now(UTC)
    )
    try:
        yield from steps.ask(site, *statements(key), proof, writes=True)
    except (exc.Conflict, exc.Rejected) as error:
        row, receipt = yield from _look(site, layout, item, key)
        if receipt is not None and receipt["content_hash"] == content:
            return Written(ref=ref_of(site, layout, row), detail={"already": True})
        _refuse_state(layout, row, move.source, name, error)
        raise
    return Written(ref=ref_of(site, layout, row))


def _look(site: Site, layout: Layout, item: WriteItem, key: Any) -> Exchange[tuple[Any, Any]]:
    header = header_of(layout, site.time_zone)
    found, kept = yield from steps.ask(
        site,
        Statement(steps.headers_where(site, layout, header.c[layout.id.name] == key)),
        steps.receipts_of([item.mark]),
    )
    if not found:
        raise exc.NotFound(f"{item.ref} does not exist there.", system=site.conn_id)
    return found[0], next(iter(kept), None)


def _is(row: Mapping[str, Any], words: Mapping[str, str]) -> bool:
    return all(row[column] == word for column, word in words.items())


def _refuse_state(layout: Layout, row: Mapping[str, Any], source: Words, name: str, error: Exception) -> None:
    for column, allowed in source.items():
        if row[column] not in allowed:
            raise exc.Rejected(
                f"it cannot {name} while its {column} is {row[column]!r}.",
                code="state",
                field=column,
                remedy=f"The state must be one of: {', '.join(allowed)}.",
            ) from error


def _update(site: Site, layout: Layout, key: Any, source: Words, values: Mapping[str, Any]) -> Statement:
    import sqlalchemy as sa

    header = header_of(layout, site.time_zone)
    allowed = [header.c[column].in_(list(words)) for column, words in source.items()]
    changed = {**values, **steps.touched(layout, datetime.now(UTC))}
    return Statement(
        sa.update(header).where(header.c[layout.id.name] == key, *allowed).values(changed), expect=1
    )


def _without_lines(site: Site, layout: Layout, key: Any) -> list[Statement]:
    import sqlalchemy as sa

    if layout.lines is None:
        return []
    header, lines = header_of(layout, site.time_zone), lines_of(layout, site.time_zone)
    parents = [
        lines.c[child] == sa.select(header.c[column]).where(header.c[layout.id.name] == key).scalar_subquery()
        for child, column in layout.lines.parent.items()
    ]
    return [Statement(sa.delete(lines).where(*parents))]


def find_by_mark(layout: Layout) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[Finding]]]:
    """Return the probe for a created document: the header that carries the mark."""

    def find(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
        header = header_of(layout, site.time_zone)
        marks = [item.mark for item in items]
        (rows,) = yield from steps.ask(
            site, Statement(steps.headers_where(site, layout, header.c[layout.mark].in_(marks)))
        )
        readings = yield from steps.with_lines(site, layout, rows)
        by_mark = {row[layout.mark]: reading for row, reading in zip(rows, readings, strict=True)}
        return [_finding(by_mark.get(mark)) for mark in marks]

    return find


def find_by_receipt(layout: Layout) -> Callable[[Site, Sequence[WriteItem]], Exchange[list[Finding]]]:
    """Return the probe for a change: the receipt that was written with it."""

    def find(site: Site, items: Sequence[WriteItem]) -> Exchange[list[Finding]]:
        header, kept = header_of(layout, site.time_zone), receipts()
        (proofs,) = yield from steps.ask(site, steps.receipts_of([item.mark for item in items]))
        keys = {proof[kept.c.mark.name]: str(proof["document_key"]) for proof in proofs}
        wanted = [steps.id_value(layout, key) for key in dict.fromkeys(keys.values())]
        (rows,) = yield from steps.ask(
            site, Statement(steps.headers_where(site, layout, header.c[layout.id.name].in_(wanted)))
        )
        readings = yield from steps.with_lines(site, layout, rows)
        by_key = {reading.ref.internal_id: reading for reading in readings}
        return [_finding(by_key.get(keys.get(item.mark, ""))) for item in items]

    return find


def _finding(reading: Reading | None) -> Finding:
    return Finding(marked=(reading,) if reading else ())
