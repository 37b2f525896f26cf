"""A filled form into a document. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from airflow_provider_docflow.core.oa.decoding import FormDecoder, Item
from airflow_provider_docflow.core.oa.forms import Control, Form
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.systems.wecom import values
from airflow_provider_docflow.systems.wecom.forms import STYLE


def contents_of(info: Mapping[str, Any]) -> Sequence[Item]:
    """Return the filled controls of an approval's detail."""
    return (info.get("apply_data") or {}).get("contents") or ()


def held_by(contents: Sequence[Item], name: str) -> Item:
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


class _Decoder(FormDecoder):
    style = STYLE

    def __init__(self, form: Form, instance: str, zone: tzinfo) -> None:
        super().__init__(form, instance)
        self.zone = zone

    def item_of(self, items: Sequence[Item], control: Control) -> Item:
        return held_by(items, control.name)

    def names(self, item: Item) -> Sequence[str]:
        return values.words(item.get("title"))

    def rows(self, item: Item) -> Sequence[Sequence[Item]]:
        return values.rows_of(item.get("value"))

    def files(self, item: Item) -> Sequence[Mapping[str, Any]]:
        return values.files_of(item.get("value"))

    def values(self, control: Control, item: Item) -> Sequence[Any]:
        return values.decode(str(item.get("control")), item.get("value"), self.zone)

    def own(self, item: Item) -> Any:
        return values.kept(str(item.get("control")), item.get("value"), self.zone)

    def keep(self, kept: dict[str, Any], name: str, value: Any) -> None:
        if name in kept:
            raise ValueError("the form has several controls of that name")
        super().keep(kept, name, value)


def to_document(form: Form, info: Mapping[str, Any], instance: str, zone: tzinfo) -> Document:
    """Return the document that a filled form holds. Its arithmetic is not checked here.

    :param instance: whose tenant fields the controls without a map are.
    :raises InvalidDocument: names the control and the field that are empty or wrong.
    """
    applyer = str((info.get("applyer") or {}).get("userid") or "")
    number = number_in(form, info, zone)
    return _Decoder(form, instance, zone).document(contents_of(info), requester=applyer, number=number)
