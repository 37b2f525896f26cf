"""How the systems are, as one user may see it: those whose documents the user sees, or all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, literal, select, union_all

from airflow_provider_docflow.ledger.audiences import seen_by
from airflow_provider_docflow.ledger.base import Store
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.health import Health
from airflow_provider_docflow.ledger.models.memory import document
from airflow_provider_docflow.ledger.search_incidents import Sight
from airflow_provider_docflow.ledger.windows import Window

_BADNESS = ("closed", "recovering", "half-open", "open")


@dataclass(frozen=True)
class SeenSystem:
    """How a system is.

    :param instance: the system, or the connection where it has never said who it is.
    :param state: ``closed`` (it answers), ``open``, ``half-open`` or ``recovering``.
    :param incident: the incident of the outage, for those who may see it.
    :param window: the maintenance window it is in, or else the next.
    :param whole: False where it answers, and only one kind of write fails.
    """

    instance: str
    state: str
    since: datetime | None
    cause: str
    incident: int | None
    window: Window | None
    whole: bool = True


def worst_of(found: Sequence[Health]) -> dict[str, Health]:
    """Return one health for each instance, the worst of its own and its parts'."""
    ordered = sorted(found, key=lambda one: (_BADNESS.index(one.word), one.whole))
    return {one.instance_id: one for one in ordered}


class SeenHealth(Store):
    """Reads health and maintenance windows for the pages."""

    def all(self, sight: Sight, *, tx: Connection | None = None) -> list[SeenSystem]:
        """Return the systems that ever failed or are to be left alone, by name."""
        known = worst_of(self.ledger.health.all(tx=tx))
        windows: dict[str, Window] = {}
        for window in sorted(self.ledger.windows.coming(tx=tx), key=lambda one: (one.starts_at, one.id)):
            windows.setdefault(window.instance_id or window.conn_id, window)
        names = sorted(known.keys() | windows.keys())
        if not sight.systems:
            names = self._seen(names, sight, tx)
        found = []
        for name in names:
            health = known.get(name)
            found.append(
                SeenSystem(
                    instance=name,
                    state=health.word if health else "closed",
                    since=health.since if health else None,
                    cause=health.cause if health else "",
                    incident=health.incident if health and sight.systems else None,
                    window=windows.get(name),
                    whole=health.whole if health else True,
                )
            )
        return found

    def _seen(self, instances: Sequence[str], sight: Sight, tx: Connection | None) -> list[str]:
        def work(connection: Connection) -> list[str]:
            found: list[str] = []
            for some in chunks(instances, 50):
                asked = [
                    select(literal(name)).where(
                        select(document.c.ref_key)
                        .where(document.c.instance == name, seen_by(sight.dag_ids))
                        .exists()
                    )
                    for name in some
                ]
                found += connection.execute(union_all(*asked)).scalars()
            return sorted(found)

        return self._db.read(work, tx)
