"""What an intent is: the key that makes a write unique, its request, its reservation and its receipt."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal, get_args

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.document.money import exact_decimal
from airflow_provider_docflow.exceptions import InvalidDocument

UseKind = Literal["fulfils", "invoices", "pays", "reverses", "replaces"]
USE_KINDS: tuple[UseKind, ...] = get_args(UseKind)
ReservationStatus = Literal["fresh", "resume", "done", "changed", "busy", "held"]

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_MAY_BE_EMPTY = frozenset({"company_code", "part"})
_LONGEST = 255


_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False).encode


def digest_of(domain: str, *parts: Any) -> str:
    """Return a SHA-256 that no other list of JSON primitives under this domain shares.

    :param domain: what is being named, so that digests of different things never meet.
    """
    return hashlib.sha256(_encode([domain, *parts]).encode("ascii")).hexdigest()


@dataclass(frozen=True)
class IntentKey:
    """Names one write for ever. It comes from the business, never from a DAG run.

    :param target_instance: the tenant that is written to, as the system names itself.
    :param target_type: document type, or the object acted upon.
    :param source_instance: the tenant the document comes from.
    :param source_type: its document type there.
    :param source_number: its number there.
    :param company_code: empty where there are no companies.
    :param part: stable name of the part when one document becomes several.
    :param purpose: ``create``, or the action, write-back, comment or notification.
    :param generation: raised by a person who wants the document created again.
    :raises InvalidDocument: a field is empty, too long, or holds white space or invisible characters around
        or inside that would make a second identity of the same document.
    """

    target_instance: str
    target_type: str
    source_instance: str
    source_type: str
    source_number: str
    company_code: str = ""
    part: str = ""
    purpose: str = "create"
    generation: int = 0

    def __post_init__(self) -> None:
        for name in NAME_FIELDS:
            value = getattr(self, name)
            problem = _name_problem(name, value)
            if problem:
                raise InvalidDocument(
                    f"{name} of the intent key {problem}: {value!r:.80}",
                    document=str(self.source_number)[:_LONGEST],
                    field=name,
                    remedy="Correct this field at the source, or the mapping that reads it.",
                )
        if type(self.generation) is not int or self.generation < 0:
            raise InvalidDocument(
                f"generation must be a whole number from 0, not {self.generation!r:.40}",
                document=self.source_number,
                field="generation",
            )

    @cached_property
    def digest(self) -> str:
        """Return the SHA-256 (hex) of all fields, the generation included."""
        return digest_of("docflow intent 1", *self._names(), self.generation)

    @cached_property
    def business_digest(self) -> str:
        """Return the SHA-256 (hex) of all fields but the generation."""
        return digest_of("docflow business key 1", *self._names())

    def token(self, length: int = 16) -> str:
        """Return the mark that is written into the target: upper-case base 32 without I, L, O and U.

        :param length: 10 to 52 characters; each carries five bits, so 16 are 80 bits.
        :raises ValueError: the length is outside that range.
        """
        if not 10 <= length <= 52:
            raise ValueError(f"a mark has 10 to 52 characters, not {length}")
        number = int(self.digest, 16) << 4
        letters = [_CROCKFORD[(number >> shift) & 31] for shift in range(255, -1, -5)]
        return "".join(letters[:length])

    def _names(self) -> list[str]:
        return [str(getattr(self, name)) for name in NAME_FIELDS]

    def with_generation(self, generation: int) -> IntentKey:
        """Return the key of the same business under another generation."""
        return replace(self, generation=generation)


NAME_FIELDS = tuple(name for name in IntentKey.__dataclass_fields__ if name != "generation")


def _name_problem(name: str, value: object) -> str:
    if not isinstance(value, str):
        return "is not text"
    if not value and name not in _MAY_BE_EMPTY:
        return "is empty"
    if len(value) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if value != value.strip():
        return "has white space around it"
    plain_ascii = value.isascii() and value.isprintable()
    if not plain_ascii and any(unicodedata.category(character) in _INVISIBLE for character in value):
        return "has an invisible character in it"
    return ""


@dataclass(frozen=True)
class LineUse:
    """How much of a source line this write consumes.

    :param source: the document whose line is used.
    :param line_id: that line.
    :param quantity: in the source line's unit, never negative.
    :param amount: in the source document's currency, never negative.
    :param kind: each kind has a capacity of its own: what is invoiced does not use up what is delivered.
    :param target_line_id: the new document's line, where it is known before sending.
    :raises InvalidDocument: a number is negative or a float, or the kind is none of the five.
    """

    source: DocumentRef
    line_id: str
    quantity: Decimal
    amount: Decimal
    kind: UseKind
    target_line_id: str = ""

    def __post_init__(self) -> None:
        for name in ("quantity", "amount"):
            try:
                number = exact_decimal(getattr(self, name), decimals=10)
            except ValueError as problem:
                raise self._wrong(name, str(problem)) from None
            if number < 0:
                raise self._wrong(name, f"is negative: {number}")
            object.__setattr__(self, name, number)
        if self.kind not in USE_KINDS:
            raise self._wrong("kind", f"is {self.kind!r}, not one of {', '.join(USE_KINDS)}")

    def _wrong(self, name: str, problem: str) -> InvalidDocument:
        where = f"lines[{self.line_id}].{name}"
        return InvalidDocument(
            f"the use of a line is wrong: {problem}", document=str(self.source), field=where
        )


@dataclass(frozen=True)
class IntentRequest:
    """One write that somebody wants to make.

    :param content_hash: hash of what would be sent; another one under the same key is a change.
    :param payload: what would be sent, as JSON; encrypted at rest.
    :param material_hash: hash of the fields that the approval covers.
    :param uses: what it consumes of other documents' lines.
    :param actor: who asks, as text: DAG, run and task, or a person.
    """

    key: IntentKey
    content_hash: str
    payload: Mapping[str, Any]
    material_hash: str = ""
    uses: tuple[LineUse, ...] = ()
    actor: str = ""


@dataclass(frozen=True)
class Receipt:
    """Proof of a write: the document as it was read back from the target.

    :param state: the state's axes as JSON, with ``read_at``.
    :param content_hash: hash of what was sent for it.
    :param at: when it was known, aware UTC.
    :param detail: JSON; ``lines`` maps source line ids to target line ids, and ``party_id``, ``party_name``,
        ``amount`` (text), ``currency`` and ``issue_date`` go into the document index.
    """

    ref: DocumentRef
    state: Mapping[str, Any]
    content_hash: str
    at: datetime
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the receipt as JSON primitives."""
        return {
            "ref": self.ref.to_json(),
            "state": dict(self.state),
            "content_hash": self.content_hash,
            "at": self.at.isoformat(),
            "detail": dict(self.detail),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Receipt:
        """Read what :meth:`to_json` wrote."""
        return cls(
            DocumentRef.from_json(data["ref"]),
            data["state"],
            data["content_hash"],
            datetime.fromisoformat(data["at"]),
            data["detail"],
        )


@dataclass(frozen=True)
class Reservation:
    """What the ledger answers to a request.

    ``fresh``: nothing was ever sent, or provably did not land; send it. ``resume``: it may have landed;
    probe first. ``done``: the receipt is the answer. ``changed``: another content under this key than the
    one recorded. ``busy``: another process holds the lease. ``held``: a person has to decide first.

    :param lease_token: proves the lease towards every later call; empty when no lease was given.
    :param sent_before: bytes may have gone out under this key and nobody knows what became of them.
    :param send_not_before: nothing may be sent before this moment.
    :param absent_count: how often a probe said "not found" after that moment, since the last sending.
    :param incident: the open incident, if one stops this intent.
    :param voided: the receipt's document was cancelled at the target; its line uses are free again.
    """

    key: IntentKey
    intent_id: int
    status: ReservationStatus
    lease_token: str = ""
    lease_until: datetime | None = None
    receipt: Receipt | None = None
    sent_before: bool = False
    send_not_before: datetime | None = None
    absent_count: int = 0
    first_absent_at: datetime | None = None
    sent_at: datetime | None = None
    incident: int | None = None
    voided: bool = False
