"""``airflow docflow check``, ``accept-instance`` and ``systems``."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import ledger_from, person, show_json, show_table, told


@told
def check(args: Namespace) -> None:
    """Log in, ask the system who it is, and compare that with the instance the ledger knows."""
    from airflow_provider_docflow.hooks.connections import site_at
    from airflow_provider_docflow.hooks.docflow import DocflowHook

    site_at(args.conn_id)
    hook = DocflowHook(args.conn_id, ledger_conn_id=args.ledger_conn_id)
    good, said = hook.test_connection()
    if not good:
        raise exc.Misconfigured(said, system=args.conn_id)
    print(said)
    print(f"The ledger knows it as {hook.system.site.instance}.")


@told
def accept(args: Namespace) -> None:
    """Accept the instance that a connection leads to now."""
    from airflow_provider_docflow.hooks.connections import site_at
    from airflow_provider_docflow.hooks.docflow import system_for

    found = system_for(site_at(args.conn_id), None).site.instance
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
    from airflow_provider_docflow.cli import capability_table as table

    rows = table.rows()
    if args.json:
        show_json([asdict(row) for row in rows])
        return
    header = [table.heading(column) for column in ("system", "document", *table.COLUMNS)]
    shown = [[row.system, table.types(kinds), *table.cells(row).values()] for row, kinds in table.alike(rows)]
    show_table(header, shown)
