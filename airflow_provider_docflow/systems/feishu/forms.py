"""
Which approval definition holds which document: the ``forms`` setting, checked before anything is sent.

.. code-block:: json

    {"purchase_requisition": {
        "approval_code": "7C468A54-8745-2245-9675-08B7C63E7A85",
        "fields": {
            "单号": "id",
            "公司": "company_code",
            "申请日期": "issue_date",
            "明细": {"path": "lines", "fields": {
                "行号": "line_id", "数量": "quantity", "单价": "price_amount",
                "供应商": "seller_supplier_party.id", "成本中心": "accounting.0.cost_centre"}},
            "合计金额": "payable_amount",
            "附件": "attachments"},
        "constants": {"document_currency_code": "CNY"},
        "omit": ["seller_supplier_party.name"]}}

A key of ``fields`` is a control's name (or its id or custom id), its value the canonical field, or a list of
two for a date interval. How a value is written follows from the control's type, which Feishu tells.
``constants`` gives fields for which the form has no control. ``omit`` names material fields that a document
may lose on its way into the form, without ``[n]``; all others that have no control are refused. Controls that
are not mapped are kept as the document's tenant fields. Without ``fields`` the default of the type holds.
A form without a control for ``id`` has Feishu's serial number as the document's number.
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

_LINES = {
    "行号": "line_id",
    "物料": "item_id",
    "名称": "description",
    "数量": "quantity",
    "单位": "unit_code",
    "单价": "price_amount",
}
_TAX = {"税率": "tax_percent", "税额": "tax_amount"}
_DELIVERY, _COST = {"交货日期": "delivery_date"}, {"成本中心": "accounting.0.cost_centre"}
_SUPPLIER = {"供应商": "seller_supplier_party.id", "供应商名称": "seller_supplier_party.name"}
_CUSTOMER = {"客户": "buyer_customer_party.id", "客户名称": "buyer_customer_party.name"}
_PAYEE = {
    "收款方": "seller_supplier_party.id",
    "收款方名称": "seller_supplier_party.name",
    "收款账号": "payee_account",
    "收款户名": "payee_account.name",
    "开户行": "payee_account.bank",
}
_DUE, _RATE = {"到期日": "due_date"}, {"汇率": "exchange_rate"}
_PAID = {
    "path": "lines",
    "fields": {"行号": "line_id", "摘要": "description", "数量": "quantity", "单价": "price_amount"},
}


def _table(*more: Mapping[str, str]) -> dict[str, Any]:
    columns = {name: path for part in (_LINES, *more) for name, path in part.items()}
    return {"path": "lines", "fields": columns}


def _fields(date: str, lines: Mapping[str, Any], *more: Mapping[str, str]) -> dict[str, Any]:
    return {
        **{"单号": "id", "公司": "company_code", date: "issue_date"},
        **{name: path for part in more for name, path in part.items()},
        **{"币种": "document_currency_code", "明细": lines, "合计金额": "payable_amount", "备注": "notes.0"},
    }


_ASKED = {"供应商": "seller_supplier_party.id"}
DEFAULT_FIELDS: Mapping[str, Mapping[str, Any]] = {
    "purchase_requisition": _fields("申请日期", _table(_ASKED, _COST, _DELIVERY)),
    "purchase_order": _fields("订单日期", _table(_TAX, _COST, _DELIVERY), _SUPPLIER, _DUE, _RATE),
    "sales_order": _fields("订单日期", _table(_TAX, _DELIVERY), _CUSTOMER, _DUE, _RATE),
    "payment_request": _fields("申请日期", _PAID, {"付款日期": "due_date"}, _PAYEE, _RATE),
    "contract": _fields("签订日期", _table(_TAX), _DUE, _SUPPLIER),
}
"""Controls by document type, for forms made for docflow; a form needs those that its documents use."""

_ENTRIES = frozenset({"approval_code", "fields", "constants", "omit"})
_NEEDED_OF_LINES = ("line_id", "quantity")
_WITHOUT_VALUE = ("goods_receipt", "delivery")


@dataclass(frozen=True)
class Control:
    """One control of a form and the canonical fields that it holds."""

    name: str
    paths: tuple[str, ...]
    columns: tuple[Control, ...] = ()

    def is_(self, item: Mapping[str, Any]) -> bool:
        """Tell whether a value or a widget belongs to this control."""
        return self.name in (item.get("name"), item.get("id"), item.get("custom_id"))


@dataclass(frozen=True)
class Form:
    """The form of one document type."""

    document_type: str
    approval_code: str
    controls: tuple[Control, ...]
    constants: Mapping[str, str]
    omit: frozenset[str]

    @property
    def table(self) -> Control:
        """The control that holds the lines."""
        return next(control for control in self.controls if control.paths == ("lines",))

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
            remedy=f"Give forms an entry for {document_type!s} with its approval_code.",
        )
    return forms[str(document_type)]


def forms_of(setting: Any) -> Mapping[str, Form]:
    """Return the forms of a connection, given as JSON or as the text of it.

    :raises Misconfigured: names the entry, the control and the field that are wrong.
    """
    if setting in (None, ""):
        return {}
    return _parsed(setting if isinstance(setting, str) else json.dumps(setting))


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
    return Misconfigured(f"{where}: {what}.", system="feishu", field="forms", remedy=remedy)


def _form(name: str, entry: Any) -> Form:
    where = f"forms.{name}"
    if name not in {kind.value for kind in DocumentType}:
        raise _wrong(where, "there is no such document type", f"Use one of: {', '.join(DocumentType)}.")
    if not isinstance(entry, dict) or not entry.get("approval_code"):
        raise _wrong(where, "approval_code is missing", "Copy definitionCode from the form's address.")
    if unknown := sorted(set(entry) - _ENTRIES):
        raise _wrong(where, f"there is no entry {unknown[0]!r}", f"Use {', '.join(sorted(_ENTRIES))}.")
    given = entry.get("fields") or DEFAULT_FIELDS.get(name)
    if not isinstance(given, Mapping) or not given:
        raise _wrong(where, "fields is missing, and this type has no default")
    constants = {str(path): str(value) for path, value in (entry.get("constants") or {}).items()}
    _check_path(f"{where}.constants", constants, lines=False)
    form = Form(
        document_type=name,
        approval_code=str(entry["approval_code"]),
        controls=tuple(_control(f"{where}.fields", named, False) for named in given.items()),
        constants=constants,
        omit=frozenset(str(path) for path in entry.get("omit") or ()),
    )
    _check_complete(where, form)
    return form


def _control(where: str, named: tuple[str, Any], in_lines: bool) -> Control:
    name, spec = named
    where = f"{where}.{name}"
    spec = spec if isinstance(spec, dict) else {"path": spec}
    if unknown := sorted(set(spec) - {"path", "fields"}):
        raise _wrong(where, f"there is no entry {unknown[0]!r}", "Use path and, for lines, fields.")
    raw = spec.get("path")
    paths = tuple(raw) if isinstance(raw, list) else (raw,)
    if not 1 <= len(paths) <= 2 or not all(isinstance(path, str) and path for path in paths):
        raise _wrong(where, "path is missing")
    if paths == ("lines",) and not in_lines:
        columns = tuple(_control(f"{where}.fields", one, True) for one in (spec.get("fields") or {}).items())
        return Control(name, paths, columns)
    if paths != ("attachments",) or in_lines:
        _check_path(where, paths, lines=in_lines)
    return Control(name, paths)


def _check_path(where: str, paths: Any, *, lines: bool) -> None:
    try:
        fields.check_paths(paths, lines=lines)
    except Misconfigured as error:
        raise _wrong(where, error.message.removesuffix("."), error.remedy) from None


def _check_complete(where: str, form: Form) -> None:
    """Refuse a map that leaves out what every document has: nobody may guess it later."""
    valued = () if form.document_type in _WITHOUT_VALUE else ("document_currency_code",)
    have = {path for control in form.controls for path in control.paths} | set(form.constants)
    missing = [path for path in ("issue_date", "lines", *valued) if path not in have]
    if "lines" in have:
        columns = {path for column in form.table.columns for path in column.paths}
        missing += [f"lines[*].{path}" for path in _NEEDED_OF_LINES if path not in columns]
    if missing:
        raise _wrong(
            where, f"no control holds {', '.join(missing)}", "Map a control to it, or give a constant."
        )


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
        f"the control {control!r} of the definition {form.approval_code} {what}.",
        document=document,
        field=field,
        remedy="Correct the form in Feishu, or the forms of the connection if the control is another one.",
    )
