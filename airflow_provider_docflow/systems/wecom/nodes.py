"""
The nodes of an approval: how they are sent, and the two ways in which they are shown.

WeCom has two enumerations for the same thing and they are swapped. In ``process.node_list`` and
``process_list`` the field ``apv_rel`` is 1 for all of the approvers, 2 for any of them, 3 for one after the
other; in the older ``approver`` and ``sp_record`` the field ``attr`` (``approverattr``) is 1 for any and 2
for all. Nobody else in this package reads or writes either number. Pages 91853 and 91983.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from airflow_provider_docflow.exceptions import Misconfigured

Rule = Literal["all", "any", "sequence"]

APV_REL: Mapping[Rule, int] = {"all": 1, "any": 2, "sequence": 3}
ATTR: Mapping[Rule, int] = {"any": 1, "all": 2}
"""The older enumeration; 3 for "one after the other" is known from third parties alone and only read."""

_OF_APV_REL = {number: rule for rule, number in APV_REL.items()}
_OF_ATTR: Mapping[int, Rule] = {1: "any", 2: "all", 3: "sequence"}
_TYPES = {"approve": 1, "copy": 2, "handle": 3}
_OF_TYPE = {number: name for name, number in _TYPES.items()}
NOTIFY = {"START": 1, "FINISH": 2, "START_FINISH": 3}


@dataclass(frozen=True)
class Step:
    """What one person did at a node, or was asked to do; ``word`` is WeCom's number for it."""

    user: str
    word: str
    at: Any
    comment: str


@dataclass(frozen=True)
class Node:
    """One node as WeCom shows it.

    :param kind: ``approve``, ``copy`` or ``handle``; empty where WeCom's number is not known.
    :param rule: how many of its people are needed; empty where WeCom's number is not known.
    """

    kind: str
    rule: str
    word: str
    steps: tuple[Step, ...]


def shown(info: Mapping[str, Any]) -> tuple[Node, ...]:
    """Return the nodes of an approval's detail: ``process_list``, or ``sp_record`` where that is all."""
    listed = (info.get("process_list") or {}).get("node_list") or ()
    return tuple(_of_process(listed) if listed else _of_record(info.get("sp_record") or ()))


def _of_process(nodes: Sequence[Mapping[str, Any]]) -> Iterator[Node]:
    for node in nodes:
        steps = tuple(
            Step(
                str(one.get("userid") or ""),
                str(one.get("sp_yj", "")),
                one.get("sptime"),
                str(one.get("speech") or ""),
            )
            for one in node.get("sub_node_list") or ()
        )
        kind = _OF_TYPE.get(_number(node.get("node_type")), "")
        yield Node(
            kind, _OF_APV_REL.get(_number(node.get("apv_rel")), ""), str(node.get("sp_status", "")), steps
        )


def _of_record(records: Sequence[Mapping[str, Any]]) -> Iterator[Node]:
    for record in records:
        steps = tuple(
            Step(
                str((one.get("approver") or {}).get("userid") or ""),
                str(one.get("sp_status", "")),
                one.get("sptime"),
                str(one.get("speech") or ""),
            )
            for one in record.get("details") or ()
        )
        rule = _OF_ATTR.get(_number(record.get("approverattr")), "")
        yield Node("approve", rule, str(record.get("sp_status", "")), steps)


def _number(value: Any) -> int:
    return int(value) if str(value).isdigit() else 0


def sent(style: str, approvers: Sequence[Any], copy_to: Sequence[Any], copy_at: str) -> dict[str, Any]:
    """Return the part of a request that says who decides; empty of all where the template's flow holds.

    :param style: ``process`` for node_list, ``approver`` for the older fields.
    :raises Misconfigured: a node names nobody, its rule is unknown, or the older fields cannot say it.
    """
    if not approvers:
        if copy_to:
            raise _wrong("copies need approvers: the template's flow has copies of its own.", "copy_to")
        return {"use_template_approver": 1}
    wanted = [_node(given) for given in approvers]
    if style == "process":
        return {"use_template_approver": 0, "process": {"node_list": _node_list(wanted, copy_to)}}
    return {"use_template_approver": 0, **_older(wanted, copy_to, copy_at)}


def _node_list(wanted: Sequence[tuple[str, Rule, list[str]]], copy_to: Sequence[Any]) -> list[dict[str, Any]]:
    nodes: list[dict[str, Any]] = [
        {"type": _TYPES[kind], "apv_rel": APV_REL[rule], "userid": users} for kind, rule, users in wanted
    ]
    if copy_to:
        nodes.append({"type": _TYPES["copy"], "userid": [str(user) for user in copy_to]})
    return nodes


def _older(
    wanted: Sequence[tuple[str, Rule, list[str]]], copy_to: Sequence[Any], copy_at: str
) -> dict[str, Any]:
    for kind, rule, users in wanted:
        if kind != "approve" or rule not in ATTR:
            raise _wrong(
                f"the older request has no node for {kind} by {rule} of {', '.join(users)}.", "approvers"
            )
    fields: dict[str, Any] = {
        "approver": [{"attr": ATTR[rule], "userid": users} for _, rule, users in wanted],
    }
    if copy_to:
        if copy_at not in NOTIFY:
            raise _wrong(f"copy_at is one of {', '.join(NOTIFY)}, not {copy_at!r}.", "copy_at")
        fields |= {"notifyer": [str(user) for user in copy_to], "notify_type": NOTIFY[copy_at]}
    return fields


def _node(given: Any) -> tuple[str, Rule, list[str]]:
    users = [str(user) for user in given.get("users") or ()] if isinstance(given, Mapping) else []
    wanted = given.get("rule", "all") if users else ""
    kind = given.get("kind", "approve") if users else ""
    rule = next((known for known in APV_REL if known == wanted), None)
    if rule is None or kind not in ("approve", "handle"):
        raise _wrong(f"{given!r} is no approval node.", "approvers")
    return str(kind), rule, users


def _wrong(what: str, field: str) -> Misconfigured:
    return Misconfigured(
        what,
        system="wecom",
        field=field,
        remedy='Write nodes as {"users": ["a", "b"], "rule": "all"}; rules are all, any and sequence.',
    )
