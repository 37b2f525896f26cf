"""Form templates and what DingTalk accepts as the value of each control.

Vendor pages: "创建或更新审批表单模板" (form schema), "发起审批实例" (create-an-approval-instance) and
"FormComponentValues 参数说明": every value is a string, lists and tables are JSON inside that string.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError

#: Controls that a create call may fill; suites (leave, travel, finance) cannot be created by API.
COMPONENTS = [
    "TextField",
    "TextareaField",
    "NumberField",
    "MoneyField",
    "DDSelectField",
    "DDMultiSelectField",
    "DDDateField",
    "DDDateRangeField",
    "PhoneField",
    "DDPhotoField",
    "DDAttachment",
    "TableField",
    "InnerContactField",
    "DepartmentField",
    "RelateField",
    "AddressField",
    "StarRatingField",
    "TextNote",
]
_LONGEST = 65_535
_MOST_VALUES = 150
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2})?")
_FILE = ("spaceId", "fileName", "fileSize", "fileType", "fileId")

Component = dict[str, Any]


def components_from(raw: Any) -> list[Component]:
    """Return the checked components of a template.

    :raises ApiError: formschema.error, naming what is wrong.
    """
    if not isinstance(raw, list) or not raw:
        raise ApiError("formschema.error", "表单schema不合法: formComponents")
    components = [_component(item, index) for index, item in enumerate(raw)]
    labels = [label for item in components for label in labels_of(item)]
    if len(labels) != len(set(labels)):
        raise ApiError("formschema.error", "表单schema不合法: label重复")
    return components


def _component(item: Any, index: int) -> Component:
    kind = item.get("componentType") if isinstance(item, dict) else None
    if kind not in COMPONENTS:
        raise ApiError("formschema.error", f"表单schema不合法: componentType {kind}")
    props = dict(item.get("props") or {})
    if not props.get("label"):
        raise ApiError("formschema.error", f"表单schema不合法: {kind} label")
    props.setdefault("componentId", f"{kind}-{index:04X}")
    children = [
        _component(child, 256 * (index + 1) + n) for n, child in enumerate(item.get("children") or [])
    ]
    if (kind == "TableField") != bool(children):
        raise ApiError("formschema.error", f"表单schema不合法: {kind} children")
    return {"componentType": kind, "props": props, "children": children}


def labels_of(component: Component) -> list[str]:
    """Return the name or names under which values address a component; a date range has two."""
    label = component["props"]["label"]
    if component["componentType"] == "DDDateRangeField":
        return list(json_list(label) or [label])
    return [label]


def filled_in(components: list[Component], raw: Any) -> list[dict[str, Any]]:
    """Return the form values as DingTalk keeps and shows them.

    :param components: the template's components.
    :param raw: ``formComponentValues`` as sent.
    :raises ApiError: invalidParameter, illegalComponent or formConverterError with the control's name.
    """
    if not isinstance(raw, list) or not raw or len(raw) > _MOST_VALUES:
        raise ApiError("invalidParameter")
    given: dict[str, dict[str, Any]] = {}
    for item in raw:
        component, value = _addressed(components, item)
        if value is None and component["props"].get("required"):
            raise _bad(component)
        if value is not None:
            check(component, value)
            given[component["props"]["componentId"]] = _kept(component, value, item)
    for component in components:
        wanted = component["props"].get("required") and component["componentType"] != "TextNote"
        if wanted and component["props"]["componentId"] not in given:
            raise _bad(component)
    order = [component["props"]["componentId"] for component in components]
    return [given[key] for key in order if key in given]


def _addressed(components: list[Component], item: Any) -> tuple[Component, str | None]:
    if not isinstance(item, dict) or not isinstance(item.get("name"), str):
        raise ApiError("invalidParameter")
    value = item.get("value")
    if item.get("details"):
        value = json.dumps([[_pair(cell) for cell in item["details"]]], ensure_ascii=False)
    if value is not None and not isinstance(value, str):
        raise ApiError("illegalComponent")
    if value is not None and len(value) > _LONGEST:
        raise ApiError("invalidParameter")
    for component in components:
        props = component["props"]
        names = {props["label"], json.dumps(labels_of(component), ensure_ascii=False, separators=(",", ":"))}
        same_id = item.get("id") and item["id"] == props["componentId"]
        if same_id or item["name"] in names or json_list(item["name"]) == json_list(props["label"], ()):
            return component, value or None
    raise ApiError("formConverterError", f"表单数据校验失败，失败控件：{item['name']}")


def _pair(cell: dict[str, Any]) -> dict[str, Any]:
    return {"name": cell.get("name"), "value": cell.get("value")}


def _kept(component: Component, value: str, item: dict[str, Any]) -> dict[str, Any]:
    props = component["props"]
    kept = {
        "id": props["componentId"],
        "name": props["label"],
        "value": value,
        "componentType": component["componentType"],
        "extValue": item.get("extValue"),
        "bizAlias": props.get("bizAlias"),
    }
    return {name: inner for name, inner in kept.items() if inner is not None}


def check(component: Component, value: str) -> None:
    """Refuse a value that is not in the encoding of its control.

    :raises ApiError: formConverterError naming the control.
    """
    kind = component["componentType"]
    if kind == "TableField":
        _check_table(component, value)
    elif kind == "TextNote" or not _CHECKS.get(kind, _anything)(value, component):
        raise _bad(component)


def _check_table(component: Component, value: str) -> None:
    rows = json_list(value)
    if rows is None or not all(isinstance(row, list) for row in rows):
        raise _bad(component)
    by_label = {child["props"]["label"]: child for child in component["children"]}
    for row in rows:
        cells = {cell.get("name"): cell.get("value") for cell in row if isinstance(cell, dict)}
        if len(cells) != len(row) or not cells.keys() <= by_label.keys():
            raise _bad(component)
        for label, child in by_label.items():
            inner = cells.get(label)
            if inner is not None and not isinstance(inner, str):
                raise _bad(child)
            if inner:
                check(child, inner)
            elif child["props"].get("required"):
                raise _bad(child)


def _bad(component: Component) -> ApiError:
    return ApiError("formConverterError", f"表单数据校验失败，失败控件：{component['props']['label']}")


def json_list(text: str, default: Any = None) -> Any:
    """Return the list that a text holds as JSON, or ``default`` if it holds none."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return default
    return parsed if isinstance(parsed, list) else default


def _anything(value: str, component: Component) -> bool:
    return True


def _number(value: str, component: Component) -> bool:
    return bool(_NUMBER.fullmatch(value))


def _date(value: str, component: Component) -> bool:
    wanted = component["props"].get("format", "yyyy-MM-dd")
    return bool(_DATE.fullmatch(value)) and (":" in value) == (":" in wanted)


def _range(value: str, component: Component) -> bool:
    pair = json_list(value)
    both = isinstance(pair, list) and len(pair) >= 2 and all(isinstance(end, str) for end in pair[:2])
    return both and all(_date(end, component) for end in pair[:2])


def _options(component: Component) -> set[str]:
    return {
        option["value"] if isinstance(option, dict) else str(option)
        for option in component["props"].get("options") or []
    }


def _one_option(value: str, component: Component) -> bool:
    return value in _options(component)


def _many_options(value: str, component: Component) -> bool:
    chosen = json_list(value)
    return chosen is not None and set(map(str, chosen)) <= _options(component)


def _texts(value: str, component: Component) -> bool:
    parsed = json_list(value)
    return parsed is not None and all(isinstance(item, str) for item in parsed)


def _departments(value: str, component: Component) -> bool:
    parsed = json_list(value)
    ids = value.split(",") if parsed is None else [str(item) for item in parsed]
    return all(re.fullmatch(r"-?\d+", item.strip()) for item in ids)


def _files(value: str, component: Component) -> bool:
    parsed = json_list(value)
    return bool(parsed) and all(
        isinstance(item, dict) and all(item.get(name) not in (None, "") for name in _FILE) for item in parsed
    )


def _address(value: str, component: Component) -> bool:
    return 1 <= len(value.split(",")) <= 4


def _stars(value: str, component: Component) -> bool:
    return value in {"1", "2", "3", "4", "5"}


_CHECKS: dict[str, Callable[[str, Component], bool]] = {
    "NumberField": _number,
    "MoneyField": _number,
    "DDDateField": _date,
    "DDDateRangeField": _range,
    "DDSelectField": _one_option,
    "DDMultiSelectField": _many_options,
    "DDPhotoField": _texts,
    "InnerContactField": _texts,
    "RelateField": _texts,
    "DepartmentField": _departments,
    "DDAttachment": _files,
    "AddressField": _address,
    "StarRatingField": _stars,
}
