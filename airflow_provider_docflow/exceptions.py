"""Every error that this package raises. Each answers: may a retry help, did it land, who says no.

.. code-block:: text

    DocflowError
    ├── TransientError            a retry may help
    │   ├── RateLimited           too many calls; retry_after says when
    │   ├── Conflict              somebody else changes the document now
    │   ├── Unreachable           the request never reached the system
    │   └── UnknownOutcome        it may have landed; only a probe can tell
    ├── PermanentError            a retry changes nothing
    │   ├── Authentication        the login or a permission is refused
    │   ├── NotFound              the document does not exist there
    │   ├── Rejected              the system's business rules say no
    │   │   └── InvalidDocument   the document contradicts itself; nothing was sent
    │   ├── Duplicate             the system holds another document under this number
    │   ├── Unsupported           this product cannot do that
    │   ├── Misconfigured         a connection, mapping or argument is wrong
    │   ├── NotApproved           no valid decision covers what would be written
    │   ├── InstanceChanged       the connection answers as another instance than before
    │   ├── ShadowOnly            it would be sent, and this runs in shadow
    │   ├── ShadowReference       the document was never written: only a shadow run knows it
    │   └── IncidentOpen          a person has to decide first; incident says which
    ├── HeldError                 parks the work without using up retries
    │   ├── PeriodClosed          the posting period is closed
    │   ├── QuotaExhausted        the daily or monthly quota is used up
    │   ├── SystemDown            the system does not answer
    │   └── LeaseBusy             another process is writing this very document
    └── LedgerError               docflow's own memory; writing fails closed
        ├── LedgerUnavailable     it cannot be reached, or may not be used from here
        ├── LedgerSchemaMismatch  run ``airflow docflow db upgrade``
        └── LeaseLost             somebody else took the intent over; nothing was sent
"""

from __future__ import annotations

from typing import Any, Literal, TypeVar

E = TypeVar("E", bound="DocflowError")
Landed = Literal["no", "yes", "unknown"]

_FIELDS = (
    "system",
    "code",
    "http_status",
    "request_id",
    "document",
    "field",
    "remedy",
    "retry_after",
    "incident",
)


class DocflowError(Exception):
    """Base of all errors of this package.

    :param message: what happened, without secrets.
    :param system: connection or product that said so.
    :param code: the system's own error code.
    :param http_status: HTTP status of the reply, if there was one.
    :param request_id: the system's id of the request, for its support desk.
    :param document: number or key of the document concerned.
    :param field: the field that is wrong, as a path such as ``lines[2].quantity``.
    :param remedy: what a person should do next.
    :param retry_after: seconds to wait before the next try, as far as anybody knows.
    :param incident: id of the incident in the ledger that tracks this.
    """

    landed: Landed = "no"

    def __init__(
        self,
        message: str,
        *,
        system: str = "",
        code: str = "",
        http_status: int | None = None,
        request_id: str = "",
        document: str = "",
        field: str = "",
        remedy: str = "",
        retry_after: float | None = None,
        incident: int | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.system, self.code, self.http_status, self.request_id = system, code, http_status, request_id
        self.document, self.field, self.remedy = document, field, remedy
        self.retry_after, self.incident = retry_after, incident

    def attrs(self) -> dict[str, Any]:
        """Return what is known besides the message, as JSON primitives."""
        return {name: value for name in _FIELDS if (value := getattr(self, name)) not in ("", None)}

    def told_as(self, kind: type[E], message: str, **more: Any) -> E:
        """Return an error of another kind about the same reply: with its system, code, status and request.

        :param more: what is known besides, such as ``field`` and ``remedy``.
        """
        reply = ("system", "code", "http_status", "request_id")
        return kind(message, **{name: getattr(self, name) for name in reply}, **more)

    def __str__(self) -> str:
        where = [self.system, f"document {self.document}" if self.document else "", self.field]
        head = ", ".join(part for part in where if part)
        tail = [
            f"code {self.code}" if self.code else "",
            f"HTTP {self.http_status}" if self.http_status else "",
            f"request {self.request_id}" if self.request_id else "",
            f"incident {self.incident}" if self.incident else "",
        ]
        notes = ", ".join(part for part in tail if part)
        text = f"{head}: {self.message}" if head else self.message
        text = f"{text} ({notes})" if notes else text
        return f"{text} What to do: {self.remedy}" if self.remedy else text

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.message, self.attrs())


def _rebuild(kind: type[DocflowError], message: str, attrs: dict[str, Any]) -> DocflowError:
    return kind(message, **attrs)


class TransientError(DocflowError):
    """A retry may help."""


class RateLimited(TransientError):
    """Too many calls; ``retry_after`` says when to come back."""


class Conflict(TransientError):
    """Somebody else is changing the document at this moment."""


class Unreachable(TransientError):
    """The request never reached the system."""


class UnknownOutcome(TransientError):
    """The request may have landed; it must not be repeated before a probe."""

    landed: Landed = "unknown"


class PermanentError(DocflowError):
    """A retry changes nothing."""


class Authentication(PermanentError):
    """The login or a permission is refused."""


class NotFound(PermanentError):
    """The document does not exist there."""


class Rejected(PermanentError):
    """The system's business rules say no."""


class InvalidDocument(Rejected):
    """The document contradicts itself or lacks a field; nothing was sent."""


class Duplicate(PermanentError):
    """The system holds another document under this number."""

    landed: Landed = "unknown"


class Unsupported(PermanentError):
    """The product cannot do that, or nobody has shown that it can."""


class Misconfigured(PermanentError):
    """A connection, a mapping or an argument is wrong."""


class NotApproved(PermanentError):
    """No valid decision covers what would be written."""


class InstanceChanged(PermanentError):
    """The connection answers as another instance than the one that was accepted."""


class ShadowOnly(PermanentError):
    """It would be sent, and this runs in shadow; nothing was sent."""


class ShadowReference(PermanentError):
    """The document was never written: only a shadow run knows it."""


class IncidentOpen(PermanentError):
    """A person has to decide before this document goes on."""


class HeldError(DocflowError):
    """Parks the work; it comes back without using up retries."""


class PeriodClosed(HeldError):
    """The posting period is closed."""


class QuotaExhausted(HeldError):
    """The daily or monthly quota is used up."""


class SystemDown(HeldError):
    """The system does not answer."""


class LeaseBusy(HeldError):
    """Another process is writing this very document."""


class LedgerError(DocflowError):
    """docflow's own memory; writing fails closed."""


class LedgerUnavailable(LedgerError):
    """The ledger cannot be reached, or may not be used from here."""


class LedgerSchemaMismatch(LedgerError):
    """The ledger's schema is newer or older than this code; run ``airflow docflow db upgrade``."""


class LeaseLost(LedgerError):
    """Somebody else took the intent over; nothing was sent."""
