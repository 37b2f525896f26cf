"""Approvals that no longer stand: noticed where a document's state is kept, told to all that was made of it.

A system may take an approval back (a form is revoked, an order un-audited) long after documents were made of
it. Whatever read that state, it is kept in the index of documents, and there the turn is seen: the decision
is recorded, and every linked document gets an incident of the same root cause. Nothing is written from such a
document while its incident is open. It closes when the approval stands again, or by a person.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, exists, literal, or_, select

from airflow_provider_docflow.document import DocumentRef, DocumentType
from airflow_provider_docflow.ledger.base import Store, ref_key
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.decisions import Decision, NewDecision, Word
from airflow_provider_docflow.ledger.incidents import NewIncident
from airflow_provider_docflow.ledger.models.memory import decision, document
from airflow_provider_docflow.ledger.models.writes import incident, line_use

UNAPPROVED = "source.unapproved"
APPROVED = "approved"
_GROUP = f"{UNAPPROVED}|"
FALLEN = frozenset({"none", "pending", "rejected", "returned", "withdrawn", "revoked"})
"""Words of the approval axis under which an approval does not stand; ``unknown`` is not among them."""

_IN_QUESTION = ("none", "pending", "returned")
_FINAL = FALLEN & frozenset(get_args(Word))


@dataclass(frozen=True)
class Turn:
    """A document whose approval axis has left ``approved``, or come back to it.

    :param raw: the system's own word.
    :param read_at: when it was read.
    """

    ref: DocumentRef
    before: str
    now: str
    raw: str
    read_at: datetime

    @classmethod
    def between(cls, ref: DocumentRef, before: Any, after: Any) -> Turn | None:
        """Return the turn between two rows of the index, if there is one."""
        words = str(before["approval"]), str(after["approval"])
        if words[0] == words[1] or APPROVED not in words or not FALLEN & {*words}:
            return None
        raw = str((after["raw"] or {}).get("approval", ""))
        return cls(ref, *words, raw, after["read_at"])


class Revocations(Store):
    """Carries a turn of the approval axis to everything that hangs on it."""

    def noticed(self, turns: Sequence[Turn], *, tx: Connection) -> None:
        """Record what the turns mean, in the transaction in which they were seen."""
        for turn in turns:
            for ref, approval in self._subjects(tx, turn):
                group = f"{_GROUP}{ref_key(ref)}"
                if turn.now == APPROVED:
                    self.ledger.incidents.close_groups(
                        [group], actor="docflow", reason="the source is approved again", tx=tx
                    )
                    continue
                if approval is not None and turn.now in _FINAL:
                    self.ledger.decisions.append(_taken_back(ref, approval, turn), tx=tx)
                self._tell(tx, ref, turn, group)

    def _subjects(self, connection: Connection, turn: Turn) -> list[tuple[DocumentRef, Decision | None]]:
        """Return the documents whose approval this is, each with the approval that stands until now.

        It is the document itself, and what it was made of where it only is the form about that.
        """
        case = (turn.ref.instance, turn.ref.internal_id)
        key = ref_key(turn.ref)
        parents = _ends(connection, line_use.c.target_key, line_use.c.source_key, {key})
        refs = {key: turn.ref, **self.ledger.documents.refs(sorted(parents), tx=connection)}
        found = []
        for one, ref in refs.items():
            decisions = self.ledger.decisions.of(ref, tx=connection)
            of_case = [
                told for told in decisions if (told.approval_system, told.approval_instance_id) == case
            ]
            if one != key and not of_case:
                continue
            stands = self.ledger.decisions.standing(ref, tx=connection)
            own = stands is not None and (stands.approval_system, stands.approval_instance_id) == case
            found.append((ref, stands if own else None))
        return found

    def _tell(self, connection: Connection, ref: DocumentRef, turn: Turn, group: str) -> None:
        below = self._below(connection, ref) - {ref_key(turn.ref), ref_key(ref)}
        refs = self.ledger.documents.refs(sorted(below), tx=connection)
        name = ref.number or ref.internal_id
        word = f"{turn.now} ({turn.raw})" if turn.raw else turn.now
        new = [
            NewIncident(
                "control",
                UNAPPROVED,
                f"{name}, of which this was made, was approved and is {word} now.",
                ref=one,
                document_number=one.number or one.internal_id,
                field=f"approval.{name}",
                group_key=group,
                actor="docflow",
            )
            for _, one in sorted(refs.items())
        ]
        self.ledger.incidents.open_many(new, tx=connection)

    def _below(self, connection: Connection, ref: DocumentRef) -> set[str]:
        """Return the keys of everything that descends from a document."""
        seen: set[str] = set()
        frontier = {ref_key(ref)}
        while frontier:
            seen |= frontier
            frontier = _ends(connection, line_use.c.source_key, line_use.c.target_key, frontier) - seen
        return seen

    def due(
        self, instance: str, document_type: str, *, days: int, limit: int, tx: Connection | None = None
    ) -> list[DocumentRef]:
        """Return documents whose approval may turn, those first that nobody has read for longest.

        :param days: how long after it was first known a document is looked at.
        """
        since = self._now() - timedelta(days=days)
        query = _of_type(instance, document_type).where(_in_force(), document.c.created_at >= since)
        query = query.order_by(document.c.updated_at, document.c.ref_key).limit(limit)
        return self._db.read(lambda c: [_ref(row) for row in c.execute(query).mappings()], tx)

    def worth_a_look(
        self, instance: str, document_type: str, ids: Sequence[str], *, tx: Connection | None = None
    ) -> list[DocumentRef]:
        """Return which of these to read: what is approved or in question, and what the index does not know.

        A system may tell of a revocation under an id of its own, which leads to the document.
        """

        def work(connection: Connection) -> list[DocumentRef]:
            found: dict[str, DocumentRef | None] = dict.fromkeys(ids)
            for some in chunks(sorted(set(ids))):
                known = _of_type(instance, document_type).where(document.c.internal_id.in_(some))
                for row in connection.execute(known).mappings():
                    found.pop(row["internal_id"], None)
                for row in connection.execute(known.where(_in_force())).mappings():
                    found[row["internal_id"]] = _ref(row)
            kind = DocumentType(document_type)
            return [ref or DocumentRef(instance, "", kind, one) for one, ref in found.items()]

        return self._db.read(work, tx)

    def held(self, *, tx: Connection | None = None) -> dict[str, int]:
        """Return the documents that are held for it: their keys with their incidents."""
        query = select(incident.c.ref_key, incident.c.id)
        query = query.where(incident.c.status == "open", incident.c.code == UNAPPROVED)
        return self._db.read(lambda c: {row.ref_key: row.id for row in c.execute(query)}, tx)


def _of_type(instance: str, document_type: str) -> Select[Any]:
    return select(document).where(
        document.c.instance == instance, document.c.document_type == str(document_type)
    )


def _in_force() -> ColumnElement[bool]:
    """Return the condition of a document whose approval may turn.

    It is approved, it was approved there and is in question now, or others are held for it.
    """
    own = (decision.c.approval_system == document.c.instance) & (
        decision.c.approval_instance_id == document.c.internal_id
    )
    approved = exists().where(
        decision.c.ref_key == document.c.ref_key, decision.c.final, decision.c.decision == APPROVED, own
    )
    holds = exists().where(
        incident.c.status == "open", incident.c.group_key == literal(_GROUP) + document.c.ref_key
    )
    in_question = document.c.approval.in_(_IN_QUESTION) & approved
    return or_(document.c.approval == APPROVED, in_question, document.c.approval.in_(sorted(FALLEN)) & holds)


def _ref(row: RowMapping) -> DocumentRef:
    names = ("instance", "company_code", "document_type", "internal_id", "number", "fiscal_year")
    return DocumentRef.from_json({name: row[name] for name in names})


def _taken_back(ref: DocumentRef, approval: Decision, turn: Turn) -> NewDecision:
    return NewDecision(
        ref,
        turn.now,  # type: ignore[arg-type]
        approval.material_hash,
        # Not before the approval, even where the approval system's clock runs ahead of ours.
        max(turn.read_at, approval.decided_at),
        comment=turn.raw,
        revision=approval.revision,
        material_version=approval.material_version,
        approval_system=approval.approval_system,
        approval_instance_id=approval.approval_instance_id,
    )


def _ends(connection: Connection, known: Any, wanted: Any, keys: set[str]) -> set[str]:
    found: set[str] = set()
    for some in chunks(sorted(keys)):
        query = select(wanted).where(known.in_(some), line_use.c.status != "released").distinct()
        found |= {key for key in connection.execute(query).scalars() if key is not None}
    return found
