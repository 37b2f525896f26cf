"""Quotas: calls per day or month of a system's own calendar; one incident when one runs out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from sqlalchemy import Connection, select, update

from airflow_provider_docflow.core.limits import Quota
from airflow_provider_docflow.exceptions import QuotaExhausted
from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.limits import quota_notice
from airflow_provider_docflow.ledger.models.shared import quota

WARN_PERCENT = 80
INCIDENT = "quota"
VENDORS = "the system's own count"
"""Name of the quota that a system says is used up, whatever docflow has counted."""

_WARNED, _USED_UP = 1, 2


@dataclass(frozen=True)
class QuotaUse:
    """How much of a quota this period has used.

    :param resets_in: seconds until the next period.
    """

    name: str
    count: int
    used: int
    period: str
    resets_in: float

    @property
    def left(self) -> int:
        """How many calls are left; negative where more were made than the quota has."""
        return self.count - self.used


class Quotas(Store):
    """What is left of quotas, exact across processes."""

    def quota_uses(self, instance_id: str, quotas: Sequence[Quota], zone: tzinfo) -> list[QuotaUse]:
        """Return how much of each quota is used; nothing is changed."""

        def work(connection: Connection) -> list[QuotaUse]:
            found = []
            for one in quotas:
                label, resets_in = self._period(one.period, zone)
                query = select(quota.c.used).where(quota.c.digest == _key(instance_id, one.name, label))
                used = connection.execute(query).scalar() or 0
                found.append(QuotaUse(one.name, one.count, used, label, resets_in))
            return found

        return self._db.read(work)

    def _period(self, period: str, zone: tzinfo) -> tuple[str, float]:
        local = self._now().astimezone(zone)
        label = local.strftime("%Y-%m-%d" if period == "day" else "%Y-%m")
        return label, (_next(local, period) - local).total_seconds()

    def _locked(
        self, connection: Connection, instance_id: str, quotas: Sequence[Quota], zone: tzinfo
    ) -> list[QuotaUse]:
        """Return how much of each quota is used, and let nobody else spend meanwhile."""
        found = []
        for one in quotas:
            label, resets_in = self._period(one.period, zone)
            key = _key(instance_id, one.name, label)
            query = select(quota.c.used).where(quota.c.digest == key).with_for_update()
            used = connection.execute(query).scalar()
            if used is None:
                row = {"digest": key, "instance_id": instance_id, "name": one.name, "period": label}
                insert_missing(connection, quota, [{**row, "used": 0, "updated_at": self._now()}])
                used = connection.execute(query).scalar_one()
            found.append(QuotaUse(one.name, one.count, used, label, resets_in))
        return found

    def _spent(self, connection: Connection, instance_id: str, uses: Sequence[QuotaUse], n: int) -> None:
        """Account for calls; the first of a period ends the last one's incident, many open one."""
        for use in uses:
            used = max(0, use.used + n)
            mine = quota.c.digest == _key(instance_id, use.name, use.period)
            connection.execute(update(quota).where(mine).values(used=used, updated_at=self._now()))
            if n > 0 and use.used == 0:
                self._end_notices(connection, instance_id, use.name, but=use.period)
            if n > 0 and used * 100 >= use.count * WARN_PERCENT:
                text = f"{used} of {use.count} calls of the quota {use.name} are used in {use.period}"
                self._notice(connection, instance_id, use.name, use.period, _WARNED, text)

    def _used_up(self, connection: Connection, instance_id: str, use: QuotaUse) -> None:
        text = f"all {use.count} calls of the quota {use.name} are used in {use.period}; the work waits"
        self._notice(connection, instance_id, use.name, use.period, _USED_UP, text)

    def _vendors_quota(self, connection: Connection, instance_id: str, reason: str) -> None:
        text = reason or "the system says that its quota is used up"
        self._notice(connection, instance_id, VENDORS, "", _USED_UP, text)

    def _add_used(self, connection: Connection, instance_id: str, name: str, label: str, n: int) -> None:
        """Add calls to a period that were counted elsewhere."""
        key = _key(instance_id, name, label)
        row = {"digest": key, "instance_id": instance_id, "name": name, "period": label}
        insert_missing(connection, quota, [{**row, "used": 0, "updated_at": self._now()}])
        more = {"used": quota.c.used + n, "updated_at": self._now()}
        connection.execute(update(quota).where(quota.c.digest == key).values(more))

    def _notice(
        self, connection: Connection, instance_id: str, name: str, period: str, stage: int, text: str
    ) -> None:
        """Open the incident of a quota and period, or add to it, once for each stage."""
        key = _key(instance_id, name, period)
        known = select(quota_notice.c.stage).where(quota_notice.c.digest == key)
        if (connection.execute(known).scalar() or 0) >= stage:
            return
        row = {"digest": key, "instance_id": instance_id, "name": name, "period": period}
        insert_missing(connection, quota_notice, [{**row, "stage": 0, "updated_at": self._now()}])
        if connection.execute(known.with_for_update()).scalar_one() >= stage:
            return
        incident = self.ledger.incidents.open(
            NewIncident(
                "quota",
                INCIDENT,
                text,
                instance_id=instance_id,
                document_number=f"{name} {period}".rstrip(),
                group_key=f"{instance_id}|{INCIDENT}|{name}",
            ),
            tx=connection,
        )
        changed = {"stage": stage, "incident_id": incident, "updated_at": self._now()}
        connection.execute(update(quota_notice).where(quota_notice.c.digest == key).values(changed))

    def _end_notices(self, connection: Connection, instance_id: str, name: str, *, but: str = "-") -> None:
        """Close the incidents of other periods of a quota: calls pass again."""
        theirs = [quota_notice.c.instance_id == instance_id, quota_notice.c.name == name]
        query = select(quota_notice.c.digest, quota_notice.c.incident_id).where(
            *theirs, quota_notice.c.period != but, quota_notice.c.stage > 0
        )
        for row in connection.execute(query.with_for_update()).all():
            ended = {"stage": 0, "incident_id": None, "updated_at": self._now()}
            mine = quota_notice.c.digest == row.digest
            connection.execute(update(quota_notice).where(mine).values(ended))
            if row.incident_id is not None:
                self.ledger.incidents.close(
                    row.incident_id, actor="docflow", reason="calls pass again", tx=connection
                )


def exhausted(instance_id: str, quota: Quota, use: QuotaUse) -> QuotaExhausted:
    """Return the error for a quota of which too little is left."""
    left = max(0, quota.count - use.used)
    return QuotaExhausted(
        f"the quota {quota.name} of {quota.count} per {quota.period} has {left} left",
        system=instance_id,
        retry_after=use.resets_in,
        remedy="The work goes on in the next period; or buy a larger quota.",
    )


def _key(instance_id: str, name: str, label: str) -> str:
    return digest_of("docflow quota 1", instance_id, name, label)


def _next(local: datetime, period: str) -> datetime:
    start = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if period == "day":
        following = (start + timedelta(days=1)).replace(tzinfo=local.tzinfo)
    else:
        following = (start.replace(day=1) + timedelta(days=32)).replace(day=1)
    # In UTC, because two moments of one zone are subtracted without their change of summer time.
    return following.astimezone(UTC)
