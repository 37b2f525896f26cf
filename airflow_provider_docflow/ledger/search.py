"""Searching the index: what is asked, the condition it makes, one page of the answer in few statements."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal, get_args

from sqlalchemy import ColumnElement, Connection, Select, and_, false, func, null, select

from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger.audiences import seen_by
from airflow_provider_docflow.ledger.models.memory import document, touch

AXES = ("lifecycle", "approval", "fulfilment", "invoicing", "payment")
COUNTED = 1000
"""So many matches are counted; of more it is only said that there are more."""

Sort = Literal[
    "updated_at", "-updated_at", "issue_date", "-issue_date", "amount", "-amount", "number", "-number"
]
SORTS: tuple[Sort, ...] = get_args(Sort)
_EXACT = ("number", "party_id", "instance", "document_type", "company_code", "currency")
_BREAK = "\n"


@dataclass(frozen=True)
class TouchedBy:
    """A DAG run, one of its tasks or one mapped instance of it; empty and None do not restrict."""

    dag_id: str
    run_id: str = ""
    task_id: str = ""
    map_index: int | None = None


@dataclass(frozen=True)
class Search:
    """What to look for; every condition given must hold.

    Parts are found whatever their letter case and width; ``é`` and ``e`` are two letters.

    :param text: part of the number, the party's id or its name.
    :param number: the whole number, letter by letter.
    :param number_part: part of the number.
    :param party: part of the party's id or its name.
    :param state: axis to word, such as ``{"approval": "pending"}``.
    :param dag_ids: only documents that one of these DAGs touched; None means all, an empty list none.
    :param touched_by: only documents that this run or task touched; with ``dag_ids`` only if its DAG is one
        of these.
    """

    text: str = ""
    number: str = ""
    number_part: str = ""
    party: str = ""
    party_id: str = ""
    instance: str = ""
    document_type: str = ""
    company_code: str = ""
    currency: str = ""
    amount_from: Decimal | None = None
    amount_to: Decimal | None = None
    issued_from: date | None = None
    issued_to: date | None = None
    state: Mapping[str, str] = field(default_factory=dict)
    dag_ids: Sequence[str] | None = None
    touched_by: TouchedBy | None = None


@dataclass(frozen=True)
class Keys:
    """One page of an answer, as keys.

    :param total: how many match, if ``total_is_exact``; else at least so many do.
    :param more: whether another page follows.
    """

    keys: list[str]
    total: int
    total_is_exact: bool
    more: bool


def folded(*texts: str) -> str:
    """Return texts as they are searched: without differences of case, width and spacing, a line for each."""
    return _BREAK.join(_fold(text) for text in texts)


def _fold(text: str) -> str:
    once = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(unicodedata.normalize("NFKC", once).split())


def matching(query: Select[Any], wanted: Search, *, walked: bool = False) -> Select[Any]:
    """Return a query of documents with the conditions of a search.

    :param walked: whether the rows come from the index of their order; then no other index is taken.
    """

    def column(name: str) -> ColumnElement[Any]:
        # SQLite would take the index of a filter that keeps nearly everything, and sort all of that.
        found = document.c[name]
        return func.coalesce(found, null(), type_=found.type) if walked else found

    conditions: list[ColumnElement[bool]] = [
        column(name) == value for name in _EXACT if (value := getattr(wanted, name))
    ]
    conditions += [document.c[axis] == word for axis, word in wanted.state.items() if axis in AXES]
    conditions += _parts(wanted)
    conditions += _between(column("amount"), wanted.amount_from, wanted.amount_to)
    conditions += _between(column("issue_date"), wanted.issued_from, wanted.issued_to)
    if wanted.dag_ids is not None:
        conditions.append(seen_by(wanted.dag_ids))
    if wanted.touched_by is not None:
        conditions.append(_touched(wanted.touched_by, wanted.dag_ids))
    return query.where(and_(*conditions)) if conditions else query


def _parts(wanted: Search) -> list[ColumnElement[bool]]:
    """Number, party id and party name are the three lines of the text; patterns say in which they look."""
    patterns = {"%{}%": wanted.text, "%{}%\n%\n%": wanted.number_part, "%\n%{}%": wanted.party}
    return [
        document.c.search_text.like(pattern.format(_escaped(_fold(part))), escape="/")
        for pattern, part in patterns.items()
        if _fold(part)
    ]


def _escaped(text: str) -> str:
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def _between(column: Any, lowest: Any, highest: Any) -> list[ColumnElement[bool]]:
    bounds = [] if lowest is None else [column >= lowest]
    return bounds if highest is None else [*bounds, column <= highest]


def _touched(by: TouchedBy, dag_ids: Sequence[str] | None) -> ColumnElement[bool]:
    if dag_ids is not None and by.dag_id not in dag_ids:
        # That a DAG touched a document is told only to those who may read that DAG.
        return false()
    return document.c.ref_key.in_(touched_keys(by))


def touched_keys(by: TouchedBy) -> Select[Any]:
    """Return the query of the documents that a run or task touched."""
    named = {"dag_id": by.dag_id, "run_id": by.run_id, "task_id": by.task_id}
    conditions = [touch.c[name] == value for name, value in named.items() if value]
    if by.map_index is not None:
        conditions.append(touch.c.map_index == by.map_index)
    return select(touch.c.ref_key).where(*conditions)


def page_of(connection: Connection, wanted: Search, *, sort: Sort, offset: int, limit: int) -> Keys:
    """Return the keys of one page and how many match.

    What few documents match is found by reading the index once, without its order, and sorted here; what
    many match is met soon on the way through the ordered index. Either alone is slow where the other is fast.

    :raises InvalidDocument: there is no such order.
    """
    column = sort.removeprefix("-")
    if sort not in SORTS:
        raise InvalidDocument(
            f"no such order: {sort!r}", field="sort", remedy=f"Use one of {', '.join(SORTS)}."
        )
    falling = sort.startswith("-")
    pairs = matching(select(document.c.ref_key, document.c[column]), wanted).limit(COUNTED + 1)
    first = [(row[0], row[1]) for row in connection.execute(pairs)]
    if len(first) <= COUNTED:
        keys = _sorted(first, falling=falling)[offset : offset + limit]
        return Keys(keys, len(first), True, offset + limit < len(first))
    found = _ordered(connection, wanted, column, falling, offset, limit + 1)
    if len(found) <= limit and found:
        return Keys(found, offset + len(found), True, False)
    return Keys(found[:limit], max(COUNTED, offset + len(found)), False, len(found) > limit)


def _ordered(
    connection: Connection, wanted: Search, column: str, falling: bool, offset: int, limit: int
) -> list[str]:
    """Walk through the index of a column; what is not known comes last in either direction."""
    by = document.c[column]
    query = matching(select(document.c.ref_key), wanted, walked=True)
    orders = [one.desc() if falling else one.asc() for one in (by, document.c.ref_key)]
    if not by.nullable:
        return list(connection.execute(query.order_by(*orders).offset(offset).limit(limit)).scalars())
    known = query.where(by.is_not(None)).order_by(*orders).offset(offset).limit(limit)
    found = list(connection.execute(known).scalars())
    if len(found) == limit:
        return found
    start = 0
    if offset and not found:
        count = matching(select(func.count()).select_from(document), wanted).where(by.is_not(None))
        start = offset - connection.execute(count).scalar_one()
    rest = query.where(by.is_(None)).order_by(orders[1]).offset(start).limit(limit - len(found))
    return found + list(connection.execute(rest).scalars())


def _sorted(rows: list[tuple[str, Any]], *, falling: bool) -> list[str]:
    """Sort as the query does where there are many: what is not known comes last in either direction."""
    known = sorted(((value, key) for key, value in rows if value is not None), reverse=falling)
    unknown = sorted((key for key, value in rows if value is None), reverse=falling)
    return [key for _, key in known] + unknown
