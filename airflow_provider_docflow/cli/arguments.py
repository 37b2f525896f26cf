"""How a command of ``airflow docflow`` is declared; its code is loaded when it runs."""

from __future__ import annotations

from airflow.cli.cli_config import ActionCommand, Arg, lazy_load_command

_ROOM = "airflow_provider_docflow.cli"
LEDGER = Arg(("--ledger-conn-id",), help="connection of the ledger", default="docflow_ledger")
JSON = Arg(("--json",), help="print JSON", action="store_true")
REASON = Arg(("--reason",), help="why; kept in the audit", required=True)
NUMBER = Arg(("number",), help="document number, in any system")
CONN = Arg(("conn_id",), help="connection id")


def command(name: str, help_text: str, where: str, *args: Arg) -> ActionCommand:
    """Return a command whose code is the function ``where`` of this room, and which takes the ledger."""
    return ActionCommand(
        name=name, help=help_text, func=lazy_load_command(f"{_ROOM}.{where}"), args=(*args, LEDGER)
    )


def option(name: str, help_text: str, *, required: bool = False, default: str | None = "") -> Arg:
    """Return an option that takes a text."""
    return Arg((f"--{name}",), help=help_text, required=required, default=None if required else default)
