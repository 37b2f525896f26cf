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

from collections.abc import Mapping
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.oa.forms import Control, FormStyle
from airflow_provider_docflow.systems.dingtalk.components import KINDS, SEVERAL
from airflow_provider_docflow.systems.dingtalk.defaults import DEFAULT_FIELDS

_SPEC = frozenset({"path", "type", "format", "fields"})


def is_of(item: Mapping[str, Any], control: Control) -> bool:
    """Tell whether a form value belongs to a control."""
    names = (item.get("name"), item.get("id"), item.get("key"), item.get("bizAlias"))
    return any(name and _same_name(control.name, str(name)) for name in names)


def _same_name(name: str, other: str) -> bool:
    return name == other or (name.startswith("[") and name.replace(" ", "") == other.replace(" ", ""))


def _control(where: str, named: tuple[str, Any], in_lines: bool) -> Control:
    name, given = named
    where = f"{where}.{name}"
    spec, paths = STYLE.specification(where, given, _SPEC)
    kind = spec.get("type") or _kind(paths)
    if kind not in KINDS:
        raise STYLE.wrong(
            where, f"no control of type {kind!r} can be mapped", f"Use one of: {', '.join(sorted(KINDS))}."
        )
    if (len(paths) > 1 and kind not in SEVERAL) or (kind == "TableField") != (paths == ("lines",)):
        raise STYLE.wrong(where, f"a {kind} cannot hold {', '.join(paths)}")
    if (kind == "DDAttachment") != (paths == ("attachments",)):
        raise STYLE.wrong(where, f"a {kind} cannot hold {', '.join(paths)}")
    if kind not in ("TableField", "DDAttachment"):
        STYLE.check_paths(where, paths, lines=in_lines)
        return Control(name, paths, kind, str(spec.get("format") or ""))
    if in_lines:
        raise STYLE.wrong(where, f"a {kind} cannot stand inside a table")
    return Control(name, paths, kind, columns=STYLE.columns(where, spec))


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


STYLE = FormStyle(
    system="dingtalk",
    title="DingTalk",
    noun="form",
    code="process_code",
    find_code="Copy it from the form's address in the back office.",
    control=_control,
    defaults=DEFAULT_FIELDS,
    needed=("id", "issue_date", "lines"),
)
form_of, forms_of, refused = STYLE.form_of, STYLE.forms_of, STYLE.refused
