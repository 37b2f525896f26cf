"""A document into the controls of its form, and back. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.oa.decoding import FormDecoder, Item
from airflow_provider_docflow.core.oa.filling import plain, tenant_fields
from airflow_provider_docflow.core.oa.forms import Control, Form
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.systems.feishu import controls
from airflow_provider_docflow.systems.feishu.controls import Filled, Setting
from airflow_provider_docflow.systems.feishu.forms import STYLE, is_of, refused

Widget = Mapping[str, Any]


def item_of(items: Sequence[Item], control: Control) -> Item:
    """Return the value, or the widget, of a control; empty where there is none."""
    return next((item for item in items if is_of(item, control)), {})


def number_in(form: Form, items: Sequence[Item], serial_number: str) -> str:
    """Return the document's number: what its control shows, or else Feishu's serial number."""
    control = form.control_of("id")
    if control is None:
        return form.constants.get("id", serial_number)
    return str(item_of(items, control).get("value") or "").strip()


class _Decoder(FormDecoder):
    style = STYLE

    def __init__(self, form: Form, instance: str, setting: Setting) -> None:
        super().__init__(form, instance)
        self.setting = setting

    def item_of(self, items: Sequence[Item], control: Control) -> Item:
        return item_of(items, control)

    def names(self, item: Item) -> Sequence[str]:
        name = item.get("name") or item.get("id")
        return (str(name),) if name else ()

    def rows(self, item: Item) -> Sequence[Sequence[Item]]:
        return controls.rows(item)

    def files(self, item: Item) -> Sequence[Mapping[str, Any]]:
        return controls.files(item)

    def values(self, control: Control, item: Item) -> Sequence[Any]:
        return controls.values(item, self.setting)

    def read(self, path: str, value: Any) -> Any:
        return controls.read_as(path, value)

    def own(self, item: Item) -> Any:
        """Return one text; groups of controls are no values."""
        if item.get("type") in (*controls.FILES, controls.TABLE, "text", "dateInterval"):
            return None
        try:
            found = [plain(value) for value in controls.values(item, self.setting)]
        except (ValueError, TypeError):
            return None
        return ", ".join(found) if found else None


def to_document(
    form: Form, items: Sequence[Item], setting: Setting, instance: str, *, requester: str, number: str
) -> Document:
    """Return the document that a filled form holds. Its arithmetic is not checked here.

    :param instance: whose tenant fields the controls without a map are.
    :param requester: who filled the form in; stands unless a control names somebody.
    :raises InvalidDocument: names the control and the field that are empty or wrong.
    """
    return _Decoder(form, instance, setting).document(items, requester=requester, number=number)


def to_form(
    form: Form, widgets: Sequence[Item], document: Document, setting: Setting, instance: str
) -> list[Item]:
    """Return the values of a document's form as they are sent.

    What will be shown of them is read back here by the same map, so that no material field is lost unseen:
    whoever approves the form would approve less than is carried out.

    :param widgets: the definition's controls as Feishu has them now.
    :raises InvalidDocument: a control cannot hold its value, or a material field has no control.
    """
    form.hold_constants(document, instance)
    filled = list(_filled(form, widgets, document, setting, instance))
    shown = [one.shown for one in filled]
    requester = document.requester.id if document.requester else ""
    back = to_document(form, shown, setting, instance, requester=requester, number=document.id)
    STYLE.check_nothing_lost(form, document, back)
    return [one.sent for one in filled]


def _filled(
    form: Form, widgets: Sequence[Item], document: Document, setting: Setting, instance: str
) -> Iterator[Filled]:
    for control in form.controls:
        widget = item_of(widgets, control)
        try:
            if control.paths == ("lines",):
                yield _table(control, widget, document.lines, setting, instance)
            elif control.paths != ("attachments",):
                yield from _cell(control, widget, document, setting, instance)
        except ValueError as error:
            raise refused(
                form, control.name, control.paths[0], f"cannot take it: {error}", document=document.id
            ) from None
    for name, text in tenant_fields(form.controls, document, instance):
        try:
            yield from _cell(Control(name, (f"extensions.{name}",)), item_of(widgets, Control(name, ())),
                             document, setting, instance)  # fmt: skip
        except ValueError as error:
            raise refused(form, name, f"extensions.{name}", f"cannot take {text!r}: {error}",
                          document=document.id) from None  # fmt: skip


def _table(control: Control, widget: Item, lines: Sequence[Line], setting: Setting, instance: str) -> Filled:
    if widget.get("type") != controls.TABLE:
        raise ValueError("the definition has no table of this name")
    children = list(widget.get("children") or ())
    rows = [list(_row(control, children, line, setting, instance)) for line in lines]
    base = {"id": widget.get("id"), "type": controls.TABLE}
    return Filled(
        {**base, "value": [[cell.sent for cell in row] for row in rows]},
        {**base, "name": widget.get("name"), "value": [[cell.shown for cell in row] for row in rows]},
    )


def _row(
    table: Control, children: Sequence[Item], line: Line, setting: Setting, instance: str
) -> Iterator[Filled]:
    for column in table.columns:
        yield from _cell(column, item_of(children, column), line, setting, instance)
    for name, _ in tenant_fields(table.columns, line, instance):
        yield from _cell(
            Control(name, (f"extensions.{name}",)),
            item_of(children, Control(name, ())),
            line,
            setting,
            instance,
        )


def _cell(
    control: Control, widget: Item, part: Document | Line, setting: Setting, instance: str
) -> Iterator[Filled]:
    found = [fields.pick(part, path, instance) for path in control.paths]
    if all(value is None for value in found):
        return
    if not widget:
        raise ValueError(f"the definition has no control {control.name!r}")
    if len(found) > 1:
        raise ValueError("how Feishu counts the days of an interval is not known, so it is only read")
    yield controls.fill(widget, found[0], setting)
