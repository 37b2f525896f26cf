"""Approvals and messages in shadow: decisions are read and not recorded, forms and words only shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from airflow_provider_docflow.hooks.handles import Handle, Outcome
from airflow_provider_docflow.hooks.messengers import Reached, messengers
from airflow_provider_docflow.hooks.shadow import ShadowSystem
from airflow_provider_docflow.hooks.shadow_flow import ShadowFlow
from airflow_provider_docflow.hooks.system import System
from airflow_provider_docflow.hooks.wording import Wording
from airflow_provider_docflow.ledger.shadows import Place
from airflow_provider_docflow.operators.kept import Case
from airflow_provider_docflow.operators.requesting import look_in_shadow, request
from tests.flow.conftest import REQUISITION, House, form, row
from tests.shadow.conftest import standing

SENT = ("POST", "/dingtalk/v1.0/workflow/processInstances")
PLACE = Place("flow", "manual__1", "task")


class Operator:
    """What the look of an approval task needs of its operator."""

    wait, policy = "defer", None


Shadow = Callable[[], ShadowFlow]


@pytest.fixture
def shadow(house: House) -> Iterator[Shadow]:
    """Flows in shadow over the same systems and the same ledger."""
    made: dict[str, System] = {}

    def system_of(conn_id: str) -> System:
        if conn_id not in made:
            live = house.system_of(conn_id)
            made[conn_id] = ShadowSystem(live.address, ledger=house.ledger, tokens=live.tokens, sql=live.sql)
        return made[conn_id]

    yield lambda: ShadowFlow(house.ledger, system_of, actor="test", place=PLACE)
    for system in made.values():
        system.close()


def looked(flow: ShadowFlow, cases: list[Case]) -> list[Outcome]:
    operator: Any = Operator()
    context: Any = {}
    return look_in_shadow(operator, context, flow, flow.approver(), cases)


def pay(flow: ShadowFlow, sources: list[Handle]) -> list[Outcome]:
    return flow.create(sources, target_conn_id="finance", document_type="payment_request")


def handles(outcomes: list[Outcome]) -> list[Handle]:
    return [one.handle for one in outcomes if one.good and one.handle is not None]


def test_decisions_are_seen_and_not_recorded_and_the_rest_of_the_flow_is_shown(
    house: House, shadow: Shadow
) -> None:
    house.system_of("finance").site.instance  # noqa: B018
    ids = house.submit(form("PR-1"), form("PR-2"), form("PR-3"))
    house.sandbox.decide([ids[0]], "agree", userId="boss")
    house.sandbox.decide([ids[2]], "refuse", userId="boss")
    listed = house.listed()
    before = standing(house.ledger)

    flow = shadow()
    seen = looked(flow, [Case(one) for one in listed])
    assert [one.verdict for one in seen] == ["approved", "wait", ""]
    assert flow.keep_report(seen) == {"approved": 1, "refuse": 1, "wait": 1}
    assert standing(house.ledger) == before

    paying = shadow()
    paid = pay(paying, handles(seen))
    assert [one.verdict for one in paid] == ["create", "refuse"]
    assert paid[1].error["code"] == "approval.missing"
    assert house.payments() == [] and standing(house.ledger) == before


def test_an_approval_of_other_content_is_none_in_shadow_either(house: House, shadow: Shadow) -> None:
    house.system_of("finance").site.instance  # noqa: B018
    (instance_id,) = house.submit(form("PR-1"))
    house.sandbox.decide([instance_id], "agree", userId="boss")
    flow = shadow()
    seen = looked(flow, [Case(one) for one in house.listed()])
    flow.keep_report(seen)
    change = house.sandbox.attach(instance_id, "MODIFY", values=form("PR-1", [row(quantity="20")]))
    house.sandbox.decide(change, "agree", userId="boss")
    paid = pay(shadow(), handles(seen))
    assert [(one.verdict, one.error["code"]) for one in paid] == [("refuse", "approval.missing")]


def test_a_form_that_would_be_requested_is_shown_field_by_field(house: House, shadow: Shadow) -> None:
    sources = house.approved(form("PR-1"))
    before, sent = standing(house.ledger), house.sandbox.count(SENT[1], method=SENT[0])
    flow = shadow()
    cases, refused = request(
        flow, flow.approver(), sources, conn_id="oa", document_type=REQUISITION, mapping=None
    )
    assert refused == [] and cases[0].form.ref.is_shadow and cases[0].subject == sources[0]
    seen = looked(flow, cases)
    assert [(one.verdict, one.handle) for one in seen] == [("wait", sources[0])]
    assert flow.keep_report(seen) == {"create": 1, "wait": 1}
    (made,) = [one for one in house.ledger.shadows.of_run("manual__1") if one.action == "create"]
    assert made.body["fields"]["lines[0].item_id"] == "P-101"
    assert house.sandbox.count(SENT[1], method=SENT[0]) == sent
    assert standing(house.ledger) == before


def test_what_people_would_be_told_is_shown_and_nobody_hears_it(house: House, shadow: Shadow) -> None:
    house.system_of("finance").site.instance  # noqa: B018
    sources = house.approved(form("PR-1"))
    flow = shadow()
    paid = pay(flow, sources)
    house.sandbox.forget_requests()
    before = standing(house.ledger)
    channels: Any = messengers(
        ["email", "dingtalk_robot"],
        flow.system_of,
        Reached(docflow_conn_id="oa", smtp_conn_id="nowhere", mails=["boss@example.com"]),
    )
    told = flow.notify(paid, Wording(), channels, node="")
    assert [one.verdict for one in told] == ["notify"]
    (line,) = [one for one in flow.entries if one.action == "notify"]
    assert line.body["fields"]["receiver"] == "boss@example.com"
    assert "PR-1" in line.body["fields"]["text"]
    assert house.sandbox.requests("/dingtalk*") == []
    assert standing(house.ledger) == before
