"""Approval definitions, and what Feishu takes as the value of each control.

Vendor pages: "Form control parameters" (of definitions, and of instances), "View a specified approval
definition".
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from airflow_provider_docflow.sandbox.feishu import errors
from airflow_provider_docflow.sandbox.feishu.errors import ApiError
from airflow_provider_docflow.sandbox.store import Store, dumps, loads

SCHEMA = """
CREATE TABLE IF NOT EXISTS feishu_definition (code TEXT PRIMARY KEY, body TEXT NOT NULL);
"""
#: Controls that the create call does not support.
UNSUPPORTED = ("address", "text", "mutableGroup", "account", "serialNumber", "tripGroup", "remedyGroupV2")
_CHOICES = ("radio", "radioV2")
_MANY = ("checkbox", "checkboxV2")
Widget = dict[str, Any]


class Definitions:
    """All approval definitions.

    A definition: ``name``, ``widgets`` (``name``, ``type``, optional ``required``, ``options`` (texts),
    ``children``, ``currencies``), ``nodes`` (``name``, ``type`` AND, OR or SEQUENTIAL, ``users``, or
    ``chosen`` where the requester names them; ``signature``).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        store.create(SCHEMA)

    def save(self, body: dict[str, Any]) -> str:
        """Create a definition, or change one (``approval_code``); ids of changed controls are new."""
        code = body.get("approval_code") or str(uuid.uuid4()).upper()
        definition = {
            "code": code,
            "name": body["name"],
            "status": body.get("status", "ACTIVE"),
            "widgets": [_widget(one) for one in body["widgets"]],
            "nodes": [_node(index, one) for index, one in enumerate(body["nodes"])],
        }
        self._store.execute(
            "INSERT OR REPLACE INTO feishu_definition VALUES (?, ?)", (code, dumps(definition))
        )
        return str(code)

    def get(self, code: Any) -> dict[str, Any]:
        """Return a definition.

        :raises ApiError: there is none.
        """
        text = self._store.value("SELECT body FROM feishu_definition WHERE code = ?", (str(code).upper(),))
        if text is None:
            raise ApiError(errors.NO_APPROVAL)
        found: dict[str, Any] = loads(text)
        return found

    def active(self, code: Any) -> dict[str, Any]:
        """Return a definition under which instances may be started.

        :raises ApiError: there is none, or it is not active.
        """
        found = self.get(code)
        if found["status"] != "ACTIVE":
            raise ApiError(errors.DELETED if found["status"] == "DELETED" else errors.INACTIVE)
        return found

    def shown(self, code: Any) -> dict[str, Any]:
        """Return a definition as the vendor's call shows it."""
        found = self.get(code)
        if found["status"] == "DELETED":
            raise ApiError(errors.DELETED)
        nodes = [
            {
                "name": node["name"],
                "need_approver": node["chosen"],
                "node_id": node["id"],
                "node_type": node["type"],
                "approver_chosen_multi": True,
                "require_signature": node["signature"],
            }
            for node in found["nodes"]
        ]
        return {
            "approval_name": found["name"],
            "status": found["status"],
            "form": json.dumps([_public(one) for one in found["widgets"]], ensure_ascii=False),
            "node_list": nodes,
            "viewers": [{"type": "TENANT", "id": "", "user_id": ""}],
        }


def _widget(raw: dict[str, Any]) -> Widget:
    return {
        "id": raw.get("id") or f"widget{uuid.uuid4().int % 10**17}",
        "custom_id": raw.get("custom_id", ""),
        "name": raw["name"],
        "type": raw["type"],
        "required": bool(raw.get("required")),
        "options": [
            {"value": f"{uuid.uuid4().hex[:12]}-{index}", "text": text}
            for index, text in enumerate(raw.get("options") or ())
        ],
        "currencies": list(raw.get("currencies") or ()),
        "children": [_widget(child) for child in raw.get("children") or ()],
    }


def _node(index: int, raw: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": raw.get("id") or uuid.uuid4().hex,
        "key": f"APPROVAL_{index + 1}",
        "name": raw.get("name") or f"审批人{index + 1}",
        "type": raw.get("type", "OR"),
        "users": list(raw.get("users") or ()),
        "chosen": bool(raw.get("chosen")),
        "signature": bool(raw.get("signature")),
    }


def _public(widget: Widget) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": widget["id"],
        "name": widget["name"],
        "type": widget["type"],
        "required": widget["required"],
        "printable": True,
    }
    if widget["custom_id"]:
        shown["custom_id"] = widget["custom_id"]
    if widget["options"]:
        shown["option"] = widget["options"]
    if widget["currencies"]:
        shown["option"] = {"currencyRange": widget["currencies"]}
    if widget["type"] == "fieldList":
        shown["option"] = {"input_type": "LIST", "print_type": "LIST"}
        shown["children"] = [_public(child) for child in widget["children"]]
    return shown


def filled_in(definition: dict[str, Any], raw: Any) -> str:
    """Return a form's values as Feishu keeps and shows them: JSON in text.

    :param raw: ``form`` as sent: JSON in text.
    :raises ApiError: 1390001, naming the control.
    """
    try:
        items = json.loads(raw, parse_float=Decimal) if isinstance(raw, str) else None
    except ValueError:
        items = None
    if not isinstance(items, list):
        raise ApiError(errors.INVALID, "form is not a json array")
    return json.dumps(_row(definition["widgets"], items), ensure_ascii=False)


def _row(widgets: list[Widget], items: list[Any]) -> list[dict[str, Any]]:
    by_id = {widget["id"]: widget for widget in widgets}
    given: dict[str, dict[str, Any]] = {}
    for item in items:
        widget = by_id.get(item.get("id")) if isinstance(item, dict) else None
        if widget is None:
            raise ApiError(errors.INVALID, f"form widget not found: {item}")
        if item.get("type") != widget["type"] or widget["type"] in UNSUPPORTED:
            raise _bad(widget)
        given[widget["id"]] = _value(widget, item)
    for widget in widgets:
        if widget["required"] and widget["id"] not in given and widget["type"] not in UNSUPPORTED:
            raise _bad(widget)
    return [given[widget["id"]] for widget in widgets if widget["id"] in given]


def _bad(widget: Widget) -> ApiError:
    return ApiError(errors.INVALID, f"控件={widget['id']} {widget['name']}")


def _value(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    shown = {"id": widget["id"], "name": widget["name"], "type": widget["type"]}
    if widget["custom_id"]:
        shown["custom_id"] = widget["custom_id"]
    if widget["type"] == "fieldList":
        rows = item.get("value")
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise _bad(widget)
        return {**shown, "value": [_row(widget["children"], row) for row in rows]}
    reader = _READERS.get(widget["type"], _text)
    try:
        return {**shown, **reader(widget, item)}
    except (KeyError, ValueError, TypeError):
        raise _bad(widget) from None


def _text(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(item["value"], str):
        raise ValueError
    return {"value": item["value"]}


def _number(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    value = item["value"]
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError
    # The page says float: more digits than one keeps are lost there.
    kept = float(value)
    return {"value": int(kept) if kept.is_integer() else kept}


def _amount(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    currency = item.get("currency")
    if widget["currencies"] and currency not in widget["currencies"]:
        raise ValueError
    return {**_number(widget, item), "currency": currency}


def _date(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    _instant(item["value"])
    return {"value": item["value"]}


def _instant(text: Any) -> datetime:
    found = datetime.fromisoformat(text)
    if "T" not in text or found.tzinfo is None:
        raise ValueError
    return found


def _interval(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    value = item["value"]
    if _instant(value["start"]) > _instant(value["end"]):
        raise ValueError
    return {"value": {**value, "interval": float(value["interval"])}}


def _choice(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    return {"value": _chosen(widget, item["value"])}


def _many(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    return {"value": [_chosen(widget, key) for key in item["value"]]}


def _chosen(widget: Widget, key: Any) -> str:
    return str({option["value"]: option["text"] for option in widget["options"]}[key])


def _people(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    users = [*item.get("value", ()), *(one.removeprefix("ou_") for one in item.get("open_ids") or ())]
    if not users or not all(isinstance(user, str) for user in users):
        raise ValueError
    return {"value": users, "open_ids": [f"ou_{user}" for user in users]}


def _departments(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    return {"value": [{"open_id": one["open_id"]} for one in item["value"]]}


def _telephone(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    value = item["value"]
    return {"value": {"country_code": value["countryCode"], "national_number": value["nationalNumber"]}}


def _list(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(item["value"], list):
        raise ValueError
    return {"value": item["value"]}


def _files(widget: Widget, item: dict[str, Any]) -> dict[str, Any]:
    codes = item["value"]
    names = ",".join(f"'{code}'" for code in codes)
    return {"ext": names, "value": [f"https://p3-approval.example.com/{code}" for code in codes]}


_READERS: dict[str, Callable[[Widget, dict[str, Any]], dict[str, Any]]] = {
    **dict.fromkeys(_CHOICES, _choice),
    **dict.fromkeys(_MANY, _many),
    **dict.fromkeys(("number", "formula"), _number),
    **dict.fromkeys(("attachmentV2", "image", "imageV2"), _files),
    "amount": _amount,
    "date": _date,
    "dateInterval": _interval,
    "contact": _people,
    "department": _departments,
    "telephone": _telephone,
    "connect": _list,
}
