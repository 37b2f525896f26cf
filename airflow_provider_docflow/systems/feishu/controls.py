"""
The values of a form's controls, each written as its type wants it.

What is read differs from what is sent: a choice is sent as its key and shown as its text, a person's ids
stand under ``value`` or ``open_ids`` by kind, a telephone's parts change their names. Numbers are JSON
numbers on both ways: one that would lose a digit there is refused. Pages: "Form control parameters" of
approval instances, "Get a single approval instance".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.oa.filling import MOST_DECIMALS, plain
from airflow_provider_docflow.document.money import exact_decimal

LARGEST_WHOLE = 2**53
"""Feishu keeps numbers as floats."""

NUMBERS = ("number", "amount", "formula")
CHOICES = ("radio", "radioV2")
FILES = ("attachment", "attachmentV2", "image", "imageV2")
TABLE = "fieldList"
Item = dict[str, Any]


@dataclass(frozen=True)
class Setting:
    """What the connection and the document say beyond the control itself."""

    zone: tzinfo = UTC
    id_type: str = "open_id"
    currency: str = ""


@dataclass(frozen=True)
class Filled:
    """A control's value as it is sent, and as it will be shown."""

    sent: Item
    shown: Item


def options(widget: Mapping[str, Any]) -> dict[str, str]:
    """Return the choices of a control: key by text."""
    listed = widget.get("option") or widget.get("value") or ()
    found = listed if isinstance(listed, list) else ()
    return {
        str(one.get("text", "")): str(one.get("value") or one.get("key") or "")
        for one in found
        if isinstance(one, Mapping)
    }


def fill(widget: Mapping[str, Any], value: Any, setting: Setting) -> Filled:
    """Return one value in a control.

    :raises ValueError: such a control cannot hold it, or Feishu's API cannot fill such a control in.
    """
    kind = str(widget.get("type"))
    base = {"id": widget.get("id"), "type": kind}
    writer = _WRITERS.get(kind)
    if writer is None:
        raise ValueError(f"controls of the type {kind} cannot be filled in by API")
    sent, shown = writer(widget, value, setting)
    names = {name: widget[name] for name in ("name", "custom_id") if widget.get(name)}
    return Filled({**base, **sent}, {**base, **names, **shown})


Written = tuple[Item, Item]


def _same(value: Any, **more: Any) -> Written:
    return {"value": value, **more}, {"value": value, **more}


def _text(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    return _same(plain(value))


def _number(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    number = value if isinstance(value, Decimal) else fields.exact(value)
    if not isinstance(value, Decimal) and plain(number) != str(value):
        raise ValueError(f"{value!r} would be read as {number}")
    if abs(number) > LARGEST_WHOLE:
        raise ValueError(f"{number} has more digits than Feishu keeps of a number")
    more = {"currency": setting.currency} if widget.get("type") == "amount" and setting.currency else {}
    return {"value": fields.NUMBER.write(number), **more}, {"value": number, **more}


def _date(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    if not isinstance(value, date):
        raise ValueError(f"{value!r} is no date")
    return _same(datetime.combine(value, time.min, setting.zone).isoformat())


def _choice(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    text = plain(value)
    return {"value": _key(widget, text)}, {"value": text}


def _choices(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    text = plain(value)
    return {"value": [_key(widget, text)]}, {"value": [text]}


def _key(widget: Mapping[str, Any], text: str) -> str:
    offered = options(widget)
    if text not in offered:
        raise ValueError(f"{text!r} is none of its choices: {', '.join(offered)}")
    return offered[text]


def _people(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    ids = [plain(value)]
    return _same(ids) if setting.id_type == "user_id" else _same([], open_ids=ids)


def _department(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    return _same([{"open_id": plain(value)}])


def _related(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    return _same([plain(value)])


def _telephone(widget: Mapping[str, Any], value: Any, setting: Setting) -> Written:
    country, _, number = plain(value).partition(" ")
    if not country.startswith("+") or not number:
        raise ValueError(f"{value!r} is no telephone number such as '+86 13122222222'")
    sent = {"countryCode": country, "nationalNumber": number}
    return {"value": sent}, {"value": {"country_code": country, "national_number": number}}


_WRITERS: Mapping[str, Callable[[Mapping[str, Any], Any, Setting], Written]] = {
    **dict.fromkeys(("input", "textarea"), _text),
    **dict.fromkeys(NUMBERS, _number),
    **dict.fromkeys(CHOICES, _choice),
    **dict.fromkeys(("checkbox", "checkboxV2"), _choices),
    "date": _date,
    "contact": _people,
    "department": _department,
    "connect": _related,
    "telephone": _telephone,
}


def is_blank(item: Mapping[str, Any]) -> bool:
    """Tell whether a control was left empty."""
    return item.get("value") in (None, "", [], {}) and not item.get("open_ids")


def values(item: Mapping[str, Any], setting: Setting) -> list[Any]:
    """Return what a control shows, one value per mapped field.

    :raises ValueError: it is not what such a control holds.
    """
    kind, value = item.get("type"), item.get("value")
    if is_blank(item):
        return []
    if kind == "date":
        return [_day(value, setting)]
    if kind == "dateInterval":
        return [_day(_of(value, "start"), setting), _day(_of(value, "end"), setting)]
    if kind == "contact":
        return _list(item.get("open_ids" if setting.id_type == "open_id" else "value"))
    if kind == "department":
        return [_of(one, "open_id") for one in _list(value)]
    if kind == "telephone":
        return [f"{_of(value, 'country_code')} {_of(value, 'national_number')}"]
    if isinstance(value, list):
        return value
    if isinstance(value, Mapping | bool):
        raise ValueError(f"a control of the type {kind} is no field of a document")
    return [value]


def _day(value: Any, setting: Setting) -> date:
    """Read the business date that people see in the control."""
    instant = datetime.fromisoformat(str(value))
    return (instant.astimezone(setting.zone) if instant.tzinfo else instant).date()


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{str(value)[:60]!r} is no list")
    return value


def _of(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping) or value.get(name) in (None, ""):
        raise ValueError(f"{name} is missing")
    return value[name]


def read_as(path: str, value: Any) -> Any:
    """Return a shown value as the canonical field has it.

    :raises ValueError: it is none such.
    """
    sort = fields.sort_of(path)
    if sort == "decimal":
        if isinstance(value, str):
            exact_decimal(value, decimals=MOST_DECIMALS)
        return fields.exact(value)
    if sort == "date":
        return value if isinstance(value, date) else fields.day(str(value))
    text = plain(value)
    return fields.kind_of(path).read(text)


def rows(item: Mapping[str, Any]) -> list[list[Item]]:
    """Return the rows of a table, each a list of its cells; rows that were left empty are none.

    :raises ValueError: it is no table.
    """
    found = []
    for row in _list(item.get("value") or []):
        if not isinstance(row, list) or not all(isinstance(cell, dict) for cell in row):
            raise ValueError("a row of the table has no cells")
        if any(not is_blank(cell) for cell in row):
            found.append(row)
    return found


def files(item: Mapping[str, Any]) -> list[Item]:
    """Return attachments as the canonical document names them; their addresses are good for 12 hours.

    :raises ValueError: names and addresses do not belong together.
    """
    links = item.get("value") or []
    links = links if isinstance(links, list) else str(links).split(",")
    names = [name.strip().strip("'\"") for name in str(item.get("ext") or "").split(",") if name.strip()]
    if len(names) != len(links):
        raise ValueError(f"it shows {len(links)} files and {len(names)} names")
    return [{"name": name, "uri": str(link)} for name, link in zip(names, links, strict=True)]
