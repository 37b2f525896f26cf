"""The commands with which people decide: incidents, and values that they override."""

from __future__ import annotations

from airflow.cli.cli_config import Arg

from airflow_provider_docflow.cli.arguments import JSON, NUMBER, REASON, command, option

_INCIDENT = Arg(("incident",), help="incident id", type=int)
_WHICH = (
    option("document-type", "where several documents have this number"),
    option("instance", "its system, by a connection, where several documents have this number"),
    option("company-code", "where several documents have this number"),
)

DECIDING = (
    command(
        "incidents",
        "what a person has to decide or correct",
        "incidents.list_incidents",
        option("status", "open, closed or all", default="open"),
        option("category", "data, master data, business rule, permission, quota, technical, control"),
        option("owner", "owner role"),
        option("assignee", "who has taken it on"),
        option("group", "root-cause group"),
        option("text", "part of the document number or the code"),
        Arg(("--groups",), help="only the root causes and how many wait for each", action="store_true"),
        JSON,
    ),
    command("incident", "one incident with its history", "incidents.show_incident", _INCIDENT, JSON),
    command(
        "retry",
        "let what an incident holds continue",
        "incidents.retry",
        Arg(("incident",), help="incident id", type=int, nargs="?"),
        option("group", "all open incidents of this root-cause group"),
        Arg(("--rerun",), help="clear the tasks as well, so that they run now", action="store_true"),
        REASON,
        JSON,
    ),
    command(
        "assign",
        "say who has taken an incident on",
        "incidents.assign",
        _INCIDENT,
        Arg(("assignee",), help="who; an empty text gives it back"),
        REASON,
    ),
    command("close", "close an incident that is settled", "incidents.close", _INCIDENT, REASON),
    command(
        "recreate",
        "let a cancelled or deleted document be created once more",
        "incidents.recreate",
        NUMBER,
        option("target-type", "document type that is to be created again", required=True),
        option("part", "which part, where it was split"),
        REASON,
    ),
    command(
        "override",
        "let a value count in place of what the system shows; it has to be approved anew",
        "overriding.override",
        NUMBER,
        option("field", "such as payable_amount or lines[0].price_amount", required=True),
        option("value", "what counts"),
        Arg(("--withdraw",), help="let what the system shows count again", action="store_true"),
        *_WHICH,
        REASON,
    ),
    command("overrides", "what was overridden", "overriding.overrides", NUMBER, *_WHICH, JSON),
)
