"""
The values of a form's controls: text in every case, with lists and tables as JSON inside that text.

What is read differs from what is sent: a contact shows a name and has the user id in ``extValue``, a related
approval shows its title and has its id there, a table's rows become ``[{"rowValue": [{"label", "value"}]}]``,
and a control left empty may say ``"null"``. :func:`sendable` turns the one into the other. Pages:
"FormComponentValues" and "obtains-the-details-of-a-single-approval-instance-pop".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from airflow_provider_docflow.core.oa import filling

PLAIN = (
    *("TextField", "TextareaField", "NumberField", "MoneyField", "DDSelectField", "DDDateField"),
    *("PhoneField", "StarRatingField"),
)
LISTS = ("DDMultiSelectField", "DDPhotoField", "RelateField", "InnerContactField", "DepartmentField")
SEVERAL = ("DDDateRangeField", "AddressField")
KINDS = frozenset((*PLAIN, *LISTS, *SEVERAL, "DDAttachment", "TableField"))
"""Controls that may be mapped. TextNote has no value; suites cannot be created by API."""

_ID_IN_EXTRA = {"InnerContactField": "emplId", "DepartmentField": "id"}
_FILE = ("spaceId", "fileName", "fileSize", "fileType", "fileId")
SCHEME = "dingtalk://"


def json_text(value: Any) -> str:
    """Return compact JSON that keeps Chinese readable."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def plain(value: Any) -> str:
    """Write one value as text: lists and objects as JSON."""
    return json_text(value) if isinstance(value, list | dict) else filling.plain(value)


def encode(kind: str, values: Sequence[Any], pattern: str = "") -> str:
    """Return the text of a control; empty where every value is missing.

    :param values: one per mapped field, None where it is missing; a control of many may have one list.
    :param pattern: the control's date format, where it shows a time.
    :raises ValueError: half a range, or a part of an address that would become two.
    """
    if all(value in (None, [], ()) for value in values):
        return ""
    if kind in LISTS:
        return json_text([plain(value) for value in _flat(values) if value is not None])
    texts = ["" if value is None else plain(value) for value in values]
    if kind in ("DDDateField", "DDDateRangeField") and "HH" in pattern:
        texts = [f"{text} 00:00" if text else "" for text in texts]
    if kind == "DDDateRangeField":
        if not all(texts):
            raise ValueError("a range needs its beginning and its end")
        return json_text(texts)
    if kind == "AddressField":
        if any("," in text for text in texts):
            raise ValueError("a comma divides the parts of an address")
        return ",".join(texts).rstrip(",")
    return texts[0]


def _flat(values: Sequence[Any]) -> Iterator[Any]:
    for value in values:
        yield from value if isinstance(value, list | tuple) else (value,)


def decode(kind: str, item: Mapping[str, Any]) -> list[str]:
    """Return the values of a control as it was read, one per mapped field.

    :raises ValueError: the text is not what such a control holds.
    """
    text = blank_or(item.get("value"))
    if not text:
        return []
    if kind in _ID_IN_EXTRA:
        return _ids(kind, item, text)
    if kind == "RelateField":
        return _related(item, text)
    if kind in LISTS:
        return [str(entry) for entry in _list(text)]
    if kind == "DDDateRangeField":
        return [str(entry)[:10] for entry in _list(text)[:2]]
    if kind == "AddressField":
        return text.split(",")
    return [text[:10] if kind == "DDDateField" else text]


def blank_or(value: Any) -> str:
    """Return the text of a value; DingTalk's ``null`` in words is none."""
    return "" if value in (None, "", "null") else str(value)


def _list(text: str) -> list[Any]:
    found = json.loads(text)
    if not isinstance(found, list):
        raise ValueError(f"{text[:60]!r} is no list")
    return found


def _ids(kind: str, item: Mapping[str, Any], text: str) -> list[str]:
    """Return ids of people or departments: names can be shared, so a name alone is refused."""
    shown = _extra(item)
    if isinstance(shown, list) and shown:
        return [str(entry[_ID_IN_EXTRA[kind]]) for entry in shown if isinstance(entry, dict)]
    try:
        return [str(entry) for entry in _list(text)]
    except ValueError:
        raise ValueError(f"{text[:60]!r} shows a name and no id") from None


def _extra(item: Mapping[str, Any]) -> Any:
    extra = item.get("extValue", item.get("extendValue"))
    return json.loads(extra) if isinstance(extra, str) and extra not in ("", "null") else extra


def _related(item: Mapping[str, Any], text: str) -> list[str]:
    """Return the ids of related approvals: a title alone is refused."""
    shown = _extra(item)
    entries = shown.get("list") if isinstance(shown, dict) else shown
    if isinstance(entries, list) and entries:
        return [str(entry["procInstId"]) for entry in entries if isinstance(entry, dict)]
    try:
        return [str(entry) for entry in _list(text)]
    except ValueError:
        raise ValueError(f"{text[:60]!r} shows a title and no id") from None


def sendable(item: Mapping[str, Any]) -> str:
    """Return the text that would be sent for a control as it was read; as it is where nobody can tell."""
    kind, text = str(item.get("componentType") or ""), blank_or(item.get("value"))
    if not text:
        return ""
    try:
        if kind == "TableField":
            return json_text([_cells_of(row) for row in rows_of(text)])
        if kind == "DDAttachment":
            return json_text([{name: str(entry[name]) for name in _FILE} for entry in _list(text)])
        return json_text(decode(kind, item)) if kind in (*_ID_IN_EXTRA, "RelateField") else text
    except (ValueError, KeyError, TypeError):
        return text


def _cells_of(row: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    cells = [{"name": str(cell["name"]), "value": sendable(cell)} for cell in row]
    return [cell for cell in cells if cell["value"]]


def rows_of(text: str) -> list[list[dict[str, Any]]]:
    """Return the rows of a table, each a list of ``{name, value, …}``, from either of its forms.

    :raises ValueError: it is no table.
    """
    rows = []
    for row in _list(text) if text else []:
        cells = row.get("rowValue") if isinstance(row, dict) else row
        if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
            raise ValueError("a row of the table has no cells")
        rows.append([{**cell, "name": cell.get("name", cell.get("label"))} for cell in cells])
    return [row for row in rows if any(blank_or(cell.get("value")) for cell in row)]


def files_of(text: str) -> list[dict[str, Any]]:
    """Return attachments as the canonical document names them; the uri says where DingTalk keeps the file.

    :raises ValueError: it is no list of files.
    """
    files = []
    for entry in _list(text) if text else []:
        if not isinstance(entry, dict) or not entry.get("fileName") or not entry.get("fileId"):
            raise ValueError("a file of the control has no name or id")
        size = str(entry.get("fileSize", ""))
        files.append(
            {
                "name": str(entry["fileName"]),
                "size": int(size) if size.isdigit() else None,
                "uri": f"{SCHEME}{entry.get('spaceId', '')}/{entry['fileId']}",
            }
        )
    return files


def files_text(attachments: Sequence[Any]) -> str:
    """Return the text of an attachment control.

    :raises ValueError: a file is not in DingTalk's approval space yet.
    """
    return json_text(file_entries(attachments)) if attachments else ""


def file_entries(attachments: Sequence[Any]) -> list[dict[str, str]]:
    """Return files as forms and comments name them.

    :raises ValueError: a file is not in DingTalk's approval space yet.
    """
    entries = []
    for item in attachments:
        space, _, file_id = item.uri.removeprefix(SCHEME).partition("/")
        if not item.uri.startswith(SCHEME) or not file_id:
            raise ValueError(f"{item.name} is not in DingTalk's approval space")
        entries.append(
            {
                "spaceId": space,
                "fileName": item.name,
                "fileSize": str(item.size or 0),
                "fileType": item.name.rpartition(".")[2] or "file",
                "fileId": file_id,
            }
        )
    return entries
