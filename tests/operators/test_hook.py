from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Query
from airflow_provider_docflow.hooks.docflow import DocflowHook
from airflow_provider_docflow.hooks.doors import AsyncDoor
from tests.operators.test_action import requisition
from tests.operators.world import World


async def _read(hook: DocflowHook, refs: list[Any]) -> list[Any]:
    async with AsyncDoor(await hook.asite()) as door:
        return await hook.aread(door, refs)


def test_both_doors_read_the_same_and_put_a_failure_in_its_place(world: World) -> None:
    requisition(world, "R-1")
    requisition(world, "R-2")
    hook = DocflowHook("erp")
    first, second = hook.system.search("purchase_requisition", Query())
    refs = [first.ref, replace(first.ref, internal_id="pr-999999", number=""), second.ref]
    told = [hook.read(refs), asyncio.run(_read(hook, refs))]
    hook.system.close()
    for one, missing, other in told:
        assert (one.ref, other.ref) == (first.ref, second.ref) and isinstance(missing, exc.NotFound)
    assert told[0][0].document == told[1][0].document == first.document
    assert asyncio.run(_read(hook, [])) == []
