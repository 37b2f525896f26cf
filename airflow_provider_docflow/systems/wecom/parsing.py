"""A filled form into a document. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.oa.filling import document_in
from airflow_provider_docflow.core.oa.forms import Control, Form
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.document.money import exact_decimal
from airflow_provider_docflow.systems.wecom import values
from airflow_provider_docflow.systems.wecom.forms import STYLE, refused

Content = Mapping[str, Any]


def contents_of(info: Mapping[str, Any]) -> Sequence[Content]:
    """Return the filled controls of an approval's detail."""
    return (info.get("apply_data") or {}).get("contents") or ()


def held_by(contents: Sequence[Content], name: str) -> Content:
    """Return the filled control of a name; empty where the form does not show it.

    :raises ValueError: several are called so, and nobody can tell which one is meant.
    """
    found = [item for item in contents if name in values.words(item.get("title"))]
    if len(found) > 1:
        raise ValueError(f"the form has {len(found)} controls of that name")
    return found[0] if found else {}


def number_in(form: Form, info: Mapping[str, Any], zone: tzinfo) -> str:
    """Return the document's number as the form shows it; WeCom's own where no control holds one."""
    if form.numbers_itself:
        return str(info.get("sp_no") or "")
    control = form.control_of("id")
    if control is None:
        return form.constants["id"]
    try:
        item = held_by(contents_of(info), control.name)
        found = values.decode(str(item.get("control")), item.get("value"), zone)
    except ValueError:
        return ""
    return found[0].strip() if len(found) == 1 else ""


def mark_in(form: Form, info: Mapping[str, Any]) -> str:
    """Return what stands in the control for docflow's mark; of several of that name all."""
    if not form.mark_control:
        return ""
    named = [one for one in contents_of(info) if form.mark_control in values.words(one.get("title"))]
    return " ".join(str((one.get("value") or {}).get("text") or "") for one in named)


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
        try:
            item = held_by(left, control.name)
            _take(control, item, data, instance, zone)
        except ValueError as error:
            raise refused(form, control.name, control.path, f"is wrong: {error}", document=number) from None
        left = [other for other in left if other is not item]
    for item in left:
        name = next(iter(values.words(item.get("title"))), "")
        try:
            _keep(name, form.mark_control, item, data, instance, zone)
        except ValueError as error:
            field = f"extensions.{name}"
            raise refused(form, name, field, f"is wrong: {error}", document=number) from None
    applyer = str((info.get("applyer") or {}).get("userid") or "")
    return document_in(STYLE, form, data, requester=applyer, number=number)


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
        try:
            item = held_by(left, column.name)
            _set(column, item, data, instance, zone)
        except ValueError as error:
            raise ValueError(f"column {column.name!r}: {error}") from None
        left = [other for other in left if other is not item]
    for item in left:
        _keep(next(iter(values.words(item.get("title"))), ""), "", item, data, instance, zone)
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


def _keep(
    name: str, mark_control: str, item: Content, data: dict[str, Any], instance: str, zone: tzinfo
) -> None:
    """Keep a control without a map, so that it survives a round trip."""
    found = values.kept(str(item.get("control")), item.get("value"), zone)
    if not name or found is None or (mark_control and mark_control in values.words(item.get("title"))):
        return
    own = data.setdefault("extensions", {}).setdefault(instance, {})
    if name in own:
        raise ValueError("the form has several controls of that name")
    own[name] = found
