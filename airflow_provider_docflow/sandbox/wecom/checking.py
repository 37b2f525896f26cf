"""What WeCom accepts as a filled form, and how a detail shows it.

Vendor pages: "提交审批申请" (91853) and "获取审批申请详情" (91983). Whatever is wrong is 301025 with
a reason at the end of the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_docflow.sandbox.wecom.wire import WecomError

_NUMBER = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,15})?")
_LONGEST = {"Text": 4_000, "Textarea": 20_000}
_NOISE = (
    *("tips", "members", "departments", "files", "children"),
    *("stat_field", "sum_field", "related_approval"),
)
MOST_FILES = 6
Known = Callable[[str, str], bool]


def filled(controls: list[dict[str, Any]], contents: Any, known: Known) -> list[dict[str, Any]]:
    """Return the filled controls as they are kept: every control of the template, in its order.

    :param known: tells whether a ``file`` or an ``approval`` of some id is there.
    :raises WecomError: 301025.
    """
    files = [0]
    kept = _level(controls, contents, known, files)
    if files[0] > MOST_FILES:
        raise _wrong("too many files")
    return kept


def _level(
    controls: list[dict[str, Any]], contents: Any, known: Known, files: list[int]
) -> list[dict[str, Any]]:
    if not isinstance(contents, list):
        raise _wrong("contents is not array")
    by_id = {control["property"]["id"]: control for control in controls}
    given: dict[str, dict[str, Any]] = {}
    for content in contents:
        if content.get("id") not in by_id:
            raise _wrong(f"invalid control id {content.get('id')}")
        if content.get("control") != by_id[content["id"]]["property"]["control"]:
            raise _wrong(f"control type not match {content['id']}")
        given[content["id"]] = content
    kept = []
    for control_id, control in by_id.items():
        own = control["property"]
        value: Any = {}
        if control_id in given:
            value = _value(own["control"], control["config"], given[control_id].get("value"), known, files)
        elif own["require"] and own["control"] not in ("Tips", "Formula"):
            raise _wrong(f"missing required control {control_id}")
        kept.append({"control": own["control"], "id": control_id, "title": own["title"], "value": value})
    return kept


def _value(kind: str, config: dict[str, Any], value: Any, known: Known, files: list[int]) -> Any:
    if not isinstance(value, dict):
        raise _wrong(f"{kind} value is not object")
    if kind in _LONGEST:
        return {"text": _text(value.get("text"), _LONGEST[kind])}
    if kind in ("Number", "Money"):
        name = f"new_{kind.lower()}"
        if not isinstance(value.get(name), str) or not _NUMBER.fullmatch(value[name]):
            raise _wrong(f"{name} is not number string")
        return {name: value[name]}
    if kind == "Table":
        return {"children": _rows(config, value, known, files)}
    check = _CHECKS.get(kind)
    if check is None:
        raise _wrong(f"control {kind} can not be set")
    if kind == "File":
        files[0] += len(value.get("files") or ())
    return check(config, value, known)


def _rows(config: dict[str, Any], value: dict[str, Any], known: Known, files: list[int]) -> list[Any]:
    rows = value.get("children")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise _wrong("children is not array")
    controls = config["table"]["children"]
    return [{"list": _level(controls, row.get("list"), known, files)} for row in rows]


def _date(config: dict[str, Any], value: dict[str, Any], known: Known) -> dict[str, Any]:
    date = value.get("date") or {}
    stamp = date.get("s_timestamp")
    wanted = (config.get("date") or {}).get("type", "day")
    if date.get("type") != wanted or not isinstance(stamp, str) or not stamp.isdigit():
        raise _wrong("invalid date")
    return {"date": {"type": wanted, "s_timestamp": stamp}}


def _selector(config: dict[str, Any], value: dict[str, Any], known: Known) -> dict[str, Any]:
    own = config["selector"]
    options = {option["key"]: option for option in own["options"]}
    chosen = [one.get("key") for one in (value.get("selector") or {}).get("options") or ()]
    if not chosen or any(key not in options for key in chosen):
        raise _wrong("invalid option key")
    if own["type"] == "single" and len(chosen) > 1:
        raise _wrong("too many options")
    return {"selector": {"type": own["type"], "options": [options[key] for key in chosen], "exp_type": 0}}


def _contact(config: dict[str, Any], value: dict[str, Any], known: Known) -> dict[str, Any]:
    mode = (config.get("contact") or {}).get("mode", "user")
    names = ("departments", "openapi_id") if mode == "department" else ("members", "userid")
    people = value.get(names[0])
    if not people or not all(one.get(names[1]) for one in people):
        raise _wrong(f"invalid {names[0]}")
    return {names[0]: [{names[1]: one[names[1]], "name": one.get("name", "")} for one in people]}


def _files(config: dict[str, Any], value: dict[str, Any], known: Known) -> dict[str, Any]:
    ids = [one.get("file_id") for one in value.get("files") or ()]
    if not ids or not all(file_id and known("file", file_id) for file_id in ids):
        raise _wrong("invalid file_id")
    return {"files": [{"file_id": file_id} for file_id in ids]}


def _related(config: dict[str, Any], value: dict[str, Any], known: Known) -> dict[str, Any]:
    numbers = [one.get("sp_no") for one in value.get("related_approval") or ()]
    if not numbers or not all(number and known("approval", number) for number in numbers):
        raise _wrong("invalid sp_no")
    return {"related_approval": [{"sp_no": number} for number in numbers]}


_CHECKS: Mapping[str, Callable[[dict[str, Any], dict[str, Any], Known], dict[str, Any]]] = {
    "Date": _date,
    "Selector": _selector,
    "Contact": _contact,
    "File": _files,
    "RelatedApproval": _related,
}


def _text(text: Any, longest: int) -> str:
    if not isinstance(text, str) or len(text) > longest:
        raise _wrong("invalid text")
    return text


def _wrong(why: str) -> WecomError:
    return WecomError(301025, why)


def shown(contents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return filled controls as a detail shows them: with the empty lists of all other controls."""
    found = []
    for content in contents:
        value = content["value"]
        if "children" in value:
            value = {"children": [{"list": shown(row["list"])} for row in value["children"]]}
        found.append({**content, "value": {**{name: [] for name in _NOISE}, **value}})
    return found


def summary(lines: Any) -> list[str]:
    """Return the texts of a summary.

    :raises WecomError: 301025 unless there are one to three of at most 20 characters.
    """
    if not isinstance(lines, list) or not 1 <= len(lines) <= 3:
        raise _wrong("invalid summary_list")
    infos = [one for line in lines for one in line.get("summary_info") or ()]
    texts = [one.get("text") for one in infos]
    if not {one.get("lang") for one in infos} <= {"zh_CN", "en"}:
        raise _wrong("invalid lang")
    if not all(isinstance(text, str) and 0 < len(text) <= 20 for text in texts):
        raise _wrong("invalid summary_info")
    return texts
