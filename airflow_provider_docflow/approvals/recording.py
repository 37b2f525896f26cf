"""What was decided, kept for ever: each signature, the final word, and the document as it stood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_docflow.approvals.coverage import entry_of
from airflow_provider_docflow.approvals.policy import Verdict
from airflow_provider_docflow.core.profile import ApprovalEntry, Reading
from airflow_provider_docflow.document import (
    MATERIAL_VERSION,
    DocumentRef,
    content_hash,
    document_to_json,
    material_hash,
)
from airflow_provider_docflow.ledger.decisions import WORDS, NewDecision
from airflow_provider_docflow.ledger.snapshots import NewSnapshot


@dataclass(frozen=True, kw_only=True)
class Decided:
    """A judged reading that is to be kept.

    :param subject: the document that the decision is about, where the approval system only carries a form
        about it, with the hash of the content that was put before the approvers.
    """

    reading: Reading
    verdict: Verdict
    subject: tuple[DocumentRef, str] | None = None


class Recorder:
    """Keeps decisions; the same decision again is not kept twice."""

    def __init__(self, ledger: Any) -> None:
        self.ledger = ledger

    def record(self, decided: Sequence[Decided]) -> None:
        """Keep decisions with their snapshots, in one transaction."""
        if not decided:
            return
        with self.ledger.transaction() as tx:
            readable = [one for one in decided if one.reading.document is not None]
            kept = self.ledger.snapshots.put([_snapshot(one.reading) for one in readable], tx=tx)
            numbers = {id(one): number for one, number in zip(readable, kept, strict=True)}
            rows = [row for one in decided for row in _rows(one, numbers.get(id(one)))]
            self.ledger.decisions.append_many(rows, tx=tx)
            # After the decisions: what the index notices by itself is recorded there only if they lack it.
            self.ledger.documents.upsert([entry_of(one.reading) for one in decided], tx=tx)


def _snapshot(reading: Reading) -> NewSnapshot:
    document = reading.document
    assert document is not None
    return NewSnapshot(
        ref=reading.ref,
        revision=reading.changed_at,
        material_hash=material_hash(document),
        content_hash=content_hash(document),
        body=document_to_json(document),
    )


def _rows(one: Decided, snapshot_id: int | None) -> list[NewDecision]:
    """Return every signature, then the final word.

    A final word without a time of its own is dated by the last entry of the history, so that observing it
    again gives the same row.
    """
    reading = one.reading
    steps = [entry for entry in reading.history if entry.decision in WORDS and entry.decided_at]
    rows = [_row(one, entry, snapshot_id, final=False) for entry in steps]
    word = "approved" if one.verdict.outcome == "approved" else one.verdict.word
    last = steps[-1] if steps else None
    moment = last.decided_at if last and last.decided_at else reading.state.read_at
    final = ApprovalEntry(
        approver=last.approver if last else "",
        decision=word,  # type: ignore[arg-type]
        decided_at=moment,
        comment=one.verdict.reason or (last.comment if last else ""),
        on_behalf_of=last.on_behalf_of if last else "",
    )
    return [*rows, _row(one, final, snapshot_id, final=True)]


def _row(one: Decided, entry: ApprovalEntry, snapshot_id: int | None, *, final: bool) -> NewDecision:
    reading = one.reading
    document = reading.document
    ref, seen = one.subject or (reading.ref, material_hash(document) if document else "")
    return NewDecision(
        ref=ref,
        decision=entry.decision,  # type: ignore[arg-type]
        material_hash=seen,
        decided_at=entry.decided_at or reading.state.read_at,
        approver=entry.approver,
        on_behalf_of=entry.on_behalf_of,
        comment=entry.comment,
        revision=reading.changed_at,
        material_version=str(MATERIAL_VERSION[document.document_type]) if document else "",
        approval_system=reading.ref.instance,
        approval_instance_id=reading.ref.internal_id,
        snapshot_id=snapshot_id,
        final=final,
    )
