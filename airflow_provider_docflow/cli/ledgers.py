"""``airflow docflow db``, ``ledger`` and ``sandbox``."""

from __future__ import annotations

from argparse import Namespace

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import connected, ledger_from, person, show_table, told


@told
def upgrade(args: Namespace) -> None:
    """Create the ledger's schema or bring it up to date."""
    from airflow_provider_docflow.hooks.ledger import ledger_address
    from airflow_provider_docflow.ledger import migrate

    url, _ = ledger_address(args.ledger_conn_id)
    migrate.upgrade(url)
    check(args)


@told
def check(args: Namespace) -> None:
    """Tell which ledger this is; worker, triggerer and API server must all print the same."""
    ledger = ledger_from(args)
    print(f"ledger {ledger.ledger_id}, schema {ledger.schema_version}")


@told
def verify(args: Namespace) -> None:
    """Verify every hash chain of the audit."""
    broken = ledger_from(args).audit.verify_all()
    for one in broken:
        print(f"{one.chain}: {'; '.join(one.problems)}")
    if broken:
        raise exc.LedgerUnavailable(
            f"{len(broken)} chains of the audit do not hold.", remedy="Compare with the last backup."
        )
    print("every chain holds")


@told
def recover(args: Namespace) -> None:
    """Read back from the systems what was written after the backup."""
    from airflow_provider_docflow.hooks.recovering import Recovery

    ledger = ledger_from(args)
    conn_ids = [name.strip() for name in args.conns.split(",") if name.strip()]
    recovery = Recovery(ledger, actor=person(), reason=args.reason)
    with connected(args) as system_of:
        rows = [recovery.recover(system_of(conn_id)) for conn_id in conn_ids]
    show_table(
        ("instance", "found again", "unknown to the ledger", "to be decided", "writing"),
        [
            (
                row.instance,
                row.found,
                "not known" if row.foreign is None else row.foreign,
                row.undecided,
                "open" if row.open else "blocked",
            )
            for row in rows
        ],
    )


@told
def sandbox(args: Namespace) -> None:
    """Run the stand-ins until interrupted."""
    from airflow_provider_docflow.sandbox.__main__ import main

    raise SystemExit(main(["--home", args.home, "--host", args.host, "--port", str(args.port)]))
