"""What is not over yet, and so keeps everything that belongs to it: undone intents, open incidents, waits."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import InvalidDocument
from airflow_provider_docflow.ledger.base import ref_key
from airflow_provider_docflow.ledger.models.memory import decision, document
from airflow_provider_docflow.ledger.models.shared import cursor
from airflow_provider_docflow.ledger.models.writes import incident, intent, line_use, override

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger.store import Ledger

_LISTS = ("carry:", "handover:")
"""How the names of lists of undecided documents begin."""


def over() -> ColumnElement[bool]:
    """Return the condition that an intent is over: written, or another generation took its place."""
    return or_(intent.c.status == "done", and_(intent.c.status == "held", intent.c.hold == "superseded"))


class OpenWork:
    """Tells which documents, intents and chains are still needed.

    :param before: what was decided from here on may still have to be written.
    """

    def __init__(self, ledger: Ledger, connection: Connection, before: datetime) -> None:
        self.ledger, self.connection, self.before = ledger, connection, before

    def intents(self, ids: Collection[int]) -> set[int]:
        """Return those intents for which an incident is open."""
        query = select(incident.c.intent_id).where(incident.c.intent_id.in_(ids), incident.c.status == "open")
        return set(self.connection.execute(query).scalars())

    def businesses(self, digests: Collection[str]) -> set[str]:
        """Return those business keys under which something is not over."""
        mine = intent.c.business_digest.in_(digests)
        undone = select(intent.c.business_digest).where(mine, ~over())
        told = select(intent.c.business_digest).join(incident, incident.c.intent_id == intent.c.id)
        held = told.where(mine, incident.c.status == "open")
        return {*self.connection.execute(undone).scalars(), *self.connection.execute(held).scalars()}

    def documents(self, keys: Collection[str]) -> set[str]:
        """Return those documents with which something has yet to happen."""
        if not keys:
            return set()
        queries = (
            select(incident.c.ref_key).where(incident.c.ref_key.in_(keys), incident.c.status == "open"),
            select(override.c.ref_key).where(override.c.ref_key.in_(keys), override.c.status == "active"),
            select(line_use.c.source_key).where(
                line_use.c.source_key.in_(keys), line_use.c.status == "reserved"
            ),
            select(decision.c.ref_key).where(
                decision.c.ref_key.in_(keys), decision.c.recorded_at >= self.before
            ),
        )
        found = {key for query in queries for key in self.connection.execute(query).scalars()}
        return found | self._sources(keys) | (self.awaited() & set(keys))

    def _sources(self, keys: Collection[str]) -> set[str]:
        """Return those documents from which, or onto which, something is being written."""
        names: dict[tuple[str, str, str], str] = {}
        for row in self.connection.execute(select(document).where(document.c.ref_key.in_(keys))):
            for name in {row.number, row.internal_id, f"id:{row.internal_id}"} - {""}:
                names[row.instance, row.document_type, name] = row.ref_key
        wanted = sorted({name for _, _, name in names})
        columns = (intent.c.source_instance, intent.c.source_type, intent.c.source_number)
        query = select(*columns).where(intent.c.source_number.in_(wanted), ~over())
        return {
            names[key] for row in self.connection.execute(query) if (key := (row[0], row[1], row[2])) in names
        }

    def awaited(self) -> set[str]:
        """Return the documents that flows keep because nobody has decided on them yet."""
        named = or_(*(cursor.c.name.like(f"{start}%") for start in _LISTS))
        values = self.connection.execute(select(cursor.c.value).where(named)).scalars()
        return {ref_key(ref) for value in values for ref in _refs(self.ledger.cipher.open(value))}


def _refs(value: Any) -> Iterator[DocumentRef]:
    """Find the references in what a list of undecided documents holds."""
    if isinstance(value, list):
        for one in value:
            yield from _refs(one)
    elif isinstance(value, dict):
        if "ref" in value:
            try:
                yield DocumentRef.from_json(value["ref"])
            except InvalidDocument:
                return
        for one in value.values():
            yield from _refs(one)
