"""Budgets: how often all processes together may call an instance, per second and per day or month."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal

from sqlalchemy import Connection, select, update

from airflow_provider_docflow.exceptions import Misconfigured, QuotaExhausted, RateLimited
from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.shared import limit, quota

_SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Budgets(Store):
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
        tx: Connection | None = None,
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
        # A bucket is one number: the moment at which it will be full again.
        each = round(per_seconds * _SECOND / calls)
        mine = limit.c.digest == _limit_key(instance_id, name)

        def work(connection: Connection) -> float:
            full_at = _locked_limit(connection, instance_id, name)
            now = (self._now() - _EPOCH) // timedelta(microseconds=1)
            after = max(full_at, now) + n * each
            wait: float = max(0, after - size * each - now) / _SECOND
            if max_wait is not None and wait > max_wait:
                raise RateLimited(f"the limit {name} is used up", system=instance_id, retry_after=wait)
            connection.execute(update(limit).where(mine).values(full_at_us=after))
            return wait

        return self._db.write(work, tx)

    def spend(
        self,
        instance_id: str,
        name: str,
        n: int = 1,
        *,
        quota_calls: int,
        period: Literal["day", "month"] = "day",
        zone: tzinfo = UTC,
        tx: Connection | None = None,
    ) -> int:
        """Spend calls of a daily or monthly quota.

        :param quota_calls: how many calls the period allows.
        :param zone: where the system's day begins.
        :returns: how many are left.
        :raises QuotaExhausted: so many are not left; nothing is spent. ``retry_after`` is the time to the
            next period.
        """
        local = self._now().astimezone(zone)
        label = local.strftime("%Y-%m-%d" if period == "day" else "%Y-%m")
        key = digest_of("docflow quota 1", instance_id, name, label)

        def work(connection: Connection) -> int:
            row = {"digest": key, "instance_id": instance_id, "name": name, "period": label}
            insert_missing(connection, quota, [{**row, "used": 0, "updated_at": self._now()}])
            mine = quota.c.digest == key
            used: int = connection.execute(select(quota.c.used).where(mine).with_for_update()).scalar_one()
            if used + n > quota_calls:
                raise QuotaExhausted(
                    f"the quota {name} of {quota_calls} per {period} has {quota_calls - used} left",
                    system=instance_id,
                    retry_after=(_next(local, period) - local).total_seconds(),
                    remedy="The work goes on in the next period; or buy a larger quota.",
                )
            spent = {"used": used + n, "updated_at": self._now()}
            connection.execute(update(quota).where(mine).values(spent))
            return quota_calls - used - n

        return self._db.write(work, tx)


def _limit_key(instance_id: str, name: str) -> str:
    return digest_of("docflow limit 1", instance_id, name)


def _locked_limit(connection: Connection, instance_id: str, name: str) -> int:
    key = _limit_key(instance_id, name)
    row = {"digest": key, "instance_id": instance_id, "name": name, "full_at_us": 0}
    insert_missing(connection, limit, [row])
    query = select(limit.c.full_at_us).where(limit.c.digest == key).with_for_update()
    full_at: int = connection.execute(query).scalar_one()
    return full_at


def _next(local: datetime, period: str) -> datetime:
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        following = (start + timedelta(days=1)).replace(tzinfo=local.tzinfo)
    else:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    # In UTC, because two moments of one zone are subtracted without their change of summer time.
    return following.astimezone(UTC)
