"""What happened to documents, on one time axis: read, written, decided, incidents, and what people did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from airflow_provider_docflow.ledger.base import Store
from airflow_provider_docflow.ledger.database import chunks
from airflow_provider_docflow.ledger.decisions import WORDS, Decision
from airflow_provider_docflow.ledger.documents import Found
from airflow_provider_docflow.ledger.intents.rows import chain_of
from airflow_provider_docflow.ledger.models.memory import snapshot
from airflow_provider_docflow.ledger.models.writes import (
    audit_event,
    incident,
    incident_event,
    intent,
    receipt,
)

MOST = 2000
_WRITTEN = frozenset({"receipt", "adopted", "amended", "receipt after the lease was lost"})
_DONE_BY_PEOPLE = frozenset({"reopened", "generation raised", "voided"})
_TOLD = ("attempt", "times", "generation", "incident", "reason")
_INTENT = ("id", "business_digest", "target_type", "purpose")
_SOURCE = ("source_instance", "source_type", "source_number")


@dataclass(frozen=True)
class PastEvent:
    """Something that happened to a document.

    :param kind: ``read``, ``writing``, ``written``, ``decided``, ``incident`` or ``action`` (of a person).
    :param code: message code of the texts in ``locale``.
    """

    at: datetime
    key: str
    kind: str
    code: str
    params: Mapping[str, Any] = field(default_factory=dict)
    actor: str = ""


class Histories(Store):
    """Reads what happened, for many documents at once."""

    def events(
        self,
        documents: Mapping[str, Found],
        decided: Sequence[tuple[str, Decision]] = (),
        *,
        tx: Connection | None = None,
    ) -> list[PastEvent]:
        """Return what happened to documents, the oldest first; of very much only the last.

        What was written from one of them into a document that is not among them is left out.

        :param decided: the decisions on them, with their keys.
        """

        def work(connection: Connection) -> list[PastEvent]:
            found = [*_of_decisions(decided), *_of_index(documents)]
            found += _of_snapshots(connection, sorted(documents))
            found += self._of_incidents(connection, sorted(documents))
            found += self._of_audit(connection, documents)
            return sorted(found, key=lambda event: event.at)[-MOST:]

        return self._db.read(work, tx)

    def _of_incidents(self, connection: Connection, keys: Sequence[str]) -> Iterator[PastEvent]:
        joined = incident_event.join(incident, incident.c.id == incident_event.c.incident_id)
        names = (incident.c.ref_key, incident.c.id, incident.c.code, incident.c.category)
        query = select(incident_event.c.event, incident_event.c.actor, incident_event.c.at, *names)
        for row in _rows(connection, query.select_from(joined), incident.c.ref_key, keys):
            told = {"incident": row["id"], "code": row["code"], "category": row["category"]}
            code = f"event.incident.{row['event'].replace(' ', '_')}"
            yield PastEvent(row["at"], row["ref_key"], "incident", code, told, row["actor"])

    def _of_audit(self, connection: Connection, documents: Mapping[str, Found]) -> Iterator[PastEvent]:
        intents: dict[Any, tuple[RowMapping, str]] = {**_intents(connection, documents)}
        chains = {f"document:{key}": key for key in documents}
        any_of = {chain_of(pair[0]["business_digest"]): pair for pair in intents.values()}
        names = [*chains, *sorted(any_of)]
        for row in _rows(connection, select(audit_event), audit_event.c.chain, names, most=MOST):
            body = self._cipher.open(row["payload"]) if row["payload"] is not None else None
            payload = (body or {}).get("payload") or {}
            if row["chain"] in chains:
                if row["kind"] not in WORDS:
                    yield _action(row, chains[row["chain"]], payload)
                continue
            # That a person wants a document once more is told of the business, not of one intent of it.
            found = intents.get(payload.get("intent")) or (
                None if "intent" in payload else any_of[row["chain"]]
            )
            if found is not None:
                yield _written(row, found[1], payload, found[0])


def _intents(connection: Connection, documents: Mapping[str, Found]) -> dict[int, tuple[RowMapping, str]]:
    """Return the intents that wrote these documents, and those from them that have written nothing yet."""
    chosen = [intent.c[name] for name in (*_INTENT, *_SOURCE)]
    both = select(*chosen, receipt.c.ref_key).select_from(
        intent.outerjoin(receipt, receipt.c.intent_id == intent.c.id)
    )
    rows = _rows(connection, both, receipt.c.ref_key, sorted(documents))
    found = {row["id"]: (row, str(row["ref_key"])) for row in rows}
    sources = {_named(one): key for key, one in documents.items()}
    waiting = both.where(receipt.c.intent_id.is_(None))
    for row in _rows(connection, waiting, intent.c.source_number, sorted({name[2] for name in sources})):
        key = sources.get(tuple(row[name] for name in _SOURCE))
        if key is not None:
            found[row["id"]] = (row, key)
    return found


def _named(one: Found) -> tuple[str, ...]:
    ref = one.entry.ref
    return ref.instance, str(ref.document_type), ref.number or ref.internal_id


def _written(row: RowMapping, key: str, payload: Mapping[str, Any], about: RowMapping) -> PastEvent:
    kind = "written" if row["kind"] in _WRITTEN else "writing"
    if row["kind"] in _DONE_BY_PEOPLE:
        kind = "action"
    told = {"purpose": about["purpose"], "document_type": about["target_type"]}
    told |= {name: payload[name] for name in _TOLD if name in payload}
    return PastEvent(row["at"], key, kind, _code(row["kind"]), told, _actor(payload))


def _action(row: RowMapping, key: str, payload: Mapping[str, Any]) -> PastEvent:
    told = {name: payload[name] for name in (*_TOLD, "field") if name in payload}
    return PastEvent(row["at"], key, "action", _code(row["kind"]), told, _actor(payload))


def _code(kind: str) -> str:
    return f"event.{kind.replace(' ', '_')}"


def _actor(payload: Mapping[str, Any]) -> str:
    return str(payload.get("actor") or payload.get("by") or "")


def _of_decisions(decided: Sequence[tuple[str, Decision]]) -> Iterator[PastEvent]:
    for key, one in decided:
        told = {"final": one.final, "on_behalf_of": one.on_behalf_of}
        yield PastEvent(one.decided_at, key, "decided", f"event.decided.{one.decision}", told, one.approver)


def _of_index(documents: Mapping[str, Found]) -> Iterator[PastEvent]:
    for key, one in documents.items():
        yield PastEvent(one.created_at, key, "read", "event.first_seen")
        read_at = one.entry.state.get("read_at")
        if read_at:
            yield PastEvent(datetime.fromisoformat(read_at), key, "read", "event.read")


def _of_snapshots(connection: Connection, keys: Sequence[str]) -> Iterator[PastEvent]:
    query = select(snapshot.c.ref_key, snapshot.c.taken_at, snapshot.c.revision)
    for row in _rows(connection, query, snapshot.c.ref_key, keys):
        told = {"revision": row["revision"]}
        yield PastEvent(row["taken_at"], row["ref_key"], "read", "event.snapshot", told)


def _rows(
    connection: Connection, query: Any, column: Any, values: Sequence[str], *, most: int | None = None
) -> list[RowMapping]:
    found: list[RowMapping] = []
    for some in chunks(values):
        asked = query.where(column.in_(some))
        if most is not None:
            asked = asked.order_by(audit_event.c.id.desc()).limit(most)
        found += connection.execute(asked).mappings()
    return found
