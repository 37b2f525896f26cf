"""Reserving: who may write what, decided in one transaction for a whole batch."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, update

from airflow_provider_docflow.exceptions import Misconfigured
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.intents.rows import (
    ACCOUNTED,
    IntentRows,
    is_leased,
    latest_of,
    reservation,
)
from airflow_provider_docflow.ledger.keys import IntentKey, IntentRequest, LineUse, Reservation
from airflow_provider_docflow.ledger.models.writes import intent

Verdict = Literal["fresh", "replace", "resume", "done", "changed", "busy", "held"]
#: What a corrected source document lifts by itself; anything else is lifted by a person.
CORRECTABLE = frozenset({"refused", "overdrawn"})
_LEASED = frozenset({"fresh", "replace", "resume"})


class Reserving(IntentRows):
    """Gives leases."""

    def reserve(
        self,
        requests: Sequence[IntentRequest],
        *,
        owner: str,
        lease_seconds: float,
        tx: Connection | None = None,
    ) -> list[Reservation]:
        """Ask for the right to write, for every request of a batch.

        :param owner: who holds the leases, for people who look at the ledger.
        :param lease_seconds: how long nobody else may write; longer than the deadline of a send.
        :returns: one reservation per request, in order. A key that stands twice in the batch is ``busy`` the
            second time.
        :raises IncidentOpen: writing to one of the target instances is blocked; nothing is reserved.
        :raises Misconfigured: the lease is not positive, or a generation was never raised by a person.
        """
        if lease_seconds <= 0:
            raise Misconfigured(f"a lease of {lease_seconds} seconds protects nothing")
        if not requests:
            return []
        return self._db.write(
            lambda connection: self._reserve(connection, requests, owner, lease_seconds), tx
        )

    def _reserve(
        self, connection: Connection, requests: Sequence[IntentRequest], owner: str, lease_seconds: float
    ) -> list[Reservation]:
        self.ledger.instances.writable(*{request.key.target_instance for request in requests}, tx=connection)
        _refuse_unraised(connection, [request.key for request in requests])
        new = self._insert_new(connection, requests, self._now())
        rows = self._locked_by_digest(connection, [request.key.digest for request in requests])
        # Taken once the rows are locked: waiting for the lock may have outlived a lease.
        now = self._now()
        verdicts = _verdicts(requests, rows, now)
        before = {digest: dict(row) for digest, row in rows.items()}
        leased = [(r, rows[r.key.digest], v) for r, v in zip(requests, verdicts, strict=True) if v in _LEASED]
        over = self._take_uses(
            connection, [(row, request.uses) for request, row, v in leased if v != "resume"]
        )
        lease = {"lease_token": secrets.token_hex(16), "lease_until": now + timedelta(seconds=lease_seconds)}
        lease |= {"owner": owner[:500], "lease_seconds": lease_seconds}
        self._replace(connection, [(request, row) for request, row, v in leased if v == "replace"])
        self._lease(connection, [row for _, row, _ in leased if row["id"] not in over], lease)
        self._hold_overdrawn(connection, [(r, row) for r, row, _ in leased if row["id"] in over], over)
        self._tell_reserved(connection, leased, before, new, owner)
        return self._answers(connection, requests, rows, verdicts, over)

    def _take_uses(
        self, connection: Connection, wanted: Sequence[tuple[dict[str, Any], tuple[LineUse, ...]]]
    ) -> dict[int, str]:
        return self.ledger.links.reserve([(row["id"], uses) for row, uses in wanted], tx=connection)

    def _replace(
        self, connection: Connection, changed: Sequence[tuple[IntentRequest, dict[str, Any]]]
    ) -> None:
        """Put new content where nothing was sent, and lift what the correction of the source lifts."""
        if not changed:
            return
        lifted = {"status": "reserved", "hold": "", "incident_id": None, **ACCOUNTED}
        statement = update(intent).where(intent.c.id == bindparam("this"))
        contents = [{"this": row["id"], **self._content(request)} for request, row in changed]
        names = ("content_hash", "material_hash", "payload", "actor")
        connection.execute(statement.values({name: bindparam(name) for name in names}), contents)
        ids = [row["id"] for _, row in changed]
        self._update(connection, ids, **lifted)
        held = [row["id"] for _, row in changed if row["status"] == "held"]
        self.ledger.incidents.close_for(
            actor="docflow", reason="the source document was corrected", intent_ids=held, tx=connection
        )
        for request, row in changed:
            row |= lifted | {"content_hash": request.content_hash, "material_hash": request.material_hash}

    def _lease(self, connection: Connection, rows: Sequence[dict[str, Any]], lease: dict[str, Any]) -> None:
        sending = [row for row in rows if row["status"] == "sending"]
        self._update(connection, [row["id"] for row in sending], status="unknown")
        self._update(connection, [row["id"] for row in rows], **lease)
        for row in sending:
            row["status"] = "unknown"
        for row in rows:
            row |= lease

    def _hold_overdrawn(
        self,
        connection: Connection,
        overdrawn: Sequence[tuple[IntentRequest, dict[str, Any]]],
        over: dict[int, str],
    ) -> None:
        if not overdrawn:
            return
        rows = [row for _, row in overdrawn]
        new = [
            NewIncident(
                "business rule",
                "line_overdrawn",
                over[row["id"]],
                intent_id=row["id"],
                ref=request.uses[0].source,
                instance_id=row["source_instance"],
                document_number=row["source_number"],
                field="lines",
            )
            for request, row in overdrawn
        ]
        for row, incident_id in zip(rows, self.ledger.incidents.open_many(new, tx=connection), strict=True):
            held = {"status": "held", "hold": "overdrawn", "incident_id": incident_id, "lease_token": ""}
            self._update(connection, [row["id"]], **held)
            row |= held
        self._tell(connection, "held", [(row, {"reason": over[row["id"]]}) for row in rows])

    def _tell_reserved(
        self,
        connection: Connection,
        leased: Sequence[tuple[IntentRequest, dict[str, Any], Verdict]],
        before: dict[str, dict[str, Any]],
        new: set[str],
        owner: str,
    ) -> None:
        kinds: dict[str, list[tuple[Any, Any]]] = {"reserved": [], "taken over": [], "content replaced": []}
        for request, row, verdict in leased:
            told: dict[str, Any] = {"by": owner, "actor": request.actor, "content_hash": request.content_hash}
            if row["digest"] in new:
                told["key"] = {
                    name: str(row[name]) for name in ("source_type", "source_number", "part", "purpose")
                }
            if verdict == "resume":
                told["from"] = before[row["digest"]]["owner"]
            kind = {"fresh": "reserved", "resume": "taken over", "replace": "content replaced"}[verdict]
            kinds[kind].append((row, told))
        for kind, told_rows in kinds.items():
            self._tell(connection, kind, told_rows)

    def _answers(
        self,
        connection: Connection,
        requests: Sequence[IntentRequest],
        rows: dict[str, dict[str, Any]],
        verdicts: Sequence[Verdict],
        over: dict[int, str],
    ) -> list[Reservation]:
        receipts = self._receipts(connection, [row["id"] for row in rows.values() if row["status"] == "done"])
        answers = []
        for request, verdict in zip(requests, verdicts, strict=True):
            row = rows[request.key.digest]
            status = "fresh" if verdict == "replace" else verdict
            if row["id"] in over and status == "fresh":
                status = "held"
            token = row["lease_token"] if status in ("fresh", "resume") else ""
            found = receipts.get(row["id"])
            answers.append(reservation(request.key, row, status, token=token, found=found))
        return answers


def _verdicts(
    requests: Sequence[IntentRequest], rows: dict[str, dict[str, Any]], now: datetime
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    taken: set[str] = set()
    for request in requests:
        digest = request.key.digest
        verdict = _verdict(rows[digest], request.content_hash, now)
        if verdict in _LEASED and digest in taken:
            verdict = "busy"
        taken.add(digest)
        verdicts.append(verdict)
    return verdicts


def _verdict(row: dict[str, Any], content_hash: str, now: datetime) -> Verdict:
    same = row["content_hash"] == content_hash
    if row["status"] == "done":
        return "done" if same else "changed"
    if row["status"] == "held":
        correctable = row["hold"] in CORRECTABLE and not row["unaccounted"] and not same
        return "replace" if correctable else "held"
    if is_leased(row, now):
        return "busy"
    if row["unaccounted"]:
        return "resume" if same else "changed"
    return "fresh" if same else "replace"


def _refuse_unraised(connection: Connection, keys: Sequence[IntentKey]) -> None:
    latest = latest_of(connection, [key for key in keys if key.generation])
    for key in keys:
        if key.generation > latest.get(key.business_digest, 0):
            raise Misconfigured(
                f"generation {key.generation} was never raised by a person",
                document=key.source_number,
                field="generation",
                remedy="Say why it is to be created again: airflow docflow recreate.",
            )
