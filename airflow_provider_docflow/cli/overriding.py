"""``airflow docflow override`` and ``overrides``: values that count in place of what a system shows."""

from __future__ import annotations

import os
import pwd
from argparse import Namespace
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import (
    Connections,
    connected,
    ledger_from,
    show_json,
    show_table,
    told,
)
from airflow_provider_docflow.document import DocumentRef

if TYPE_CHECKING:
    from airflow_provider_docflow.ledger import Ledger


@told
def override(args: Namespace) -> None:
    """Let a value count in place of what the system shows, or let that count again."""
    from airflow_provider_docflow.hooks.overriding import Overrider, reader_of

    ledger = ledger_from(args)
    if args.withdraw == bool(args.value):
        raise exc.Misconfigured("give --value or --withdraw.", field="value")
    ref = _only(ledger, args)
    with connected(args) as system_of:
        overrider = Overrider(ledger, reader_of(ledger, system_of), _person())
        if args.withdraw:
            ended = overrider.withdraw(ref, args.field, args.reason)
            print(f"{args.number}: {ended.field} counts as its system shows it; it has to be approved anew")
            return
        done = overrider.override(ref, args.field, args.value, args.reason)
    print(f"{args.number}: {done.field} counts as {done.new} in place of {done.old}")
    if done.payable_before != done.payable_after:
        print(f"its total counts as {done.payable_after} in place of {done.payable_before}")
    print("it has to be approved anew, by somebody else")


@told
def overrides(args: Namespace) -> None:
    """Print every override of a document, the oldest first."""
    ledger = ledger_from(args)
    entries = _entries(ledger, args)
    connections = Connections(ledger, [entry.ref.instance for entry in entries])
    rows = [
        _row(entry.ref, connections[entry.ref.instance], one)
        for entry in entries
        for one in ledger.overrides.of(entry.ref)
    ]
    if args.json:
        show_json(rows)
    elif rows:
        for row in rows:
            row["system"] = row.pop("connection") or row["system"]
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print("no overrides")


def _entries(ledger: Any, args: Namespace) -> list[Any]:
    instance = args.instance and (ledger.instances.bound_to(args.instance) or args.instance)
    found = [
        entry
        for entry in ledger.documents.find(args.number)
        if args.document_type in ("", str(entry.ref.document_type))
        and instance in ("", entry.ref.instance)
        and args.company_code in ("", entry.ref.company_code)
    ]
    if not found:
        raise exc.NotFound(
            f"the ledger knows no document {args.number}.",
            document=args.number,
            remedy="Check the number, or let a flow read the document first.",
        )
    return found


def _only(ledger: Any, args: Namespace) -> DocumentRef:
    found = _entries(ledger, args)
    if len(found) > 1 and args.withdraw:
        found = [entry for entry in found if _overridden(ledger, entry.ref, args.field)] or found
    if len(found) > 1:
        connections = Connections(ledger, [entry.ref.instance for entry in found])
        named = [replace(entry.ref, instance=connections.named(entry.ref.instance)) for entry in found]
        where = "; ".join(sorted(map(str, named)))
        raise exc.Duplicate(
            f"{len(found)} documents have this number: {where}.",
            document=args.number,
            remedy="Name one with --document-type, --company-code or --instance, which takes a connection.",
        )
    ref: DocumentRef = found[0].ref
    return ref


def _overridden(ledger: Ledger, ref: DocumentRef, field: str) -> bool:
    return any(one.field == field and one.status == "active" for one in ledger.overrides.of(ref))


def _person() -> Any:
    from airflow_provider_docflow.ledger.persons import COMMAND_LINE, Person

    # Not the login name that the environment tells, which anybody may set.
    return Person(COMMAND_LINE, pwd.getpwuid(os.getuid()).pw_name)


def _row(ref: DocumentRef, connection: str, one: Any) -> dict[str, Any]:
    return {
        "system": ref.instance,
        "connection": connection,
        "document": ref.number or ref.internal_id,
        "field": one.field,
        "old": one.old,
        "new": one.new,
        "status": one.status,
        "by": str(one.person),
        "at": one.at.isoformat(timespec="seconds"),
        "reason": one.reason,
        "ended_by": one.ended_by,
    }
