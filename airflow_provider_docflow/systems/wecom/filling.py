"""A document into the controls of its template as it is now. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.oa.filling import tenant_fields
from airflow_provider_docflow.core.oa.forms import Control, Form
from airflow_provider_docflow.document import Document, Line
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.systems.wecom import values
from airflow_provider_docflow.systems.wecom.forms import STYLE, refused
from airflow_provider_docflow.systems.wecom.parsing import to_document
from airflow_provider_docflow.systems.wecom.templates import Part, part_of

Content = dict[str, Any]
_KINDS_OF = {"lines": ("Table",), "attachments": ("File",)}
_PLAIN = tuple(kind for kind in values.KINDS if kind not in ("Table", "File"))


def to_contents(
    form: Form, parts: Sequence[Part], document: Document, mark: str, instance: str, zone: tzinfo
) -> list[Content]:
    """Return the filled controls of a document, with docflow's mark; controls without a value are left out.

    What goes in is read back here by the same map, so that no material field is lost unseen: whoever
    approves the form would approve less than is carried out.

    :param parts: the template as it is now.
    :raises InvalidDocument: the template cannot hold it; nothing was sent.
    """
    sheet = _Sheet(form, document, instance, zone)
    form.hold_constants(document, instance)
    if form.numbers_itself and document.id:
        raise sheet.refused("id", "id", "is none: forms of this connection have WeCom's number")
    contents = sheet.filled(parts, form.controls, document)
    if mark and form.mark_control:
        contents.append(sheet.content(parts, form.mark_control, "mark_control", ("Text",), mark))
    sheet.check_required(parts, contents)
    sheet.check_nothing_lost(contents)
    return [values.bare(content) for content in contents]


@dataclass(frozen=True)
class _Sheet:
    """One form on its way."""

    form: Form
    document: Document
    instance: str
    zone: tzinfo

    def refused(self, control: str, field: str, what: str) -> InvalidDocument:
        return refused(self.form, control, field, what, document=self.document.id)

    def filled(
        self, parts: Sequence[Part], controls: Sequence[Control], source: Document | Line
    ) -> list[Content]:
        """Fill in the controls of a form or of a row, those of the tenant included."""
        told = [(one.name, one.path, _kinds(one), self._value(parts, one, source)) for one in controls]
        told += [
            (name, f"extensions.{name}", values.KINDS, self._tenants(parts, name, value))
            for name, value in tenant_fields(controls, source, self.instance)
        ]
        filled = [self.content(parts, *one) for one in told if one[-1] not in (None, (), [], "")]
        return [content for content in filled if content]

    def _value(self, parts: Sequence[Part], control: Control, source: Document | Line) -> Any:
        if control.path == "lines":
            part = self._part(parts, control.name, control.path)
            return [self.filled(part.columns, control.columns, line) for line in self.document.lines]
        if control.path == "attachments":
            return [(item.name, item.uri) for item in self.document.attachments]
        return fields.pick(source, control.path, self.instance)

    def _tenants(self, parts: Sequence[Part], name: str, value: Any) -> Any:
        """Return a tenant field as its control takes it: rows of a table by the names of their columns."""
        part = self._part(parts, name, f"extensions.{name}")
        if part.kind == "File":
            return [(str(uri), str(uri)) for uri in _listed(value)]
        if part.kind != "Table":
            return value
        rows = _listed(value)
        if not all(isinstance(row, Mapping) for row in rows):
            raise self.refused(name, f"extensions.{name}", "is a table and needs rows")
        return [
            [
                self.content(part.columns, cell, f"extensions.{name}.{cell}", _PLAIN, inner)
                for cell, inner in row.items()
            ]
            for row in rows
        ]

    def _part(self, parts: Sequence[Part], name: str, field: str) -> Part:
        try:
            part = part_of(parts, name)
        except ValueError as error:
            raise self.refused(name, field, f"is not one: {error}") from None
        if part is None:
            raise self.refused(name, field, "is not there")
        return part

    def content(
        self, parts: Sequence[Part], name: str, field: str, kinds: Sequence[str], value: Any
    ) -> Content:
        """Return one filled control; empty for one that WeCom computes itself.

        :raises InvalidDocument: the template has no such control, or it cannot hold the value.
        """
        part = self._part(parts, name, field)
        if part.kind not in kinds:
            raise self.refused(name, field, f"is a {part.kind}, which cannot hold it")
        if part.kind == "Formula":
            return {}
        try:
            if part.kind == "File":
                inner = values.files_value(value)
            elif part.kind == "Table":
                inner = {"children": [{"list": row} for row in value]}
            else:
                inner = values.encode(part.kind, part.config, value, self.zone)
        except ValueError as error:
            raise self.refused(name, field, f"cannot take it: {error}") from None
        return {"control": part.kind, "id": part.id, "title": list(part.title), "value": inner}

    def check_required(self, parts: Sequence[Part], contents: Sequence[Content]) -> None:
        """Refuse a form that leaves a control empty which WeCom requires."""
        filled = {content["id"] for content in contents}
        for part in parts:
            if part.required and part.id not in filled and part.kind not in ("Tips", "Formula"):
                control = next((one for one in self.form.controls if part.is_(one.name)), None)
                field = control.path if control else f"extensions.{part.name}"
                raise self.refused(part.name, field, "is required and stays empty")

    def check_nothing_lost(self, contents: Sequence[Content]) -> None:
        """Refuse a form that, read back, lacks something material."""
        form, document = self.form, self.document
        requester = {"userid": document.requester.id} if document.requester else {}
        info = {"applyer": requester, "apply_data": {"contents": contents}}
        back = to_document(form, info, self.instance, self.zone)
        STYLE.check_nothing_lost(form, document, back)


def _kinds(control: Control) -> Sequence[str]:
    return (control.kind,) if control.kind else _KINDS_OF.get(control.path, _PLAIN)


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
