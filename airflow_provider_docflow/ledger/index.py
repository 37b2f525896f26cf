"""Rows of the index of documents: how they begin, and how what is newly known goes into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.models.memory import document
from airflow_provider_docflow.ledger.search import AXES, folded

KNOWN = ("number", "party_id", "party_name", "amount", "currency", "issue_date")
CHANGING = (*KNOWN, *AXES, "raw", "read_at", "updated_at", "search_text")


@dataclass(frozen=True)
class DocumentEntry:
    """What the index holds of a document; an empty value means "not known" and overwrites nothing.

    :param state: axes of the state as JSON, with the vendor's ``raw`` words and ``read_at``.
    """

    ref: DocumentRef
    party_id: str = ""
    party_name: str = ""
    amount: Decimal | None = None
    currency: str = ""
    issue_date: date | None = None
    state: Mapping[str, Any] = field(default_factory=dict)


def new_row(key: str, ref: DocumentRef, now: datetime) -> dict[str, Any]:
    """Return the row of a document of which nothing is known yet."""
    row: dict[str, Any] = {"ref_key": key, **ref.to_json()}
    row |= {"party_id": "", "party_name": "", "amount": None, "currency": "", "issue_date": None}
    row |= dict.fromkeys(AXES, "unknown")
    row |= {"raw": {}, "read_at": None, "created_at": now, "updated_at": now}
    return row | {"search_text": _text(row)}


def locked(connection: Connection, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return rows, locked in the order of their keys."""
    rows: dict[str, dict[str, Any]] = {}
    for some in chunks(keys):
        query = select(document).where(document.c.ref_key.in_(some)).order_by(document.c.ref_key)
        found = connection.execute(query.with_for_update()).mappings()
        rows.update({row["ref_key"]: dict(row) for row in found})
    return rows


def all_merged(
    rows: Mapping[str, dict[str, Any]], keyed: Sequence[tuple[str, DocumentEntry]], now: datetime
) -> dict[str, dict[str, Any]]:
    """Return rows with what is newly known of them."""
    merged = dict(rows)
    for key, entry in keyed:
        if key in merged:
            merged[key] = _merged(merged[key], entry, now)
    return merged


def _merged(row: dict[str, Any], entry: DocumentEntry, now: datetime) -> dict[str, Any]:
    new = {name: getattr(entry, name) for name in KNOWN if name != "number"}
    known = {
        name: value for name, value in {**new, "number": entry.ref.number}.items() if value not in ("", None)
    }
    read_at = _instant(entry.state.get("read_at"))
    if entry.state and (row["read_at"] is None or (read_at is not None and read_at >= row["read_at"])):
        known |= {axis: str(entry.state.get(axis, "unknown")) for axis in AXES}
        known |= {"raw": dict(entry.state.get("raw") or {}), "read_at": read_at or now}
    row = row | known | {"updated_at": now}
    return row | {"search_text": _text(row)}


def _text(row: Mapping[str, Any]) -> str:
    return folded(row["number"], row["party_id"], row["party_name"])


def _instant(value: str | datetime | None) -> datetime | None:
    return datetime.fromisoformat(value) if isinstance(value, str) else value
