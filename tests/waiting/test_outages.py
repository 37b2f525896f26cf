"""Polls while a system is down or in maintenance: nothing is asked, nobody who waits fails."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.triggers.awaited import Awaited
from airflow_provider_docflow.triggers.memory import Memory
from airflow_provider_docflow.triggers.polling import Stream
from airflow_provider_docflow.triggers.reading import Reader
from tests.waiting.oa import INSTANCE, TYPE, Oa


def polls(oa: Oa, ledger: Ledger, again: Callable[[], object]) -> None:
    """Poll three times in vain, then once more after ``again``."""
    (ref,) = oa.enter("PR-1")
    ledger.instances.bind("oa", INSTANCE, "waiting_oa")
    key = ("outages", id(oa))

    async def run() -> None:
        memory = Memory("docflow_ledger", ledger.ledger_id, "oa")
        stream = Stream(key, Reader("oa", TYPE, memory), memory, poll_interval=0.0)
        Awaited.enter(key, [ref], asyncio.get_running_loop().time())
        for _ in range(3):
            assert await stream._turn() == {}
        assert oa.asked == []
        again()
        assert len(await stream._turn()) == 1
        Awaited.leave(key, [ref])
        await stream.reader.close()

    asyncio.run(run())


def test_a_system_that_is_down_is_not_polled(oa: Oa, ledger: Ledger) -> None:
    down = ledger.health.failed(INSTANCE, "refused", threshold=1, probe_seconds=3600)
    polls(oa, ledger, lambda: ledger.health.ask_now(INSTANCE))
    found = ledger.health.get(INSTANCE)
    assert found is not None
    assert found.word == "recovering"
    assert [(one.id, one.status) for one in ledger.incidents.search(status="")] == [(down.incident, "closed")]


def test_nor_is_one_in_maintenance(oa: Oa, ledger: Ledger) -> None:
    now = datetime.now(UTC)
    window = ledger.windows.enter(
        "oa", starts_at=now, ends_at=now + timedelta(hours=1), reason="patch", actor="ops"
    )
    polls(oa, ledger, lambda: ledger.windows.cancel(window.id, actor="ops", reason="done"))
    assert ledger.incidents.search(status="") == []
