"""A canonical document as the API's JSON, and back."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.core.profile import Reading, WriteItem
from airflow_provider_docflow.core.rest.declare import Field, RestDocument
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import state_of
from airflow_provider_docflow.document import (
    Document,
    DocumentRef,
    DocumentType,
    Line,
    document_from_json,
)

_ENOUGH = frozenset({"id", "issue_date"})
_ENOUGH_OF_A_LINE = frozenset({"line_id", "quantity"})
PARTIES = ("seller_supplier_party.id", "buyer_customer_party.id", "requester.id")


def native_body(site: Site, kind: RestDocument, item: WriteItem, *, mark: bool = True) -> dict[str, Any]:
    """Return the JSON of an item's document.

    :raises InvalidDocument: a value cannot be written as the API wants it.
    """
    document = needed(item).totalled()
    fields.held(document, kind.assume, site.instance)
    heads, cells = (
        {*kind.assume, *(one.canonical for one in mapped if one.write)}
        for mapped in (kind.fields, kind.line_fields)
    )
    fields.sayable(document, heads, cells, site.instance, lines=bool(kind.lines_at))
    body: dict[str, Any] = {}
    for path, value in kind.fixed.items():
        set_native(body, path, copy.deepcopy(value))
    _fill(site, body, kind.fields, document, "")
    if kind.lines_at:
        lines: list[dict[str, Any]] = [{} for _ in document.lines]
        for position, (native, line) in enumerate(zip(lines, document.lines, strict=True)):
            _fill(site, native, kind.line_fields, line, f"lines[{position}].")
        set_native(body, kind.lines_at, lines)
    if mark and kind.mark is not None:
        set_native(body, kind.mark.native, kind.mark.value(item))
    return body


def needed(item: WriteItem) -> Document:
    """Return the document of a write that needs one.

    :raises InvalidDocument: it has none.
    """
    if item.document is None:
        raise exc.InvalidDocument("there is no document to write.", remedy="Give the write its document.")
    return item.document


def _fill(site: Site, body: dict[str, Any], mapped: Sequence[Field], part: Document | Line, at: str) -> None:
    for field in mapped:
        value = fields.pick(part, field.canonical, site.instance) if field.write else None
        if value is None:
            continue
        try:
            set_native(body, field.native, field.kind.write(value))
        except (ValueError, TypeError, AttributeError) as error:
            raise exc.InvalidDocument(
                f"cannot be written as {field.native}: {error}.",
                field=f"{at}{field.canonical}",
                remedy="Give the value that this system wants by the mapping.",
            ) from None


def set_native(body: dict[str, Any], path: str, value: Any) -> None:
    """Set a dotted path, making the objects on the way."""
    *way, last = path.split(".")
    for step in way:
        body = body.setdefault(step, {})
    body[last] = value


def listed(site: Site, kind: RestDocument, document_type: str, raw: Mapping[str, Any]) -> Reading:
    """Return a reading for a listing: a document that contradicts itself is listed without its content."""
    try:
        return reading_of(site, kind, document_type, raw)
    except exc.InvalidDocument:
        return reading_of(site, kind, document_type, raw, content=False)


def reading_of(
    site: Site, kind: RestDocument, document_type: str, raw: Mapping[str, Any], *, content: bool = True
) -> Reading:
    """Return what a raw document says.

    :raises InvalidDocument: its content is no document.
    :raises Rejected: it lacks its id, or a value is none of the declared kind.
    """
    if kind.reading is not None:
        return kind.reading(site, raw)
    header = _read(site, kind.fields, raw)
    values = {**kind.assume, **header}
    total = values.get("payable_amount")
    return Reading(
        ref=ref_of(site, kind, document_type, raw),
        state=state_of(raw, kind.states, datetime.now(UTC)),
        document=_document(site, kind, document_type, values, raw) if content else None,
        company_code=str(values.get("company_code", "")),
        party=str(next((values[path] for path in PARTIES if path in values), "")),
        currency=str(values.get("document_currency_code", "")),
        total=None if total is None else fields.exact(total),
        raw=raw,
        changed_at=str(dig(raw, kind.changed_at) or "") if kind.changed_at else "",
    )


def ref_of(site: Site, kind: RestDocument, document_type: str, raw: Any) -> DocumentRef:
    """Return the reference of a raw document.

    :raises Rejected: it has no id.
    """
    internal = dig(raw, kind.id_at)
    if internal in (None, ""):
        raise exc.Rejected(
            f"an answer has no {kind.id_at}.",
            system=site.conn_id,
            field=kind.id_at,
            remedy="Correct id_at in the profile, or look at what the system answered.",
        )
    company = next((field for field in kind.fields if field.canonical == "company_code"), None)
    code = dig(raw, company.native) if company else kind.assume.get("company_code", "")
    return DocumentRef(
        instance=site.known_instance,
        company_code=str(code or ""),
        document_type=DocumentType(document_type),
        internal_id=str(internal),
        number=str(dig(raw, kind.number_at) or "") if kind.number_at else "",
    )


def _read(site: Site, mapped: Sequence[Field], raw: Any) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for field in mapped:
        native = dig(raw, field.native)
        if native in (None, ""):
            continue
        try:
            values[field.canonical] = field.kind.read(native)
        except (ValueError, TypeError) as error:
            raise exc.Rejected(
                f"{field.native} cannot be read: {error}.",
                system=site.conn_id,
                field=field.canonical,
                remedy="Correct the kind of this field in the profile.",
            ) from None
    return values


def _document(
    site: Site, kind: RestDocument, document_type: str, values: Mapping[str, Any], raw: Any
) -> Document | None:
    """Return the canonical document; None where the profile does not map enough of one."""
    if not _ENOUGH.issubset({*(f.canonical for f in kind.fields), *kind.assume}):
        return None
    if not _ENOUGH_OF_A_LINE.issubset({field.canonical for field in kind.line_fields}):
        return None
    data: dict[str, Any] = {"document_type": document_type, "lines": []}
    for path, value in values.items():
        fields.put(data, path, value, site.instance)
    for native in dig(raw, kind.lines_at) or []:
        line: dict[str, Any] = {}
        for path, value in _read(site, kind.line_fields, native).items():
            fields.put(line, path, value, site.instance)
        data["lines"].append(line)
    return document_from_json(data)


def says(site: Site, kind: RestDocument, raw: Mapping[str, Any], document: Document) -> bool:
    """Tell whether a raw document says all that ``document`` says in the fields that are written."""
    if not _says(site, kind.fields, raw, document):
        return False
    if not kind.lines_at:
        return True
    lines = dig(raw, kind.lines_at) or []
    return len(lines) == len(document.lines) and all(
        _says(site, kind.line_fields, native, line)
        for native, line in zip(lines, document.lines, strict=True)
    )


def _says(site: Site, mapped: Sequence[Field], raw: Any, part: Document | Line) -> bool:
    there = _read(site, mapped, raw)
    wanted = {
        field.canonical: fields.pick(part, field.canonical, site.instance) for field in mapped if field.write
    }
    return all(value is None or there.get(path) == value for path, value in wanted.items())
