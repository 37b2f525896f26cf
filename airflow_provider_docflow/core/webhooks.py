"""What a product's webhook says: its own way to sign, encrypt and be answered. Pure: no clock, no network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_docflow.core.site import Site


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One HTTP request as it came in.

    :param headers: by name in lower case.
    :param body: whole and as sent; signatures cover its bytes.
    """

    method: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, kw_only=True)
class Event:
    """One thing that the vendor tells about a document; a hint to look there, never evidence by itself.

    :param id: the same for the same event, whenever and however often it is delivered; never empty.
    :param kind: the vendor's own word.
    :param document_type: by the connection's forms; empty if the form is none of them.
    :param internal_id: of the document, as its references carry it; may be empty where ``number`` is not.
    :param detail: what else is worth knowing, as JSON values; fields with a secret's name are blanked.
    """

    id: str
    kind: str
    document_type: str = ""
    internal_id: str = ""
    number: str = ""
    happened_at: datetime | None = None
    detail: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the vendor wants to hear."""

    status: int = 200
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A delivery that was verified and decrypted.

    :param events: empty for a check of the address.
    :param answer: given once the events are kept.
    :param signed_at: seconds since the epoch as they were signed; None if the vendor signs no time.
    :param replay_key: what no other delivery carries, best the signature; empty if there is none. The very
        same bytes are answered again; other bytes under this key are refused.
    """

    events: tuple[Event, ...]
    answer: Answer
    signed_at: float | None = None
    replay_key: str = ""


@dataclass(frozen=True, kw_only=True)
class WebhookProfile:
    """How a product delivers events.

    :param open: verifies and decrypts with the connection's secrets, which it compares in constant time. The
        time in seconds since the epoch goes only into what an answer has to carry. It raises
        ``Authentication`` for a delivery that is not the vendor's and ``InvalidDocument`` for one that is and
        cannot be understood.
    :param needs: names of the connection's fields without which nothing can be verified.
    :param answer_seconds: the vendor's limit for an answer.
    :param fresh_seconds: how old a signed time may be.
    """

    open: Callable[[Site, Delivery, float], Opened]
    needs: tuple[str, ...]
    answer_seconds: float
    fresh_seconds: float = 300.0
    docs_url: str = ""
