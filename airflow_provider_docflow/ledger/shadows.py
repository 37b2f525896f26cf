"""What shadow runs would have written: reports, kept apart from intents, receipts, claims and decisions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.document.ref import SHADOW
from airflow_provider_docflow.ledger.base import Store, insert_rows, ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.shadows import shadow

APPROVAL = "approval"


@dataclass(frozen=True)
class Place:
    """The task whose shadow run this is."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


@dataclass(frozen=True, kw_only=True)
class ShadowEntry:
    """What would have become of one document.

    :param name: tells it apart from the task's other documents, the same whenever the task runs again.
    :param action: ``create``, an action of the profile, ``write_back``, ``notify`` or ``approval``.
    :param verdict: what would have been done, in one word.
    :param source: the document it starts from; its number if nothing more is known.
    :param content: hash of the source's material fields as they were read.
    :param body: JSON: the target, its fields and differences, the error; encrypted.
    """

    name: Sequence[Any]
    action: str
    verdict: str
    source: DocumentRef | None = None
    source_number: str = ""
    content: str = ""
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ShadowRow:
    """An entry of a report as it is kept."""

    digest: str
    place: Place
    position: int
    action: str
    verdict: str
    source_number: str
    body: dict[str, Any]
    at: datetime


class Shadows(Store):
    """Keeps the reports; the last run of a task replaces what its runs before said."""

    def put(
        self, place: Place, entries: Sequence[ShadowEntry], *, tx: Connection | None = None
    ) -> list[ShadowRow]:
        """Keep the report of one task."""
        now = self._now()
        rows = [_row(place, position, entry, now) for position, entry in enumerate(entries)]
        unique = {row["digest"]: row for row in rows}

        def work(connection: Connection) -> list[ShadowRow]:
            mine = [shadow.c[name] == value for name, value in vars(place).items()]
            connection.execute(delete(shadow).where(*mine))
            for some in chunks(list(unique.values()), 200):
                sealed = [{**row, "body": self._cipher.seal(row["body"])} for row in some]
                insert_rows(connection, shadow, sealed)
            return [_shown(row, row["body"]) for row in unique.values()]

        return self._db.write(work, tx)

    def of_run(self, run_id: str, *, dag_id: str = "", tx: Connection | None = None) -> list[ShadowRow]:
        """Return the report of a run: task by task, in the order of their ends."""
        query = select(shadow).where(shadow.c.run_id == run_id)
        query = query.where(shadow.c.dag_id == dag_id) if dag_id else query
        query = query.order_by(
            shadow.c.at, shadow.c.dag_id, shadow.c.task_id, shadow.c.map_index, shadow.c.position
        )
        return self._select(query, tx)

    def find(self, refs: Sequence[DocumentRef], *, tx: Connection | None = None) -> dict[str, ShadowRow]:
        """Return the entries behind shadow references, by internal id."""
        wanted = sorted({ref.internal_id.removeprefix(SHADOW) for ref in refs if ref.is_shadow})

        def work(connection: Connection) -> dict[str, ShadowRow]:
            found = {}
            for some in chunks(wanted):
                for row in self._select(select(shadow).where(shadow.c.digest.in_(some)), connection):
                    found[SHADOW + row.digest] = row
            return found

        return self._db.read(work, tx)

    def approved(self, ref: DocumentRef, content: str, *, tx: Connection | None = None) -> bool:
        """Tell whether a shadow run saw the approval of a document as it reads now."""
        query = select(shadow.c.verdict).where(shadow.c.ref_key == ref_key(ref), shadow.c.action == APPROVAL)
        query = query.where(shadow.c.content == content).order_by(shadow.c.at.desc()).limit(1)
        last = self._db.read(lambda connection: connection.scalar(query), tx)
        return bool(content) and last == "approved"

    def _select(self, query: Any, tx: Connection | None) -> list[ShadowRow]:
        return self._db.read(
            lambda connection: [
                _shown(row, self._cipher.open(row["body"])) for row in connection.execute(query).mappings()
            ],
            tx,
        )


def shadow_id(place: Place, name: Sequence[Any]) -> str:
    """Return the internal id under which a flow goes on with what would have been written."""
    return SHADOW + _digest(place, name)


def _digest(place: Place, name: Sequence[Any]) -> str:
    return digest_of("docflow shadow 1", *vars(place).values(), *name)


def _row(place: Place, position: int, entry: ShadowEntry, now: datetime) -> dict[str, Any]:
    source = entry.source
    number = entry.source_number or (source.number or source.internal_id if source else "")
    return {
        "digest": _digest(place, entry.name),
        **vars(place),
        "position": position,
        "action": entry.action,
        "verdict": entry.verdict,
        "ref_key": ref_key(source) if source else None,
        "source_number": number,
        "content": entry.content,
        "body": dict(entry.body),
        "at": now,
    }


def _shown(row: RowMapping | Mapping[str, Any], body: Mapping[str, Any]) -> ShadowRow:
    place = Place(row["dag_id"], row["run_id"], row["task_id"], row["map_index"])
    names = ("position", "action", "verdict", "source_number")
    same = {name: row[name] for name in names}
    return ShadowRow(row["digest"], place, **same, body=dict(body), at=row["at"])
