from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.exchange import Exchange, Pause, adrive, drive, gather, no_later_than
from airflow_provider_docflow.hooks.deadlines import check_deadline


def talk(steps: int, log: list[Any]) -> Exchange[int]:
    total = 0
    for _ in range(steps):
        try:
            total += yield Pause(0)
        except ValueError as error:
            log.append(str(error))
    return total


def answers() -> Iterator[Any]:
    yield from (1, ValueError("lost"), 5)


def test_both_drivers_hand_over_the_same_answers_and_errors() -> None:
    def perform(replies: Iterator[Any]) -> Any:
        def one(step: Any) -> int:
            reply = next(replies)
            if isinstance(reply, Exception):
                raise reply
            return int(reply)

        return one

    sync_log: list[Any] = []
    assert drive(talk(3, sync_log), perform(answers())) == 6

    inner = perform(answers())

    async def aperform(step: Any) -> int:
        return int(inner(step))

    async_log: list[Any] = []
    assert asyncio.run(adrive(talk(3, async_log), aperform)) == 6
    assert sync_log == async_log == ["lost"]


def test_gather_keeps_the_order_bounds_the_concurrency_and_survives_failures() -> None:
    under_way, most = 0, 0

    async def perform(step: Any) -> int:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.001 * (20 - step.seconds))
        under_way -= 1
        if step.seconds == 7:
            raise exc.Rejected("no")
        return int(step.seconds)

    def one(number: int) -> Exchange[int]:
        return (yield Pause(number))  # type: ignore[no-any-return]

    found = asyncio.run(gather([one(n) for n in range(20)], perform, concurrency=4))

    assert most == 4
    assert isinstance(found[7], exc.Rejected)
    assert [value for n, value in enumerate(found) if n != 7] == [n for n in range(20) if n != 7]


def test_gather_of_nothing_is_nothing() -> None:
    async def perform(step: Any) -> None:
        raise AssertionError("nothing is to be performed")

    assert asyncio.run(gather([], perform, concurrency=4)) == []


def test_a_request_after_its_deadline_is_refused_before_a_byte_goes_out() -> None:
    def write() -> Exchange[Any]:
        return (yield httpx2.Request("POST", "http://127.0.0.1/x"))

    late = next(no_later_than(write(), time.monotonic() - 1))
    in_time = next(no_later_than(write(), time.monotonic() + 60))

    assert isinstance(late, httpx2.Request) and isinstance(in_time, httpx2.Request)
    check_deadline(in_time)
    with pytest.raises(exc.LeaseLost):
        check_deadline(late)


def test_a_deadline_passes_answers_and_errors_through() -> None:
    log: list[Any] = []
    guarded = no_later_than(talk(3, log), time.monotonic() + 60)
    replies = answers()

    def perform(step: Any) -> Any:
        reply = next(replies)
        if isinstance(reply, Exception):
            raise reply
        return reply

    assert drive(guarded, perform) == 6 and log == ["lost"]
