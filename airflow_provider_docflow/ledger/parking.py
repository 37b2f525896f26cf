"""Parked tasks: while a system is down, those with the oldest due date come back first, one after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import Connection, and_, delete, func, or_, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.base import Store, ref_key, upsert
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.memory import document, snapshot
from airflow_provider_docflow.ledger.models.shared import parked

LONGEST_SPREAD = 900.0
"""Seconds over which all parked tasks of one system are spread at most."""

FORGOTTEN_AFTER = timedelta(hours=1)
"""A task that should have been back for so long has been ended by somebody, and is no longer counted."""

LOOKED_INTO = 50
"""So many documents are opened to find the due date; of more, the index's date of issue serves."""


@dataclass(frozen=True)
class Place:
    """Where a task stands among those that wait for the same system.

    :param rank: how many are due earlier.
    :param back_at: when it comes back.
    """

    rank: int
    waiting: int
    back_at: datetime


class Parking(Store):
    """Gives each task that waits for a system its time to come back."""

    def park(
        self,
        instance_id: str,
        actor: str,
        *,
        due: date | None,
        not_before: datetime,
        per_second: float = 2.0,
        tx: Connection | None = None,
    ) -> Place:
        """Park a task, or park it again.

        :param due: the oldest due date of its documents; today's date if it is not known.
        :param not_before: when the system may answer again at the earliest.
        :param per_second: how many tasks come back per second, unless that would take more than a quarter of
            an hour.
        """
        key = digest_of("docflow parked 1", instance_id, actor)

        def work(connection: Connection) -> Place:
            now = self._now()
            first = connection.scalar(select(parked.c.first_at).where(parked.c.digest == key)) or now
            day = due or first.date()
            rank, waiting = self._rank(connection, instance_id, key, day, first)
            spread = min(rank / per_second, LONGEST_SPREAD * rank / max(1, waiting - 1))
            back_at = not_before + timedelta(seconds=spread)
            row = {"digest": key, "instance_id": instance_id, "actor": actor[:500], "due": day}
            row |= {"first_at": first, "back_at": back_at}
            upsert(connection, parked, [row], ["due", "back_at"])
            return Place(rank, waiting, back_at)

        return self._db.write(work, tx)

    def _rank(
        self, connection: Connection, instance_id: str, key: str, due: date, first: datetime
    ) -> tuple[int, int]:
        alive = and_(
            parked.c.instance_id == instance_id,
            parked.c.digest != key,
            parked.c.back_at > self._now() - FORGOTTEN_AFTER,
        )
        earlier = or_(parked.c.due < due, and_(parked.c.due == due, parked.c.first_at < first))
        count = select(func.count()).select_from(parked)
        rank: int = connection.execute(count.where(alive, earlier)).scalar_one()
        others: int = connection.execute(count.where(alive)).scalar_one()
        return rank, others + 1

    def waiting(self, *, tx: Connection | None = None) -> dict[str, int]:
        """Return how many tasks wait for each instance."""
        number = func.count().label("number")
        query = select(parked.c.instance_id, number).where(parked.c.back_at > self._now() - FORGOTTEN_AFTER)
        query = query.group_by(parked.c.instance_id)
        return self._db.read(lambda c: {row.instance_id: row.number for row in c.execute(query)}, tx)

    def forget(self, instance_id: str, *, tx: Connection | None = None) -> None:
        """Forget who waited for an instance: it answers again, and each knows when to come back."""
        gone = delete(parked).where(parked.c.instance_id == instance_id)
        self._db.write(lambda connection: connection.execute(gone), tx)

    def oldest_due(self, refs: Sequence[DocumentRef], *, tx: Connection | None = None) -> date | None:
        """Return the oldest due date of documents, or date of issue where no due date is known."""
        keys = sorted({ref_key(ref) for ref in refs})

        def work(connection: Connection) -> date | None:
            days = self._issued(connection, keys)
            if len(keys) <= LOOKED_INTO:
                days |= self._due(connection, keys)
            return min(days.values(), default=None)

        return self._db.read(work, tx) if keys else None

    def _issued(self, connection: Connection, keys: Sequence[str]) -> dict[str, date]:
        found: dict[str, date] = {}
        for some in chunks(keys):
            query = select(document.c.ref_key, document.c.issue_date).where(document.c.ref_key.in_(some))
            found.update({row.ref_key: row.issue_date for row in connection.execute(query) if row.issue_date})
        return found

    def _due(self, connection: Connection, keys: Sequence[str]) -> dict[str, date]:
        newest = select(func.max(snapshot.c.id)).where(snapshot.c.ref_key.in_(keys))
        query = select(snapshot.c.ref_key, snapshot.c.body).where(
            snapshot.c.id.in_(newest.group_by(snapshot.c.ref_key))
        )
        found: dict[str, date] = {}
        for row in connection.execute(query):
            day = self._cipher.open(row.body).get("due_date")
            if isinstance(day, str):
                found[row.ref_key] = date.fromisoformat(day)
        return found
