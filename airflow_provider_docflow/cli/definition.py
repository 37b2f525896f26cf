"""What ``airflow docflow`` offers; the commands' code is loaded when one of them runs."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.cli.cli_config import Arg, GroupCommand

from airflow_provider_docflow.cli.arguments import CONN, JSON, NUMBER, REASON, command, option
from airflow_provider_docflow.cli.deciding import DECIDING
from airflow_provider_docflow.cli.first_hour import FILL, FIRST_HOUR
from airflow_provider_docflow.cli.receiving import RECEIVING
from airflow_provider_docflow.cli.reconciling import RECONCILING
from airflow_provider_docflow.cli.retention import CLEAN
from airflow_provider_docflow.cli.shadows import SHADOW

_ROUTE: Sequence[Arg] = (
    option("source-conn", "connection of the source system", required=True),
    option("source-type", "document type there", required=True),
    option("target-conn", "connection of the target system", required=True),
    option("target-type", "document type there", required=True),
    option("split-by", "as of the operator that would create the targets"),
    option("mapping", "as of that operator, as JSON"),
)

COMMANDS = (
    command("show", "all numbers, links, decisions and history of a document", "showing.show", NUMBER, JSON),
    *DECIDING,
    *RECONCILING,
    command(
        "adopt",
        "register documents that exist already; nothing is sent",
        "adopting.adopt",
        *_ROUTE,
        option("csv", "file with the columns source_number, target_number and, if needed, company_code"),
        option("sources", "numbers to be matched by company, party, currency and total, comma separated"),
        Arg(("--yes",), help="register; without it the pairs are only shown", action="store_true"),
        JSON,
    ),
    command("check", "log in and ask the system who it is", "connections.check", CONN),
    command(
        "accept-instance",
        "accept that a connection leads to another instance now",
        "connections.accept",
        CONN,
        REASON,
    ),
    command(
        "unblock",
        "let an instance be written to again, after a person has looked",
        "connections.unblock",
        Arg(("instance",), help="instance, as the ledger names it"),
        REASON,
    ),
    command("limits", "what may be called, and how much of it is used", "limits.limits", CONN, JSON),
    *FIRST_HOUR,
    *SHADOW,
    command(
        "health",
        "which systems are down or recovering, and how many tasks wait for them",
        "outages.health",
        Arg(("conn_id",), help="connection id; without it all systems are shown", nargs="?", default=""),
        Arg(("--now",), help="ask the system now whether it answers", action="store_true"),
        JSON,
    ),
    command(
        "maintenance",
        "leave a system alone for a time, or list such times",
        "outages.maintenance",
        Arg(("conn_id",), help="connection id; without it the windows are listed", nargs="?", default=""),
        Arg(("--from",), help="when it begins; now if not given", dest="begins", default=""),
        Arg(("--to",), help="when it ends", dest="ends", default=""),
        option("reason", "why; kept in the audit"),
        Arg(("--cancel",), help="id of a window that is not to be", type=int, default=0),
        JSON,
    ),
    RECEIVING,
    command("systems", "what each system can do, and what is guaranteed", "connections.systems", JSON),
    GroupCommand(
        name="db",
        help="the ledger's schema",
        subcommands=(
            command("upgrade", "create the schema or bring it up to date", "ledgers.upgrade"),
            command("check", "tell the ledger's id and schema", "ledgers.check"),
            CLEAN,
        ),
    ),
    GroupCommand(
        name="ledger",
        help="the ledger's contents",
        subcommands=(
            command("verify", "prove that the audit is whole", "ledgers.verify"),
            command(
                "recover",
                "after a restore from backup: read back what was written since",
                "ledgers.recover",
                option(
                    "conns", "connections of the systems that were written to, comma separated", required=True
                ),
                REASON,
            ),
        ),
    ),
    GroupCommand(
        name="sandbox",
        help="stand-ins of vendor systems",
        subcommands=(
            command(
                "start",
                "run the stand-ins until interrupted",
                "ledgers.sandbox",
                option("home", "folder of their state", default="docflow-sandbox"),
                option("host", "address to listen on; there is no login", default="127.0.0.1"),
                option("port", "port", default="18090"),
            ),
            FILL,
        ),
    ),
)


def get_docflow_cli_commands() -> list[GroupCommand]:
    """Return the command group for Airflow's command line."""
    return [GroupCommand(name="docflow", help="Documents, written once", subcommands=COMMANDS)]
