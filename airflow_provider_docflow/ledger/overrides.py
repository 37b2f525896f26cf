"""Overrides: one value of a document that a person replaced, with what it was, why, and who did it.

An override belongs to the document as its system shows it. It is never written back there; it holds until
somebody withdraws it, until another takes its place, or until the system itself shows the new value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, select, update

from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.exceptions import NotFound
from airflow_provider_docflow.ledger.base import Store, insert_rows, ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.decisions import chain_of
from airflow_provider_docflow.ledger.keys import digest_of
from airflow_provider_docflow.ledger.models.writes import override
from airflow_provider_docflow.ledger.persons import Person

Ending = Literal["replaced", "withdrawn", "met"]


@dataclass(frozen=True)
class NewOverride:
    """What is to count in place of what the system shows.

    :param field: path such as ``lines[0].quantity``.
    :param line_id: the line that this path led to; empty for fields of the document.
    :param old: the value that the system shows, as JSON primitives, amounts as strings.
    :param new: the value that counts.
    """

    ref: DocumentRef
    field: str
    line_id: str
    old: Any
    new: Any
    reason: str
    person: Person


@dataclass(frozen=True)
class Override:
    """An override as it stands; the fields mean the same as in :class:`NewOverride`.

    :param status: ``active``, ``replaced``, ``withdrawn``, or ``met`` once the system showed the new value.
    """

    id: int
    field: str
    line_id: str
    old: Any
    new: Any
    reason: str
    person: Person
    status: str
    at: datetime
    ended_by: str
    ended_at: datetime | None


class Overrides(Store):
    """Keeps overrides, at most one that is active for each field of a document."""

    def put(self, new: NewOverride, *, tx: Connection | None = None) -> int:
        """Let a value count from now on, in place of an earlier override of the same field.

        :returns: the id of the override.
        """

        def work(connection: Connection) -> int:
            self.ledger.documents.ensure([new.ref], tx=connection)
            digest = _active_digest(new.ref, new.field, new.line_id)
            query = select(override.c.id).where(override.c.active_digest == digest).with_for_update()
            before = connection.scalar(query)
            if before is not None:
                self._end(connection, before, "replaced", str(new.person))
            body = {"line_id": new.line_id, "old": new.old, "new": new.new, "reason": new.reason}
            body |= {"origin": new.person.origin, "person": new.person.id, "name": new.person.name}
            row = {"active_digest": digest, "ref_key": ref_key(new.ref), "field": new.field}
            row |= {"status": "active", "actor": str(new.person)[:255], "body": self._cipher.seal(body)}
            insert_rows(connection, override, [{**row, "at": self._now(), "ended_by": "", "ended_at": None}])
            told = {"field": new.field, "old": new.old, "new": new.new}
            told |= {"by": str(new.person), "reason": new.reason}
            self.ledger.audit.append(chain_of(new.ref), "overridden", told, tx=connection)
            number: int = connection.execute(
                select(override.c.id).where(override.c.active_digest == digest)
            ).scalar_one()
            return number

        return self._db.write(work, tx)

    def active(
        self, refs: Sequence[DocumentRef], *, tx: Connection | None = None
    ) -> dict[str, list[Override]]:
        """Return what counts in place of what the systems show, by the document's key, the oldest first."""

        def work(connection: Connection) -> dict[str, list[Override]]:
            found: dict[str, list[Override]] = {}
            for keys in chunks(sorted({ref_key(ref) for ref in refs})):
                query = select(override).where(override.c.ref_key.in_(keys), override.c.status == "active")
                for row in connection.execute(query.order_by(override.c.id)).mappings():
                    found.setdefault(row["ref_key"], []).append(self._override(row))
            return found

        return self._db.read(work, tx) if refs else {}

    def of(self, ref: DocumentRef, *, tx: Connection | None = None) -> list[Override]:
        """Return every override of a document, the oldest first."""
        query = select(override).where(override.c.ref_key == ref_key(ref)).order_by(override.c.id)
        return self._db.read(lambda c: [self._override(row) for row in c.execute(query).mappings()], tx)

    def end(
        self,
        ref: DocumentRef,
        field: str,
        *,
        how: Ending,
        actor: str,
        reason: str,
        tx: Connection | None = None,
    ) -> Override:
        """Let what the system shows count again.

        :raises NotFound: no override of this field is active.
        """

        def work(connection: Connection) -> Override:
            query = select(override).where(
                override.c.ref_key == ref_key(ref), override.c.field == field, override.c.status == "active"
            )
            row = connection.execute(query.order_by(override.c.id).with_for_update()).mappings().first()
            if row is None:
                raise NotFound(
                    f"no override of {field} is active.", document=ref.number or ref.internal_id, field=field
                )
            self._end(connection, row["id"], how, actor)
            told = {"field": field, "by": actor, "reason": reason, "how": how}
            self.ledger.audit.append(chain_of(ref), "override ended", told, tx=connection)
            return self._override(row)

        return self._db.write(work, tx)

    def _end(self, connection: Connection, number: int, how: Ending, actor: str) -> None:
        ended = {"status": how, "active_digest": None, "ended_by": actor[:255], "ended_at": self._now()}
        connection.execute(update(override).where(override.c.id == number).values(ended))

    def _override(self, row: RowMapping) -> Override:
        body = self._cipher.open(row["body"])
        person = Person(body["origin"], body["person"], body["name"])
        names = ("id", "field", "status", "at", "ended_by", "ended_at")
        said = {name: body[name] for name in ("line_id", "old", "new", "reason")}
        return Override(**{name: row[name] for name in names}, **said, person=person)


def _active_digest(ref: DocumentRef, field: str, line_id: str) -> str:
    """Name the field by its line's id: a line that moves keeps its override."""
    within = field.partition("].")[2] if line_id else field
    return digest_of("docflow override 1", ref_key(ref), line_id, within)
