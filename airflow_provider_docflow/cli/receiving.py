"""``airflow docflow webhooks``: receive events, and see what came in."""

from __future__ import annotations

from airflow.cli.cli_config import Arg, GroupCommand

from airflow_provider_docflow.cli.arguments import JSON, command, option

RECEIVING = GroupCommand(
    name="webhooks",
    help="events that systems send",
    subcommands=(
        command(
            "serve",
            "receive events until interrupted, and do nothing else",
            "webhooks.serve",
            option(
                "host", "address to listen on; a reverse proxy with TLS stands before it", default="127.0.0.1"
            ),
            option("port", "port", default="18095"),
        ),
        command(
            "list",
            "what came in last, the newest first",
            "webhooks.listing",
            Arg(("conn_id",), help="connection id; without it all events are listed", nargs="?", default=""),
            Arg(("--limit",), help="how many", type=int, default=20),
            JSON,
        ),
    ),
)
