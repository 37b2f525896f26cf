"""Rows of intents: how they are locked, who owns them, what is told about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.ledger.audit import Event
from airflow_provider_docflow.ledger.base import Store, insert_missing
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import NAME_FIELDS, IntentKey, IntentRequest, Receipt, Reservation
from airflow_provider_docflow.ledger.keys import ReservationStatus as Status
from airflow_provider_docflow.ledger.models.writes import generation, intent, receipt

Pair = tuple[int, str]
#: Everything but the payload, which is large and rarely needed.
LIGHT = [column for column in intent.columns if column.name != "payload"]
FREE = {"lease_token": ""}
ACCOUNTED = {
    "unaccounted": False,
    "doubtful": False,
    "send_not_before": None,
    "absent_count": 0,
    "first_absent_at": None,
}


class IntentRows(Store):
    """What the parts of the intents store share."""

    def latest_generation(self, keys: Sequence[IntentKey], *, tx: Connection | None = None) -> list[int]:
        """Return the highest generation that a person raised each business to; 0 if nobody did."""

        def work(connection: Connection) -> list[int]:
            latest = latest_of(connection, keys)
            return [latest.get(key.business_digest, 0) for key in keys]

        return self._db.read(work, tx)

    def known(self, keys: Sequence[IntentKey], *, tx: Connection | None = None) -> set[str]:
        """Return the digests of those keys under which something was reserved once."""

        def work(connection: Connection) -> set[str]:
            found: set[str] = set()
            for some in chunks([key.digest for key in keys]):
                found |= set(
                    connection.execute(select(intent.c.digest).where(intent.c.digest.in_(some))).scalars()
                )
            return found

        return self._db.read(work, tx)

    def _locked_by_digest(self, connection: Connection, digests: Sequence[str]) -> dict[str, dict[str, Any]]:
        rows: dict[str, dict[str, Any]] = {}
        for some in chunks(sorted(set(digests))):
            query = (
                select(*LIGHT).where(intent.c.digest.in_(some)).order_by(intent.c.digest).with_for_update()
            )
            rows.update({row["digest"]: dict(row) for row in connection.execute(query).mappings()})
        return rows

    def _locked(self, connection: Connection, ids: Sequence[int]) -> dict[int, RowMapping]:
        digests: list[str] = []
        for some in chunks(sorted(set(ids))):
            digests += connection.execute(select(intent.c.digest).where(intent.c.id.in_(some))).scalars()
        rows: dict[int, RowMapping] = {}
        # In the order of the digests, as every lock on intents: no two processes wait crosswise.
        for part in chunks(sorted(digests)):
            query = (
                select(*LIGHT).where(intent.c.digest.in_(part)).order_by(intent.c.digest).with_for_update()
            )
            rows.update({row["id"]: row for row in connection.execute(query).mappings()})
        return rows

    def _owned(self, connection: Connection, pairs: Sequence[Pair]) -> list[RowMapping]:
        """Return the rows, locked, whose lease token is still the caller's."""
        tokens = dict(pairs)
        rows = self._locked(connection, list(tokens))
        return [
            row for number, row in rows.items() if tokens[number] and row["lease_token"] == tokens[number]
        ]

    def _insert_new(
        self, connection: Connection, requests: Sequence[IntentRequest], now: datetime
    ) -> set[str]:
        """Insert the rows that do not exist, and return their digests."""
        wanted = {request.key.digest: request for request in requests}
        known: set[str] = set()
        for some in chunks(sorted(wanted)):
            known |= set(
                connection.execute(select(intent.c.digest).where(intent.c.digest.in_(some))).scalars()
            )
        new = sorted(wanted.keys() - known)
        for part in chunks(new, 200):
            insert_missing(connection, intent, [self._new_row(wanted[digest], now) for digest in part])
        return set(new)

    def _new_row(self, request: IntentRequest, now: datetime) -> dict[str, Any]:
        key = request.key
        row: dict[str, Any] = {name: getattr(key, name) for name in (*NAME_FIELDS, "generation")}
        row |= {"digest": key.digest, "business_digest": key.business_digest, "status": "reserved"}
        row |= self._content(request) | ACCOUNTED | FREE
        row |= {"owner": "", "lease_until": None, "lease_seconds": 0.0, "sent_at": None, "attempt": 0}
        row |= {"hold": "", "incident_id": None, "voided_at": None}
        return row | {"created_at": now, "updated_at": now}

    def _content(self, request: IntentRequest) -> dict[str, Any]:
        return {
            "content_hash": request.content_hash,
            "material_hash": request.material_hash,
            "payload": self._cipher.seal(dict(request.payload)),
            "actor": request.actor[:500],
        }

    def _update(self, connection: Connection, ids: Sequence[int], **values: Any) -> None:
        for some in chunks(sorted(ids)):
            changed = {**values, "updated_at": self._now()}
            connection.execute(update(intent).where(intent.c.id.in_(some)).values(changed))

    def _tell(self, connection: Connection, kind: str, rows: Sequence[tuple[Any, Any]]) -> None:
        """Record what happened in the chain of each row's business key."""
        events = [
            Event(
                chain_of(row["business_digest"]),
                kind,
                {"intent": row["id"], "generation": row["generation"], **told},
            )
            for row, told in rows
        ]
        self.ledger.audit.append_many(events, tx=connection)

    def _receipts(self, connection: Connection, ids: Sequence[int]) -> dict[int, Receipt]:
        found: dict[int, Receipt] = {}
        for some in chunks(ids):
            query = select(receipt.c.intent_id, receipt.c.body).where(receipt.c.intent_id.in_(some))
            for row in connection.execute(query):
                found[row.intent_id] = Receipt.from_json(self._cipher.open(row.body))
        return found


def latest_of(connection: Connection, keys: Sequence[IntentKey]) -> dict[str, int]:
    """Return the latest generation by business digest, where a person raised it."""
    latest: dict[str, int] = {}
    for some in chunks(sorted({key.business_digest for key in keys})):
        query = select(generation.c.business_digest, generation.c.generation)
        rows = connection.execute(query.where(generation.c.business_digest.in_(some)))
        latest.update({row.business_digest: row.generation for row in rows})
    return latest


def chain_of(business_digest: str) -> str:
    """Return the name of the audit chain of a business key."""
    return f"intent:{business_digest}"


def key_of(row: Any) -> IntentKey:
    """Return the key that a row was made of."""
    return IntentKey(**{name: row[name] for name in (*NAME_FIELDS, "generation")})


def is_leased(row: Any, now: datetime) -> bool:
    """Tell whether somebody holds a lease that has not run out."""
    return bool(row["lease_token"]) and row["lease_until"] is not None and row["lease_until"] > now


def reservation(
    key: IntentKey, row: Any, status: Status, *, token: str = "", found: Receipt | None = None
) -> Reservation:
    """Return what the caller gets to know of the row of a key."""
    return Reservation(
        key=key,
        intent_id=row["id"],
        status=status,
        lease_token=token,
        lease_until=row["lease_until"],
        receipt=found,
        sent_before=row["unaccounted"],
        send_not_before=row["send_not_before"] if row["unaccounted"] else None,
        absent_count=row["absent_count"],
        first_absent_at=row["first_absent_at"],
        sent_at=row["sent_at"],
        incident=row["incident_id"],
        voided=row["voided_at"] is not None,
    )
