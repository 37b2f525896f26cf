"""Sending: the marks before and after the bytes go out, each a compare-and-set on the lease token."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, update

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.ledger.base import insert_rows, ref_key
from airflow_provider_docflow.ledger.documents import DocumentEntry
from airflow_provider_docflow.ledger.intents.rows import ACCOUNTED, FREE, IntentRows, Pair, is_leased
from airflow_provider_docflow.ledger.keys import Receipt
from airflow_provider_docflow.ledger.models.writes import intent
from airflow_provider_docflow.ledger.models.writes import receipt as receipts

#: A document counts as absent only when it was not found this often after the settle time.
NEEDED_ABSENCES = 2


class Sending(IntentRows):
    """Accounts for every send: what may be on its way, what landed, what did not."""

    def begin_sending(
        self,
        pairs: Sequence[Pair],
        *,
        deadline_seconds: float,
        settle_seconds: float,
        tx: Connection | None = None,
    ) -> set[int]:
        """Mark intents as being sent, just before the bytes go out.

        :param pairs: intent id and lease token.
        :param deadline_seconds: after this time the sender sends nothing any more; shorter than the lease.
        :param settle_seconds: how long after the end of the lease the target may still show what was sent.
        :returns: the intents that may be sent. The others were taken over, their lease ran out, or it is too
            early to send them again: do not send them.
        :raises IncidentOpen: writing to one of the instances is blocked; nothing may be sent.
        :raises Misconfigured: the deadline is not shorter than the lease.
        """

        def work(connection: Connection) -> set[int]:
            rows = self._owned(connection, pairs)
            self.ledger.instances.writable(*{row["target_instance"] for row in rows}, tx=connection)
            now = self._now()
            ready = [row for row in rows if _may_send(row, now)]
            shortest = min((row["lease_seconds"] for row in ready), default=None)
            if shortest is not None and deadline_seconds >= shortest:
                raise Misconfigured(
                    f"a send takes up to {deadline_seconds:g} s, and its lease only {shortest:g} s",
                    remedy="Give a lease that is longer than the deadline of a send.",
                )
            self._mark_sending(connection, ready, now, settle_seconds)
            self._tell(connection, "sending", [(row, {"attempt": row["attempt"] + 1}) for row in ready])
            return {row["id"] for row in ready}

        return self._db.write(work, tx) if pairs else set()

    def _mark_sending(
        self, connection: Connection, rows: Sequence[RowMapping], now: datetime, settle_seconds: float
    ) -> None:
        groups: dict[tuple[float, bool], list[int]] = defaultdict(list)
        for row in rows:
            groups[row["lease_seconds"], _in_doubt(row)].append(row["id"])
        for (lease_seconds, doubtful), ids in groups.items():
            until = now + timedelta(seconds=lease_seconds)
            quiet = until + timedelta(seconds=max(settle_seconds, 0.0))
            mark = {"status": "sending", "unaccounted": True, "doubtful": doubtful, "sent_at": now}
            mark |= {"attempt": intent.c.attempt + 1, "lease_until": until, "send_not_before": quiet}
            self._update(connection, ids, **mark, absent_count=0, first_absent_at=None)

    def note_absent(
        self, pairs: Sequence[Pair], *, tx: Connection | None = None
    ) -> list[tuple[int, datetime]]:
        """Record that a probe said "not found".

        It counts only from the moment at which the intent may be sent again, and starts anew with each
        sending.

        :returns: how often it was absent, and when that was first seen; (0, now) when it does not count yet
            or the lease is lost.
        """

        def work(connection: Connection) -> list[tuple[int, datetime]]:
            now = self._now()
            rows = {row["id"]: row for row in self._owned(connection, pairs)}
            counted = [row for row in rows.values() if _settled(row, now)]
            first = [row["id"] for row in counted if row["first_absent_at"] is None]
            ids = [row["id"] for row in counted]
            self._update(connection, ids, absent_count=intent.c.absent_count + 1)
            self._update(connection, first, first_absent_at=now)
            self._tell(connection, "absent", [(row, {"times": row["absent_count"] + 1}) for row in counted])
            known = {row["id"]: (row["absent_count"] + 1, row["first_absent_at"] or now) for row in counted}
            return [known.get(number, (0, now)) for number, _ in pairs]

        return self._db.write(work, tx) if pairs else []

    def set_unknown(
        self,
        pairs: Sequence[Pair],
        reason: str,
        *,
        settle_seconds: float | None = None,
        tx: Connection | None = None,
    ) -> set[int]:
        """Record that nobody knows whether it landed. The lease ends; its time stays accounted for.

        :param settle_seconds: given by the sender itself, whose request is over: what it left under way shows
            at the target within this time from now. Without it the whole lease stays accounted for.
        :returns: the intents whose lease was still the caller's.
        """

        def work(connection: Connection) -> set[int]:
            rows = self._owned(connection, pairs)
            never_sent = [row for row in rows if row["send_not_before"] is None]
            for row in never_sent:
                self._update(connection, [row["id"]], send_not_before=row["lease_until"])
            ids = [row["id"] for row in rows]
            if settle_seconds is not None:
                over = [row["id"] for row in rows if row["status"] == "sending"]
                quiet = self._now() + timedelta(seconds=max(settle_seconds, 0.0))
                self._update(connection, over, send_not_before=quiet)
            self._update(connection, ids, status="unknown", unaccounted=True, **FREE)
            self._tell(connection, "unknown", [(row, {"reason": reason}) for row in rows])
            return set(ids)

        return self._db.write(work, tx) if pairs else set()

    def release(self, pairs: Sequence[Pair], *, tx: Connection | None = None) -> set[int]:
        """Give leases back: never sent, or this send provably did not land. Line uses stay reserved.

        What an earlier send left unknown stays unknown.

        :returns: the intents whose lease was still the caller's.
        """

        def work(connection: Connection) -> set[int]:
            rows = self._owned(connection, pairs)
            clean = [row["id"] for row in rows if not _stays_unknown(row)]
            doubtful = [row["id"] for row in rows if _stays_unknown(row)]
            self._update(connection, clean, status="reserved", **ACCOUNTED, **FREE)
            self._update(connection, doubtful, status="unknown", **FREE)
            self._tell(connection, "released", [(row, {}) for row in rows])
            return {row["id"] for row in rows}

        return self._db.write(work, tx) if pairs else set()

    def refuse(self, refused: Sequence[tuple[int, str, int]], *, tx: Connection | None = None) -> set[int]:
        """Hold what the target's business rules refused; it did not land, and its line uses are free again.

        A corrected source document lifts the hold. What an earlier send left unknown keeps its line uses, and
        only a person lifts its hold.

        :param refused: intent id, lease token, and the incident that tells why.
        :returns: the intents whose lease was still the caller's.
        """

        def work(connection: Connection) -> set[int]:
            rows = self._held(connection, refused, "refused")
            clean = [row["id"] for row in rows if not _stays_unknown(row)]
            self._update(connection, clean, hold="refused", **ACCOUNTED)
            self.ledger.links.release(clean, tx=connection)
            return {row["id"] for row in rows}

        return self._db.write(work, tx) if refused else set()

    def hold(self, held: Sequence[tuple[int, str, int]], *, tx: Connection | None = None) -> set[int]:
        """Stop intents until a person has decided an incident. What may have landed stays accounted for.

        :param held: intent id, lease token, and the incident to decide.
        :returns: the intents whose lease was still the caller's.
        """

        def work(connection: Connection) -> set[int]:
            return {row["id"] for row in self._held(connection, held, "held")}

        return self._db.write(work, tx) if held else set()

    def _held(
        self, connection: Connection, held: Sequence[tuple[int, str, int]], kind: str
    ) -> list[RowMapping]:
        incidents = {number: incident_id for number, _, incident_id in held}
        rows = self._owned(connection, [(number, token) for number, token, _ in held])
        if rows:
            mark = {"status": "held", "hold": "hold", "updated_at": self._now(), **FREE}
            statement = update(intent).where(intent.c.id == bindparam("this"))
            about = [{"this": row["id"], "incident": incidents[row["id"]]} for row in rows]
            connection.execute(statement.values(**mark, incident_id=bindparam("incident")), about)
        self._tell(connection, kind, [(row, {"incident": incidents[row["id"]]}) for row in rows])
        return rows

    def set_receipts(
        self, written: Sequence[tuple[int, str, Receipt]], *, tx: Connection | None = None
    ) -> set[int]:
        """Record what landed, with the document index, the links and the audit in the same transaction.

        :param written: intent id, lease token, receipt.
        :returns: the intents that are done now. One that is missing was taken over by somebody else in the
            meantime: two documents may exist, so the caller opens an incident. Its audit keeps the receipt.
        """

        def work(connection: Connection) -> set[int]:
            mine = {
                row["id"]: row for row in self._owned(connection, [(n, token) for n, token, _ in written])
            }
            kept = {number: receipt for number, _, receipt in written if number in mine}
            self._record(connection, list(mine.values()), kept, "receipt")
            lost = {number: receipt for number, _, receipt in written if number not in mine}
            if lost:
                rows = self._locked(connection, list(lost)).values()
                told = [(row, {"receipt": lost[row["id"]].to_json()}) for row in rows]
                self._tell(connection, "receipt after the lease was lost", told)
            return set(kept)

        return self._db.write(work, tx) if written else set()

    def _record(
        self, connection: Connection, rows: Sequence[Any], kept: Mapping[int, Receipt], kind: str
    ) -> None:
        """Turn locked rows into done ones."""
        ids = [row["id"] for row in rows]
        told = {number: kept[number].to_json() for number in ids}
        bodies = [self._receipt_row(number, kept[number], told[number]) for number in ids]
        insert_rows(connection, receipts, bodies)
        self._update(connection, ids, status="done", hold="", incident_id=None, **ACCOUNTED, **FREE)
        self.ledger.documents.upsert([entry_of_receipt(one) for one in kept.values()], tx=connection)
        lines = {number: (one.ref, one.detail.get("lines") or {}) for number, one in kept.items()}
        self.ledger.links.link(lines, tx=connection)
        self.ledger.incidents.close_for(actor="docflow", reason="written", intent_ids=ids, tx=connection)
        events = [(row, {"receipt": told[row["id"]], "actor": row["actor"]}) for row in rows]
        self._tell(connection, kind, events)

    def _receipt_row(self, number: int, one: Receipt, told: Mapping[str, Any]) -> dict[str, Any]:
        body = self._cipher.seal(told)
        row = {"intent_id": number, "ref_key": ref_key(one.ref), "content_hash": one.content_hash}
        return row | {"body": body, "at": one.at}


def _may_send(row: RowMapping, now: datetime) -> bool:
    return row["status"] in ("reserved", "unknown") and is_leased(row, now) and _settled(row, now)


def _settled(row: RowMapping, now: datetime) -> bool:
    return row["send_not_before"] is None or row["send_not_before"] <= now


def _in_doubt(row: RowMapping) -> bool:
    return bool(row["unaccounted"]) and row["absent_count"] < NEEDED_ABSENCES


def _stays_unknown(row: RowMapping) -> bool:
    """Whether more than the last send is in question, so that the last one's failure proves nothing."""
    return row["status"] == "unknown" or bool(row["doubtful"])


def entry_of_receipt(one: Receipt) -> DocumentEntry:
    """Return what the index learns from a receipt."""
    detail = one.detail
    amount, issued = detail.get("amount"), detail.get("issue_date")
    return DocumentEntry(
        one.ref,
        party_id=str(detail.get("party_id") or ""),
        party_name=str(detail.get("party_name") or ""),
        amount=Decimal(amount) if isinstance(amount, str) else None,
        currency=str(detail.get("currency") or ""),
        issue_date=date.fromisoformat(issued) if isinstance(issued, str) else None,
        state=one.state,
    )
