"""Finding intents: for people, for recovery and for the pages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import NotFound
from airflow_provider_docflow.ledger.audit import RecordedEvent
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.intents.rows import LIGHT, IntentRows, chain_of, key_of
from airflow_provider_docflow.ledger.keys import IntentKey, Receipt
from airflow_provider_docflow.ledger.models.writes import intent, receipt

OPEN = ("reserved", "sending", "unknown", "held")


@dataclass(frozen=True)
class IntentRow:
    """An intent as it stands.

    :param status: ``reserved``, ``sending``, ``unknown``, ``done`` or ``held``.
    :param hold: why it is held: ``refused``, ``overdrawn``, ``hold`` or ``superseded``.
    """

    intent_id: int
    key: IntentKey
    status: str
    content_hash: str
    material_hash: str
    actor: str
    owner: str
    lease_until: datetime | None
    sent_before: bool
    send_not_before: datetime | None
    sent_at: datetime | None
    attempt: int
    hold: str
    incident: int | None
    voided_at: datetime | None
    created_at: datetime
    updated_at: datetime
    receipt: Receipt | None


class Finding(IntentRows):
    """Reads intents; changes nothing."""

    def by_id(self, intent_id: int, *, tx: Connection | None = None) -> IntentRow:
        """Return one intent.

        :raises NotFound: there is none of this id.
        """
        found = self._select(select(*LIGHT).where(intent.c.id == intent_id), tx)
        if not found:
            raise NotFound(f"the ledger has no intent {intent_id}")
        return found[0]

    def of_keys(self, keys: Sequence[IntentKey], *, tx: Connection | None = None) -> dict[str, IntentRow]:
        """Return the intents that these keys have, by the digest of the key."""

        def work(connection: Connection) -> dict[str, IntentRow]:
            found = {}
            for some in chunks([key.digest for key in keys]):
                for row in self._select(select(*LIGHT).where(intent.c.digest.in_(some)), connection):
                    found[row.key.digest] = row
            return found

        return self._db.read(work, tx)

    def open_intents(
        self,
        target_instance: str | None = None,
        status: Sequence[str] = OPEN,
        limit: int = 1000,
        *,
        after_id: int = 0,
        tx: Connection | None = None,
    ) -> list[IntentRow]:
        """Return intents that have no receipt, the oldest first.

        :param status: which of ``reserved``, ``sending``, ``unknown``, ``held``.
        :param after_id: the last id of the page before.
        """
        wanted = [status] if isinstance(status, str) else list(status)
        query = select(*LIGHT).where(intent.c.status.in_(wanted), intent.c.id > after_id)
        if target_instance is not None:
            query = query.where(intent.c.target_instance == target_instance)
        return self._select(query.order_by(intent.c.id).limit(limit), tx)

    def find(
        self,
        *,
        source_number: str = "",
        source_instance: str = "",
        target_instance: str = "",
        target_type: str = "",
        purpose: str = "",
        limit: int = 100,
        after_id: int = 0,
        tx: Connection | None = None,
    ) -> list[IntentRow]:
        """Return the intents of a business, the oldest first.

        :param after_id: the last id of the page before.
        """
        named = {"source_number": source_number, "source_instance": source_instance, "purpose": purpose}
        named |= {"target_instance": target_instance, "target_type": target_type}
        conditions = [intent.c[name] == value for name, value in named.items() if value]
        conditions.append(intent.c.id > after_id)
        return self._select(select(*LIGHT).where(*conditions).order_by(intent.c.id).limit(limit), tx)

    def for_document(self, ref: DocumentRef, *, tx: Connection | None = None) -> list[IntentRow]:
        """Return the intents whose receipt is this document, the oldest first."""
        ids = select(receipt.c.intent_id).where(receipt.c.ref_key == ref_key(ref))
        return self._select(select(*LIGHT).where(intent.c.id.in_(ids)).order_by(intent.c.id), tx)

    def payload(self, intent_id: int, *, tx: Connection | None = None) -> dict[str, Any]:
        """Return what would be, or was, sent; nothing once it was removed for its age.

        :raises NotFound: there is no such intent.
        """
        query = select(intent.c.payload).where(intent.c.id == intent_id)
        sealed = self._db.read(lambda connection: connection.scalar(query), tx)
        if sealed is None:
            raise NotFound(f"the ledger has no intent {intent_id}")
        # Empty once retention has removed it.
        opened: dict[str, Any] = self._cipher.open(sealed) if sealed else {}
        return opened

    def history(self, key: IntentKey, *, tx: Connection | None = None) -> list[RecordedEvent]:
        """Return what happened under a business key, all generations, the oldest first."""
        return self.ledger.audit.events(chain_of(key.business_digest), tx=tx)

    def _select(self, query: Select[Any], tx: Connection | None) -> list[IntentRow]:
        def work(connection: Connection) -> list[IntentRow]:
            rows = connection.execute(query).mappings().all()
            receipts = self._receipts(connection, [row["id"] for row in rows if row["status"] == "done"])
            return [_intent_row(row, receipts.get(row["id"])) for row in rows]

        return self._db.read(work, tx)


def _intent_row(row: Any, found: Receipt | None) -> IntentRow:
    same: tuple[str, ...] = (
        "status",
        "content_hash",
        "material_hash",
        "actor",
        "owner",
        "lease_until",
        "send_not_before",
    )
    same += ("sent_at", "attempt", "hold", "voided_at", "created_at", "updated_at")
    return IntentRow(
        intent_id=row["id"],
        key=key_of(row),
        sent_before=row["unaccounted"],
        incident=row["incident_id"],
        receipt=found,
        **{name: row[name] for name in same},
    )
