"""Health of instances: one outage is one incident, and one caller at a time tries whether it is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.shared import health

_CODE = "system_down"


@dataclass(frozen=True)
class Health:
    """How an instance is.

    :param state: ``closed`` (it answers), ``open`` (it does not) or ``half-open`` (one caller is trying).
    :param failures: in a row.
    :param cause: the last failure.
    :param since: of this state.
    :param incident: the incident of the outage, if there is one.
    """

    instance_id: str
    state: str
    failures: int
    cause: str
    since: datetime
    incident: int | None


class Healths(Store):
    """What all processes know together about whether a system answers."""

    def get(self, instance_id: str, *, tx: Connection | None = None) -> Health | None:
        """Return how an instance is; None when it never failed."""
        row = self._db.read(lambda connection: _row(connection, instance_id), tx)
        return _health(row) if row else None

    def all(self, *, tx: Connection | None = None) -> list[Health]:
        """Return all instances that ever failed."""
        query = select(health).order_by(health.c.instance_id)
        return self._db.read(lambda c: [_health(row) for row in c.execute(query).mappings()], tx)

    def allow(self, instance_id: str, *, probe_seconds: float = 60.0, tx: Connection | None = None) -> float:
        """Ask whether an instance may be called.

        :param probe_seconds: after so long in the open one caller may try, and the next after as long again.
        :returns: 0 when it may be called, else the seconds after which to ask again.
        """

        def work(connection: Connection) -> float:
            row = _row(connection, instance_id, locked=True)
            if row is None or row["state"] == "closed":
                return 0.0
            now = self._now()
            if row["probe_until"] is not None and row["probe_until"] > now:
                return float((row["probe_until"] - now).total_seconds())
            until = now + timedelta(seconds=probe_seconds)
            since = row["since"] if row["state"] == "half-open" else now
            _change(connection, instance_id, state="half-open", since=since, probe_until=until)
            return 0.0

        known = self.get(instance_id, tx=tx)
        return self._db.write(work, tx) if known and known.state != "closed" else 0.0

    def failed(
        self,
        instance_id: str,
        cause: str,
        *,
        threshold: int = 5,
        probe_seconds: float = 60.0,
        tx: Connection | None = None,
    ) -> Health:
        """Record that an instance did not answer.

        :param cause: in words, without secrets.
        :param threshold: so many failures in a row are an outage, and open one incident.
        """

        def work(connection: Connection) -> Health:
            now = self._now()
            first = {
                "digest": _key(instance_id),
                "instance_id": instance_id,
                "state": "closed",
                "failures": 0,
            }
            first |= {"cause": "", "since": now, "probe_until": None, "incident_id": None}
            insert_missing(connection, health, [first])
            row = _known(connection, instance_id)
            failures = row["failures"] + 1
            changed: dict[str, Any] = {"failures": failures, "cause": cause[:500]}
            if failures >= threshold or row["state"] != "closed":
                changed |= {"state": "open", "probe_until": now + timedelta(seconds=probe_seconds)}
                changed |= {"since": now} if row["state"] != "open" else {}
                new = NewIncident(
                    "technical", _CODE, cause, instance_id=instance_id, group_key=f"{instance_id}|{_CODE}"
                )
                if row["incident_id"] is None:
                    changed["incident_id"] = self.ledger.incidents.open(new, tx=connection)
            _change(connection, instance_id, **changed)
            return _health(_known(connection, instance_id))

        return self._db.write(work, tx)

    def answered(self, instance_id: str, *, tx: Connection | None = None) -> None:
        """Record that an instance answered; this ends an outage and closes its incident."""

        def work(connection: Connection) -> None:
            row = _row(connection, instance_id, locked=True)
            if row is None or (row["state"] == "closed" and row["failures"] == 0):
                return
            well = {"state": "closed", "failures": 0, "cause": "", "probe_until": None, "incident_id": None}
            since = row["since"] if row["state"] == "closed" else self._now()
            _change(connection, instance_id, **well, since=since)
            if row["incident_id"] is not None:
                self.ledger.incidents.close(
                    row["incident_id"], actor="docflow", reason="it answers again", tx=connection
                )

        known = self.get(instance_id, tx=tx)
        if known and (known.state != "closed" or known.failures):
            self._db.write(work, tx)


def _key(instance_id: str) -> str:
    return digest_of("docflow health 1", instance_id)


def _row(connection: Connection, instance_id: str, *, locked: bool = False) -> RowMapping | None:
    query = select(health).where(health.c.digest == _key(instance_id))
    return connection.execute(query.with_for_update() if locked else query).mappings().first()


def _known(connection: Connection, instance_id: str) -> RowMapping:
    query = select(health).where(health.c.digest == _key(instance_id)).with_for_update()
    return connection.execute(query).mappings().one()


def _change(connection: Connection, instance_id: str, **values: Any) -> None:
    connection.execute(update(health).where(health.c.digest == _key(instance_id)).values(values))


def _health(row: RowMapping) -> Health:
    names = ("instance_id", "state", "failures", "cause", "since")
    return Health(**{name: row[name] for name in names}, incident=row["incident_id"])
