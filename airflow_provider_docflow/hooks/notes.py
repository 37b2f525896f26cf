"""What is told of one document, and what came of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.hooks.handles import Outcome, Status, failed


@dataclass
class Note:
    """One document that somebody is to be told about."""

    outcome: Outcome
    ref: DocumentRef
    node: str
    status: Status | None = None
    error: exc.DocflowError | None = None
    wait: float | None = None


def wait_out_limits(notes: Iterable[Note]) -> None:
    """No channel is left: what was only too fast goes out later."""
    for note in notes:
        if isinstance(note.error, exc.RateLimited):
            note.wait = note.error.retry_after or 60.0


def outcome_of(outcome: Outcome, note: Note | None) -> Outcome:
    """Return what came of telling; without a note nobody knows which document it was."""
    if note is None:
        error: exc.DocflowError = exc.NotFound(
            "nobody was told: the ledger does not know which document this is.",
            document=outcome.source,
            code="notice.no_document",
            remedy="Pass the output of an operator that has read the document.",
        )
        return failed(outcome.source, error, part=outcome.part)
    if note.status is None:
        assert note.error is not None
        note.error.document = note.error.document or outcome.source
        return failed(outcome.source, note.error, handle=outcome.handle, part=outcome.part)
    return Outcome(
        status=note.status,
        source=outcome.source,
        handle=outcome.handle,
        part=outcome.part,
        url=outcome.url,
    )
