"""What ``airflow docflow`` offers; the commands' code is loaded when one of them runs."""

from __future__ import annotations

from collections.abc import Sequence

from airflow.cli.cli_config import ActionCommand, Arg, GroupCommand, lazy_load_command

_ROOM = "airflow_provider_docflow.cli"
LEDGER = Arg(("--ledger-conn-id",), help="connection of the ledger", default="docflow_ledger")
JSON = Arg(("--json",), help="print JSON", action="store_true")
REASON = Arg(("--reason",), help="why; kept in the audit", required=True)
NUMBER = Arg(("number",), help="document number, in any system")
CONN = Arg(("conn_id",), help="connection id")


def _command(name: str, help_text: str, where: str, *args: Arg) -> ActionCommand:
    return ActionCommand(
        name=name, help=help_text, func=lazy_load_command(f"{_ROOM}.{where}"), args=(*args, LEDGER)
    )


def _option(name: str, help_text: str, *, required: bool = False, default: str | None = "") -> Arg:
    return Arg((f"--{name}",), help=help_text, required=required, default=None if required else default)


_ROUTE: Sequence[Arg] = (
    _option("source-conn", "connection of the source system", required=True),
    _option("source-type", "document type there", required=True),
    _option("target-conn", "connection of the target system", required=True),
    _option("target-type", "document type there", required=True),
    _option("split-by", "as of the operator that would create the targets"),
    _option("mapping", "as of that operator, as JSON"),
)

COMMANDS = (
    _command("show", "all numbers, links, decisions and history of a document", "showing.show", NUMBER, JSON),
    _command(
        "incidents",
        "what a person has to decide or correct",
        "incidents.list_incidents",
        _option("status", "open, closed or all", default="open"),
        _option("category", "data, master data, business rule, permission, quota, technical, control"),
        _option("group", "root-cause group"),
        _option("text", "part of the document number or the code"),
        JSON,
    ),
    _command(
        "retry",
        "let what an incident holds continue",
        "incidents.retry",
        Arg(("incident",), help="incident id", type=int, nargs="?"),
        _option("group", "all open incidents of this root-cause group"),
        REASON,
    ),
    _command(
        "recreate",
        "let a cancelled or deleted document be created once more",
        "incidents.recreate",
        NUMBER,
        _option("target-type", "document type that is to be created again", required=True),
        _option("part", "which part, where it was split"),
        REASON,
    ),
    _command(
        "adopt",
        "register documents that exist already; nothing is sent",
        "adopting.adopt",
        *_ROUTE,
        _option("csv", "file with the columns source_number, target_number and, if needed, company_code"),
        _option("sources", "numbers to be matched by company, party, currency and total, comma separated"),
        Arg(("--yes",), help="register; without it the pairs are only shown", action="store_true"),
        JSON,
    ),
    _command("check", "log in and ask the system who it is", "connections.check", CONN),
    _command(
        "accept-instance",
        "accept that a connection leads to another instance now",
        "connections.accept",
        CONN,
        REASON,
    ),
    _command(
        "unblock",
        "let an instance be written to again, after a person has looked",
        "connections.unblock",
        Arg(("instance",), help="instance, as the ledger names it"),
        REASON,
    ),
    _command("systems", "what each system can do, and what is guaranteed", "connections.systems", JSON),
    GroupCommand(
        name="db",
        help="the ledger's schema",
        subcommands=(
            _command("upgrade", "create the schema or bring it up to date", "ledgers.upgrade"),
            _command("check", "tell the ledger's id and schema", "ledgers.check"),
        ),
    ),
    GroupCommand(
        name="ledger",
        help="the ledger's contents",
        subcommands=(
            _command("verify", "prove that the audit is whole", "ledgers.verify"),
            _command(
                "recover",
                "after a restore from backup: read back what was written since",
                "ledgers.recover",
                _option(
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
            _command(
                "start",
                "run the stand-ins until interrupted",
                "ledgers.sandbox",
                _option("home", "folder of their state", default="docflow-sandbox"),
                _option("port", "port on 127.0.0.1", default="18090"),
            ),
        ),
    ),
)


def get_docflow_cli_commands() -> list[GroupCommand]:
    """Return the command group for Airflow's command line."""
    return [GroupCommand(name="docflow", help="Documents, written once", subcommands=COMMANDS)]
