"""The triggerer's door: it counts requests, leaves parsing to threads, and keeps waiting to its share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeVar

import httpx2

from airflow_provider_docflow.core.exchange import Exchange, SqlUnit, Step
from airflow_provider_docflow.core.limits import Bucket, limits_of
from airflow_provider_docflow.core.profile import Limit
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.hooks.budgets import BudgetGate
from airflow_provider_docflow.hooks.doors import AsyncDoor
from airflow_provider_docflow.ledger.buckets import Payer

T = TypeVar("T")

SHARE = 0.5
"""What waiting may use of an instance's limits, over all triggerers; the rest is for those who write."""

QUOTA_SECONDS = 3600.0
"""A limit over a longer time is a quota: it is met by polling less often, not by pausing between requests."""


def seconds_apart(limits: Sequence[Limit]) -> float:
    """Return the seconds that must lie between two requests."""
    short = [limit for limit in limits if limit.seconds < QUOTA_SECONDS]
    return max((limit.seconds / (limit.count * SHARE) for limit in short), default=0.0)


def seconds_each(limits: Sequence[Limit]) -> float:
    """Return the seconds by which each request of a poll puts the next poll off."""
    return max((limit.seconds / (limit.count * SHARE) for limit in limits), default=0.0)


def share_of(limits: Sequence[Limit], *, quotas: bool) -> list[Limit]:
    """Return what waiting may use of the short limits, or of the quotas, under names of its own."""
    return [
        Limit(name=f"{one.name} (waiting)", count=max(1, int(one.count * SHARE)), seconds=one.seconds)
        for one in limits
        if (one.seconds >= QUOTA_SECONDS) == quotas
    ]


class ShareGate(BudgetGate):
    """Keeps what all triggerers ask together to their share of the short limits."""

    def __init__(self, ledger: Any, site: Site) -> None:
        super().__init__(ledger, site, limits=share_of(limits_of(site), quotas=False))

    def before(self, step: httpx2.Request | SqlUnit) -> float:
        """Take a call out of the share; the moment that counts is the next gate's."""
        return super().before(step) if self._buckets else 0.0

    def quick_before(self, step: httpx2.Request | SqlUnit) -> float | None:
        """Take a call out of what this process holds of the share."""
        return super().quick_before(step) if self._buckets else 0.0

    def quick_after(self, step: httpx2.Request | SqlUnit, reply: httpx2.Response) -> bool:
        """Learn nothing."""
        return True

    def after(self, step: httpx2.Request | SqlUnit, reply: httpx2.Response | None, error: Any) -> None:
        """Learn nothing: the gate of the limits themselves does."""


def charge(ledger: Any, site: Site, requests: int) -> float:
    """Account for the requests of a poll in the share of the quotas; return the seconds to the next poll.

    One visit to the ledger for each poll, however many wait; all triggerers together stay within the share.
    """
    shares = [Bucket.of(one) for one in share_of(limits_of(site), quotas=True)]
    if not shares or requests < 1:
        return 0.0
    wait: float = ledger.budgets.charge(Payer(site.instance, site.conn_id), requests, buckets=shares)
    return wait


class PacedDoor(AsyncDoor):
    """Performs exchanges on the event loop without holding it up.

    Without gates, that is without a ledger, it keeps to the share of the limits by itself.

    :ivar requests: how many requests went out.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.requests = 0
        self._apart = 0.0 if self.gates else seconds_apart(limits_of(self.site))
        self._free_at = 0.0

    async def perform(self, step: Step) -> Any:
        """Perform one step; a request waits for its turn first."""
        if isinstance(step, httpx2.Request):
            self.requests += 1
            await self._turn()
        return await super().perform(step)

    async def _turn(self) -> None:
        now = asyncio.get_running_loop().time()
        start = max(now, self._free_at)
        self._free_at = start + self._apart
        if start > now:
            await asyncio.sleep(start - now)

    async def run(self, exchange: Exchange[T]) -> T:
        """Run ``exchange`` to its return value.

        Its code runs in threads: a page of a hundred documents takes longer to check than the loop may stand.
        """
        answer: Any = None
        error: Exception | None = None
        try:
            while True:
                ended, value = await asyncio.to_thread(_advance, exchange, answer, error)
                if ended:
                    result: T = value
                    return result
                answer, error = None, None
                try:
                    answer = await self.perform(value)
                except Exception as thrown:
                    error = thrown
        finally:
            # A cancelled wait may leave its thread inside the exchange, which then closes itself.
            with suppress(ValueError):
                exchange.close()

    async def run_all(self, exchanges: Sequence[Exchange[T]]) -> list[T | Exception]:
        """Run many exchanges side by side; an error is its exchange's entry."""
        slots = asyncio.Semaphore(max(1, self.concurrency))

        async def one(exchange: Exchange[T]) -> T | Exception:
            async with slots:
                try:
                    return await self.run(exchange)
                except Exception as error:
                    return error

        return list(await asyncio.gather(*(one(exchange) for exchange in exchanges)))


def _advance(exchange: Exchange[Any], answer: Any, error: Exception | None) -> tuple[bool, Any]:
    """Give an exchange its answer; return whether it has ended, and its value or its next step."""
    try:
        step = exchange.throw(error) if error is not None else exchange.send(answer)
    except StopIteration as stop:
        return True, stop.value
    return False, step
