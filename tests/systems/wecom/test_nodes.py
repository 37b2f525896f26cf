"""The two enumerations that WeCom has for the same thing, and that are swapped."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.systems.wecom import nodes
from tests.systems.wecom.conftest import Desk


@pytest.mark.parametrize(("number", "rule"), [(1, "all"), (2, "any"), (3, "sequence"), (9, "")])
def test_apv_rel_of_a_process_list(number: int, rule: str) -> None:
    info = {"process_list": {"node_list": [{"node_type": 1, "apv_rel": number, "sub_node_list": []}]}}
    (node,) = nodes.shown(info)
    assert (node.kind, node.rule) == ("approve", rule)


@pytest.mark.parametrize(("number", "rule"), [(1, "any"), (2, "all"), (3, "sequence"), (9, "")])
def test_approverattr_of_a_record(number: int, rule: str) -> None:
    (node,) = nodes.shown({"sp_record": [{"approverattr": number, "details": []}]})
    assert (node.kind, node.rule) == ("approve", rule)


@pytest.mark.parametrize(("number", "kind"), [(1, "approve"), (2, "copy"), (3, "handle"), (7, "")])
def test_node_types(number: int, kind: str) -> None:
    (node,) = nodes.shown({"process_list": {"node_list": [{"node_type": number, "apv_rel": 1}]}})
    assert node.kind == kind


@pytest.mark.parametrize(("rule", "apv_rel", "attr"), [("all", 1, 2), ("any", 2, 1)])
def test_what_is_sent_means_what_was_said(desk: Desk, rule: str, apv_rel: int, attr: int) -> None:
    """Both styles reach WeCom as the same flow, and both listings of it read as the same rule."""
    approvers = [{"users": ["boss", "deputy"], "rule": rule}]
    new = desk.create(approvers=approvers).ref
    desk.site = desk.connect(node_style="approver")
    old = desk.create(approvers=approvers).ref
    sent = desk.kept(new)["byApi"], desk.kept(old)["byApi"]
    assert sent[0]["process"]["node_list"] == [{"type": 1, "apv_rel": apv_rel, "userid": ["boss", "deputy"]}]
    assert sent[1]["approver"] == [{"attr": attr, "userid": ["boss", "deputy"]}]
    assert "process" not in sent[1] and "approver" not in sent[0]
    for shows_process in (True, False):
        desk.sandbox.call("PUT", "wecom/settings", {"process_list": shows_process})
        for ref in (new, old):
            raw = desk.reading(ref).raw
            assert ("process_list" in raw) is shows_process
            assert [node.rule for node in nodes.shown(raw)] == [rule]


@pytest.mark.parametrize(("rule", "outcomes"), [("all", ["pending", "approved"]), ("any", ["approved"])])
def test_the_rule_decides_when_it_is_approved(desk: Desk, rule: str, outcomes: list[str]) -> None:
    ref = desk.create(approvers=[{"users": ["boss", "deputy"], "rule": rule}]).ref
    for user, outcome in zip(("deputy", "boss"), outcomes, strict=False):
        desk.decide(ref, "agree", user)
        assert str(desk.reading(ref).state.approval) == outcome


def test_one_after_the_other(desk: Desk) -> None:
    ref = desk.create(approvers=[{"users": ["boss", "deputy"], "rule": "sequence"}]).ref
    with pytest.raises(exc.Rejected):
        desk.decide(ref, "agree", "deputy")
    desk.decide(ref, "agree", "boss")
    desk.decide(ref, "agree", "deputy")
    assert str(desk.reading(ref).state.approval) == "approved"


def test_copies_and_handlers(desk: Desk) -> None:
    flow = [{"users": ["boss"]}, {"users": ["clerk"], "kind": "handle"}]
    body = desk.kept(desk.create(approvers=flow, copy_to=["audit"]).ref)["byApi"]
    assert body["process"]["node_list"] == [
        {"type": 1, "apv_rel": 1, "userid": ["boss"]},
        {"type": 3, "apv_rel": 1, "userid": ["clerk"]},
        {"type": 2, "userid": ["audit"]},
    ]
    assert body["use_template_approver"] == 0
    desk.site = desk.connect(node_style="approver")
    body = desk.kept(desk.create(approvers=flow[:1], copy_to=["audit"], copy_at="START").ref)["byApi"]
    assert (body["notifyer"], body["notify_type"]) == (["audit"], 1)


@pytest.mark.parametrize(
    ("style", "arguments"),
    [
        ("process", {"approvers": [{"users": []}]}),
        ("process", {"approvers": ["boss"]}),
        ("process", {"approvers": [{"users": ["a"], "rule": "most"}]}),
        ("process", {"approvers": [{"users": ["a"], "kind": "copy"}]}),
        ("process", {"copy_to": ["audit"]}),
        ("approver", {"approvers": [{"users": ["a", "b"], "rule": "sequence"}]}),
        ("approver", {"approvers": [{"users": ["a"], "kind": "handle"}]}),
        ("approver", {"approvers": [{"users": ["a"]}], "copy_to": ["audit"], "copy_at": "NEVER"}),
    ],
)
def test_what_cannot_be_said_is_refused(style: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(exc.Misconfigured) as caught:
        nodes.sent(
            style,
            arguments.get("approvers", ()),
            arguments.get("copy_to", ()),
            arguments.get("copy_at", "FINISH"),
        )
    assert caught.value.field in ("approvers", "copy_to", "copy_at")


def test_without_approvers_the_templates_flow_holds(desk: Desk) -> None:
    body = desk.kept(desk.create().ref)["byApi"]
    assert body["use_template_approver"] == 1 and not {"process", "approver", "notifyer"} & set(body)
