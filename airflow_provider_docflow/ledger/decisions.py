"""Decisions: who said what about which state of a document. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from sqlalchemy import Connection, RowMapping, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger.audit import Event
from airflow_provider_docflow.ledger.base import Store, insert_missing, ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.memory import decision, document

Word = Literal["approved", "rejected", "returned", "withdrawn", "revoked", "voided"]
WORDS: tuple[Word, ...] = get_args(Word)


@dataclass(frozen=True)
class NewDecision:
    """What was decided about a document.

    :param material_hash: of the state that was decided upon; empty only where the decision is not an
        approval.
    :param decided_at: when, as the approval system tells it, aware UTC.
    :param final: False for one step of a round; only a final decision approves or ends an approval.
    :param on_behalf_of: whom the approver stood in for.
    :param approval_system: instance where it was decided.
    :param approval_instance_id: the case there.
    :param snapshot_id: the full document that was decided upon.
    """

    ref: DocumentRef
    decision: Word
    material_hash: str
    decided_at: datetime
    approver: str = ""
    on_behalf_of: str = ""
    comment: str = ""
    revision: str = ""
    material_version: str = ""
    approval_system: str = ""
    approval_instance_id: str = ""
    snapshot_id: int | None = None
    final: bool = True


@dataclass(frozen=True)
class Decision:
    """A recorded decision; the fields mean the same as in :class:`NewDecision`.

    :param differences: for a voided approval, what changed in the document.
    """

    id: int
    decision: str
    final: bool
    revision: str
    material_hash: str
    material_version: str
    approver: str
    on_behalf_of: str
    comment: str
    differences: list[Any]
    decided_at: datetime
    recorded_at: datetime
    approval_system: str
    approval_instance_id: str
    snapshot_id: int | None


class Decisions(Store):
    """Appends decisions and tells whether one covers what is about to be written."""

    def append(self, new: NewDecision, *, tx: Connection | None = None) -> int:
        """Record a decision; the same one again is not recorded twice.

        :returns: its id.
        :raises InvalidDocument: the word is none of the six, or an approval names no material hash.
        """
        return self.append_many([new], tx=tx)[0]

    def append_many(self, new: Sequence[NewDecision], *, tx: Connection | None = None) -> list[int]:
        """Record decisions in their order, in few statements.

        :returns: the ids, in order.
        :raises InvalidDocument: a word is none of the six, or an approval names no material hash.
        """
        for one in new:
            if one.decision not in WORDS or (one.decision == "approved" and not one.material_hash):
                raise InvalidDocument(
                    f"a decision is one of {', '.join(WORDS)}, and an approval names its material hash",
                    document=str(one.ref),
                )
        return self._db.write(lambda c: self._append(c, [(one, []) for one in new]), tx) if new else []

    def _append(self, connection: Connection, new: Sequence[tuple[NewDecision, list[Any]]]) -> list[int]:
        self._lock(connection, [one.ref for one, _ in new])
        digests = [_digest(one) for one, _ in new]
        known = _ids(connection, digests)
        now = self._now()
        rows: dict[str, dict[str, Any]] = {}
        events = []
        for digest, (one, differences) in zip(digests, new, strict=True):
            if digest in known or digest in rows:
                continue
            told = _told(one, differences)
            rows[digest] = _row(one) | {"digest": digest, "recorded_at": now, "body": self._cipher.seal(told)}
            shown = {"revision": one.revision, "material_hash": one.material_hash, "final": one.final}
            shown |= {"decided_at": one.decided_at.isoformat(), "case": one.approval_instance_id}
            events.append(Event(chain_of(one.ref), one.decision, {**told, **shown}))
        insert_missing(connection, decision, list(rows.values()))
        self.ledger.audit.append_many(events, tx=connection)
        known |= _ids(connection, list(rows))
        return [known[digest] for digest in digests]

    def _lock(self, connection: Connection, refs: Sequence[DocumentRef]) -> None:
        """Let decisions about one document be recorded in turn, so that their ids tell the order."""
        self.ledger.documents.ensure(refs, tx=connection)
        for keys in chunks(sorted({ref_key(ref) for ref in refs})):
            query = (
                select(document.c.ref_key).where(document.c.ref_key.in_(keys)).order_by(document.c.ref_key)
            )
            connection.execute(query.with_for_update())

    def of(self, ref: DocumentRef, *, tx: Connection | None = None) -> list[Decision]:
        """Return a document's decisions in the order they were recorded."""
        return self._db.read(lambda c: [self._decision(row) for row in _rows(c, [ref_key(ref)])], tx)

    def by_keys(self, keys: Sequence[str], *, tx: Connection | None = None) -> list[tuple[str, Decision]]:
        """Return the decisions on documents, with the documents' keys, in the order they were recorded."""

        def work(connection: Connection) -> list[tuple[str, Decision]]:
            rows = [row for some in chunks(sorted(set(keys))) for row in _rows(connection, some)]
            rows.sort(key=lambda row: row["id"])
            return [(row["ref_key"], self._decision(row)) for row in rows]

        return self._db.read(work, tx)

    def valid_for(
        self, ref: DocumentRef, material_hash: str, *, tx: Connection | None = None
    ) -> Decision | None:
        """Return the approval that covers this state of a document, or None.

        The last approval counts, and only if it was given for this very material hash and no later row, by
        time or by order, takes it back.
        """
        return self.valid_for_many([(ref, material_hash)], tx=tx)[0]

    def standing(self, ref: DocumentRef, *, tx: Connection | None = None) -> Decision | None:
        """Return the approval of a document that nothing has taken back, of whatever content it is."""

        def work(connection: Connection) -> Decision | None:
            row = _valid(_rows(connection, [ref_key(ref)]))
            return self._decision(row) if row else None

        return self._db.read(work, tx)

    def valid_for_many(
        self, wanted: Sequence[tuple[DocumentRef, str]], *, tx: Connection | None = None
    ) -> list[Decision | None]:
        """Return, in order, the approval that covers each (document, material hash), or None."""

        def work(connection: Connection) -> list[Decision | None]:
            by_document: dict[str, list[RowMapping]] = {}
            for keys in chunks(sorted({ref_key(ref) for ref, _ in wanted})):
                for row in _rows(connection, keys):
                    by_document.setdefault(row["ref_key"], []).append(row)
            found = [(_valid(by_document.get(ref_key(ref), [])), material) for ref, material in wanted]
            return [
                self._decision(row) if row and material and row["material_hash"] == material else None
                for row, material in found
            ]

        return self._db.read(work, tx)

    def void_if_changed(
        self,
        ref: DocumentRef,
        new_material_hash: str,
        differences: Sequence[Any] = (),
        *,
        tx: Connection | None = None,
    ) -> bool:
        """Void a document's approval when the document is no longer what was approved.

        :param differences: what changed, as JSON, for the people who have to approve again.
        :returns: whether an approval was voided now.
        """

        def work(connection: Connection) -> bool:
            self._lock(connection, [ref])
            row = _valid(_rows(connection, [ref_key(ref)]))
            if row is None or row["material_hash"] == new_material_hash:
                return False
            # Not before the approval, even where the approval system's clock runs ahead of ours.
            moment = max(self._now(), row["decided_at"])
            new = NewDecision(
                ref,
                "voided",
                new_material_hash,
                moment,
                approver="docflow",
                revision=row["revision"],
                material_version=row["material_version"],
                approval_system=row["approval_system"],
                approval_instance_id=row["approval_instance_id"],
            )
            self._append(connection, [(new, list(differences))])
            return True

        return self._db.write(work, tx)

    def _decision(self, row: RowMapping) -> Decision:
        same: tuple[str, ...] = ("id", "decision", "final", "revision", "material_hash", "material_version")
        same += ("decided_at", "recorded_at", "approval_system", "approval_instance_id", "snapshot_id")
        return Decision(**{name: row[name] for name in same}, **self._cipher.open(row["body"]))


def chain_of(ref: DocumentRef) -> str:
    """Return the name of a document's audit chain."""
    return f"document:{ref_key(ref)}"


def _valid(rows: Sequence[RowMapping]) -> RowMapping | None:
    final = [row for row in rows if row["final"]]
    approvals = [row for row in final if row["decision"] == "approved"]
    if not approvals:
        return None
    last = max(approvals, key=lambda row: (row["decided_at"], row["id"]))
    against = [row for row in final if row["decision"] != "approved"]
    outranked = any(row["decided_at"] > last["decided_at"] or row["id"] > last["id"] for row in against)
    return None if outranked else last


def _told(one: NewDecision, differences: list[Any]) -> dict[str, Any]:
    names = ("approver", "on_behalf_of", "comment")
    return {"differences": differences, **{name: getattr(one, name) for name in names}}


def _row(one: NewDecision) -> dict[str, Any]:
    row: dict[str, Any] = {"ref_key": ref_key(one.ref), "revision": one.revision}
    row |= {"material_hash": one.material_hash}
    row |= {"material_version": one.material_version, "decision": one.decision, "final": one.final}
    row |= {"decided_at": one.decided_at, "approval_system": one.approval_system}
    return row | {"approval_instance_id": one.approval_instance_id, "snapshot_id": one.snapshot_id}


def _digest(one: NewDecision) -> str:
    case = [one.approval_system, one.approval_instance_id, one.decided_at.isoformat()]
    who = [one.decision, one.final, one.approver, one.on_behalf_of]
    return digest_of("docflow decision 1", ref_key(one.ref), one.revision, one.material_hash, *case, *who)


def _rows(connection: Connection, keys: Sequence[str]) -> list[RowMapping]:
    query = select(decision).where(decision.c.ref_key.in_(keys)).order_by(decision.c.id)
    return list(connection.execute(query).mappings())


def _ids(connection: Connection, digests: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for some in chunks(sorted(set(digests))):
        query = select(decision.c.digest, decision.c.id).where(decision.c.digest.in_(some))
        found.update({row.digest: row.id for row in connection.execute(query)})
    return found
