"""What a connector declares: how to log in, what it can do, what its words mean, how far a resend is safe."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import httpx2

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core.error_rules import ErrorRule, RemoteError
from airflow_provider_docflow.core.exchange import Exchange
from airflow_provider_docflow.core.live import LiveField
from airflow_provider_docflow.document import Document, DocumentRef, DocumentState, LifecycleState

if TYPE_CHECKING:
    from airflow_provider_docflow.core.messages import Channel
    from airflow_provider_docflow.core.site import Site
    from airflow_provider_docflow.core.webhooks import WebhookProfile

Quality = Literal["native", "unique", "best_effort", "none"]


@dataclass(frozen=True, kw_only=True)
class Probe:
    """How surely the system can say whether a write has landed.

    ``native``: it refuses a second itself. ``unique``: a search by our mark sees every committed row
    after ``settle_seconds``. ``best_effort``: the search may miss it. ``none``: it cannot be asked.
    """

    quality: Quality
    settle_seconds: float = 0.0

    @property
    def guarantee(self) -> str:
        """Message code of what may be promised of this operation."""
        exactly = self.quality in ("native", "unique")
        return "guarantee.exactly_once" if exactly else "guarantee.at_most_once_or_incident"


@dataclass(frozen=True, kw_only=True)
class ApprovalEntry:
    """One line of an approval's history in the system's own order."""

    approver: str
    decision: Literal["approved", "rejected", "returned", "withdrawn", "revoked", "transferred", "commented"]
    decided_at: datetime | None = None
    comment: str = field(default="", repr=False)
    on_behalf_of: str = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """A document as the system shows it now."""

    ref: DocumentRef
    state: DocumentState
    document: Document | None = None
    company_code: str = ""
    party: str = ""
    currency: str = ""
    total: Decimal | None = None
    history: tuple[ApprovalEntry, ...] = ()
    raw: Mapping[str, Any] = field(default_factory=dict, repr=False)
    changed_at: str = ""
    related: tuple[DocumentRef, ...] = ()
    problem: exc.InvalidDocument | None = None
    """Why ``document`` is None although the system shows one: the field and what to correct."""


@dataclass(frozen=True, kw_only=True)
class WriteItem:
    """One write: what is to be there afterwards, and the mark by which it is found again.

    :param mark: short text from the intent's key; written into the target where it has room for it.
    :param reference: the source document's number, for people.
    :param sent_at: when an earlier try went out, if there was one.
    """

    mark: str
    reference: str = ""
    document: Document | None = None
    ref: DocumentRef | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    sent_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Written:
    """What the system answered to a write."""

    ref: DocumentRef
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a probe saw: documents that carry the mark, and some that look the same without it."""

    marked: tuple[Reading, ...] = ()
    suspects: tuple[Reading, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Write:
    """One kind of write.

    ``run`` answers one entry per item, in order: :class:`Written`, or the error of that item.
    ``find`` answers one :class:`Finding` per item, in one request per batch where the system allows.
    ``landed`` tells, for an action on an existing document, from a reading whether it is done.
    ``removes``: the system keeps nothing of the document; not to be found is its reading (:func:`gone`).
    """

    run: Callable[[Site, Sequence[WriteItem]], Exchange[list[Written | exc.DocflowError]]]
    probe: Probe
    find: Callable[[Site, Sequence[WriteItem]], Exchange[list[Finding]]] | None = None
    landed: Callable[[Reading, WriteItem], bool] | None = None
    batch_size: int = 1
    mark_length: int = 16
    removes: bool = False


def gone(ref: DocumentRef, read_at: datetime) -> Reading:
    """Return the reading of a document that was removed for good: of its state only that is known."""
    return Reading(ref=ref, state=DocumentState(lifecycle=LifecycleState.CANCELLED, read_at=read_at))


@dataclass(frozen=True, kw_only=True)
class Query:
    """Which documents to list; empty fields do not restrict."""

    numbers: tuple[str, ...] = ()
    party: str = ""
    company_code: str = ""
    changed_since: datetime | None = None
    issued_from: date | None = None
    issued_to: date | None = None
    raw: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Page:
    """Part of a listing; ``next`` continues it, None ends it."""

    readings: tuple[Reading, ...]
    next: str | None = None


@dataclass(frozen=True, kw_only=True)
class Changes:
    """References changed since a cursor; ``cursor`` is to be kept only after these were handled."""

    refs: tuple[DocumentRef, ...]
    cursor: str
    more: bool = False


@dataclass(frozen=True, kw_only=True)
class DocumentProfile:
    """What the system can do with one document type; what is None is ``Unsupported``."""

    read: Callable[[Site, Sequence[DocumentRef]], Exchange[list[Reading | exc.DocflowError]]]
    search: Callable[[Site, Query, str | None], Exchange[Page]] | None = None
    changes: Callable[[Site, str], Exchange[Changes]] | None = None
    create: Write | None = None
    amend: Write | None = None
    actions: Mapping[str, Write] = field(default_factory=dict)
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"saved": ()})
    link: Callable[[Site, DocumentRef], str] | None = None
    describe: Callable[[Site], Exchange[list[LiveField]]] | None = None
    permissions: Callable[[Site], Exchange[Mapping[str, bool]]] | None = None
    """Like ``describe`` it only reads: which operations (``read``, ``create``, …) the login may do."""
    page_size: int = 100
    approves: bool = False
    """This type carries decisions of its own: it may be waited for and observed as an approval."""
    axes: tuple[str, ...] = ("lifecycle",)
    """The axes of the state that a reading tells from the system's own words."""
    attachments: tuple[Literal["read", "write"], ...] = ()
    """Whether a reading names the attached files, and whether a write or an action attaches some."""


@dataclass(frozen=True)
class Token:
    """A login's token; ``good_for_seconds`` from the moment it was given."""

    value: str = field(repr=False)
    good_for_seconds: float = 3600.0


@dataclass(frozen=True, kw_only=True)
class Limit:
    """At most ``count`` calls in ``seconds``; a window of a day or more is a quota."""

    name: str
    count: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class SystemProfile:
    """One product.

    ``error`` reads what a reply says went wrong (None: all is well), ``errors`` give it our type.
    ``sign`` returns the request with the token and signature on it and is pure. ``instance`` asks the
    system for its own name.
    """

    name: str
    title: str
    docs_url: str
    checked_on: date
    documents: Mapping[str, DocumentProfile]
    instance: Callable[[Site], Exchange[str]]
    login: Callable[[Site], Exchange[Token]] | None = None
    login_by: tuple[str, ...] = ()
    """Settings that tell one login from another, besides the address, the database and the user."""
    login_limits: tuple[Limit, ...] = ()
    """How often a login may be asked for, apart from the limits of all calls."""
    sign: Callable[[httpx2.Request, str | None, Site], httpx2.Request] | None = None
    token_refused: Callable[[httpx2.Response, Any], bool] = lambda reply, body: reply.status_code == 401
    error: Callable[[httpx2.Response, Any], RemoteError | None] | None = None
    errors: tuple[ErrorRule, ...] = ()
    conn_fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    ui_field_behaviour: Mapping[str, Any] = field(default_factory=dict)
    lookups: Mapping[str, Callable[[Site, Sequence[str]], Exchange[dict[str, Any]]]] = field(
        default_factory=dict
    )
    limits: tuple[Limit, ...] = ()
    call_limits: Mapping[str, Limit] = field(default_factory=dict)
    """Limits of some calls alone, by the kind that a request names in its extension ``docflow_call``."""
    channels: Mapping[str, Channel] = field(default_factory=dict)
    webhook: WebhookProfile | None = None
    experimental: bool = False
    """Written after third-party text alone; forms, docs and the capability table say so."""
    clock: Callable[[Site], Exchange[datetime]] | None = None
    """Asks the system for its own time, where its replies carry none."""
    timeout_seconds: float = 30.0
    max_connections: int = 8
    resolve: Callable[[Mapping[str, Any]], SystemProfile] | None = None
    """For products whose documents the connection itself names (SQL tables, a REST API of the user)."""

    def configured(self, settings: Mapping[str, Any]) -> SystemProfile:
        """Return the profile as a connection with these settings has it.

        :raises Misconfigured: the settings name no usable documents.
        """
        return self.resolve(settings) if self.resolve else self

    def of(self, document_type: str) -> DocumentProfile:
        """Return what the product can do with ``document_type``.

        :raises Unsupported: nothing is declared for it.
        """
        try:
            return self.documents[str(document_type)]
        except KeyError:
            known = ", ".join(sorted(self.documents))
            raise exc.Unsupported(
                f"{self.title} has no document type {document_type!s} here.",
                system=self.name,
                remedy=f"Use one of: {known}.",
            ) from None

    def write(self, document_type: str, purpose: str) -> Write:
        """Return the write for ``create``, ``amend`` or an action of ``document_type``.

        :raises Unsupported: the product cannot do it, or nobody has shown that it can.
        """
        kind = self.of(document_type)
        found = {"create": kind.create, "amend": kind.amend, **kind.actions}.get(purpose)
        if found is None:
            raise exc.Unsupported(
                f"{self.title} cannot {purpose} a {document_type!s}.",
                system=self.name,
                remedy="See the capability table for what it can do.",
            )
        return found
