r"""
Which template holds which document: the ``forms`` setting of a connection, checked before anything is sent.

.. code-block:: json

    {"purchase_requisition": {
        "template_id": "3TmmcVxSXNgmZJM8ZpbrZVuucxadbweg7pdtEmaQ",
        "mark_control": "docflow",
        "fields": {
            "单号": "id",
            "申请日期": "issue_date",
            "申请人": {"path": "requester.id", "type": "Contact"},
            "明细": {"path": "lines", "fields": {
                "行号": "line_id", "数量": "quantity", "单价": "price_amount"}},
            "合计金额": "payable_amount",
            "附件": "attachments"},
        "constants": {"document_currency_code": "CNY"},
        "omit": ["seller_supplier_party.name"]}}

A key of ``fields`` is a control's name in any of its languages, never its id: ids change when a template is
edited. Its value is the canonical field. The control's type is the template's; ``type`` demands one and
refuses a template where it is another. ``constants`` gives fields for which the template has no control.
``omit`` names material fields that a document may lose on its way into the form, without ``[n]``; all others
that have no control are refused. ``mark_control`` is a Text control in which docflow puts its mark. Controls
that are not mapped are kept as the document's tenant fields. Where nothing holds ``id``, the number is
WeCom's own (``sp_no``) and forms are only read. Without ``fields`` the default of the type holds
(:data:`~airflow_provider_docflow.systems.wecom.defaults.DEFAULT_FIELDS`).
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
from airflow_provider_docflow.systems.wecom.defaults import DEFAULT_FIELDS
from airflow_provider_docflow.systems.wecom.values import KINDS

_ENTRIES = frozenset({"template_id", "mark_control", "fields", "constants", "omit"})
_SPEC = frozenset({"path", "type", "fields"})
_NEEDED = ("issue_date", "lines")
NEEDED_OF_LINES = ("line_id", "quantity")
_WITHOUT_VALUE = ("goods_receipt", "delivery")


@dataclass(frozen=True)
class Control:
    """One control of a form and the canonical field that it holds.

    :param kind: the type that the template's control has to have; empty for any that fits.
    """

    name: str
    path: str
    kind: str = ""
    columns: tuple[Control, ...] = ()

    @property
    def is_table(self) -> bool:
        """Whether it holds the lines."""
        return self.path == "lines"


@dataclass(frozen=True)
class Form:
    """The form of one document type."""

    document_type: str
    template_id: str
    controls: tuple[Control, ...]
    mark_control: str
    constants: Mapping[str, str]
    omit: frozenset[str]

    @property
    def table(self) -> Control | None:
        """The control that holds the lines."""
        return next((control for control in self.controls if control.is_table), None)

    @property
    def numbers_itself(self) -> bool:
        """Whether a form's number is WeCom's own."""
        return self.control_of("id") is None and "id" not in self.constants

    def control_of(self, path: str) -> Control | None:
        """Return the control of a canonical field of the document, if it has one."""
        return next((control for control in self.controls if control.path == path), None)


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
            remedy=f"Give forms an entry for {document_type!s} with its template_id.",
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
    forms = {name: _form(name, entry) for name, entry in data.items()}
    types: dict[str, str] = {}
    for name, form in forms.items():
        other = types.setdefault(form.template_id, name)
        if other != name:
            # An event names the template alone: it must say which type its form is.
            raise _wrong(f"forms.{name}", f"its template is that of {other} as well")
    return forms


def _wrong(where: str, what: str, remedy: str = "Correct the forms of the connection.") -> Misconfigured:
    return Misconfigured(f"{where}: {what}.", system="wecom", field="forms", remedy=remedy)


def _form(name: str, entry: Any) -> Form:
    where = f"forms.{name}"
    if name not in {kind.value for kind in DocumentType}:
        raise _wrong(where, "there is no such document type", f"Use one of: {', '.join(DocumentType)}.")
    if not isinstance(entry, dict) or not entry.get("template_id"):
        raise _wrong(
            where, "template_id is missing", "Copy it from the template's address in the back office."
        )
    if unknown := sorted(set(entry) - _ENTRIES):
        raise _wrong(where, f"there is no entry {unknown[0]!r}", f"Use {', '.join(sorted(_ENTRIES))}.")
    given = entry.get("fields") or DEFAULT_FIELDS.get(name)
    if not isinstance(given, Mapping) or not given:
        raise _wrong(where, "fields is missing, and this type has no default")
    constants = {str(path): str(value) for path, value in (entry.get("constants") or {}).items()}
    _check_paths(f"{where}.constants", constants, lines=False)
    form = Form(
        document_type=name,
        template_id=str(entry["template_id"]),
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
    path, kind = spec.get("path"), str(spec.get("type") or "")
    if not isinstance(path, str) or not path:
        raise _wrong(where, "path is missing")
    if kind and kind not in KINDS:
        raise _wrong(where, f"no control of type {kind!r} can be mapped", f"Use one of: {', '.join(KINDS)}.")
    if path in ("lines", "attachments") and in_lines:
        raise _wrong(where, f"{path} cannot stand inside a table")
    if path not in ("lines", "attachments"):
        _check_paths(where, (path,), lines=in_lines)
    columns = spec.get("fields") or {}
    if bool(columns) != (path == "lines"):
        raise _wrong(where, "the lines, and only they, have fields of their own")
    return Control(name, path, kind, tuple(_control(f"{where}.fields", one, True) for one in columns.items()))


def _check_paths(where: str, paths: Any, *, lines: bool) -> None:
    try:
        fields.check_paths(paths, lines=lines)
    except Misconfigured as error:
        raise _wrong(where, error.message.removesuffix("."), error.remedy) from None


def _check_complete(where: str, form: Form) -> None:
    """Refuse a map that leaves out what every document has: nobody may guess it later."""
    needed = [*_NEEDED, *(() if form.document_type in _WITHOUT_VALUE else ("document_currency_code",))]
    have = {control.path for control in form.controls} | set(form.constants)
    missing = [path for path in needed if path not in have]
    if form.table:
        columns = {column.path for column in form.table.columns}
        missing += [f"lines[*].{path}" for path in NEEDED_OF_LINES if path not in columns]
    if missing:
        raise _wrong(
            where, f"no control holds {', '.join(missing)}", "Map a control to it, or give a constant."
        )


def missing_values(form: Form, data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield control and field of everything that a document needs and a filled form leaves empty."""
    for path in ("id", *_NEEDED):
        control = form.control_of(path)
        if control and not data.get(path):
            yield control.name, path
    for index, line in enumerate(data.get("lines") or ()):
        for column in form.table.columns if form.table else ():
            if column.path in NEEDED_OF_LINES and line.get(column.path) in (None, ""):
                yield column.name, f"lines[{index}].{column.path}"


def refused(form: Form, control: str, field: str, what: str, *, document: str = "") -> InvalidDocument:
    """Return the error that names a control and the canonical field behind it."""
    return InvalidDocument(
        f"the control {control!r} of the template {form.template_id} {what}.",
        document=document,
        field=field,
        remedy="Correct the form in WeCom, or the forms of the connection if the control is another one.",
    )
