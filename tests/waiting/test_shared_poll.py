from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from airflow.triggers.base import BaseEventTrigger

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.triggers.awaited import Awaited
from airflow_provider_docflow.triggers.document import DocumentTrigger
from airflow_provider_docflow.triggers.reading import SWEEP_EVERY
from tests.waiting import oa as oas
from tests.waiting.oa import Oa
from tests.waiting.waits import all_of, trigger, triggerer, until

THOUSAND = [f"PR-{number}" for number in range(1_000)]
PAGES = 10


def words(payload: Any) -> list[str]:
    return [told["words"]["approval"] for told in payload["documents"]]


async def _thousand(oa: Oa, ledger: Ledger, polls: Callable[[], int]) -> int:
    refs = oa.enter(*THOUSAND)
    async with triggerer() as running:
        waits = running.add(*(trigger(ledger, ref) for ref in refs))
        await until(lambda: polls() >= 25)
        assert not any(wait.done() for wait in waits)
        for one in THOUSAND[::100]:
            oa.decide(one)
        fired = await all_of(waits[::100])
        assert [words(payload) for payload in fired] == [["approved"]] * 10
        assert sum(wait.done() for wait in waits) == 10
        return oa.count("read")


def test_a_thousand_waits_ask_as_often_as_their_pages(
    oa: Oa, ledger: Ledger, use_profile: Callable[..., None]
) -> None:
    use_profile(feed=False)
    reads = asyncio.run(_thousand(oa, ledger, lambda: oa.count("read") // PAGES))
    polls = max(oa.reads_of(one) for one in THOUSAND)
    assert polls >= 25
    assert reads <= polls * PAGES


def test_a_change_feed_leaves_one_request_a_poll_and_one_for_each_change(oa: Oa, ledger: Ledger) -> None:
    reads = asyncio.run(_thousand(oa, ledger, lambda: oa.count("feed") - PAGES))
    polls = oa.count("feed") - PAGES + 1
    sweeps = 1 + -(-polls // (SWEEP_EVERY + 1))
    assert polls >= 25
    assert reads <= sweeps * PAGES + 10


def test_five_thousand_waits_do_not_overflow(
    oa: Oa, ledger: Ledger, use_profile: Callable[..., None]
) -> None:
    use_profile(page_size=500, feed=False)
    many = [f"PR-{number}" for number in range(5_000)]
    refs = oa.enter(*many)

    async def run() -> None:
        async with triggerer() as running:
            waits = running.add(*(trigger(ledger, ref) for ref in refs))
            await until(lambda: oa.count("read") >= 30)
            (group,) = running.manager._groups.values()
            assert sum(queue.qsize() for queue in group._subscribers.values()) == 0
            for one in many:
                oa.decide(one)
            assert len(await all_of(waits)) == 5_000

    asyncio.run(run())


def test_a_change_between_the_first_look_and_the_wait_is_seen(oa: Oa, ledger: Ledger) -> None:
    """The feed tells it before the document is waited for, so only a direct read can."""
    others = oa.enter(*THOUSAND)
    late = oa.enter("PR-LATE")[0]

    async def run() -> None:
        async with triggerer() as running:
            waits = running.add(*(trigger(ledger, ref) for ref in others))
            await until(lambda: oa.count("feed") > PAGES + 2)
            oa.decide("PR-LATE")
            told = oa.count("feed")
            await until(lambda: oa.count("feed") > told + 1)
            payload = (await all_of(running.add(trigger(ledger, late))))[0]
            assert words(payload) == ["approved"]
            assert not any(wait.done() for wait in waits)

    asyncio.run(run())


def test_a_new_triggerer_misses_nothing(oa: Oa, ledger: Ledger) -> None:
    refs = oa.enter("PR-1", "PR-2")
    sent: list[tuple[str, str]] = []

    async def first() -> None:
        async with triggerer() as running:
            waits = [trigger(ledger, ref) for ref in refs]
            sent.extend(kept(wait) for wait in waits)
            running.add(*waits)
            await until(lambda: oa.count("read") >= 2)

    async def second() -> list[Any]:
        async with triggerer() as running:
            waits = running.add(*(rebuilt(*each) for each in sent))
            return await all_of(waits[:1])

    asyncio.run(first())
    oa.decide("PR-1", "rejected")
    assert words(asyncio.run(second())[0]) == ["rejected"]


def kept(one: DocumentTrigger) -> tuple[str, str]:
    """What Airflow's database holds of a trigger."""
    from airflow.models.trigger import Trigger

    path, arguments = one.serialize()
    return path, Trigger.encrypt_kwargs(arguments)


def rebuilt(path: str, arguments: str) -> DocumentTrigger:
    """The trigger that a triggerer makes of what the database holds."""
    from airflow.models.trigger import Trigger
    from airflow.sdk._shared.module_loading import import_string
    from airflow.serialization.decoders import smart_decode_trigger_kwargs

    found = Trigger._decrypt_kwargs(arguments)
    made = import_string(path)(**{name: smart_decode_trigger_kwargs(value) for name, value in found.items()})
    assert isinstance(made, DocumentTrigger)
    return made


def test_arguments_are_json_and_come_back_the_same(ledger: Ledger) -> None:
    made = trigger(ledger, oas.ref("PR-1"), fail_on={"lifecycle": ["cancelled"]})
    path, arguments = made.serialize()
    assert json.loads(json.dumps(arguments)) == arguments
    again = rebuilt(*kept(made))
    assert again.serialize() == (path, arguments)
    assert again.shared_stream_key() == made.shared_stream_key()
    assert isinstance(again, BaseEventTrigger)


@pytest.mark.parametrize(
    "other",
    [
        {"docflow_conn_id": "oa2"},
        {"document_type": "payment_request"},
        {"poll_interval": 60.0},
        {"ledger_id": "another"},
        {"ledger_conn_id": "another"},
    ],
)
def test_only_waits_of_one_kind_share_a_poll(ledger: Ledger, other: dict[str, Any]) -> None:
    one = trigger(ledger, oas.ref("PR-1"))
    assert one.shared_stream_key() == trigger(ledger, oas.ref("PR-2")).shared_stream_key()
    assert one.shared_stream_key() != trigger(ledger, oas.ref("PR-1"), **other).shared_stream_key()


def test_two_flows_wait_for_one_number(oa: Oa, ledger: Ledger) -> None:
    (ref,) = oa.enter("PR-1")

    async def run() -> None:
        async with triggerer() as running:
            first, second = running.add(trigger(ledger, ref), trigger(ledger, ref))
            await until(lambda: oa.count("read") >= 2)
            assert {ids for kind, ids in oa.asked if kind == "read"} == {("PR-1",)}
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            oa.decide("PR-1")
            assert words((await all_of([second]))[0]) == ["approved"]

    asyncio.run(run())
    assert Awaited._streams == {}


def test_the_loop_is_never_held_up(oa: Oa, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replies are taken apart, and the ledger is asked, in other threads than the loop's."""
    (ref,) = oa.enter("PR-1")
    oas.THREADS.clear()
    at_the_ledger: set[int] = set()
    read = type(ledger.database).read

    def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        at_the_ledger.add(threading.get_ident())
        return read(self, *args, **kwargs)

    monkeypatch.setattr(type(ledger.database), "read", noted)

    async def run() -> int:
        async with triggerer() as running:
            waits = running.add(trigger(ledger, ref))
            await until(lambda: oa.count("read") >= 3)
            oa.decide("PR-1")
            await all_of(waits)
        return threading.get_ident()

    loop = asyncio.run(run())
    assert oas.THREADS
    assert at_the_ledger
    assert loop not in oas.THREADS | at_the_ledger


def test_a_wait_for_several_ends_when_all_are_decided(oa: Oa, ledger: Ledger) -> None:
    refs = oa.enter("PR-1", "PR-2", "PR-3")

    async def run() -> None:
        async with triggerer() as running:
            (wait,) = running.add(trigger(ledger, *refs))
            oa.decide("PR-1")
            oa.decide("PR-2", "rejected")
            seen = oa.count("read")
            await until(lambda: oa.count("read") >= seen + 3)
            assert not wait.done()
            oa.decide("PR-3", "returned")
            (payload,) = await all_of([wait])
            assert payload["count"] == 3
            assert sorted(words(payload)) == ["approved", "rejected", "returned"]
            assert [DocumentRef.from_json(told["ref"]) for told in payload["documents"]] == refs
            assert json.loads(json.dumps(payload)) == payload

    asyncio.run(run())


def test_alone_it_waits_the_same_way(oa: Oa, ledger: Ledger) -> None:
    (ref,) = oa.enter("PR-1")

    async def run() -> list[Any]:
        one = trigger(ledger, ref)
        found = asyncio.create_task(_events(one))
        await until(lambda: oa.count("read") >= 2)
        oa.decide("PR-1")
        return (await all_of([found]))[0]  # type: ignore[no-any-return]

    async def _events(one: DocumentTrigger) -> list[Any]:
        return [event.payload async for event in one.run()]

    (payload,) = asyncio.run(run())
    assert words(payload) == ["approved"]
    assert Awaited._streams == {}
