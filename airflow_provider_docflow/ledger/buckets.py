"""The rows behind the limits: whose they are, how they are locked, and which calls fit when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from airflow_provider_docflow.core.limits import Bucket
from airflow_provider_docflow.exceptions import DocflowError, QuotaExhausted, RateLimited
from airflow_provider_docflow.ledger.base import insert_missing
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.limits import limit_address
from airflow_provider_docflow.ledger.models.shared import limit

SECOND = 1_000_000
CLOSED, CLOSED_FOR_QUOTA = "asked to be left alone", "says its quota is used up"
"""Names of the rows that say until when a system wants no calls."""

AHEAD_SECONDS = 0.5
"""So far ahead a process may take calls beyond the first, for itself alone."""


@dataclass(frozen=True)
class Payer:
    """Whose budget calls are taken from.

    :param instance_id: empty until the system was asked who it is.
    :param address: what the calls are counted under until then; they become the instance's later.
    """

    instance_id: str
    address: str = ""


@dataclass(frozen=True)
class LimitUse:
    """How a limit stands.

    :param size: calls that may be made at once after a rest.
    :param free: how many of them may be made now.
    :param wait: seconds until the next call may be made.
    """

    name: str
    count: int
    seconds: float
    size: int
    free: int
    wait: float


def _limit_key(instance_id: str, name: str) -> str:
    return digest_of("docflow limit 1", instance_id, name)


def address_key(address: str) -> str:
    """Return the key under which an address is kept."""
    return digest_of("docflow address 1", address)


def unknown(address: str) -> str:
    """Name an instance that has not said yet who it is."""
    return f"at {address_key(address)}"


def payer_of(connection: Connection, payer: Payer, *, reading: bool = False) -> str:
    """Return whose calls these are; who asks while the instance is unknown holds back its becoming known."""
    if payer.instance_id:
        return payer.instance_id
    key = address_key(payer.address)
    query = select(limit_address.c.instance_id).where(limit_address.c.digest == key)
    known = connection.execute(query).scalar()
    if not known and not reading:
        row = {"digest": key, "address": payer.address[:500], "instance_id": ""}
        insert_missing(connection, limit_address, [row])
        known = connection.execute(query.with_for_update()).scalar_one()
    return known or unknown(payer.address)


def read(
    connection: Connection, who: str, names: Sequence[str], *, for_update: bool = False
) -> dict[str, int]:
    """Return when each bucket that exists is full again, in microseconds of the epoch."""
    keys = sorted(_limit_key(who, name) for name in names)
    query = select(limit.c.name, limit.c.full_at_us).where(limit.c.digest.in_(keys)).order_by(limit.c.digest)
    rows = connection.execute(query.with_for_update() if for_update else query)
    return {row.name: row.full_at_us for row in rows}


def locked(
    connection: Connection, who: str, names: Sequence[str], also: Sequence[str] = ()
) -> dict[str, int]:
    """Return when each bucket is full again, and let nobody else take from them meanwhile.

    :param also: buckets that are included if they exist.
    """
    found = read(connection, who, [*names, *also], for_update=True)
    if missing := [name for name in names if name not in found]:
        rows = [{"digest": _limit_key(who, name), "instance_id": who, "name": name} for name in missing]
        rows.sort(key=lambda row: row["digest"])
        insert_missing(connection, limit, [{**row, "full_at_us": 0} for row in rows])
        found = read(connection, who, [*names, *also], for_update=True)
    return found


def fill(connection: Connection, who: str, full_at: dict[str, int]) -> None:
    """Set when buckets are full again."""
    for name, moment in full_at.items():
        mine = limit.c.digest == _limit_key(who, name)
        connection.execute(update(limit).where(mine).values(full_at_us=moment))


def _opens(full_at: dict[str, int]) -> int:
    return max(full_at.get(CLOSED, 0), full_at.get(CLOSED_FOR_QUOTA, 0))


def schedule(
    full_at: dict[str, int], buckets: Sequence[Bucket], now: int, n: int, max_wait: float
) -> list[int]:
    """Return when up to ``n`` calls may be made, and take them out of the buckets."""
    times: list[int] = []
    for _ in range(n):
        at = max([now, _opens(full_at), *(bucket.free_at(full_at[bucket.name]) for bucket in buckets)])
        latest = max(times[0], now + round(AHEAD_SECONDS * SECOND)) if times else now + max_wait * SECOND
        if at > latest:
            break
        for bucket in buckets:
            full_at[bucket.name] = max(full_at[bucket.name], at) + bucket.each_us
        times.append(at)
    return times


def too_long(full_at: dict[str, int], buckets: Sequence[Bucket], now: int, who: str) -> DocflowError:
    """Return the error for a call that would have to wait too long: held where it may be days."""
    waits = {bucket.name: bucket.free_at(full_at[bucket.name]) for bucket in buckets}
    waits |= {name: full_at[name] for name in (CLOSED, CLOSED_FOR_QUOTA) if name in full_at}
    name = max(waits, key=lambda one: waits[one])
    long_ones = {CLOSED_FOR_QUOTA, *(bucket.name for bucket in buckets if bucket.seconds >= 86_400)}
    kind = QuotaExhausted if name in long_ones else RateLimited
    said = f"the system {name}" if name in (CLOSED, CLOSED_FOR_QUOTA) else f"the limit {name} is used up"
    return kind(
        f"{said}.",
        system=who,
        retry_after=(waits[name] - now) / SECOND,
        remedy="Nothing: the work goes on afterwards. `airflow docflow limits` shows all limits.",
    )


def use_of(bucket: Bucket, full_at: int, now: int) -> LimitUse:
    """Return how a limit stands."""
    taken = -(-max(0, full_at - now) // bucket.each_us)
    wait = max(0, bucket.free_at(full_at) - now) / SECOND
    return LimitUse(bucket.name, bucket.count, bucket.seconds, bucket.size, max(0, bucket.size - taken), wait)
