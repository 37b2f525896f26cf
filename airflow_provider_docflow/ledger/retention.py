"""
Retention: removes what documents said once they are over, and keeps what proves and protects.

Keys, references, hashes, receipts, decisions, links and claims stay: a run that meets an old document finds
its receipt and writes nothing. Audit chains keep every event; a removed payload leaves its digest and a
tombstone. What is not over is not touched. Each portion is a transaction of its own and done twice changes
nothing, so that a process that dies in the middle is simply started again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, exists, func, or_, select, update

from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger.base import Store, insert_rows
from airflow_provider_docflow.ledger.deliveries import REMEMBERED
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.memory import batch, batch_item, snapshot, touch
from airflow_provider_docflow.ledger.models.reconciling import finding, finding_event
from airflow_provider_docflow.ledger.models.shadows import shadow
from airflow_provider_docflow.ledger.models.shared import delivery, inbox, quota
from airflow_provider_docflow.ledger.models.writes import audit_event, incident, incident_event, intent
from airflow_provider_docflow.ledger.open_work import OpenWork, over

CHAIN = "retention"
PORTION = 500
LONGEST_PERIOD = timedelta(days=62)
"""A quota of a month that began that long ago is over, whatever the time zone of its system."""

Progress = Callable[[str, int], None]
Start = Any


@dataclass(frozen=True)
class _Job:
    """What one cleaning is to do.

    :param runs_since: batches from here on may belong to a run that is not over.
    """

    before: datetime
    runs_since: datetime
    actor: str
    dry_run: bool
    portion: int


@dataclass(frozen=True)
class _Portion:
    """One transaction's work: how much, and after which row the next one begins; None: there is none."""

    removed: int
    last: Start


_NONE = _Portion(0, None)


class Retention(Store):
    """Cleans the ledger in portions."""

    def clean(
        self,
        before: datetime,
        *,
        actor: str,
        runs_since: datetime | None = None,
        dry_run: bool = False,
        portion: int = PORTION,
        progress: Progress = lambda kind, removed: None,
    ) -> dict[str, int]:
        """Remove what is older than ``before`` and over.

        :param actor: who asks; recorded in the audit.
        :param runs_since: when the oldest run began that is not over yet; its batches stay.
        :param dry_run: only count.
        :param portion: rows per transaction.
        :param progress: called after every transaction with what it removed, and how much.
        :returns: how much was, or would be, removed of what.
        :raises InvalidDocument: the moment has no time zone, or lies in the future.
        """
        if before.tzinfo is None or before > self._now():
            why = "has no time zone" if before.tzinfo is None else "lies in the future"
            raise InvalidDocument(
                f"{before.isoformat()} {why}.",
                field="before",
                remedy="Name the day or instant before which everything that is over may go.",
            )
        job = _Job(before, min(before, runs_since or before), actor, dry_run, portion)
        removed: Counter[str] = Counter()
        for kind, step in self._steps():
            for done in self._portions(job, step):
                removed[kind] += done
                progress(kind, done)
        return {kind: removed[kind] for kind, _ in self._steps()}

    def _steps(self) -> list[tuple[str, Callable[[Connection, _Job, Start], _Portion]]]:
        return [
            ("payloads", self._payloads),
            ("audit payloads", self._audit_payloads),
            ("snapshots", self._snapshots),
            ("batch items", self._batch_items),
            ("inbox events", self._inbox),
            ("webhook deliveries", self._deliveries),
            ("incident texts", self._incident_texts),
            ("breaks", self._breaks),
            ("quotas", self._quotas),
            ("touches", self._touches),
            ("shadow reports", self._shadows),
        ]

    def _portions(self, job: _Job, step: Callable[[Connection, _Job, Start], _Portion]) -> Iterator[int]:
        run = self._db.read if job.dry_run else self._db.write
        last: Start = None
        while True:

            def work(connection: Connection, last: Start = last) -> _Portion:
                return step(connection, job, last)

            done = run(work)
            yield done.removed
            if done.last is None:
                return
            last = done.last

    def _payloads(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        """Empty what was sent, of intents that are over."""
        # Whoever amends a document afterwards puts a new payload there, younger than its tombstone.
        full = or_(intent.c.purged_at.is_(None), intent.c.purged_at < intent.c.updated_at)
        old = and_(over(), intent.c.updated_at < job.before, full)
        ids = _ids(connection, intent, old, job, last)
        free = sorted(set(ids) - OpenWork(self.ledger, connection, job.before).intents(ids))
        if free and not job.dry_run:
            gone = {"payload": "", "purged_at": self._now()}
            connection.execute(update(intent).where(intent.c.id.in_(free), old).values(gone))
        return _Portion(len(free), _next(ids, job))

    def _audit_payloads(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        """Leave tombstones in the chains of documents and writes that are over; the others are short."""
        named = or_(*(audit_event.c.chain.like(f"{start}:%") for start in ("intent", "document")))
        old = and_(audit_event.c.at < job.before, audit_event.c.payload.is_not(None), named)
        columns = (audit_event.c.id, audit_event.c.chain, audit_event.c.hash)
        query = select(*columns).where(old, audit_event.c.id > (last or 0)).order_by(audit_event.c.id)
        rows = connection.execute(query.limit(job.portion)).all()
        kept = self._open_chains(connection, job, {row.chain for row in rows})
        free = [row for row in rows if row.chain not in kept]
        if free and not job.dry_run:
            self._bury(connection, job, free)
        return _Portion(len(free), rows[-1].id if len(rows) == job.portion else None)

    def _open_chains(self, connection: Connection, job: _Job, chains: set[str]) -> set[str]:
        work = OpenWork(self.ledger, connection, job.before)
        parts = [name.partition(":") for name in chains]
        businesses = work.businesses([digest for start, _, digest in parts if start == "intent"])
        documents = work.documents([digest for start, _, digest in parts if start == "document"])
        return {f"intent:{one}" for one in businesses} | {f"document:{one}" for one in documents}

    def _bury(self, connection: Connection, job: _Job, rows: Sequence[Any]) -> None:
        now = self._now()
        which = audit_event.c.id.in_([row.id for row in rows])
        connection.execute(update(audit_event).where(which).values(payload=None, purged_at=now))
        told = {"by": job.actor, "before": job.before.isoformat(), "payloads": len(rows)}
        told |= {"first": rows[0].id, "last": rows[-1].id}
        told["events"] = digest_of("docflow purge 1", *(row.hash for row in rows))
        self.ledger.audit.append(CHAIN, "purged", told, tx=connection)

    def _snapshots(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        """Empty documents as they stood; their hashes stay, which is what decisions refer to."""
        old = and_(snapshot.c.taken_at < job.before, snapshot.c.purged_at.is_(None))
        columns = (snapshot.c.id, snapshot.c.ref_key)
        query = select(*columns).where(old, snapshot.c.id > (last or 0)).order_by(snapshot.c.id)
        rows = connection.execute(query.limit(job.portion)).all()
        kept = OpenWork(self.ledger, connection, job.before).documents({row.ref_key for row in rows})
        free = [row.id for row in rows if row.ref_key not in kept]
        if free and not job.dry_run:
            gone = {"body": "", "purged_at": self._now()}
            connection.execute(update(snapshot).where(snapshot.c.id.in_(free)).values(gone))
        return _Portion(len(free), rows[-1].id if len(rows) == job.portion else None)

    def _batch_items(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        """Delete lists that went from task to task; that there was one, and whose, stays."""
        done = last or ""
        old = and_(batch.c.created_at < job.runs_since, batch.c.purged_at.is_(None), batch.c.id > done)
        name = connection.scalar(select(batch.c.id).where(old).order_by(batch.c.id).limit(1))
        if name is None:
            return _NONE
        mine = batch_item.c.batch_id == name
        if job.dry_run:
            count = connection.scalar(select(func.count()).select_from(batch_item).where(mine))
            return _Portion(int(count or 0), name)
        query = select(batch_item.c.position).where(mine).order_by(batch_item.c.position)
        positions = list(connection.execute(query.limit(job.portion)).scalars())
        if positions:
            connection.execute(delete(batch_item).where(mine, batch_item.c.position.in_(positions)))
        if len(positions) == job.portion:
            return _Portion(len(positions), done)
        connection.execute(update(batch).where(batch.c.id == name).values(purged_at=self._now()))
        return _Portion(len(positions), name)

    def _inbox(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        ids = _ids(connection, inbox, inbox.c.received_at < job.before, job, last)
        return self._deleted(connection, job, inbox.c.id, ids)

    def _deliveries(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        old = delivery.c.received_at < min(job.before, self._now() - REMEMBERED)
        return self._by_digest(connection, job, delivery, old, last)

    def _incident_texts(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        """Empty what closed incidents say; who had them, and when, stays."""
        return self._closed(connection, job, last, incident, incident_event.c.incident_id, {"reason": ""})

    def _breaks(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        """Empty what closed breaks of reconciliations say; which documents, how much and how long stays."""
        nothing: dict[str, Any] = {"left": [], "right": [], "differences": [], "rule": None}
        return self._closed(connection, job, last, finding, finding_event.c.break_id, {"body": nothing})

    def _closed(
        self,
        connection: Connection,
        job: _Job,
        last: Start,
        table: Table,
        owner: Any,
        emptied: Mapping[str, Any],
    ) -> _Portion:
        """Empty texts of what is closed, and of its history; what opens and closes again is emptied again.

        :param owner: column of the history that names the row.
        :param emptied: columns and what they say then.
        """
        events, now = owner.table, self._now()
        cleaned = exists().where(
            owner == table.c.id, events.c.event == "cleaned", events.c.at > table.c.closed_at
        )
        old = and_(table.c.status == "closed", table.c.closed_at < job.before, ~cleaned)
        ids = _ids(connection, table, old, job, last)
        if ids and not job.dry_run:
            values = {name: self._cipher.seal(value) for name, value in emptied.items()}
            nothing = self._cipher.seal("")
            connection.execute(update(table).where(table.c.id.in_(ids)).values(values))
            connection.execute(update(events).where(owner.in_(ids)).values(note=nothing))
            told = {"event": "cleaned", "actor": job.actor[:255], "note": nothing, "at": now}
            insert_rows(connection, events, [{**told, owner.name: number} for number in ids])
        return _Portion(len(ids), _next(ids, job))

    def _quotas(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        old = quota.c.updated_at < min(job.before, self._now() - LONGEST_PERIOD)
        return self._by_digest(connection, job, quota, old, last)

    def _shadows(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        return self._by_digest(connection, job, shadow, shadow.c.at < job.before, last)

    def _touches(self, connection: Connection, job: _Job, last: Start) -> _Portion:
        """Keep, of the tasks of one DAG that had a document in hand, the last: readers need no more."""
        query = select(touch.c.ref_key).where(touch.c.at < job.before, touch.c.ref_key > (last or ""))
        keys = list(
            connection.execute(query.distinct().order_by(touch.c.ref_key).limit(job.portion)).scalars()
        )
        columns = (touch.c.digest, touch.c.ref_key, touch.c.dag_id, touch.c.at)
        found = select(*columns).where(touch.c.ref_key.in_(keys)).order_by(touch.c.at, touch.c.digest)
        rows = connection.execute(found).all() if keys else []
        newest = {(row.ref_key, row.dag_id): row.digest for row in rows}
        digests = [
            row.digest
            for row in rows
            if row.at < job.before and newest[row.ref_key, row.dag_id] != row.digest
        ]
        removed = self._deleted(connection, job, touch.c.digest, digests).removed
        return _Portion(removed, keys[-1] if len(keys) == job.portion else None)

    def _by_digest(self, connection: Connection, job: _Job, table: Table, old: Any, last: Start) -> _Portion:
        query = select(table.c.digest).where(old, table.c.digest > (last or "")).order_by(table.c.digest)
        return self._deleted(
            connection,
            job,
            table.c.digest,
            list(connection.execute(query.limit(job.portion)).scalars()),
        )

    def _deleted(self, connection: Connection, job: _Job, key: Any, names: Sequence[Any]) -> _Portion:
        if names and not job.dry_run:
            for start in range(0, len(names), PORTION):
                connection.execute(delete(key.table).where(key.in_(names[start : start + PORTION])))
        return _Portion(len(names), _next(names, job))


def _ids(connection: Connection, table: Table, old: Any, job: _Job, last: Start) -> list[int]:
    query = select(table.c.id).where(old, table.c.id > (last or 0)).order_by(table.c.id)
    return list(connection.execute(query.limit(job.portion)).scalars())


def _next(names: Sequence[Any], job: _Job) -> Start:
    """Return after which row the next portion begins; none is left when this one was not full."""
    return names[-1] if len(names) == job.portion else None
