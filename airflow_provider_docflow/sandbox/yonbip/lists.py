"""Lists of orders: conditions (``simpleVOs``), order, pages.

Vendor pages: "采购订单列表查询", "销售订单列表查询". A condition on another record takes its id, never its
code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_docflow.core.calls import dig
from airflow_provider_docflow.sandbox.yonbip.identity import Refused
from airflow_provider_docflow.sandbox.yonbip.shapes import Order, Shape

MOST_ROWS = 500
_FIELDS = (
    *("id", "code", "vouchdate", "pubts", "createTime", "status", "verifystate", "bizstatus"),
    *("nextStatus", "memo", "isWfControlled"),
)
_COMPARED: dict[str, Callable[[str, str, str], bool]] = {
    "eq": lambda held, one, two: held == one,
    "neq": lambda held, one, two: held != one,
    "lt": lambda held, one, two: held < one,
    "gt": lambda held, one, two: held > one,
    "elt": lambda held, one, two: held <= one,
    "egt": lambda held, one, two: held >= one,
    "between": lambda held, one, two: one <= held <= two,
    "like": lambda held, one, two: one in held,
    "leftlike": lambda held, one, two: held.endswith(one),
    "rightlike": lambda held, one, two: held.startswith(one),
}


def page(shape: Shape, orders: list[Order], body: Mapping[str, Any], stamp: str) -> dict[str, Any]:
    """Return one page of the orders that a list asks for."""
    index, size = body.get("pageIndex"), body.get("pageSize")
    if not isinstance(index, int) or not isinstance(size, int) or index < 1 or size < 1:
        raise Refused("310008", "参数校验失败，缺少必填参数:pageIndex,pageSize")
    if size > MOST_ROWS:
        raise Refused("999", '["每页行数超过上限"]')
    found = [order for order in orders if _fits(shape, order, body.get("simpleVOs") or [], "and")]
    rows = [row for order in found for row in _rows(shape, order, heads=bool(body.get("isSum")))]
    for sorting in reversed(body.get("queryOrders") or []):
        rows.sort(key=lambda row: str(row.get(sorting["field"], "")), reverse=sorting["order"] == "desc")
    start = (index - 1) * size
    data = {
        "pageIndex": index,
        "pageSize": size,
        "recordCount": len(rows),
        "recordList": rows[start : start + size],
        "pageCount": -(-len(rows) // size),
        **({"pubts": stamp} if shape.name == "purchase" else {}),
    }
    return {"code": "200", "message": "操作成功", "data": data}


def _fits(shape: Shape, order: Order, conditions: list[Any], logic: str) -> bool:
    told = [_holds(shape, order, condition) for condition in conditions]
    return any(told) if logic == "or" else all(told)


def _holds(shape: Shape, order: Order, condition: Mapping[str, Any]) -> bool:
    if condition.get("conditions"):
        return _fits(shape, order, condition["conditions"], str(condition.get("logicOp") or "and"))
    field, op = str(condition.get("field")), str(condition.get("op"))
    known = field in _FIELDS or field in shape.reference or field.startswith("headItem.define")
    if not known:
        raise Refused("999", f'["查询字段{field}不存在"]')
    value = dig(order, field)
    held = "" if value is None else str(value)
    if op in ("is_null", "is_not_null"):
        return (held == "") == (op == "is_null")
    one, two = condition.get("value1"), condition.get("value2")
    if op in ("in", "nin"):
        wanted = one if isinstance(one, list) else str(one).split(",")
        return (held in map(str, wanted)) == (op == "in")
    if op not in _COMPARED:
        raise Refused("999", f'["比较符{op}不支持"]')
    return _COMPARED[op](held, str(one), str(two))


def _rows(shape: Shape, order: Order, *, heads: bool) -> list[Order]:
    head = {name: value for name, value in shape.detail(order).items() if name != shape.lines}
    head |= {"id": order["id"], "status": order["status"]}
    if heads:
        return [head]
    return [{**head, **line, "id": order["id"]} for line in order[shape.lines]]
