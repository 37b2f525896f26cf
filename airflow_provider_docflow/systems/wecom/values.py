"""
What each control holds, as WeCom writes it: ``value`` of a control in ``apply_data.contents``. Pure.

A detail shows every control with the empty lists of all others beside its own value; only the key that
belongs to the control's type is read. Amounts and numbers are text. A day is the second at which it begins
in the company's time zone. Pages 91853 (values of a submission) and 91983 (of a detail).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time, tzinfo
from typing import Any

from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.oa.filling import MOST_DECIMALS, plain
from airflow_provider_docflow.document.money import exact_decimal

KINDS = (
    *("Text", "Textarea", "Number", "Money", "Date", "Selector", "Contact", "RelatedApproval", "Formula"),
    *("File", "Table"),
)
"""Controls that may be mapped. Tips hold nothing; places, periods and bank accounts are not shown in full."""

_SEVERAL = ("Selector", "Contact", "RelatedApproval")
MOST_FILES = 6
SCHEME = "wecom://"
Value = dict[str, Any]


def words(texts: Any) -> tuple[str, ...]:
    """Return what a text says in all its languages."""
    given = [texts] if isinstance(texts, Mapping) else texts or ()
    return tuple(str(one["text"]) for one in given if isinstance(one, Mapping) and one.get("text"))


def encode(kind: str, config: Mapping[str, Any], value: Any, zone: tzinfo) -> Value:
    """Return the value of a control.

    :param config: of the template's control: its options, whether it takes days or moments.
    :param value: of controls that hold several (Selector, Contact, RelatedApproval) also a list.
    :raises ValueError: such a control cannot hold it.
    """
    if isinstance(value, list | tuple | dict) and kind not in _SEVERAL:
        raise ValueError(f"a {kind} holds one value")
    if kind in ("Text", "Textarea"):
        return {"text": plain(value)}
    if kind in ("Number", "Money"):
        number = plain(exact_decimal(plain(value), decimals=MOST_DECIMALS))
        return {f"new_{kind.lower()}": number}
    if kind == "Date":
        return {
            "date": {
                "type": (config.get("date") or {}).get("type", "day"),
                "s_timestamp": _begin(value, zone),
            }
        }
    several = [plain(one) for one in value] if isinstance(value, list | tuple) else [plain(value)]
    if kind == "Selector":
        return {"selector": _chosen(config.get("selector") or {}, several)}
    if kind == "Contact":
        return _contact(config.get("contact") or {}, several)
    if kind == "RelatedApproval":
        return {"related_approval": [{"sp_no": one} for one in several]}
    raise ValueError(f"a {kind} cannot be filled in by docflow")


def _begin(value: Any, zone: tzinfo) -> str:
    day = fields.day(value)
    return str(int(datetime.combine(day, time.min, zone).timestamp()))


def _chosen(selector: Mapping[str, Any], wanted: Sequence[str]) -> dict[str, Any]:
    if len(wanted) > 1 and selector.get("type") != "multi":
        raise ValueError("it holds one option")
    return {
        "type": selector.get("type", "single"),
        "options": [_option(selector.get("options") or (), one) for one in wanted],
    }


def _option(options: Sequence[Mapping[str, Any]], wanted: str) -> Mapping[str, Any]:
    found = [one for one in options if wanted == one.get("key") or wanted in words(one.get("value"))]
    if len(found) != 1:
        offered = ", ".join("/".join(words(one.get("value"))) for one in options)
        raise ValueError(f"{wanted!r} is {'no' if not found else 'more than one'} option of it ({offered})")
    return found[0]


def _contact(contact: Mapping[str, Any], wanted: Sequence[str]) -> Value:
    if len(wanted) > 1 and contact.get("type") != "multi":
        raise ValueError("it holds one of them")
    if contact.get("mode") == "department":
        return {"departments": [{"openapi_id": one, "name": one} for one in wanted]}
    return {"members": [{"userid": one, "name": one} for one in wanted]}


def bare(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return a filled control as it is sent: of an option the key alone."""
    value = content["value"]
    if "selector" in value:
        options = [{"key": one["key"]} for one in value["selector"]["options"]]
        value = {"selector": {**value["selector"], "options": options}}
    if "children" in value:
        value = {"children": [{"list": [bare(cell) for cell in row["list"]]} for row in value["children"]]}
    return {**content, "value": value}


def decode(kind: str, value: Any, zone: tzinfo) -> list[str]:
    """Return the values of a control as it was read, as text; empty where it is empty.

    :raises ValueError: it is not what such a control holds.
    """
    try:
        return _decode(kind, value, zone) if isinstance(value, Mapping) else []
    except (AttributeError, KeyError, TypeError, OverflowError, OSError):
        raise ValueError(f"it is no value of a {kind}") from None


def _decode(kind: str, value: Mapping[str, Any], zone: tzinfo) -> list[str]:
    if kind in ("Text", "Textarea"):
        return _some(value.get("text"))
    if kind in ("Number", "Money"):
        return _some(value.get(f"new_{kind.lower()}"))
    if kind == "Date":
        stamp = str((value.get("date") or {}).get("s_timestamp") or "")
        return [_day(stamp, zone)] if stamp and stamp != "0" else []
    if kind == "Selector":
        options = (value.get("selector") or {}).get("options") or ()
        return [next(iter(words(option.get("value"))), str(option.get("key") or "")) for option in options]
    if kind == "Contact":
        members = [str(one["userid"]) for one in value.get("members") or ()]
        return members or [str(one["openapi_id"]) for one in value.get("departments") or ()]
    if kind == "RelatedApproval":
        return [str(one["sp_no"]) for one in value.get("related_approval") or () if one.get("sp_no")]
    if kind == "Formula":
        return _some((value.get("formula") or {}).get("value"))
    return []


def _some(text: Any) -> list[str]:
    return [] if text in (None, "") else [str(text)]


def _day(stamp: str, zone: tzinfo) -> str:
    if not (stamp.isascii() and stamp.isdigit()):
        raise ValueError(f"{stamp!r} is no time")
    return datetime.fromtimestamp(int(stamp), zone).date().isoformat()


def rows_of(value: Any) -> list[list[dict[str, Any]]]:
    """Return the rows of a table, each a list of controls; an empty row is none.

    :raises ValueError: it is no table.
    """
    children = value.get("children") if isinstance(value, Mapping) else None
    rows = []
    for child in children or ():
        row = child.get("list") if isinstance(child, Mapping) else None
        if not isinstance(row, list):
            raise ValueError("a row of the table has no list of controls")
        rows.append(row)
    return [row for row in rows if any(is_filled(one) for one in row)]


def is_filled(control: Mapping[str, Any]) -> bool:
    """Tell whether a control holds anything that can be read."""
    return any(decode(str(control.get("control")), control.get("value"), UTC))


def kept(kind: str, value: Any, zone: tzinfo) -> Any:
    """Return a control's value as a tenant field: text, a list of it, rows of a table; None if it is empty.

    :raises ValueError: it is not what such a control holds.
    """
    if kind == "File":
        found: list[Any] = [one["uri"] for one in files_of(value)]
        return found or None
    if kind == "Table":
        rows = [
            {_name(one): kept(str(one.get("control")), one.get("value"), zone) for one in row}
            for row in rows_of(value)
        ]
        return [{name: cell for name, cell in row.items() if cell is not None} for row in rows] or None
    found = decode(kind, value, zone)
    return found[0] if len(found) == 1 else found or None


def _name(control: Mapping[str, Any]) -> str:
    return next(iter(words(control.get("title"))), str(control.get("id") or ""))


def files_of(value: Any) -> list[dict[str, Any]]:
    """Return attachments as the canonical document names them; the uri says where WeCom keeps the file."""
    files = (value.get("files") if isinstance(value, Mapping) else None) or ()
    ids = [str(one["file_id"]) for one in files if isinstance(one, Mapping) and one.get("file_id")]
    return [{"name": file_id, "uri": f"{SCHEME}{file_id}"} for file_id in ids]


def files_value(attachments: Sequence[tuple[str, str]]) -> Value:
    """Return the value of a File control.

    :param attachments: name and uri of each file.
    :raises ValueError: a file was not uploaded to WeCom yet, or there are too many.
    """
    if len(attachments) > MOST_FILES:
        raise ValueError(f"WeCom takes {MOST_FILES} files in a form, not {len(attachments)}")
    for name, uri in attachments:
        if not uri.startswith(SCHEME):
            raise ValueError(f"{name} was not uploaded to WeCom (media/upload)")
    return {"files": [{"file_id": uri.removeprefix(SCHEME)} for _, uri in attachments]}
