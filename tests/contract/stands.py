"""
The systems that the contract is tried on: one file ``stand_<system>.py`` per product, each with ``STANDS``.

``STANDS`` maps a name to a context manager: given pytest's request it yields a :class:`Stand`, a running
system with a site that leads to it and a look at the truth behind the connector's back. A product without
such a file fails the suite.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from importlib import import_module, util
from typing import Any

import pytest

from airflow_provider_docflow import systems
from airflow_provider_docflow.core.profile import DocumentProfile, Reading, WriteItem
from airflow_provider_docflow.core.site import Site
from airflow_provider_docflow.document import Document, DocumentRef, Line, Party, differences
from airflow_provider_docflow.hooks.doors import SqlRunner, Tokens

FAULTS = (
    "cut",
    "reply_lost",
    "error_before",
    "error_after",
    "rate_limited",
    "rate_limited_with_retry_after",
    "malformed",
    "late_commit",
)
"""What may go wrong with a write, see :class:`~airflow_provider_docflow.sandbox.faults.FaultRule`.

A late commit comes within the settle time that the product declares: that is what the time means.
"""

RETRY_AFTER = 7.0
Factory = Callable[[pytest.FixtureRequest], AbstractContextManager["Stand"]]
_SERIAL = itertools.count(1)


@dataclass
class Stand:
    """A running system.

    :param site: with the instance that the system says it is.
    :param document_type: a type that can be read, created and, if the product can, listed and followed.
    :param count: how many documents the system really holds for an item, whoever looks.
    :param edit: change a document as a person there would, so that it counts as changed.
    :param document: a document that the system takes; given its number.
    :param bad: an item that the system's own rules, or the connector, refuse.
    :param missing: a reference to nothing.
    :param faults: fault → put it in force for the next write.
    :param without: fault → why it cannot happen here, or where the same is tried. Each one is in one of both.
    :param calm: take every fault out of force.
    :param wait: let so many seconds pass in the system.
    :param settle: let time pass until late work is done and every search sees it.
    :param log: what the system was asked since ``forget``, as comparable lines.
    :param expire: end every login's token; None where there is no login.
    :param logins: how many logins there were; None as above.
    :param tokens: kept over doors, where a login is slow; None logs in anew at every door.
    :param refused: a site that the system does not let in; None where everybody is.
    :param secrets: texts that no error, log or repr may show.
    :param mark_room: characters that the system keeps of a mark.
    :param actions: an action → the word of the lifecycle after it, one after the other on one document.
    :param endings: the same for actions that need a document of their own. Every action is in one of the two.
    :param arguments: an action → the arguments that it needs.
    :param before: an ending → the actions that its document has behind it, where it cannot begin with a new
        one.
    :param spread: documents for the test of paging: more than one page.
    :param same: tell whether the document read is the one written.
    :param lacks: what the product does not have, and why; without a change feed that is ``changes``.
    """

    site: Site
    document_type: str
    count: Callable[[WriteItem], int]
    edit: Callable[[DocumentRef], None]
    missing: DocumentRef
    faults: Mapping[str, Callable[[], None]]
    without: Mapping[str, str]
    bad: Callable[[], WriteItem]
    calm: Callable[[], None]
    wait: Callable[[float], None]
    settle: Callable[[], None]
    log: Callable[[], list[str]]
    forget: Callable[[], None]
    mark_room: int
    sql: SqlRunner | None = None
    expire: Callable[[], None] | None = None
    logins: Callable[[], int] | None = None
    tokens: Tokens | None = None
    refused: Site | None = None
    secrets: tuple[str, ...] = ()
    actions: Mapping[str, str] = field(default_factory=dict)
    endings: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    before: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    spread: int = 25
    document: Callable[[str], Document] = lambda number: plain_document("purchase_order", number)
    same: Callable[[Reading, Document], bool] = lambda reading, document: says_the_same(reading, document)
    unsupported_type: str = "contract"
    http: bool = True
    lacks: Mapping[str, str] = field(default_factory=dict)

    def tokens_for(self, site: Site) -> Tokens | None:
        """Return where the tokens of a site are kept: a login that is refused must not find another's."""
        return self.tokens if site is self.site else None

    @property
    def kind(self) -> DocumentProfile:
        """What the product can do with the type."""
        return self.site.profile.of(self.document_type)

    def item(self, *, length: int = 0, **more: Any) -> WriteItem:
        """Return an item that was never written before; its number is padded to ``length``."""
        serial = next(_SERIAL)
        mark = f"{serial:0{self.kind.create.mark_length}d}" if self.kind.create else f"{serial:016d}"
        number = f"订单-2026-{serial:05d}".ljust(length, "É")
        return WriteItem(mark=mark, reference=number, document=self.document(number), **more)


def plain_document(document_type: str, number: str, **more: Any) -> Document:
    """Return a document that most systems take."""
    lines = tuple(
        Line(
            line_id=str(position),
            item_id=f"P-10{position}",
            description="扳手 Ø 12",
            quantity=Decimal(quantity),
            unit_code="C62",
            price_amount=Decimal(price),
        )
        for position, quantity, price in ((1, "2", "50.25"), (2, "1", "0.01"))
    )
    values: dict[str, Any] = {
        "document_type": document_type,
        "id": number,
        "issue_date": date(2026, 3, 31),
        "due_date": date(2026, 4, 30),
        "company_code": "C1",
        "document_currency_code": "CNY",
        "seller_supplier_party": Party(id="SUP-1", name="Ömer & Söhne 有限公司"),
        "lines": lines,
    }
    return Document(**{**values, **more}).totalled()


def says_the_same(reading: Reading, document: Document) -> bool:
    """Tell whether every material field was kept."""
    return reading.document is not None and differences(document, reading.document) == []


def says_the_same_lines(reading: Reading, document: Document) -> bool:
    """Tell whether date and lines were kept, where ids of lines and names are the system's own."""
    fields = ("item_id", "description", "quantity", "unit_code", "price_amount", "line_extension_amount")
    found = reading.document
    return (
        found is not None
        and [tuple(getattr(line, name) for name in fields) for line in found.lines]
        == [tuple(getattr(line, name) for name in fields) for line in document.lines]
        and found.issue_date == document.issue_date
    )


def known() -> Iterator[tuple[str, Factory | None, Any]]:
    """Return every stand with its pytest marks, and every product that has none."""
    for system in systems.names():
        module = f"tests.contract.stand_{system}"
        if util.find_spec(module) is None:
            yield system, None, ()
            continue
        declared = import_module(module)
        for name, factory in declared.STANDS.items():
            yield name, factory, getattr(declared, "MARKS", ())
