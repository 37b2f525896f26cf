"""``airflow docflow check``, ``accept-instance`` and ``systems``."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import ledger_from, person, show_json, show_table, told
from airflow_provider_docflow.core.profile import DocumentProfile
from airflow_provider_docflow.locale import text
from airflow_provider_docflow.systems import names, profile_of


@told
def check(args: Namespace) -> None:
    """Log in, ask the system who it is, and compare that with the instance the ledger knows."""
    from airflow_provider_docflow.hooks.docflow import DocflowHook

    hook = DocflowHook(args.conn_id, ledger_conn_id=args.ledger_conn_id)
    good, said = hook.test_connection()
    if not good:
        raise exc.Misconfigured(said, system=args.conn_id)
    print(said)
    print(f"The ledger knows it as {hook.system.site.instance}.")


@told
def accept(args: Namespace) -> None:
    """Accept the instance that a connection leads to now."""
    from airflow_provider_docflow.hooks.connections import site_of
    from airflow_provider_docflow.hooks.docflow import DocflowHook, system_for

    hook = DocflowHook(args.conn_id)
    found = system_for(site_of(hook.get_connection(args.conn_id)), None).site.instance
    ledger_from(args).instances.accept(args.conn_id, found, f"{person()}: {args.reason}")
    print(f"{args.conn_id} leads to {found} from now on")


@told
def unblock(args: Namespace) -> None:
    """Let an instance be written to again."""
    ledger_from(args).instances.unblock(args.instance, actor=person(), reason=args.reason)
    print(f"{args.instance} may be written to again")


@told
def systems(args: Namespace) -> None:
    """Print what the profiles declare."""
    rows = [row for name in names() for row in capability_rows(name)]
    if args.json:
        show_json(rows)
    else:
        show_table(list(rows[0]), [list(row.values()) for row in rows])


def capability_rows(system: str) -> list[dict[str, str]]:
    """Return one row per document type of a product; a dash is what it cannot do."""
    profile = profile_of(system)
    return [
        {"system": system, "document": name, **_row(kind)} for name, kind in sorted(profile.documents.items())
    ]


def _row(kind: DocumentProfile) -> dict[str, str]:
    def mark(given: Any) -> str:
        return "yes" if given else "-"

    return {
        "read": "yes",
        "list": mark(kind.search),
        "create": mark(kind.create),
        "amend": mark(kind.amend),
        "actions": ", ".join(sorted(kind.actions)) or "-",
        "approvals": mark(kind.approves),
        "changes": mark(kind.changes),
        "creation": text(kind.create.probe.guarantee) if kind.create else "-",
    }
