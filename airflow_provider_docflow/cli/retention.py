"""``airflow docflow db clean``: removes what documents said once they are over."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime

from airflow.cli.cli_config import Arg

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.arguments import JSON, command, option
from airflow_provider_docflow.cli.common import ledger_from, person, show_json, show_table, told

CLEAN = command(
    "clean",
    "remove what documents said once they are over; keys, receipts, decisions and hashes stay",
    "retention.clean",
    option("before", "ISO 8601 date or instant; a date begins at midnight UTC", required=True),
    Arg(("--dry-run",), help="only count", action="store_true"),
    Arg(("--yes",), help="remove it", action="store_true"),
    JSON,
)


@told
def clean(args: Namespace) -> None:
    """Remove, or count, what is old and over."""
    before = _moment(args.before)
    dry_run = args.dry_run or not args.yes
    removed = ledger_from(args).retention.clean(
        before, actor=person(), runs_since=oldest_run(), dry_run=dry_run
    )
    if args.json:
        show_json({"before": before.isoformat(), "dry_run": dry_run, "removed": removed})
        return
    show_table(("what", "would be removed" if dry_run else "removed"), list(removed.items()))
    if not args.yes and not args.dry_run:
        print("\nNothing was removed. Add --yes to remove it; make a backup first.")


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise exc.Misconfigured(
            f"{text!r} is no date.", field="before", remedy="Write it as 2026-01-31."
        ) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def oldest_run() -> datetime | None:
    """Return when the oldest run began that is queued or running; None if there is none.

    :raises Misconfigured: Airflow's database does not say; then nothing is removed.
    """
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from sqlalchemy import func, select
    from sqlalchemy.exc import SQLAlchemyError

    columns = (DagRun.run_after, DagRun.queued_at, DagRun.start_date, DagRun.logical_date)
    query = select(*(func.min(column) for column in columns))
    active = DagRun.state.in_([DagRunState.QUEUED, DagRunState.RUNNING])
    try:
        with create_session() as session:
            found = [moment for moment in session.execute(query.where(active)).one() if moment is not None]
    except SQLAlchemyError as error:
        raise exc.Misconfigured(
            f"which runs are still under way cannot be read: {type(error).__name__}.",
            remedy="Run the command where Airflow's own database can be reached.",
        ) from None
    return min(found, default=None)
