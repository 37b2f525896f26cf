"""A deployment in shadow: whoever reaches for a system, through whatever, sends nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.messages import Message
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.hooks.mailing import Mail
from airflow_provider_docflow.hooks.plans import plans_for
from airflow_provider_docflow.notifications.docflow import DocflowNotifier
from tests.operators.world import World

CONTEXT: Any = {"dag_run": None, "params": {}, "ti": None}


@pytest.fixture
def in_shadow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__DOCFLOW__MODE", "shadow")


def request(world: World) -> Any:
    """Return the write of an order, planned from a requisition as it stands."""
    world.enter("PR-1", ("SUP-1", "2", "10.50"))
    source = DocflowHook("oa").system
    (reading,) = source.resolve("purchase_requisition", ["PR-1"])
    source.close()
    (plan,) = plans_for(reading, "purchase_order")  # type: ignore[arg-type]
    return plan.request("plain-erp-1")


def test_code_of_ones_own_gets_no_writer_and_no_write_through_the_door(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow_provider_docflow.core.profile import WriteItem
    from tests.operators.profiles import PROFILE

    wanted = request(world)
    monkeypatch.setenv("AIRFLOW__DOCFLOW__MODE", "shadow")
    hook = DocflowHook("erp")
    with pytest.raises(exc.ShadowOnly):
        hook.system.writer()
    site = hook.system.site
    write = PROFILE.write("purchase_order", "create")
    item = WriteItem(mark="M" * 16, reference="PR-1", document=wanted.document)
    answer = hook.system.run_many([write.run(site, [item])])[0]
    (entry,) = [answer] if isinstance(answer, Exception) else answer
    assert isinstance(entry, exc.ShadowOnly)
    with pytest.raises(exc.ShadowOnly):
        hook.get_conn().perform(site.request("POST", "/erp/purchase_order", json={"reference": "x"}))
    assert world.sends() == 0
    hook.system.close()


async def _asked(hook: DocflowHook) -> Any:
    return await hook.asite()


def test_the_site_of_the_event_loop_begins_no_write_either(world: World, in_shadow: None) -> None:
    site = asyncio.run(_asked(DocflowHook("erp")))
    with pytest.raises(exc.ShadowOnly):
        next(site.profile.write("purchase_order", "create").run(site, []))


def test_the_writer_refuses_a_document_that_only_a_shadow_run_knows(world: World) -> None:
    from dataclasses import replace

    wanted = request(world)
    ref = replace(wanted.uses[0].source, internal_id="shadow:" + "0" * 64)
    system = DocflowHook("erp").system
    for one in (replace(wanted, ref=ref), replace(wanted, uses=(replace(wanted.uses[0], source=ref),))):
        with pytest.raises(exc.ShadowReference):
            system.writer().write([one])
    assert world.sends() == 0
    system.close()


def test_nobody_is_told_of_a_run_in_shadow(world: World, in_shadow: None) -> None:
    DocflowNotifier(channels="dingtalk_robot", docflow_conn_id="nowhere").notify(CONTEXT)
    with pytest.raises(exc.ShadowOnly):
        Mail("smtp_default", ["boss@example.com"]).send([Message("boss@example.com", "hello")], 0.0)


def test_a_live_notifier_would_have_tried(world: World) -> None:
    with pytest.raises(Exception, match="nowhere"):
        DocflowNotifier(channels="dingtalk_robot", docflow_conn_id="nowhere").notify(CONTEXT)


@pytest.mark.parametrize(
    "context",
    [{"params": {"docflow_mode": "shadow"}}, {"dag": type("Dag", (), {"default_args": {"mode": "shadow"}})}],
)
def test_a_callback_knows_the_mode_of_its_run(context: dict[str, Any], world: World) -> None:
    told: Any = {**CONTEXT, **context}
    DocflowNotifier(channels="dingtalk_robot", docflow_conn_id="nowhere").notify(told)
