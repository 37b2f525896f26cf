"""
How documents lie in tables: the ``tables`` setting of a connection, checked before anything is sent.

.. code-block:: json

    {"payment_request": {
        "header": "payment_request",
        "id": {"column": "id", "type": "integer"},
        "mark": "business_key",
        "number": "number",
        "key": ["company_code", "number", "payee"],
        "columns": {"number": "id", "company_code": "company_code", "payee": "seller_supplier_party.id",
                    "currency": "document_currency_code", "amount": "payable_amount", "due": "due_date"},
        "lines": {"table": "payment_request_line", "parent": {"payment_request_id": "id"},
                  "columns": {"line_no": {"field": "line_id", "type": "integer"},
                              "amount": "line_extension_amount"}},
        "initial": {"state": "draft"},
        "states": {"lifecycle": {"column": "state", "words": {"draft": "draft", "paid": "closed"}}},
        "actions": {"pay": {"from": {"state": ["draft"]}, "to": {"state": "paid"}}},
        "changed": {"column": "changed_at", "type": "timestamp", "overlap": 60}}}

The mark's column is unique. ``key`` is the business key: a second living document under it is refused; the
owner's unique index on it, where there is one, also refuses what another program enters at the same moment.
Columns are given canonical fields (``reference`` is the source document's number, ``mark`` goes into a column
of its own). ``assume`` gives fields that have one value in the whole database, such as its only currency.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.states import AXES, Words
from airflow_provider_docflow.document import DocumentState, DocumentType

Type = Literal["text", "integer", "decimal", "date", "flag", "timestamp", "timestamptz", "iso"]
_TYPES = ("text", "integer", "decimal", "date", "flag", "timestamp", "timestamptz", "iso")
_MOMENTS = ("timestamp", "timestamptz", "iso", "integer")
_ENTRIES = (
    *("header", "id", "mark", "number", "key", "columns", "lines", "assume", "initial", "states"),
    *("actions", "stages", "amend", "changed"),
)
_NAME = re.compile(r"[^\W\d]\w{0,62}")
_REQUIRED = ("company_code", "document_currency_code", "payable_amount")
PARTIES = ("seller_supplier_party.id", "buyer_customer_party.id", "requester.id")


@dataclass(frozen=True, kw_only=True)
class Column:
    """
    One column: the canonical field that it holds and the type of its values.

    :param type: ``iso`` is text as ``2026-03-31T08:00:00.000Z``; a ``timestamp`` has the connection's zone.
    :param empty: what is written where the document has nothing; NULL by default.
    """

    name: str
    field: str
    type: Type
    empty: Any = None


@dataclass(frozen=True, kw_only=True)
class LineTable:
    """The table of a type's lines; ``parent`` gives line column → header column."""

    table: str
    parent: Mapping[str, str]
    columns: tuple[Column, ...]
    id: Column | None = None


@dataclass(frozen=True, kw_only=True)
class Move:
    """An action as a change of state: columns must have one of ``source``'s values, then get ``target``'s.

    ``arguments`` gives argument → the column that takes its value.
    """

    source: Mapping[str, tuple[str, ...]]
    target: Mapping[str, str]
    arguments: Mapping[str, Column]


@dataclass(frozen=True, kw_only=True)
class Changed:
    """The column that tells when a row changed last; its newest ``overlap`` is read again each time."""

    column: Column
    overlap: int


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One document type's tables."""

    document_type: str
    header: str
    id: Column
    mark: str
    number: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: LineTable | None
    assume: Mapping[str, Any]
    initial: Mapping[str, str]
    states: Mapping[str, Words]
    state_columns: tuple[str, ...]
    actions: Mapping[str, Move]
    stages: Mapping[str, tuple[str, ...]]
    amend: Mapping[str, tuple[str, ...]]
    changed: Changed | None

    def column_of(self, path: str) -> Column | None:
        """Return the column that holds a canonical field."""
        return next((column for column in self.columns if column.field == path), None)

    @property
    def party(self) -> str:
        """Path of the business partner: the first party that has a column or a fixed value."""
        return next(path for path in PARTIES if self.column_of(path) or path in self.assume)


def layouts(tables: str | Mapping[str, Any]) -> dict[str, Layout]:
    """Read the ``tables`` setting.

    :param tables: JSON text or its value: document type → tables.
    :raises Misconfigured: names the document type, the entry and what it may be.
    """
    try:
        given = json.loads(tables) if isinstance(tables, str) else tables
    except ValueError as error:
        raise _wrong("", "", f"is no JSON: {error}") from None
    if not isinstance(given, Mapping) or not given:
        raise _wrong("", "", "is no JSON object of document type → tables")
    return {document_type: _layout(document_type, body) for document_type, body in given.items()}


def _wrong(document_type: str, entry: str, words: str) -> exc.Misconfigured:
    place = ".".join(part for part in ("tables", document_type, entry) if part)
    return exc.Misconfigured(
        f"the setting {place} {words}.",
        system="sql",
        field=place,
        remedy="Correct the tables setting of the connection.",
    )


def _layout(document_type: str, body: Any) -> Layout:
    if document_type not in list(DocumentType):
        raise _wrong(document_type, "", f"is none of: {', '.join(DocumentType)}")
    if not isinstance(body, Mapping):
        raise _wrong(document_type, "", "is no object")
    for name in body:
        if name not in _ENTRIES:
            raise _wrong(document_type, name, f"is unknown; known are {', '.join(_ENTRIES)}")
    try:
        layout = _read(document_type, body)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise _wrong(document_type, "", f"is incomplete or malformed at {error}") from None
    _check(layout)
    return layout


def _read(document_type: str, body: Mapping[str, Any]) -> Layout:
    columns = _columns(body["columns"], lines=False)
    key_column = body.get("id", {"column": "id", "type": "integer"})
    numbered = next((column.name for column in columns if column.field == "id"), "")
    states = {
        axis: (said["column"], Words(at=said["column"], words=dict(said["words"])))
        for axis, said in body.get("states", {}).items()
    }
    return Layout(
        document_type=document_type,
        header=_name(body["header"], dotted=True),
        id=_plain_column(key_column, "integer"),
        mark=_name(body["mark"]),
        number=_name(body["number"]) if body.get("number") else numbered,
        key=tuple(body.get("key", ())),
        columns=columns,
        lines=_lines(body["lines"]) if body.get("lines") else None,
        assume=dict(body.get("assume", {})),
        initial={_name(name): value for name, value in body.get("initial", {}).items()},
        states={axis: words for axis, (_, words) in states.items()},
        state_columns=tuple(dict.fromkeys(_name(name) for name, _ in states.values())),
        actions={name: _move(move) for name, move in body.get("actions", {}).items()},
        stages={name: tuple(stage) for name, stage in body.get("stages", {"saved": ()}).items()},
        amend=_words(body.get("amend", {})),
        changed=_changed(body["changed"]) if body.get("changed") else None,
    )


def _name(name: Any, *, dotted: bool = False) -> str:
    parts = str(name).split(".") if dotted else [str(name)]
    if len(parts) > 2 or not all(_NAME.fullmatch(part) for part in parts):
        raise ValueError(f"{name!r}, which is no name of a {'table' if dotted else 'column'}")
    return str(name)


def _type(name: str) -> Any:
    if name not in _TYPES:
        raise ValueError(f"type {name!r}, which is none of {', '.join(_TYPES)}")
    return name


def _plain_column(given: Any, default: str) -> Column:
    said = {"column": given} if isinstance(given, str) else given
    return Column(name=_name(said["column"]), field="", type=_type(said.get("type", default)))


def _columns(given: Mapping[str, Any], *, lines: bool) -> tuple[Column, ...]:
    columns = []
    for name, entry in given.items():
        said = {"field": entry} if isinstance(entry, str) else entry
        kind = _type(said.get("type", fields.sort_of(said["field"])))
        columns.append(Column(name=_name(name), field=said["field"], type=kind, empty=said.get("empty")))
    fields.check_paths((column.field for column in columns if column.field != "reference"), lines=lines)
    return tuple(columns)


def _lines(given: Mapping[str, Any]) -> LineTable:
    return LineTable(
        table=_name(given["table"], dotted=True),
        parent={_name(child): _name(column) for child, column in given["parent"].items()},
        columns=_columns(given["columns"], lines=True),
        id=_plain_column(given["id"], "integer") if given.get("id") else None,
    )


def _words(given: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    return {
        _name(column): (words,) if isinstance(words, str) else tuple(words) for column, words in given.items()
    }


def _move(given: Mapping[str, Any]) -> Move:
    return Move(
        source=_words(given["from"]),
        target={_name(column): word for column, word in given["to"].items()},
        arguments={name: _plain_column(said, "text") for name, said in given.get("arguments", {}).items()},
    )


def _changed(given: Mapping[str, Any]) -> Changed:
    column = _plain_column({"type": "timestamp", **given}, "timestamp")
    if column.type not in _MOMENTS:
        raise ValueError(f"changed.type, which is none of {', '.join(_MOMENTS)}")
    return Changed(column=column, overlap=int(given.get("overlap", 60 if column.type != "integer" else 1000)))


def _check(layout: Layout) -> None:
    _check_states(layout)
    fields.check_paths(layout.assume)
    paths = {column.field for column in layout.columns} | set(layout.assume)
    for path in _REQUIRED:
        if path not in paths:
            raise _wrong(layout.document_type, "columns", f"has no column for {path}, nor has assume a value")
    if not any(path in paths for path in PARTIES):
        raise _wrong(layout.document_type, "columns", f"has no column for any of {', '.join(PARTIES)}")
    if not layout.number:
        raise _wrong(layout.document_type, "number", "is missing, and no column holds the field id")
    written = {column.name for column in layout.columns}
    if unknown := set(layout.key) - written:
        raise _wrong(layout.document_type, "key", f"names columns that hold nothing: {sorted(unknown)}")
    for stage, moves in layout.stages.items():
        if missing := [move for move in moves if move not in layout.actions]:
            raise _wrong(layout.document_type, f"stages.{stage}", f"names unknown actions {missing}")


def _check_states(layout: Layout) -> None:
    for axis, words in layout.states.items():
        if axis not in AXES:
            raise _wrong(layout.document_type, f"states.{axis}", f"is none of {', '.join(AXES)}")
        legal = [str(word) for word in DocumentState.model_fields[axis].annotation]  # type: ignore[union-attr]
        if bad := sorted(set(words.words.values()) - set(legal)):
            raise _wrong(layout.document_type, f"states.{axis}", f"gives {bad}, which is none of {legal}")
