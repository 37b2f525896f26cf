"""The code of ``airflow docflow webhooks``."""

from __future__ import annotations

import socket
import sys
from argparse import Namespace

from airflow_provider_docflow import exceptions as exc
from airflow_provider_docflow.cli.common import ledger_from, show_json, show_table, told
from airflow_provider_docflow.ledger.inbox import InboxEvent
from airflow_provider_docflow.webhooks.settings import PREFIX


def serve(args: Namespace) -> None:
    """Serve until interrupted; what is wrong with a connection is told before."""
    from airflow_provider_docflow.webhooks.receiver import Receiver
    from airflow_provider_docflow.webhooks.serving import server
    from airflow_provider_docflow.webhooks.settings import settings

    _check(args)
    with _bound(args) as taken:
        args.port = taken.getsockname()[1]
        _tell(args)
        # Here nothing is quiet as in other commands: what the server says is for the log.
        server(Receiver(settings(args.ledger_conn_id))).run(sockets=[taken])


@told
def _check(args: Namespace) -> None:
    from airflow_provider_docflow.hooks.ledger import ledger_of

    conn_ids = _conn_ids(args)
    if not conn_ids:
        raise exc.Misconfigured(
            "no connection may send events.",
            field="webhook_connections",
            remedy="Name them in [docflow] webhook_connections, comma separated.",
        )
    # The doctor shows that this process was here, and by which ledger.
    ledger_of(args.ledger_conn_id, role="webhooks")
    problems = [problem_of(conn_id) for conn_id in conn_ids]
    if all(problems):
        raise exc.Misconfigured(f"no event could be taken: {problems[0]}", field="webhook_connections")


def _bound(args: Namespace) -> socket.socket:
    family = socket.AF_INET6 if ":" in args.host else socket.AF_INET
    try:
        return socket.create_server((args.host, int(args.port)), family=family)
    except (OSError, ValueError) as error:
        raise SystemExit(f"airflow docflow: {args.host} port {args.port} cannot be taken: {error}") from None


@told
def _tell(args: Namespace) -> None:
    host = f"[{args.host}]" if ":" in args.host else args.host
    for conn_id in _conn_ids(args):
        problem = problem_of(conn_id)
        print(f"http://{host}:{args.port}{PREFIX}/{conn_id}" + (f"  NOT TAKEN: {problem}" if problem else ""))
    sys.stdout.flush()


def _conn_ids(args: Namespace) -> list[str]:
    from airflow_provider_docflow.webhooks.settings import settings

    return sorted(settings(args.ledger_conn_id).conn_ids)


def problem_of(conn_id: str) -> Exception | None:
    """Return why events of a connection cannot be taken; None if they can."""
    from airflow.sdk.exceptions import AirflowNotFoundException

    from airflow_provider_docflow.hooks.connections import site_of
    from airflow_provider_docflow.hooks.docflow import DocflowHook
    from airflow_provider_docflow.webhooks.receiver import hook_of

    try:
        hook_of(site_of(DocflowHook.get_connection(conn_id)))
    except (exc.DocflowError, AirflowNotFoundException) as error:
        return error
    return None


@told
def listing(args: Namespace) -> None:
    """Print what came in last; what it said beyond that is not shown."""
    ledger = ledger_from(args)
    instance = (ledger.instances.bound_to(args.conn_id) or args.conn_id) if args.conn_id else ""
    rows = [_row(event) for event in ledger.inbox.newest(source=instance, limit=args.limit)]
    if args.json:
        show_json(rows)
    elif rows:
        show_table(list(rows[0]), [list(row.values()) for row in rows])
    else:
        print("no event came in")


def _row(event: InboxEvent) -> dict[str, str]:
    said = event.payload if isinstance(event.payload, dict) else {}
    return {
        "received": event.received_at.isoformat(timespec="seconds"),
        "from": event.source,
        "through": str(said.get("conn_id") or ""),
        "kind": event.kind,
        "document type": str(said.get("document_type") or ""),
        "document": str(said.get("number") or said.get("internal_id") or ""),
    }
