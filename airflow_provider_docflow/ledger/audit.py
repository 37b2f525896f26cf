"""The audit trail: one hash chain per business key, document or other thing worth proving.

What an event says is encrypted outside the chain; the chain holds a salted digest of it. So personal data
can be deleted (a *tombstone* stays) and the chain still proves that nothing was added, changed, moved or
left out.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.exceptions import InvalidDocument, LedgerUnavailable
from airflow_provider_docflow.ledger.base import Store, insert_missing, insert_rows, upsert
from airflow_provider_docflow.ledger.columns import json_text
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.writes import audit_chain, audit_event

GENESIS = "0" * 64
_LONGEST = 120


@dataclass(frozen=True)
class Event:
    """What is to be recorded.

    :param chain: name of the chain, such as ``intent:<digest>``.
    :param kind: one word for what happened.
    :param payload: JSON; encrypted.
    """

    chain: str
    kind: str
    payload: Any


@dataclass(frozen=True)
class RecordedEvent:
    """One event of a chain; ``payload`` is None once it was purged."""

    id: int
    chain: str
    sequence: int
    kind: str
    at: datetime
    payload: Any
    purged_at: datetime | None


@dataclass(frozen=True)
class Verification:
    """Whether a chain holds.

    :param problems: what is wrong, in words; empty when the chain holds.
    """

    chain: str
    events: int
    problems: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


class Audit(Store):
    """Appends events, and proves later that they are all there and unchanged."""

    def append(self, chain: str, kind: str, payload: Any, *, tx: Connection | None = None) -> None:
        """Record one event, in the transaction of what it tells.

        :raises InvalidDocument: the chain's name is empty or too long, or the payload is not JSON.
        """
        self.append_many([Event(chain, kind, payload)], tx=tx)

    def append_many(self, events: Sequence[Event], *, tx: Connection | None = None) -> None:
        """Record events in their order, in few statements.

        :raises InvalidDocument: a chain's name is empty or too long, or a payload is not JSON.
        """
        for event in events:
            if not event.chain or len(event.chain) > _LONGEST:
                raise InvalidDocument(
                    f"an audit chain's name has 1 to {_LONGEST} characters: {event.chain!r:.150}"
                )
        if events:
            self._db.write(lambda connection: self._append(connection, events), tx)

    def _append(self, connection: Connection, events: Sequence[Event]) -> None:
        heads = self._locked_heads(connection, sorted({event.chain for event in events}))
        now = self._now()
        rows = []
        for event in events:
            length, previous = heads[event.chain]
            body = json_text({"salt": secrets.token_hex(16), "payload": event.payload})
            row: dict[str, Any] = {
                "chain": event.chain,
                "sequence": length + 1,
                "kind": event.kind,
                "at": now,
                "payload_digest": _digest(body),
                "previous": previous,
            }
            row["hash"] = _event_hash(row)
            row["payload"] = self._cipher.seal_text(body)
            heads[event.chain] = (length + 1, row["hash"])
            rows.append(row)
        insert_rows(connection, audit_event, rows)
        changed = [{"chain": chain, "length": n, "head": head} for chain, (n, head) in sorted(heads.items())]
        upsert(connection, audit_chain, changed, ["length", "head"])

    def _locked_heads(self, connection: Connection, chains: list[str]) -> dict[str, tuple[int, str]]:
        heads = _heads(connection, chains)
        new = [name for name in chains if name not in heads]
        rows = [{"chain": name, "length": 0, "head": GENESIS} for name in new]
        if insert_missing(connection, audit_chain, rows):
            return heads | dict.fromkeys(new, (0, GENESIS))
        return heads | _heads(connection, new)

    def events(self, chain: str, *, tx: Connection | None = None) -> list[RecordedEvent]:
        """Return a chain's events, the oldest first.

        :raises LedgerUnavailable: no key opens a payload.
        """
        return self._db.read(lambda connection: [self._recorded(row) for row in _rows(connection, chain)], tx)

    def _recorded(self, row: RowMapping) -> RecordedEvent:
        body = self._cipher.open(row["payload"]) if row["payload"] is not None else None
        payload = body["payload"] if body else None
        return RecordedEvent(
            row["id"], row["chain"], row["sequence"], row["kind"], row["at"], payload, row["purged_at"]
        )

    def verify(self, chain: str, *, tx: Connection | None = None) -> Verification:
        """Compute a chain anew and compare.

        :returns: what is wrong: an event changed, moved, added or missing, at the end too; a payload
            replaced.
        """

        def work(connection: Connection) -> Verification:
            head = (
                connection.execute(select(audit_chain).where(audit_chain.c.chain == chain)).mappings().first()
            )
            return self._verified(chain, head, _rows(connection, chain))

        return self._db.read(work, tx)

    def verify_all(self, *, tx: Connection | None = None) -> list[Verification]:
        """Verify every chain.

        :returns: the chains that do not hold; empty when all do.
        """

        def work(connection: Connection) -> list[Verification]:
            with_head = select(audit_chain.c.chain).union(select(audit_event.c.chain))
            names = sorted(connection.execute(with_head).scalars())
            return [checked for name in names if not (checked := self.verify(name, tx=connection)).ok]

        return self._db.read(work, tx)

    def _verified(self, chain: str, head: RowMapping | None, rows: Iterable[RowMapping]) -> Verification:
        problems: list[str] = []
        previous, count = GENESIS, 0
        for row in rows:
            count += 1
            where = f"event {row['sequence']} ({row['kind']})"
            if row["sequence"] != count:
                problems.append(f"{where} stands where event {count} should be")
                count = row["sequence"]
            if row["previous"] != previous:
                problems.append(f"{where} does not follow the event before it")
            if row["hash"] != _event_hash(row):
                problems.append(f"{where} was changed")
            problems += self._payload_problems(where, row)
            previous = row["hash"]
        if (head["length"], head["head"]) != (count, previous) if head else count:
            problems.append(f"the chain ends at event {count}, not where its head says")
        return Verification(chain, count, tuple(problems))

    def _payload_problems(self, where: str, row: RowMapping) -> list[str]:
        if row["payload"] is None:
            return [] if row["purged_at"] else [f"{where} lost its payload without a tombstone"]
        try:
            body = self._cipher.open(row["payload"])
        except LedgerUnavailable:
            return [f"{where} has a payload that no key opens"]
        same = hmac.compare_digest(row["payload_digest"], _digest(json_text(body)))
        return [] if same else [f"{where} has another payload than the one recorded"]

    def purge(self, chain: str, *, before: datetime, actor: str, tx: Connection | None = None) -> int:
        """Delete what a chain's older events say, and leave tombstones that keep the chain whole.

        :param before: events of this moment and later are kept.
        :param actor: who asks; recorded in the same chain.
        :returns: how many payloads were deleted.
        """

        def work(connection: Connection) -> int:
            older = (
                (audit_event.c.chain == chain)
                & (audit_event.c.at < before)
                & audit_event.c.payload.is_not(None)
            )
            done = connection.execute(
                update(audit_event).where(older).values(payload=None, purged_at=self._now())
            )
            if done.rowcount:
                told = {"by": actor, "payloads": done.rowcount, "before": before.isoformat()}
                self.append(chain, "purged", told, tx=connection)
            return done.rowcount

        return self._db.write(work, tx)


def _heads(connection: Connection, chains: Sequence[str]) -> dict[str, tuple[int, str]]:
    heads: dict[str, tuple[int, str]] = {}
    for some in chunks(chains):
        query = select(audit_chain).where(audit_chain.c.chain.in_(some))
        rows = connection.execute(query.order_by(audit_chain.c.chain).with_for_update())
        heads.update({row.chain: (row.length, row.head) for row in rows})
    return heads


def _rows(connection: Connection, chain: str) -> list[RowMapping]:
    query = select(audit_event).where(audit_event.c.chain == chain).order_by(audit_event.c.sequence)
    return list(connection.execute(query).mappings())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _event_hash(row: Any) -> str:
    at = row["at"].isoformat(timespec="microseconds")
    names = ("chain", "sequence", "kind")
    return digest_of(
        "docflow audit 1", *(row[name] for name in names), at, row["payload_digest"], row["previous"]
    )
