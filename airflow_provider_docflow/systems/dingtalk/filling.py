"""A document into the controls of its form, and back. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.oa.decoding import FormDecoder, Item
from airflow_provider_docflow.core.oa.filling import tenant_fields
from airflow_provider_docflow.core.oa.forms import Control, Form
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.systems.dingtalk import components
from airflow_provider_docflow.systems.dingtalk.forms import STYLE, is_of, refused

LONGEST_VALUE = 65_535
MOST_VALUES = 150
Value = dict[str, str]


def value_of(form_values: Sequence[Item], control: Control) -> Item:
    """Return the form value of a control; empty where the form does not show it."""
    return next((item for item in form_values if is_of(item, control)), {})


def number_in(form: Form, form_values: Sequence[Item]) -> str:
    """Return the document's number as the form shows it."""
    control = form.control_of("id")
    text = value_of(form_values, control).get("value") if control else form.constants.get("id")
    return components.blank_or(text).strip()


def mark_in(form: Form, form_values: Sequence[Item]) -> str:
    """Return what stands in the control for docflow's mark."""
    if not form.mark_control:
        return ""
    return components.blank_or(
        value_of(form_values, Control(form.mark_control, (), "TextField")).get("value")
    )


class _Decoder(FormDecoder):
    style = STYLE

    def item_of(self, items: Sequence[Item], control: Control) -> Item:
        return value_of(items, control)

    def names(self, item: Item) -> Sequence[str]:
        return (str(item["name"]),) if item.get("name") else ()

    def rows(self, item: Item) -> Sequence[Sequence[Item]]:
        return components.rows_of(components.blank_or(item.get("value")))

    def files(self, item: Item) -> Sequence[Mapping[str, Any]]:
        return components.files_of(components.blank_or(item.get("value")))

    def values(self, control: Control, item: Item) -> Sequence[Any]:
        found = components.decode(control.kind, item)
        if control.kind in components.LISTS and len(found) > 1 and control.path.startswith("extensions."):
            # A tenant's own field may hold many; a field of the canonical document holds one.
            return [found]
        return found

    def read(self, path: str, value: Any) -> Any:
        return value if isinstance(value, list) else super().read(path, value)

    def own(self, item: Item) -> Any:
        return components.sendable(item) or None


def to_document(form: Form, form_values: Sequence[Item], instance: str, requester: str) -> Document:
    """Return the document that a filled form holds. Its arithmetic is not checked here.

    :param instance: whose tenant fields the controls without a map are.
    :param requester: who filled the form in; stands unless a control names somebody.
    :raises InvalidDocument: names the control and the field that are empty or wrong.
    """
    shown = [item for item in form_values if item.get("componentType") != "TextNote"]
    number = number_in(form, form_values)
    return _Decoder(form, instance).document(shown, requester=requester, number=number)


def to_values(form: Form, document: Document, mark: str, instance: str) -> list[Value]:
    """Return the form values of a document, with docflow's mark.

    What goes in is read back here by the same map, so that no material field is lost unseen: whoever
    approves the form would approve less than is carried out.

    :raises InvalidDocument: a control cannot hold its value, or a material field has no control.
    """
    form.hold_constants(document, instance)
    values = [_value(form, control, document, instance) for control in form.controls]
    values += _tenant(form.controls, document, instance)
    values = [value for value in values if value["value"]]
    if mark and form.mark_control:
        values.append({"name": form.mark_control, "value": mark})
    _check_size(form, document, values)
    requester = document.requester.id if document.requester else ""
    STYLE.check_nothing_lost(form, document, to_document(form, values, instance, requester))
    return values


def _value(form: Form, control: Control, document: Document, instance: str) -> Value:
    try:
        if control.kind == "TableField":
            rows = [_cells(control.columns, line, instance) for line in document.lines]
            text = components.json_text(rows) if rows else ""
        elif control.kind == "DDAttachment":
            text = components.files_text(document.attachments)
        else:
            text = _text(control, document, instance)
    except ValueError as error:
        raise refused(
            form, control.name, control.paths[0], f"cannot take it: {error}", document=document.id
        ) from None
    return {"name": control.name, "value": text}


def _cells(columns: Sequence[Control], line: Line, instance: str) -> list[Value]:
    cells = [{"name": column.name, "value": _text(column, line, instance)} for column in columns]
    cells += _tenant(columns, line, instance)
    return [cell for cell in cells if cell["value"]]


def _tenant(controls: Sequence[Control], part: Document | Line, instance: str) -> list[Value]:
    return [
        {"name": name, "value": components.plain(value)}
        for name, value in tenant_fields(controls, part, instance)
    ]


def _text(control: Control, part: Document | Line, instance: str) -> str:
    found = [fields.pick(part, path, instance) for path in control.paths]
    return components.encode(control.kind, found, control.pattern)


def _check_size(form: Form, document: Document, values: Sequence[Value]) -> None:
    if len(values) > MOST_VALUES:
        raise InvalidDocument(
            f"the form {form.code} would get {len(values)} values; DingTalk takes {MOST_VALUES}.",
            document=document.id,
            field="extensions",
            remedy="Map fewer fields.",
        )
    for value in values:
        if len(value["value"]) > LONGEST_VALUE:
            raise refused(
                form, value["name"], "lines", f"takes {LONGEST_VALUE} characters", document=document.id
            )
