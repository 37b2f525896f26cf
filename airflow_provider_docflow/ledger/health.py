"""Health of instances: one outage is one incident, and one caller at a time tries whether it is over."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.exceptions import NotFound
from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.shared import health
from airflow_provider_docflow.ledger.ramp import Pace, begun, climbed, stumbled

SYSTEM_DOWN, WRITES_FAILING = "system_down", "writes_failing"
_DEFAULT = Pace()
_NAMES = ("state", "failures", "cause", "since", "probe_until", "outage", "ramp_level", "ramp_from")


@dataclass(frozen=True)
class Health:
    """How an instance is.

    :param state: ``closed`` (it answers), ``open`` (it does not) or ``half-open`` (one caller is trying).
    :param failures: in a row.
    :param cause: the last failure.
    :param since: of this state.
    :param incident: the incident of the outage, if there is one.
    :param probe_until: nobody else tries before.
    :param outage: names the outage; one that comes back while the system recovers keeps its name.
    :param ramp_level: how often the pace has doubled since the outage.
    :param ramp_from: since when at this pace; None when there is no limit.
    :param whole: whether it is the whole instance, not one kind of write.
    """

    instance_id: str
    state: str
    failures: int
    cause: str
    since: datetime
    incident: int | None
    probe_until: datetime | None = None
    outage: str = ""
    ramp_level: int = 0
    ramp_from: datetime | None = None
    whole: bool = True

    @property
    def word(self) -> str:
        """The state for people: ``recovering`` while the pace is still limited."""
        return "recovering" if self.state == "closed" and self.ramp_from is not None else self.state

    @property
    def plain(self) -> bool:
        """Whether there is nothing to account for: it answers, and at any pace."""
        return self.state == "closed" and not self.failures and self.ramp_from is None


class Healths(Store):
    """What all processes know together about whether a system answers.

    :param part: one kind of request to the instance that has a health of its own, as ``POST /orders``; empty
        for the instance as a whole.
    """

    def get(self, instance_id: str, *, part: str = "", tx: Connection | None = None) -> Health | None:
        """Return how an instance is; None when it never failed."""
        row = self._db.read(lambda connection: _row(connection, _key(instance_id, part)), tx)
        return _health(row) if row else None

    def all(self, *, tx: Connection | None = None) -> list[Health]:
        """Return all instances, and parts of them, that ever failed."""
        query = select(health).order_by(health.c.instance_id, health.c.digest)
        return self._db.read(lambda c: [_health(row) for row in c.execute(query).mappings()], tx)

    def allow(
        self,
        instance_id: str,
        *,
        part: str = "",
        probe_seconds: float = _DEFAULT.probe_seconds,
        tx: Connection | None = None,
    ) -> float:
        """Ask whether an instance may be called.

        :param probe_seconds: after so long in the open one caller may try, and the next after as long again.
        :returns: 0 when it may be called, else the seconds after which to ask again.
        """
        key = _key(instance_id, part)

        def work(connection: Connection) -> float:
            row = _row(connection, key, locked=True)
            if row is None or row["state"] == "closed":
                return 0.0
            now = self._now()
            if wait := _left(row["probe_until"], now):
                return wait
            until = now + timedelta(seconds=probe_seconds)
            since = row["since"] if row["state"] == "half-open" else now
            _change(connection, key, state="half-open", since=since, probe_until=until)
            return 0.0

        known = self.get(instance_id, part=part, tx=tx)
        if known is None or known.state == "closed":
            return 0.0
        # Thousands who wait only read; the lock is for those who may be the one that tries.
        return _left(known.probe_until, self._now()) or self._db.write(work, tx)

    def failed(
        self,
        instance_id: str,
        cause: str,
        *,
        part: str = "",
        threshold: int = _DEFAULT.threshold,
        probe_seconds: float = _DEFAULT.probe_seconds,
        asked_at: datetime | None = None,
        tx: Connection | None = None,
    ) -> Health:
        """Record that an instance did not answer.

        :param cause: in words, without secrets; of a part it names the request, which counts once in a row.
        :param threshold: so many failures in a row are an outage, and open one incident.
        :param asked_at: when it was asked; what was asked before an outage ended says nothing about now.
        """
        key = _key(instance_id, part)

        def work(connection: Connection) -> Health:
            now = self._now()
            insert_missing(connection, health, [_first(key, instance_id, now)])
            row = _known(connection, key)
            if row["state"] == "closed" and row["outage"] and _before(asked_at, row):
                return _health(row)
            same = part and row["state"] == "closed" and row["failures"] and row["cause"] == cause[:500]
            failures = row["failures"] + (0 if same else 1)
            changed: dict[str, Any] = {"failures": failures, "cause": cause[:500]}
            if failures >= threshold or row["state"] != "closed":
                changed |= self._opened(connection, row, cause, part)
                changed["probe_until"] = now + timedelta(seconds=probe_seconds)
            _change(connection, key, **{**stumbled(row, now), **changed})
            return _health(_known(connection, key))

        return self._db.write(work, tx)

    def _opened(self, connection: Connection, row: RowMapping, cause: str, part: str) -> dict[str, Any]:
        """Return what an outage changes; the first failure of one opens its incident."""
        changed: dict[str, Any] = {"state": "open"}
        if row["state"] != "open":
            changed["since"] = self._now()
        if row["state"] == "closed":
            # A system that falls back while it recovers is the same outage to those who were told of it.
            again = row["ramp_from"] is not None and row["outage"]
            changed |= {"outage": row["outage"] if again else uuid.uuid4().hex, "ramp_from": None}
        if row["incident_id"] is None:
            name = row["instance_id"]
            code = WRITES_FAILING if part else SYSTEM_DOWN
            group = "|".join(filter(None, (name, code, part)))
            new = NewIncident("technical", code, cause, instance_id=name, field=part, group_key=group)
            changed["incident_id"] = self.ledger.incidents.open(new, tx=connection)
        return changed

    def answered(
        self,
        instance_id: str,
        *,
        part: str = "",
        pace: Pace = _DEFAULT,
        asked_at: datetime | None = None,
        tx: Connection | None = None,
    ) -> Health | None:
        """Record that an instance answered; this ends an outage, closes its incident and begins the ramp.

        :param asked_at: when it was asked; what was asked before an outage began does not end it.
        :returns: how it is now; None when it never failed.
        """
        key = _key(instance_id, part)

        def work(connection: Connection) -> Health | None:
            row = _row(connection, key, locked=True)
            if row is None or (row["state"] != "closed" and _before(asked_at, row)):
                return _health(row) if row else None
            now = self._now()
            changed = climbed(row, pace, now)
            if row["state"] != "closed":
                changed = {"since": now, **begun(pace, now)}
                self._ended(connection, row)
            well = {"state": "closed", "failures": 0, "cause": "", "probe_until": None, "incident_id": None}
            _change(connection, key, **well, **changed)
            return _health(_known(connection, key))

        known = self.get(instance_id, part=part, tx=tx)
        return known if known is None or known.plain else self._db.write(work, tx)

    def _ended(self, connection: Connection, row: RowMapping) -> None:
        self.ledger.parking.forget(row["instance_id"], tx=connection)
        if row["incident_id"] is not None:
            self.ledger.incidents.close(
                row["incident_id"], actor="docflow", reason="it answers again", tx=connection
            )

    def ask_now(self, instance_id: str, *, tx: Connection | None = None) -> None:
        """Let the next caller try whether an outage is over, without waiting for the time of the next try.

        :raises NotFound: neither the instance nor a part of it ever failed.
        """

        def work(connection: Connection) -> None:
            query = update(health).where(health.c.instance_id == instance_id).values(probe_until=None)
            if not connection.execute(query).rowcount:
                raise NotFound(f"the ledger knows of no failure of {instance_id}", system=instance_id)

        self._db.write(work, tx)


def _first(key: str, instance_id: str, now: datetime) -> dict[str, Any]:
    row = {"digest": key, "instance_id": instance_id, "state": "closed", "failures": 0}
    row |= {"cause": "", "since": now, "probe_until": None, "incident_id": None}
    return row | {"outage": "", "ramp_level": 0, "ramp_from": None}


def _left(until: datetime | None, now: datetime) -> float:
    return max(0.0, (until - now).total_seconds()) if until is not None else 0.0


def _before(asked_at: datetime | None, row: RowMapping) -> bool:
    return asked_at is not None and asked_at < row["since"]


def _key(instance_id: str, part: str) -> str:
    return digest_of("docflow health 1", instance_id, *filter(None, [part]))


def _row(connection: Connection, key: str, *, locked: bool = False) -> RowMapping | None:
    query = select(health).where(health.c.digest == key)
    return connection.execute(query.with_for_update() if locked else query).mappings().first()


def _known(connection: Connection, key: str) -> RowMapping:
    query = select(health).where(health.c.digest == key).with_for_update()
    return connection.execute(query).mappings().one()


def _change(connection: Connection, key: str, **values: Any) -> None:
    connection.execute(update(health).where(health.c.digest == key).values(values))


def _health(row: RowMapping) -> Health:
    known = {name: row[name] for name in _NAMES}
    name, whole = row["instance_id"], row["digest"] == _key(row["instance_id"], "")
    return Health(instance_id=name, incident=row["incident_id"], whole=whole, **known)
