"""``airflow docflow show``: a document in all systems, with its links, decisions, incidents and history."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import Connections, ledger_from, show_json, show_table, told
from airflow_provider_docflow.document import DocumentRef
from airflow_provider_docflow.document.money import written_amount


@told
def show(args: Namespace) -> None:
    """Print everything the ledger knows of a number."""
    ledger = ledger_from(args)
    entries = ledger.documents.find(args.number)
    if not entries:
        raise exc.NotFound(
            f"the ledger knows no document {args.number}.",
            document=args.number,
            remedy="Check the number, or whether another ledger is meant (--ledger-conn-id).",
        )
    family = _family(ledger, [entry.ref for entry in entries])
    connections = Connections(ledger, [ref.instance for ref in family])
    known = {
        "documents": [_document(ledger, ref, connections[ref.instance]) for ref in family],
        "links": [_link(link) for link in _links(ledger, family)],
        "decisions": [_decision(ref, one) for ref in family for one in ledger.decisions.of(ref)],
        "incidents": [_incident(one) for ref in family for one in ledger.incidents.open_for(ref)],
        "history": _history(ledger, family),
    }
    if args.json:
        show_json(known)
        return
    for row in known["documents"]:
        row["system"] = row.pop("connection") or row["system"]
    for title, rows in known.items():
        if rows:
            print(f"\n{title}")
            show_table(list(rows[0]), [list(row.values()) for row in rows])


def _family(ledger: Any, refs: list[DocumentRef]) -> list[DocumentRef]:
    found = {ref.identity: ref for ref in refs}
    for ref in refs:
        for link in ledger.links.chain(ref):
            for other in (link.source, link.target):
                if other is not None:
                    found.setdefault(other.identity, other)
    return list(found.values())


def _links(ledger: Any, family: list[DocumentRef]) -> list[Any]:
    found = {
        (link.source, link.source_line, link.target, link.kind): link
        for ref in family
        for link in ledger.links.of(ref)
    }
    return list(found.values())


def _document(ledger: Any, ref: DocumentRef, connection: str) -> dict[str, Any]:
    entry = ledger.documents.get(ref)
    state = entry.state if entry else {}
    amount = written_amount(entry.amount, entry.currency) if entry and entry.amount is not None else ""
    return {
        "document": str(ref.document_type),
        "number": ref.number or ref.internal_id,
        "company": ref.company_code,
        "system": ref.instance,
        "connection": connection,
        "party": entry.party_id if entry else "",
        "amount": f"{amount} {entry.currency}" if entry and amount else "",
        "lifecycle": state.get("lifecycle", ""),
        "approval": state.get("approval", ""),
        "read_at": state.get("read_at", ""),
    }


def _link(link: Any) -> dict[str, Any]:
    return {
        "from": f"{link.source.number or link.source.internal_id} line {link.source_line}",
        "kind": link.kind,
        "to": ""
        if link.target is None
        else f"{link.target.number or link.target.internal_id} line {link.target_line}",
        "quantity": f"{link.quantity:f}",
        "amount": f"{link.amount:f}",
        "status": link.status,
    }


def _decision(ref: DocumentRef, one: Any) -> dict[str, Any]:
    return {
        "document": ref.number or ref.internal_id,
        "decision": one.decision,
        "by": one.approver,
        "for": one.on_behalf_of,
        "at": one.decided_at.isoformat(timespec="seconds"),
        "final": one.final,
        "comment": one.comment,
    }


def _incident(one: Any) -> dict[str, Any]:
    return {
        "id": one.id,
        "category": one.category,
        "code": one.code,
        "field": one.field,
        "reason": one.reason,
        "since": one.opened_at.isoformat(timespec="seconds"),
    }


def _history(ledger: Any, family: list[DocumentRef]) -> list[dict[str, Any]]:
    keys = {row.key.business_digest: row.key for ref in family for row in ledger.intents.for_document(ref)}
    events = [(key, event) for key in keys.values() for event in ledger.intents.history(key)]
    return [
        {
            "at": event.at.isoformat(timespec="seconds"),
            "what": f"{key.purpose} {key.target_type}",
            "event": event.kind,
            "by": (event.payload or {}).get("actor") or (event.payload or {}).get("by", ""),
        }
        for key, event in sorted(events, key=lambda pair: (pair[1].at, pair[1].id))
    ]
