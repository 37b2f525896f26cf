"""
Which form of a product holds which document: the ``forms`` setting, checked before anything is sent.

Every product names its forms and types its controls in its own way (:class:`FormStyle`); that a map is whole,
that nothing a document says is lost on its way into a form, and how errors name a control is the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentType, differences
from airflow_provider_docflow.exceptions import InvalidDocument, Misconfigured, Unsupported

NEEDED_OF_LINES = ("line_id", "quantity")
_WITHOUT_VALUE = ("goods_receipt", "delivery")


@dataclass(frozen=True)
class Control:
    """One control of a form and the canonical fields that it holds.

    :param kind: the product's type of control; empty where the form itself tells it.
    :param pattern: how the control shows its value, where that can differ.
    :param columns: the controls of each row, if it holds the lines.
    """

    name: str
    paths: tuple[str, ...]
    kind: str = ""
    pattern: str = ""
    columns: tuple[Control, ...] = ()

    @property
    def path(self) -> str:
        """The canonical field, or the first of several."""
        return self.paths[0]

    @property
    def is_table(self) -> bool:
        """Whether it holds the lines."""
        return self.paths == ("lines",)


@dataclass(frozen=True)
class Form:
    """The form of one document type.

    :param code: what the product calls the form.
    :param mark_control: the control for docflow's mark; empty for none.
    :param omit: material fields that a document may lose on its way into the form.
    """

    document_type: str
    code: str
    controls: tuple[Control, ...]
    mark_control: str
    constants: Mapping[str, str]
    omit: frozenset[str]

    @property
    def table(self) -> Control:
        """The control that holds the lines."""
        return next(control for control in self.controls if control.is_table)

    @property
    def numbers_itself(self) -> bool:
        """Whether a form's number is the product's own."""
        return self.control_of("id") is None and "id" not in self.constants

    def control_of(self, path: str) -> Control | None:
        """Return the control of a canonical field of the document, if it has one."""
        return next((control for control in self.controls if path in control.paths), None)

    def control_named(self, field: str) -> str:
        """Return the name of the control behind a field that an error names, or else the field."""
        path = re.sub(r"\[(\d+)\]", r".\1", field)
        in_lines = re.fullmatch(r"lines\.\d+\.(.+)", path)
        controls = self.table.columns if in_lines else self.controls
        wanted = in_lines[1] if in_lines else path
        found = next((control.name for control in controls if wanted in control.paths), "")
        return f"{self.table.name}.{found}" if in_lines else found or field

    def hold_constants(self, document: Document, instance: str) -> None:
        """Refuse a document that says something else than the form's constants.

        :raises InvalidDocument: names the field.
        """
        try:
            fields.held(document, self.constants, instance)
        except InvalidDocument as error:
            error.document = document.id
            raise


@dataclass(frozen=True, eq=False)
class FormStyle:
    """How a product names its forms and types their controls.

    :param system: the profile's name, ``title`` what people call it.
    :param code: the entry that names a form, ``find_code`` where to find it, ``noun`` what a form is called.
    :param control: reads the map of one control: where it stands, name and specification, within lines.
    :param defaults: the controls by document type where a connection gives none.
    :param needed: fields that every form needs; its lines and, mostly, its currency beside them.
    :param filled: fields that a filled form may not leave empty, where a control holds them.
    :param marks: whether a control can hold docflow's mark.
    :param one_type: whether a form holds documents of one type alone.
    """

    system: str
    title: str
    noun: str
    code: str
    find_code: str
    control: Callable[[str, tuple[str, Any], bool], Control]
    defaults: Mapping[str, Mapping[str, Any]]
    needed: Sequence[str] = ("issue_date", "lines")
    filled: Sequence[str] = ("issue_date", "lines")
    marks: bool = True
    one_type: bool = False

    def form_of(self, site: Site, document_type: str) -> Form:
        """Return the form of a document type.

        :raises Unsupported: the connection maps none.
        """
        forms = self.forms_of(site.setting("forms"))
        if str(document_type) not in forms:
            raise Unsupported(
                f"connection {site.conn_id} has no form for {document_type!s}.",
                system=site.conn_id,
                field="forms",
                remedy=f"Give forms an entry for {document_type!s} with its {self.code}.",
            )
        return forms[str(document_type)]

    def forms_of(self, setting: Any) -> Mapping[str, Form]:
        """Return the forms of a connection, given as JSON or as the text of it.

        :raises Misconfigured: names the entry, the control and the field that are wrong.
        """
        if setting in (None, ""):
            return {}
        return _parsed(self, setting if isinstance(setting, str) else json.dumps(setting))

    def wrong(
        self, where: str, what: str, remedy: str = "Correct the forms of the connection."
    ) -> Misconfigured:
        """Return the error that names an entry of the setting."""
        return Misconfigured(f"{where}: {what}.", system=self.system, field="forms", remedy=remedy)

    def specification(
        self, where: str, spec: Any, entries: frozenset[str]
    ) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """Return what the map says of one control, and the canonical fields that it names.

        :raises Misconfigured: there is something else, or no field.
        """
        given = spec if isinstance(spec, dict) else {"path": spec}
        if unknown := sorted(set(given) - entries):
            raise self.wrong(where, f"there is no entry {unknown[0]!r}", f"Use {', '.join(sorted(entries))}.")
        raw = given.get("path")
        paths = tuple(raw) if isinstance(raw, list) else (raw,)
        if not paths or not all(isinstance(path, str) and path for path in paths):
            raise self.wrong(where, "path is missing")
        return given, paths

    def columns(self, where: str, spec: Mapping[str, Any]) -> tuple[Control, ...]:
        """Return the controls of a table's rows."""
        own = spec.get("fields") or {}
        return tuple(self.control(f"{where}.fields", named, True) for named in own.items())

    def check_paths(self, where: str, paths: Any, *, lines: bool) -> None:
        """Refuse names that are no canonical fields.

        :raises Misconfigured: names the entry.
        """
        try:
            fields.check_paths(paths, lines=lines)
        except Misconfigured as error:
            raise self.wrong(where, error.message.removesuffix("."), error.remedy) from None

    def missing_values(self, form: Form, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield control and field of everything that a document needs and a filled form leaves empty."""
        for path in self.filled:
            control = form.control_of(path)
            if control and not data.get(path):
                yield control.name, path
        for index, line in enumerate(data.get("lines") or ()):
            for column in form.table.columns:
                for path in column.paths:
                    if path in NEEDED_OF_LINES and line.get(path) in (None, ""):
                        yield f"{form.table.name}.{column.name}", f"lines[{index}].{path}"

    def refused(
        self, form: Form, control: str, field: str, what: str, *, document: str = ""
    ) -> InvalidDocument:
        """Return the error that names a control and the canonical field behind it."""
        return InvalidDocument(
            f"the control {control!r} of the {self.noun} {form.code} {what}.",
            document=document,
            field=field,
            remedy=f"Correct the form in {self.title}, or the forms of the connection if the control is"
            " another one.",
        )

    def check_nothing_lost(self, form: Form, document: Document, back: Document) -> None:
        """Refuse a form that, read back, lacks something material.

        :param back: the document that the form holds.
        :raises InvalidDocument: names what would be lost.
        """
        if form.control_of("requester.id") is None:
            back = back.model_copy(update={"requester": document.requester})
        for difference in differences(document, back):
            if re.sub(r"\[\d+\]", "", difference.field).removeprefix("lines.") not in form.omit:
                raise InvalidDocument(
                    f"the {self.noun} {form.code} has no control that holds it: {difference}.",
                    document=document.id,
                    field=difference.field,
                    remedy="Map a control to this field, or name it under omit in the forms of the"
                    " connection.",
                )


@lru_cache(maxsize=64)
def _parsed(style: FormStyle, text: str) -> Mapping[str, Form]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise style.wrong("forms", f"it is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise style.wrong("forms", "it is no JSON object")
    forms = {name: _form(style, name, entry) for name, entry in data.items()}
    types: dict[str, str] = {}
    for name, form in forms.items():
        other = types.setdefault(form.code, name)
        if style.one_type and other != name:
            raise style.wrong(f"forms.{name}", f"its {style.noun} is that of {other} as well")
    return forms


def _form(style: FormStyle, name: str, entry: Any) -> Form:
    where = f"forms.{name}"
    if name not in {kind.value for kind in DocumentType}:
        raise style.wrong(where, "there is no such document type", f"Use one of: {', '.join(DocumentType)}.")
    if not isinstance(entry, dict) or not entry.get(style.code):
        raise style.wrong(where, f"{style.code} is missing", style.find_code)
    entries = {style.code, "fields", "constants", "omit"} | ({"mark_control"} if style.marks else set())
    if unknown := sorted(set(entry) - entries):
        raise style.wrong(where, f"there is no entry {unknown[0]!r}", f"Use {', '.join(sorted(entries))}.")
    given = entry.get("fields") or style.defaults.get(name)
    if not isinstance(given, Mapping) or not given:
        raise style.wrong(where, "fields is missing, and this type has no default")
    constants = {str(path): str(value) for path, value in (entry.get("constants") or {}).items()}
    style.check_paths(f"{where}.constants", constants, lines=False)
    form = Form(
        document_type=name,
        code=str(entry[style.code]),
        controls=tuple(style.control(f"{where}.fields", named, False) for named in given.items()),
        mark_control=str(entry.get("mark_control") or ""),
        constants=constants,
        omit=frozenset(str(path) for path in entry.get("omit") or ()),
    )
    _check_complete(style, where, form)
    return form


def _check_complete(style: FormStyle, where: str, form: Form) -> None:
    """Refuse a map that leaves out what every document has: nobody may guess it later."""
    needed = [*style.needed, *(() if form.document_type in _WITHOUT_VALUE else ("document_currency_code",))]
    have = {path for control in form.controls for path in control.paths} | set(form.constants)
    missing = [path for path in needed if path not in have]
    if "lines" in have:
        columns = {path for column in form.table.columns for path in column.paths}
        missing += [f"lines[*].{path}" for path in NEEDED_OF_LINES if path not in columns]
    if missing:
        raise style.wrong(
            where, f"no control holds {', '.join(missing)}", "Map a control to it, or give a constant."
        )
