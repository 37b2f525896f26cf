"""Budgets: how often all processes together may call an instance, and when it wants to be left alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import Connection, func, literal, select, update

from airflow_provider_docflow.core.limits import Bucket, Quota
from airflow_provider_docflow.exceptions import DocflowError, Misconfigured, QuotaExhausted, RateLimited
from airflow_provider_docflow.ledger.buckets import (
    CLOSED,
    CLOSED_FOR_QUOTA,
    SECOND,
    LimitUse,
    Payer,
    address_key,
    fill,
    locked,
    payer_of,
    read,
    schedule,
    too_long,
    unknown,
    use_of,
)
from airflow_provider_docflow.ledger.models.limits import limit_address
from airflow_provider_docflow.ledger.models.shared import limit, quota
from airflow_provider_docflow.ledger.quotas import VENDORS, Quotas, QuotaUse, exhausted

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Grant:
    """Calls that were taken.

    :param moments: when each may be made, not earlier, in seconds of ``time.monotonic``.
    :param trial: the system had said that its quota is used up; whether it still is will show.
    """

    moments: tuple[float, ...]
    trial: bool = False


class Budgets(Quotas):
    """Shared limits, exact across processes."""

    def take(
        self,
        instance_id: str,
        name: str,
        n: int = 1,
        *,
        calls: int,
        per_seconds: float,
        burst: int | None = None,
        max_wait: float | None = None,
    ) -> float:
        """Take calls out of a bucket that all processes share.

        The calls are granted when this returns; make them after the wait, and not earlier.

        :param calls: how many calls the bucket allows ...
        :param per_seconds: ... in this time.
        :param burst: how many of them may be made at once; all of ``calls`` if not given.
        :param max_wait: longest wait that is acceptable; beyond it nothing is taken.
        :returns: seconds to wait before making the calls; 0 when they may be made now.
        :raises RateLimited: the wait would be longer than ``max_wait``.
        :raises Misconfigured: a number is not positive, or more calls are asked for than ever fit.
        """
        size = burst if burst is not None else calls
        if min(calls, per_seconds, size, n) <= 0 or n > size:
            raise Misconfigured(f"limit {name}: {n} calls from {calls} per {per_seconds:g} s, {size} at once")
        each = round(per_seconds * SECOND / calls)

        def work(connection: Connection) -> float:
            # A bucket is one number: the moment at which it will be full again.
            full_at = locked(connection, instance_id, (name,))[name]
            now = self._moment(connection)
            after = max(full_at, now) + n * each
            wait: float = max(0, after - size * each - now) / SECOND
            if max_wait is not None and wait > max_wait:
                raise RateLimited(f"the limit {name} is used up", system=instance_id, retry_after=wait)
            fill(connection, instance_id, {name: after})
            return wait

        return self._db.write(work)

    def draw(
        self,
        payer: Payer,
        n: int,
        *,
        buckets: Sequence[Bucket],
        quotas: Sequence[Quota] = (),
        zone: tzinfo = UTC,
        returned: int = 0,
        max_wait: float,
    ) -> Grant:
        """Take up to ``n`` calls out of all limits and quotas of an instance at once, at least one.

        :param returned: calls of an earlier grant that were not made; they do not count for the quotas.
        :param max_wait: seconds that the first call may have to wait; beyond it nothing is taken.
        :raises RateLimited: the wait would be longer.
        :raises QuotaExhausted: a quota is used up, or a limit over a day or more has the call wait longer.
        """

        def work(connection: Connection) -> Grant | DocflowError:
            who = payer_of(connection, payer)
            names = [bucket.name for bucket in buckets]
            full_at = locked(connection, who, names, also=(CLOSED, CLOSED_FOR_QUOTA))
            base, now = time.monotonic(), self._moment(connection)
            uses = self._locked(connection, who, quotas, zone)
            left = min((use.left + returned for use in uses), default=n)
            if left <= 0:
                return self._refusal(connection, who, quotas, uses)
            times = schedule(full_at, buckets, now, min(n, left), max_wait)
            if not times:
                return too_long(full_at, buckets, now, who)
            fill(connection, who, {name: full_at[name] for name in names})
            self._spent(connection, who, uses, len(times) - returned)
            moments = tuple(base + (one - now) / SECOND for one in times)
            return Grant(moments, trial=0 < full_at.get(CLOSED_FOR_QUOTA, 0) <= now)

        # Raised only here: the incident of a used up quota must be kept.
        if isinstance(answer := self._db.write(work), DocflowError):
            raise answer
        return answer

    def charge(self, payer: Payer, n: int, *, buckets: Sequence[Bucket]) -> float:
        """Account for calls that were made; return the seconds until the next is due.

        Nothing is refused: what was too much is made up for by waiting longer afterwards.
        """

        def work(connection: Connection) -> float:
            who = payer_of(connection, payer)
            full_at = locked(connection, who, [bucket.name for bucket in buckets])
            now = self._moment(connection)
            after = {b.name: max(full_at[b.name], now) + n * b.each_us for b in buckets}
            fill(connection, who, after)
            return (max(after.values()) - now) / SECOND

        return self._db.write(work)

    def give_back(self, payer: Payer, n: int, *, quotas: Sequence[Quota], zone: tzinfo = UTC) -> None:
        """Take back calls of quotas that were drawn and not made."""

        def work(connection: Connection) -> None:
            who = payer_of(connection, payer)
            self._spent(connection, who, self._locked(connection, who, quotas, zone), -n)

        self._db.write(work)

    def _refusal(
        self, connection: Connection, who: str, quotas: Sequence[Quota], uses: Sequence[QuotaUse]
    ) -> QuotaExhausted:
        spent = [(one, use) for one, use in zip(quotas, uses, strict=True) if use.left <= 0]
        for _, use in spent:
            self._used_up(connection, who, use)
        one, use = max(spent, key=lambda pair: pair[1].resets_in)
        return exhausted(who, one, use)

    def shut(self, payer: Payer, seconds: float, *, for_quota: bool = False, reason: str = "") -> None:
        """Have all processes leave an instance alone for some time, because it said so.

        :param for_quota: it says that its quota is used up; this is an incident until calls pass again.
        :param reason: in its own words.
        """

        def work(connection: Connection) -> None:
            who, name = payer_of(connection, payer), CLOSED_FOR_QUOTA if for_quota else CLOSED
            full_at = locked(connection, who, (name,))[name]
            until = self._moment(connection) + round(seconds * SECOND)
            fill(connection, who, {name: max(full_at, until)})
            if for_quota:
                self._vendors_quota(connection, who, reason)

        self._db.write(work)

    def closed(self, payer: Payer) -> tuple[float, bool, bool]:
        """Return for how many seconds an instance wants to be left alone, and whether that is for a quota.

        The third says that it was so for a quota, and that nobody has seen since whether it still is.
        """

        def work(connection: Connection) -> tuple[float, bool, bool]:
            who, now = payer_of(connection, payer, reading=True), self._moment(connection)
            full_at = read(connection, who, (CLOSED, CLOSED_FOR_QUOTA))
            usual, quota_ends = full_at.get(CLOSED, 0), full_at.get(CLOSED_FOR_QUOTA, 0)
            wait = max(0, max(usual, quota_ends) - now) / SECOND
            return wait, wait > 0 and quota_ends >= usual, 0 < quota_ends <= now

        return self._db.read(work)

    def reopened(self, payer: Payer) -> None:
        """Record that an instance takes calls again whose quota it had said to be used up."""

        def work(connection: Connection) -> None:
            who = payer_of(connection, payer)
            full_at = locked(connection, who, (CLOSED_FOR_QUOTA,))[CLOSED_FOR_QUOTA]
            if 0 < full_at <= self._moment(connection):
                fill(connection, who, {CLOSED_FOR_QUOTA: 0})
                self._end_notices(connection, who, VENDORS)

        self._db.write(work)

    def join(self, address: str, instance_id: str) -> None:
        """Count what was called under an address as calls of the instance that answers there."""

        def work(connection: Connection) -> None:
            before = payer_of(connection, Payer("", address))
            if before != unknown(address):
                return
            mine = limit_address.c.digest == address_key(address)
            connection.execute(update(limit_address).where(mine).values(instance_id=instance_id))
            self._move_limits(connection, before, instance_id)
            self._move_quotas(connection, before, instance_id)

        known = self._db.read(lambda connection: payer_of(connection, Payer("", address), reading=True))
        if known == unknown(address):
            self._db.write(work)

    def _move_limits(self, connection: Connection, before: str, after: str) -> None:
        rows = connection.execute(
            select(limit.c.name, limit.c.full_at_us).where(limit.c.instance_id == before)
        )
        old = {row.name: row.full_at_us for row in rows}
        if not old:
            return
        now, new = self._moment(connection), locked(connection, after, sorted(old))
        closing = (CLOSED, CLOSED_FOR_QUOTA)
        sums = {name: max(new[name], now) + max(0, old[name] - now) for name in old if name not in closing}
        sums |= {name: max(new[name], old[name]) for name in old if name in closing}
        fill(connection, after, sums)

    def _move_quotas(self, connection: Connection, before: str, after: str) -> None:
        theirs = select(quota.c.name, quota.c.period, quota.c.used).where(quota.c.instance_id == before)
        for row in connection.execute(theirs).all():
            self._add_used(connection, after, row.name, row.period, row.used)

    def limit_uses(self, payer: Payer, buckets: Sequence[Bucket]) -> list[LimitUse]:
        """Return how each limit stands; nothing is changed."""

        def work(connection: Connection) -> list[LimitUse]:
            who, now = payer_of(connection, payer, reading=True), self._moment(connection)
            full_at = read(connection, who, [bucket.name for bucket in buckets])
            return [use_of(bucket, full_at.get(bucket.name, 0), now) for bucket in buckets]

        return self._db.read(work)

    def _moment(self, connection: Connection) -> int:
        """Return the present in microseconds: the database's, which is the same for all machines."""
        from airflow_provider_docflow.ledger.store import utcnow

        dialect = connection.dialect.name
        if self._now is not utcnow or dialect == "sqlite":
            return (self._now() - _EPOCH) // timedelta(microseconds=1)
        if dialect == "postgresql":
            seconds: Any = func.extract("epoch", func.clock_timestamp())
        else:
            seconds = func.unix_timestamp(func.sysdate(literal(6)))
        return int(connection.execute(select(seconds)).scalar_one() * SECOND)
