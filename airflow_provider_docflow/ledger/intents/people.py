"""What people decide about intents: continue, create again, give up, or take over what exists already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, update

from airflow_provider_docflow.exceptions import InvalidDocument, NotFound, Rejected, UnknownOutcome
from airflow_provider_docflow.ledger.base import ref_key, upsert
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.incidents_closing import SAME_AGAIN
from airflow_provider_docflow.ledger.intents.rows import ACCOUNTED, FREE, chain_of, is_leased, reservation
from airflow_provider_docflow.ledger.intents.sending import Sending, entry_of_receipt
from airflow_provider_docflow.ledger.keys import IntentKey, IntentRequest, LineUse, Receipt, Reservation
from airflow_provider_docflow.ledger.models.writes import generation
from airflow_provider_docflow.ledger.models.writes import receipt as receipts


class Deciding(Sending):
    """Records decisions with who took them and why."""

    def reopen(self, intent_id: int, actor: str, reason: str, *, tx: Connection | None = None) -> None:
        """Let a held intent go on: the next reservation continues where it stopped.

        What may have landed is probed again before anything is sent.

        :raises NotFound: there is no such intent.
        :raises Rejected: it is not held, or another generation took its place.
        :raises InvalidDocument: nobody is named who decides it.
        """
        _named(actor, reason)

        def work(connection: Connection) -> None:
            row = self._one(connection, intent_id)
            if row["status"] != "held" or row["hold"] == "superseded":
                why = (
                    "another generation took its place"
                    if row["hold"] == "superseded"
                    else f"it is {row['status']}"
                )
                raise Rejected(f"intent {intent_id} cannot be reopened: {why}", document=row["source_number"])
            status = "unknown" if row["unaccounted"] else "reserved"
            self._update(connection, [intent_id], status=status, hold="", incident_id=None, **FREE)
            self.ledger.incidents.close_for(actor=actor, reason=reason, intent_ids=[intent_id], tx=connection)
            if row["incident_id"] is not None:
                self.ledger.incidents.close(row["incident_id"], actor=actor, reason=reason, tx=connection)
            self._tell(connection, "reopened", [(row, {"by": actor, "reason": reason})])

        self._db.write(work, tx)

    def raise_generation(
        self, key: IntentKey, actor: str, reason: str, *, tx: Connection | None = None
    ) -> IntentKey:
        """Let the document be created again, because a person says so.

        :param key: of the latest generation.
        :returns: the key under which it is created now.
        :raises NotFound: nothing was ever written under this key.
        :raises Rejected: there is a later generation, or this one is neither written nor held and goes on by
            itself, or what was sent may still be on its way.
        :raises InvalidDocument: nobody is named who decides it.
        """
        _named(actor, reason)

        def work(connection: Connection) -> IntentKey:
            row = self._locked_by_digest(connection, [key.digest]).get(key.digest)
            if row is None:
                raise NotFound("nothing was ever written under this key", document=key.source_number)
            latest = self.latest_generation([key], tx=connection)[0]
            if key.generation != latest:
                raise Rejected(
                    f"generation {latest} is the latest, not {key.generation}", document=key.source_number
                )
            self._refuse_unsettled(row)
            if row["status"] == "held":
                self._update(connection, [row["id"]], hold="superseded", incident_id=None)
            raised = {"business_digest": key.business_digest, "generation": latest + 1, "actor": actor}
            raised["raised_at"] = self._now()
            upsert(connection, generation, [raised], ["generation", "actor", "raised_at"])
            self.ledger.incidents.close_for(
                actor=actor, reason=reason, intent_ids=[row["id"]], controls=True, tx=connection
            )
            told = {"by": actor, "reason": reason, "generation": latest + 1}
            self.ledger.audit.append(chain_of(key.business_digest), "generation raised", told, tx=connection)
            return key.with_generation(latest + 1)

        return self._db.write(work, tx)

    def _refuse_unsettled(self, row: dict[str, Any]) -> None:
        if row["status"] not in ("done", "held"):
            raise Rejected(
                f"intent {row['id']} is {row['status']}: it goes on by itself",
                document=row["source_number"],
                remedy="Let the task run again; it continues this intent.",
            )
        if row["unaccounted"] and row["send_not_before"] is not None and row["send_not_before"] > self._now():
            raise Rejected(
                f"what was sent under intent {row['id']} may still arrive until {row['send_not_before']}",
                document=row["source_number"],
                remedy="Look at the target system after that time, then decide.",
            )

    def void(self, intent_id: int, reason: str, *, actor: str = "", tx: Connection | None = None) -> None:
        """Free the line uses of an intent: its document was cancelled at the target, or it is given up.

        :raises NotFound: there is no such intent.
        :raises UnknownOutcome: it is being written, or it may have landed.
        """

        def work(connection: Connection) -> None:
            row = self._one(connection, intent_id)
            in_doubt = row["unaccounted"] and row["hold"] != "superseded"
            if in_doubt or (row["status"] != "done" and is_leased(row, self._now())):
                raise UnknownOutcome(
                    f"intent {intent_id} is {row['status']} and may have landed",
                    document=row["source_number"],
                    remedy="Find out at the target whether it exists; then adopt it, or create it again.",
                )
            if row["status"] == "done":
                self._update(connection, [intent_id], voided_at=self._now())
            self.ledger.links.release([intent_id], tx=connection)
            self._tell(connection, "voided", [(row, {"by": actor, "reason": reason})])

        self._db.write(work, tx)

    def amend(
        self,
        intent_id: int,
        receipt: Receipt,
        *,
        uses: Sequence[LineUse] = (),
        payload: Mapping[str, Any] | None = None,
        actor: str,
        tx: Connection | None = None,
    ) -> None:
        """Record that the document under a receipt was changed to another content.

        :param receipt: with the hash of the content that the document has now.
        :param uses: what it consumes of other documents' lines now.
        :param payload: what it would be written from now; None leaves the first one.
        :raises NotFound: there is no such intent.
        :raises Rejected: it has no receipt, or the lines do not allow the new uses.
        """

        def work(connection: Connection) -> None:
            row = self._one(connection, intent_id)
            if row["status"] != "done":
                raise Rejected(f"intent {intent_id} is {row['status']}", document=row["source_number"])
            self._use_instead(connection, row, uses)
            self._put_in_place(connection, intent_id, receipt, payload)
            self.ledger.incidents.close_codes(
                SAME_AGAIN, actor=actor, reason="amended", intent_ids=[intent_id], tx=connection
            )
            self._tell(connection, "amended", [(row, {"receipt": receipt.to_json(), "by": actor})])

        self._db.write(work, tx)

    def _use_instead(self, connection: Connection, row: RowMapping, uses: Sequence[LineUse]) -> None:
        """Let an intent consume these lines and no others."""
        self.ledger.links.release([row["id"]], tx=connection)
        over = self.ledger.links.reserve([(row["id"], uses)], tx=connection)
        if over:
            raise Rejected(
                over[row["id"]],
                document=row["source_number"],
                remedy="Have the larger quantity approved at the source.",
            )

    def _put_in_place(
        self, connection: Connection, intent_id: int, receipt: Receipt, payload: Mapping[str, Any] | None
    ) -> None:
        """Write a receipt over the one that is there, with all that is told of its document elsewhere."""
        body = self._cipher.seal(receipt.to_json())
        values = {"body": body, "content_hash": receipt.content_hash, "at": receipt.at}
        connection.execute(update(receipts).where(receipts.c.intent_id == intent_id).values(values))
        changed: dict[str, Any] = {"content_hash": receipt.content_hash}
        if payload is not None:
            changed["payload"] = self._cipher.seal(dict(payload))
        self._update(connection, [intent_id], **changed)
        self.ledger.documents.upsert([entry_of_receipt(receipt)], tx=connection)
        lines = {intent_id: (receipt.ref, receipt.detail.get("lines") or {})}
        self.ledger.links.link(lines, tx=connection)

    def adopt(
        self, pairs: Sequence[tuple[IntentRequest, Receipt]], *, tx: Connection | None = None
    ) -> list[Reservation]:
        """Register documents that exist already; nothing is sent.

        :param pairs: what would have been written, and the document that stands for it. ``actor`` of the
            request says who adopts it.
        :returns: ``done`` when the pair is registered now or was before, ``changed`` when another document is
            registered under this key, ``busy`` when somebody is writing it.
        :raises InvalidDocument: nobody is named who adopts them.
        """
        for request, _ in pairs:
            _named(request.actor, "adopted")
        return self._db.write(lambda connection: self._adopt(connection, pairs), tx) if pairs else []

    def _adopt(
        self, connection: Connection, pairs: Sequence[tuple[IntentRequest, Receipt]]
    ) -> list[Reservation]:
        wanted = {request.key.digest: (request, receipt) for request, receipt in pairs}
        self._insert_new(connection, [request for request, _ in wanted.values()], self._now())
        rows = self._locked_by_digest(connection, list(wanted))
        now = self._now()
        free = [row for row in rows.values() if row["status"] != "done" and not is_leased(row, now)]
        uses = [(row["id"], wanted[row["digest"]][0].uses) for row in free]
        over = self.ledger.links.reserve(uses, enforce=False, tx=connection)
        for row in free:
            request = wanted[row["digest"]][0]
            self._update(connection, [row["id"]], **self._content(request), **ACCOUNTED)
            row |= {"actor": request.actor, **ACCOUNTED}
        kept = {row["id"]: wanted[row["digest"]][1] for row in free}
        self._record(connection, free, kept, "adopted")
        for actor in sorted({row["actor"] for row in free}):
            ids = [row["id"] for row in free if row["actor"] == actor]
            self.ledger.incidents.close_for(
                actor=actor, reason="adopted", intent_ids=ids, controls=True, tx=connection
            )
        self._tell_overdrawn(connection, [(wanted[row["digest"]][0], row) for row in free], over)
        known = self._receipts(connection, [row["id"] for row in rows.values()])
        return [
            self._adopted(request.key, rows[request.key.digest], receipt, known) for request, receipt in pairs
        ]

    def _adopted(
        self, key: IntentKey, row: dict[str, Any], receipt: Receipt, known: dict[int, Receipt]
    ) -> Reservation:
        found = known.get(row["id"])
        if found is None:
            return reservation(key, row, "busy")
        same = ref_key(found.ref) == ref_key(receipt.ref)
        return reservation(key, row, "done" if same else "changed", found=found)

    def _tell_overdrawn(
        self,
        connection: Connection,
        adopted: Sequence[tuple[IntentRequest, dict[str, Any]]],
        over: dict[int, str],
    ) -> None:
        new = [
            NewIncident(
                "control",
                "line_overdrawn",
                over[row["id"]],
                ref=request.uses[0].source,
                instance_id=row["source_instance"],
                document_number=row["source_number"],
                field="lines",
                actor=row["actor"],
            )
            for request, row in adopted
            if row["id"] in over
        ]
        self.ledger.incidents.open_many(new, tx=connection)

    def _one(self, connection: Connection, intent_id: int) -> RowMapping:
        row = self._locked(connection, [intent_id]).get(intent_id)
        if row is None:
            raise NotFound(f"the ledger has no intent {intent_id}")
        return row


def _named(actor: str, reason: str) -> None:
    for name, value in (("actor", actor), ("reason", reason)):
        if not value.strip():
            raise InvalidDocument(
                f"a decision needs an {name}" if name == "actor" else "a decision needs a reason"
            )
