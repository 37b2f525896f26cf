"""How an approval instance looks on the wire: ids and instants are text."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_docflow.sandbox.feishu.flow import Instance
from airflow_provider_docflow.sandbox.feishu.identity import open_id


def listed(instance: Instance) -> dict[str, Any]:
    """Return an instance as the query call lists it."""
    return {
        "approval": {
            "code": instance["approval_code"],
            "name": instance["approval_name"],
            "is_external": False,
        },
        "group": {"external_id": "", "name": ""},
        "instance": {
            "code": instance["code"],
            "external_id": "",
            "user_id": instance["user_id"],
            "start_time": str(instance["start_time"]),
            "end_time": str(instance["end_time"]),
            "status": instance["status"].lower(),
            "title": "",
            "extra": "{}",
            "serial_id": instance["serial_number"],
        },
    }


def shown(instance: Instance, *, bare_rows: bool = False) -> dict[str, Any]:
    """Return an instance as the get call shows it.

    :param bare_rows: leave the names of columns out, as the page's own example does.
    """
    form = instance["form"]
    if bare_rows:
        form = json.dumps([_bare(item) for item in json.loads(form)], ensure_ascii=False)
    body = {
        "approval_name": instance["approval_name"],
        "approval_code": instance["approval_code"],
        "instance_code": instance["code"],
        "serial_number": instance["serial_number"],
        **_who(instance["user_id"]),
        "department_id": instance["department_id"],
        "status": instance["status"],
        "uuid": instance["uuid"],
        "start_time": str(instance["start_time"]),
        "end_time": str(instance["end_time"]),
        "form": form,
        "task_list": [_task(task) for task in instance["tasks"]],
        "comment_list": [_timed(comment) for comment in instance["comments"]],
        "timeline": [_moved(move) for move in instance["timeline"]],
        "reverted": instance["reverted"],
    }
    links = ("reverted_instance_code", "modified_instance_code")
    return {**body, **{name: instance[name] for name in links if instance.get(name)}}


def _bare(item: dict[str, Any]) -> dict[str, Any]:
    if item["type"] != "fieldList":
        return item
    rows = [[{name: cell[name] for name in ("id", "type", "value")} for cell in row] for row in item["value"]]
    return {**item, "value": rows}


def _who(user: str) -> dict[str, str]:
    return {"user_id": user, "open_id": open_id(user) if user else ""}


def _timed(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, **_who(item["user_id"]), "create_time": str(item["create_time"])}


def _moved(move: dict[str, Any]) -> dict[str, Any]:
    body = {name: value for name, value in _timed(move).items() if name != "cc"}
    return {**body, "cc_user_list": move["cc"]} if "cc" in move else body


def _task(task: dict[str, Any]) -> dict[str, Any]:
    times = {name: str(task[name]) for name in ("start_time", "end_time")}
    body = {name: value for name, value in task.items() if name != "node_key"}
    return {**body, **_who(task["user_id"]), **times}


def nameless(value: Any) -> Any:
    """Return what an application sees that may not know the user ids of people."""
    if isinstance(value, dict):
        return {name: "" if name == "user_id" else nameless(inner) for name, inner in value.items()}
    return [nameless(inner) for inner in value] if isinstance(value, list) else value
