"""Runs of reconciliations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.exceptions import Conflict, InvalidDocument, NotFound
from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.breaks import Found, Recorded
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.known import Packed
from airflow_provider_docflow.ledger.models.reconciling import run


@dataclass(frozen=True)
class RunRow:
    """One run.

    :param key: what started it; the same key is the same run, however often its task is tried.
    :param status: ``running``, ``done`` or ``signed``.
    :param as_of: when it began to read.
    """

    id: int
    name: str
    key: str
    status: str
    as_of: datetime
    started_at: datetime
    ended_at: datetime | None
    summary: Mapping[str, Any]
    signed_by: str
    signed_at: datetime | None


class Reconciliations(Store):
    """Keeps runs and what they came to; a run that was signed off stays as it is."""

    def begin(self, name: str, key: str, *, actor: str, tx: Connection | None = None) -> RunRow:
        """Begin a run, or go on with the one of the same key.

        :raises Conflict: the run was signed off; it is frozen.
        """
        now = self._now()
        digest = digest_of("docflow reconciliation run 1", name, key)
        row: dict[str, Any] = {
            "digest": digest,
            "name": name,
            "run_key": key,
            "status": "running",
            "actor": actor,
        }
        row |= {"as_of": now, "started_at": now, "summary": None, "signed_by": ""}

        def work(connection: Connection) -> RunRow:
            insert_missing(connection, run, [row])
            found = self._run(connection, run.c.digest == digest)
            self._frozen(found)
            again: dict[str, Any] = {"status": "running", "as_of": now, "started_at": now, "ended_at": None}
            connection.execute(update(run).where(run.c.id == found.id).values(again))
            return self._run(connection, run.c.digest == digest)

        return self._db.write(work, tx)

    def last(self, name: str, *, tx: Connection | None = None) -> RunRow | None:
        """Return the last run that ended."""
        query = select(run).where(run.c.name == name, run.c.status != "running").order_by(run.c.id.desc())
        rows = self._db.read(lambda c: c.execute(query.limit(1)).mappings().all(), tx)
        return self._run_row(rows[0]) if rows else None

    def runs(self, name: str = "", *, limit: int = 50, tx: Connection | None = None) -> list[RunRow]:
        """Return runs, the last first."""
        query = select(run).order_by(run.c.id.desc()).limit(limit)
        query = query.where(run.c.name == name) if name else query
        return self._db.read(lambda c: [self._run_row(row) for row in c.execute(query).mappings()], tx)

    def record(
        self,
        run_id: int,
        found: Iterable[Found],
        summary: Mapping[str, Any],
        *,
        actor: str,
        known: Packed | None = None,
        tx: Connection | None = None,
    ) -> Recorded:
        """Keep what a run found, close what it no longer finds, and end it; all of it or nothing.

        :param known: what it has looked at of sides that tell only what has changed.
        :raises Conflict: the run was signed off.
        """
        name = self._db.read(lambda c: c.execute(select(run.c.name).where(run.c.id == run_id)).scalar(), tx)
        rows = self.ledger.breaks.rows(str(name), run_id, found)

        def work(connection: Connection) -> Recorded:
            current = self._run(connection, run.c.id == run_id)
            self._frozen(current)
            done = self.ledger.breaks.keep(connection, current.name, rows, actor)
            if known is not None:
                self.ledger.known.add(connection, current.name, known)
            ended = {"status": "done", "ended_at": self._now(), "summary": self._cipher.seal(dict(summary))}
            connection.execute(update(run).where(run.c.id == run_id).values(ended))
            return done

        return self._db.write(work, tx)

    def sign_off(self, run_id: int, *, actor: str, tx: Connection | None = None) -> RunRow:
        """Freeze a run: nothing it found is changed any more.

        :raises Conflict: it has not ended, or somebody has signed it already.
        :raises InvalidDocument: nobody is named who signs.
        """
        if not actor:
            raise InvalidDocument("nobody is named who signs the run off")

        def work(connection: Connection) -> RunRow:
            found = self._run(connection, run.c.id == run_id)
            self._frozen(found)
            if found.status != "done":
                raise Conflict(f"run {run_id} of {found.name} has not ended", remedy="Let it end first.")
            signed = {"status": "signed", "signed_by": actor, "signed_at": self._now()}
            connection.execute(update(run).where(run.c.id == run_id).values(signed))
            return self._run(connection, run.c.id == run_id)

        return self._db.write(work, tx)

    def _frozen(self, found: RunRow) -> None:
        if found.status == "signed":
            raise Conflict(
                f"run {found.id} of {found.name} was signed off by {found.signed_by}; it is frozen",
                remedy="Start another run.",
            )

    def _run(self, connection: Connection, which: Any) -> RunRow:
        row = connection.execute(select(run).where(which).with_for_update()).mappings().first()
        if row is None:
            raise NotFound("there is no such run")
        return self._run_row(row)

    def _run_row(self, row: RowMapping) -> RunRow:
        names = ("id", "name", "status", "as_of", "started_at", "ended_at", "signed_by", "signed_at")
        summary = self._cipher.open(row["summary"]) if row["summary"] else {}
        return RunRow(**{name: row[name] for name in names}, key=row["run_key"], summary=summary)
