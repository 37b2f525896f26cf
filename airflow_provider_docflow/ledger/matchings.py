"""
What people match or write off where no rule does: prepared by one, reviewed by another.

A confirmed match holds for every later run until one of its values changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.exceptions import Conflict, InvalidDocument, NotApproved, NotFound
from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.reconciling import matching

Kind = Literal["match", "write_off"]
Row = Mapping[str, str | None]


@dataclass(frozen=True)
class Matching:
    """What belongs together by a person's word.

    :param kind: ``match``, or ``write_off`` of documents that never get a counterpart.
    :param status: ``prepared``, ``confirmed``, ``undone`` by a person, or ``reopened`` by a changed value.
    :param left: the left documents with the values that were looked at, as texts.
    """

    id: int
    name: str
    kind: str
    status: str
    left: Sequence[Row]
    right: Sequence[Row]
    reason_code: str
    note: str
    prepared_by: str
    reviewed_by: str
    prepared_at: datetime
    reviewed_at: datetime | None


class Matchings(Store):
    """Keeps matches and write-offs; two people for each."""

    def prepare(
        self,
        name: str,
        kind: Kind,
        left: Sequence[Row],
        right: Sequence[Row],
        *,
        actor: str,
        reason_code: str,
        note: str = "",
        tx: Connection | None = None,
    ) -> Matching:
        """Propose a match or a write-off; another person has to review it.

        :raises InvalidDocument: nobody or no reason is named, or the documents make no match.
        """
        complete = bool(left and right) if kind == "match" else bool(left or right)
        if not (actor and reason_code and complete):
            raise InvalidDocument(
                "a match has a preparer, a reason code and documents on both sides, a write-off on one"
            )
        row = self._prepared(name, kind, {"left": list(left), "right": list(right), "note": note})
        row |= {"reason_code": reason_code, "prepared_by": actor}

        def work(connection: Connection) -> Matching:
            insert_missing(connection, matching, [row])
            return self._one(connection, matching.c.digest == row["digest"])

        return self._db.write(work, tx)

    def _prepared(self, name: str, kind: Kind, body: Mapping[str, Any]) -> dict[str, Any]:
        now = self._now()
        return {
            "digest": digest_of("docflow match 1", name, kind, repr(body), now.isoformat()),
            "name": name,
            "kind": kind,
            "status": "prepared",
            "reviewed_by": "",
            "body": self._cipher.seal(body),
            "prepared_at": now,
            "reviewed_at": None,
            "ended_at": None,
        }

    def review(self, match_id: int, *, actor: str, tx: Connection | None = None) -> Matching:
        """Confirm what somebody else has prepared.

        :raises NotApproved: the reviewer is the preparer.
        :raises Conflict: it is not waiting for a review.
        """

        def work(connection: Connection) -> Matching:
            found = self._one(connection, matching.c.id == match_id)
            if not actor or actor == found.prepared_by:
                raise NotApproved(
                    f"{actor or 'nobody'} has prepared match {match_id} and may not review it",
                    remedy="Another person has to.",
                )
            self._must_be(found, "prepared")
            done = {"status": "confirmed", "reviewed_by": actor, "reviewed_at": self._now()}
            connection.execute(update(matching).where(matching.c.id == match_id).values(done))
            return self._one(connection, matching.c.id == match_id)

        return self._db.write(work, tx)

    def undo(self, match_id: int, *, actor: str, tx: Connection | None = None) -> Matching:
        """Take a match or write-off back; its documents are open again in the next run.

        :raises InvalidDocument: nobody is named who does it.
        :raises Conflict: it is over already.
        """
        if not actor:
            raise InvalidDocument("nobody is named who takes the match back")
        return self._db.write(lambda connection: self._end(connection, match_id, "undone"), tx)

    def reopen(self, match_id: int, *, tx: Connection | None = None) -> Matching:
        """End a match because a value of it has changed."""
        return self._db.write(lambda connection: self._end(connection, match_id, "reopened"), tx)

    def _end(self, connection: Connection, match_id: int, status: str) -> Matching:
        found = self._one(connection, matching.c.id == match_id)
        self._must_be(found, "prepared", "confirmed")
        ended = {"status": status, "ended_at": self._now()}
        connection.execute(update(matching).where(matching.c.id == match_id).values(ended))
        return self._one(connection, matching.c.id == match_id)

    def confirmed(self, name: str, *, tx: Connection | None = None) -> list[Matching]:
        """Return what holds for the next run, the oldest first."""
        return self.search(name, status="confirmed", tx=tx)

    def search(self, name: str = "", *, status: str = "", tx: Connection | None = None) -> list[Matching]:
        """Return matches and write-offs, the oldest first."""
        named = {"name": name, "status": status}
        query = select(matching).where(*(matching.c[key] == value for key, value in named.items() if value))
        rows = self._db.read(lambda c: c.execute(query.order_by(matching.c.id)).mappings().all(), tx)
        return [self._row(row) for row in rows]

    def _must_be(self, found: Matching, *statuses: str) -> None:
        if found.status not in statuses:
            raise Conflict(f"match {found.id} is {found.status}", remedy="Look at it again.")

    def _one(self, connection: Connection, which: Any) -> Matching:
        row = connection.execute(select(matching).where(which).with_for_update()).mappings().first()
        if row is None:
            raise NotFound("there is no such match")
        return self._row(row)

    def _row(self, row: RowMapping) -> Matching:
        names = [name for name in Matching.__dataclass_fields__ if name not in ("left", "right", "note")]
        return Matching(**{name: row[name] for name in names}, **self._cipher.open(row["body"]))
