"""What is to be written, what became of it, and one request on its way through a wave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.profile import Reading, Write, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, document_to_json, material_hash
from airflow_provider_docflow.ledger import judge
from airflow_provider_docflow.ledger.keys import IntentKey, IntentRequest, LineUse, Receipt, Reservation

Status = Literal["written", "found", "existing", "changed", "failed"]
ENDING = frozenset({"cancel", "reverse", "terminate", "withdraw", "close", "delete"})
"""Actions after which the document is meant to be dead."""


@dataclass(frozen=True, kw_only=True)
class WriteRequest:
    """One document or action to be written once.

    :param key: the business identity of the write, its purpose included.
    :param content_hash: of what is to be there; another content under the same key is ``changed``.
    :param ref: the document that is acted upon, for what changes an existing one.
    :param about: the source document, which people know and to which an incident belongs.
    """

    key: IntentKey
    content_hash: str
    document: Document | None = None
    ref: DocumentRef | None = None
    about: DocumentRef | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    material_hash: str = ""
    uses: tuple[LineUse, ...] = ()
    actor: str = ""


@dataclass(frozen=True, kw_only=True)
class WriteOutcome:
    """What became of one request.

    ``written`` now, ``found`` by a probe, ``existing`` from an earlier run, ``changed`` content under a
    key that is written already, or ``failed`` with the error.
    """

    request: WriteRequest
    status: Status
    receipt: Receipt | None = None
    reading: Reading | None = None
    error: exc.DocflowError | None = None
    intent_id: int | None = None


@dataclass
class Work:
    """One request on its way through a wave."""

    request: WriteRequest
    item: WriteItem
    reservation: Reservation
    verdict: judge.Verdict | None = None
    outcome: WriteOutcome | None = None

    @property
    def pair(self) -> tuple[int, str]:
        """Intent and lease, as the ledger wants them."""
        return self.reservation.intent_id, self.reservation.lease_token

    def fail(self, error: exc.DocflowError) -> None:
        """End with an error."""
        error.document = error.document or self.request.reference or self.request.key.source_number
        self.outcome = WriteOutcome(
            request=self.request, status="failed", error=error, intent_id=self.reservation.intent_id
        )

    def end(self, status: Status, receipt: Receipt | None, reading: Reading | None) -> None:
        """End well, or with content that has changed."""
        self.outcome = WriteOutcome(
            request=self.request,
            status=status,
            receipt=receipt,
            reading=reading,
            intent_id=self.reservation.intent_id,
        )


def verb_of(purpose: str) -> str:
    """Return the profile's name of a purpose: ``amend-3`` is the third amendment: the verb is ``amend``."""
    return purpose.partition("-")[0] if purpose.startswith("amend-") else purpose.partition(":")[0]


def intent_request(request: WriteRequest) -> IntentRequest:
    """Return what the ledger keeps of a request."""
    payload = {
        "document": document_to_json(request.document) if request.document else None,
        "ref": request.ref.to_json() if request.ref else None,
        "arguments": dict(request.arguments),
        "reference": request.reference,
    }
    return IntentRequest(
        key=request.key,
        content_hash=request.content_hash,
        payload=payload,
        material_hash=request.material_hash,
        uses=request.uses,
        actor=request.actor,
    )


def write_item(write: Write, request: WriteRequest, reservation: Reservation) -> WriteItem:
    """Return what the profile's write gets to see."""
    return WriteItem(
        mark=request.key.token(write.mark_length),
        reference=request.reference,
        document=request.document,
        ref=request.ref,
        arguments=request.arguments,
        sent_at=reservation.sent_at if reservation.sent_before else None,
    )


def receipt_of(work: Work, reading: Reading, at: datetime) -> Receipt:
    """Return the receipt of what was read back after a write."""
    return existing_receipt(work.request, reading, at, work.item.arguments.get("detail"))


def existing_receipt(
    request: WriteRequest, reading: Reading, at: datetime, written: Mapping[str, Any] | None = None
) -> Receipt:
    """Return the receipt of a document as it reads, with what the index and later checks need of it."""
    detail = {**(written or {}), **_indexed(reading, request.document)}
    if reading.document is not None:
        detail["material_hash"] = material_hash(reading.document)
    return Receipt(
        ref=reading.ref,
        state=reading.state.to_json(),
        content_hash=request.content_hash,
        at=at,
        detail=detail,
    )


def _indexed(reading: Reading, sent: Document | None) -> dict[str, Any]:
    """Return what the index learns: what the system says, and where it says nothing, what it was sent."""
    said = [document for document in (reading.document, sent) if document is not None]
    parties = [party for one in said if (party := one.seller_supplier_party or one.buyer_customer_party)]
    totals = [reading.total, *(one.payable_amount for one in said)]
    return {
        "party_id": next(filter(None, [reading.party, *(party.id for party in parties)]), ""),
        "party_name": next(filter(None, [party.name for party in parties]), ""),
        "currency": next(filter(None, [reading.currency, *(one.document_currency_code for one in said)]), ""),
        "amount": next((format(total, "f") for total in totals if total is not None), None),
        "issue_date": said[0].issue_date.isoformat() if said else None,
    }


def is_unknown(outcome: WriteOutcome) -> bool:
    """Tell whether the write may have landed."""
    return outcome.error is not None and outcome.error.landed == "unknown"


def wait_of(outcome: WriteOutcome) -> float:
    """Return the seconds before another probe can count."""
    asked = outcome.error.retry_after if outcome.error else None
    return max(asked or 0.0, 0.05)


def as_docflow(error: object, site: Site) -> exc.DocflowError:
    """Return a typed error of one document's own; one of another type is a defect, its outcome unknown.

    A batch shares one error object, but document and incident are each document's own: hence the copy.
    """
    if isinstance(error, exc.DocflowError):
        return type(error)(error.message, **error.attrs())
    return exc.UnknownOutcome(
        f"unexpected {type(error).__name__}: {error}.",
        system=site.conn_id,
        remedy="Report this as a defect of the connector.",
    )


def replace_unknown(error: exc.DocflowError, settle_seconds: float) -> exc.UnknownOutcome:
    """Return ``error`` as an unknown outcome that may be probed after the settle time."""
    attrs = error.attrs()
    attrs["retry_after"] = max(error.retry_after or 0.0, settle_seconds)
    return exc.UnknownOutcome(error.message, **attrs)


def refuse_shadows(requests: Sequence[WriteRequest]) -> None:
    """Refuse to write what is about a document that only a shadow run knows.

    :raises ShadowReference: one is.
    """
    for request in requests:
        if (request.ref and request.ref.is_shadow) or any(use.source.is_shadow for use in request.uses):
            raise exc.ShadowReference(
                "it was never written: only a shadow run knows it.",
                document=request.reference,
                remedy="Clear the task upstream so that it runs live.",
            )
