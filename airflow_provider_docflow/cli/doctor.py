"""``airflow docflow doctor``: what is wrong, and what to do about it. Nothing is written to any system."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator

from airflow_provider_docflow.cli.common import show_json, show_table, told
from airflow_provider_docflow.cli.doctor_findings import Finding, worst


@told
def doctor(args: Namespace) -> None:
    """Look at one connection, or at the whole deployment; exit code 1 if anything fails."""
    found = list(_connection(args) if args.conn_id else _deployment(args))
    if args.json:
        show_json([finding.to_json() for finding in found])
    else:
        show_table(("", "check", "found"), [(one.level, one.check, one.found) for one in found])
        _advise(found)
    if worst(found) == "fail":
        raise SystemExit(1)


def _advise(found: list[Finding]) -> None:
    for finding in found:
        if finding.remedy:
            print(f"\n{finding.level}: {finding.check}: {finding.found}\n  → {finding.remedy}")
    if worst(found) == "ok":
        print("\nall is well")


def _deployment(args: Namespace) -> Iterator[Finding]:
    from airflow_provider_docflow.cli.doctor_airflow import airflow_findings
    from airflow_provider_docflow.cli.doctor_connections import brief_findings
    from airflow_provider_docflow.cli.doctor_ledger import ledger_findings
    from airflow_provider_docflow.cli.doctor_webhooks import deployment_findings

    yield from airflow_findings()
    yield from ledger_findings(args.ledger_conn_id)
    yield from brief_findings(args.ledger_conn_id)
    yield from deployment_findings(args.ledger_conn_id)


def _connection(args: Namespace) -> Iterator[Finding]:
    from airflow_provider_docflow.cli.doctor_connection import connection_findings

    yield from connection_findings(args.conn_id, args.ledger_conn_id)
