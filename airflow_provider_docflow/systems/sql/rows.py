"""A document as rows, and rows as a reading."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.profile import Reading, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import state_of
from airflow_provider_docflow.document import (
    Document,
    DocumentRef,
    DocumentType,
    Line,
    content_hash,
    document_from_json,
)
from airflow_provider_docflow.systems.sql.layout import Column, Layout

_WITHOUT_LINES = ("id", "issue_date")
_OF_A_LINE = ("line_id", "quantity")


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What is written for one item."""

    item: WriteItem
    content: str
    header: Mapping[str, Any]
    lines: Sequence[Mapping[str, Any]]
    key: tuple[Any, ...]


def fingerprint(site: Site, item: WriteItem) -> str:
    """Return what an item asks for as a hash: the same again, or something else under the same mark."""
    asked = {
        "document": content_hash(item.document, instance=site.instance) if item.document else "",
        "ref": list(item.ref.identity) if item.ref else [],
        "arguments": {name: str(value) for name, value in item.arguments.items()},
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def named(site: Site, error: exc.DocflowError, item: WriteItem) -> exc.DocflowError:
    """Return ``error`` with the document that it concerns; here every refusal means that nothing landed."""
    label = (
        item.reference or (item.document.id if item.document else "") or (str(item.ref) if item.ref else "")
    )
    known = {"system": site.conn_id, "document": label or item.mark, **error.attrs()}
    own = type(error)(error.message, **known)
    if isinstance(own, exc.Duplicate):
        # The database has shown which other document is there: no probe could tell more.
        own.landed = "no"
    return own


def rows_of(site: Site, layout: Layout, item: WriteItem) -> Rows:
    """Turn an item's document into rows.

    :raises InvalidDocument: the tables cannot hold it as it is.
    """
    document = item.document
    if document is None:
        raise exc.InvalidDocument("there is no document to write.", remedy="Give the write its document.")
    document = document.totalled()
    fields.held(document, layout.assume, site.instance)
    heads, cells = (
        {*layout.assume, *(one.field for one in some)}
        for some in (layout.columns, layout.lines.columns if layout.lines else ())
    )
    fields.sayable(document, heads, cells, site.instance, lines=layout.lines is not None)
    header = {column.name: _value(site, document, column, item) for column in layout.columns}
    for path in (*(column.field for column in layout.columns if column.name in layout.key), layout.party):
        _needed(document, path, item, site)
    lines = [_line(site, layout, line, item) for line in document.lines] if layout.lines else []
    return Rows(
        item=item,
        content=fingerprint(site, item),
        header={**header, layout.mark: item.mark},
        lines=lines,
        key=tuple(header[column] for column in layout.key),
    )


def _needed(document: Document, path: str, item: WriteItem, site: Site) -> None:
    found = item.reference if path == "reference" else fields.pick(document, path, site.instance)
    if found in (None, "") and path != "company_code":
        raise exc.InvalidDocument(
            "is empty, but identifies the document in this database.",
            field=path,
            remedy="Fill it in at the source, or give it by the mapping.",
        )


def _value(site: Site, part: Document | Line, column: Column, item: WriteItem) -> Any:
    reference = column.field == "reference"
    value = (item.reference or None) if reference else fields.pick(part, column.field, site.instance)
    if value is None:
        return "" if column.field == "company_code" else column.empty
    try:
        return (
            fields.whole(value)
            if column.type == "integer"
            else _text(value)
            if column.type == "text"
            else value
        )
    except ValueError as error:
        raise exc.InvalidDocument(
            f"cannot be written to the column {column.name}: {error}.",
            field=column.field,
            remedy="Give the value that this database wants by the mapping.",
        ) from None


def _text(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _line(site: Site, layout: Layout, line: Line, item: WriteItem) -> dict[str, Any]:
    assert layout.lines is not None
    return {column.name: _value(site, line, column, item) for column in layout.lines.columns}


def ref_of(site: Site, layout: Layout, header: Mapping[str, Any]) -> DocumentRef:
    """Return the reference of a header row."""
    company = layout.column_of("company_code")
    found = header[company.name] if company else layout.assume.get("company_code", "")
    internal = str(header[layout.id.name])
    return DocumentRef(
        instance=site.known_instance,
        company_code=str(found or ""),
        document_type=DocumentType(layout.document_type),
        internal_id=internal,
        number=str(header[layout.number] or internal),
    )


def listed(
    site: Site, layout: Layout, header: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], now: datetime
) -> Reading:
    """Return a reading for a listing: rows that make no document are listed without their content."""
    try:
        return reading_of(site, layout, header, lines, now)
    except exc.InvalidDocument:
        return reading_of(site, layout, header, lines, now, content=False)


def reading_of(
    site: Site,
    layout: Layout,
    header: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    content: bool = True,
) -> Reading:
    """Return what the rows of one document say.

    :raises InvalidDocument: they make no document, as rows that people or other programs entered may.
    """

    def value(path: str) -> Any:
        column = layout.column_of(path)
        return header[column.name] if column else layout.assume.get(path)

    total = value("payable_amount")
    changed = header[layout.changed.column.name] if layout.changed else None
    return Reading(
        ref=ref_of(site, layout, header),
        state=state_of(header, layout.states, now),
        document=_document(site, layout, header, lines) if content else None,
        company_code=str(value("company_code") or ""),
        party=str(value(layout.party) or ""),
        currency=str(value("document_currency_code") or ""),
        total=None if total is None else fields.exact(total),
        raw={name: _plain(found) for name, found in header.items()},
        changed_at="" if changed is None else str(_plain(changed)),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value if value is None or isinstance(value, str | int) else str(value)


def _document(
    site: Site, layout: Layout, header: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]
) -> Document | None:
    """Return the canonical document; None where the tables do not hold enough of one."""
    mapped = {column.field for column in layout.columns} | set(layout.assume)
    if not mapped.issuperset(_WITHOUT_LINES) or layout.lines is None:
        return None
    if not {column.field for column in layout.lines.columns}.issuperset(_OF_A_LINE):
        return None
    data: dict[str, Any] = {"document_type": layout.document_type}
    for path, fixed in layout.assume.items():
        fields.put(data, path, fixed, site.instance)
    _fill(site, data, layout.columns, header)
    data["lines"] = []
    for row in lines:
        line: dict[str, Any] = {}
        _fill(site, line, layout.lines.columns, row)
        data["lines"].append(line)
    return document_from_json(data)


def _fill(site: Site, target: dict[str, Any], columns: Sequence[Column], row: Mapping[str, Any]) -> None:
    for column in columns:
        value = row[column.name]
        if value in (None, "") or column.field == "reference":
            continue
        if column.type == "integer":
            value = str(value)
        elif column.type == "text" and fields.sort_of(column.field) == "date":
            value = fields.day(value)
        fields.put(target, column.field, value, site.instance)
