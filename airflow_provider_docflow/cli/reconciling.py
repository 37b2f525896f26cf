"""The commands about reconciliations: breaks, what people match, and the sign-off of a run."""

from __future__ import annotations

from airflow.cli.cli_config import Arg, GroupCommand

from airflow_provider_docflow.cli.arguments import JSON, REASON, command, option

_BREAK = Arg(("break_id",), help="break id", type=int)
_BREAKS = Arg(("break_ids",), help="break ids", type=int, nargs="+")
_MATCH = Arg(("match_id",), help="match id", type=int)
_CODE = option("reason-code", "reason code of your company", required=True)

RECONCILING = (
    command(
        "breaks",
        "what reconciliations have found and no later run has cleared",
        "breaks.list_breaks",
        option("name", "of the reconciliation"),
        option("kind", "missing_left, missing_right, value_difference, duplicate_left, ..."),
        option("status", "open, explained, repairing, closed, live or all", default="live"),
        option("assignee", "who has taken it on"),
        JSON,
    ),
    GroupCommand(
        name="reconcile",
        help="breaks, matches by people, and the sign-off of runs",
        subcommands=(
            command(
                "show", "one break with its documents and its history", "breaks.show_break", _BREAK, JSON
            ),
            command(
                "note",
                "say what a break is, and who looks after it",
                "breaks.note",
                _BREAK,
                option("status", "open, explained or repairing"),
                option("assignee", "who looks after it", default=None),
                option("reason-code", "reason code of your company"),
                REASON,
            ),
            command(
                "match",
                "propose that the documents of these breaks belong together",
                "breaks.match",
                _BREAKS,
                _CODE,
                REASON,
            ),
            command(
                "write-off",
                "propose that these documents never get a counterpart",
                "breaks.write_off",
                _BREAKS,
                _CODE,
                REASON,
            ),
            command("review", "confirm what somebody else has proposed", "breaks.review", _MATCH),
            command("undo", "take a match or write-off back", "breaks.undo", _MATCH),
            command("matches", "matches and write-offs", "breaks.matches", option("name", "of it"), JSON),
            command("runs", "runs and what they came to", "breaks.runs", option("name", "of it"), JSON),
            command(
                "sign-off",
                "freeze a run",
                "breaks.sign_off",
                Arg(("run_id",), help="run id", type=int),
            ),
        ),
    ),
)
