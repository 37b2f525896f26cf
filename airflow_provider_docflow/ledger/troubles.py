"""Errors that need a person: each opens its incident in the ledger and tells what to do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading
from airflow_provider_docflow.core.redact import redact_text
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Difference, DocumentRef, differences, document_from_json
from airflow_provider_docflow.ledger.incidents import Category, NewIncident
from airflow_provider_docflow.ledger.incidents_closing import SAME_AGAIN
from airflow_provider_docflow.ledger.judge import Verdict
from airflow_provider_docflow.ledger.keys import Receipt, Reservation

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.requests import WriteOutcome, WriteRequest

CHANGED = "source.changed"
LOOK = "Look at the document in the system, then close or retry the incident."
_CATEGORIES: tuple[tuple[type[exc.DocflowError], Category], ...] = (
    (exc.InvalidDocument, "data"),
    (exc.NotApproved, "control"),
    (exc.InstanceChanged, "control"),
    (exc.Authentication, "permission"),
    (exc.NotFound, "master data"),
    (exc.QuotaExhausted, "quota"),
    (exc.PeriodClosed, "business rule"),
    (exc.Misconfigured, "technical"),
    (exc.Unsupported, "technical"),
    (exc.Rejected, "business rule"),
    (exc.Duplicate, "data"),
)


def category_of(error: exc.DocflowError) -> Category:
    """Return which kind of person can help."""
    return next((category for kind, category in _CATEGORIES if isinstance(error, kind)), "technical")


def came_to_nothing(ledger: Any, ref: DocumentRef, error: exc.DocflowError, actor: str) -> int:
    """Open an incident about a document with which a task does not go on; return its number."""
    number: int = ledger.incidents.open(
        NewIncident(
            category=category_of(error),
            code=error.code or type(error).__name__,
            reason=redact_text(str(error)),
            ref=ref,
            instance_id=ref.instance,
            document_number=ref.number or ref.internal_id,
            field=error.field,
            actor=actor,
        )
    )
    return number


def settle(ledger: Any, outcomes: Iterable[WriteOutcome], actor: str) -> None:
    """Close what an earlier run opened about writes that are alive now and say what their source says."""
    same = [one.intent_id for one in outcomes if one.status == "existing" and one.intent_id is not None]
    ledger.incidents.close_codes(
        set(SAME_AGAIN) - {CHANGED}, actor=actor, reason="it reads as it was written", intent_ids=same
    )


def settle_sources(ledger: Any, written: Iterable[tuple[DocumentRef, WriteOutcome]], actor: str) -> None:
    """Close what an earlier run opened about sources that say again what was written from them.

    :param written: each with its source: another one of the same number may still say something else.
    """
    same = [
        (one.intent_id, source)
        for source, one in written
        if one.status == "existing" and one.intent_id is not None
    ]
    ledger.incidents.close_codes({CHANGED}, actor=actor, reason="it reads as it was written", pairs=same)


class Troubles:
    """Opens incidents for the writes to one site."""

    def __init__(self, ledger: Any, site: Site) -> None:
        self.ledger, self.site = ledger, site

    def busy(self, request: WriteRequest, reservation: Reservation, now: datetime) -> exc.LeaseBusy:
        """Another process is writing this document now."""
        until = reservation.lease_until
        return exc.LeaseBusy(
            "another process is writing it now.",
            system=self.site.conn_id,
            document=_number(request),
            retry_after=max(1.0, (until - now).total_seconds()) if until else 5.0,
            remedy="Nothing: the next try reads what the other has written.",
        )

    def held(self, request: WriteRequest, reservation: Reservation) -> exc.IncidentOpen:
        """A person has to decide first."""
        return exc.IncidentOpen(
            "an incident is open for it.",
            system=self.site.conn_id,
            document=_number(request),
            incident=reservation.incident,
            remedy=f"Correct the cause, then: airflow docflow retry {reservation.incident} --reason TEXT.",
        )

    def unsettled(self, request: WriteRequest, wait: float) -> exc.UnknownOutcome:
        """An earlier send may still land."""
        return exc.UnknownOutcome(
            "an earlier send may still land; it is not sent again before that is sure.",
            system=self.site.conn_id,
            document=_number(request),
            retry_after=wait,
        )

    def refused(self, all_: Sequence[tuple[WriteRequest, tuple[int, str], exc.DocflowError]]) -> None:
        """The system, or docflow before it, said no; nothing landed. Each error gets its incident."""
        new = [
            self._new(
                request,
                pair[0],
                category_of(error),
                error.code or type(error).__name__,
                str(error),
                error.field,
            )
            for request, pair, error in all_
        ]
        numbers = self.ledger.incidents.open_many(new)
        for (_, _, error), number in zip(all_, numbers, strict=True):
            error.incident = number
        held = [(*pair, number) for (_, pair, _), number in zip(all_, numbers, strict=True)]
        self.ledger.intents.refuse(held)

    def incident(self, request: WriteRequest, pair: tuple[int, str], verdict: Verdict) -> exc.IncidentOpen:
        """What the probe saw is for a person to judge."""
        number = self._open(request, pair[0], "control", verdict.code, verdict.reason, verdict.field)
        self.ledger.intents.hold([(*pair, number)])
        return self._stopped(request, number, verdict.reason, verdict.code, verdict.field)

    def late(self, request: WriteRequest, pair: tuple[int, str], receipt: Receipt) -> exc.IncidentOpen:
        """A sender lost its lease while its reply was under way: its document may be a second one."""
        reason = f"{receipt.ref} was written by a sender whose lease was over."
        number = self._open(request, pair[0], "control", "write.late_sender", reason, "")
        return self._stopped(request, number, reason, "write.late_sender", "")

    def gone(
        self, request: WriteRequest, pair: tuple[int, str], receipt: Receipt | None, how: str
    ) -> exc.IncidentOpen:
        """What was written is no longer alive at the target."""
        what = str(receipt.ref) if receipt else request.reference
        reason = f"{what} was written and is {how} there now; it is not written again by itself."
        number = self._open(request, pair[0], "control", f"target.{how}", reason, "lifecycle")
        error = self._stopped(request, number, reason, f"target.{how}", "lifecycle")
        key = request.key
        part = f" --part {key.part}" if key.part else ""
        error.remedy = (
            f"If it is wanted again: airflow docflow recreate {key.source_number}"
            f" --target-type {key.target_type}{part} --reason TEXT."
        )
        return error

    def undone(
        self, request: WriteRequest, pair: tuple[int, str], receipt: Receipt | None, reading: Reading
    ) -> exc.IncidentOpen:
        """An action that was done has been taken back at the target."""
        what = str(receipt.ref) if receipt else request.reference
        word = reading.state.lifecycle
        reason = f"the {request.key.purpose} of {what} was done and has been undone there: it is {word} now."
        number = self._open(request, pair[0], "control", "target.undone", reason, "lifecycle")
        return self._stopped(request, number, reason, "target.undone", "lifecycle")

    def changed(
        self, request: WriteRequest, receipt: Receipt | None, intent_id: int | None = None
    ) -> exc.IncidentOpen:
        """The content is another than the one written under this key, which ``intent_id`` has."""
        what = str(receipt.ref) if receipt else "an earlier try, whose outcome is not known yet,"
        told = self._differences(request, intent_id)
        how = f": {'; '.join(str(one) for one in told[:5])}" if told else ""
        reason = f"the content has changed since {what} was written{how}."
        field = told[0].field if told else "content"
        number = self._open(request, intent_id, "control", CHANGED, reason, field)
        error = self._stopped(request, number, reason, CHANGED, field)
        error.remedy = "Set on_change to amend or supersede, or correct the source."
        return error

    def _differences(self, request: WriteRequest, intent_id: int | None) -> list[Difference]:
        """Return what differs from what was written first, the cause (a line) before its consequence."""
        body = self.ledger.intents.payload(intent_id).get("document") if intent_id is not None else None
        if body is None or request.document is None:
            return []
        found = differences(document_from_json(body), request.document)
        return sorted(found, key=lambda one: not one.line_id)

    def source_refused(self, ref: DocumentRef, error: exc.DocflowError, actor: str) -> int:
        """A source document came to nothing before anything was reserved."""
        return came_to_nothing(self.ledger, ref, error, actor)

    def _stopped(
        self, request: WriteRequest, number: int, reason: str, code: str, field: str
    ) -> exc.IncidentOpen:
        return exc.IncidentOpen(
            reason,
            system=self.site.conn_id,
            document=_number(request),
            code=code,
            field=field,
            incident=number,
            remedy=LOOK,
        )

    def _open(
        self,
        request: WriteRequest,
        intent_id: int | None,
        category: Category,
        code: str,
        reason: str,
        field: str,
    ) -> int:
        new = self._new(request, intent_id, category, code, reason, field)
        number: int = self.ledger.incidents.open(new)
        return number

    def _new(
        self,
        request: WriteRequest,
        intent_id: int | None,
        category: Category,
        code: str,
        reason: str,
        field: str,
    ) -> NewIncident:
        return NewIncident(
            category=category,
            code=code,
            reason=redact_text(reason),
            intent_id=intent_id,
            ref=request.about or request.ref,
            instance_id=self.site.instance,
            document_number=_number(request),
            field=field,
            actor=request.actor,
        )


def _number(request: WriteRequest) -> str:
    return request.reference or request.key.source_number
