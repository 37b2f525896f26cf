"""A document into the controls of its template, and back. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.document import Document, Line, differences, document_from_json
from airflow_provider_docflow.document.money import exact_decimal
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.systems.wecom import values
from airflow_provider_docflow.systems.wecom.forms import Control, Form, missing_values, refused
from airflow_provider_docflow.systems.wecom.templates import Part, part_of

Content = Mapping[str, Any]
_KINDS_OF = {"lines": ("Table",), "attachments": ("File",)}
_PLAIN = tuple(kind for kind in values.KINDS if kind not in ("Table", "File"))


def contents_of(info: Mapping[str, Any]) -> Sequence[Content]:
    """Return the filled controls of an approval's detail."""
    return (info.get("apply_data") or {}).get("contents") or ()


def held_by(contents: Sequence[Content], name: str) -> Content:
    """Return the filled control of a name; empty where the form does not show it."""
    return next((item for item in contents if name in values.words(item.get("title"))), {})


def number_in(form: Form, info: Mapping[str, Any], zone: tzinfo) -> str:
    """Return the document's number as the form shows it; WeCom's own where no control holds one."""
    if form.numbers_itself:
        return str(info.get("sp_no") or "")
    control = form.control_of("id")
    if control is None:
        return form.constants["id"]
    item = held_by(contents_of(info), control.name)
    found = values.decode(str(item.get("control")), item.get("value"), zone)
    return found[0].strip() if len(found) == 1 else ""


def mark_in(form: Form, info: Mapping[str, Any]) -> str:
    """Return what stands in the control for docflow's mark."""
    item = held_by(contents_of(info), form.mark_control) if form.mark_control else {}
    return str((item.get("value") or {}).get("text") or "")


def to_document(form: Form, info: Mapping[str, Any], instance: str, zone: tzinfo) -> Document:
    """Return the document that a filled form holds. Its arithmetic is not checked here.

    :param instance: whose tenant fields the controls without a map are.
    :raises InvalidDocument: names the control and the field that are empty or wrong.
    """
    number = number_in(form, info, zone)
    data: dict[str, Any] = {"document_type": form.document_type, "id": "", "lines": []}
    if form.numbers_itself:
        data["id"] = number
    for path, constant in form.constants.items():
        fields.put(data, path, constant, instance)
    left = list(contents_of(info))
    for control in form.controls:
        item = held_by(left, control.name)
        left = [other for other in left if other is not item]
        try:
            _take(control, item, data, instance, zone)
        except (ValueError, KeyError, TypeError) as error:
            raise refused(form, control.name, control.path, f"is wrong: {error}", document=number) from None
    for item in left:
        _keep(form, item, data, instance, zone)
    for name, field in missing_values(form, data):
        raise refused(form, name, field, "is empty", document=number)
    applyer = str((info.get("applyer") or {}).get("userid") or "")
    if applyer and "requester" not in data:
        data["requester"] = {"id": applyer}
    return _built(form, data, number)


def _built(form: Form, data: Mapping[str, Any], number: str) -> Document:
    try:
        return document_from_json(data)
    except InvalidDocument as error:
        path = re.sub(r"\[\d+\]", "", error.field)
        controls = form.table.columns if path.startswith("lines.") and form.table else form.controls
        wanted = path.removeprefix("lines.")
        name = next((one.name for one in controls if one.path == wanted), error.field)
        raise refused(form, name, error.field, f"does not fit: {error.message}", document=number) from None


def _take(control: Control, item: Content, data: dict[str, Any], instance: str, zone: tzinfo) -> None:
    if control.is_table:
        rows = values.rows_of(item.get("value"))
        data["lines"] = [_line(control, row, instance, zone) for row in rows]
    elif control.path == "attachments":
        data["attachments"] = values.files_of(item.get("value"))
    else:
        _set(control, item, data, instance, zone)


def _line(table: Control, row: Sequence[Content], instance: str, zone: tzinfo) -> dict[str, Any]:
    data: dict[str, Any] = {}
    left = list(row)
    for column in table.columns:
        item = held_by(left, column.name)
        left = [other for other in left if other is not item]
        try:
            _set(column, item, data, instance, zone)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"column {column.name!r}: {error}") from None
    for item in left:
        _keep(None, item, data, instance, zone)
    return data


def _set(control: Control, item: Content, data: dict[str, Any], instance: str, zone: tzinfo) -> None:
    found = values.decode(str(item.get("control")), item.get("value"), zone)
    if len(found) > 1:
        raise ValueError(f"holds {len(found)} values, the document has room for one")
    if not found:
        return
    if fields.sort_of(control.path) == "decimal":
        # Only 1234.50 as people write it: what else a decimal parser takes was not typed as a number.
        exact_decimal(found[0], decimals=values.MOST_DECIMALS)
    fields.put(data, control.path, fields.kind_of(control.path).read(found[0]), instance)


def _keep(form: Form | None, item: Content, data: dict[str, Any], instance: str, zone: tzinfo) -> None:
    """Keep a control without a map, so that it survives a round trip."""
    name = next(iter(values.words(item.get("title"))), "")
    found = values.decode(str(item.get("control")), item.get("value"), zone)
    if name and len(found) == 1 and not (form and name == form.mark_control):
        data.setdefault("extensions", {}).setdefault(instance, {})[name] = found[0]


def to_contents(
    form: Form, parts: Sequence[Part], document: Document, mark: str, instance: str, zone: tzinfo
) -> list[dict[str, Any]]:
    """Return the filled controls of a document, with docflow's mark; controls without a value are left out.

    What goes in is read back here by the same map, so that no material field is lost unseen: whoever
    approves the form would approve less than is carried out.

    :param parts: the template as it is now.
    :raises InvalidDocument: the template cannot hold it; nothing was sent.
    """
    try:
        fields.held(document, form.constants, instance)
    except InvalidDocument as error:
        error.document = document.id
        raise
    if form.numbers_itself and document.id:
        raise refused(
            form, "id", "id", "is none: forms of this connection have WeCom's number", document=document.id
        )
    filled = [_content(form, parts, control, document, instance, zone) for control in form.controls]
    filled += _tenant(form, parts, form.controls, document, instance, zone)
    contents = [one for one in filled if one]
    if mark and form.mark_control:
        contents.append(
            _filled(form, parts, form.mark_control, "mark_control", ("Text",), mark, document, zone)
        )
    _check_required(form, parts, contents, document)
    _check_nothing_lost(form, document, contents, instance, zone)
    return [values.bare(content) for content in contents]


def _content(
    form: Form, parts: Sequence[Part], control: Control, document: Document, instance: str, zone: tzinfo
) -> dict[str, Any]:
    kinds = (control.kind,) if control.kind else _KINDS_OF.get(control.path, _PLAIN)
    value: Any
    if control.is_table:
        value = document.lines and _rows(form, parts, control, document, instance, zone)
    elif control.path == "attachments":
        value = document.attachments
    else:
        value = fields.pick(document, control.path, instance)
    if value is None or value == ():
        return {}
    return _filled(form, parts, control.name, control.path, kinds, value, document, zone)


def _rows(
    form: Form, parts: Sequence[Part], table: Control, document: Document, instance: str, zone: tzinfo
) -> dict[str, Any]:
    part = _part(form, parts, table.name, table.path, document)
    children = []
    for line in document.lines:
        cells = [
            _filled(
                form,
                part.columns,
                column.name,
                column.path,
                (column.kind,) if column.kind else _PLAIN,
                value,
                document,
                zone,
            )
            for column in table.columns
            if (value := fields.pick(line, column.path, instance)) is not None
        ]
        children.append({"list": [*cells, *_tenant(form, part.columns, table.columns, line, instance, zone)]})
    return {"children": children}


def _tenant(
    form: Form,
    parts: Sequence[Part],
    controls: Sequence[Control],
    part: Document | Line,
    instance: str,
    zone: tzinfo,
) -> list[dict[str, Any]]:
    """Return tenant fields that are controls without a map."""
    mapped = {control.path for control in controls}
    return [
        _filled(form, parts, name, f"extensions.{name}", _PLAIN, value, part, zone)
        for name, value in part.extensions.get(instance, {}).items()
        if f"extensions.{name}" not in mapped
    ]


def _part(form: Form, parts: Sequence[Part], name: str, field: str, document: Document | Line) -> Part:
    number = document.id if isinstance(document, Document) else ""
    try:
        part = part_of(parts, name)
    except ValueError as error:
        raise refused(form, name, field, f"is not one: {error}", document=number) from None
    if part is None:
        raise refused(form, name, field, "is not there", document=number)
    return part


def _filled(
    form: Form,
    parts: Sequence[Part],
    name: str,
    field: str,
    kinds: Sequence[str],
    value: Any,
    document: Document | Line,
    zone: tzinfo,
) -> dict[str, Any]:
    part = _part(form, parts, name, field, document)
    number = document.id if isinstance(document, Document) else ""
    if part.kind not in kinds:
        raise refused(form, name, field, f"is a {part.kind}, which cannot hold it", document=number)
    try:
        if part.kind == "File":
            inner = values.files_value(value)
        else:
            inner = value if part.kind == "Table" else values.encode(part.kind, part.config, value, zone)
    except ValueError as error:
        raise refused(form, name, field, f"cannot take it: {error}", document=number) from None
    return {"control": part.kind, "id": part.id, "title": list(part.title), "value": inner}


def _check_required(
    form: Form, parts: Sequence[Part], contents: Sequence[Content], document: Document
) -> None:
    filled = {content["id"] for content in contents}
    for part in parts:
        if part.required and part.id not in filled and part.kind not in ("Tips", "Formula"):
            control = next((one for one in form.controls if part.is_(one.name)), None)
            field = control.path if control else f"extensions.{part.name}"
            raise refused(form, part.name, field, "is required and stays empty", document=document.id)


def _check_nothing_lost(
    form: Form, document: Document, contents: Sequence[Content], instance: str, zone: tzinfo
) -> None:
    requester = {"userid": document.requester.id} if document.requester else {}
    back = to_document(form, {"applyer": requester, "apply_data": {"contents": contents}}, instance, zone)
    if form.control_of("requester.id") is None:
        back = back.model_copy(update={"requester": document.requester})
    for difference in differences(document, back):
        if re.sub(r"\[\d+\]", "", difference.field).removeprefix("lines.") not in form.omit:
            raise InvalidDocument(
                f"the template {form.template_id} has no control that holds it: {difference}.",
                document=document.id,
                field=difference.field,
                remedy="Map a control to this field, or name it under omit in the forms of the connection.",
            )
