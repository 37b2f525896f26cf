"""What state a document is in: five independent axes, because one word cannot say all of it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from airflow_provider_docflow.document.reading import validated
from airflow_provider_docflow.document.values import Instant, Model


class LifecycleState(StrEnum):
    """Where the document stands as a record of its system."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACTIVE = "active"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    REVERSED = "reversed"
    UNKNOWN = "unknown"


class ApprovalState(StrEnum):
    """What those who must sign have said."""

    NONE = "none"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    RETURNED = "returned"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


class FulfilmentState(StrEnum):
    """How much was delivered or received."""

    NONE = "none"
    PARTIAL = "partial"
    COMPLETE = "complete"
    OVER = "over"
    UNKNOWN = "unknown"


class InvoicingState(StrEnum):
    """How much was invoiced."""

    NONE = "none"
    PARTIAL = "partial"
    COMPLETE = "complete"
    OVER = "over"
    UNKNOWN = "unknown"


class PaymentState(StrEnum):
    """How much was paid."""

    NONE = "none"
    PARTIAL = "partial"
    COMPLETE = "complete"
    OVER = "over"
    UNKNOWN = "unknown"


_GONE = frozenset({LifecycleState.CANCELLED, LifecycleState.REVERSED})
AXES = ("lifecycle", "approval", "fulfilment", "invoicing", "payment")


class DocumentState(Model):
    """A document's state as one system told it at one moment.

    Every axis may go backwards, so no order is defined on any of them. An axis that nobody read, or whose
    word no profile maps, is ``unknown``; only decisions that need that axis have to stop.

    :param raw: the vendor's own words, by the vendor's field.
    :param read_at: when they were read, aware UTC.
    """

    lifecycle: LifecycleState = LifecycleState.UNKNOWN
    approval: ApprovalState = ApprovalState.UNKNOWN
    fulfilment: FulfilmentState = FulfilmentState.UNKNOWN
    invoicing: InvoicingState = InvoicingState.UNKNOWN
    payment: PaymentState = PaymentState.UNKNOWN
    raw: dict[str, str] = Field(default_factory=dict)
    read_at: Instant

    @property
    def is_alive(self) -> bool | None:
        """Whether the document still stands; ``None`` while nobody knows.

        ``None`` permits nothing: neither "it is there, go on" nor "it is gone, create another". Ask with
        ``is True`` or ``is False``.
        """
        if self.lifecycle is LifecycleState.UNKNOWN:
            return None
        return self.lifecycle not in _GONE

    @property
    def is_approved(self) -> bool | None:
        """Whether the approval stands; ``None`` while nobody knows."""
        if self.approval is ApprovalState.UNKNOWN:
            return None
        return self.approval is ApprovalState.APPROVED

    @property
    def unknown_axes(self) -> tuple[str, ...]:
        """The axes that say ``unknown``."""
        return tuple(axis for axis in AXES if getattr(self, axis) == "unknown")

    def to_json(self) -> dict[str, Any]:
        """Return the state as JSON primitives."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, data: Any) -> DocumentState:
        """Read what :meth:`to_json` wrote.

        :raises InvalidDocument: a field is missing, unknown or wrong; every one is named.
        """
        return validated(cls, data)
