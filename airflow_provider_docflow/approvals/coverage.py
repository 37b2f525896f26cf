"""
Whether a decision covers what is about to be written.

A source is covered by its own decision, as long as its material fields are those that were decided on; or,
if docflow wrote it, by the decision on what it was written from, as long as nobody has changed it since.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.approvals.independence import Independence
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.document import (
    Difference,
    Document,
    DocumentRef,
    differences,
    document_from_json,
    material_hash,
)
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.capacities import LineCapacity, check_capacity
from airflow_provider_docflow.ledger.documents import DocumentEntry
from airflow_provider_docflow.ledger.revocations import FALLEN, UNAPPROVED

WHOLE = "*"
DEEPEST = 12
Limits = tuple[DocumentRef, Sequence[LineCapacity]]


class Coverage:
    """Answers from the ledger alone; a task's state in Airflow is never evidence.

    :param records: whether a decision that a change has voided is recorded as such.
    """

    def __init__(self, ledger: Any, *, records: bool = True) -> None:
        self.ledger, self.records = ledger, records
        self._held: dict[str, int] | None = None
        self._hashes: dict[int, tuple[Reading, str]] = {}
        self._approvals: dict[tuple[str, str], Any] = {}
        self._overrides: dict[str, Any] = {}

    def look_up(self, readings: Sequence[Reading]) -> None:
        """Ask the ledger about many documents at once what :meth:`require` wants to know of each."""
        self._hashes = {id(one): (one, material_hash(one.document)) for one in readings if one.document}
        wanted = [(one.ref, seen) for one, seen in self._hashes.values()]
        found = self.ledger.decisions.valid_for_many(wanted)
        self._overrides = self.ledger.overrides.active([ref for ref, _ in wanted])
        self._approvals = {
            (ref_key(ref), seen): decision
            for (ref, seen), decision in zip(wanted, found, strict=True)
            if decision is not None
        }

    def require(self, reading: Reading) -> None:
        """Refuse what no valid decision covers.

        :raises NotApproved: nobody decided, the decision was taken back, or the document has changed since;
            then the decision is void and the changed fields are named.
        """
        document = reading.document
        if document is None:
            problem = reading.problem
            raise problem or _refusal(reading.ref, "its content could not be read.", "approval.unreadable")
        word = str(reading.state.approval)
        try:
            known = self._hashes.get(id(reading))
            seen = known[1] if known else material_hash(document)
            self._require(reading.ref, seen, document, word, depth=0)
        except exc.NotApproved:
            self.refused(reading)
            raise

    def refused(self, reading: Reading) -> None:
        """Keep the state of a document that was refused: what was made of it before has to hear of it."""
        if self.records and str(reading.state.approval) in FALLEN:
            self.remember([reading])

    def _require(
        self, ref: DocumentRef, seen: str, document: Document | None, word: str, *, depth: int
    ) -> None:
        self._refuse_held(ref)
        known = self._approvals.get((ref_key(ref), seen))
        decision = known or self.ledger.decisions.valid_for(ref, seen)
        if decision is not None:
            _refuse_fallen(ref, decision, word)
            if known is None or ref_key(ref) in self._overrides:
                Independence(self.ledger).require(ref, decision)
            return
        decided = self._latest(ref)
        if decided is not None:
            self._void(ref, seen, document, decided)
        origin = self._origin(ref)
        if origin is None or depth >= DEEPEST:
            raise _refusal(
                ref,
                "nobody has approved it.",
                "approval.missing",
                remedy="Let an ApprovalOperator observe or request its approval first.",
            )
        self._unchanged(ref, seen, document, origin)
        for parent in self._parents(ref):
            latest = self._latest(parent)
            entry = self.ledger.documents.get(parent)
            word = str(entry.state.get("approval", "")) if entry else ""
            self._require(parent, latest.material_hash if latest else "", None, word, depth=depth + 1)

    def _refuse_held(self, ref: DocumentRef) -> None:
        """Refuse a document that was made of one whose approval was taken back."""
        if self._held is None:
            self._held = self.ledger.revocations.held()
        number = self._held.get(ref_key(ref))
        if number is not None:
            error = _refusal(
                ref,
                "what it was made of is no longer approved.",
                UNAPPROVED,
                remedy="Have that approved again; or close the incident, if this one may go on.",
            )
            error.incident = number
            raise error

    def _latest(self, ref: DocumentRef) -> Any:
        """Return the last final decision on a document, or None."""
        final = [decision for decision in self.ledger.decisions.of(ref) if decision.final]
        return final[-1] if final else None

    def _approved_content(self, ref: DocumentRef, hashed: str) -> Document | None:
        """Return the document as it stood when it was decided upon."""
        kept = [one for one in self.ledger.snapshots.of(ref) if one.material_hash == hashed and one.body]
        return document_from_json(kept[-1].body) if kept else None

    def _origin(self, ref: DocumentRef) -> Any:
        """Return the last write that docflow has a receipt of, if it wrote the document at all."""
        rows = [row for row in self.ledger.intents.for_document(ref) if row.receipt is not None]
        created = any(row.key.purpose == "create" for row in rows)
        return max(rows, key=lambda row: row.receipt.at) if created else None

    def _void(self, ref: DocumentRef, seen: str, document: Document | None, decided: Any) -> None:
        """A decision exists and does not hold: it was a refusal, was taken back, or covers other content."""
        if decided.decision not in ("approved", "voided"):
            raise _refusal(ref, f"the last decision is: {decided.decision}.", "approval.refused")
        changed: list[Difference] = [Difference(**told) for told in decided.differences]
        if decided.decision == "approved" and document is not None:
            before = self._approved_content(ref, decided.material_hash)
            # The cause before its consequence: a changed line also changes the total.
            changed = sorted(differences(before, document), key=lambda one: not one.line_id) if before else []
            if self.records:
                told = [difference.to_json() for difference in changed]
                self.ledger.decisions.void_if_changed(ref, seen, told)
        what = "; ".join(str(difference) for difference in changed[:5]) or "its material fields"
        raise _refusal(
            ref,
            f"it has changed since it was approved: {what}.",
            "approval.void",
            field=changed[0].field if changed else "",
            remedy="Have it approved again, or undo the change.",
        )

    def _unchanged(self, ref: DocumentRef, seen: str, document: Document | None, origin: Any) -> None:
        """What docflow wrote must still read as it did when the receipt was taken."""
        written = origin.receipt.detail.get("material_hash")
        if document is None or not written or written == seen:
            return
        raise _refusal(
            ref,
            "it was changed by hand since docflow wrote it.",
            "approval.changed_at_target",
            remedy="Have the change approved, or undo it.",
        )

    def _parents(self, ref: DocumentRef) -> list[DocumentRef]:
        links = self.ledger.links.of(ref)
        own = [
            link.source for link in links if link.target is not None and link.target.identity == ref.identity
        ]
        parents = list({parent.identity: parent for parent in own}.values())
        if not parents:
            raise _refusal(ref, "what it was written from is not recorded.", "approval.no_origin")
        return parents

    def limits(self, reading: Reading) -> list[Limits]:
        """Return what may be used of a document that is covered: its lines as they say now.

        :raises InvalidDocument: they limit nothing.
        """
        if reading.document is None:
            return []
        lines = self.capacity(reading.document)
        check_capacity(reading.ref, lines)
        return [(reading.ref, lines)]

    def register(self, limits: Sequence[Limits]) -> None:
        """Let nobody use more of these documents than that."""
        self.ledger.links.set_capacities(limits)

    def capacity(self, document: Document) -> list[LineCapacity]:
        """Return what may be used of a document's lines as they read."""
        whole = document.totalled()
        lines = [
            LineCapacity(line.line_id, abs(line.quantity), abs(line.line_extension_amount or Decimal(0)))
            for line in whole.lines
        ]
        total = whole.payable_amount
        if total is not None:
            lines.append(LineCapacity(WHOLE, None, abs(total)))
        return lines

    def remember(self, readings: Sequence[Reading]) -> None:
        """Keep in the ledger's index what was read."""
        self.ledger.documents.upsert([entry_of(one) for one in readings if not one.ref.is_shadow])


def entry_of(reading: Reading) -> DocumentEntry:
    """Return what the index holds of a reading."""
    document = reading.document
    party = (document.seller_supplier_party or document.buyer_customer_party) if document else None
    return DocumentEntry(
        ref=reading.ref,
        party_id=reading.party or (party.id if party else ""),
        party_name=party.name if party else "",
        amount=reading.total if reading.total is not None else document.payable_amount if document else None,
        currency=reading.currency or (document.document_currency_code if document else ""),
        issue_date=document.issue_date if document else None,
        state=reading.state.to_json(),
    )


def _refuse_fallen(ref: DocumentRef, decision: Any, word: str) -> None:
    """Refuse a document whose own system no longer says what was decided there."""
    own = (decision.approval_system, decision.approval_instance_id) == (ref.instance, ref.internal_id)
    if own and word in FALLEN:
        raise _refusal(ref, f"its approval is {word} now.", "approval.refused")


def _refusal(
    ref: DocumentRef, reason: str, code: str, *, field: str = "approval", remedy: str = ""
) -> exc.NotApproved:
    return exc.NotApproved(
        reason,
        system=ref.instance,
        document=ref.number or ref.internal_id,
        code=code,
        field=field or "approval",
        remedy=remedy or "Nothing is written until somebody approves it.",
    )
