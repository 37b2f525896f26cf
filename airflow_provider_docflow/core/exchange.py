"""
Protocol logic as a generator: an exchange yields steps, a driver performs them.

The same exchange runs on a worker (:func:`drive`), in the triggerer (:func:`adrive`) and in bulk
(:func:`gather`), so the doors cannot drift apart. A driver knows nothing of any protocol: it hands
each step to ``perform`` and the answer, or the error, back to the exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import httpx2

if TYPE_CHECKING:
    from sqlalchemy import Executable

T = TypeVar("T")


@dataclass(frozen=True)
class Pause:
    """Ask the driver to wait ``seconds`` before the next step."""

    seconds: float


@dataclass(frozen=True)
class TokenWanted:
    """Ask the driver for the login's token; ``stale`` names one that the system has just refused."""

    stale: str | None = None


@dataclass(frozen=True)
class Statement:
    """
    One SQL statement with named parameters.

    :param sql: text with ``:name`` parameters, or a SQLAlchemy Core construct.
    :param parameters: values by name, or a list of them: the statement then runs once for each.
    :param expect: the number of rows it must change, if any; otherwise nothing of the unit stays.
    """

    sql: str | Executable
    parameters: Mapping[str, Any] | Sequence[Mapping[str, Any]] = field(default_factory=dict)
    expect: int | None = None


@dataclass(frozen=True)
class SqlUnit:
    """
    Statements that run as one transaction; the answer is one list of rows (dicts) per statement.

    :param not_after: monotonic seconds after which it must not be committed any more.
    """

    statements: tuple[Statement, ...]
    writes: bool = False
    not_after: float | None = None


Step = httpx2.Request | Pause | TokenWanted | SqlUnit
Exchange = Generator[Step, Any, T]


def drive(exchange: Exchange[T], perform: Callable[[Step], Any]) -> T:
    """Run ``exchange`` to its return value on this thread."""
    try:
        step = next(exchange)
        while True:
            try:
                reply = perform(step)
            except Exception as error:
                step = exchange.throw(error)
            else:
                step = exchange.send(reply)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        exchange.close()


async def adrive(exchange: Exchange[T], perform: Callable[[Step], Awaitable[Any]]) -> T:
    """Run ``exchange`` to its return value on the running event loop."""
    try:
        step = next(exchange)
        while True:
            try:
                reply = await perform(step)
            except Exception as error:
                step = exchange.throw(error)
            else:
                step = exchange.send(reply)
    except StopIteration as stop:
        value: T = stop.value
        return value
    finally:
        exchange.close()


async def gather(
    exchanges: Sequence[Exchange[T]],
    perform: Callable[[Step], Awaitable[Any]],
    *,
    concurrency: int,
    slots: asyncio.Semaphore | None = None,
) -> list[T | Exception]:
    """Run many exchanges side by side.

    :param concurrency: how many may be under way at once, at least 1.
    :param slots: shared by several calls that may have no more than so many under way together.
    :returns: one entry per exchange in input order: its value, or the error that ended it. One
        failure does not stop the rest.
    """
    pending = iter(enumerate(exchanges))
    results: list[Any] = [None] * len(exchanges)

    async def worker() -> None:
        for position, exchange in pending:
            try:
                async with slots or nullcontext():
                    results[position] = await adrive(exchange, perform)
            except Exception as error:
                results[position] = error

    await asyncio.gather(*(worker() for _ in range(max(1, min(concurrency, len(exchanges))))))
    return results


def no_later_than(exchange: Exchange[T], deadline: float) -> Exchange[T]:
    """Pass ``exchange`` on, but let no request of it go out after ``deadline`` (monotonic seconds).

    The driver checks it at the moment the first byte is written, and of a SQL unit that writes just
    before its commit; this is what makes an expired lease harmless.
    """

    def dated(step: Step) -> Step:
        if isinstance(step, httpx2.Request):
            step.extensions = {**step.extensions, "docflow_not_after": deadline}
        elif isinstance(step, SqlUnit) and step.writes:
            return replace(step, not_after=deadline)
        return step

    return each_step(exchange, dated)


def each_step(exchange: Exchange[T], change: Callable[[Step], Step]) -> Exchange[T]:
    """Pass ``exchange`` on with every step of it as ``change`` returns it."""
    answer: Any = None
    error: Exception | None = None
    while True:
        try:
            step = exchange.throw(error) if error is not None else exchange.send(answer)
        except StopIteration as stop:
            value: T = stop.value
            return value
        step, answer, error = change(step), None, None
        try:
            answer = yield step
        except Exception as thrown:
            error = thrown
