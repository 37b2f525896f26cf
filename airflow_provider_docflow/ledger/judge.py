"""
What a probe's answer means for a write. Pure: no ledger, no network.

The rules are decision 3 of the design: a document counts as found only if company, party and total
agree; "not found" counts only after the settle time, twice, and only where the system's search sees
everything; whatever else is left is for a person.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from airflow_provider_docflow.core.profile import Finding, Probe, Reading, WriteItem
from airflow_provider_docflow.document import Document
from airflow_provider_docflow.exceptions import DocflowError
from airflow_provider_docflow.ledger.keys import Receipt

NEEDED_ABSENCES = 2

Action = Literal["send", "found", "wait", "incident"]


@dataclass(frozen=True)
class Verdict:
    """What to do with one intent; ``code`` and ``reason`` describe an incident."""

    action: Action
    reading: Reading | None = None
    code: str = ""
    reason: str = ""
    field: str = ""


def disagreement(reading: Reading, document: Document) -> tuple[str, str] | None:
    """Return the field and a sentence where the found document is not the one that was to be written.

    What the system does not tell is not compared; that it tells at least the total is the profile's duty.
    """
    if reading.problem is not None:
        return reading.problem.field or "document", f"it cannot be read: {reading.problem.message}"
    party = document.seller_supplier_party or document.buyer_customer_party
    pairs = (
        ("company_code", reading.company_code, document.company_code),
        ("party", reading.party, party.id if party else ""),
        ("document_currency_code", reading.currency, document.document_currency_code),
    )
    for field, found, wanted in pairs:
        if found and wanted and found != wanted:
            return field, f"{field} is {found} there and {wanted} here"
    if reading.total is not None and document.payable_amount not in (None, reading.total):
        return "payable_amount", f"the total is {reading.total} there and {document.payable_amount} here"
    return None


def judge_first(finding: Finding, item: WriteItem) -> Verdict:
    """Judge the probe of an intent that has never been sent."""
    return _judge_marked(finding, item) or Verdict("send")


def judge_again(
    finding: Finding,
    item: WriteItem,
    probe: Probe,
    *,
    absences: int,
    may_send: bool,
) -> Verdict:
    """Judge the probe of an intent that went out before.

    :param absences: how often the document was not found after the settle time, this time included.
    :param may_send: the settle time after the old lease is over.
    """
    found = _judge_marked(finding, item)
    if found:
        return found
    if finding.suspects:
        numbers = ", ".join(_name(reading) for reading in finding.suspects)
        return Verdict(
            "incident",
            code="write.suspect",
            reason=f"the outcome of an earlier send is unknown, and {numbers} looks the same, unmarked.",
        )
    if probe.quality == "native":
        return Verdict("send")
    if probe.quality != "none" and not (may_send and absences >= NEEDED_ABSENCES):
        return Verdict("wait")
    if probe.quality == "unique":
        return Verdict("send")
    return Verdict(
        "incident",
        code="write.unknown_outcome",
        reason="the outcome of an earlier send is unknown and this system cannot say surely that it failed.",
    )


def _judge_marked(finding: Finding, item: WriteItem) -> Verdict | None:
    if len(finding.marked) > 1:
        numbers = ", ".join(_name(reading) for reading in finding.marked)
        return Verdict(
            "incident", code="write.found_twice", reason=f"{numbers} all carry the mark {item.mark}."
        )
    if not finding.marked:
        return None
    reading = finding.marked[0]
    differs = disagreement(reading, item.document) if item.document else None
    if differs:
        field, sentence = differs
        return Verdict(
            "incident",
            reading,
            code="write.found_different",
            reason=f"{_name(reading)} carries our mark, but {sentence}.",
            field=field,
        )
    return _dead(reading, item) or Verdict("found", reading)


def judge_written(reading: Reading, item: WriteItem) -> Verdict:
    """Judge what is read back of a document that the system says it has written."""
    differs = disagreement(reading, item.document) if item.document else None
    if differs:
        return Verdict(
            "incident",
            code="write.read_back_differs",
            reason=f"what was written reads otherwise: {differs[1]}.",
            field=differs[0],
        )
    return _dead(reading, item) or Verdict("found")


def _dead(reading: Reading, item: WriteItem) -> Verdict | None:
    """Refuse to take a document that was cancelled meanwhile for the one that is wanted."""
    if item.document is None or liveness(reading) != "dead":
        return None
    word = str(reading.state.lifecycle)
    reason = f"{_name(reading)} was written before and is {word} there now; nothing is written again."
    return Verdict("incident", reading, code=f"target.{word}", reason=reason, field="lifecycle")


def unanswerable(error: DocflowError) -> Verdict:
    """Judge that the system will not say what became of an earlier send, however often it is asked."""
    return Verdict(
        "incident",
        code="write.unknown_outcome",
        reason=f"the outcome of an earlier send is unknown, and the system cannot be asked: {error.message}",
        field=error.field,
    )


def undone(receipt: Receipt | None, reading: Reading) -> bool:
    """Tell whether a document is no longer as far as an action took it; that it went on is no trouble."""
    if receipt is None:
        return True
    now = reading.state.to_json()
    steps = [_rank(axis, now.get(axis)) - _rank(axis, receipt.state.get(axis)) for axis in _RANKS]
    return min(steps) < 0 or max(steps) == 0


_RANKS: dict[str, tuple[str, ...]] = {
    "lifecycle": ("draft", "submitted", "active", "closed"),
    "approval": ("none", "pending", "approved"),
    "fulfilment": ("none", "partial", "complete", "over"),
    "invoicing": ("none", "partial", "complete", "over"),
    "payment": ("none", "partial", "complete", "over"),
}


def _rank(axis: str, word: object) -> int:
    return _RANKS[axis].index(str(word)) if word in _RANKS[axis] else -1


def _name(reading: Reading) -> str:
    return reading.ref.number or reading.ref.internal_id


def liveness(reading: Reading) -> Literal["alive", "dead", "unknown"]:
    """Tell whether the document still stands in its system."""
    word = str(reading.state.lifecycle)
    if word == "unknown":
        return "unknown"
    return "dead" if word in ("cancelled", "reversed") else "alive"


def wait_seconds(send_not_before: datetime | None, now: datetime, settle_seconds: float) -> float:
    """Return how long to wait before the next probe of an unknown outcome can count."""
    until = (send_not_before - now).total_seconds() if send_not_before else 0.0
    return max(until, min(settle_seconds, 1.0), 0.05)
