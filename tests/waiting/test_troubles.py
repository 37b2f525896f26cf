from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.limits import Bucket
from airflow_provider_docflow.core.profile import Changes, Limit
from airflow_provider_docflow.ledger import Ledger
from airflow_provider_docflow.triggers.awaited import Awaited
from airflow_provider_docflow.triggers.document import check_event, stream_key
from airflow_provider_docflow.triggers.door import seconds_apart, seconds_each, share_of
from airflow_provider_docflow.triggers.feed import Feed
from airflow_provider_docflow.triggers.memory import Memory, named_in
from airflow_provider_docflow.triggers.polling import Stream
from airflow_provider_docflow.triggers.reading import Reader
from airflow_provider_docflow.triggers.words import DECIDED, unreadable, wanted_of
from tests.waiting import oa as oas
from tests.waiting.oa import INSTANCE, TYPE, Oa
from tests.waiting.waits import all_of, trigger, triggerer, until

NEVER = 3_600.0


class Hasty(asyncio.SelectorEventLoop):
    """An event loop on which a test lets hours pass at once."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


@pytest.mark.parametrize("status", [403, 404, 418])
def test_a_system_that_refuses_fails_nobody(oa: Oa, ledger: Ledger, status: int) -> None:
    refs = oa.enter("PR-1", "PR-2")
    oa.fails_with = status

    async def run() -> list[Any]:
        async with triggerer() as running:
            waits = running.add(*(trigger(ledger, ref) for ref in refs))
            await until(lambda: oa.count("read") >= 8)
            assert not any(wait.done() for wait in waits)
            (incident,) = ledger.incidents.search()
            assert (incident.code, incident.instance_id) == ("waiting.refused", INSTANCE)
            oa.fails_with = None
            for ref in refs:
                oa.decide(ref.internal_id)
            return await all_of(waits)

    assert len(asyncio.run(run())) == 2
    assert ledger.incidents.search() == []
    known = ledger.health.get(INSTANCE)
    assert known is None or known.plain, "a system that refuses is not down"


def test_a_server_that_is_gone_and_comes_back_fails_nobody(
    oa: Oa, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = oa.enter("PR-1")
    right = oa.connection()
    monkeypatch.setenv("AIRFLOW__DOCFLOW__OUTAGE_PROBE_SECONDS", "0.2")
    monkeypatch.setenv("AIRFLOW_CONN_OA", right.replace(str(oa.port), "9"))

    async def run() -> list[Any]:
        async with triggerer() as running:
            waits = running.add(trigger(ledger, ref))
            await until(lambda: (known := ledger.health.get(INSTANCE)) is not None and known.failures >= 2)
            assert oa.asked == []
            monkeypatch.setenv("AIRFLOW_CONN_OA", right)
            oa.decide("PR-1")
            return await all_of(waits)

    assert asyncio.run(run())[0]["documents"][0]["words"]["approval"] == "approved"


def test_a_connection_that_is_deleted_fails_nobody(
    oa: Oa, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = oa.enter("PR-1")
    right = oa.connection()
    monkeypatch.delenv("AIRFLOW_CONN_OA")

    async def run() -> list[Any]:
        async with triggerer() as running:
            waits = running.add(trigger(ledger, ref))
            await until(lambda: ledger.incidents.search() != [])
            monkeypatch.setenv("AIRFLOW_CONN_OA", right)
            oa.decide("PR-1")
            return await all_of(waits)

    assert len(asyncio.run(run())) == 1


def test_a_document_that_is_gone_ends_its_own_wait_only(oa: Oa, ledger: Ledger) -> None:
    (ref,) = oa.enter("PR-1")

    async def run() -> None:
        async with triggerer() as running:
            gone, there = running.add(trigger(ledger, oas.ref("PR-GONE")), trigger(ledger, ref))
            (payload,) = await all_of([gone])
            assert payload["documents"][0]["error"] == "NotFound"
            seen = oa.count("read")
            await until(lambda: oa.count("read") >= seen + 2)
            assert not there.done()

    asyncio.run(run())


def test_a_ledger_that_cannot_be_used_does_not_end_a_wait(
    oa: Oa, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    (ref,) = oa.enter("PR-1")
    oa.decide("PR-1")
    monkeypatch.setenv("AIRFLOW_CONN_ELSEWHERE", '{"conn_type": "sqlite", "host": "relative/ledger.sqlite"}')

    async def run() -> None:
        async with triggerer() as running:
            other = trigger(ledger, ref, ledger_conn_id="elsewhere")
            foreign = trigger(ledger, ref, ledger_id="another ledger")
            assert len(await all_of(running.add(other, foreign))) == 2

    asyncio.run(run())


def test_an_event_in_the_inbox_shortens_the_wait(oa: Oa, ledger: Ledger) -> None:
    refs = oa.enter("PR-1", "PR-2", "PR-3")
    ledger.inbox.put("oa", "before", "decided", {"internal_id": "PR-2"})

    async def run() -> None:
        async with triggerer() as running:
            waits = running.add(*(trigger(ledger, ref, poll_interval=NEVER) for ref in refs))
            await until(lambda: oa.count("read") == 1)
            for ref in refs:
                oa.decide(ref.internal_id)
            ledger.inbox.put("another connection", "e1", "decided", {"internal_id": "PR-1"})
            ledger.inbox.put("oa", "e2", "decided", {"number": "PR-9"})
            ledger.inbox.put("oa", "e3", "decided", {"documents": [{"internal_id": "PR-3"}]})
            await all_of(waits[2:])
            assert [ids for kind, ids in oa.asked if kind == "read"] == [("PR-1", "PR-2", "PR-3"), ("PR-3",)]
            assert not waits[0].done()
            assert not waits[1].done()

    asyncio.run(run())


def test_an_event_names_documents_or_nothing() -> None:
    assert named_in({"internal_id": "7", "number": "PR-7", "documents": [{"number": "PR-8"}, 3]}) == {
        "7",
        "PR-7",
        "PR-8",
    }
    assert named_in("PR-7") == named_in({"documents": "PR-7"}) == set()


def test_nothing_fires_before_the_first_check(oa: Oa, ledger: Ledger) -> None:
    """Airflow fails tasks that are resumed while their executor still reports their last run."""
    (ref,) = oa.enter("PR-1")
    oa.decide("PR-1")

    async def run() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Hasty)
        async with triggerer() as running:
            early, late = running.add(trigger(ledger, ref), trigger(ledger, ref, first_check_seconds=NEVER))
            await all_of([early])
            read = oa.count("read")
            await until(lambda: oa.count("read") > read)
            assert not late.done()
            loop.ahead = NEVER
            await all_of([late])

    with asyncio.Runner(loop_factory=Hasty) as runner:
        runner.run(run())


def test_nothing_is_asked_while_nobody_may_be_told(oa: Oa, ledger: Ledger) -> None:
    (ref,) = oa.enter("PR-1")

    async def run() -> None:
        key = ("a key",)
        memory = Memory("docflow_ledger", ledger.ledger_id, "oa")
        stream = Stream(key, Reader("oa", TYPE, memory), memory, poll_interval=0.0)
        now = asyncio.get_running_loop().time()
        Awaited.enter(key, [ref], now + NEVER)
        assert stream._wait() > NEVER / 2
        Awaited.enter(key, [ref], now)
        assert stream._wait() <= 0
        Awaited.leave(key, [ref, ref])

    asyncio.run(run())


def test_a_feed_that_tells_no_decisions_is_found_out(oa: Oa, ledger: Ledger) -> None:
    oa.feed_tells_decisions = False
    refs = oa.enter(*(f"PR-{number}" for number in range(600)))

    async def run() -> None:
        async with triggerer() as running:
            waits = running.add(*(trigger(ledger, ref) for ref in refs))
            await until(lambda: oa.count("feed") > 10)
            oa.decide("PR-1")
            await all_of(waits[1:2])
            # Found out by the sweep and one more look at the feed: from here on all are read in every poll.
            oa.decide("PR-2")
            await all_of(waits[2:3])
            await until(lambda: oa.asked[-1][0] == "read")
            asked = oa.count("feed")
            oa.decide("PR-3")
            await all_of(waits[3:4])
            assert oa.count("feed") == asked

    asyncio.run(run())


def _page(*ids: str, more: bool = False) -> Changes:
    return Changes(refs=tuple(oas.ref(one) for one in ids), cursor="1", more=more)


def test_a_change_between_feed_and_sweep_is_no_reason_to_distrust_the_feed() -> None:
    feed = Feed()
    feed.read(_page())
    feed.compare([oas.ref("PR-1").identity])
    feed.read(_page("PR-1"))
    feed.judge()
    assert feed.trusted
    feed.compare([oas.ref("PR-2").identity])
    feed.read(_page())
    feed.judge()
    assert not feed.trusted


def test_a_feed_that_is_still_behind_is_not_judged() -> None:
    feed = Feed()
    feed.read(_page("PR-9", more=True))
    feed.compare([oas.ref("PR-1").identity])
    feed.read(_page())
    feed.judge()
    assert feed.trusted


def test_the_interval_stretches_to_the_connections_limits(
    oa: Oa, ledger: Ledger, use_profile: Callable[..., None]
) -> None:
    day, second = Limit(name="day", count=200, seconds=86_400.0), Limit(name="s", count=40, seconds=1.0)
    assert seconds_apart([second, day]) == 0.05
    assert seconds_each([second, day]) == 864.0
    assert seconds_each([]) == seconds_apart([]) == 0.0
    assert [(one.count, one.seconds) for one in share_of([second, day], quotas=True)] == [(100, 86_400.0)]
    assert [(one.count, one.seconds) for one in share_of([second, day], quotas=False)] == [(20, 1.0)]
    use_profile(page_size=1, feed=False, limits=(day,))
    refs = oa.enter("PR-1", "PR-2", "PR-3")
    each = Bucket.of(share_of([day], quotas=True)[0]).each_us / 1_000_000

    async def run(key: str) -> float:
        memory = Memory("docflow_ledger", ledger.ledger_id, "oa")
        stream = Stream((key,), Reader("oa", TYPE, memory), memory, poll_interval=1.0)
        Awaited.enter((key,), refs, asyncio.get_running_loop().time())
        assert len(await stream._turn()) == 3
        Awaited.leave((key,), refs)
        await stream.reader.close()
        return stream._wait()

    assert 3 * each - 60 < asyncio.run(run("one triggerer")) <= 3 * each
    assert 6 * each - 60 < asyncio.run(run("another triggerer")) <= 6 * each, "both have one share"
    assert 86_400 / each <= 100, "the polls of a day are no more than half of the quota"
    assert not {("one triggerer",), ("another triggerer",)} & Awaited._streams.keys()


def test_words_that_nobody_can_ever_say_are_refused() -> None:
    assert wanted_of({"approval": "approved"}, "until") == {"approval": ["approved"]}
    for wrong in ({"approvals": ["approved"]}, {"approval": ["aproved"]}, {"approval": []}, "approved", None):
        with pytest.raises(exc.Misconfigured):
            wanted_of(wrong, "until")


def test_an_axis_that_nobody_can_read_ends_a_wait_for_it() -> None:
    words = {"approval": "unknown", "payment": "unknown", "lifecycle": "active"}
    assert unreadable(words, DECIDED) == ["approval"]
    assert unreadable(words, {"lifecycle": ["closed"]}) == []
    assert unreadable(words, {"payment": ["unknown"]}) == []


@pytest.mark.parametrize("event", [None, {}, "approved", {"status": "approved"}, {"docflow": "approved"}])
def test_an_event_of_anybody_else_is_refused(event: Any) -> None:
    with pytest.raises(exc.TransientError):
        check_event(event)


def test_the_key_of_a_stream_names_all_that_its_waits_share(ledger: Ledger) -> None:
    one = trigger(ledger, oas.ref("PR-1"))
    assert stream_key(one.serialize()[1]) == one.shared_stream_key()
