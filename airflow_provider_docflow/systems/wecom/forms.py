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

from typing import Any

from airflow_provider_docflow.core.oa.forms import Control, FormStyle
from airflow_provider_docflow.systems.wecom.defaults import DEFAULT_FIELDS
from airflow_provider_docflow.systems.wecom.values import KINDS

_SPEC = frozenset({"path", "type", "fields"})


def _control(where: str, named: tuple[str, Any], in_lines: bool) -> Control:
    name, given = named
    where = f"{where}.{name}"
    spec, paths = STYLE.specification(where, given, _SPEC)
    if len(paths) > 1:
        raise STYLE.wrong(where, "path is missing")
    (path,), kind = paths, str(spec.get("type") or "")
    if kind and kind not in KINDS:
        raise STYLE.wrong(
            where, f"no control of type {kind!r} can be mapped", f"Use one of: {', '.join(KINDS)}."
        )
    if path in ("lines", "attachments") and in_lines:
        raise STYLE.wrong(where, f"{path} cannot stand inside a table")
    if path not in ("lines", "attachments"):
        STYLE.check_paths(where, (path,), lines=in_lines)
    if bool(spec.get("fields")) != (path == "lines"):
        raise STYLE.wrong(where, "the lines, and only they, have fields of their own")
    return Control(name, paths, kind, columns=STYLE.columns(where, spec))


# An event names the template alone: it must say which type its form is.
STYLE = FormStyle(
    system="wecom",
    title="WeCom",
    noun="template",
    code="template_id",
    find_code="Copy it from the template's address in the back office.",
    control=_control,
    defaults=DEFAULT_FIELDS,
    filled=("id", "issue_date", "lines"),
    one_type=True,
)
form_of, forms_of, refused = STYLE.form_of, STYLE.forms_of, STYLE.refused
