"""Form values as the get call shows them, which is not how they are sent.

Vendor page: "获取单个审批实例详情" (formComponentValues: value and extValue by kind of control).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from airflow_provider_docflow.sandbox.dingtalk.forms import Component, json_list


def read_form(item: dict[str, Any], by_id: dict[str, Component]) -> dict[str, Any]:
    """Return a value as the get call shows it: names with the ids beside them, tables by their rows.

    The sandbox knows no names: a person, a department and an approval are called after their ids.
    """
    kind, value = item["componentType"], item["value"]
    if kind == "TableField":
        children = {child["props"]["label"]: child for child in by_id[item["id"]]["children"]}
        rows = [_read_row(row, children, n) for n, row in enumerate(json_list(value, []), 1)]
        return {**item, "value": json.dumps(rows, ensure_ascii=False)}
    if kind in _SHOWN and "extValue" not in item:
        text, extra = _SHOWN[kind]([str(one) for one in json_list(value) or value.split(",")])
        return {**item, "value": text, "extValue": json.dumps(extra, ensure_ascii=False)}
    return item


def _read_row(row: list[dict[str, Any]], children: dict[str, Component], number: int) -> dict[str, Any]:
    cells = []
    for cell in row:
        child = children[cell["name"]]
        kept = {"componentType": child["componentType"], "value": cell.get("value") or ""}
        seen = read_form({**kept, "id": child["props"]["componentId"]}, {}) if kept["value"] else kept
        cells.append(
            {
                "label": cell["name"],
                "key": child["props"]["componentId"],
                "componentType": child["componentType"],
                "value": seen["value"],
                **({"extendValue": seen["extValue"]} if "extValue" in seen else {}),
            }
        )
    return {"rowNumber": f"TableField_{number}", "rowValue": cells}


def _person(ids: list[str]) -> tuple[str, Any]:
    return ",".join(f"员工 {one}" for one in ids), [{"emplId": one, "name": f"员工 {one}"} for one in ids]


def _department(ids: list[str]) -> tuple[str, Any]:
    return ",".join(f"部门 {one}" for one in ids), [{"id": one, "name": f"部门 {one}"} for one in ids]


def _approval(ids: list[str]) -> tuple[str, Any]:
    titles = [f"审批 {one}" for one in ids]
    listed = [{"procInstId": one, "content": title} for one, title in zip(ids, titles, strict=True)]
    return json.dumps(titles, ensure_ascii=False), {"list": listed}


_SHOWN: dict[str, Callable[[list[str]], tuple[str, Any]]] = {
    "InnerContactField": _person,
    "DepartmentField": _department,
    "RelateField": _approval,
}
