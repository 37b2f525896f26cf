"""What a user declares about a JSON API, document type by document type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.core import fields
from airflow_provider_docflow.core.calls import Answer
from airflow_provider_docflow.core.fields import Kind
from airflow_provider_docflow.core.profile import Probe, Reading, WriteItem, Written
from airflow_provider_docflow.core.rest.pages import OnePage, Paging
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.core.states import Words

MARK = "{mark}"
_BEST_EFFORT, _UNIQUE = Probe(quality="best_effort"), Probe(quality="unique")


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request of the API.

    :param path: with ``{id}``, ``{number}``, ``{company_code}`` and ``{mark}`` filled in, each quoted.
    :param params: query parameters, filled in alike.
    :param at: path in the body of the answer at which the document, or the list, stands.
    """

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    at: str = ""


class Field:
    """A canonical field and where the API has it.

    :param canonical: path in the document or line, see :mod:`~airflow_provider_docflow.core.fields`.
    :param native: dotted path in the API's JSON.
    :param kind: how the value is written there; by default text, amounts as exact decimal strings.
    :param write: False for fields that the API sets itself.
    :param required: the API takes no document without it.
    """

    def __init__(
        self,
        canonical: str,
        native: str,
        kind: Kind | None = None,
        *,
        write: bool = True,
        required: bool = False,
    ) -> None:
        self.canonical, self.native, self.write, self.required = canonical, native, write, required
        self.kind = kind or fields.kind_of(canonical)


@dataclass(frozen=True, kw_only=True)
class MarkAt:
    """Where our mark is written, so that the document is found again.

    :param native: path of a text field that people leave alone.
    :param text: what is written; ``{reference}`` is the source document's number and is cut to make room.
    :param length: the most characters that the field keeps.
    """

    native: str
    text: str = MARK
    length: int = 64

    def value(self, item: WriteItem) -> str:
        """Return what to write for an item: the mark always whole, the reference as far as there is room.

        :raises Misconfigured: there is no room for a mark.
        """
        room = self.length - len(self.text.format(mark=item.mark, reference=""))
        if room < 0:
            raise exc.Misconfigured(f"the field {self.native} has no room for a mark.", field=self.native)
        return self.text.format(mark=item.mark, reference=item.reference[:room])


@dataclass(frozen=True, kw_only=True)
class Find:
    """How a document is found by its mark: a listing whose parameter holds what was written."""

    call: Call
    param: str
    probe: Probe = _BEST_EFFORT
    paging: Paging = field(default_factory=OnePage)


@dataclass(frozen=True, kw_only=True)
class IdempotencyKey:
    """The API refuses a second request with the same key, and answers it with the first result.

    :param for_good: it does so for ever. Only then is that a proof; an API that forgets keys after a day
        needs a :class:`Find` too, and promises no more than that.
    """

    header: str = "Idempotency-Key"
    for_good: bool = False


@dataclass(frozen=True, kw_only=True)
class Search:
    """A listing.

    :param filters: canonical restriction (``numbers``, ``party``, ``company_code``, ``changed_since``,
        ``issued_from``, ``issued_to``) → query parameter. What has none is ``Unsupported``, never ignored.
    :param joined: the API takes several numbers in one parameter, separated by this.
    """

    call: Call
    filters: Mapping[str, str] = field(default_factory=dict)
    paging: Paging = field(default_factory=OnePage)
    joined: str = ""


@dataclass(frozen=True, kw_only=True)
class ReadMany:
    """How several documents are read with one request: a listing whose parameter takes their internal ids.

    Declare it only where this listing shows what was written as soon as reading the one document does: what
    is read back after a write is read with it. What it leaves out is read by itself.

    :param call: its parameters ask for a page of at least ``size`` documents.
    :param joined: stands between the ids.
    :param size: the most ids of one request.
    """

    call: Call
    param: str
    joined: str = ","
    size: int = 50


@dataclass(frozen=True, kw_only=True)
class Action:
    """A change of state; ``done`` gives per axis the words after which it counts as done."""

    call: Call
    done: Mapping[str, tuple[str, ...]] | Callable[[Reading, WriteItem], bool]
    probe: Probe = _UNIQUE
    body: Callable[[Site, WriteItem], Any] | None = None


@dataclass(frozen=True, kw_only=True)
class RestDocument:
    """One document type of the API. Every part that is a function takes over from the declaration.

    :param id_at: path of the internal id in a document; :param number_at: of its number.
    :param fixed: native path → value that every created document gets.
    :param assume: canonical path → the one value that all documents of this API have.
    :param overlap_seconds: how far the change feed reads back, for changes that become visible late.
    :param body: builds the request body of create and amend.
    :param reading: builds the reading of a raw document.
    :param written: reads the answer to a create.
    """

    read: Call
    fields: tuple[Field, ...]
    id_at: str = "id"
    number_at: str = "number"
    lines_at: str = ""
    line_fields: tuple[Field, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    assume: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, Words] = field(default_factory=dict)
    changed_at: str = ""
    create: Call | None = None
    mark: MarkAt | None = None
    idempotency: IdempotencyKey | None = None
    find: Find | None = None
    read_many: ReadMany | None = None
    amend: Call | None = None
    search: Search | None = None
    actions: Mapping[str, Action] = field(default_factory=dict)
    stages: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"saved": ()})
    overlap_seconds: float = 120.0
    link: str = ""
    approves: bool = False
    body: Callable[[Site, WriteItem], Any] | None = None
    reading: Callable[[Site, Mapping[str, Any]], Reading] | None = None
    written: Callable[[Site, WriteItem, Answer], Written] | None = None

    def __post_init__(self) -> None:
        fields.check_paths(field.canonical for field in self.fields)
        fields.check_paths((field.canonical for field in self.line_fields), lines=True)
        fields.check_paths(self.assume)
        if self.find is not None and self.mark is None:
            raise exc.Misconfigured("a document can be found by its mark only if the mark is written.")
        if self.line_fields and not self.lines_at:
            raise exc.Misconfigured("line_fields need lines_at.", field="lines_at")

    @property
    def probe(self) -> Probe:
        """How surely a create can be accounted for."""
        if self.idempotency is not None and self.idempotency.for_good:
            return Probe(quality="native")
        return self.find.probe if self.find else Probe(quality="none")
