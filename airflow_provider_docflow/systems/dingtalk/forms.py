r"""
Which form holds which document: the ``forms`` setting of a connection, checked before anything is sent.

.. code-block:: json

    {"purchase_requisition": {
        "process_code": "PROC-5A11E770-D8A5-4101-AEFE-9E2AD79A939F",
        "mark_control": "docflow",
        "fields": {
            "单号": "id",
            "公司": "company_code",
            "申请日期": "issue_date",
            "申请人": {"path": "requester.id", "type": "InnerContactField"},
            "[\"开始\",\"结束\"]": {"path": ["issue_date", "due_date"], "type": "DDDateRangeField"},
            "明细": {"path": "lines", "fields": {
                "行号": "line_id", "数量": "quantity", "单价": "price_amount",
                "供应商": "seller_supplier_party.id", "成本中心": "accounting.0.cost_centre"}},
            "合计金额": "payable_amount",
            "附件": "attachments"},
        "constants": {"document_currency_code": "CNY"},
        "omit": ["seller_supplier_party.name"]}}

A key of ``fields`` is a control's name (or its id or bizAlias), its value the canonical field. ``type`` is
the control's type where it does not follow from the field: dates are DDDateField, amounts MoneyField, other
numbers NumberField, notes TextareaField, attachments DDAttachment, lines TableField, all else TextField.
``format`` is needed where a date shows a time (``yyyy-MM-dd HH:mm``). ``constants`` gives fields for which
the form has no control. ``omit`` names material fields that a document may lose on its way into the form,
without ``[n]``; all others that have no control are refused. ``mark_control`` is a text control in which
docflow puts its mark. Controls that are not mapped are kept as the document's tenant fields. Without
``fields`` the default of the type holds
(:data:`~airflow_provider_docflow.systems.dingtalk.defaults.DEFAULT_FIELDS`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import DocumentType
from airflow_provider_docflow.exceptions import InvalidDocument, Misconfigured, Unsupported
from airflow_provider_docflow.systems.dingtalk.components import KINDS, SEVERAL
from airflow_provider_docflow.systems.dingtalk.defaults import DEFAULT_FIELDS

_ENTRIES = frozenset({"process_code", "mark_control", "fields", "constants", "omit"})
_SPEC = frozenset({"path", "type", "format", "fields"})
_NEEDED = ("id", "issue_date", "lines")
_NEEDED_OF_LINES = ("line_id", "quantity")
_WITHOUT_VALUE = ("goods_receipt", "delivery")


@dataclass(frozen=True)
class Control:
    """One control of a form and the canonical fields that it holds."""

    name: str
    paths: tuple[str, ...]
    kind: str
    pattern: str = ""
    columns: tuple[Control, ...] = ()

    def is_(self, item: Mapping[str, Any]) -> bool:
        """Tell whether a form value belongs to this control."""
        names = (item.get("name"), item.get("id"), item.get("key"), item.get("bizAlias"))
        return any(name and _same_name(self.name, str(name)) for name in names)


@dataclass(frozen=True)
class Form:
    """The form of one document type."""

    document_type: str
    process_code: str
    controls: tuple[Control, ...]
    mark_control: str
    constants: Mapping[str, str]
    omit: frozenset[str]

    @property
    def table(self) -> Control:
        """The control that holds the lines."""
        return next(control for control in self.controls if control.kind == "TableField")

    def control_of(self, path: str) -> Control | None:
        """Return the control of a canonical field of the document, if it has one."""
        return next((control for control in self.controls if path in control.paths), None)


def form_of(site: Site, document_type: str) -> Form:
    """Return the form of a document type.

    :raises Unsupported: the connection maps none.
    """
    forms = forms_of(site.setting("forms"))
    if str(document_type) not in forms:
        raise Unsupported(
            f"connection {site.conn_id} has no form for {document_type!s}.",
            system=site.conn_id,
            field="forms",
            remedy=f"Give forms an entry for {document_type!s} with its process_code.",
        )
    return forms[str(document_type)]


def forms_of(setting: Any) -> Mapping[str, Form]:
    """Return the forms of a connection, given as JSON or as the text of it.

    :raises Misconfigured: names the entry, the control and the field that are wrong.
    """
    if setting in (None, ""):
        return {}
    return _parsed(setting if isinstance(setting, str) else json.dumps(setting, sort_keys=False))


@lru_cache(maxsize=64)
def _parsed(text: str) -> Mapping[str, Form]:
    try:
        data = json.loads(text)
    except ValueError as error:
        raise _wrong("forms", f"it is no JSON: {error}") from None
    if not isinstance(data, dict):
        raise _wrong("forms", "it is no JSON object")
    return {name: _form(name, entry) for name, entry in data.items()}


def _wrong(where: str, what: str, remedy: str = "Correct the forms of the connection.") -> Misconfigured:
    return Misconfigured(f"{where}: {what}.", system="dingtalk", field="forms", remedy=remedy)


def _form(name: str, entry: Any) -> Form:
    where = f"forms.{name}"
    if name not in {kind.value for kind in DocumentType}:
        raise _wrong(where, "there is no such document type", f"Use one of: {', '.join(DocumentType)}.")
    if not isinstance(entry, dict) or not entry.get("process_code"):
        raise _wrong(where, "process_code is missing", "Copy it from the form's address in the back office.")
    if unknown := sorted(set(entry) - _ENTRIES):
        raise _wrong(where, f"there is no entry {unknown[0]!r}", f"Use {', '.join(sorted(_ENTRIES))}.")
    given = entry.get("fields") or DEFAULT_FIELDS.get(name)
    if not isinstance(given, Mapping) or not given:
        raise _wrong(where, "fields is missing, and this type has no default")
    constants = {str(path): str(value) for path, value in (entry.get("constants") or {}).items()}
    _check_path(f"{where}.constants", constants, lines=False)
    form = Form(
        document_type=name,
        process_code=str(entry["process_code"]),
        controls=tuple(_control(f"{where}.fields", named, False) for named in given.items()),
        mark_control=str(entry.get("mark_control") or ""),
        constants=constants,
        omit=frozenset(str(path) for path in entry.get("omit") or ()),
    )
    _check_complete(where, form)
    return form


def _control(where: str, named: tuple[str, Any], in_lines: bool) -> Control:
    name, spec = named
    where = f"{where}.{name}"
    spec = spec if isinstance(spec, dict) else {"path": spec}
    if unknown := sorted(set(spec) - _SPEC):
        raise _wrong(where, f"there is no entry {unknown[0]!r}", f"Use {', '.join(sorted(_SPEC))}.")
    raw = spec.get("path")
    paths = tuple(raw) if isinstance(raw, list) else (raw,)
    if not all(isinstance(path, str) and path for path in paths):
        raise _wrong(where, "path is missing")
    kind = spec.get("type") or _kind(paths)
    if kind not in KINDS:
        raise _wrong(
            where, f"no control of type {kind!r} can be mapped", f"Use one of: {', '.join(sorted(KINDS))}."
        )
    if (len(paths) > 1 and kind not in SEVERAL) or (kind == "TableField") != (paths == ("lines",)):
        raise _wrong(where, f"a {kind} cannot hold {', '.join(paths)}")
    if (kind == "DDAttachment") != (paths == ("attachments",)):
        raise _wrong(where, f"a {kind} cannot hold {', '.join(paths)}")
    if kind not in ("TableField", "DDAttachment"):
        _check_path(where, paths, lines=in_lines)
        return Control(name, paths, kind, str(spec.get("format") or ""))
    if in_lines:
        raise _wrong(where, f"a {kind} cannot stand inside a table")
    columns = tuple(_control(f"{where}.fields", named, True) for named in (spec.get("fields") or {}).items())
    return Control(name, paths, kind, columns=columns)


def _kind(paths: tuple[str, ...]) -> str:
    special = {"lines": "TableField", "attachments": "DDAttachment", "notes.0": "TextareaField"}
    if paths[0] in special:
        return special[paths[0]]
    sort = fields.sort_of(paths[0])
    if len(paths) > 1:
        return "DDDateRangeField" if sort == "date" else "AddressField"
    if sort == "decimal":
        money = paths[0].endswith("_amount") and paths[0] != "price_amount"
        return "MoneyField" if money else "NumberField"
    return "DDDateField" if sort == "date" else "TextField"


def _check_path(where: str, paths: Any, *, lines: bool) -> None:
    try:
        fields.check_paths(paths, lines=lines)
    except Misconfigured as error:
        raise _wrong(where, error.message.removesuffix("."), error.remedy) from None


def _check_complete(where: str, form: Form) -> None:
    """Refuse a map that leaves out what every document has: nobody may guess it later."""
    needed = [*_NEEDED, *(() if form.document_type in _WITHOUT_VALUE else ("document_currency_code",))]
    have = {path for control in form.controls for path in control.paths} | set(form.constants)
    missing = [path for path in needed if path not in have]
    if "lines" in have:
        columns = {path for column in form.table.columns for path in column.paths}
        missing += [f"lines[*].{path}" for path in _NEEDED_OF_LINES if path not in columns]
    if missing:
        raise _wrong(
            where, f"no control holds {', '.join(missing)}", "Map a control to it, or give a constant."
        )


def _same_name(name: str, other: str) -> bool:
    return name == other or (name.startswith("[") and name.replace(" ", "") == other.replace(" ", ""))


def missing_values(form: Form, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield control and field of everything that a document needs and a filled form leaves empty."""
    for path in ("issue_date", "lines"):
        control = form.control_of(path)
        if control and not data.get(path):
            yield control.name, path
    for index, line in enumerate(data.get("lines") or ()):
        for column in form.table.columns:
            for path in column.paths:
                if path in _NEEDED_OF_LINES and line.get(path) in (None, ""):
                    yield f"{form.table.name}.{column.name}", f"lines[{index}].{path}"


def refused(form: Form, control: str, field: str, what: str, *, document: str = "") -> InvalidDocument:
    """Return the error that names a control and the canonical field behind it."""
    return InvalidDocument(
        f"the control {control!r} of the form {form.process_code} {what}.",
        document=document,
        field=field,
        remedy="Correct the form in DingTalk, or the forms of the connection if the control is another one.",
    )
