"""The nodes of an approval: who decides, all of them or one, and whom the requester chooses.

Vendor page: "发起审批实例" (approvers, targetSelectActioners).
"""

from __future__ import annotations

from typing import Any

from airflow_provider_docflow.sandbox.dingtalk.errors import ApiError

_ACTIONS = {"AND", "OR", "NONE"}


def nodes_from(approvers: Any) -> list[dict[str, Any]]:
    """Return approval nodes from ``approvers`` of a create call, or of a template.

    A template's node may have an ``actionerKey`` in place of users: the requester chooses among ``range``.

    :raises ApiError: processInstanceInvalidParameter for more than 20 nodes, an empty one, or one approver
        who is not ``NONE``.
    """
    if not approvers:
        return []
    if not isinstance(approvers, list) or len(approvers) > 20:
        raise ApiError("processInstanceInvalidParameter")
    return [_node(node, f"node-{index}", f"审批人{index}") for index, node in enumerate(approvers, 1)]


def _node(node: dict[str, Any], activity: str, name: str) -> dict[str, Any]:
    users, action = node.get("userIds"), node.get("actionType") or "NONE"
    kept = {"actionType": action, "userIds": users, "activityId": activity, "name": name}
    if node.get("actionerKey"):
        return {**kept, "userIds": [], "actionerKey": node["actionerKey"], "range": node.get("range")}
    if not users or action not in _ACTIONS or (len(users) == 1) != (action == "NONE"):
        raise ApiError("processInstanceInvalidParameter")
    return kept


def chosen(nodes: list[dict[str, Any]], body: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a template's nodes with the people whom the requester has chosen.

    :raises ApiError: targetSelectApproverMissing, targetSelectApproverScopeError.
    """
    told = {
        one.get("actionerKey"): one.get("actionerUserIds") or []
        for one in body.get("targetSelectActioners") or []
    }
    found = []
    for node in nodes:
        key = node.get("actionerKey")
        if key is None:
            found.append(node)
            continue
        users, allowed = told.get(key, []), node["range"]
        if not users:
            raise ApiError("targetSelectApproverMissing")
        if allowed is not None and not set(users) <= set(allowed):
            raise ApiError("targetSelectApproverScopeError")
        found.append({**node, "userIds": users, "actionType": "NONE" if len(users) == 1 else "AND"})
    return found
