"""Breaks: each lives from the run that first finds it to the run that no longer does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, bindparam, insert, select, update

from airflow_provider_docflow.exceptions import Conflict, InvalidDocument, NotFound
from airflow_provider_docflow.ledger.base import Store, insert_rows
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.reconciling import finding, finding_event

#: A break that was closed may come up again; the others are what a run finds open.
STATUSES = ("open", "explained", "repairing", "closed")
LIVE = ("open", "explained", "repairing")
_LIGHT = (finding.c.id, finding.c.digest, finding.c.status)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A break as a run has found it.

    :param identity: what makes it the same break in the next run.
    :param standing: ``break``, ``timing``, ``suggested`` ...
    :param left_key: the left documents, as people know them.
    :param amount: by how much it makes the left total larger.
    :param aged_from: due or document date from which it ages.
    :param body: all that is known of it, as JSON.
    """

    identity: Sequence[Any]
    standing: str
    kind: str
    left_key: str = ""
    right_key: str = ""
    amount: Decimal | None = None
    currency: str = ""
    aged_from: date | None = None
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Break:
    """A break as it stands; the fields mean the same as in :class:`Found`."""

    id: int
    name: str
    standing: str
    kind: str
    status: str
    left_key: str
    right_key: str
    amount: Decimal | None
    currency: str
    aged_from: date | None
    first_run: int
    last_run: int
    first_seen: datetime
    last_seen: datetime
    closed_at: datetime | None
    assignee: str
    reason_code: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Recorded:
    """What a run did to the breaks."""

    new: int
    again: int
    still: int
    gone: int


@dataclass(frozen=True)
class BreakEvent:
    """One entry of a break's history."""

    event: str
    actor: str
    note: str
    at: datetime


class Breaks(Store):
    """Keeps every break until a run no longer finds it; people say what it is, only a run closes it."""

    def rows(self, name: str, run_id: int, found: Iterable[Found]) -> dict[str, dict[str, Any]]:
        """Return breaks as they are kept, by their digests: encrypted before anything is locked."""
        now = self._now()
        return {key: self._row(one, key, name, run_id, now) for key, one in _keyed(name, found)}

    def keep(
        self, connection: Connection, name: str, rows: Mapping[str, dict[str, Any]], actor: str
    ) -> Recorded:
        """Keep what a run found and close what it no longer finds, in the caller's transaction.

        :param rows: what :meth:`rows` gave.
        """
        now = self._now()
        known = self._known(connection, name, list(rows))
        events: list[dict[str, Any]] = []
        fresh = [row for key, row in rows.items() if key not in known]
        for some in chunks(fresh):
            connection.execute(insert(finding), some)
        ids = self._of(connection, [row["digest"] for row in fresh])
        events += [self._event(row["id"], "found", actor, "", now) for row in ids.values()]
        again = [row for key, row in known.items() if key in rows and row["status"] == "closed"]
        events += [self._event(row["id"], "again", actor, "", now) for row in again]
        self._refresh(connection, [(row, rows[key]) for key, row in known.items() if key in rows])
        gone = [row for key, row in known.items() if key not in rows and row["status"] in LIVE]
        for some in chunks([row["id"] for row in gone]):
            ended = {"status": "closed", "closed_at": now}
            connection.execute(update(finding).where(finding.c.id.in_(some)).values(ended))
        events += [self._event(row["id"], "gone", actor, "", now) for row in gone]
        insert_rows(connection, finding_event, events)
        return Recorded(len(fresh), len(again), len(rows) - len(fresh) - len(again), len(gone))

    def _known(self, connection: Connection, name: str, digests: Sequence[str]) -> dict[str, RowMapping]:
        """Return the live breaks of a reconciliation, and those of these digests."""
        live = select(*_LIGHT).where(finding.c.name == name, finding.c.status.in_(LIVE))
        known = {row["digest"]: row for row in connection.execute(live).mappings()}
        return known | self._of(connection, digests)

    def _of(self, connection: Connection, digests: Sequence[str]) -> dict[str, RowMapping]:
        found: dict[str, RowMapping] = {}
        for some in chunks(digests):
            query = select(*_LIGHT).where(finding.c.digest.in_(some))
            found.update({row["digest"]: row for row in connection.execute(query).mappings()})
        return found

    def _refresh(self, connection: Connection, pairs: Sequence[tuple[RowMapping, Mapping[str, Any]]]) -> None:
        """Say again what is known of breaks; those that were closed are open again."""
        names = ("standing", "kind", "amount", "currency", "aged_from", "last_run", "last_seen", "body")
        which = update(finding).where(finding.c.id == bindparam("which"))
        statement = which.values({name: bindparam(name) for name in names})
        for some in chunks(pairs):
            rows = [{"which": known["id"], **{name: row[name] for name in names}} for known, row in some]
            connection.execute(statement, rows)
        closed = [known["id"] for known, _ in pairs if known["status"] == "closed"]
        for ids in chunks(closed):
            opened = {"status": "open", "closed_at": None, "reason_code": ""}
            connection.execute(update(finding).where(finding.c.id.in_(ids)).values(opened))

    def _row(self, one: Found, key: str, name: str, run_id: int, now: datetime) -> dict[str, Any]:
        return {
            "digest": key,
            "name": name,
            "standing": one.standing,
            "kind": one.kind,
            "status": "open",
            "left_key": one.left_key[:255],
            "right_key": one.right_key[:255],
            "amount": one.amount,
            "currency": one.currency,
            "aged_from": one.aged_from,
            "first_run": run_id,
            "last_run": run_id,
            "first_seen": now,
            "last_seen": now,
            "closed_at": None,
            "assignee": "",
            "reason_code": "",
            "body": self._cipher.seal(dict(one.body)),
        }

    def _event(self, break_id: int, event: str, actor: str, note: str, now: datetime) -> dict[str, Any]:
        sealed = self._cipher.seal(note)
        return {"break_id": break_id, "event": event, "actor": actor[:255], "note": sealed, "at": now}

    def search(
        self,
        name: str = "",
        *,
        status: Sequence[str] = LIVE,
        kind: str = "",
        assignee: str = "",
        after_id: int = 0,
        limit: int = 1000,
        tx: Connection | None = None,
    ) -> list[Break]:
        """Return breaks, page by page, the oldest first."""
        named = {"name": name, "kind": kind, "assignee": assignee}
        query = select(finding).where(finding.c.id > after_id, finding.c.status.in_(list(status)))
        query = query.where(*(finding.c[key] == value for key, value in named.items() if value))
        return self._breaks(query.order_by(finding.c.id).limit(limit), tx)

    def get(self, break_id: int, *, tx: Connection | None = None) -> Break:
        """Return one break.

        :raises NotFound: there is none of this id.
        """
        found = self._breaks(select(finding).where(finding.c.id == break_id), tx)
        if not found:
            raise NotFound(f"there is no break {break_id}")
        return found[0]

    def change(
        self,
        break_id: int,
        *,
        actor: str,
        note: str,
        status: str = "",
        assignee: str | None = None,
        reason_code: str = "",
        tx: Connection | None = None,
    ) -> Break:
        """Assign a break, explain it, or take it up for repair; only a run closes one.

        :raises InvalidDocument: the status is none that a person may give, or nothing is said.
        :raises Conflict: the break is closed.
        """
        if status not in ("", *LIVE) or not note.strip() or not actor:
            raise InvalidDocument(
                f"a break is changed by somebody, with a note, to one of {', '.join(LIVE)}: {status!r}"
            )
        given = {"status": status, "assignee": assignee, "reason_code": reason_code}
        values = {key: value for key, value in given.items() if value or (key == "assignee" and value == "")}

        def work(connection: Connection) -> Break:
            known = self.get(break_id, tx=connection)
            if known.status == "closed":
                raise Conflict(
                    f"break {break_id} is closed", remedy="It opens by itself if it comes up again."
                )
            if values:
                connection.execute(update(finding).where(finding.c.id == break_id).values(values))
            event = self._event(break_id, status or "noted", actor, note, self._now())
            insert_rows(connection, finding_event, [event])
            return self.get(break_id, tx=connection)

        return self._db.write(work, tx)

    def history(self, break_id: int, *, tx: Connection | None = None) -> list[BreakEvent]:
        """Return what happened to a break, the oldest first."""
        query = select(finding_event).where(finding_event.c.break_id == break_id).order_by(finding_event.c.id)
        rows = self._db.read(lambda c: c.execute(query).all(), tx)
        return [BreakEvent(row.event, row.actor, self._cipher.open(row.note), row.at) for row in rows]

    def _breaks(self, query: Select[Any], tx: Connection | None) -> list[Break]:
        names = [name for name in Break.__dataclass_fields__ if name != "body"]
        rows = self._db.read(lambda c: c.execute(query).mappings().all(), tx)
        return [
            Break(**{name: row[name] for name in names}, body=self._cipher.open(row["body"])) for row in rows
        ]


def _keyed(name: str, found: Iterable[Found]) -> Iterable[tuple[str, Found]]:
    """Give each break its digest; those of one identity are counted through."""
    seen: dict[str, int] = {}
    for one in found:
        base = digest_of("docflow break 1", name, one.kind, *one.identity)
        seen[base] = seen.get(base, 0) + 1
        yield digest_of("docflow break 1", base, seen[base]), one
